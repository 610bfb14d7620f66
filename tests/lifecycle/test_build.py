"""Factories of every kind, their settings, and what ends what they made."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from pydantic import BaseModel

from oneiric_lab.lifecycle import Lifecycle, Limits
from oneiric_lab.lifecycle._build import arguments
from oneiric_lab.registry import Candidate, Registry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

KEY = ("adapter", "cache")


def lifecycle(factory: Any, **facts: Any) -> Lifecycle:
    """Return a lifecycle with one candidate."""
    options = {name: facts.pop(name) for name in ("settings", "limits") if name in facts}
    registry = Registry()
    registry.add(Candidate("adapter", "cache", "a", factory, **facts))
    return Lifecycle(registry, **options)


class Closing:
    """Remembers its end."""

    def __init__(self) -> None:
        self.ends: list[str] = []

    def close(self) -> None:
        """End."""
        self.ends.append("close")


class Aborting(Closing):
    """Has an end of its own for what never was in force."""

    def health(self) -> bool:
        """Say no."""
        return False

    def abort(self) -> None:
        """End without having been."""
        self.ends.append("abort")


def test_every_kind_of_factory() -> None:
    """
    Functions, classes, coroutines, generators and async generators make and end.
    """
    ended: list[str] = []

    def generator() -> Iterator[str]:
        yield "generator"
        ended.append("generator")

    async def async_generator() -> AsyncIterator[str]:
        yield "async generator"
        ended.append("async generator")

    async def coroutine() -> str:
        return "coroutine"

    async def main() -> list[Any]:
        found = []
        for factory in (lambda: "function", generator, async_generator, coroutine, Closing):
            async with lifecycle(factory) as life, life.lease(*KEY) as made:
                found.append(made)
        return found

    *texts, closing = asyncio.run(main())
    assert texts == ["function", "generator", "async generator", "coroutine"]
    assert ended == ["generator", "async generator"]
    assert closing.ends == ["close"]


def _empty() -> Iterator[int]:
    return
    yield


async def _async_empty() -> AsyncIterator[int]:
    return
    yield


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        (lambda: None, "the factory returned nothing"),
        (_empty, "ended before it yielded"),
        (_async_empty, "ended before it yielded"),
    ],
)
def test_one_that_makes_nothing(factory: Any, words: str) -> None:
    """
    Nothing is no instance.
    """

    async def main() -> Any:
        async with lifecycle(factory) as life:
            return await life.swap(*KEY)

    assert words in asyncio.run(main()).why


def test_a_generator_that_yields_twice() -> None:
    """
    It is closed, and told of.
    """

    def twice() -> Iterator[int]:
        yield 1
        yield 2

    async def async_twice() -> AsyncIterator[int]:
        yield 1
        yield 2

    async def main() -> None:
        for factory in (twice, async_twice):
            async with lifecycle(factory) as life:
                await life.activate(*KEY)
                await life.swap(*KEY, force=True, drain_timeout=5)
                assert "yielded twice" in life.status(*KEY).last_error

    asyncio.run(main())


def test_abort_is_not_close() -> None:
    """
    What is not healthy is aborted; where there is no such end, it is closed.
    """
    made: list[Closing] = []

    class Sick(Closing):
        def health(self) -> bool:
            return False

    def keep(kind: type[Closing]) -> Callable[[], Closing]:
        def make() -> Closing:
            made.append(kind())
            return made[-1]

        return make

    async def main() -> None:
        for kind in (Aborting, Sick):
            async with lifecycle(keep(kind)) as life:
                assert not (await life.swap(*KEY)).ok

    asyncio.run(main())
    assert [one.ends for one in made] == [["abort"], ["close"]]


class Candle:
    """A day of prices: its names mean something else."""

    health = "good"
    close = 3.5
    aclose = None
    abort = 0


def test_what_is_no_method_is_no_end() -> None:
    """
    A value by the name of an end or of a health check is the instance's own.
    """

    async def main() -> None:
        async with lifecycle(Candle) as life:
            assert (await life.swap(*KEY)).ok
            assert await life.check(*KEY) is None
            assert (await life.swap(*KEY, force=True, drain_timeout=5)).ok
            assert life.status(*KEY).last_error == ""

    asyncio.run(main())


class Settings(BaseModel):
    """Settings of the component below."""

    size: int = 1


def sized(settings: Settings) -> list[int]:
    """Make a component of a size."""
    return [0] * settings.size


def test_settings_reach_the_factory_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The candidate's model takes them, by class or by name; a wrong one fails the swap.
    """

    async def main(given: dict[str, Any], kind: Any) -> Any:
        async with lifecycle(sized, settings=lambda _: given, settings_model=kind) as life:
            report = await life.swap(*KEY)
            return report if not report.ok else life.handle(*KEY).current

    assert asyncio.run(main({"size": "3"}, Settings)) == [0, 0, 0]
    assert "valid integer" in asyncio.run(main({"size": "x"}, Settings)).why
    monkeypatch.setitem(sys.modules, "own_settings", SimpleNamespace(Settings=Settings))
    assert asyncio.run(main({"size": 2}, "own_settings:Settings")) == [0, 0]


def test_factories_without_settings() -> None:
    """
    Who does not ask for settings gets none; without a model they come as they are.
    """
    candidate = Candidate("adapter", "cache", "a", dict)
    assert arguments(candidate, dict, {"a": 1}) == {}
    assert arguments(candidate, sized, {"a": 1}) == {"settings": {"a": 1}}
    assert arguments(candidate, sized, {}) == {}


class TestBlocking:
    def test_it_runs_in_a_thread_of_its_own(self) -> None:
        """
        What blocks to begin blocks to end: both run in worker threads.
        """
        threads: list[int] = []

        class Blocks:
            def __init__(self) -> None:
                threads.append(threading.get_ident())

            def close(self) -> None:
                threads.append(threading.get_ident())

        async def main() -> None:
            async with lifecycle(Blocks, blocking=True) as life:
                await life.activate(*KEY)

        asyncio.run(main())
        assert len(threads) == 2
        assert threading.get_ident() not in threads

    def test_one_that_comes_too_late_is_ended_where_it_was_made(self) -> None:
        """
        Nobody waits for a factory that took too long; its instance does not leak.
        """
        go, ended = threading.Event(), threading.Event()

        class Late:
            def __init__(self) -> None:
                go.wait(10)

            def close(self) -> None:
                ended.set()

        async def main() -> Any:
            # Time enough for a thread to begin, which has nothing to end otherwise.
            limits = Limits(build=0.2)
            async with lifecycle(Late, blocking=True, limits=limits) as life:
                report = await life.swap(*KEY)
                go.set()
                return report

        assert "took longer than 0.2 s" in asyncio.run(main()).why
        assert ended.wait(10)

    def test_nothing_and_an_async_end(self) -> None:
        """
        A blocking factory that returns nothing fails; a coroutine ends on the loop.
        """
        ended: list[int] = []

        class Mixed:
            async def aclose(self) -> None:
                ended.append(threading.get_ident())

        async def main() -> None:
            async with lifecycle(lambda: None, blocking=True) as life:
                assert "returned nothing" in (await life.swap(*KEY)).why
            async with lifecycle(Mixed, blocking=True) as life:
                await life.activate(*KEY)

        asyncio.run(main())
        assert ended == [threading.get_ident()]

    def test_one_that_was_made_and_not_taken_is_ended(self) -> None:
        """
        Its swap is cancelled in the moment in which the thread has made it; it does not leak,
        and an end that fails is not told in place of the cancellation.
        """
        go, made, ended = threading.Event(), threading.Event(), threading.Event()

        class Made:
            def __init__(self) -> None:
                go.wait(10)
                made.set()

            def close(self) -> None:
                ended.set()
                raise RuntimeError("cannot end")

        async def main() -> None:
            async with lifecycle(Made, blocking=True) as life:
                task = asyncio.ensure_future(life.swap(*KEY))
                for _ in range(20):
                    await asyncio.sleep(0)
                # The loop does not turn: what the thread gives waits to be taken.
                go.set()
                assert made.wait(10)
                time.sleep(0.05)  # noqa: ASYNC251 - see above
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert ended.is_set()

        asyncio.run(main())

    def test_an_end_that_no_thread_begins_in_time_is_done_all_the_same(self) -> None:
        """
        All worker threads are taken beyond the limit of its cleanup; the instance is ended, once.
        """
        go, ended = threading.Event(), threading.Event()
        ends: list[int] = []

        class Blocks:
            def close(self) -> None:
                ends.append(threading.get_ident())
                ended.set()

        async def main() -> None:
            from anyio import to_thread

            limits = Limits(cleanup=0.01)
            async with lifecycle(Blocks, blocking=True, limits=limits) as life:
                await life.activate(*KEY)
                pool = to_thread.current_default_thread_limiter()
                before, pool.total_tokens = pool.total_tokens, 1
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(to_thread.run_sync, lambda: go.wait())  # noqa: PLW0108 - mypy takes no overload here
                    await asyncio.sleep(0)
                    try:
                        await life.drain(*KEY)
                        assert ended.wait(10)
                    finally:
                        go.set()
                        pool.total_tokens = before

        asyncio.run(main())
        assert len(ends) == 1
        assert threading.get_ident() not in ends

    def test_a_generator_that_blocks(self) -> None:
        """
        What stands before its `yield` and what stands behind both run in worker threads.
        """
        threads: list[int] = []

        def blocks() -> Iterator[str]:
            threads.append(threading.get_ident())
            yield "instance"
            threads.append(threading.get_ident())

        async def main() -> Any:
            async with lifecycle(blocks, blocking=True) as life, life.lease(*KEY) as made:
                return made

        assert asyncio.run(main()) == "instance"
        assert len(threads) == 2
        assert threading.get_ident() not in threads

    def test_an_async_factory_that_says_so_too(self) -> None:
        """
        It runs on the loop: there is nothing that a thread could do for it.
        """

        async def coroutine() -> str:
            return "instance"

        async def generator() -> AsyncIterator[str]:
            yield "instance"

        async def main(factory: Any) -> Any:
            async with lifecycle(factory, blocking=True) as life, life.lease(*KEY) as made:
                return made

        assert [asyncio.run(main(f)) for f in (coroutine, generator)] == ["instance"] * 2

    @pytest.mark.parametrize("what", ["health", "close"])
    def test_limits_hold_for_what_blocks(self, what: str) -> None:
        """
        A check or an end that hangs in its thread is given up at its limit.
        """
        go = threading.Event()

        class Hangs:
            def health(self) -> bool:
                return what != "health" or go.wait(10)

            def close(self) -> None:
                if what == "close":
                    go.wait(10)

        async def main() -> Any:
            limits = Limits(health=0.02, cleanup=0.02)
            async with lifecycle(Hangs, blocking=True, limits=limits) as life:
                report = await life.swap(*KEY)
                await life.swap(*KEY, force=True, drain_timeout=5)
                status = life.status(*KEY)
                go.set()
                return report.why + status.last_error

        assert "took longer than 0.02 s" in asyncio.run(main())

    @pytest.mark.parametrize("end", ["close", "aclose", "abort"])
    def test_cancelled_at_the_moment_it_is_there(self, end: str) -> None:
        """
        Whoever is cancelled as the thread hands it over leaks nothing: each one is ended once.
        """
        made: list[Any] = []
        loop: Any = None
        task: Any = None

        class Counted:
            def __init__(self) -> None:
                self.ends = 0
                made.append(self)
                loop.call_soon_threadsafe(task.cancel)

        def sync(self: Any) -> None:
            self.ends += 1

        async def over(self: Any) -> None:
            self.ends += 1

        setattr(Counted, end, over if end == "aclose" else sync)

        async def main() -> None:
            nonlocal loop, task
            loop = asyncio.get_running_loop()
            async with lifecycle(Counted, blocking=True) as life:
                for _ in range(50):
                    task = asyncio.ensure_future(life.swap(*KEY, force=True))
                    await asyncio.wait([task])
            for _ in range(200):
                if all(one.ends for one in made):
                    break
                await asyncio.sleep(0.01)

        asyncio.run(main())
        assert len(made) == 50
        assert [one.ends for one in made] == [1] * 50


class TestEnds:
    def test_a_plain_function_that_leaves_something_to_await(self) -> None:
        """
        It is awaited, whether somebody held the instance at its end or nobody.
        """
        ended: list[str] = []

        class Thing:
            def close(self) -> Any:
                async def rest() -> None:
                    await asyncio.sleep(0)
                    ended.append("whole")

                return rest()

        async def main() -> None:
            async with lifecycle(Thing) as life:
                await life.activate(*KEY)
                await life.swap(*KEY, force=True, drain_timeout=5)
                assert ended == ["whole"]
                async with life.lease(*KEY):
                    await life.swap(*KEY, force=True)
            assert ended == ["whole"] * 3

        asyncio.run(main())


class TestHealth:
    def test_the_candidates_check_stands_before_the_instances(self) -> None:
        """
        It is asked in place of the instance's own, by callable or by name, and takes it.
        """
        asked: list[Any] = []

        class Own:
            def health(self) -> bool:
                raise AssertionError

        def check(instance: Any) -> bool:
            asked.append(instance)
            return len(asked) < 3

        async def main() -> str:
            async with lifecycle(Own, health=check) as life:
                assert (await life.swap(*KEY)).ok
                assert await life.check(*KEY) is None
                return (await life.swap(*KEY, force=True)).why

        assert asyncio.run(main()) == "its health check says no"
        assert all(isinstance(one, Own) for one in asked)

    def test_by_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A text is imported at activation, as a factory is; what never may be one is refused.
        """
        checks = SimpleNamespace(well=lambda instance: instance == {})
        monkeypatch.setitem(sys.modules, "own_checks", checks)

        async def main(name: str, **facts: Any) -> Any:
            async with lifecycle(dict, health=name, **facts) as life:
                return await life.swap(*KEY)

        assert asyncio.run(main("own_checks:well")).ok
        assert "a module that never may be one" in asyncio.run(main("os:system")).why
        wrong = asyncio.run(main("own_checks:well", settings_model="sys:exit", blocking=True))
        assert wrong.ok  # nobody asks for settings, so nothing of them is imported
