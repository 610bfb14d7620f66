"""One handler's queue and the workers that empty it, apart from every other handler.

As many workers as the handler may have events in hand; each takes an event, leases the
handler, calls it, and tries again where the policy says so. A worker outlives whatever the
handler raises. Nothing here waits for another handler.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from contextvars import ContextVar
from math import inf
from typing import TYPE_CHECKING, Any, Final, Protocol

from oneiric_lab.errors import OneiricError, PausedError
from oneiric_lab.lifecycle import Incarnation

from ._tallies import repeated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ._counts import Counts
    from ._event import Event
    from ._listener import Listener

_TURN: Final = 0.005
"""Seconds that a worker may go on before others on the loop have their turn."""

EMITTING: Final[ContextVar[Event | None]] = ContextVar("oneiric event", default=None)
"""The event whose handler runs here: what it emits was caused by that."""

AT_WORK: Final[ContextVar[Inbox | None]] = ContextVar("oneiric inbox", default=None)
"""The inbox whose worker runs here."""


class Receipt(Protocol):
    """Is told what becomes of an event at one handler."""

    def begun(self, name: str) -> None:
        """Take note that the handler has it in hand."""

    def put_back(self, name: str) -> None:
        """Take note that it waits for the handler again."""

    def told(self, name: str, outcome: str, detail: str, attempts: int) -> None:
        """Take note of its end."""

    def untaken(self, name: str) -> bool:
        """Take note that the handler will not have it; return whether no dead letter is needed."""


class Source(Protocol):
    """Where a handler's instance comes from."""

    instance: Any
    """What is called where no lease is needed."""

    @property
    def lease(self) -> Callable[[], Any]:
        """Begin a lease of the component; gives None where no lease is needed."""

    def when_resumed(self, call: Callable[[], None]) -> None:
        """Call it once, when the component is paused no more."""


class Post(Protocol):
    """What an inbox asks of the events that it belongs to."""

    def counts(self, topic: str) -> Counts:
        """Return the numbers of a topic."""

    def bury(
        self, name: str, event: Event, reason: str, detail: str, attempts: int
    ) -> Awaitable[None] | None:
        """Keep a dead letter; an awaitable where too many of them wait to be written."""

    def spawn(self, work: Callable[[], Awaitable[object]], name: str) -> None:
        """Start a worker."""

    def ended(self) -> None:
        """Hear that an inbox is empty and nothing of it is in hand."""

    @property
    def emit(self) -> Callable[..., Awaitable[Event]]:
        """Emit an event."""

    @property
    def emit_sync(self) -> Callable[..., Event]:
        """Emit an event from another thread."""


class _Worker:
    """One task of an inbox: since when it has an event in hand, how often that one was tried,
    and whether it was cut short.
    """

    __slots__ = ("attempts", "cut", "since", "task")

    def __init__(self) -> None:
        self.task: asyncio.Task[Any] | None = None
        self.since, self.cut, self.attempts = inf, False, 0


class Inbox:
    """The queue of one handler.

    Attributes:
        listener: Its wishes; another one may take its place at any time.
        waiting: Events that nobody has in hand, with who is told of their end.
        busy: Events that are in hand.
        stuck: For each worker that waits for room in another queue, that queue.
        held: Whether it is paused.
        post: The events that it belongs to.
    """

    def __init__(self, listener: Listener, source: Source, post: Post) -> None:
        self.listener = listener
        self.waiting: deque[tuple[Event, Receipt | None]] = deque()
        self.busy = 0
        self.held = False
        self.stuck: list[Inbox] = []
        self.open = True
        self._source, self.post = source, post
        self._loop = asyncio.get_running_loop()
        self._workers: list[_Worker] = []
        self._idle: deque[asyncio.Future[None]] = deque()
        self._blocked: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    # --- the way in ---------------------------------------------------------------------

    @property
    def full(self) -> bool:
        """Whether no more events may wait."""
        return len(self.waiting) >= self.listener.queue_size

    @property
    def quiet(self) -> bool:
        """Whether nothing waits and nothing is in hand."""
        return not self.waiting and not self.busy

    def put(self, event: Event, receipt: Receipt | None) -> None:
        """Let an event wait; who calls has looked whether there is room."""
        self.waiting.append((event, receipt))
        self._rouse()

    def _rouse(self) -> None:
        """Have one more worker look at the queue, where there is one or may be one."""
        if self.held:
            return
        while self._idle:
            idle = self._idle.popleft()
            if not idle.done():
                idle.set_result(None)
                return
        if len(self._workers) < self.listener.max_concurrency:
            self._workers.append(_Worker())
            self.post.spawn(self._work, f"event {self.listener.name}")

    async def room(self) -> None:
        """Wait until one more event may wait."""
        while self.full and self.open:
            mine = self._loop.create_future()
            self._blocked.append(mine)
            try:
                await mine
            except BaseException:
                if mine.done() and not mine.cancelled():
                    self._made_room()  # the room that was meant for this one
                raise

    def _made_room(self) -> None:
        while self._blocked:
            first = self._blocked.popleft()
            if not first.done():
                first.set_result(None)
                return

    def would_lock(self, other: Inbox) -> bool:
        """Tell whether a worker of this one, waiting for room in *other*, would wait for ever.

        It would where nobody could make that room: all workers of *other*, and of those that
        they wait for in turn, wait as well, and this one's come among them.
        """
        seen: set[int] = set()
        next_ = [other]
        while next_:
            one = next_.pop()
            if id(one) in seen:
                continue
            seen.add(id(one))
            most = one.listener.max_concurrency
            if one is self and len(one.stuck) + 1 >= most:
                return True
            if len(one.stuck) >= most:
                next_ += one.stuck
        return False

    # --- pause and change ---------------------------------------------------------------

    def hold(self) -> None:
        """Keep what waits until `release`."""
        self.held = True

    def release(self) -> None:
        """Go on after a pause."""
        if not self.held:
            return
        self.held = False
        self.rouse_all()

    def rouse_all(self) -> None:
        """Have as many workers look at the queue as it has events."""
        for _ in range(min(len(self.waiting), self.listener.max_concurrency)):
            self._rouse()

    def shut(self) -> list[tuple[Event, Receipt | None]]:
        """Take no more events; return those that waited."""
        self.open = False
        left = list(self.waiting)
        self.waiting.clear()
        while self._blocked:
            self._made_room()
        if self._timer is not None:
            self._timer.cancel()
        return left

    # --- the work -----------------------------------------------------------------------

    async def _work(self) -> None:
        """Handle events until cancelled, or until there are more workers than may be."""
        task = asyncio.current_task()
        assert task is not None, "a coroutine of the loop"  # noqa: S101 - our own invariant
        me = next(w for w in self._workers if w.task is None)
        me.task = task
        AT_WORK.set(self)
        loop, waiting, post = self._loop, self.waiting, self.post
        began = loop.time()
        try:
            while len(self._workers) <= self.listener.max_concurrency:
                if not waiting or self.held:
                    if not self.busy:
                        post.ended()
                    idle = loop.create_future()
                    self._idle.append(idle)
                    await idle
                    began = loop.time()
                    continue
                event, receipt = waiting.popleft()
                if self._blocked:
                    self._made_room()
                self.busy += 1
                settled = False
                if receipt is not None:
                    receipt.begun(self.listener.name)
                try:
                    outcome, detail, attempts = await self._deliver(me, task, event)
                    settled = True
                    if outcome == "paused":
                        waiting.appendleft((event, receipt))
                        if receipt is not None:
                            receipt.put_back(self.listener.name)
                        self.hold()
                        self._source.when_resumed(self.release)
                        continue
                    if outcome == "handled":
                        post.counts(event.topic).handled += 1
                        if receipt is not None:
                            receipt.told(self.listener.name, outcome, detail, attempts)
                    else:
                        grave = self.give_up(event, receipt, outcome, detail, attempts)
                        if grave is not None:
                            await grave
                except asyncio.CancelledError:
                    if not settled:
                        why = "it was in hand at the end"
                        self.give_up(event, receipt, "closed", why, me.attempts)
                    raise
                finally:
                    self.busy -= 1
                if loop.time() - began > _TURN:
                    await asyncio.sleep(0)
                    began = loop.time()
        finally:
            self._workers.remove(me)
            if waiting:
                self._rouse()  # one that goes because there are too many leaves nothing behind
            elif not self.busy:
                post.ended()

    def give_up(
        self, event: Event, receipt: Receipt | None, reason: str, detail: str, attempts: int = 0
    ) -> Awaitable[None] | None:
        """Make a dead letter of an event, and tell who waits for it."""
        grave = self.post.bury(self.listener.name, event, reason, detail, attempts)
        if receipt is not None:
            receipt.told(self.listener.name, "dead", detail, attempts)
        return grave

    def turn_away(self, event: Event, receipt: Receipt | None) -> Awaitable[None] | None:
        """Give up an event that no worker had when events were closed, unless it is kept."""
        if receipt is not None and receipt.untaken(self.listener.name):
            return None
        return self.give_up(event, receipt, "closed", "events were closed")

    async def _deliver(
        self, me: _Worker, task: asyncio.Task[Any], event: Event
    ) -> tuple[str, str, int]:
        """Return what became of an event: handled, paused, or the reason of a dead letter."""
        listener, loop, source = self.listener, self._loop, self._source
        take, call = source.lease, in_thread if listener.blocking else called
        EMITTING.set(event)
        attempts = 0
        ends = 0.0
        while True:
            attempts += 1
            me.attempts = attempts
            me.since = now = loop.time()
            if self._timer is None and listener.timeout:
                self._timer = loop.call_later(listener.timeout, self._overdue)
            failed: BaseException | None = None
            try:
                lease = take()
                if lease is None:
                    value = call(source.instance, event)
                    if value is not None and hasattr(value, "__await__"):
                        await value
                elif type(lease) is Incarnation:
                    # In force, and on its own loop: a lease is two plain calls.
                    with lease as instance:
                        value = call(instance, event)
                        if value is not None and hasattr(value, "__await__"):
                            await value
                else:
                    paused = await self._slowly(lease, event)
                    if paused:
                        return "paused", "", attempts
            except asyncio.CancelledError as error:
                if not me.cut and task.cancelling():
                    raise
                failed = error  # it was cut short, or something of its own was cancelled
            except (Exception, SystemExit) as error:  # noqa: BLE001 - handlers raise what they like
                failed = error
            finally:
                me.since = inf
            if me.cut:
                me.cut = False
                if task.uncancel():
                    raise asyncio.CancelledError
                failed = TimeoutError(f"took longer than {listener.timeout:g} s")
            if attempts > 1:
                repeated("event", well=failed is None)
            if failed is None:
                return "handled", "", attempts
            ends = ends or now + (listener.deadline or inf)
            retry = listener.retry
            wait = retry.delay(attempts, random.random())  # noqa: S311 - no secret
            if attempts >= retry.attempts:
                return "failed", _said(failed), attempts
            if loop.time() + wait >= ends:
                return "deadline", _said(failed), attempts
            self.post.counts(event.topic).retried += 1
            await asyncio.sleep(wait)

    async def _slowly(self, lease: Any, event: Event) -> bool:
        """Handle an event under a lease that must ask first; return whether it is paused."""
        try:
            instance = await lease.__aenter__()
        except PausedError:
            return True
        try:
            call = in_thread if self.listener.blocking else called
            value = call(instance, event)
            if value is not None and hasattr(value, "__await__"):
                await value
        finally:
            await lease.__aexit__(None, None, None)
        return False

    def _overdue(self) -> None:
        """Cut short what takes too long; one timer for all workers."""
        self._timer = None
        limit = self.listener.timeout
        if not limit:
            return
        now, first = self._loop.time(), inf
        for worker in self._workers:
            if now - worker.since >= limit:
                worker.cut = True
                worker.since = now  # again, where it does not listen
                if worker.task is not None:
                    worker.task.cancel()
            first = min(first, worker.since)
        if first < inf:
            self._timer = self._loop.call_at(first + limit, self._overdue)


def called(instance: Any, event: Event) -> Any:
    """Hand an event to a handler: to its `handle`, or to itself."""
    handle = getattr(instance, "handle", None)
    return instance(event) if handle is None else handle(event)


async def in_thread(instance: Any, event: Event) -> None:
    """Hand an event to a handler that blocks, in a worker thread."""
    from anyio import to_thread  # noqa: PLC0415 - few handlers block

    # Abandoned at its time limit, which no thread can be made to keep.
    value = await to_thread.run_sync(called, instance, event, abandon_on_cancel=True)
    if hasattr(value, "__await__"):
        await value


def _said(error: BaseException) -> str:
    if isinstance(error, OneiricError):
        return error.faults[0].message
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - it is a handler's own class
        text = "(it cannot say what)"
    kind = type(error).__name__
    return f"{kind}: {text[:2000]}" if text else kind
