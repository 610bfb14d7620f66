"""A watch: parts that run together, and one stream of what they tell."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from oneiric_lab.runtime import Watch
from oneiric_lab.runtime._watch import KEPT

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


def run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run *work* in a loop, under a limit."""

    async def limited() -> Any:
        """Run under a limit of time."""
        with anyio.fail_after(20):
            return await work()

    return asyncio.run(limited())


class Part:
    """A part that tells what it is given and goes on until it is cancelled."""

    def __init__(self, *events: int) -> None:
        self.events, self.ended = events, 0

    async def __call__(self, tell: Callable[[int], None]) -> None:
        """Tell all, then wait."""
        try:
            for event in self.events:
                tell(event)
            await anyio.sleep_forever()
        finally:
            self.ended += 1


async def fails(tell: Callable[[int], None]) -> None:
    """Tell one and raise."""
    tell(1)
    raise OSError("no disk")


class TestWatch:
    def test_iterated_alone_it_runs_for_as_long_as_somebody_reads(self) -> None:
        """
        It begins with the first question and has ended when the iteration is closed.
        """
        part = Part(1, 2)

        async def work() -> list[int]:
            watch: Watch[int] = Watch(part)
            running = [watch.is_running]
            found = [await anext(watch), await anext(watch)]
            assert [*running, watch.is_running] == [False, True]
            await watch.aclose()
            return found

        assert run(work) == [1, 2]
        assert part.ended == 1

    def test_a_reader_that_leaves_ends_it(self) -> None:
        """
        Who began it by iterating ends it by closing the iterator.
        """
        part = Part(1)

        async def work() -> None:
            reader = aiter(Watch(part))
            assert await anext(reader) == 1
            await reader.aclose()  # type: ignore[attr-defined]  # it is a generator

        run(work)
        assert part.ended == 1

    def test_a_block_runs_it_without_a_reader(self) -> None:
        """
        Who reads later gets the newest; what was dropped is counted.
        """
        part = Part(*range(KEPT + 5))

        async def work() -> None:
            async with Watch(part) as watch:
                await checkpoint()
                await checkpoint()
                assert watch.dropped == 5
                assert await anext(watch) == 5
                async for event in watch:
                    assert event == 6
                    break
                assert part.ended == 0
            assert part.ended == 1

        run(work)

    def test_the_first_part_that_ends_ends_all(self) -> None:
        """
        What was told before is still read.
        """
        part = Part(7)

        async def short(tell: Callable[[int], None]) -> None:
            await checkpoint()
            tell(8)

        async def work() -> list[int]:
            return [event async for event in Watch(part, short)]

        assert sorted(run(work)) == [7, 8]
        assert part.ended == 1

    def test_what_a_part_raises_is_raised_to_the_reader(self) -> None:
        """
        After what was told before, and once.
        """
        part = Part()

        async def work() -> None:
            watch: Watch[int] = Watch(part, fails)
            assert await anext(watch) == 1
            with pytest.raises(OSError, match="no disk"):
                await anext(watch)
            await watch.aclose()

        run(work)
        assert part.ended == 1

    def test_what_a_part_raises_ends_the_block(self) -> None:
        """
        Nobody read: it is raised where the block ends.
        """

        async def work() -> None:
            with pytest.raises(OSError, match="no disk"):
                async with Watch(fails):
                    await anyio.sleep(0.01)

        run(work)

    def test_one_that_never_began_ends(self) -> None:
        """
        Nothing runs, so nothing is to be ended.
        """
        run(lambda: Watch(Part()).aclose())
