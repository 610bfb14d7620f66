"""Runs that are to be compared, driven in turn.

Each has a fresh process. Two plans are interleaved ABBA or BAAB, by a seed: what drifts on
the machine meanwhile, heat, caches, other people's work, meets both sides alike.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from random import Random
from statistics import median, stdev
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault, UsageError
from oneiric_lab.views import Cell, Column, Note, Result, Table, View

from ._comparable import check_plans, unfit
from ._compare import BAND, compare_runs
from ._metrics import columns, usual_metrics
from ._spelling import rounded
from ._statistics import percent
from ._worker import run_apart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from oneiric_lab.views import Block

    from ._compare import Band, Compared
    from ._plan import Plan
    from ._run import Run

RUNS = 6
"""Runs a side: the smallest p of 6 v 6 is 0.002, enough for twenty metrics at once."""

_BUSY = 0.25


@dataclass(frozen=True, slots=True)
class Turn:
    """One run of several.

    Attributes:
        side: 0 for the base, 1 for the other.
        run: What it measured.
        others: Cores that other processes kept busy meanwhile; None where nobody can say.
    """

    side: int
    run: Run
    others: float | None


@dataclass(frozen=True, slots=True, repr=False)
class Repeated(Result):
    """Runs of one plan, or of two in turn.

    Attributes:
        names: How the sides are called; one where there is one plan.
        asked: How many runs were asked for in all.
        turns: The runs that were finished, in the order in which they were driven, and the
            one that was cancelled.
        cancelled: Whether somebody ended it.
    """

    names: tuple[str, ...]
    asked: int
    turns: tuple[Turn, ...]
    cancelled: bool

    @property
    def base(self) -> tuple[Run, ...]:
        """Runs of the base."""
        return tuple(turn.run for turn in self.turns if turn.side == 0)

    @property
    def other(self) -> tuple[Run, ...]:
        """Runs of the other side."""
        return tuple(turn.run for turn in self.turns if turn.side == 1)

    @property
    def exit_code(self) -> int:
        """130 cancelled, else the worst of the runs: 4, 3, 1 or 0."""
        if self.cancelled:
            return 130
        return max((turn.run.exit_code for turn in self.turns), default=0)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What weakens what they say: a machine that was busy with something else."""
        cores = os.cpu_count() or 1
        most = max((turn.others or 0.0 for turn in self.turns), default=0.0)
        if most <= _BUSY * cores:
            return ()
        return (f"the machine was busy: other processes took up to {most:.1f} of {cores} cores",)

    def compare(
        self,
        *,
        band: float = BAND,
        floor: Band | None = None,
        metrics: Iterable[str] = (),
        seed: int = 0,
    ) -> Compared:
        """Compare the two sides; see `compare_runs`.

        Raises:
            UsageError: There is one plan only, or a side has no run yet.
        """
        names = (*self.names, "nothing")[:2]
        return compare_runs(
            self.base,
            self.other,
            band=band,
            floor=floor,
            metrics=metrics,
            seed=seed,
            names=(names[0], names[1]),
            warnings=self.warnings,
        )

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape: every run whole."""
        return {
            "names": list(self.names),
            "asked": self.asked,
            "cancelled": self.cancelled,
            "warnings": list(self.warnings),
            "turns": [
                {
                    "name": self.names[turn.side],
                    "others_cores": turn.others,
                    "run": turn.run.as_dict(),
                }
                for turn in self.turns
            ],
            "exit_code": self.exit_code,
        }

    def view(self) -> View:
        """Return a row per run, then what the finished runs of each side agree on."""
        states = {0: "passed", 1: "objectives missed", 3: "invalid", 4: "invariant broken"}
        rows = tuple(
            (
                number,
                self.names[turn.side],
                turn.run.plan.seed,
                f"{sum(op.measured.ended for op in turn.run.recorded.ops.values()):,}",
                "-" if turn.others is None else f"{turn.others:.1f}",
                turn.run.limited_by,
                Cell(
                    states.get(turn.run.exit_code, "cancelled"),
                    "ok" if not turn.run.exit_code else "bad",
                ),
            )
            for number, turn in enumerate(self.turns, 1)
        )
        heads = ("run", "of", "seed", "ended", "cores of others", "limited by", "result")
        right = ("run", "seed", "ended", "cores of others")
        blocks: list[Block] = [
            Table(tuple(Column(h, "right" if h in right else "left") for h in heads), rows)
        ]
        blocks += [
            Note(f"broken in run {number}: {name}: {wrong}", "bad")
            for number, turn in enumerate(self.turns, 1)
            for name, wrong in turn.run.broken
        ]
        if len(self.names) == 1 and len([run for run in self.base if not unfit(run)]) > 1:
            blocks.append(_agreement(self.base))
        blocks += [Note(warning, "warn") for warning in self.warnings]
        done = len([turn for turn in self.turns if not turn.run.driven.cancelled])
        title = f"{' and '.join(self.names)}: {done} of {self.asked} runs"
        if self.cancelled:
            title += ", cancelled; what is finished is kept"
        elif done < self.asked:
            title += ", ended by a broken invariant"
        return View("load-repeat", title, tuple(blocks), tone="bad" if self.exit_code else "ok")


def _agreement(runs: Iterable[Run]) -> Table:
    """Return the median of each metric over runs, and how far runs spread."""
    good = [run for run in runs if not unfit(run)]
    metrics = usual_metrics(good)
    rows = []
    for metric, values in zip(metrics, columns(good, metrics).values(), strict=True):
        said = [value for value in values if value is not None]
        if len(said) == len(values):
            middle = sum(said) / len(said)
            spread = Cell(percent(stdev(said) / middle)) if middle else Cell("-", "muted")
            rows.append((metric.name, Cell(rounded(median(said), metric.kind, 4)), spread))
    heads = (Column("metric"), Column("median", "right"), Column("spread of runs", "right"))
    return Table(heads, tuple(rows))


def order(runs: int, seed: int, *, sides: int = 2) -> tuple[int, ...]:
    """Return whose turn it is: 0 the base, 1 the other, each *runs* times.

    Two by two it is ABBA or BAAB, as the seed draws; a spare pair is AB or BA.

    Example:
        >>> order(4, 3)
        (0, 1, 1, 0, 1, 0, 0, 1)
    """
    if sides == 1:
        return (0,) * runs
    random = Random(f"turns:{seed}")  # noqa: S311 - an order, no secret
    out: list[int] = []
    while len(out) < 2 * runs:
        first = random.randrange(2)
        block = [first, 1 - first, 1 - first, first]
        out += block[: 2 * runs - len(out)]
    return tuple(out)


def repeat(
    plan: Plan,
    other: Plan | None = None,
    *,
    runs: int = RUNS,
    seed: int = 0,
    names: tuple[str, ...] = (),
    workers: object = 1,
    each: Callable[[Turn], object] | None = None,
    live: Callable[[int, Any], object] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Repeated:
    """Drive a plan several times, or two plans in turn, each run in a process of its own.

    Run *n* of a side draws from the plan's seed plus *n*, and so does that of the other
    side: the same load for both, and not one draw for all.

    Args:
        plan: What is asked; of two, the base.
        other: What the base is compared with.
        runs: How many of each.
        seed: Of the order.
        names: How the sides are called; `base` and `other` where nobody says.
        workers: Who shares the load of a run, as `run_apart` takes it.
        each: Told of every run as soon as it is finished; keep it there, and nothing of it
            is lost whatever comes.
        live: Told four times a second: how many runs are finished, and what happens in this.
        cancelled: Asked twenty times a second; once true, it ends with what is finished.

    Returns:
        The runs. An invariant that breaks ends it, since no figure outweighs that.

    Raises:
        UsageError: There is no run to drive, or the plans differ in more than parameters.
        LoadError: A worker ended by itself, or the scenario's `setup` raised.
        MissingExtraError: Without the extra `load`.
    """
    if runs < 1:
        raise UsageError(
            Fault("bad-count", f"runs: expected at least 1, found {runs}", fix=f"runs={RUNS}")
        )
    plans = [plan] if other is None else [plan, other]
    called = names or ("base", "other")[: len(plans)]
    if other is not None:
        check_plans(plan, other, (called[0], called[1]))
    turns: list[Turn] = []
    stopped = False
    try:
        for side in order(runs, seed, sides=len(plans)):
            if cancelled is not None and cancelled():
                stopped = True
                break
            number = sum(turn.side == side for turn in turns)
            asked = plans[side].but(seed=plans[side].seed + number)

            def look(snapshot: Any, done: int = len(turns)) -> None:
                if live is not None:
                    live(done, snapshot)

            before = _busy()
            found = run_apart(
                asked, live=look if live else None, cancelled=cancelled, workers=workers
            )
            turns.append(Turn(side, found, _others(before, _busy())))
            if found.driven.cancelled:
                stopped = True
                break
            if each is not None:
                each(turns[-1])
            if found.broken:
                break
    except KeyboardInterrupt:
        # Between two runs; one that is on takes it itself, and keeps a part.
        stopped = True
    return Repeated(called, runs * len(plans), tuple(turns), stopped)


def _busy() -> tuple[float, float, float] | None:
    """Return the time, what all processors did, and what we and our workers did, in seconds."""
    try:
        import psutil  # noqa: PLC0415 - of the extra `load`
    except ImportError:
        return None
    spent: Any = psutil.cpu_times()
    idle = spent.idle + getattr(spent, "iowait", 0.0)
    # Guests are in `user` already.
    guests = getattr(spent, "guest", 0.0) + getattr(spent, "guest_nice", 0.0)
    own = os.times()
    return time.monotonic(), sum(spent) - idle - guests, sum(own[:4])


def _others(
    before: tuple[float, float, float] | None, after: tuple[float, float, float] | None
) -> float | None:
    if before is None or after is None:
        return None
    wall, every, own = (b - a for a, b in zip(before, after, strict=True))
    return max(every - own, 0.0) / max(wall, 1e-9)
