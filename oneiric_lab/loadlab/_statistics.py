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

from ._shapes import check_seed, need_numpy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Verdict = Literal["faster", "slower", "same", "inconclusive"]
Better = Literal["lower", "higher"]

ALPHA = 0.05
"""How often identical code may be called different."""

FEWEST_RUNS = 4
"""Runs a side below which no difference can be shown: 3 v 3 has no p below 0.10."""

# C(60, 30) is 1.2e17: the counts of all permutations still fit an int64.
_EXACT_RUNS = 60


def mann_whitney(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the two-sided p of the Mann-Whitney test that *a* and *b* are alike.

    Ties get mid-ranks. With at most 60 values in all, p is exact: the share of all
    permutations whose rank sum is at least as far from its mean as the one found, counted
    by dynamic programming (10 v 10 takes well under 1 ms). Beyond that it is the normal
    approximation, with the variance corrected for ties and a continuity correction of 1/2.

    Args:
        a: One value per run; at least one, all finite.
        b: The same of the other side.

    Raises:
        UsageError: If a side is empty or a value is not finite.
        MissingExtraError: If numpy is not installed.

    Example:
        >>> mann_whitney([1, 2, 3, 4], [5, 6, 7, 8])
        0.02857142857142857
    """
    _checked("a", a)
    _checked("b", b)
    # Doubled, mid-ranks are whole numbers, and so is the distance of their sum from its mean.
    ranks, ties = _doubled_ranks([*a, *b])
    of_a, of_b, total = len(a), len(b), len(ranks)
    found = abs(sum(ranks[:of_a]) - of_a * (total + 1))
    if total > _EXACT_RUNS:
        spread = total + 1 - ties / (total * (total - 1))
        deviation = math.sqrt(of_a * of_b * spread / 12)
        if deviation == 0:
            return 1.0
        return math.erfc(max(found / 2 - 0.5, 0.0) / deviation / math.sqrt(2))
    need_numpy()
    import numpy as np  # noqa: PLC0415 - of the extra `load`

    counts = np.zeros((of_a + 1, sum(ranks) + 1), dtype=np.int64)
    counts[0, 0] = 1
    for rank in ranks:
        # The copy holds the state without this value, so that none is taken twice.
        counts[1:, rank:] += counts[:-1, : counts.shape[1] - rank].copy()
    away = np.abs(np.arange(counts.shape[1]) - of_a * (total + 1))
    return int(counts[of_a][away >= found].sum()) / math.comb(total, of_a)


def _smallest_p(of_a: int, of_b: int) -> float:
    """Return p of two sides that do not overlap, below which no p of so many runs can lie."""
    return min(1.0, 2 / math.comb(of_a + of_b, of_a))


def _doubled_ranks(values: Sequence[float]) -> tuple[list[int], int]:
    """Return twice the mid-rank of each value, and the sum of t³ - t over groups of ties."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0] * len(values)
    ties = first = 0
    while first < len(order):
        last = first
        while last + 1 < len(order) and values[order[last + 1]] == values[order[first]]:
            last += 1
        for place in order[first : last + 1]:
            ranks[place] = first + last + 2
        size = last - first + 1
        ties += size**3 - size
        first = last + 1
    return ranks, ties


def holm(pvalues: Sequence[float]) -> list[float]:
    """Return the p-values adjusted for being many, in the order given (Holm 1979).

    The smallest is multiplied by their number, the next by one less, and so on; none
    is above 1 or below the adjusted one of a smaller p.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    adjusted = [0.0] * len(pvalues)
    highest = 0.0
    for place, index in enumerate(sorted(range(len(pvalues)), key=pvalues.__getitem__)):
        highest = max(highest, min(1.0, pvalues[index] * (len(pvalues) - place)))
        adjusted[index] = highest
    return adjusted


def cliffs_delta(a: Sequence[float], b: Sequence[float]) -> float:
    """Return how far *b* lies above *a*: the share of pairs with b > a less that with b < a.

    From -1 (every b is below every a) over 0 to 1, the direction of `median(b) / median(a)`.
    Takes O(n·m) time.

    Raises:
        UsageError: If a side is empty or a value is not finite.

    Example:
        >>> cliffs_delta([1, 2], [2, 3])
        0.75
    """
    _checked("a", a)
    _checked("b", b)
    return sum((y > x) - (y < x) for x in a for y in b) / (len(a) * len(b))


def ratio_interval(
    a: Sequence[float],
    b: Sequence[float],
    *,
    seed: int,
    level: float = 0.95,
    resamples: int = 10_000,
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of median(b) / median(a) over runs.

    Each side is drawn again with replacement *resamples* times. The ends are ratios that
    were drawn, the outer ones where the level falls between two. Zero against zero counts
    as 1, more against zero as infinity. The order of the runs does not count, and two
    sides that differ give the reciprocals when exchanged. 6 v 6 takes about 4 ms.

    Args:
        a: One value per run; at least one, finite and not negative.
        b: The same of the other side.
        seed: The same seed gives the same interval.
        level: Share of the drawn ratios that lies inside; above 0, below 1.
        resamples: How often is drawn; at least 1.

    Raises:
        UsageError: If a side is empty, a value is negative or not finite, or the level or
            the number of resamples cannot be.
        MissingExtraError: If numpy is not installed.
    """
    if not 0 < level < 1:
        raise UsageError(
            Fault("bad-level", f"level: expected above 0 and below 1, found {level!r}", fix="0.95")
        )
    if resamples < 1:
        raise UsageError(
            Fault("bad-count", f"resamples: expected at least 1, found {resamples}", fix="10000")
        )
    _checked("a", a, negative=False)
    _checked("b", b, negative=False)
    need_numpy()
    import numpy as np  # noqa: PLC0415 - of the extra `load`

    random = np.random.default_rng(seed)
    # Drawn in an order that depends on the values alone, so that no side is the first.
    sides = [sorted(side) for side in (a, b)]
    turned = (len(b), sides[1]) < (len(a), sides[0])
    drawn = [
        np.median(
            np.asarray(side, dtype=float)[random.integers(0, len(side), (resamples, len(side)))],
            axis=1,
        )
        for side in (reversed(sides) if turned else sides)
    ]
    lower, upper = reversed(drawn) if turned else drawn
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratios = np.sort(np.where(upper == lower, 1.0, upper / lower))
    outside = (1 - level) / 2 * (resamples - 1)
    first, last = math.floor(outside), resamples - 1 - math.floor(outside)
    return float(ratios[first]), float(ratios[last])


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
    _checked_band(band)
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
    if _times(*interval) <= 1 + band:
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
    if _times(ratio, ratio) <= 1 + band:
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
        _checked_band(one)
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
                _checked(f"{name} of the {where} side", side, negative=False)
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
    smallest = [_smallest_p(*map(len, pairs[name])) for name in tested]
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


@dataclass(frozen=True, slots=True)
class NoiseRow:
    """How noisy one metric is between identical runs.

    Attributes:
        metric: Its name.
        runs: How many runs were shuffled.
        spread: Standard deviation of the runs over their mean.
        splits: How often they were split in two.
        alarms: In how many splits the sides were called faster or slower.
        same: In how many they were called the same.
        band: Smallest band with which 95 % of the splits are called the same.
    """

    metric: str
    runs: int
    spread: float
    splits: int
    alarms: int
    same: int
    band: float


@dataclass(frozen=True, slots=True, repr=False)
class Noise(Result):
    """What identical runs look like on this machine.

    Attributes:
        rows: One per metric.
        band: The band that was tried.
        seed: Of the shuffles and of the bootstrap.
    """

    rows: tuple[NoiseRow, ...]
    band: float
    seed: int

    @property
    def needed(self) -> float:
        """The band that suits every metric: the widest of the rows, 0 without rows."""
        return max((row.band for row in self.rows), default=0.0)

    @property
    def ok(self) -> bool:
        """Whether no metric raises a false alarm in more than 5 % of its splits."""
        return all(row.alarms <= ALPHA * row.splits for row in self.rows)

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "ok": self.ok,
            "band": self.band,
            "needed": self.needed,
            "seed": self.seed,
            "metrics": [
                {
                    "metric": row.metric,
                    "runs": row.runs,
                    "spread": row.spread,
                    "splits": row.splits,
                    "alarms": row.alarms,
                    "same": row.same,
                    "band": row.band,
                }
                for row in self.rows
            ],
        }

    def view(self) -> View:
        """Return a row per metric with its false alarms and the band it needs."""
        heads = ("metric", "runs", "spread", "called different", "called same", "band needed")
        rows = tuple(
            (
                row.metric,
                row.runs,
                Cell(percent(row.spread), value=row.spread),
                Cell(
                    f"{row.alarms} of {row.splits}",
                    "ok" if row.alarms <= ALPHA * row.splits else "bad",
                    value=row.alarms / row.splits,
                ),
                Cell(f"{row.same} of {row.splits}", value=row.same / row.splits),
                Cell(percent(row.band), value=row.band),
            )
            for row in self.rows
        )
        return View(
            "noise",
            f"noise: identical runs need a band of {percent(self.needed)}",
            (
                Table(tuple(Column(h, "right" if h != "metric" else "left") for h in heads), rows),
                Note(f"tried with a band of {percent(self.band)}", "muted"),
            ),
            tone="ok" if self.ok else "bad",
        )


def noise(
    runs: Mapping[str, Sequence[float]],
    *,
    seed: int = 0,
    band: float = 0.03,
    splits: int = 200,
    resamples: int = 2_000,
) -> Noise:
    """Shuffle one set of runs into two sides, again and again, and judge each split (A/A).

    A spare run of an odd number is left out, another one each time. The metrics are judged
    one by one, as a comparison of a single metric would. 12 runs take about 0.2 s a metric.

    Args:
        runs: For each metric one value per run, at least 8, finite and not negative.
        seed: Of the shuffles and of the bootstrap, at least 0.
        band: The band to try.
        splits: How often to shuffle.
        resamples: Of each bootstrap.

    Raises:
        UsageError: If there are fewer than 8 runs, a value is negative or not finite, or
            *splits* or the seed cannot be.
        MissingExtraError: If numpy is not installed.
    """
    _checked_band(band)
    check_seed(seed)
    if splits < 1:
        raise UsageError(
            Fault("bad-count", f"splits: expected at least 1, found {splits}", fix="200")
        )
    for name, values in runs.items():
        _checked(name, values, negative=False)
        if len(values) < 2 * FEWEST_RUNS:
            raise UsageError(
                Fault(
                    "too-few-runs",
                    f"{name}: expected at least {2 * FEWEST_RUNS} runs, found {len(values)}",
                    why="two sides of fewer than 4 runs can never be called different",
                    fix="run 12, which gives six a side",
                )
            )
    need_numpy()
    import numpy as np  # noqa: PLC0415 - of the extra `load`

    rows = []
    for name, values in runs.items():
        random = np.random.default_rng(seed)
        series = np.asarray(values, dtype=float)
        half = len(series) // 2
        alarms = same = 0
        bands = []
        for split in range(splits):
            mixed = random.permutation(series)
            a, b = mixed[:half].tolist(), mixed[half : 2 * half].tolist()
            interval = ratio_interval(a, b, seed=seed + split, resamples=resamples)
            said = verdict(a, b, band=band, adjusted_p=mann_whitney(a, b), interval=interval)
            alarms += said in ("faster", "slower")
            same += said == "same"
            bands.append(_times(*interval) - 1)
        bands.sort()
        mean = float(series.mean())
        spread = float(series.std(ddof=1)) / mean if mean else 0.0
        needed = bands[math.ceil(0.95 * splits) - 1]
        rows.append(NoiseRow(name, len(series), spread, splits, alarms, same, needed))
    return Noise(tuple(rows), band, seed)


def _times(low: float, high: float) -> float:
    """Return how many times as much or as little there is at most between two ratios."""
    return max(high, 1 / low if low else math.inf)


def _ratio(a: Sequence[float], b: Sequence[float]) -> float:
    _checked("a", a, negative=False)
    _checked("b", b, negative=False)
    base, other = median(a), median(b)
    if base == other:
        return 1.0
    return other / base if base else math.inf


def _checked(name: str, values: Sequence[float], *, negative: bool = True) -> None:
    """Refuse values that no rank or ratio can be made of."""
    if not len(values):
        raise UsageError(
            Fault("no-runs", f"{name}: expected one value per run, found none", fix="run six")
        )
    for place, value in enumerate(values):
        if not math.isfinite(value) or (value < 0 and not negative):
            wanted = "a finite number" if negative else "a finite number of at least 0"
            raise UsageError(
                Fault(
                    "bad-run-value",
                    f"{name}: run {place + 1}: expected {wanted}, found {value!r}",
                    fix="give one value per run, in one unit for both sides",
                )
            )


def _checked_band(band: float) -> None:
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
