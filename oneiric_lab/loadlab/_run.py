"""A run: driven, recorded, judged."""

from __future__ import annotations

import platform
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from oneiric_lab.views import Cell, Note, Result, Table, View

from ._drive import Drive
from ._objectives import Window
from ._plan import Plan
from ._scenario import Scenario, op
from ._shapes import closed, need_numpy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from oneiric_lab.views import Block, CellLike

    from ._drive import Driven
    from ._objectives import Judged
    from ._recorder import PhaseResult, Recorded, Snapshot

LimitedBy = Literal["none", "generator_cpu", "generator_timer", "in_flight_cap", "target"]
"""What kept the run from more: nothing, the generator's own CPU or timers, the cap on what
is in flight, or what was driven. The generator's limits make a run invalid."""

_BUSY = 0.85
_SHORT = 0.99
_LATE_NS = 2_000_000
_CALIBRATION = 0.1


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Run(Result):
    """What a run measured, and whether it holds.

    Attributes:
        plan: What was asked.
        recorded: Histograms, counters and series of each operation.
        driven: What the generator saw of itself.
        limited_by: What kept it from more.
        judged: Each objective with its figure.
        broken: Invariants that do not hold, with what is wrong.
        machine: Where it ran.
    """

    plan: Plan
    recorded: Recorded
    driven: Driven
    limited_by: LimitedBy
    judged: tuple[Judged, ...]
    broken: tuple[tuple[str, str], ...]
    machine: dict[str, str]

    @property
    def is_valid(self) -> bool:
        """Whether the generator kept up: what it could not send says nothing of the target."""
        return not self.limited_by.startswith("generator")

    @property
    def exit_code(self) -> int:
        """130 cancelled, 4 an invariant is broken, 3 invalid, 1 an objective missed, else 0."""
        if self.driven.cancelled:
            return 130
        if self.broken:
            return 4
        if not self.is_valid:
            return 3
        return 0 if all(judged.met for judged in self.judged) else 1

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape; times in nanoseconds."""
        return {
            "plan": self.plan.as_dict(),
            "machine": dict(self.machine),
            "offered": self.driven.offered,
            "wall_s": self.driven.wall,
            "cpu_s": self.driven.cpu,
            "floor_ns": self.driven.floor_ns,
            "limited_by": self.limited_by,
            "valid": self.is_valid,
            "partial": self.driven.cancelled,
            "operations": [dict(row) for row in self.recorded.rows().ops],
            "objectives": [judged.as_dict() for judged in self.judged],
            "invariants": [{"name": name, "wrong": wrong} for name, wrong in self.broken],
            "exit_code": self.exit_code,
        }

    def view(self) -> View:
        """Return one row for each operation, then what was judged."""
        rows: list[tuple[CellLike, ...]] = []
        for name, result in self.recorded.ops.items():
            part = result.measured
            bad = sum(part.errors.values())
            seconds = max(self.driven.wall - self.plan.warmup, 1e-9)
            rows.append(
                (
                    name,
                    f"{part.ended:,}",
                    f"{part.ended / seconds:,.0f}/s",
                    Cell(f"{bad:,}", "bad" if bad else "plain"),
                    *(_shown(part, q) for q in (0.5, 0.99, 0.999)),
                    _time(part.response.max),
                )
            )
        heads = ("operation", "ended", "rate", "errors", "p50", "p99", "p99.9", "max")
        blocks: list[Block] = [Table(heads, tuple(rows))]
        blocks += [Note(str(j), "ok" if j.met else "bad") for j in self.judged]
        blocks += [Note(f"broken: {name}: {wrong}", "bad") for name, wrong in self.broken]
        if not self.is_valid:
            blocks.append(
                Note(f"invalid: limited by {self.limited_by}; it says nothing of the target", "bad")
            )
        elif self.limited_by != "none":
            blocks.append(Note(f"limited by {self.limited_by}", "warn"))
        name = self.plan.scenario.__name__
        state = {0: "passed", 1: "objectives missed", 3: "invalid", 4: "invariant broken"}
        title = f"load {name}: {state.get(self.exit_code, 'cancelled, partial')}"
        return View("load-run", title, tuple(blocks), tone="ok" if not self.exit_code else "bad")


class _Figures:
    """A run, as objectives ask for its figures."""

    def __init__(self, plan: Plan, recorded: Recorded, driven: Driven) -> None:
        self._plan, self._recorded, self._driven = plan, recorded, driven
        self._length = max(plan.length - plan.warmup, 1e-9)

    @property
    def operations(self) -> Sequence[str]:
        return tuple(self._recorded.ops)

    def windows(self, length: float) -> Sequence[Window]:
        count = int(self._length // length)
        return [Window(n * length, (n + 1) * length) for n in range(count)]

    def value(
        self, op: str | None, histogram: str | None, statistic: str, window: Window | None
    ) -> float | None:
        parts = [r for n, r in self._recorded.ops.items() if op in (None, n)]
        if histogram is None:
            return self._scalar([p.measured for p in parts], statistic, window, parts)
        if window is None:
            found = [getattr(p.measured, histogram) for p in parts]
        elif histogram == "response":
            first, last = self._seconds(window)
            found = [p.response_in(first, last) for p in parts]
        else:
            first, last = self._seconds(window)
            found = [
                getattr(second, histogram).histogram()
                for p in parts
                for at, second in p.seconds.items()
                if first <= at < last
            ]
        if not found:
            return None
        total = found[0].copy()
        for more in found[1:]:
            total.add(more)
        return _statistic(total, statistic) if total.count else None

    def _seconds(self, window: Window) -> tuple[int, int]:
        first = int(self._plan.warmup + window.start)
        return first, max(first + 1, int(self._plan.warmup + window.end))

    def _scalar(
        self, parts: list[PhaseResult], statistic: str, window: Window | None, ops: list[Any]
    ) -> float | None:
        statuses: dict[str, int] = {}
        seconds = self._length
        if window is None:
            sources = [p.statuses for p in parts]
        else:
            first, last = self._seconds(window)
            seconds = last - first
            sources = [
                second.statuses
                for o in ops
                for at, second in o.seconds.items()
                if first <= at < last
            ]
        for source in sources:
            for status, count in source.items():
                statuses[status] = statuses.get(status, 0) + count
        ended = sum(statuses.values())
        if statistic == "rate":
            return statuses.get("ok", 0) / seconds
        if statistic == "error_rate":
            return 1 - statuses.get("ok", 0) / ended if ended else None
        offered = self._plan.offered
        if offered is None or window is not None:
            return None
        total = sum(r.whole.statuses.get("ok", 0) for r in ops)
        return total / offered if offered else None


def _statistic(total: Any, statistic: str) -> float | None:
    if statistic in {"max", "min", "mean"}:
        value = getattr(total, statistic)
        return None if value is None else value / 1e9
    quantile = float(statistic[1:]) / 100
    if not total.enough_for(quantile):
        return None
    found = total.quantile(quantile)
    return None if found is None else found / 1e9


class _Null(Scenario):
    """What the generator itself costs."""

    @op()
    async def nothing(self, rng: Any) -> None:
        """Do nothing."""


async def run(
    plan: Plan,
    *,
    live: Callable[[Snapshot], object] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Run:
    """Drive *plan* in this process, on the running loop, and judge it.

    Args:
        plan: What is asked.
        live: Told four times a second of what happened since.
        cancelled: Asked a hundred times a second; once true, the run ends as partial.

    Raises:
        MissingExtraError: Without numpy, of the extra `load`.
        Exception: Whatever the scenario's `setup` raised.
    """
    need_numpy()
    from ._recorder import Recorder  # noqa: PLC0415 - brings numpy

    floor = await _floor()
    scenario = plan.scenario(**plan.params)
    recorder = Recorder(raw_limit=plan.raw_limit)
    await scenario.setup()
    drive = Drive(plan, scenario, recorder, live=live, cancelled=cancelled)
    try:
        driven = await drive.run()
    finally:
        await scenario.teardown()
    driven.floor_ns = floor
    recorded = recorder.result()
    figures = _Figures(plan, recorded, driven)
    return Run(
        plan,
        recorded,
        driven,
        _limit(plan, recorded, driven),
        tuple(objective.judge(figures) for objective in plan.objectives),  # type: ignore[union-attr]  # parsed by the plan
        _broken(scenario),
        machine(),
    )


async def _floor() -> float:
    """Return what an operation that does nothing takes, in nanoseconds of CPU."""
    from ._recorder import Recorder  # noqa: PLC0415 - brings numpy

    plan = Plan(_Null, load=closed(1, duration=_CALIBRATION))
    recorder = Recorder()
    driven = await Drive(plan, _Null(), recorder).run()
    return driven.cpu / max(driven.offered, 1) * 1e9


def _limit(plan: Plan, recorded: Recorded, driven: Driven) -> LimitedBy:
    ended = sum(r.whole.ended for r in recorded.ops.values())
    busy = driven.cpu / max(driven.wall, 1e-9)
    if plan.offered is None:
        own = driven.floor_ns * ended / 1e9
        return "generator_cpu" if busy > _BUSY and own > driven.cpu / 2 else "none"
    if driven.capped > driven.offered / 100:
        return "in_flight_cap"
    done = sum(r.whole.statuses.get("ok", 0) for r in recorded.ops.values())
    late = max((r.measured.lag.quantile(0.99) or 0 for r in recorded.ops.values()), default=0)
    usual = max((r.measured.response.quantile(0.5) or 0 for r in recorded.ops.values()), default=0)
    if late > max(_LATE_NS, usual / 10):
        return "generator_cpu" if busy > _BUSY else "generator_timer"
    return "target" if done < plan.offered * _SHORT else "none"


def _broken(scenario: Scenario) -> tuple[tuple[str, str], ...]:
    out = []
    for name in scenario.invariants():
        try:
            said = getattr(scenario, name)()
        except Exception as error:  # noqa: BLE001 - a check that raises does not hold
            said = f"{type(error).__name__}: {error}"
        if said is not True:
            out.append((name, said if isinstance(said, str) else "does not hold"))
    return tuple(out)


def machine() -> dict[str, str]:
    """Return what a figure depends on: processor, cores, Python."""
    import os  # noqa: PLC0415 - asked once a run

    return {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "system": platform.system(),
        "processor": platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "clock_resolution_ns": str(int(time.get_clock_info("perf_counter").resolution * 1e9)),
    }


def _shown(part: PhaseResult, q: float) -> str:
    return _time(part.response.quantile(q)) if part.response.enough_for(q) else "n/a"


def _time(ns: float | None) -> str:
    if ns is None:
        return "n/a"
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.0f} ns"
