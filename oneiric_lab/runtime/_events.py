"""Events: from who emits them to every handler that takes them.

Each handler has a queue and workers of its own, so that one which is slow, raises or hangs
touches no other. An event is held in memory until it is handled; what cannot be handled
becomes a dead letter, which is kept. Whoever is killed loses what waited in its queues.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final

import anyio

from oneiric_lab.errors import Fault, UsageError
from oneiric_lab.lifecycle import nursery
from oneiric_lab.store import DeadLetter

from ._counts import Counts
from ._delivery import Delivery, Waiting
from ._event import (
    NO_HEADERS,
    Event,
    checked_payload,
    checked_topic,
    completed,
    new_id,
)
from ._graves import Graves
from ._inbox import AT_WORK, EMITTING
from ._listener import EventOptions
from ._roster import Roster

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Awaitable,
        Callable,
        Container,
        Iterable,
        Mapping,
        Sequence,
    )

    from oneiric_lab.lifecycle import Lifecycle, Nursery

    from ._inbox import Inbox, Receipt
    from ._listener import Listener

TOPICS_COUNTED: Final = 1000
"""Topics with numbers of their own; those of others are counted together, under `""`."""


class Events:
    """The events of one lifecycle, while the block of `running` lasts.

    Components of the domain `event` handle what they listen to; `on` adds functions of the
    program. A topic is one exact name.

    Args:
        life: Whose components they are.
        options: What holds for handlers that say nothing themselves.
        keep: Keeps dead letters, in a worker thread; None forgets them.
        source: Who emits, where `emit` is not told.
        clock: Gives seconds since 1970.

    Example:
        >>> import anyio
        >>> from oneiric_lab.lifecycle import Lifecycle
        >>> from oneiric_lab.registry import Registry
        >>> seen = []
        >>> async def main():
        ...     async with Lifecycle(Registry()) as life:
        ...         events = Events(life)
        ...         events.on("order-placed", lambda event: seen.append(event.payload["id"]))
        ...         async with events.running():
        ...             await events.emit("order-placed", {"id": 7})
        >>> anyio.run(main)
        >>> seen
        [7]
    """

    def __init__(
        self,
        life: Lifecycle,
        *,
        options: EventOptions | None = None,
        keep: Callable[[Sequence[DeadLetter]], object] | None = None,
        source: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._roster = Roster(life, options or EventOptions(), self)
        self._life, self._source, self._clock = life, source, clock
        self._graves = Graves(keep)
        self._counts: dict[str, Counts] = {}
        self._nursery: Nursery | None = None
        self._owner = 0
        self._waiters: list[asyncio.Event] = []

    def __repr__(self) -> str:
        return f"<Events: {len(self.listeners())} handlers>"

    # --- who listens --------------------------------------------------------------------

    def on(
        self,
        topics: str | Iterable[str],
        handler: Callable[[Event], object],
        *,
        name: str | None = None,
        **wishes: Any,
    ) -> Callable[[], None]:
        """Have a function of the program handle events; return what takes it off again.

        Args:
            topics: One exact name, or several.
            handler: Called with each event; plain, or a coroutine function. It may also be an
                object with such a method `handle`.
            name: What people call it; its own name by default.
            wishes: `filters=`, `priority=`, `fanout_policy=`, `max_concurrency=`,
                `queue_size=`, `overflow=`, `retry=`, `timeout=`, `deadline=`, `blocking=`, as
                in a manifest.

        Raises:
            UsageError: A wish is none, or the name is taken.
        """
        return self._roster.on(topics, handler, name, wishes)

    def configure(self, options: EventOptions) -> None:
        """Take other options, from the next event on; what waits is kept."""
        self._roster.configure(options)

    @property
    def options(self) -> EventOptions:
        """What holds for handlers that say nothing themselves."""
        return self._roster.options

    @property
    def problems(self) -> tuple[Fault, ...]:
        """Components whose listening cannot be understood; they get no events."""
        return self._roster.problems

    def listeners(self) -> list[Listener]:
        """Return who listens, by topic, then in the order in which they get an event."""
        return self._roster.listeners()

    # --- emitting -----------------------------------------------------------------------

    async def emit(
        self,
        topic: str,
        payload: object = None,
        *,
        source: str | None = None,
        correlation: str | None = None,
        headers: Mapping[str, Any] = NO_HEADERS,
    ) -> Event:
        """Hand an event to the queue of each handler that takes it; return it.

        It waits for none to handle it, but for room where a full queue blocks. An event that
        a handler emits names the one that it handles as its cause.

        Args:
            topic: What happened.
            payload: Plain JSON data; who emits does not change it afterwards.
            source: Who says so.
            correlation: What it belongs to; that of its cause by default.
            headers: Anything else that travels with it.

        Raises:
            UsageError: It is no event, or nothing takes events now.
        """
        self._check()
        cause = EMITTING.get()
        if cause is not None:
            correlation = correlation or cause.correlation or cause.id
        event = Event(
            topic if topic in self._roster.routes else checked_topic(topic),
            payload if type(payload) is dict else checked_payload(payload),
            new_id(),
            self._source if source is None else source,
            self._clock(),
            correlation or "",
            "" if cause is None else cause.id,
            "1.0.0",
            headers,
        )
        full = self._hand_over(event, self._takers(event), None)
        if full:
            await self._wait_for_room(event, full, None)
        return event

    async def put(self, event: Event) -> None:
        """Do as `emit` does with an event that is made already; see `completed`.

        Raises:
            UsageError: Nothing takes events now.
        """
        self._check()
        full = self._hand_over(event, self._takers(event), None)
        if full:
            await self._wait_for_room(event, full, None)

    def _check(self) -> None:
        if self._nursery is None:
            raise _closed()
        if self._owner != get_ident():
            raise _elsewhere()

    def emit_sync(self, topic: str, payload: object = None, **headers: Any) -> Event:
        """Do as `emit` does, from another thread; return once it is in the queues.

        Args:
            topic: What happened.
            payload: Plain JSON data.
            headers: As `emit` takes them.

        Raises:
            UsageError: See `emit`; or this is the thread of the loop itself, which awaits `emit`.
        """
        loop = self._life.known_loop()
        if self._nursery is None or loop is None:
            raise _closed()
        if self._owner == get_ident():
            raise UsageError(
                Fault(
                    "other-loop",
                    "the loop's own thread cannot wait for it",
                    fix="await events.emit(...) there",
                )
            )
        work = self.emit(topic, payload, **headers)
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    async def dispatch(
        self,
        topic: str,
        payload: object = None,
        *,
        source: str | None = None,
        correlation: str | None = None,
        headers: Mapping[str, Any] = NO_HEADERS,
    ) -> tuple[Event, tuple[Delivery, ...]]:
        """Emit an event, wait until each handler is done with it, and return what became of it.

        A handler emits rather than dispatches: it would wait for itself.

        Raises:
            UsageError: See `emit`.
        """
        said = Event(
            checked_topic(topic),
            payload,
            source=source or "",
            correlation=correlation or "",
            headers=headers,
        )
        own = self._source if source is None else source
        event = completed(said, source=own, at=self._clock(), cause=EMITTING.get())
        return event, await self.deliver(event)

    async def deliver(
        self,
        event: Event,
        *,
        only: str | None = None,
        but: Container[str] = (),
        receipt: Callable[[int], Waiting] = Waiting,
    ) -> tuple[Delivery, ...]:
        """Hand over an event that is made already, and wait for its end at each handler.

        Args:
            event: The event.
            only: The one handler that gets it, whatever else listens; its filters are not asked.
            but: Handlers that do not get it, since they had it.
            receipt: Makes what is told how it goes, of the number of handlers.

        Raises:
            UsageError: Nothing takes events now, or there is no such handler.
        """
        takers = self._receivers(event, only, but)
        if not takers:
            return ()
        waiting = receipt(len(takers))
        full = self._hand_over(event, takers, waiting)
        if full:
            await self._wait_for_room(event, full, waiting)
        await waiting.done
        order = {one.listener.name: index for index, one in enumerate(takers)}
        return tuple(sorted(waiting.rows, key=lambda row: order.get(row.handler, 0)))

    async def refuse(
        self, event: Event, why: str, *, only: str | None = None, but: Container[str] = ()
    ) -> tuple[Delivery, ...]:
        """Make a dead letter of an event for each handler that would get it; none does.

        Args:
            event: The event.
            why: In a line.
            only: See `deliver`.
            but: See `deliver`.

        Raises:
            UsageError: See `deliver`.
        """
        takers = self._receivers(event, only, but)
        waiting = Waiting(len(takers))
        for inbox in takers:
            grave = inbox.give_up(event, waiting, "refused", why)
            if grave is not None:
                await grave
        return tuple(waiting.rows)

    def _receivers(self, event: Event, only: str | None, but: Container[str]) -> list[Inbox]:
        self._check()
        takers = self._takers(event) if only is None else [self._inbox(only)]
        return [one for one in takers if one.listener.name not in but]

    def _inbox(self, name: str) -> Inbox:
        self._takers(Event(""))  # follows the registry
        for inbox in self._roster.inboxes.values():
            if inbox.listener.name == name:
                return inbox
        raise UsageError(
            Fault(
                "event-handler",
                f"no handler is called {name!r} here",
                fix="event list shows who listens",
            )
        )

    def _takers(self, event: Event) -> list[Inbox]:
        """Return who gets an event: all that take it, or the first that wants it alone."""
        self._roster.follow()
        found: list[Inbox] = []
        for inbox in self._roster.routes.get(event.topic, ()):
            one = inbox.listener
            if one.accepts is None or one.accepts(event):
                found.append(inbox)
        for inbox in found:
            if inbox.listener.exclusive:
                return [inbox]
        if not found and event.topic:
            self.counts(event.topic).unhandled += 1
        return found

    def _hand_over(self, event: Event, takers: list[Inbox], receipt: Receipt | None) -> list[Inbox]:
        """Put an event where there is room; return the inboxes that have none."""
        full: list[Inbox] = []
        for inbox in takers:
            if inbox.open and len(inbox.waiting) < inbox.listener.queue_size:
                inbox.put(event, receipt)
            else:
                full.append(inbox)
        return full

    async def _wait_for_room(
        self, event: Event, full: list[Inbox], receipt: Receipt | None
    ) -> None:
        """Do with an event what the policy of each full queue says."""
        rest = list(full)
        try:
            # The workers may only have lacked their turn.
            await asyncio.sleep(0)
            while rest:
                inbox = rest[0]
                await self._squeeze(event, inbox, receipt)
                rest.pop(0)
        except BaseException:
            for inbox in rest:
                inbox.give_up(event, receipt, "cancelled", "who emitted it waited no longer")
            raise

    async def _squeeze(self, event: Event, inbox: Inbox, receipt: Receipt | None) -> None:
        policy = inbox.listener.overflow
        if policy == "block" and inbox.full:
            mine = AT_WORK.get()
            if mine is None:
                await inbox.room()
            elif not mine.would_lock(inbox):
                mine.stuck.append(inbox)
                try:
                    await inbox.room()
                finally:
                    mine.stuck.remove(inbox)
        while policy == "drop-oldest" and inbox.full:
            old, waits = inbox.waiting.popleft()
            self.counts(old.topic).dropped += 1
            if waits is not None:
                waits.told(inbox.listener.name, "dropped", "newer events took its place", 0)
        if not inbox.open:
            grave = inbox.turn_away(event, receipt)
        elif inbox.full:
            size = inbox.listener.queue_size
            grave = inbox.give_up(event, receipt, "queue-full", f"{size} events waited before it")
        else:
            inbox.put(event, receipt)
            return
        if grave is not None:
            await grave

    # --- what inboxes ask ---------------------------------------------------------------

    def counts(self, topic: str) -> Counts:
        """Return the numbers of a topic; of one too many, those of all such topics."""
        found = self._counts.get(topic)
        if found is None:
            if len(self._counts) >= TOPICS_COUNTED and topic not in self._roster.routes:
                topic = ""
            found = self._counts.setdefault(topic, Counts())
        return found

    def bury(
        self, name: str, event: Event, reason: str, detail: str, attempts: int
    ) -> Awaitable[None] | None:
        """Keep a dead letter; an awaitable where too many of them wait to be written."""
        self.counts(event.topic).dead += 1
        return self._graves.add(
            DeadLetter(self._clock(), event.topic, name, reason, detail, attempts, event.as_dict())
        )

    def spawn(self, work: Callable[[], Awaitable[object]], name: str) -> None:
        """Start a worker."""
        if self._nursery is not None:
            self._nursery.start(work, name=name)

    def ended(self) -> None:
        """Hear that an inbox is empty and nothing of it is in hand."""
        if self._waiters:
            for waiter in self._waiters:
                waiter.set()
            self._waiters.clear()

    # --- the time they run --------------------------------------------------------------

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Events]:
        """Take events for the time of the block, then end as `drain` does.

        Raises:
            UsageError: They run already.
        """
        if self._nursery is not None:
            raise UsageError(
                Fault("events-running", "these events run already", fix="emit there, or end them")
            )
        self._life.bind()
        failed: Exception | None = None
        async with nursery() as workers:
            self._nursery, self._owner = workers, get_ident()
            workers.start(self._graves.work, name="dead letters")
            try:
                self._roster.open()
                yield self
            except Exception as error:  # noqa: BLE001 - raised again below
                # Alone, and not in a group with what the workers raised: they raise nothing.
                failed = error
            finally:
                with anyio.CancelScope(shield=True):
                    await self.drain(self.options.drain_timeout)
                    self._shut()
                    # Those in hand are cancelled now, and become dead letters by that.
                    workers.cancel()
        self._nursery = None
        self._roster.close()
        with anyio.CancelScope(shield=True):
            await self._graves.close()
        if failed is not None:
            raise failed

    async def keep_letters(self) -> bool:
        """Have the dead letters of up to now written down; return whether they are."""
        return await self._graves.flush()

    async def drain(self, timeout: float) -> bool:  # noqa: ASYNC109 - of the drain, not of a call
        """Wait until nothing waits and nothing is in hand; return whether it came so.

        What a paused handler keeps is not waited for.

        Args:
            timeout: Seconds; 0 does not wait.
        """
        with anyio.move_on_after(timeout):
            while not self._is_still():
                waiter = asyncio.Event()
                self._waiters.append(waiter)
                await waiter.wait()
        return self._is_still()

    def _is_still(self) -> bool:
        return all(one.quiet or (one.held and not one.busy) for one in self._roster.every)

    def _shut(self) -> None:
        for inbox in self._roster.every:
            for event, receipt in inbox.shut():
                inbox.turn_away(event, receipt)

    # --- what is so ---------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Return the numbers, for telemetry: cheap, asks nobody, from any thread.

        Returns:
            `deliveries`: topic to outcome to number. `queue_depth`: topic to events that wait.
            `handlers`: for each its name, `waiting`, `in_hand` and whether it is `paused`.
            `dead_letters_lost`: those that could not be kept.
        """
        inboxes = self._roster.every
        depth: Counter[str] = Counter(dict.fromkeys(self._roster.routes, 0))
        for inbox in inboxes:
            topics = inbox.listener.topics
            if len(topics) == 1:
                depth[topics[0]] += len(inbox.waiting)
            else:
                depth.update(event.topic for event, _ in tuple(inbox.waiting))
        return {
            "deliveries": {topic: found.as_dict() for topic, found in tuple(self._counts.items())},
            "queue_depth": dict(depth),
            "handlers": [
                {
                    "handler": one.listener.name,
                    "waiting": len(one.waiting),
                    "in_hand": one.busy,
                    "paused": one.held,
                }
                for one in inboxes
            ],
            "dead_letters_lost": self._graves.lost,
        }


def _elsewhere() -> UsageError:
    return UsageError(
        Fault(
            "other-loop",
            "these events belong to another event loop",
            fix="emit from other threads: events.emit_sync(topic, payload)",
        )
    )


def _closed() -> UsageError:
    return UsageError(
        Fault(
            "events-closed",
            "nothing takes events now",
            fix="emit inside the block: async with events.running():",
        )
    )
