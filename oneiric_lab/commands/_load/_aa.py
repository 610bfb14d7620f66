"""`load aa SCENARIO`: what identical runs differ by on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from oneiric_lab.commands._root import parts

from ._asked import ScenarioType, asks, plan_asked, values_asked
from ._kept import FOLDER, runs_in
from ._series import check_runs, tells

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneiric_lab.views import Result


@click.command("aa")
@click.argument("scenario", type=ScenarioType())
@click.option(
    "--runs", type=int, default=6, show_default=True, metavar="N", help="A side; 4 at least."
)
@FOLDER
@asks
@click.pass_context
def command(
    ctx: click.Context,
    /,
    scenario: str,
    *,
    runs: int,
    folder: str | None,
    params: tuple[str, ...],
    workers: int | str,
    **options: Any,
) -> Result:
    """Drive SCENARIO on both sides, and say how much identical runs differ.

    What it finds is kept beside the runs: load compare takes it as its band for the same
    load on the same machine, where it is more than 3 %.

    Exit 0 measured, 3 too few runs are valid, 4 an invariant is broken, 130 it was cancelled.
    """
    context = parts(ctx)
    plan = plan_asked(scenario, values_asked(scenario, params), **options)
    check_runs(runs, 4)
    kept = runs_in(context, folder)
    kept.make()

    def do(done: Callable[[int, int, str], None], stop: Callable[[], bool]) -> Result:
        from oneiric_lab.loadlab import Floor, aa  # noqa: PLC0415 - `--help` needs none

        found = aa(
            plan, runs=runs, workers=workers, live=tells(plan, 2 * runs, done), cancelled=stop
        )
        done(1, 1, "")
        if isinstance(found, Floor):
            found.save(kept.folder)
        return found

    return context.interaction.work("load", do)
