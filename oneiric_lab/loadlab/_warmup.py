"""Where the steady part of a run begins: MSER-5.

The rule drops the first d values of a series so that the mean of the rest is known best:
d minimises `sum((y - mean)**2) / (n - d)**2` over the n - d values that remain. It is
applied to means of five values in a row.

Sources: K. P. White, "An effective truncation heuristic for bias reduction in simulation
output", Simulation 69 (1997); White, Cobb and Spratt, "A comparison of five steady-state
truncation heuristics for simulation", Winter Simulation Conference 2000 (batches of five);
Hoad, Robinson and Davies, "Automating warm-up length estimation", Journal of the
Operational Research Society 61 (2010) (no answer in the last half; the last five batches
are no candidates, since so few values are close together by chance).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from oneiric_lab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

BATCH: Final = 5
"""Values in a row that are taken as one."""

KEPT: Final = 5
"""Batches that always remain behind the cut."""

STEP: Final = 0.2
"""Seconds from one value of the series to the next."""

# Ties, up to rounding, go to the earlier cut: it throws less away.
_TIE: Final = 1e-9


def steady_from(
    series: Sequence[float],
    *,
    least: float = 0.0,
    share: float = 0.5,
    step: float = STEP,
) -> int | None:
    """Return the index in *series* at which the steady part begins, or None.

    None means that no steady state was seen: the best cut lies in the last half or behind
    *share*, or the series is too short to tell (fewer than ten batches, that is 50 values,
    10 s at the usual step). Values behind the last whole batch are not looked at. Time
    grows linearly with the length.

    Args:
        series: Medians of equal stretches of time, in one unit, in their order.
        least: Seconds to drop in any case, even where *share* is less.
        share: The largest part of the series that may be dropped.
        step: Seconds from one value to the next.

    Raises:
        UsageError: A value is not finite, or an argument is out of range.
    """
    if not (least >= 0 and 0 <= share <= 1 and step > 0):
        raise UsageError(
            f"least >= 0, share from 0 to 1 and step > 0 are needed, "
            f"not least={least:g}, share={share:g}, step={step:g}",
            fix="steady_from(series, least=2, share=0.2, step=0.2)",
        )
    for at, value in enumerate(series):
        if not math.isfinite(value):
            raise UsageError(
                f"value {at} of the series is {value}, which is no duration",
                fix="leave stretches without samples out",
            )
    batches = len(series) // BATCH
    means = [math.fsum(series[at * BATCH : (at + 1) * BATCH]) / BATCH for at in range(batches)]
    cut = truncation(means)
    if cut is None or cut * BATCH > share * len(series):
        return None
    # A quotient such as 2 / 0.2 may fall a hair above the whole number that is meant.
    start = max(cut * BATCH, math.ceil(least / step - _TIE))
    return start if start < len(series) else None


def truncation(means: Sequence[float]) -> int | None:
    """Return how many of *means* to drop by the rule, or None when that is more than half."""
    total = len(means)
    if total < 2 * KEPT:
        return None
    statistics = [0.0] * (total - KEPT + 1)
    # Welford's update, from the end: a difference of squares would lose small variances.
    mean = squares = 0.0
    for kept, value in enumerate(reversed(means), start=1):
        delta = value - mean
        mean += delta / kept
        squares += delta * (value - mean)
        if kept >= KEPT:
            statistics[total - kept] = squares / kept**2
    bound = min(statistics) * (1 + _TIE)
    cut = next(at for at, value in enumerate(statistics) if value <= bound)
    return cut if cut * 2 <= total else None
