"""`lab.events`: emit, listen, and look after what could not be handled."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

from oneiric_lab.errors import Fault, InvalidConfigError, UsageError
from oneiric_lab.runtime import Event, Events, being_handled, completed
from oneiric_lab.store import DeadLetters

from ._event_options import options_in
from ._event_results import DeadEvents, Emitted, Listeners, Retried
from ._posting import PostOffice

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping
    from contextlib import AbstractAsyncContextManager

    from oneiric_lab.config import Settings, Snapshot
    from oneiric_lab.lifecycle import Lifecycle
    from oneiric_lab.runtime import Delivery
    from oneiric_lab.store import DeadLetter, Store

    from ._post_results import Posted


class Opened(Protocol):
    """The lab, as its events see it."""

    store: Store
    snapshot: Snapshot
    settings: Settings

    @property
    def lifecycle(self) -> Lifecycle:
        """What runs."""

    def running(self) -> AbstractAsyncContextManager[Lifecycle]:
        """Hold the lifecycle."""

    def is_running(self, target: str | None = None) -> bool:
        """Tell whether a loop owns components now."""


class EventRoom:
    """The events of one lab, in this process.

    Example:
        >>> import anyio
        >>> from oneiric_lab import Lab
        >>> lab = Lab.sample()
        >>> seen = []
        >>> off = lab.events.on("stock-seen", seen.append, name="counter")
        >>> async def main():
        ...     async with lab.events.running():
        ...         await lab.events.emit("stock-seen", {"sku": "boat-1"})
        >>> anyio.run(main)
        >>> seen[0].payload
        {'sku': 'boat-1'}
    """

    def __init__(self, lab: Opened) -> None:
        self._lab = lab
        self._letters = DeadLetters(lab.store)
        self._office = PostOffice(lab.store)
        self._made: tuple[Lifecycle, Events] | None = None
        self._configured: Snapshot | None = None
        self._open = False
        self._functions: list[tuple[object, Callable[[Event], object], dict[str, Any]]] = []
        self._offs: dict[int, Callable[[], None]] = {}

    def __repr__(self) -> str:
        return f"<EventRoom: {len(self._here().listeners())} handlers>"

    # --- listening and emitting ---------------------------------------------------------

    def on(
        self,
        topics: str | Iterable[str],
        handler: Callable[[Event], object],
        *,
        name: str | None = None,
        **wishes: Any,
    ) -> Callable[[], None]:
        """Have a function of this program handle events; see `runtime.Events.on`.

        It listens over all blocks of `running`, until what is returned takes it off.
        """
        said = (topics, handler, {"name": name, **wishes})
        off = self._here().on(topics, handler, name=name, **wishes)
        self._functions.append(said)
        self._offs[id(said)] = off

        def take_off() -> None:
            if said in self._functions:
                self._functions.remove(said)
                self._offs.pop(id(said))()

        return take_off

    @asynccontextmanager
    async def running(self) -> AsyncIterator[EventRoom]:
        """Take events for the time of the block, then let what is under way end.

        Where no loop runs the components of this lab yet, this one does for that time.

        Raises:
            UsageError: They run already.
            InvalidConfigError: `events.options` says something that is none.
        """
        if not self._lab.is_running():
            async with self._lab.running(), self.running():
                yield self
            return
        async with self._here().running():
            self._open = True
            try:
                yield self
            finally:
                self._open = False

    async def emit(self, topic: str, payload: object = None, **headers: Any) -> Event:
        """Hand an event to the queue of each handler here; see `runtime.Events.emit`."""
        return await self._here().emit(topic, payload, **headers)

    def emit_sync(self, topic: str, payload: object = None, **headers: Any) -> Event:
        """Do as `emit` does, from another thread; see `runtime.Events.emit_sync`."""
        return self._here().emit_sync(topic, payload, **headers)

    async def dispatch(self, topic: str, payload: object = None, **headers: Any) -> Emitted:
        """Emit an event, wait for its end at each handler, and return what became of it.

        Where events do not run here, they do for this one.

        Args:
            topic: What happened.
            payload: Plain JSON data.
            headers: As `emit` takes them.

        Raises:
            UsageError: It is no event.
        """
        if not self._open:
            async with self.running():
                return await self.dispatch(topic, payload, **headers)
        return await self._told(*await self._here().dispatch(topic, payload, **headers))

    async def put(self, event: Event) -> None:
        """Do as `emit` does with an event that is made already.

        Args:
            event: See `made`.
        """
        await self._here().put(event)

    async def hand_over(self, event: Event) -> Emitted:
        """Do as `dispatch` does with an event that is made already.

        Args:
            event: See `made`.
        """
        if not self._open:
            async with self.running():
                return await self.hand_over(event)
        return await self._told(event, await self.deliver(event))

    async def deliver(self, event: Event, **how: Any) -> tuple[Delivery, ...]:
        """Hand over an event where events run here; see `runtime.Events.deliver`."""
        return await self._here().deliver(event, **how)

    async def refuse(self, event: Event, why: str, **how: Any) -> tuple[Delivery, ...]:
        """Make dead letters of an event, untried; see `runtime.Events.refuse`."""
        return await self._here().refuse(event, why, **how)

    async def _told(self, event: Event, deliveries: tuple[Delivery, ...]) -> Emitted:
        found = Emitted(event, deliveries)
        if not found.ok:
            await self.keep_letters()  # so that who looks for one finds it
        return found

    async def keep_letters(self) -> bool:
        """Have the dead letters of up to now written down; return whether they are."""
        return await self._here().keep_letters()

    # --- the host -----------------------------------------------------------------------

    def made(
        self, topic: str, payload: object = None, headers: Mapping[str, Any] | None = None
    ) -> Event:
        """Return an event of this workspace, for `hand_over` or `posts.add`; nobody gets it yet.

        Args:
            topic: What happened.
            payload: Plain JSON data.
            headers: As JSON has them: `source`, `correlation_id`, and an `event_id` where the
                same event may come twice. In a handler, its event is the cause.

        Raises:
            UsageError: It is no event.
        """
        said = {"topic": topic, "payload": payload, "headers": dict(headers or {})}
        source = self._lab.settings.app.name
        return completed(
            Event.from_dict(said), source=source, at=time.time(), cause=being_handled()
        )

    @property
    def posts(self) -> PostOffice:
        """Events for the host of this workspace, whether one runs or not."""
        return self._office

    def post_again(self, *numbers: int) -> tuple[Posted, ...]:
        """Have the host hand dead letters to their handlers again; see `retry`.

        Args:
            numbers: Of the letters.

        Raises:
            UsageError: There is no such letter, or its event could not be kept whole.
            StoreError: The store cannot be written.
        """
        return tuple([self._office.again(one) for one in self._whole(numbers)])

    @property
    def is_open(self) -> bool:
        """Whether events are taken here now."""
        return self._open

    # --- what is so ---------------------------------------------------------------------

    def list(self) -> Listeners:
        """Return who listens to what, and what each has in its queue where events run here."""
        events = self._here()
        rows = tuple(events.listeners())
        now = {one["handler"]: one for one in events.snapshot()["handlers"]} if self._open else {}
        return Listeners(rows, now, events.problems)

    def snapshot(self) -> dict[str, Any]:
        """Return the numbers for telemetry, as `runtime.Events.snapshot` does."""
        return self._here().snapshot()

    async def drained(self, seconds: float) -> bool:
        """Wait until no handler has an event in hand or in its queue; return whether it came so.

        Args:
            seconds: For which it waits.
        """
        return await self._here().drain(seconds)

    def hurry(self, seconds: float) -> None:
        """Have the end of `running` wait no longer than that for what is under way."""
        events = self._here()
        limit = min(events.options.drain_timeout, seconds)
        events.configure(events.options.model_copy(update={"drain_timeout": limit}))

    # --- dead letters -------------------------------------------------------------------

    def dead(
        self, number: int | None = None, *, topic: str | None = None, limit: int = 50
    ) -> DeadEvents:
        """Return events that could not be handled, the newest first.

        Args:
            number: Of one letter; None is all.
            topic: Only of this topic.
            limit: How many.

        Raises:
            UsageError: There is no letter of this number.
        """
        if number is not None:
            return DeadEvents((self._letter(number),), 1)
        return DeadEvents(
            tuple(self._letters.newest(limit, topic=topic)), self._letters.count(topic)
        )

    async def retry(self, *numbers: int) -> Retried:
        """Hand dead letters to their handlers again, the oldest first.

        A letter is forgotten once its event was handled; where that fails again, a new letter
        takes its place.

        Args:
            numbers: Of the letters.

        Raises:
            UsageError: There is no such letter, or its event could not be kept whole.
        """
        letters = self._whole(numbers)
        if not self._open:
            async with self.running():
                return await self.retry(*numbers)
        return Retried(tuple([(one, await self._again(one)) for one in letters]))

    def _whole(self, numbers: Iterable[int]) -> tuple[DeadLetter, ...]:
        letters = tuple([self._letter(number) for number in sorted({*numbers})])
        for letter in letters:
            if not letter.whole:
                raise UsageError(
                    Fault(
                        "dead-letter",
                        f"letter {letter.id} cannot be handed over again: its payload was no JSON",
                        fix=f"event dead --forget {letter.id}",
                    )
                )
        return letters

    async def _again(self, letter: DeadLetter) -> Delivery:
        from anyio import to_thread  # noqa: PLC0415 - letters are few

        events = self._here()
        (done,) = await events.deliver(Event.from_dict(letter.event), only=letter.handler)
        # The new letter first: who is killed in between finds two rather than none.
        await events.keep_letters()
        await to_thread.run_sync(self._letters.remove, letter.id)
        return done

    def forget(self, *numbers: int) -> Retried:
        """Forget dead letters.

        Raises:
            UsageError: There is no letter of such a number.
            StoreError: The store cannot be written.
        """
        letters = [self._letter(number) for number in sorted({*numbers})]
        for letter in letters:
            self._letters.remove(letter.id)
        return Retried(tuple((letter, None) for letter in letters))

    def _letter(self, number: int) -> DeadLetter:
        found = self._letters.get(number)
        if found is None:
            raise UsageError(
                Fault("dead-letter", f"there is no dead letter {number}", fix="event dead")
            )
        return found

    # --- inside -------------------------------------------------------------------------

    def _here(self) -> Events:
        """Return the events of the lifecycle that is in use."""
        life, snapshot = self._lab.lifecycle, self._lab.snapshot
        if self._made is None or self._made[0] is not life:
            events = Events(
                life,
                options=options_in(snapshot),
                keep=self._letters.add,
                source=self._lab.settings.app.name,
            )
            self._made, self._configured = (life, events), snapshot
            for said in self._functions:
                topics, handler, wishes = said
                self._offs[id(said)] = events.on(topics, handler, **wishes)  # type: ignore[arg-type]  # as they were given
        if self._configured is not snapshot:
            self._configured = snapshot
            # What runs keeps the last good options; `check` says what is wrong.
            with suppress(InvalidConfigError):
                self._made[1].configure(options_in(snapshot))
        return self._made[1]
