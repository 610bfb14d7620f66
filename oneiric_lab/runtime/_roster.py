"""Who listens to what: components that win, and functions of the program, each with its inbox."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault, UsageError

from ._inbox import Inbox
from ._listener import listener, listener_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from oneiric_lab.lifecycle import Lifecycle

    from ._event import Event
    from ._inbox import Post
    from ._listener import EventOptions, Listener


class Component:
    """Handlers that are components: leased for each event, so that a swap drops none."""

    instance = None

    def __init__(self, life: Lifecycle, key: str, changed: Callable[[], None]) -> None:
        self._slot = life.slot("event", key)
        self.lease = life.handle("event", key).lease
        self._changed = changed
        self._seen = self._slot.active
        self._resumed: Callable[[], None] | None = None
        self._loop = asyncio.get_running_loop()
        self._slot.handles.add(self)

    def when_resumed(self, call: Callable[[], None]) -> None:
        """Call it once, when the component is paused no more."""
        self._resumed = call
        self.follow()

    def follow(self) -> None:
        """Look whether it is paused or another; called at every change of what is in force."""
        if self._seen is not self._slot.active:
            self._seen = self._slot.active
            self._changed()
        call = self._resumed
        if call is not None and self._slot.paused is None:
            self._resumed = None
            self._loop.call_soon_threadsafe(call)


class Function:
    """A handler that a program registered; nothing is leased."""

    def __init__(self, instance: Callable[[Event], object]) -> None:
        self.instance = instance

    @staticmethod
    def lease() -> None:
        """Return that there is nothing to lease."""

    def when_resumed(self, call: Callable[[], None]) -> None:
        """Never call: a function is not paused."""


@dataclass(slots=True, eq=False)
class _Registered:
    """A function of the program that handles events.

    Attributes:
        key: Its own, whatever it is called.
        listener: Its wishes, with the options in force.
        handler: The function.
        topics: As they were given.
        wishes: As they were given.
    """

    key: str
    listener: Listener
    handler: Callable[[Event], object]
    topics: str | tuple[str, ...]
    wishes: dict[str, Any]


class Roster:
    """Who listens, as of the registry's latest generation and of what is in force.

    Args:
        life: Whose components they are.
        options: What holds for handlers that say nothing themselves.
        post: What the inboxes belong to.

    Attributes:
        inboxes: Of those that listen.
        leaving: Of those that listen no more, and have events still.
        routes: Topic to the inboxes of those that listen to it, the highest priority first.
        problems: Components whose listening cannot be understood; they get no events.
    """

    def __init__(self, life: Lifecycle, options: EventOptions, post: Post) -> None:
        self.options = options
        self.inboxes: dict[str, Inbox] = {}
        self.leaving: list[Inbox] = []
        self.routes: dict[str, tuple[Inbox, ...]] = {}
        self.problems: tuple[Fault, ...] = ()
        self.is_open = False
        self._life, self._post = life, post
        self._functions: dict[str, _Registered] = {}
        self._registered = 0
        self._generation = -1

    @property
    def every(self) -> list[Inbox]:
        """All inboxes that may have events."""
        return [*self.inboxes.values(), *self.leaving]

    def on(
        self,
        topics: str | Iterable[str],
        handler: Callable[[Event], object],
        name: str | None,
        wishes: dict[str, Any],
    ) -> Callable[[], None]:
        """Have a function listen; see `Events.on`."""
        given = name or str(getattr(handler, "__qualname__", type(handler).__name__))
        if given in self._functions:
            raise UsageError(
                Fault(
                    "event-handler",
                    f"a handler is called {given!r} already",
                    fix="give it another name: on(topic, handler, name=...)",
                )
            )
        if not isinstance(topics, str):
            topics = tuple(topics)
        found = listener(given, topics=topics, options=self.options, **wishes)
        self._registered += 1
        # One of the same name that comes later has a queue of its own.
        key = f"on:{self._registered}"
        mine = self._functions[given] = _Registered(key, found, handler, topics, wishes)
        self.forget()

        def off() -> None:
            if self._functions.get(given) is mine:
                del self._functions[given]
                self.forget()

        return off

    def configure(self, options: EventOptions) -> None:
        """Take other options, from the next event on; what waits is kept."""
        self.options = options
        for name, one in self._functions.items():
            one.listener = listener(name, topics=one.topics, options=options, **one.wishes)
        self.forget()

    def listeners(self) -> list[Listener]:
        """Return who listens, by topic, then in the order in which they get an event."""
        found = [
            *self._components(),
            *(one.listener for one in self._functions.values()),
        ]
        return sorted(found, key=lambda one: (one.topics, -one.priority, one.name))

    def _components(self) -> list[Listener]:
        found: list[Listener] = []
        problems: list[Fault] = []
        for target, winner in self._life.registry.current.winners().items():
            if target.startswith("event:"):
                # One that is in force is asked until it is swapped.
                running = self._life.slot_of(target).active if self.is_open else None
                try:
                    found.append(
                        listener_of(running.candidate if running else winner, self.options)
                    )
                except UsageError as error:
                    problems += error.faults
        self.problems = tuple(problems)
        return found

    def forget(self) -> None:
        """Ask anew who listens, at the next event."""
        self._generation = -1

    def follow(self) -> None:
        """Take the registry's latest generation, and have each handler's queue live on."""
        if self._generation == self._life.registry.generation:
            return
        self._generation = self._life.registry.generation
        inboxes: dict[str, Inbox] = {}
        by_topic: dict[str, list[Inbox]] = {}
        sources: list[tuple[str, Listener, Any]] = [
            (one.name, one, None) for one in self._components()
        ]
        sources += [(one.key, one.listener, one.handler) for one in self._functions.values()]
        for name, one, function in sources:
            known = self.inboxes.get(name)
            if known is None:
                made = (
                    Function(function) if function else Component(self._life, one.name, self.forget)
                )
                known = Inbox(one, made, self._post)
            else:
                known.listener = one
                known.rouse_all()
            inboxes[name] = known
            for topic in one.topics:
                by_topic.setdefault(topic, []).append(known)
        # Who listens no more handles what it has.
        self.leaving += [one for name, one in self.inboxes.items() if name not in inboxes]
        self.leaving = [one for one in self.leaving if not one.quiet]
        self.inboxes = inboxes
        self.routes = {
            topic: tuple(sorted(found, key=lambda one: (-one.listener.priority, one.listener.name)))
            for topic, found in by_topic.items()
        }

    def open(self) -> None:
        """Make an inbox for each that listens."""
        self.is_open = True
        self.forget()
        self.follow()

    def close(self) -> None:
        """Have no inbox any more."""
        self.is_open = False
        self.inboxes, self.leaving, self.routes = {}, [], {}
