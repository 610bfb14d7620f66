"""One value per run and metric: what a comparison takes from a run.

A metric is spelled as an objective spells its figure, `read.response.p99`, and is in the same
base units: seconds, a ratio, or per second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oneiric_lab.errors import Fault, UsageError

from ._objective_text import parse_objective
from ._objectives import Objective
from ._verdict import Figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ._run import Run
    from ._statistics import Better

FIGURES: Final = (
    ("response", "p50"),
    ("response", "p99"),
    ("response", "p99.9"),
    ("service", "p50"),
    (None, "rate"),
    (None, "error_rate"),
)
"""Histogram and statistic of what is compared of each operation where nobody names metrics."""

_HIGHER: Final = ("rate", "achieved_rate")


def metric_named(name: str) -> Objective:
    """Return the figure that *name* spells; its comparison and threshold mean nothing.

    Raises:
        UsageError: It spells none.

    Example:
        >>> metric_named("read.response.p99").kind
        'time'
    """
    try:
        return parse_objective(f"{name} < 0")
    except UsageError as error:
        raise UsageError(
            Fault(
                "unknown-metric",
                f"no metric {name!r}",
                why=error.faults[0].message,
                fix="as an objective without its comparison: `read.response.p99`, `read.rate`",
            )
        ) from None


def better(metric: Objective) -> Better:
    """Return which direction is better: `higher` for rates of what succeeds alone."""
    return "higher" if metric.statistic in _HIGHER else "lower"


def usual_metrics(runs: Iterable[Run]) -> list[Objective]:
    """Return `FIGURES` of each operation that ended in any run, in the order of operations."""
    ended = dict.fromkeys(
        name for run in runs for name, op in run.recorded.ops.items() if op.measured.ended
    )
    return [
        Objective(op, histogram, statistic, "<", 0.0)
        for op in ended
        for histogram, statistic in FIGURES
    ]


def values_of(run: Run, metrics: Iterable[Objective]) -> list[float | None]:
    """Return each figure of what a run measured, its warm-up left out.

    None where it cannot be said: fewer than ten samples lie beyond the quantile, nothing
    ended, or the run has no such operation. An invalid run has figures, too.
    """
    figures = Figures(run.plan, run.recorded, run.driven, run.warmup)
    return [
        figures.value(metric.op, metric.histogram, metric.statistic, None)
        if metric.op in (None, *figures.operations)
        else None
        for metric in metrics
    ]


def columns(runs: Sequence[Run], metrics: Sequence[Objective]) -> dict[str, list[float | None]]:
    """Return for each metric, by name, one value per run."""
    rows = [values_of(run, metrics) for run in runs]
    return {metric.name: [row[i] for row in rows] for i, metric in enumerate(metrics)}
