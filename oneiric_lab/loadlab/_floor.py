"""What identical runs differ by on this machine: the least that a comparison may call a change.

An A/A test: one plan on both sides. Its noise is kept beside the runs, by plan and machine,
and later comparisons of that plan on that machine take it as their band where it is wider.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault, FileAccessError, LoadError, UsageError
from oneiric_lab.views import Note, Result, View

from ._comparable import place_of, plain, setting_of, unfit
from ._compare import BAND
from ._metrics import columns, usual_metrics
from ._noise import Noise, NoiseRow, noise
from ._repeat import RUNS, Repeated, repeat
from ._statistics import FEWEST_RUNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ._plan import Plan
    from ._repeat import Turn
    from ._run import Run


@dataclass(frozen=True, slots=True, repr=False)
class Floor(Result):
    """How much identical runs of a plan differ on a machine.

    Attributes:
        plan: The plan without what may differ between runs that are compared.
        machine: Where it was measured.
        noise: A row per metric.
        warnings: What weakens it.
    """

    plan: Mapping[str, Any]
    machine: Mapping[str, str]
    noise: Noise
    warnings: tuple[str, ...] = ()

    @property
    def bands(self) -> dict[str, float]:
        """The band that each metric needs; those without a finite one are not there.

        A rate of errors that is 0 in some runs and above in others has no ratio.
        """
        return {row.metric: row.band for row in self.noise.rows if math.isfinite(row.band)}

    @property
    def key(self) -> str:
        """What it is found by: a digest of plan and machine."""
        return _key(self.plan, self.machine)

    def misfit(self, runs: Iterable[Run]) -> str:
        """Return why this says nothing of *runs*; empty where it does."""
        for run in runs:
            if setting_of(run) != plain(self.plan):
                return "it was measured with another plan"
            if place_of(run) != dict(self.machine):
                return "it was measured on another machine"
        return ""

    def save(self, folder: str | Path) -> Path:
        """Write it into *folder* and return the file; a former one of the same is replaced."""
        from oneiric_lab.files import ensure_folder, write_atomic  # noqa: PLC0415 - what only compares writes none

        path = Path(folder) / f"noise-{self.key}.json"
        ensure_folder(path.parent)
        write_atomic(path, (self.to_json(indent=1) + "\n").encode())
        return path

    @classmethod
    def open(cls, path: str | Path) -> Floor:
        """Read what `save` wrote.

        Raises:
            FileAccessError: It cannot be read.
            LoadError: It is no such file.
        """
        try:
            text = Path(path).read_bytes()
        except OSError as error:
            raise FileAccessError(
                Fault("unreadable", f"{path}: {error.strerror}", fix="measure it: load aa SCENARIO")
            ) from error
        try:
            found = json.loads(text)
            rows = tuple(_row(row) for row in found["metrics"])
            said = Noise(rows, float(found["band"]), int(found["seed"]))
            read = cls(
                dict(found["plan"]),
                dict(found["machine"]),
                said,
                tuple(map(str, found["warnings"])),
            )
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise LoadError(
                Fault(
                    "bad-noise",
                    f"{path} does not hold the noise of a machine",
                    why=f"{type(error).__name__}: {error}",
                    fix="remove the file, and measure anew: load aa SCENARIO",
                )
            ) from None
        return read

    @classmethod
    def find(cls, folder: str | Path, run: Run) -> Floor | None:
        """Return what was measured of the plan and the machine of *run*; None where nothing was.

        Raises:
            LoadError: There is such a file, and it is damaged.
        """
        path = Path(folder) / f"noise-{_key(setting_of(run), place_of(run))}.json"
        return cls.open(path) if path.is_file() else None

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape, which is also what is saved."""
        return {
            "plan": dict(self.plan),
            "machine": dict(self.machine),
            **self.noise.as_dict(),
            "warnings": list(self.warnings),
        }

    def view(self) -> View:
        """Return the noise, a row per metric."""
        shown = self.noise.view()
        notes = [Note(warning, "warn") for warning in self.warnings]
        return View("load-aa", shown.title, (*shown.blocks, *notes), tone=shown.tone)


def aa(
    plan: Plan,
    *,
    runs: int = RUNS,
    seed: int = 0,
    band: float = BAND,
    workers: object = 1,
    each: Callable[[Turn], object] | None = None,
    live: Callable[[int, Any], object] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Floor | Repeated:
    """Measure how much identical runs differ: the same plan on both sides.

    Args:
        plan: What is asked.
        runs: How many a side; 4 at least.
        seed: Of the shuffles; run *n* draws from the plan's seed plus *n*.
        band: The band that is tried.
        workers: Who shares the load of a run, as `run_apart` takes it.
        each: Told of every run as soon as it is finished.
        live: As `repeat` takes it.
        cancelled: As `repeat` takes it.

    Returns:
        The noise; or the runs, where it was cancelled, an invariant broke, or too few of
        them are valid: `exit_code` of either says which.

    Raises:
        UsageError: There are fewer than 4 runs a side.
        LoadError: A worker ended by itself, or the scenario's `setup` raised.
        MissingExtraError: Without the extra `load`.
    """
    if runs < FEWEST_RUNS:
        raise UsageError(
            Fault(
                "too-few-runs",
                f"runs: expected at least {FEWEST_RUNS} a side, found {runs}",
                why="two sides of fewer than 4 runs can never be called different",
                fix=f"runs={RUNS}",
            )
        )
    # One plan as often as two sides would: which run is on which side is shuffled afterwards.
    found = repeat(
        plan,
        runs=2 * runs,
        names=("a/a",),
        workers=workers,
        each=each,
        live=live,
        cancelled=cancelled,
    )
    return noise_in(found, seed=seed, band=band)


def noise_in(found: Repeated, *, seed: int = 0, band: float = BAND) -> Floor | Repeated:
    """Return the noise of runs of one plan; the runs where they say nothing of it."""
    good = [run for run in found.base if not unfit(run)]
    broken = any(run.broken for run in found.base)
    if found.cancelled or broken or len(good) < 2 * FEWEST_RUNS:
        return found
    return floor_of(good, seed=seed, band=band, warnings=found.warnings)


def floor_of(
    runs: Iterable[Run], *, seed: int = 0, band: float = BAND, warnings: Iterable[str] = ()
) -> Floor:
    """Return the noise of runs of one plan on one machine, saved ones for example.

    Raises:
        UsageError: There are fewer than 8 that are valid.
    """
    good = [run for run in runs if not unfit(run)]
    if len(good) < 2 * FEWEST_RUNS:
        raise UsageError(
            Fault(
                "too-few-runs",
                f"expected at least {2 * FEWEST_RUNS} valid runs, found {len(good)}",
                fix="run 12, which gives six a side",
            )
        )
    values = columns(good, usual_metrics(good))
    known = {
        name: [value for value in row if value is not None]
        for name, row in values.items()
        if None not in row
    }
    said = noise(known, seed=seed, band=band)
    first = good[0]
    return Floor(setting_of(first), place_of(first), said, tuple(warnings))


def _row(row: Mapping[str, Any]) -> NoiseRow:
    return NoiseRow(
        str(row["metric"]),
        int(row["runs"]),
        float(row["spread"]),
        int(row["splits"]),
        int(row["alarms"]),
        int(row["same"]),
        float(row["band"]),
    )


def _key(plan: Mapping[str, Any], machine: Mapping[str, str]) -> str:
    text = json.dumps([plain(plan), dict(machine)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
