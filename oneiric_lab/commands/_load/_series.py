"""Several runs at a time: what is told of them while they go on, and how they are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import CompletionItem

from oneiric_lab.commands._types import completing
from oneiric_lab.errors import Fault, UsageError

from ._asked import ScenarioType
from ._kept import runs_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneiric_lab.loadlab import Plan, Runs, Turn

METRICS: Final = click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="Compare this, such as read.response.p99; fewer metrics need fewer runs.",
)


class Share(click.ParamType[float]):
    """A share, as `3%` or `0.03`."""

    name = "share"

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return it as a number.

        Raises:
            UsageError: It is none from 0 to 1.
        """
        if isinstance(value, float):
            return value
        text = value.strip()
        try:
            found = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            found = -1.0
        if not 0 <= found <= 1:
            raise UsageError(
                Fault("usage", f"expected a share such as 3%, got {value!r}", fix="--band 3%")
            )
        return found


class SetType(ScenarioType):
    """A set of kept runs, or a scenario."""

    name = "set"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[Any]]:
        """Complete labels, then scenarios; where neither fits, leave it to the shell."""
        from oneiric_lab.loadlab import labels  # noqa: PLC0415 - `--help` needs none

        runs = runs_in(completing(ctx), ctx.params.get("folder"))
        found = [CompletionItem(name) for name in labels(runs) if name.startswith(incomplete)]
        return found + super().shell_complete(ctx, param, incomplete)


def tells(
    plan: Plan, runs: int, done: Callable[[int, int, str], None]
) -> Callable[[int, Any], None]:
    """Return what tells *done* of *runs* runs of a plan while they go on, in seconds."""
    from oneiric_lab.loadlab import rates_of  # noqa: PLC0415 - `--help` needs none

    each = max(1, round(plan.length))

    def live(finished: int, seen: Any) -> None:
        at = finished * each + min(int(seen.at), each - 1)
        done(at, runs * each, f"s, run {finished + 1} of {runs}: {rates_of(seen)}")

    return live


def keeps(runs: Runs | None, labels: tuple[str, ...]) -> Callable[[Turn], None]:
    """Return what keeps a run as soon as it is finished, under the label of its side."""

    def each(turn: Turn) -> None:
        from oneiric_lab.loadlab import labelled  # noqa: PLC0415 - see above

        if runs is not None:
            runs.save(labelled(turn.run, labels[turn.side]) if labels else turn.run)

    return each


def check_label(runs: Runs | None, *labels: str) -> None:
    """Refuse labels that cannot be, before anything is driven.

    Raises:
        UsageError: One is none, other runs have it, or nothing is kept.
    """
    from oneiric_lab.loadlab import check_new  # noqa: PLC0415 - see above

    if runs is None:
        raise UsageError(
            Fault("usage", "--label and --no-save: what is not kept has no label", fix="leave one")
        )
    check_new(runs, *labels)


def check_runs(runs: int, least: int = 1) -> None:
    """Refuse a number of runs that is none.

    Raises:
        UsageError: There are fewer than *least*.
    """
    if runs < least:
        raise UsageError(
            Fault("usage", f"--runs: expected at least {least}, got {runs}", fix="--runs 6")
        )
