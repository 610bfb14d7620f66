"""`load run SCENARIO`: drive a scenario, and say honestly what came of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import DirectoryType
from oneiric_lab.errors import OneiricError
from oneiric_lab.views import Note, Result, View

from ._asked import ScenarioType, asks, plan_asked, values_asked
from ._kept import runs_in
from ._series import check_label, check_runs, keeps, tells

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneiric_lab.loadlab import Plan, Run, Runs


@dataclass(frozen=True, slots=True, repr=False)
class NotKept(Result):
    """A run that could not be saved: what it measured is told all the same."""

    run: Run
    why: str

    @property
    def exit_code(self) -> int:
        """That of the run, or 2."""
        return self.run.exit_code or 2

    def as_dict(self) -> dict[str, object]:
        """Return that of the run, and why it was not kept."""
        return {**self.run.as_dict(), "not_kept": self.why}

    def view(self) -> View:
        """Return that of the run, and why it was not kept."""
        seen = self.run.view()
        return replace(
            seen, blocks=(*seen.blocks, Note(f"not kept: {self.why}", "bad")), tone="bad"
        )


@click.command("run")
@click.argument("scenario", type=ScenarioType())
@asks
@click.option(
    "--out",
    metavar="DIR",
    type=DirectoryType(),
    help="Where to keep the run; else .oneiric/runs, or runs where there is no workspace.",
)
@click.option("--no-save", is_flag=True, help="Keep nothing.")
@click.option(
    "--runs",
    "many",
    type=int,
    default=1,
    show_default=True,
    metavar="N",
    help="One after the other.",
)
@click.option("--label", metavar="LABEL", help="What load compare calls them.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    scenario: str,
    *,
    out: str | None,
    no_save: bool,
    many: int,
    label: str | None,
    params: tuple[str, ...],
    workers: int | str,
    **options: Any,
) -> Result:
    """Drive SCENARIO in processes of its own; Ctrl-C ends it and keeps what there is.

    SCENARIO is one of `load list`, FILE.py:CLASS, or MODULE:CLASS.

    The run is kept in a folder of its own: load runs lists them, load show, load export and
    load compare read them. Exit 0 passed, 1 an objective is missed, 3 the measurement is
    invalid, 4 an invariant is broken, 130 it was cancelled.
    """
    context = parts(ctx)
    plan = plan_asked(scenario, values_asked(scenario, params), **options)
    runs = None if no_save else runs_in(context, out)
    if runs is not None:
        # Told now, and not when all is measured and nothing can be kept.
        runs.make()
    check_runs(many)
    if label:
        check_label(runs, label)
    interaction = context.interaction
    if many == 1 and not label and interaction.loads is not None:
        return interaction.loads().run(plan, workers=workers, save=runs)
    drive = _drive if many == 1 else partial(_repeat, many=many)
    return interaction.work(
        "load", lambda done, stop: drive(plan, runs, label, workers, done, stop)
    )


def _drive(
    plan: Plan,
    runs: Runs | None,
    label: str | None,
    workers: int | str,
    done: Callable[[int, int, str], None],
    stop: Callable[[], bool],
) -> Result:
    from oneiric_lab.loadlab import labelled, rates_of, run_apart  # noqa: PLC0415 - `--help` needs none

    total = max(1, round(plan.length))

    def live(seen: Any) -> None:
        at = min(int(seen.at), total - 1)
        done(at, total, f"s, {total - at} s left: {rates_of(seen)}")

    found = run_apart(plan, live=live, cancelled=stop, workers=workers)
    done(total, total, "")
    if runs is None:
        return found
    if label:
        found = labelled(found, label)
    try:
        return replace(found, path=runs.save(found))
    except OneiricError as error:
        return NotKept(found, error.faults[0].message)


def _repeat(
    plan: Plan,
    runs: Runs | None,
    label: str | None,
    workers: int | str,
    done: Callable[[int, int, str], None],
    stop: Callable[[], bool],
    *,
    many: int,
) -> Result:
    from oneiric_lab.loadlab import repeat  # noqa: PLC0415 - see above

    found = repeat(
        plan,
        runs=many,
        names=(label or plan.name,),
        workers=workers,
        each=keeps(runs, (label,) if label else ()),
        live=tells(plan, many, done),
        cancelled=stop,
    )
    done(1, 1, "")
    return found
