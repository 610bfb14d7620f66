"""The course of a run: what was seen of it while it went on."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.loadlab import Course, Plan, Scenario, closed, op
from oneiric_lab.loadlab._course import MOST, joined
from oneiric_lab.loadlab._figures import Live, Snapshot

if TYPE_CHECKING:
    from random import Random

MS = 1_000_000


class Shop(Scenario):
    """Readers, and swaps at a rate of their own."""

    @op()
    async def read(self, rng: Random) -> None:
        """Do nothing."""

    @op(rate=10)
    async def swap(self, rng: Random) -> None:
        """Do nothing."""


def tick(at: float, p50: int | None = 2 * MS, ok: float = 100.0, **more: Any) -> Snapshot:
    """Return what a quarter of a second told."""
    read = Live(
        {"ok": ok} | more.pop("rates", {}),
        p50,
        None,
        p50,
        None,
        p50,
        total=int(ok * at),
        service=(p50, p50),
        lag=(0, 0),
        bands={"response": (1, 2)},
    )
    return Snapshot(at, 0.25, "measured", {"read": read}, more.pop("in_flight", 0))


@pytest.fixture
def course() -> Course:
    """Return the course of a run of ten seconds that was not told of anything yet."""
    return Course(Plan(Shop, load=closed(5, duration=10)))


class TestCourse:
    def test_before_anything_was_told(self, course: Course) -> None:
        """
        The whole run is left, and there are no rows.
        """
        assert (course.at, course.left, course.count) == (0.0, 10.0, 0)
        assert course.as_dict() == {"ticks": []}
        assert len(course.frame()) == 0

    def test_time_that_is_left(self, course: Course) -> None:
        """
        What is left follows the last tick, and is never less than nothing.
        """
        course.add(tick(2.5))
        assert (course.at, course.left) == (2.5, 7.5)

        course.add(tick(11.0))
        assert course.left == 0.0

    def test_operations_with_a_rate_of_their_own_are_events(self, course: Course) -> None:
        """
        They are what happens to the others.
        """
        assert course.events == ("swap",)

    def test_frame_holds_numbers(self, course: Course) -> None:
        """
        A frame has seconds, rates and nanoseconds to compute with; what is not known is no number.
        """
        course.add(tick(0.25, in_flight=3))
        course.add(tick(0.5, None, rates={"error": 4.0}))
        frame = course.frame()

        assert list(frame["at"]) == [0.25, 0.5]
        assert list(frame["ended"]) == [100.0, 104.0]
        assert list(frame["bad"]) == [0.0, 4.0]
        assert frame["p50"][0] == 2 * MS
        assert isnan(frame["p50"][1])
        assert list(frame["in flight"]) == [3, 0]

    def test_a_long_run_is_kept_coarser(self, course: Course) -> None:
        """
        Past the most ticks neighbours are joined: none is lost, and the newest stays fine.
        """
        for number in range(1, MOST + 2):
            course.add(tick(number * 0.25))

        assert course.count == MOST + 1
        assert len(course.ticks) == MOST // 2 + 1
        assert [t.window for t in course.ticks[-2:]] == [0.5, 0.25]
        assert sum(t.window for t in course.ticks) == course.at


class TestJoined:
    def test_rates_are_weighed_and_quantiles_are_the_worse(self) -> None:
        """
        Counts add up; of two quantiles, which do not, the worse is shown.
        """
        first = tick(0.25, 9 * MS, 200.0, in_flight=9)
        found = joined(first, tick(0.5, 2 * MS, 100.0, rates={"error": 8.0}))
        read = found.ops["read"]

        assert (found.at, found.window, found.in_flight) == (0.5, 0.5, 9)
        assert read.rates == {"ok": 150.0, "error": 4.0}
        assert (read.p50, read.p90, read.service) == (9 * MS, None, (9 * MS, 9 * MS))
        assert read.bands == {"response": (2, 4)}
        assert read.total == 50

    def test_an_operation_that_came_later(self) -> None:
        """
        What only the second one knows is kept as it is.
        """
        second = tick(0.5)
        found = joined(Snapshot(0.25, 0.25, "warmup", {}), second)

        assert found.ops == second.ops
        assert found.phase == "warmup"
