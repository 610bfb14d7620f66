"""What identical runs look like: one set of runs, split in two again and again (A/A)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneiric_lab.errors import Fault, UsageError
from oneiric_lab.views import Cell, Column, Note, Result, Table, View

from ._extra import need_numpy
from ._significance import check_values, mann_whitney, ratio_interval
from ._statistics import ALPHA, FEWEST_RUNS, check_band, percent, verdict, widest
from ._units import check_seed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


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
    check_band(band)
    check_seed(seed)
    if splits < 1:
        raise UsageError(
            Fault("bad-count", f"splits: expected at least 1, found {splits}", fix="200")
        )
    for name, values in runs.items():
        check_values(name, values, negative=False)
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
            bands.append(widest(*interval) - 1)
        bands.sort()
        mean = float(series.mean())
        spread = float(series.std(ddof=1)) / mean if mean else 0.0
        needed = bands[math.ceil(0.95 * splits) - 1]
        rows.append(NoiseRow(name, len(series), spread, splits, alarms, same, needed))
    return Noise(tuple(rows), band, seed)
