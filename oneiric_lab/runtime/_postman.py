"""Posted events at the host: handed to its handlers, and told in the store when they are done.

A post is done once each handler that took it is done with it, and its dead letters are kept.
Whoever is killed before has said nothing, so the next host hands it over again: each handler
gets each post at least once, and the id of the event tells a second time from the first.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from anyio import CancelScope, to_thread

from oneiric_lab.errors import OneiricError, UsageError, logger
from oneiric_lab.store import DeadLetters, Posts

from ._delivery import Delivery
from ._event import Event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from oneiric_lab.store import Post, Store

_LOOK: Final = 0.1
"""Seconds between two looks whether the store was written; each asks two files for their times."""

_ANYWAY: Final = 1.0
"""Seconds after which the store is looked at whatever those say."""

_IN_HAND: Final = 1000
"""Posts that are in hand at a time, as many as may wait for one handler by default."""

_PATIENCE: Final = 1.0
"""Seconds between two tries where nothing can be written."""

_log = logger("oneiric_lab.events")


class Changed:
    """Tells whether a store was written since it was asked last, for the price of two `stat`.

    Two writes within one tick of the file system's clock may look like one: who needs to know
    looks anyway once in a while.

    Args:
        path: The store's file.
    """

    def __init__(self, path: Path) -> None:
        self._paths = path, path.with_name(f"{path.name}-wal")
        self._seen: object = None

    def __call__(self) -> bool:
        """Return whether it may have been."""
        now = tuple(map(_stamp, self._paths))
        changed, self._seen = now != self._seen, now
        return changed


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_size, found.st_mtime_ns


class Handlers(Protocol):
    """Who handles posts: the events of this process."""

    async def deliver(self, event: Event, *, only: str | None = None) -> tuple[Delivery, ...]:
        """Hand over an event, and wait for its end at each handler."""

    async def keep_letters(self) -> bool:
        """Have the dead letters of up to now written down; return whether they are."""


class _Done(NamedTuple):
    """What became of a post: at each handler, and the letter that is taken up by that."""

    post: Post
    rows: tuple[Delivery, ...]
    letter: int = 0


class Postman:
    """Hands over what is posted for one host.

    Args:
        store: Of the workspace.
        events: Of this process; they run for as long as `taking` does.

    Attributes:
        left: Posts in the store that nobody was done with, at the last look.
    """

    def __init__(self, store: Store, events: Handlers) -> None:
        self._posts, self._letters = Posts(store), DeadLetters(store)
        self._events = events
        self._changed = Changed(store.path)
        self._in_hand: set[asyncio.Task[None]] = set()
        self._done: list[_Done] = []
        self._some = asyncio.Event()
        self._above = 0
        self._stopped = asyncio.Event()
        self._ending = False
        self.left = 0

    def stop(self) -> None:
        """Take no more; what is in hand goes on."""
        self._stopped.set()

    @asynccontextmanager
    async def telling(self) -> AsyncIterator[None]:
        """Tell the store what is done; entered before events run, and left after their end.

        By then each that was in hand is handled, or a dead letter that is kept.
        """
        task = asyncio.create_task(self._tell(), name="posts")
        try:
            yield
        finally:
            with CancelScope(shield=True):
                if self._in_hand:
                    await asyncio.wait(self._in_hand)
                self._ending = True
                self._some.set()
                # Not cancelled: what a thread writes then would be told by nobody.
                await asyncio.wait({task})

    async def taking(self, *, once: bool = False) -> None:
        """Hand over what is posted, in the order of its numbers, until cancelled or stopped.

        Args:
            once: Take what is there, and look no more.
        """
        loop = asyncio.get_running_loop()
        looked = -_ANYWAY
        found: list[Post] = []
        while not self._stopped.is_set():
            room, now = _IN_HAND - len(self._in_hand), loop.time()
            # Asked each time, so that no change is taken for an old one.
            changed = self._changed()
            if room and (found or changed or now - looked >= _ANYWAY):
                looked = now
                found = await to_thread.run_sync(self._posts.waiting, self._above, min(room, 100))
                if self._stopped.is_set():
                    return  # while the store was read
                for post in found:
                    self._above = post.id
                    task = loop.create_task(self._hand_over(post), name=f"post {post.id}")
                    self._in_hand.add(task)
                    task.add_done_callback(self._in_hand.discard)
                if once and not found:
                    return
                if found:
                    self.left = await to_thread.run_sync(self._posts.left)
                else:  # those in hand are all that there are
                    self.left = len(self._in_hand) + len(self._done)
            else:
                await asyncio.sleep(_LOOK)

    async def _hand_over(self, post: Post) -> None:
        if post.letter and await to_thread.run_sync(self._letters.get, post.letter) is None:
            why = f"letter {post.letter} was taken up before"
            self._done.append(_Done(post, (Delivery(post.handler, "dropped", why),)))
        else:
            try:
                event = Event.from_dict(post.event)
                rows = await self._events.deliver(event, only=post.handler or None)
            except UsageError as error:
                fault = error.faults[0]
                if fault.code == "events-closed":
                    return  # the next host takes it
                # No handler had it, so that its letter stays.
                self._done.append(_Done(post, (Delivery(post.handler, "dead", fault.message),)))
            else:
                self._done.append(_Done(post, rows, post.letter))
        self._some.set()

    async def _tell(self) -> None:
        while not self._ending:
            await self._some.wait()
            self._some.clear()
            if not await self._write():
                await asyncio.sleep(_PATIENCE)
                self._some.set()
        await self._write()

    async def _write(self) -> bool:
        """Tell the store what is done; return whether it knows."""
        batch, self._done = self._done, []
        if not batch:
            return True
        try:
            # First the letters: who is killed in between hands over twice rather than never.
            dead = any(one.outcome == "dead" for done in batch for one in done.rows)
            kept = not dead or await self._events.keep_letters()
            if kept:
                await to_thread.run_sync(self._written, batch)
                return True
        except Exception as error:  # noqa: BLE001 - else nothing would be told any more
            why = error.faults[0].message if isinstance(error, OneiricError) else repr(error)
            _log.error("what became of posted events cannot be told: %s", why)
        self._done = [*batch, *self._done]
        return False

    def _written(self, batch: list[_Done]) -> None:
        for done in batch:
            if done.letter:
                self._letters.remove(done.letter)
        self._posts.finish((one.post, [row.as_dict() for row in one.rows]) for one in batch)
        self.left = max(0, self.left - len(batch))
