"""Runs that are paused: nothing begins, what is in flight ends, and the pause is no lag."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from oneiric_lab.loadlab import Plan, Run, Scenario, closed, constant, op, run, run_apart, think

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

SLACK = 0.15
"""Seconds in which a pause that was asked for has begun."""


class Timed(Scenario):
    """Notes when each operation began and ended."""

    defaults: ClassVar[Mapping[str, Any]] = {"hold": 0.0}
    last: ClassVar[Timed]

    async def setup(self) -> None:
        """Begin to note."""
        type(self).last = self
        self.begun: list[float] = []
        self.ended: list[float] = []

    @op()
    async def read(self, rng: Random) -> None:
        """Wait for a while."""
        self.begun.append(time.perf_counter())
        await asyncio.sleep(self.p.hold)
        self.ended.append(time.perf_counter())


class Pauser:
    """Pauses a run from *begin* to *end*, in seconds since it was first asked."""

    def __init__(self, begin: float, end: float) -> None:
        self.begin, self.end = begin, end
        self.asked = 0.0

    def __call__(self) -> bool:
        """Return whether the run is to be paused now."""
        now = time.perf_counter()
        self.asked = self.asked or now
        return self.begin <= now - self.asked < self.end

    def within(self, times: list[float]) -> list[float]:
        """Return the *times* that lie in the pause, once it has begun for sure."""
        first, last = self.asked + self.begin + SLACK, self.asked + self.end
        return [at for at in times if first < at < last]


def paused(plan: Plan, pauser: Any, **options: Any) -> Run:
    """Run a plan, paused as *pauser* says."""
    return asyncio.run(run(plan, paused=pauser, **options))


class TestPause:
    @pytest.mark.parametrize(
        ("load", "options"),
        [
            (constant(200, 0.6), {}),
            (closed(5, duration=0.6), {}),
            (closed(5, duration=0.6), {"timeout": 10}),
            (closed(5, think=think.constant(0.005), duration=0.6), {}),
        ],
    )
    def test_nothing_begins(self, load: Any, options: dict[str, Any]) -> None:
        """
        Open or closed, what was in flight ends, and nothing begins before it is resumed.
        """
        pauser = Pauser(0.2, 0.6)
        found = paused(Plan(Timed, {"hold": 0.002}, load, **options), pauser)

        seen = Timed.last
        assert pauser.within(seen.begun) == []
        assert max(seen.begun) > pauser.asked + pauser.end
        assert len(seen.begun) == len(seen.ended)
        assert 0.3 < found.driven.paused < 0.5
        assert found.driven.wall > 0.9
        assert found.exit_code in (0, 3)

    def test_a_pause_is_no_lag(self) -> None:
        """
        The schedule shifts: every token is still offered, and none was late by the pause.
        """
        found = paused(Plan(Timed, load=constant(500, 0.6)), Pauser(0.2, 0.8))
        part = found.recorded.ops["read"].measured
        assert part.statuses == {"ok": 300}
        assert found.driven.offered == 300
        assert part.lag.max is not None
        assert part.lag.max < 0.4e9

    def test_what_waited_keeps_its_lag(self) -> None:
        """
        What was due before the pause and waits for a place had waited, and waits on after it.
        """
        plan = Plan(Timed, {"hold": 0.05}, constant(100, 0.3), max_in_flight=2)
        pauser = Pauser(0.2, 0.7)
        found = paused(plan, pauser)

        # Thirty operations of 50 ms, two at a time: the last one begins 0.4 s behind its time.
        lag = found.recorded.ops["read"].measured.lag
        assert pauser.within(Timed.last.begun) == []
        assert lag.count == 30
        assert lag.max is not None
        assert 0.3e9 < lag.max < 0.75e9

    def test_it_is_shown(self) -> None:
        """
        In the result, in the series, and to who looks while it lasts.
        """
        seen: list[bool] = []
        found = paused(
            Plan(Timed, {"hold": 0.001}, closed(2, duration=0.6)),
            Pauser(0.2, 0.9),
            live=lambda snapshot: seen.append(snapshot.paused),
        )
        (pause,) = found.recorded.pauses
        assert 0.15e9 < pause.begin < pause.end
        assert sum(row["paused_ms"] for row in found.recorded.rows().series) > 500  # type: ignore[misc]
        assert True in seen
        assert "paused 0." in str(found)
        assert found.as_dict()["pauses"] == [[pause.begin / 1e9, pause.end / 1e9]]

    def test_windows_lie_between_pauses(self) -> None:
        """
        An objective is not asked of a window in which nobody wanted anything to begin.
        """
        plan = Plan(
            Timed,
            {"hold": 0.01},
            closed(2, duration=3),
            objectives=("read.rate > 20/s over 1s", "read.rate > 20/s"),
        )
        found = paused(plan, Pauser(0.2, 1.5))
        assert [judged.met for judged in found.judged] == [True, True]

    @pytest.mark.parametrize("load", [constant(50, 30), closed(2, duration=30)])
    def test_it_is_cancelled_in_the_pause(self, load: Any) -> None:
        """
        What is paused is ended like any other run, at once.
        """
        pauser = Pauser(0.1, 60)
        found = paused(
            Plan(Timed, {"hold": 0.001}, load),
            pauser,
            cancelled=lambda: 0 < pauser.asked < time.perf_counter() - 0.6,
        )
        assert found.exit_code == 130
        assert found.driven.wall < 5
        assert found.driven.paused > 0.1
        assert pauser.within(Timed.last.begun) == []

    @pytest.mark.parametrize("load", [constant(50, 0.2), closed(2, duration=0.2)])
    def test_operations_time_out_in_the_pause(self, load: Any) -> None:
        """
        What was begun has its time and no more, paused or not.
        """
        pauser = Pauser(0.05, 0.6)
        found = paused(Plan(Timed, {"hold": 60}, load, timeout=0.1), pauser)
        part = found.recorded.ops["read"].measured
        assert set(part.statuses) == {"timeout"}
        assert part.service.max is not None
        assert part.service.max < 0.5e9

    def test_the_end_falls_into_the_pause(self) -> None:
        """
        What was due last and is held back begins when the run is resumed.
        """
        plan = Plan(Timed, {"hold": 0.02}, constant(100, 0.1), max_in_flight=1, grace=2)
        found = paused(plan, Pauser(0.12, 0.5))
        assert found.recorded.ops["read"].measured.statuses == {"ok": 10}

    def test_in_a_process_of_its_own(self) -> None:
        """
        The worker is told, and tells.
        """
        state: dict[str, float] = {}

        def live(snapshot: Any) -> None:
            state.setdefault("begun", time.perf_counter())
            if snapshot.paused:
                state.setdefault("paused", time.perf_counter())

        def pauser() -> bool:
            now = time.perf_counter()
            # From the first sign of life until half a second behind the first sign of a pause.
            return "begun" in state and now < state.get("paused", now) + 0.5

        found = run_apart(
            Plan(Timed, {"hold": 0.001}, closed(2, duration=1)), live=live, paused=pauser
        )
        assert len(found.recorded.pauses) == 1
        assert found.driven.paused > 0.4


class TestCancel:
    @pytest.mark.parametrize(
        "load", [closed(2, duration=60), closed(2, think=think.constant(60), duration=60)]
    )
    def test_what_does_not_end_is_given_up(self, load: Any) -> None:
        """
        Neither an operation that hangs nor a user that thinks holds up who cancels.
        """
        begun = time.perf_counter()
        found = asyncio.run(
            run(
                Plan(Timed, {"hold": 0 if load.think.high else 60}, load),
                cancelled=lambda: time.perf_counter() - begun > 0.3,
            )
        )
        assert found.exit_code == 130
        assert found.driven.wall < 5

    def test_users_have_the_time_of_grace(self) -> None:
        """
        What hangs at the end of a closed load is cancelled, and counted as that.
        """
        found = asyncio.run(run(Plan(Timed, {"hold": 60}, closed(3, duration=0.1), grace=0.1)))
        assert found.recorded.ops["read"].measured.statuses == {"cancelled": 3}
