"""A host of any parts: how they begin, go on, and end in order."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from oneiric_lab.errors import UsageError
from oneiric_lab.runtime import Host, Part, _host, looping

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class World:
    """Parts that tell what was done to them."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def part(self, name: str, *, begin: Any = None, end: Any = None, **more: Any) -> Part:
        """Return a part that awaits *begin* and *end*."""

        @asynccontextmanager
        async def named() -> AsyncIterator[None]:
            try:
                if begin is not None:
                    await begin()
                self.seen.append(f"{name} up")
                yield
            finally:
                if end is not None:
                    await end()
                self.seen.append(f"{name} down")

        return Part(name, name, named, **more)


async def hang() -> None:
    """Wait for ever."""
    await asyncio.sleep(3600)


async def fail() -> None:
    """Raise what is ours."""
    raise UsageError("it is broken", fix="mend it")


def served(host: Host, then: Callable[[Host], object] | None = None) -> Any:
    """Serve in a loop; *then* is called when all is up."""
    return asyncio.run(host.serve(lambda: (then or Host.stop)(host)))


class TestOrder:
    def test_parts_begin_in_order_and_end_in_reverse(self) -> None:
        """
        What others stand on is there first and goes last; one that is off never begins.
        """
        world = World()
        host = Host([world.part("a"), world.part("x", why_off="not wanted"), world.part("b")])

        ended = served(host)

        assert world.seen == ["a up", "b up", "b down", "a down"]
        assert (ended.by, ended.left, ended.exit_code) == ("stop", (), 0)
        assert [part.state for part in host.parts] == ["ended", "off", "ended"]
        assert host.state == "stopped"

    def test_one_that_cannot_begin_ends_those_before_it(self) -> None:
        """
        The error is that of the part, and nothing is left up.
        """
        world = World()
        host = Host([world.part("a"), world.part("b", begin=fail), world.part("c")])

        with pytest.raises(UsageError, match="it is broken"):
            served(host)

        assert world.seen == ["a up", "b down", "a down"]
        assert host.parts[1].error == "it is broken"

    @pytest.mark.parametrize("number", [0, 1, 2])
    def test_told_to_stop_while_a_part_begins(self, number: int) -> None:
        """
        At every stage of the start what is up ends, what begins is cancelled, the rest never is.
        """
        world = World()
        names = ["a", "b", "c"]
        parts = [world.part(n, begin=hang if i == number else None) for i, n in enumerate(names)]
        host = Host(parts, end=1.2)

        async def main() -> Any:
            task = asyncio.create_task(host.serve())
            while len(world.seen) < number:  # noqa: ASYNC110 - it is about the turns of the loop
                await asyncio.sleep(0)
            await asyncio.sleep(0.01)
            host.stop("SIGTERM")
            return await task

        ended = asyncio.run(main())

        up = [f"{name} up" for name in names[:number]]
        down = [f"{name} down" for name in reversed(names[: number + 1])]
        assert world.seen == [*up, *down]
        assert ended.by == "SIGTERM"

    def test_a_part_that_fails_at_its_end_is_told(self) -> None:
        """
        The others end all the same.
        """
        world = World()
        ended = served(Host([world.part("a"), world.part("b", end=fail)]))

        assert ended.left == ("b: it is broken",)
        assert world.seen == ["a up", "b up", "a down"]

    def test_cancelled_it_ends_its_parts(self) -> None:
        """
        A job that holds a host may be cancelled.
        """
        world = World()

        async def main() -> None:
            task = asyncio.create_task(Host([world.part("a")]).serve())
            while not world.seen:  # noqa: ASYNC110 - see above
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())

        assert world.seen == ["a up", "a down"]

    def test_a_cancel_scope_ends_its_parts_too(self) -> None:
        """
        One of anyio's cancels each await again; the end of things is shielded.
        """
        world = World()

        async def slowly() -> None:
            await asyncio.sleep(0.05)
            world.seen.append("b ended")

        async def main() -> None:
            host = Host([world.part("a"), world.part("b", end=slowly)])
            async with anyio.create_task_group() as tasks:
                await host.serve(tasks.cancel_scope.cancel)

        asyncio.run(main())

        assert world.seen == ["a up", "b up", "b ended", "b down", "a down"]


class TestDrain:
    def test_one_that_still_begins_is_draining_from_the_word_on(self) -> None:
        """
        Before the loop turns: a probe must not hear that it starts.
        """
        host = Host([World().part("a", begin=hang)])

        async def main() -> None:
            serving = asyncio.create_task(host.serve())
            await asyncio.sleep(0.01)
            states = [host.state]
            host.stop()
            states.append(host.state)
            await serving
            assert [*states, host.state] == ["starting", "draining", "stopped"]

        asyncio.run(main())

    def test_it_is_not_ready_from_the_word_on(self) -> None:
        """
        Whoever asks in the same moment sees that it drains.
        """
        states: list[object] = []
        host = Host([])

        def told(host: Host) -> None:
            states.append(host.is_up)
            host.stop()
            states.extend([host.is_up, host.state])

        served(host, told)

        assert states == [True, False, "draining"]

    def test_what_is_in_flight_ends_first(self) -> None:
        """
        Parts end when all drains are over.
        """
        world = World()

        async def drain() -> None:
            await asyncio.sleep(0.05)
            world.seen.append("a drained")

        served(Host([world.part("a", drain=drain), world.part("b")]))

        assert world.seen == ["a up", "b up", "a drained", "b down", "a down"]

    def test_what_does_not_drain_is_left_at_the_limit(self) -> None:
        """
        Told by name, within the limit.
        """
        world = World()
        host = Host([world.part("a", drain=hang), world.part("b", drain=fail)], drain=0.1)

        ended = served(host)

        assert ended.left == ("a: still in flight", "b: it is broken")
        assert world.seen[-1] == "a down"

    def test_a_part_that_hangs_at_its_end_is_cancelled(self) -> None:
        """
        The one below it still ends by itself.
        """
        world = World()
        host = Host([world.part("a"), world.part("b", end=hang)], drain=0, end=1.2)

        ended = served(host)

        assert ended.left == ("b: cancelled",)
        assert world.seen == ["a up", "b up", "a down"]
        assert ended.stopped_in < 5


class TestReload:
    def test_it_is_ready_meanwhile_and_afterwards(self) -> None:
        """
        A reload that fails is logged, and what runs goes on.
        """
        seen: list[str] = []

        async def reload() -> None:
            seen.append(host.state)
            assert host.is_up
            if len(seen) == 1:
                host.ask_reload()
                await fail()
            if len(seen) == 2:
                host.ask_reload()
                raise OSError("disk")
            host.stop()

        host = Host([], reload)
        ended = served(host, Host.ask_reload)

        assert seen == ["reloading"] * 3
        assert ended.by == "stop"


class TestLag:
    def test_a_loop_that_was_blocked_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        For ten seconds after, whoever asks sees the greatest delay.
        """
        monkeypatch.setattr(_host, "_LAG_EVERY", 0.01)

        async def main() -> float:
            host = Host([])
            task = asyncio.create_task(host.serve())
            await asyncio.sleep(0.02)
            time.sleep(0.1)  # noqa: ASYNC251 - to block it is the point
            async with asyncio.timeout(5):
                while host.lag < 0.05:  # noqa: ASYNC110 - it is measured by a clock
                    await asyncio.sleep(0.01)
            host.stop()
            await task
            return host.lag

        assert asyncio.run(main()) > 0.05


class TestSignals:
    def test_they_are_obeyed_and_given_back(self) -> None:
        """
        SIGHUP reloads, SIGTERM stops; afterwards the former handlers are there.
        """
        before = [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
        seen: list[str] = []

        async def reload() -> None:
            seen.append("reload")
            signal.raise_signal(signal.SIGTERM)

        host = Host([], reload)
        with host.signals():
            ended = served(host, lambda _: signal.raise_signal(signal.SIGHUP))

        assert seen == ["reload"]
        assert ended.by == "SIGTERM"
        after = [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
        assert after == before
        assert not [t for t in threading.enumerate() if isinstance(t, threading.Timer)]

    def test_ctrl_c_is_told_by_the_exit_code(self) -> None:
        """
        130, as of any command that its user ended.
        """
        host = Host([])
        with host.signals():
            ended = served(host, lambda _: signal.raise_signal(signal.SIGINT))

        assert ended.exit_code == 130
        assert "told by  SIGINT" in " ".join(str(ended).split("\n")).replace("   ", "  ")


class TestLooping:
    def test_a_loop_outlives_what_it_raises(self) -> None:
        """
        It waits longer each time, says that it fails, and is up again when it goes on.
        """
        waits: list[float] = []
        states: list[str] = []
        part = World().part("sync")

        async def main() -> None:
            done = asyncio.Event()

            async def sleep(seconds: float) -> None:
                waits.append(seconds)
                states.append(part.state)
                await asyncio.sleep(0)

            async def work() -> None:
                if len(waits) < 3:
                    raise OSError("gone")
                done.set()
                await hang()

            async with looping(lambda: part, work, sleep=sleep):
                await done.wait()
                states.append(part.state)

        asyncio.run(main())

        assert waits == [1.0, 2.0, 4.0]
        assert states == ["failing"] * 3 + ["up"]
        assert part.error == "OSError: gone"

    def test_one_that_was_well_for_long_waits_as_at_first(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A failure a day is no reason to be away for a minute.
        """
        now = 0.0
        waits: list[float] = []

        async def sleep(seconds: float) -> None:
            waits.append(seconds)
            await asyncio.sleep(0)

        async def main() -> None:
            done = asyncio.Event()

            async def work() -> None:
                nonlocal now
                if len(waits) == 4:
                    done.set()
                    await hang()
                now += 61 if len(waits) == 2 else 1
                raise OSError("gone")

            async with looping(lambda: None, work, sleep=sleep):
                await done.wait()

        monkeypatch.setattr(_host, "time", SimpleNamespace(monotonic=lambda: now))
        asyncio.run(main())

        assert waits == [1.0, 2.0, 1.0, 2.0]
