"""Floods of events to handlers that are slow, raise or hang; row 31 of the faults."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oneiric_lab.errors import StoreError
from oneiric_lab.lifecycle import Lifecycle
from oneiric_lab.registry import Candidate, Registry
from oneiric_lab.runtime import Event, Events, options_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from oneiric_lab.store import DeadLetter


def play(
    story: Callable[[Events], Awaitable[None]],
    keep: Callable[[Sequence[DeadLetter]], object] | None = None,
    **options: Any,
) -> Events:
    """Tell a story of events, and return them once they are closed."""

    async def main() -> Events:
        async with Lifecycle(Registry()) as life:
            events = Events(life, options=options_of(options), keep=keep)
            async with events.running():
                await story(events)
            return events

    return asyncio.run(main())


class TestConcurrency:
    """Upstream keeps `max_concurrency` and never asks it."""

    @pytest.mark.parametrize("most", [1, 3, 8])
    def test_never_more_at_a_time(self, most: int) -> None:
        """A flood of a hundred keeps as many busy as may be, and not one more."""
        busy = peak = 0

        async def handler(event: Event) -> None:
            nonlocal busy, peak
            busy += 1
            peak = max(peak, busy)
            await asyncio.sleep(0.0005)
            busy -= 1

        async def story(events: Events) -> None:
            events.on("t", handler, max_concurrency=most)
            for n in range(100):
                await events.emit("t", n)

        play(story)
        assert peak == most

    @given(st.integers(1, 5), st.integers(1, 6), st.integers(1, 40))
    @settings(max_examples=25)
    def test_nothing_is_lost_whatever_the_size(self, most: int, size: int, count: int) -> None:
        """With a queue that blocks, each event is handled exactly once."""
        seen: list[int] = []

        async def handler(event: Event) -> None:
            await asyncio.sleep(0)
            seen.append(event.payload)

        async def story(events: Events) -> None:
            events.on("t", handler, max_concurrency=most, queue_size=size)
            async with anyio.create_task_group() as tasks:
                for n in range(count):
                    tasks.start_soon(events.emit, "t", n)

        play(story)
        assert sorted(seen) == list(range(count))

    def test_a_smaller_number_is_kept_from_then_on(self) -> None:
        """Another generation may allow fewer: workers that are too many go, and lose nothing."""
        seen: list[int] = []

        async def handler(event: Event) -> None:
            await asyncio.sleep(0)
            seen.append(event.payload)

        async def main() -> None:
            async with Lifecycle(Registry()) as life:

                def allow(most: int) -> None:
                    facts = {"max_concurrency": most}
                    life.registry.add(Candidate("event", "t", "x", lambda: handler, metadata=facts))

                events = Events(life)
                async with events.running():
                    allow(8)
                    for n in range(20):
                        await events.emit("t", n)
                    allow(1)
                    for n in range(20, 40):
                        await events.emit("t", n)

        asyncio.run(main())
        assert sorted(seen) == list(range(40))


class TestFloods:
    """A bounded queue, a policy that is counted, and others that notice nothing."""

    def test_block_lets_who_emits_wait(self) -> None:
        """The queue never grows beyond its size, and every event is handled."""
        deepest = 0
        seen: list[int] = []

        async def slow(event: Event) -> None:
            await asyncio.sleep(0)
            seen.append(event.payload)

        async def story(events: Events) -> None:
            nonlocal deepest
            events.on("t", slow, queue_size=10)
            for n in range(500):
                await events.emit("t", n)
                deepest = max(deepest, events.snapshot()["queue_depth"]["t"])

        play(story)
        assert deepest == 10
        assert seen == list(range(500))

    def test_drop_oldest_keeps_the_newest(self) -> None:
        """The handler that hangs loses old events, counted; the other one gets all."""
        dead: list[DeadLetter] = []
        other: list[int] = []

        async def story(events: Events) -> None:
            events.on(
                "t",
                lambda event: asyncio.sleep(60),
                name="hangs",
                queue_size=10,
                overflow="drop-oldest",
                priority=9,
            )
            events.on("t", lambda event: other.append(event.payload), name="other")
            for n in range(500):
                await events.emit("t", n)

        events = play(story, dead.extend, drain_timeout=0.02)
        counts = events.snapshot()["deliveries"]["t"]
        assert other == list(range(500))
        assert counts["handled"] == 500
        assert counts["dropped"] + counts["dead"] == 500
        assert sorted(one.event["payload"] for one in dead)[-10:] == list(range(490, 500))

    def test_dead_letter_keeps_what_had_no_room(self) -> None:
        """Nothing waits, and nothing is lost: what had no room is kept."""
        dead: list[DeadLetter] = []
        other: list[int] = []

        async def story(events: Events) -> None:
            events.on(
                "t",
                lambda event: asyncio.sleep(60),
                name="hangs",
                queue_size=10,
                overflow="dead-letter",
            )
            events.on("t", lambda event: other.append(event.payload), name="other")
            for n in range(500):
                await events.emit("t", n)

        play(story, dead.extend, drain_timeout=0.02)
        assert other == list(range(500))
        assert sorted(one.event["payload"] for one in dead) == list(range(500))
        assert {one.reason for one in dead} == {"queue-full", "closed"}

    def test_one_that_raises_touches_no_other(self) -> None:
        """Five hundred errors: five hundred dead letters, and the neighbour gets all events."""
        dead: list[DeadLetter] = []
        other: list[int] = []

        def raises(event: Event) -> None:
            raise RuntimeError(str(event.payload))

        async def story(events: Events) -> None:
            events.on("t", raises, name="raises")
            events.on("t", lambda event: other.append(event.payload), name="other")
            for n in range(500):
                await events.emit("t", n)

        play(story, dead.extend)
        assert other == list(range(500))
        assert [one.detail for one in dead] == [f"RuntimeError: {n}" for n in range(500)]

    def test_one_that_hangs_holds_up_no_other(self) -> None:
        """While one hangs, events of the same topic reach the others at once."""

        async def story(events: Events) -> None:
            events.on("t", lambda event: asyncio.sleep(60), name="hangs", priority=9)
            reached = asyncio.Event()
            events.on("t", lambda event: reached.set(), name="other")
            await events.emit("t")
            async with asyncio.timeout(5):
                await reached.wait()

        play(story, drain_timeout=0.01)

    def test_a_long_run_of_short_calls_lets_others_have_their_turn(self) -> None:
        """A handler that never awaits gives way after a few milliseconds."""
        longest = 0.0

        async def story(events: Events) -> None:
            nonlocal longest
            events.on("t", lambda event: time.sleep(0.001), name="busy")
            for n in range(100):
                await events.emit("t", n)
            began = time.process_time()
            turns = 0
            while events.snapshot()["queue_depth"]["t"]:
                await asyncio.sleep(0)
                turns += 1
            longest = time.process_time() - began
            assert turns >= 5

        play(story)

    def test_a_burst_is_no_flood(self) -> None:
        """Workers that only lacked their turn have it before an event is dropped."""
        seen: list[int] = []

        async def story(events: Events) -> None:
            take = {"queue_size": 2, "overflow": "drop-oldest"}
            events.on("t", lambda event: seen.append(event.payload), name="quick", **take)
            for n in range(10):
                await events.emit("t", n)

        play(story)
        assert seen == list(range(10))

    def test_who_waits_no_longer_leaves_a_dead_letter(self) -> None:
        """Cancelled while a queue was full, an event is kept and not half delivered."""
        dead: list[DeadLetter] = []

        async def story(events: Events) -> None:
            events.on("t", lambda event: asyncio.sleep(60), name="hangs", queue_size=1)
            await events.emit("t", 0)
            await asyncio.sleep(0)
            await events.emit("t", 1)
            with anyio.move_on_after(0.01):
                await events.emit("t", 2)

        play(story, dead.extend, drain_timeout=0.01)
        assert [one.event["payload"] for one in dead if one.reason == "cancelled"] == [2]
        assert sorted(one.event["payload"] for one in dead) == [0, 1, 2]

    def test_room_that_was_meant_for_one_that_left_goes_on(self) -> None:
        """Of two that wait for room, the second has it when the first is cancelled."""
        seen: list[int] = []
        gate = asyncio.Event()
        waits: list[asyncio.Task[Event]] = []

        async def slow(event: Event) -> None:
            if event.payload == 1:
                # It has left the queue: who waits first has its room, and has not run yet.
                waits[0].cancel()
            await gate.wait()
            seen.append(event.payload)

        async def story(events: Events) -> None:
            events.on("t", slow, queue_size=1)
            await events.emit("t", 0)
            await asyncio.sleep(0)
            await events.emit("t", 1)
            waits.extend(asyncio.create_task(events.emit("t", n)) for n in (2, 3))
            await asyncio.sleep(0.005)
            gate.set()
            await asyncio.wait(waits)

        play(story)
        assert waits[0].cancelled()
        assert seen == [0, 1, 3]


class TestCircles:
    """Handlers that emit to each other, with queues that block."""

    def test_one_that_floods_itself_does_not_stop(self) -> None:
        """It would wait for room that only it can make: what has none is a dead letter."""
        dead: list[DeadLetter] = []
        seen: list[int] = []

        async def story(events: Events) -> None:
            async def breeds(event: Event) -> None:
                seen.append(event.payload)
                if event.payload < 4:
                    for _ in range(3):
                        await events.emit("t", event.payload + 1)

            events.on("t", breeds, queue_size=2)
            await events.emit("t", 0)
            async with asyncio.timeout(10):
                assert await events.drain(9)

        play(story, dead.extend)
        assert len(seen) > 5
        assert {one.reason for one in dead} == {"queue-full"}

    def test_two_that_flood_each_other_do_not_stop(self) -> None:
        """A circle of two is found as well."""
        dead: list[DeadLetter] = []

        async def story(events: Events) -> None:
            def echo(to: str) -> Callable[[Event], Awaitable[None]]:
                async def handler(event: Event) -> None:
                    if event.payload:
                        for _ in range(3):
                            await events.emit(to, event.payload - 1)

                return handler

            events.on("a", echo("b"), name="a", queue_size=2)
            events.on("b", echo("a"), name="b", queue_size=2)
            await events.emit("a", 8)
            async with asyncio.timeout(10):
                assert await events.drain(9)

        play(story, dead.extend)
        assert {one.reason for one in dead} == {"queue-full"}

    def test_a_line_of_handlers_waits_and_loses_nothing(self) -> None:
        """Without a circle, a full queue holds up who fills it, and all is handled."""
        dead: list[DeadLetter] = []
        seen: list[int] = []

        async def story(events: Events) -> None:
            async def first(event: Event) -> None:
                for n in range(5):
                    await events.emit("b", event.payload * 5 + n)

            async def second(event: Event) -> None:
                await asyncio.sleep(0)
                seen.append(event.payload)

            events.on("a", first, queue_size=2)
            events.on("b", second, queue_size=2)
            for n in range(20):
                await events.emit("a", n)

        play(story, dead.extend)
        assert seen == list(range(100))
        assert dead == []


class TestGraves:
    """Dead letters on their way to the store."""

    def test_a_flood_of_them_waits_for_the_store(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who makes more than can be written waits; none is lost."""
        from oneiric_lab.runtime import _graves

        monkeypatch.setattr(_graves, "_MANY", 10)
        kept: list[int] = []

        def keep(letters: Sequence[DeadLetter]) -> None:
            kept.extend(one.event["payload"] for one in letters)

        def raises(event: Event) -> None:
            raise RuntimeError

        async def story(events: Events) -> None:
            events.on("t", raises, name="raises")
            for n in range(5000):
                await events.emit("t", n)

        events = play(story, keep)
        assert kept == list(range(5000))
        assert events.snapshot()["dead_letters_lost"] == 0

    def test_a_store_that_fails_stops_no_handler(self, caplog: pytest.LogCaptureFixture) -> None:
        """Letters wait for it; what it never takes is counted as lost, and told in the log."""

        def keep(letters: Sequence[DeadLetter]) -> None:
            raise StoreError("the disk is full")

        other: list[int] = []

        def raises(event: Event) -> None:
            raise RuntimeError

        async def story(events: Events) -> None:
            events.on("t", raises, name="raises")
            events.on("t", lambda event: other.append(event.payload), name="other")
            for n in range(12_000):
                await events.emit("t", n)
            await events.keep_letters()

        events = play(story, keep)
        assert other == list(range(12_000))
        assert events.snapshot()["dead_letters_lost"] == 12_000
        assert "the disk is full" in caplog.text

    def test_one_batch_is_written_at_a_time(self) -> None:
        """Who asks for what there is now waits for the batch before, and the order stays."""
        kept: list[int] = []

        def keep(letters: Sequence[DeadLetter]) -> None:
            if not kept and letters[0].event["payload"] == 1:
                time.sleep(0.05)
            kept.extend(one.event["payload"] for one in letters)

        def raises(event: Event) -> None:
            raise RuntimeError

        async def story(events: Events) -> None:
            events.on("t", raises, name="raises")
            await events.emit("t", 1)
            await asyncio.sleep(0.01)
            await events.emit("t", 2)
            assert await events.drain(5)
            assert await events.keep_letters()
            assert kept == [1, 2]

        play(story, keep)

    def test_a_store_that_comes_back_gets_what_waited(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One failure loses nothing, and what came meanwhile stays behind."""
        from oneiric_lab.runtime import _graves

        monkeypatch.setattr(_graves, "_PATIENCE", 0.001)
        kept: list[int] = []
        fails = [OSError("once")]

        def keep(letters: Sequence[DeadLetter]) -> None:
            if fails:
                time.sleep(0.05)
                raise fails.pop()
            kept.extend(one.event["payload"] for one in letters)

        def raises(event: Event) -> None:
            raise RuntimeError

        async def story(events: Events) -> None:
            events.on("t", raises, name="raises")
            await events.emit("t", 1)
            await asyncio.sleep(0.01)
            await events.emit("t", 2)
            await events.drain(5)
            await events.keep_letters()

        play(story, keep)
        assert kept == [1, 2]
