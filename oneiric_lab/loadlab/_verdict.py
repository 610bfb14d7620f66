"""What a run's figures are, as objectives ask for them, and what kept it from more."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, Literal

from ._drive import LATE_NS
from ._objectives import Window
from ._spelling import share_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ._drive import Driven
    from ._parts import PhaseResult
    from ._plan import Plan
    from ._recorded import Recorded

LimitedBy = Literal["none", "generator_cpu", "generator_timer", "in_flight_cap", "target"]
"""What kept the run from more: nothing, the generator's own CPU or timers, the cap on what
is in flight, or what was driven. The generator's limits make a run invalid."""

_WORST: Final[tuple[LimitedBy, ...]] = (
    "generator_cpu",
    "generator_timer",
    "in_flight_cap",
    "target",
    "none",
)
_BUSY = 0.85
_SHORT = 0.99
_SECOND = 1e9


def limit_of(plan: Plan, recorded: Recorded, driven: Driven) -> LimitedBy:
    """Return what kept one worker from more."""
    if plan.offered is None:
        ended = sum(r.whole.ended for r in recorded.ops.values())
        own = driven.floor_ns * ended / _SECOND
        return "generator_cpu" if driven.busy > _BUSY and own > driven.cpu / 2 else "none"
    starved: LimitedBy = "generator_cpu" if driven.busy > _BUSY else "generator_timer"
    if _is_capped(driven):
        # Behind a full cap every lag is long, whoever is slow: the generator's own is told apart.
        # What takes 20 ms or more is not misjudged for the two of a crowded machine.
        tells = _largest(recorded, "service", 0.5) / 10 < LATE_NS
        return starved if tells and driven.late > driven.offered / 100 else "in_flight_cap"
    late, usual = _largest(recorded, "lag", 0.99), _largest(recorded, "response", 0.5)
    if late > max(LATE_NS, usual / 10):
        return starved
    return "target" if _is_short(recorded, driven) else "none"


def limit_of_all(
    plan: Plan, parts: Iterable[tuple[Recorded, Driven]], recorded: Recorded, driven: Driven
) -> LimitedBy:
    """Return what kept several workers from more: the worst of each of them and of all.

    A generator that was late is not made up for by others that were not: what it drove
    has wrong figures, and they are in the sum.
    """
    found = {limit_of(plan, *part) for part in parts}
    if plan.offered is not None:
        if _is_capped(driven):
            found.add("in_flight_cap")
        if _is_short(recorded, driven):
            found.add("target")
    return next(limit for limit in _WORST if limit in found)


def _largest(recorded: Recorded, histogram: str, q: float) -> int:
    """Return the largest quantile of the operations, in nanoseconds."""
    return max(
        (getattr(r.measured, histogram).quantile(q) or 0 for r in recorded.ops.values()), default=0
    )


def _is_capped(driven: Driven) -> bool:
    return driven.capped > driven.offered / 100


def _is_short(recorded: Recorded, driven: Driven) -> bool:
    done = sum(r.whole.statuses.get("ok", 0) for r in recorded.ops.values())
    return done < driven.offered * _SHORT


class Figures:
    """A run, as objectives ask for its figures.

    Args:
        plan: What was asked.
        recorded: What was measured.
        driven: What the generator saw of itself.
        warmup: Seconds at the start that are kept apart.
    """

    def __init__(self, plan: Plan, recorded: Recorded, driven: Driven, warmup: float) -> None:
        self._plan, self._recorded, self._warmup = plan, recorded, warmup
        self._seconds_measured = driven.measured(warmup)
        # What ends behind the last begin is in no window: it would be half a one.
        self._end = min(plan.length + driven.paused, driven.wall)
        self._step = recorded.step

    @property
    def operations(self) -> Sequence[str]:
        """Names of the operations."""
        return tuple(self._recorded.ops)

    def windows(self, length: float) -> Sequence[Window]:
        """Return whole windows in which the run was not paused, from the warm-up's end.

        There are none where the series is kept in stretches that do not fit into them.
        """
        if length % self._step:
            return ()
        out: list[Window] = []
        for begin, end in self._stretches():
            count = int((end - begin) / length + 1e-9)
            first = begin - self._warmup
            out += [Window(first + n * length, first + (n + 1) * length) for n in range(count)]
        return out

    def value(
        self, op: str | None, histogram: str | None, statistic: str, window: Window | None
    ) -> float | None:
        """Return one figure in base units; see `Metrics`."""
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

    def _stretches(self) -> Iterator[tuple[float, float]]:
        """Yield begin and end, in seconds of the run, of what lies between pauses."""
        step = self._step
        begin = math.ceil(self._warmup / step) * step
        for pause in self._recorded.pauses:
            # The series is kept by whole stretches: those that a pause cuts are left out.
            end = math.floor(pause.begin / _SECOND / step) * step
            if end > begin:
                yield begin, end
            begin = max(begin, math.ceil(pause.end / _SECOND / step) * step)
        if self._end > begin:
            yield begin, self._end

    def _seconds(self, window: Window) -> tuple[int, int]:
        return round(self._warmup + window.start), round(self._warmup + window.end)

    def _scalar(
        self, parts: list[PhaseResult], statistic: str, window: Window | None, ops: list[Any]
    ) -> float | None:
        statuses: dict[str, int] = {}
        seconds = self._seconds_measured
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
            # Not 1 less the share that went well: 1 - 99/100 as floats is above 1 %.
            return (ended - statuses.get("ok", 0)) / ended if ended else None
        if self._plan.offered is None or window is not None:
            return None
        # Each operation counts what was due of it: its own schedule, or its part of the load.
        offered = sum(second.offered for o in ops for second in o.seconds.values())
        done = sum(o.whole.statuses.get("ok", 0) for o in ops)
        return done / offered if offered else None


def _statistic(total: Any, statistic: str) -> float | None:
    if statistic in {"max", "min", "mean"}:
        value = getattr(total, statistic)
        return None if value is None else value / 1e9
    quantile = share_of(statistic)
    if not total.enough_for(quantile):
        return None
    found = total.quantile(quantile)
    return None if found is None else found / 1e9
