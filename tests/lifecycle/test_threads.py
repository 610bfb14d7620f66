"""Sync leases from other threads, with swaps going on."""

from __future__ import annotations

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import NoCandidateError, NotActiveError, PausedError
from oneiric_lab.lifecycle import Lifecycle
from oneiric_lab.registry import Candidate, Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = ("adapter", "cache")


class Used:
    """Counts what was done after its end."""

    wrong = 0
    ends = 0

    def __init__(self) -> None:
        self.closed = False

    def use(self) -> None:
        """Do what it is for."""
        if self.closed:
            type(self).wrong += 1

    def close(self) -> None:
        """End."""
        type(self).ends += 1
        if self.closed:
            type(self).wrong += 1
        self.closed = True


@pytest.fixture
def life() -> Lifecycle:
    """A lifecycle with two providers."""
    Used.wrong = Used.ends = 0
    registry = Registry()
    registry.add(
        Candidate("adapter", "cache", "a", Used, priority=1, capabilities=frozenset({"kv"})),
        Candidate("adapter", "cache", "b", Used),
    )
    return Lifecycle(registry)


@pytest.fixture
def fast_switches() -> Iterator[None]:
    """Let threads take turns every microsecond."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_no_use_after_close(life: Lifecycle, fast_switches: None) -> None:
    """
    Four threads lease a hundred thousand times in all while one swap follows the other.
    """
    stop = threading.Event()

    def reader() -> int:
        for _ in range(25_000):
            with life.lease_sync(*KEY) as thing:
                thing.use()
        return 25_000

    async def main() -> int:
        await life.activate(*KEY)
        loop = asyncio.get_running_loop()
        swaps = 0
        with ThreadPoolExecutor(4) as pool:
            readers = [loop.run_in_executor(pool, reader) for _ in range(4)]
            while not all(r.done() for r in readers):
                await life.swap(*KEY, provider="ab"[swaps % 2], force=True)
                swaps += 1
                await asyncio.sleep(0)
            stop.set()
        assert sum(await asyncio.gather(*readers)) == 100_000
        assert not await life.aclose()
        return swaps

    swaps = asyncio.run(main())
    assert Used.wrong == 0
    assert swaps > 10
    assert Used.ends == life.slot(*KEY).swaps


def test_a_thread_may_be_the_first(life: Lifecycle) -> None:
    """
    The owner's loop activates it, and the thread's lease keeps the old one alive.
    """
    held, go = threading.Event(), threading.Event()

    def worker() -> str:
        with life.lease_sync(*KEY) as thing, life.lease_sync(*KEY, need="kv") as same:
            assert same is thing
            held.set()
            go.wait(10)
            assert not thing.closed
            return "done"

    async def main() -> None:
        async with life:
            work = asyncio.get_running_loop().run_in_executor(None, worker)
            while not held.is_set():  # noqa: ASYNC110 - set by a thread
                await asyncio.sleep(0.001)
            assert life.status(*KEY).leases == 2
            await life.swap(*KEY, provider="b")
            assert life.status(*KEY).draining[0][2] == 2
            go.set()
            assert await work == "done"

    asyncio.run(main())
    assert Used.ends == 2


def test_a_thread_has_a_transient_one_of_its_own() -> None:
    """
    It is built on the loop for this lease, and has ended when the lease has.
    """
    Used.ends = 0
    registry = Registry()
    registry.add(Candidate("adapter", "cache", "each", Used, lifetime="transient"))
    life = Lifecycle(registry)

    def worker() -> None:
        again = life.lease_sync(*KEY)
        for ends in (0, 2):
            with again as one, life.lease_sync(*KEY) as two:
                assert one is not two
                assert Used.ends == ends
            assert Used.ends == ends + 2

    async def main() -> None:
        async with life:
            await asyncio.to_thread(worker)

    asyncio.run(main())


def test_refusals_in_a_thread(life: Lifecycle) -> None:
    """
    Paused, lacking a need, or without a loop that could activate it.
    """

    def ask(**options: Any) -> Any:
        with life.lease_sync(*KEY, **options) as thing:
            return thing

    with pytest.raises(NotActiveError):
        ask()

    async def main() -> None:
        async with life:
            with pytest.raises(NotActiveError):
                ask()
            await life.swap(*KEY, provider="b")
            run = asyncio.get_running_loop().run_in_executor
            with pytest.raises(NoCandidateError):
                await run(None, lambda: ask(need="kv"))
            await life.pause(*KEY)
            with pytest.raises(PausedError):
                await run(None, ask)

    asyncio.run(main())


def test_a_lease_that_outlives_the_loop(life: Lifecycle) -> None:
    """
    Its end tells nobody, and raises nothing.
    """
    lease = life.lease_sync(*KEY)

    async def main() -> None:
        await life.activate(*KEY)
        with ThreadPoolExecutor(1) as pool:
            await asyncio.get_running_loop().run_in_executor(pool, lease.__enter__)
        await life.swap(*KEY, provider="b")

    asyncio.run(main())
    lease.__exit__()
    assert life.status(*KEY).leases == 0


def test_a_traced_lease_of_a_thread() -> None:
    """
    Its place is told while it keeps a drain from its end.
    """
    registry = Registry()
    registry.add(Candidate("adapter", "cache", "a", Used))
    life = Lifecycle(registry, trace=True)

    async def main() -> None:
        async with life:
            await life.activate(*KEY)
            lease = life.lease_sync(*KEY)
            lease.__enter__()
            await life.swap(*KEY, force=True)
            assert "test_threads.py" in life.status(*KEY).draining[0][3][0]
            lease.__exit__()

    asyncio.run(main())
