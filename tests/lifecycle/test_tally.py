"""What a lifecycle counts."""

from __future__ import annotations

import asyncio
from typing import Any

from oneiric_lab.lifecycle import Buckets, Lifecycle
from oneiric_lab.registry import Candidate, Registry


class Thing:
    """A component that is as well as it was told to be."""

    def __init__(self, *, well: bool = True, ends: bool = True) -> None:
        self.well, self.ends = well, ends

    def health(self) -> bool:
        """Answer."""
        return self.well

    def close(self) -> None:
        """End, or fail to."""
        if not self.ends:
            raise OSError("it holds on")


def lifecycle(**makers: Any) -> Lifecycle:
    """Return a lifecycle whose providers of one component are *makers*."""
    registry = Registry()
    registry.add(*(Candidate("adapter", "cache", name, make) for name, make in makers.items()))
    return Lifecycle(registry)


class TestSwaps:
    def test_each_request_counts_once_by_its_outcome(self) -> None:
        """
        An activation, a swap, one to what is so, one that fails, and one that is refused.
        """

        async def main() -> Lifecycle:
            life = lifecycle(a=Thing, b=Thing, sick=lambda: Thing(well=False))
            async with life:
                await life.swap("adapter", "cache", provider="a")
                await life.swap("adapter", "cache", provider="b")
                await life.swap("adapter", "cache", provider="b")
                await life.swap("adapter", "cache", provider="sick")
                await life.swap("adapter", "cache", provider="nobody")
                await life.swap_group({"adapter:cache": "a"})
                await life.swap_group({"adapter:cache": "sick"})
            return life

        tally = asyncio.run(main()).tally

        assert tally.swaps == {
            ("adapter", "committed"): 3,
            ("adapter", "coalesced"): 1,
            ("adapter", "failed"): 2,
            ("adapter", "refused"): 1,
        }
        assert tally.durations["adapter", "prepare"].number == 3
        assert tally.durations["adapter", "commit"].total > 0

    def test_a_request_that_is_cancelled_counts_as_that(self) -> None:
        """
        Whoever gives up while it is built leaves one cancelled request.
        """

        async def slow() -> Thing:
            await asyncio.sleep(60)
            return Thing()

        async def main() -> Lifecycle:
            life = lifecycle(slow=slow)
            async with life:
                task = asyncio.create_task(life.swap("adapter", "cache"))
                await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
            return life

        assert asyncio.run(main()).tally.swaps == {("adapter", "cancelled"): 1}


class TestHealth:
    def test_answers_and_ends_that_went_wrong_are_counted(self) -> None:
        """
        A good answer, then a bad one; and an instance that does not end as it should.
        """

        async def main() -> Lifecycle:
            thing = Thing(ends=False)
            life = lifecycle(a=lambda: thing)
            async with life:
                await life.activate("adapter", "cache")
                await life.check("adapter", "cache")
                thing.well = False
                await life.check("adapter", "cache")
            return life

        tally = asyncio.run(main()).tally

        assert tally.checks == {("adapter", "good"): 1, ("adapter", "bad"): 1}
        assert tally.leaks == {"adapter": 1}


class TestBuckets:
    def test_a_bound_belongs_to_its_bucket(self) -> None:
        """
        As Prometheus has it: less than or equal.
        """
        found = Buckets((1.0, 2.0))
        for number in (1.0, 1.5, 2.0, 9.0):
            found.add(number)

        assert found.counts == [1, 2, 1]
        assert (found.number, found.total) == (4, 13.5)
