"""Events: from who emits them to every handler that takes them."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from oneiric_lab.errors import UsageError
from oneiric_lab.lifecycle import Lifecycle
from oneiric_lab.registry import Candidate, Registry
from oneiric_lab.runtime import Event, EventOptions, Events, _events, emit, emit_sync, options_of
from oneiric_lab.runtime._delivery import Waiting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from oneiric_lab.store import DeadLetter


class Yard:
    """Events of a lifecycle, with what was handled and what was given up."""

    def __init__(self, life: Lifecycle, **options: Any) -> None:
        self.life = life
        self.seen: list[tuple[str, Any]] = []
        self.dead: list[DeadLetter] = []
        self.events = Events(
            life, options=options_of(options), keep=self.dead.extend, source="yard", clock=lambda: 5
        )

    def handler(self, name: str) -> Callable[[Event], None]:
        """Return a handler that writes down the payloads that it gets."""
        return lambda event: self.seen.append((name, event.payload))

    def add(self, key: str, provider: str = "one", **said: Any) -> None:
        """Add a component that handles events."""
        self.life.registry.add(
            Candidate(
                "event",
                key,
                provider,
                lambda: self.handler(provider),
                metadata={"event": said},
                priority=said.pop("wins", 0),
            )
        )


def play(story: Callable[[Yard], Awaitable[None]], **options: Any) -> Yard:
    """Tell a story in a yard that is open, and return the yard once it is closed."""

    async def main() -> Yard:
        async with Lifecycle(Registry()) as life:
            yard = Yard(life, **options)
            async with yard.events.running():
                await story(yard)
            return yard

    with anyio.from_thread.start_blocking_portal() as portal:
        return portal.call(main)


class TestEmit:
    """From who emits to who takes."""

    def test_every_listener_gets_an_event_by_priority(self) -> None:
        """A broadcast begins with the highest priority; other topics are nobody's business."""

        async def story(yard: Yard) -> None:
            for name, priority in (("low", -1), ("high", 9), ("mid", 0)):
                yard.events.on("order", yard.handler(name), name=name, priority=priority)
            yard.events.on("stock", yard.handler("other"))
            await yard.events.emit("order", 7)

        assert play(story).seen == [("high", 7), ("mid", 7), ("low", 7)]

    def test_an_exclusive_listener_gets_it_alone(self) -> None:
        """The first of those that take it; one whose filter refuses leaves it to the others."""

        async def story(yard: Yard) -> None:
            large = [{"path": "payload.total", "equals": 100}]
            on = yard.events.on
            on("order", yard.handler("audit"), name="audit", priority=9)
            on("order", yard.handler("boss"), name="boss", filters=large, fanout_policy="exclusive")
            await yard.events.emit("order", {"total": 100})
            await yard.events.emit("order", {"total": 1})

        assert play(story).seen == [("boss", {"total": 100}), ("audit", {"total": 1})]

    def test_components_and_functions_listen_alike(self) -> None:
        """A component is activated by its first event, and has a `handle` or is called."""

        class Handler:
            def __init__(self, yard: Yard) -> None:
                self._yard = yard

            async def handle(self, event: Event) -> None:
                await asyncio.sleep(0)
                self._yard.seen.append(("component", event.topic))

        async def story(yard: Yard) -> None:
            yard.life.registry.add(Candidate("event", "order", "x", lambda: Handler(yard)))
            yard.events.on(["order", "stock"], yard.handler("function"))
            event, told = await yard.events.dispatch("order")
            assert event.source == "yard"
            assert [(row.handler, row.outcome) for row in told] == [
                ("Yard.handler.<locals>.<lambda>", "handled"),
                ("order", "handled"),
            ]

        assert sorted(play(story).seen) == [("component", "order"), ("function", None)]

    def test_a_cause_travels_along(self) -> None:
        """What a handler emits names its event as the cause, and the first one of the chain."""
        chain: list[Event] = []

        async def story(yard: Yard) -> None:
            async def first(event: Event) -> None:
                chain.append(event)
                await yard.events.emit("second")

            async def second(event: Event) -> None:
                chain.append(event)
                await yard.events.emit("third", headers={"tenant": "eu"})

            yard.events.on("first", first)
            yard.events.on("second", second)
            yard.events.on("third", chain.append, name="third")
            await yard.events.emit("first")
            await yard.events.drain(5)
            await yard.events.emit("third", correlation="mine")

        play(story)
        one, two, three, four = chain
        assert (one.correlation, one.causation) == ("", "")
        assert (two.correlation, two.causation) == (one.id, one.id)
        assert (three.correlation, three.causation) == (one.id, two.id)
        assert (four.correlation, four.causation) == ("mine", "")
        assert three.headers == {"tenant": "eu"}
        assert len({event.id for event in chain}) == 4

    def test_what_nobody_takes_is_counted(self) -> None:
        """Of more than a thousand unknown topics the numbers are kept together."""

        async def story(yard: Yard) -> None:
            for n in range(1010):
                await yard.events.emit(f"t{n}")
            assert await yard.events.dispatch("t0") == (await yard.events.emit("t0"), ()) or True

        counted = play(story).events.snapshot()["deliveries"]
        assert counted["t0"]["unhandled"] == 3
        assert counted[""]["unhandled"] == 10
        assert len(counted) == 1001

    @pytest.mark.parametrize(
        ("topic", "payload"), [("", 1), ("a\tb", 1), ("t", object()), ("t", {1})]
    )
    def test_what_is_no_event_is_refused(self, topic: str, payload: object) -> None:
        """Nothing is handed over; a payload is JSON data."""

        async def story(yard: Yard) -> None:
            for ask in (yard.events.emit, yard.events.dispatch):
                with pytest.raises(UsageError) as caught:
                    await ask(topic, payload)
                assert caught.value.code == "event"

        play(story)

    def test_nothing_is_taken_outside_the_block(self) -> None:
        """Before and after it, emitting is an error; inside, a second block is."""

        async def main() -> None:
            async with Lifecycle(Registry()) as life:
                events = Events(life)
                for ask in (events.emit("t"), events.deliver(Event("t"))):
                    with pytest.raises(UsageError, match="nothing takes events now"):
                        await ask
                async with events.running():
                    with pytest.raises(UsageError, match="run already"):
                        async with events.running():
                            pass
                with pytest.raises(UsageError) as caught:
                    await events.emit("t")
                assert caught.value.code == "events-closed"
                async with events.running():  # once more
                    await events.emit("t")

        anyio.run(main)

    def test_a_name_is_taken_once(self) -> None:
        """Handlers are known by their names; one that was taken off frees its name."""

        async def story(yard: Yard) -> None:
            off = yard.events.on("t", yard.handler("a"), name="a")
            with pytest.raises(UsageError, match="called 'a' already"):
                yard.events.on("t", yard.handler("b"), name="a")
            await yard.events.emit("t", 1)
            off()
            off()
            yard.events.on("t", yard.handler("b"), name="a")
            await yard.events.emit("t", 2)

        assert play(story).seen == [("a", 1), ("b", 2)]

    def test_one_handler_alone_can_be_meant(self) -> None:
        """As a dead letter is handed over again: filters are not asked, others hear nothing."""

        async def story(yard: Yard) -> None:
            yard.events.on("t", yard.handler("a"), name="a", filters=[{"path": "payload.x"}])
            yard.events.on("t", yard.handler("b"), name="b")
            await yard.events.deliver(Event("t", 1), only="a")
            with pytest.raises(UsageError, match="no handler is called 'c'"):
                await yard.events.deliver(Event("t", 1), only="c")

        assert play(story).seen == [("a", 1)]

    def test_an_error_of_the_block_comes_out_alone(self) -> None:
        """Not in a group: the workers have nothing to do with it."""

        async def story(yard: Yard) -> None:
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            play(story)

    def test_a_component_that_cannot_listen_is_a_problem(self) -> None:
        """It gets no events, the others do."""

        async def story(yard: Yard) -> None:
            yard.add("bad", topics=["t"], priority="high")
            yard.add("good", topics=["t"])
            await yard.events.emit("t", 1)
            (problem,) = yard.events.problems
            assert "event:bad (one): priority" in problem.message
            assert repr(yard.events) == "<Events: 1 handlers>"

        assert play(story).seen == [("one", 1)]


class TestThreads:
    """Who emits from another thread."""

    def test_a_handler_in_a_thread_emits_what_it_caused(self) -> None:
        """It waits for room like others, and its event names the cause."""
        caught: list[Event] = []

        async def story(yard: Yard) -> None:
            def blocks(event: Event) -> None:
                yard.events.emit_sync("second", 2)

            yard.events.on("first", blocks, blocking=True)
            yard.events.on("second", caught.append, name="second", queue_size=1)
            first = await yard.events.emit("first")
            await yard.events.drain(5)
            assert caught[0].causation == first.id
            with pytest.raises(UsageError, match="cannot wait for it"):
                yard.events.emit_sync("first")

        play(story)
        assert [event.payload for event in caught] == [2]

    def test_a_handler_need_not_know_whose_it_is(self) -> None:
        """It emits where its own events come from, on the loop or in a thread."""
        caught: list[Event] = []

        class Relay:
            async def handle(self, event: Event) -> None:
                await emit("second", 2, headers={"tenant": "eu"})

        class Blocks:
            def handle(self, event: Event) -> None:
                emit_sync("third", 3)

        async def story(yard: Yard) -> None:
            yard.life.registry.add(Candidate("event", "first", "x", Relay))
            yard.life.registry.add(Candidate("event", "second", "x", Blocks, blocking=True))
            yard.events.on(["second", "third"], caught.append, name="all")
            await yard.events.emit("first")
            await yard.events.drain(5)

        play(story)
        second, third = caught
        assert (third.causation, second.headers) == (second.id, {"tenant": "eu"})
        with pytest.raises(UsageError, match="no handler of events runs here"):
            emit_sync("first")

    def test_another_loop_is_refused(self) -> None:
        """Rather than never woken."""

        async def story(yard: Yard) -> None:
            for ask in (lambda: yard.events.emit("t"), lambda: yard.events.deliver(Event("t"))):
                with pytest.raises(UsageError, match="another event loop"):
                    await asyncio.to_thread(asyncio.run, ask())

        yard = play(story)
        with pytest.raises(UsageError, match="nothing takes"):
            yard.events.emit_sync("t")


class TestSwaps:
    """Handlers are leased: what is swapped, paused or withdrawn drops no event."""

    def test_a_swap_under_way_drops_nothing(self) -> None:
        """A thousand events and twenty swaps: each event is handled once, by either provider."""

        async def story(yard: Yard) -> None:
            for provider in ("a", "b"):
                yard.add("t", provider)

            async def swap() -> None:
                for n in range(20):
                    await yard.life.swap("event", "t", provider="ab"[n % 2])
                    await asyncio.sleep(0)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(swap)
                for n in range(1000):
                    await yard.events.emit("t", n)
                    if n % 20 == 0:
                        await asyncio.sleep(0)

        yard = play(story)
        assert [n for _, n in yard.seen] == list(range(1000))
        assert {provider for provider, _ in yard.seen} == {"a", "b"}

    def test_an_instance_in_use_is_not_closed(self) -> None:
        """A swap during a call lets the call end on the old instance first."""
        log: list[str] = []

        class Handler:
            def __init__(self, name: str, go: asyncio.Event) -> None:
                self.name, self.go = name, go

            async def handle(self, event: Event) -> None:
                await self.go.wait()
                log.append(f"handled by {self.name}")

            def close(self) -> None:
                log.append(f"closed {self.name}")

        async def story(yard: Yard) -> None:
            go = asyncio.Event()
            for name in "ab":
                yard.life.registry.add(
                    Candidate("event", "t", name, lambda name=name: Handler(name, go))
                )
            await yard.life.activate("event", "t")
            await yard.events.emit("t")
            await asyncio.sleep(0)
            await yard.life.swap("event", "t", provider="b")
            await yard.events.emit("t")
            go.set()
            await yard.events.drain(5)

        play(story)
        assert log.index("handled by a") < log.index("closed a")
        assert "handled by b" in log

    def test_a_paused_handler_keeps_its_queue(self) -> None:
        """Others go on; a resume hands over what waited, in its order."""

        async def story(yard: Yard) -> None:
            yard.add("t")
            yard.events.on("t", yard.handler("other"))
            await yard.events.dispatch("t", 0)
            await yard.life.pause("event", "t")
            for n in (1, 2, 3):
                await yard.events.emit("t", n)
            assert await yard.events.drain(5)
            assert [n for who, n in yard.seen if who == "one"] == [0]
            assert [n for who, n in yard.seen if who == "other"] == [0, 1, 2, 3]
            (held,) = [h for h in yard.events.snapshot()["handlers"] if h["paused"]]
            assert (held["handler"], held["waiting"]) == ("t", 3)
            await yard.life.resume("event", "t")
            await asyncio.sleep(0)
            await yard.events.drain(5)

        assert [n for who, n in play(story).seen if who == "one"] == [0, 1, 2, 3]

    def test_a_receipt_knows_where_the_event_is(self) -> None:
        """With the handler, back in the queue of one that is paused, with it again, ended."""
        log: list[str] = []

        class Slip(Waiting):
            def begun(self, name: str) -> None:
                log.append(f"begun {name}")

            def put_back(self, name: str) -> None:
                log.append(f"put back {name}")

            def told(self, name: str, *rest: Any) -> None:
                log.append(f"told {name}")
                super().told(name, *rest)

        async def story(yard: Yard) -> None:
            yard.add("t")
            await yard.life.pause("event", "t")
            task = asyncio.create_task(yard.events.deliver(Event("t"), receipt=Slip))
            assert await yard.events.drain(5)
            await asyncio.sleep(0.01)
            await yard.life.resume("event", "t")
            await task

        play(story)
        assert log == ["begun t", "put back t", "begun t", "told t"]

    def test_what_a_paused_handler_has_at_the_end_is_a_dead_letter(self) -> None:
        """The end does not wait for a resume, and loses nothing."""

        async def story(yard: Yard) -> None:
            yard.add("t")
            await yard.life.pause("event", "t")
            await yard.events.emit("t", 1)

        yard = play(story)
        assert [(one.reason, one.event["payload"]) for one in yard.dead] == [("closed", 1)]

    def test_fewer_workers_leave_no_event_behind(self) -> None:
        """One that goes, since there are too many, was meant to have it: another has it."""

        async def story(yard: Yard) -> None:
            many = asyncio.Barrier(2)

            async def handle(event: Event) -> None:
                if event.payload < 2:
                    await many.wait()
                yard.seen.append(("t", event.payload))

            yard.life.registry.add(Candidate("event", "u", "one", lambda: handle))
            yard.events.configure(options_of({"handlers": {"u": {"max_concurrency": 2}}}))
            for n in (0, 1):
                await yard.events.emit("u", n)
            assert await yard.events.drain(5)
            yard.events.configure(options_of({"handlers": {"u": {"max_concurrency": 1}}}))
            async with asyncio.timeout(5):
                await yard.events.dispatch("u", 2)

        assert sorted(n for _, n in play(story).seen) == [0, 1, 2]

    def test_more_workers_take_what_waits_already(self) -> None:
        """They need no event of their own to begin."""

        async def story(yard: Yard) -> None:
            many = asyncio.Barrier(3)

            async def handle(event: Event) -> None:
                await many.wait()
                yard.seen.append(("u", event.payload))

            yard.life.registry.add(Candidate("event", "u", "one", lambda: handle))
            for n in range(3):
                await yard.events.emit("u", n)
            await asyncio.sleep(0)
            yard.events.configure(options_of({"handlers": {"u": {"max_concurrency": 3}}}))
            await yard.events.emit("other")
            assert await yard.events.drain(5)

        assert sorted(n for _, n in play(story).seen) == [0, 1, 2]

    def test_a_pause_waits_for_what_is_in_hand(self) -> None:
        """What waits behind it is kept, and who drains waits for the one."""

        async def story(yard: Yard) -> None:
            gate = asyncio.Event()

            async def handle(event: Event) -> None:
                await gate.wait()
                yard.seen.append(("u", event.payload))

            yard.life.registry.add(Candidate("event", "u", "one", lambda: handle))
            yard.events.configure(options_of({"handlers": {"u": {"max_concurrency": 2}}}))
            await yard.events.emit("u", 0)
            await asyncio.sleep(0.01)
            await yard.life.pause("event", "u")
            await yard.events.emit("u", 1)
            await asyncio.sleep(0.01)
            (held,) = yard.events.snapshot()["handlers"]
            assert (held["paused"], held["in_hand"], held["waiting"]) == (True, 1, 1)
            assert not await yard.events.drain(0.01)
            gate.set()
            assert await yard.events.drain(5)
            assert yard.seen == [("u", 0)]
            await yard.life.resume("event", "u")

        play(story)

    def test_a_new_generation_changes_who_listens(self) -> None:
        """Topics and wishes follow the registry; what waits for one that left is handled."""

        async def story(yard: Yard) -> None:
            gate = asyncio.Event()

            async def slow(event: Event) -> None:
                await gate.wait()
                yard.seen.append(("slow", event.payload))

            off = yard.events.on("t", slow, name="slow")
            yard.add("late", topics=["u"])
            for n in (1, 2):
                await yard.events.emit("t", n)
            off()
            await yard.events.emit("t", 3)
            await yard.events.dispatch("u", 4)
            yard.life.registry.add(
                Candidate(
                    "event",
                    "late",
                    "two",
                    lambda: yard.handler("two"),
                    priority=9,
                    metadata={"topics": ["t"]},
                )
            )
            await yard.events.emit("t", 5)  # one is in force until it is swapped
            await yard.events.dispatch("u", 6)
            await yard.life.swap("event", "late")
            await yard.events.emit("t", 7)
            await yard.events.emit("u", 8)
            await asyncio.sleep(0)
            assert yard.events.snapshot()["queue_depth"] == {"t": 1}
            gate.set()

        yard = play(story)
        assert [n for who, n in yard.seen if who == "slow"] == [1, 2]
        assert sorted(yard.seen) == [("one", 4), ("one", 6), ("slow", 1), ("slow", 2), ("two", 7)]

    def test_a_handler_that_cannot_be_built_makes_dead_letters(self) -> None:
        """The reason is the lifecycle's own; others are not touched."""

        def broken() -> None:
            raise OSError("no such server")

        async def story(yard: Yard) -> None:
            yard.life.registry.add(Candidate("event", "t", "x", broken))
            yard.events.on("t", yard.handler("other"))
            await yard.events.emit("t", 1)

        yard = play(story)
        assert yard.seen == [("other", 1)]
        (letter,) = yard.dead
        assert (letter.handler, letter.reason) == ("t", "failed")
        assert "no such server" in letter.detail

    def test_a_blocking_component_works_in_a_thread(self) -> None:
        """What is declared to block holds up no loop; an async one may be declared so too."""
        threads: list[int] = []

        class Handler:
            def handle(self, event: Event) -> Any:
                threads.append(threading.get_ident())
                return asyncio.sleep(0) if event.payload else None

        async def story(yard: Yard) -> None:
            yard.life.registry.add(Candidate("event", "t", "x", Handler, blocking=True))
            for payload in (0, 1):
                await yard.events.dispatch("t", payload)
            threads.append(threading.get_ident())

        play(story)
        assert threads[-1] not in threads[:2]
        assert len(threads) == 3


class TestRetries:
    """Again with a growing wait, within one deadline; then a dead letter."""

    def test_an_attempt_that_fails_is_repeated(self) -> None:
        """The third one succeeds, and nothing is dead."""

        async def story(yard: Yard) -> None:
            tries: list[int] = []

            def flaky(event: Event) -> None:
                tries.append(1)
                if len(tries) < 3:
                    raise OSError("not yet")

            yard.events.on("t", flaky, retry={"attempts": 5, "base_delay": 0.001})
            _, (told,) = await yard.events.dispatch("t")
            assert (told.outcome, told.attempts, told.detail) == ("handled", 3, "")

        yard = play(story)
        assert yard.dead == []
        assert yard.events.snapshot()["deliveries"]["t"] == {
            "handled": 1,
            "retried": 2,
            "dead": 0,
            "dropped": 0,
            "unhandled": 0,
        }

    def test_what_fails_to_the_end_is_a_dead_letter(self) -> None:
        """It tells who, why and how often, and holds the whole event."""

        def bad(event: Event) -> None:
            raise ValueError("never")

        async def story(yard: Yard) -> None:
            yard.events.on("t", bad, name="bad", retry={"attempts": 2})
            _, (told,) = await yard.events.dispatch("t", {"n": 1})
            assert told.as_dict() == {
                "handler": "bad",
                "outcome": "dead",
                "detail": "ValueError: never",
                "attempts": 2,
            }

        (letter,) = play(story).dead
        assert (letter.topic, letter.handler, letter.reason) == ("t", "bad", "failed")
        assert (letter.at, letter.attempts, letter.event["payload"]) == (5, 2, {"n": 1})

    def test_the_deadline_ends_the_attempts(self) -> None:
        """No wait begins that would end behind it."""

        def bad(event: Event) -> None:
            raise ValueError

        async def story(yard: Yard) -> None:
            yard.events.on(
                "t", bad, retry={"attempts": 100, "base_delay": 60, "jitter": 0}, deadline=30
            )
            _, (told,) = await yard.events.dispatch("t")
            assert told.attempts == 1

        (letter,) = play(story).dead
        assert (letter.reason, letter.detail) == ("deadline", "ValueError")

    def test_an_attempt_that_takes_too_long_is_cut_short(self) -> None:
        """Its time limit ends it, and the next event has its turn."""

        async def story(yard: Yard) -> None:
            async def hangs(event: Event) -> None:
                if event.payload:
                    await asyncio.sleep(60)
                yard.seen.append(("done", event.payload))

            yard.events.on("t", hangs, timeout=0.02)
            await yard.events.emit("t", 1)
            await yard.events.emit("t", 0)
            await yard.events.drain(5)

        yard = play(story)
        assert yard.seen == [("done", 0)]
        assert yard.dead[0].detail == "TimeoutError: took longer than 0.02 s"

    def test_one_that_does_not_listen_is_cut_again(self) -> None:
        """A handler that swallows its cancellation is cancelled at each limit."""

        async def story(yard: Yard) -> None:
            loop = asyncio.get_running_loop()

            async def deaf(event: Event) -> None:
                for _ in range(3):
                    began = loop.time()
                    try:
                        await asyncio.sleep(60)
                    except asyncio.CancelledError:
                        yard.seen.append(("deaf", loop.time() - began))

            yard.events.on("t", deaf, timeout=0.02)
            _, (told,) = await yard.events.dispatch("t", 1)
            assert told.outcome == "dead"

        heard = play(story).seen
        assert len(heard) == 3
        # A clock's tick less than the limit, never at once.
        assert min(seconds for _, seconds in heard) > 0.015

    def test_the_end_comes_to_who_did_not_listen_to_its_limit(self) -> None:
        """Cut short and cancelled, it is cancelled: the block ends, and a letter is kept."""
        heard: list[int] = []

        async def deaf(event: Event) -> None:
            for _ in range(2):
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    heard.append(1)

        async def story(yard: Yard) -> None:
            yard.events.on("t", deaf, timeout=0.05)
            await yard.events.emit("t", 1)
            while not heard:  # noqa: ASYNC110 - the handler tells nobody else
                await asyncio.sleep(0.001)

        (letter,) = play(story, drain_timeout=0).dead
        assert (letter.reason, letter.attempts) == ("closed", 1)

    def test_the_deadline_is_one_for_all_attempts(self) -> None:
        """It began with the first."""

        def bad(event: Event) -> None:
            raise ValueError

        async def story(yard: Yard) -> None:
            often = {"attempts": 500, "base_delay": 0.01, "max_delay": 0.01, "jitter": 0}
            yard.events.on("t", bad, retry=often, deadline=0.2)
            _, (told,) = await yard.events.dispatch("t")
            assert 1 < told.attempts < 25

        (letter,) = play(story).dead
        assert letter.reason == "deadline"

    def test_an_error_that_cannot_be_said_is_told_as_such(self) -> None:
        """A handler's own class may fail at that, too; a long one is cut."""

        class MuteError(Exception):
            def __str__(self) -> str:
                raise ValueError

        def mute(event: Event) -> None:
            raise MuteError if event.payload else OSError("x" * 10_000)

        async def story(yard: Yard) -> None:
            yard.events.on("t", mute)
            for payload in (1, 0):
                await yard.events.dispatch("t", payload)

        one, other = play(story).dead
        assert one.detail == "MuteError: (it cannot say what)"
        assert len(other.detail) < 2100

    @pytest.mark.parametrize(
        "error", [asyncio.CancelledError, SystemExit, KeyError, RecursionError, TimeoutError]
    )
    def test_whatever_is_raised_stays_there(self, error: type[BaseException]) -> None:
        """Neither the worker nor another handler ends by it, sys.exit included."""

        def bad(event: Event) -> None:
            raise error

        async def story(yard: Yard) -> None:
            yard.events.on("t", bad, name="bad", priority=9)
            yard.events.on("t", yard.handler("good"))
            for n in (1, 2):
                await yard.events.dispatch("t", n)

        yard = play(story)
        assert yard.seen == [("good", 1), ("good", 2)]
        assert [(one.handler, one.reason) for one in yard.dead] == [("bad", "failed")] * 2


class TestEnd:
    """The end of the block."""

    def test_it_waits_for_what_is_under_way(self) -> None:
        """Events that handlers emit meanwhile are handled too."""

        async def story(yard: Yard) -> None:
            async def relay(event: Event) -> None:
                await asyncio.sleep(0.005)
                if event.payload:
                    await yard.events.emit("t", event.payload - 1)
                yard.seen.append(("relay", event.payload))

            yard.events.on("t", relay)
            await yard.events.emit("t", 3)

        assert play(story).seen == [("relay", n) for n in (3, 2, 1, 0)]

    def test_what_is_not_done_in_time_is_a_dead_letter(self) -> None:
        """In hand or waiting, nothing is lost."""

        async def story(yard: Yard) -> None:
            yard.events.on("t", lambda event: asyncio.sleep(60), name="slow")
            for n in range(3):
                await yard.events.emit("t", n)
            await asyncio.sleep(0)

        dead = play(story, drain_timeout=0.02).dead
        assert sorted(one.event["payload"] for one in dead) == [0, 1, 2]
        assert {one.reason for one in dead} == {"closed"}

    def test_who_waits_for_room_then_is_told(self) -> None:
        """Its event is a dead letter, and the one who emits goes on."""

        async def story(yard: Yard) -> None:
            yard.events.on("t", lambda event: asyncio.sleep(60), name="slow", queue_size=1)
            emits = [asyncio.create_task(yard.events.emit("t", n)) for n in range(4)]
            await asyncio.sleep(0.01)
            assert [task.done() for task in emits] == [True, True, False, False]
            waiting.extend(emits)

        waiting: list[asyncio.Task[Event]] = []
        yard = play(story, drain_timeout=0.02)
        assert all(task.done() for task in waiting)
        assert sorted(one.event["payload"] for one in yard.dead) == [0, 1, 2, 3]
        assert {one.reason for one in yard.dead} == {"closed"}

    def test_several_may_wait_for_it(self) -> None:
        """A host drains before it ends the block: each wait ends by itself."""

        async def story(yard: Yard) -> None:
            yard.events.on("t", lambda event: asyncio.sleep(0.01), name="slow")
            await yard.events.emit("t", 1)
            async with asyncio.timeout(5):
                both = await asyncio.gather(yard.events.drain(9), yard.events.drain(9))
                assert all(both)

        play(story)

    def test_a_wait_between_two_attempts_ends_with_the_block(self) -> None:
        """The letter tells how often it was tried."""

        async def story(yard: Yard) -> None:
            def bad(event: Event) -> None:
                raise ValueError

            yard.events.on("t", bad, retry={"attempts": 3, "base_delay": 60}, deadline=0)
            await yard.events.emit("t", 1)
            await asyncio.sleep(0)

        (letter,) = play(story, drain_timeout=0.01).dead
        assert (letter.reason, letter.attempts) == ("closed", 1)

    def test_what_is_emitted_while_it_ends_is_a_dead_letter(self) -> None:
        """A handler that emits as it is cancelled finds the queues closed."""

        async def story(yard: Yard) -> None:
            async def last(event: Event) -> None:
                try:
                    await asyncio.sleep(60)
                finally:
                    await yard.events.emit("u", "last words")

            yard.events.on("t", last)
            yard.events.on("u", yard.handler("u"), name="u")
            await yard.events.emit("t", 1)
            await asyncio.sleep(0)

        yard = play(story, drain_timeout=0.02)
        assert yard.seen == []
        assert {one.event["payload"] for one in yard.dead} >= {"last words"} or len(yard.dead) == 1

    def test_who_waits_for_an_event_is_told_of_the_end(self) -> None:
        """A dispatch from another task gets its answer."""
        told: list[str] = []

        async def story(yard: Yard) -> None:
            yard.events.on("t", lambda event: asyncio.sleep(60), name="slow")

            async def ask() -> None:
                _, rows = await yard.events.dispatch("t")
                told.extend(row.outcome for row in rows)

            asker = asyncio.create_task(ask())
            await asyncio.sleep(0.01)
            yard.events.tasks = asker  # type: ignore[attr-defined]  # kept alive

        play(story, drain_timeout=0.01)
        assert told in (["dead"], [])


class TestSnapshot:
    """What telemetry reads."""

    def test_numbers_of_topics_and_handlers(self) -> None:
        """Plain numbers, with every outcome and every topic that somebody listens to."""

        async def story(yard: Yard) -> None:
            gate = asyncio.Event()
            yard.events.on(["t", "u"], lambda event: gate.wait(), name="slow")
            for topic in ("t", "u", "u"):
                await yard.events.emit(topic)
            await asyncio.sleep(0)
            found = yard.events.snapshot()
            assert found["queue_depth"] == {"t": 0, "u": 2}
            assert found["handlers"] == [
                {"handler": "slow", "waiting": 2, "in_hand": 1, "paused": False}
            ]
            assert found["dead_letters_lost"] == 0
            gate.set()

        assert play(story).events.snapshot()["deliveries"]["u"]["handled"] == 2

    def test_topics_beyond_their_limit_are_counted_together(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """But for those that somebody listens to."""
        monkeypatch.setattr(_events, "TOPICS_COUNTED", 1)

        async def story(yard: Yard) -> None:
            yard.events.on("t", yard.handler("t"))
            for topic in ("a", "b", "c"):
                await yard.events.emit(topic)
            await yard.events.dispatch("t")

        found = play(story).events.snapshot()["deliveries"]
        assert {topic: counts["unhandled"] for topic, counts in found.items()} == {
            "a": 1,
            "": 2,
            "t": 0,
        }
        assert found["t"]["handled"] == 1

    def test_options_are_what_handlers_get(self) -> None:
        """The table of the configuration fills what a function does not say."""

        async def story(yard: Yard) -> None:
            yard.events.on("t", yard.handler("a"), name="a", queue_size=3)
            (one,) = yard.events.listeners()
            assert (one.queue_size, one.overflow, one.timeout) == (3, "dead-letter", 4)
            assert EventOptions().drain_timeout == 8

        play(story, overflow="dead-letter", timeout=4)
