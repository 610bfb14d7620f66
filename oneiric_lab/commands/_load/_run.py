"""`load run SCENARIO`: drive a scenario, and say honestly what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oneiric_lab.commands._root import parts

from ._asked import ScenarioType, asks, plan_asked, rates_of, values_asked

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneiric_lab.loadlab import Plan, Run
    from oneiric_lab.views import Result


@click.command("run")
@click.argument("scenario", type=ScenarioType())
@asks
@click.option("--out", type=click.Path(dir_okay=False), help="Write the run as JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    scenario: str,
    *,
    out: str | None,
    params: tuple[str, ...],
    workers: int,
    **options: Any,
) -> Result:
    """Drive SCENARIO in processes of its own; Ctrl-C ends it and keeps what there is.

    SCENARIO is one of `load list`, FILE.py:CLASS, or MODULE:CLASS.

    Exit 0 passed, 1 an objective is missed, 3 the measurement is invalid, 4 an invariant is
    broken, 130 it was cancelled.
    """
    plan = plan_asked(scenario, values_asked(scenario, params), **options)
    return parts(ctx).interaction.work(
        "load", lambda done, stop: _drive(plan, out, workers, done, stop)
    )


def _drive(
    plan: Plan,
    out: str | None,
    workers: int,
    done: Callable[[int, int, str], None],
    stop: Callable[[], bool],
) -> Run:
    from oneiric_lab.files import write_atomic  # noqa: PLC0415 - `--help` needs none
    from oneiric_lab.loadlab import run_apart  # noqa: PLC0415 - see above

    total = max(1, round(plan.length))

    def live(seen: Any) -> None:
        done(min(int(seen.at), total - 1), total, f"s  {rates_of(seen)}")

    found = run_apart(plan, live=live, cancelled=stop, workers=workers)
    done(total, total, "")
    if out is not None:
        write_atomic(Path(out), (found.to_json(indent=1) + "\n").encode())
    return found
