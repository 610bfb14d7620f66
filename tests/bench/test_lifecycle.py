"""Leases and swaps, beside context managers that do nothing and a dictionary.

What takes nanoseconds is asked a thousand times in a loop of one statement.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.lifecycle import Lifecycle
from oneiric_lab.registry import Candidate, Registry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from pytest_benchmark.fixture import BenchmarkFixture

CALLS = range(1000)
KEY = ("adapter", "k7")


class Nothing:
    """A context manager of both kinds that does nothing."""

    def __enter__(self) -> object:
        return self

    def __exit__(self, *_: object) -> None:
        """End."""

    async def __aenter__(self) -> object:
        return self

    async def __aexit__(self, *_: object) -> None:
        """End."""


class Thing:
    """A component with a health check and an end."""

    is_open = True

    def health(self) -> bool:
        """Say yes."""
        return True

    def close(self) -> None:
        """End."""
        self.is_open = False


async def make() -> Thing:
    """Make one, as an async factory does."""
    return Thing()


def lifecycle(keys: int = 50, **options: Any) -> Lifecycle:
    """Return a lifecycle with two providers for each key."""
    registry = Registry()
    with registry.batch():
        for key in range(keys):
            registry.add(
                Candidate("adapter", f"k{key}", "a", make, priority=1),
                Candidate("adapter", f"k{key}", "b", make),
            )
    return Lifecycle(registry, **options)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop of its own."""
    with asyncio.Runner() as runner:
        yield runner.get_loop()


@pytest.fixture
def life(loop: asyncio.AbstractEventLoop) -> Iterator[Lifecycle]:
    """A lifecycle in which every component is active."""
    made = lifecycle()

    async def activate() -> None:
        for key in range(50):
            await made.activate("adapter", f"k{key}")

    loop.run_until_complete(activate())
    yield made
    loop.run_until_complete(made.aclose())


def measure(
    benchmark: BenchmarkFixture,
    loop: asyncio.AbstractEventLoop,
    group: str,
    row: str,
    ask: Callable[[], Awaitable[None]],
) -> None:
    """Measure *ask*, which asks a thousand times, inside the loop."""
    benchmark.group = group
    benchmark.extra_info["row"] = row
    benchmark.extra_info["calls"] = len(CALLS)
    benchmark(lambda: loop.run_until_complete(ask()))


class TestReading:
    def test_a_dictionary(self, benchmark: BenchmarkFixture) -> None:
        table = {f"k{key}": object() for key in range(50)}

        def ask() -> None:
            for _ in CALLS:
                table["k7"]

        benchmark.group = "current"
        benchmark.extra_info |= {"row": "a dictionary, key to instance", "calls": len(CALLS)}
        benchmark(ask)

    def test_the_slot_of_a_handle(self, benchmark: BenchmarkFixture, life: Lifecycle) -> None:
        handle = life.handle(*KEY)
        assert isinstance(handle.current, Thing)

        def ask() -> None:
            for _ in CALLS:
                handle.current  # noqa: B018 - reading is what is measured

        benchmark.group = "current"
        benchmark.extra_info |= {"row": "handle.current", "calls": len(CALLS)}
        benchmark(ask)


class TestAsyncLeases:
    def test_nothing(self, benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop) -> None:
        nothing = Nothing()

        async def ask() -> None:
            for _ in CALLS:
                async with nothing:
                    pass

        measure(benchmark, loop, "lease", "an async context manager that does nothing", ask)

    def test_by_handle(
        self, benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop, life: Lifecycle
    ) -> None:
        handle = life.handle(*KEY)

        async def ask() -> None:
            for _ in CALLS:
                async with handle.lease():
                    pass

        measure(benchmark, loop, "lease", "async with handle.lease()", ask)

    def test_by_key(
        self, benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop, life: Lifecycle
    ) -> None:
        async def ask() -> None:
            for _ in CALLS:
                async with life.lease("adapter", "k7"):
                    pass

        measure(benchmark, loop, "lease", "async with life.lease(domain, key)", ask)


class TestSyncLeases:
    def test_nothing(self, benchmark: BenchmarkFixture) -> None:
        nothing = Nothing()

        def ask() -> None:
            for _ in CALLS:
                with nothing:
                    pass

        benchmark.group = "sync lease"
        benchmark.extra_info |= {"row": "a context manager that does nothing", "calls": 1000}
        benchmark(ask)

    @pytest.mark.parametrize("where", ["the owner's thread", "another thread"])
    def test_by_handle(self, benchmark: BenchmarkFixture, life: Lifecycle, where: str) -> None:
        handle = life.handle(*KEY)

        def ask() -> None:
            for _ in CALLS:
                with handle.lease_sync():
                    pass

        benchmark.group = "sync lease"
        benchmark.extra_info |= {"row": f"with handle.lease_sync(), {where}", "calls": 1000}
        if where == "the owner's thread":
            benchmark(ask)
            return
        thread = threading.Thread(target=benchmark, args=(ask,))
        thread.start()
        thread.join()


class TestSwaps:
    @pytest.mark.parametrize("keys", [1, 1000])
    def test_without_a_drain(
        self, benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop, keys: int
    ) -> None:
        """Async factory, health check and a journal that keeps each change."""
        told: list[tuple[object, ...]] = []
        life = lifecycle(max(keys, 8), tell=lambda *what: told.append(what))

        async def activate() -> None:
            for key in range(keys):
                await life.activate("adapter", f"k{key}")
            await life.activate(*KEY)

        async def ask() -> None:
            told.clear()
            for n in CALLS:
                await life.swap(*KEY, provider="ab"[n % 2], force=True)

        loop.run_until_complete(activate())
        measure(benchmark, loop, "swap", f"swap without a drain, {keys:,} keys active", ask)
        loop.run_until_complete(life.aclose())

    def test_ten_thousand_at_once(
        self, benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop
    ) -> None:
        """All for one key, each for the other provider than the one before."""
        life = lifecycle()
        counts: dict[str, int] = {}

        async def slow() -> Thing:
            await asyncio.sleep(0)
            return Thing()

        life.registry.add(Candidate("adapter", "k7", "slow", slow))

        async def ask() -> None:
            reports = await asyncio.gather(
                *(life.swap(*KEY, provider="slow", force=True) for _ in range(10_000))
            )
            for report in reports:
                counts[report.outcome] = counts.get(report.outcome, 0) + 1

        benchmark.group = "swaps at once"
        benchmark.extra_info["row"] = "10,000 concurrent swaps of one key"
        benchmark.pedantic(lambda: loop.run_until_complete(ask()), rounds=5, warmup_rounds=1)
        loop.run_until_complete(life.aclose())
        share = counts["coalesced"] / sum(counts.values())
        assert share >= 0.99
        benchmark.extra_info["note"] = f"{share:.2%} of them were coalesced"

    def test_under_a_thousand_readers(
        self, benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop
    ) -> None:
        """Each holds a lease for a millisecond, again and again, while swaps go on."""
        life = lifecycle()
        failed = calls = swaps = 0

        async def reader(until: float) -> None:
            nonlocal failed, calls
            while loop.time() < until:
                async with life.lease(*KEY) as thing:
                    await asyncio.sleep(0.001)
                    calls += 1
                    failed += not thing.is_open

        async def ask() -> None:
            nonlocal swaps
            until = loop.time() + 3
            readers = [asyncio.ensure_future(reader(until)) for _ in range(1000)]
            while loop.time() < until:
                swaps += (await life.swap(*KEY, provider="ab"[swaps % 2])).ok
                await asyncio.sleep(0.01)
            await asyncio.gather(*readers)
            await life.aclose()

        benchmark.group = "readers"
        benchmark.extra_info["row"] = "three seconds of 1,000 readers and a swap each 10 ms"
        benchmark.pedantic(lambda: loop.run_until_complete(ask()), rounds=1)
        assert failed == 0
        assert swaps > 20
        benchmark.extra_info["note"] = f"{calls:,} calls, {swaps:,} swaps, {failed} failed calls"

    def test_a_million_leases_in_threads(
        self, benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop
    ) -> None:
        """Four threads lease while one swap follows the other: nothing is used after its end."""
        life = lifecycle()
        wrong = swaps = 0

        def reader() -> None:
            nonlocal wrong
            for _ in range(250_000):
                with life.lease_sync(*KEY) as thing:
                    wrong += not thing.is_open

        async def ask() -> None:
            nonlocal swaps
            await life.activate(*KEY)
            threads = [loop.run_in_executor(None, reader) for _ in range(4)]
            while not all(thread.done() for thread in threads):
                swaps += (await life.swap(*KEY, provider="ab"[swaps % 2], force=True)).ok
                await asyncio.sleep(0)
            await asyncio.gather(*threads)
            await life.aclose()

        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        benchmark.group = "lease threads"
        benchmark.extra_info["row"] = "1,000,000 leases in four threads"
        try:
            benchmark.pedantic(lambda: loop.run_until_complete(ask()), rounds=1)
        finally:
            sys.setswitchinterval(before)
        assert wrong == 0
        assert swaps > 100
        benchmark.extra_info["note"] = f"{swaps:,} swaps meanwhile, nothing used after its end"
