"""Whether two sets of runs differ: one value per run, never the samples within a run.

Samples within a run are not independent: a test on them calls identical code different
almost always, a test on run values about as often as it says. So all that is here takes
one number per run and metric, exact where that is possible, seeded where it draws.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Literal

from oneiric_lab.errors import Fault, UsageError, did_you_mean
from oneiric_lab.views import Cell, CellLike, Column, Note, Result, Table, Tone, View

from ._significance import (
    check_values,
    cliffs_delta,
    holm,
    mann_whitney,
    ratio_interval,
    smallest_p,
)
from ._units import check_seed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Verdict = Literal["faster", "slower", "same", "inconclusive"]
Better = Literal["lower", "higher"]

ALPHA = 0.05
"""How often identical code may be called different."""

FEWEST_RUNS = 4
"""Runs a side below which no difference can be shown: 3 v 3 has no p below 0.10."""


def verdict(
    a: Sequence[float],
    b: Sequence[float],
    *,
    band: float = 0.03,
    adjusted_p: float,
    interval: tuple[float, float],
    lower_is_better: bool = True,
) -> Verdict:
    """Say how *b* stands to *a*.

    Always `inconclusive` with fewer than 4 runs a side. Then `same` where the whole
    interval lies between 1/(1 + band) and 1 + band; `faster` or `slower` where the adjusted
    p is at most 0.05, the interval does not hold 1, and the ratio of the medians lies
    outside the band on the same side; else `inconclusive`. `faster` means better, whichever
    direction that is for the metric.

    Args:
        a: One value per run of the base.
        b: The same of what is compared with it.
        band: Largest change that counts as none; a ratio less 1, so 0.03 is 3 %.
        adjusted_p: p after `holm`.
        interval: Of `ratio_interval(a, b)`.
        lower_is_better: False for rates.

    Raises:
        UsageError: If a value is negative or not finite, or the band is.
    """
    check_band(band)
    ratio = _ratio(a, b)
    return _judged(
        (len(a), len(b)), ratio, band, adjusted_p, interval, lower=lower_is_better, least=0.0
    )[0]


def _judged(
    runs: tuple[int, int],
    ratio: float,
    band: float,
    adjusted_p: float,
    interval: tuple[float, float],
    *,
    lower: bool,
    least: float,
) -> tuple[Verdict, str]:
    """Return the verdict and why; *least* is the smallest adjusted p that could come out."""
    low, high = interval
    if min(runs) < FEWEST_RUNS:
        return "inconclusive", f"{runs[0]} v {runs[1]} runs cannot show a difference; 6 a side can"
    if widest(*interval) <= 1 + band:
        return "same", f"the interval lies within {percent(band)}"
    if least > ALPHA:
        return (
            "inconclusive",
            f"so few runs over so many metrics end at p = {least:.2g}; run more, or name metrics",
        )
    if adjusted_p > ALPHA:
        return "inconclusive", f"p = {adjusted_p:.2g}, and the interval is wide"
    if low <= 1 <= high:
        return "inconclusive", "the interval of the ratio holds 1"
    if widest(ratio, ratio) <= 1 + band:
        return "inconclusive", f"within {percent(band)}, but not shown to stay there"
    if (ratio > 1) != (low > 1):
        return "inconclusive", "the ratio lies on the other side of 1 than its interval"
    said: Verdict = "faster" if (ratio < 1) == lower else "slower"
    return said, f"beyond {percent(band)}, p = {adjusted_p:.2g}"


@dataclass(frozen=True, slots=True)
class Row:
    """How one metric stands between two sets of runs.

    Attributes:
        metric: Its name.
        runs: Runs of the base and of the other side.
        medians: Median over runs of each side, in the metric's own unit.
        ratio: Other over base; None where it cannot be said, as all below.
        interval: 95 % bootstrap interval of the ratio.
        p: Of the exact Mann-Whitney test.
        adjusted: p after Holm over all metrics that were tested.
        delta: Cliff's delta, above 0 where the other side is larger.
        verdict: faster, slower, same or inconclusive.
        reason: Why that verdict, in words.
        band: Largest change that counted as none.
    """

    metric: str
    runs: tuple[int, int]
    medians: tuple[float | None, float | None]
    ratio: float | None
    interval: tuple[float, float] | None
    p: float | None
    adjusted: float | None
    delta: float | None
    verdict: Verdict
    reason: str
    band: float


TONES: Mapping[Verdict, Tone] = {
    "faster": "ok",
    "slower": "bad",
    "same": "plain",
    "inconclusive": "warn",
}


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(Result):
    """Two sets of runs, metric by metric.

    Attributes:
        rows: One per metric, in the order of the base.
        band: Largest change that counted as none, where a row does not have its own.
        seed: Of the bootstrap.
    """

    rows: tuple[Row, ...]
    band: float
    seed: int

    def __getitem__(self, metric: str) -> Row:
        """Return the row of *metric*; a KeyError names the nearest known one."""
        for row in self.rows:
            if row.metric == metric:
                return row
        raise KeyError(f"{metric!r}: {did_you_mean(metric, [r.metric for r in self.rows])}")

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "band": self.band,
            "seed": self.seed,
            "metrics": [
                {
                    "metric": row.metric,
                    "runs": list(row.runs),
                    "medians": list(row.medians),
                    "ratio": row.ratio,
                    "interval": None if row.interval is None else list(row.interval),
                    "p": row.p,
                    "adjusted_p": row.adjusted,
                    "delta": row.delta,
                    "verdict": row.verdict,
                    "reason": row.reason,
                    "band": row.band,
                }
                for row in self.rows
            ],
        }

    def view(self) -> View:
        """Return a row per metric with its verdict and the reason."""
        counts = {name: sum(row.verdict == name for row in self.rows) for name in TONES}
        told = ", ".join(f"{many} {name}" for name, many in counts.items() if many)
        right = ("base", "other", "ratio", "p", "adjusted p", "delta")
        heads = (
            "metric",
            "runs",
            "base",
            "other",
            "ratio",
            "95 % interval",
            "p",
            "adjusted p",
            "delta",
            "verdict",
            "why",
        )
        rows: tuple[tuple[CellLike, ...], ...] = tuple(
            (
                row.metric,
                f"{row.runs[0]} v {row.runs[1]}",
                *(_figure(value) for value in (*row.medians, row.ratio)),
                "-" if row.interval is None else f"{row.interval[0]:.3f} .. {row.interval[1]:.3f}",
                *(_figure(value, 2) for value in (row.p, row.adjusted, row.delta)),
                Cell(row.verdict, TONES[row.verdict]),
                Cell(row.reason, "muted"),
            )
            for row in self.rows
        )
        tone: Tone = "bad" if counts["slower"] else "warn" if counts["inconclusive"] else "ok"
        return View(
            "comparison",
            f"comparison: {told or 'no metric'}",
            (
                Table(tuple(Column(h, "right" if h in right else "left") for h in heads), rows),
                Note(f"changes within {percent(self.band)} count as none", "muted"),
            ),
            tone=tone,
        )


def compare(
    base: Mapping[str, Sequence[float | None]],
    other: Mapping[str, Sequence[float | None]],
    *,
    band: float = 0.03,
    bands: Mapping[str, float] | None = None,
    seed: int = 0,
    better: Mapping[str, Better] | None = None,
) -> Comparison:
    """Compare two sets of runs, metric by metric.

    A metric that one side lacks, or that is n/a (None or nan) in a run, is inconclusive and
    says so; leaving those runs out would favour the side that lost them. p is adjusted over
    the metrics that were tested. One whose values are all equal, such as an error rate of 0,
    is none of them: no permutation could tell its sides apart (Tarone 1990).

    Args:
        base: For each metric one value per run, finite and not negative.
        other: The same of what is compared with it.
        band: Largest change that counts as none; a ratio less 1.
        bands: The same of single metrics, such as what an A/A test needs.
        seed: Of the bootstrap, at least 0; each metric draws anew from it.
        better: Which direction is better, by metric; `lower` for one that is not named.

    Raises:
        UsageError: If a value is negative or infinite, the band or the seed cannot be, or
            *better* names a metric that neither side has.
        MissingExtraError: If numpy is not installed.
    """
    own = dict(bands or {})
    for one in (band, *own.values()):
        check_band(one)
    check_seed(seed)
    wanted = dict(better or {})
    metrics = list(dict.fromkeys([*base, *other]))
    for name, direction in wanted.items():
        if name not in metrics:
            raise UsageError(
                Fault(
                    "unknown-metric",
                    f"better: neither side has the metric {name!r}",
                    fix=did_you_mean(name, metrics),
                )
            )
        if direction not in ("lower", "higher"):
            raise UsageError(
                Fault(
                    "bad-direction",
                    f"better[{name!r}]: expected 'lower' or 'higher', found {direction!r}",
                    fix=did_you_mean(str(direction), ["lower", "higher"]),
                )
            )
    pairs: dict[str, tuple[list[float], list[float]]] = {}
    gaps: dict[str, str] = {}
    for name in metrics:
        sides = [list(side.get(name, ())) for side in (base, other)]
        kept = [[v for v in side if v is not None and not math.isnan(v)] for side in sides]
        for where, side in zip(("base", "other"), kept, strict=True):
            if side:
                check_values(f"{name} of the {where} side", side, negative=False)
        pairs[name] = kept[0], kept[1]
        lost = [len(all_) - len(some) for all_, some in zip(sides, kept, strict=True)]
        if any(lost):
            gaps[name] = (
                f"n/a in {lost[0]} of {len(sides[0])} base runs "
                f"and {lost[1]} of {len(sides[1])} others"
            )
        elif not all(sides):
            gaps[name] = f"only the {'base' if sides[0] else 'other'} side has it"
    found = {name: mann_whitney(*pairs[name]) for name in metrics if name not in gaps}
    tested = [name for name in found if len({*pairs[name][0], *pairs[name][1]}) > 1]
    adjusted = dict(zip(tested, holm([found[name] for name in tested]), strict=True))
    smallest = [smallest_p(*map(len, pairs[name])) for name in tested]
    least = dict(zip(tested, holm(smallest), strict=True))
    rows = []
    for name in metrics:
        a, b = pairs[name]
        runs = len(a), len(b)
        width = own.get(name, band)
        medians = median(a) if a else None, median(b) if b else None
        if name in gaps:
            rows.append(
                Row(
                    name,
                    runs,
                    medians,
                    None,
                    None,
                    None,
                    None,
                    None,
                    "inconclusive",
                    gaps[name],
                    width,
                )
            )
            continue
        # Where all values are equal, so is every ratio that could be drawn.
        interval = ratio_interval(a, b, seed=seed) if name in adjusted else (1.0, 1.0)
        ratio = _ratio(a, b)
        said, reason = _judged(
            runs,
            ratio,
            width,
            adjusted.get(name, 1.0),
            interval,
            lower=wanted.get(name, "lower") == "lower",
            least=least.get(name, 0.0),
        )
        delta = cliffs_delta(a, b)
        rows.append(
            Row(
                name,
                runs,
                medians,
                ratio,
                interval,
                found[name],
                adjusted.get(name, 1.0),
                delta,
                said,
                reason,
                width,
            )
        )
    return Comparison(tuple(rows), band, seed)


def widest(low: float, high: float) -> float:
    """Return how many times as much or as little there is at most between two ratios."""
    return max(high, 1 / low if low else math.inf)


def _ratio(a: Sequence[float], b: Sequence[float]) -> float:
    check_values("a", a, negative=False)
    check_values("b", b, negative=False)
    base, other = median(a), median(b)
    if base == other:
        return 1.0
    return other / base if base else math.inf


def check_band(band: float) -> None:
    if not (math.isfinite(band) and band >= 0):
        raise UsageError(
            Fault(
                "bad-band",
                f"band: expected a finite number of at least 0, found {band!r}",
                fix="0.03 takes changes of up to 3 % as none",
            )
        )


def percent(share: float) -> str:
    return f"{share * 100:.3g} %"


def _figure(value: float | None, digits: int = 4) -> Cell:
    return Cell("-", "muted") if value is None else Cell(f"{value:.{digits}g}", value=value)
