"""`load compare`: whether one set of runs is slower than another, or one plan than another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from oneiric_lab.commands._root import parts
from oneiric_lab.errors import Fault, UsageError

from ._asked import ParamType, asks, plan_asked, values_asked
from ._kept import FOLDER, runs_in
from ._series import METRICS, SetType, Share, check_label, check_runs, keeps, tells

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneiric_lab.commands._context import Context
    from oneiric_lab.loadlab import Run, Runs
    from oneiric_lab.views import Result

# Options that say something of runs which were driven before.
_OF_KEPT: Final = frozenset({"names", "metrics", "band", "folder", "json"})


@click.command("compare")
@click.argument("names", nargs=-1, metavar="BASE OTHER | SCENARIO", type=SetType())
@click.option(
    "--against",
    multiple=True,
    metavar="K=V",
    type=ParamType(),
    help="Drive SCENARIO without and with it, in turn, and compare.",
)
@click.option(
    "--runs", type=int, default=6, show_default=True, metavar="N", help="Of SCENARIO, a side."
)
@click.option(
    "--label", metavar="LABEL", help="Keep the runs of SCENARIO as LABEL.base and LABEL.other."
)
@METRICS
@click.option(
    "--band",
    type=Share(),
    default="3%",
    show_default=True,
    help="Largest change that counts as none; what load aa found, where that is more.",
)
@FOLDER
@asks
@click.pass_context
def command(
    ctx: click.Context,
    /,
    names: tuple[str, ...],
    *,
    against: tuple[str, ...],
    folder: str | None,
    metrics: tuple[str, ...],
    band: float,
    **options: Any,
) -> Result:
    """Say whether OTHER is faster or slower than BASE, or the same.

    BASE and OTHER are sets of kept runs: a label, a folder, or names with commas between.
    With --against it is SCENARIO that is driven, each run in a process of its own, without
    and with the parameter in turn.

    Exit 0 no metric is slower, 1 one is, 3 of the times none could be judged, 4 an
    invariant is broken in a run, 130 it was cancelled.
    """
    context = parts(ctx)
    asked = {"metrics": metrics, "band": band}
    if not against:
        return _kept(ctx, context, names, folder, asked)
    if len(names) != 1:
        raise UsageError(
            Fault(
                "usage",
                f"--against drives one scenario, got {len(names)} names",
                fix="load compare swap-1k --against keys=10",
            )
        )
    return _driven(context, names[0], against, runs_in(context, folder), asked, options)


def _kept(
    ctx: click.Context,
    context: Context,
    names: tuple[str, ...],
    folder: str | None,
    asked: dict[str, Any],
) -> Result:
    """Compare two sets of kept runs."""
    from oneiric_lab.loadlab import compare_runs, set_named  # noqa: PLC0415 - `--help` needs none

    if len(names) != 2:  # noqa: PLR2004 - a base and another
        raise UsageError(
            Fault(
                "usage",
                f"expected two sets of runs, or a scenario and --against; got {len(names)} names",
                fix="load compare before after, or load compare swap-1k --against keys=10",
            )
        )
    for param in ctx.command.params:
        name = param.name or ""
        source = ctx.get_parameter_source(name)
        if name not in _OF_KEPT and source is ParameterSource.COMMANDLINE:
            raise UsageError(
                Fault(
                    "usage",
                    f"{param.opts[0]} says how to drive a scenario; these runs were driven",
                    fix="leave it out, or drive anew: load compare SCENARIO --against K=V",
                )
            )
    runs = runs_in(context, folder)
    base, other = (set_named(runs, name) for name in names)
    return compare_runs(base, other, floor=_floor(runs, base), names=(names[0], names[1]), **asked)


def _driven(
    context: Context,
    scenario: str,
    against: tuple[str, ...],
    runs: Runs,
    asked: dict[str, Any],
    options: dict[str, Any],
) -> Result:
    """Drive two plans in turn, and compare them."""
    many, label, workers = options.pop("runs"), options.pop("label"), options.pop("workers")
    params = values_asked(scenario, options.pop("params"))
    plan = plan_asked(scenario, params, **options)
    changed = values_asked(scenario, against, option="--against")
    other = replace(plan, params={**params, **changed})
    before = {**plan.scenario.defaults, **params}
    sides = [", ".join(f"{n}={side[n]}" for n in changed) for side in (before, changed)]
    if sides[0] == sides[1]:
        raise UsageError(
            Fault(
                "usage",
                f"both sides have {sides[0]}",
                fix=f"another value, or measure the noise: load aa {scenario}",
            )
        )
    check_runs(many)
    labels = (f"{label}.base", f"{label}.other") if label else ()
    if labels:
        check_label(runs, *labels)
    runs.make()

    def do(done: Callable[[int, int, str], None], stop: Callable[[], bool]) -> Result:
        from oneiric_lab.loadlab import repeat  # noqa: PLC0415 - see above

        found = repeat(
            plan,
            other,
            runs=many,
            seed=plan.seed,
            names=(sides[0], sides[1]),
            workers=workers,
            each=keeps(runs, labels),
            live=tells(plan, 2 * many, done),
            cancelled=stop,
        )
        done(1, 1, "")
        # Of runs that did not come to their end there is nothing to compare, only to see.
        if found.cancelled or found.exit_code == 4:  # noqa: PLR2004 - an exit code
            return found
        return found.compare(floor=_floor(runs, found.base), **asked)

    return context.interaction.work("load", do)


def _floor(runs: Runs, base: list[Run] | tuple[Run, ...]) -> Any:
    """Return what `load aa` found of this plan on this machine, or None."""
    from oneiric_lab.loadlab import Floor  # noqa: PLC0415 - see above

    return Floor.find(runs.folder, base[0])
