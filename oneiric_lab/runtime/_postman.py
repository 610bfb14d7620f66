"""Posted events at the host: handed to its handlers, and told in the store when they are done.

A post is done once each handler that took it is done with it, and its dead letters are kept.
What one did is told a moment later, though others have the post still. Whoever is killed before
has said nothing, so the next host hands it over again: each handler gets each post at least
once, and the id of the event tells a second time from the first.

A post that may have killed its host is handed over alone, and one that did so too often is not
handed over any more: it becomes a dead letter.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from anyio import CancelScope, to_thread

from oneiric_lab.errors import OneiricError, UsageError, logger
from oneiric_lab.store import DeadLetters, Posts

from ._changed import Changed
from ._delivery import Delivery, Waiting
from ._event import Event
from ._in_hand import InHand

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Container

    from oneiric_lab.store import Post, Store

IN_HAND: Final = "posts.in-hand"
"""The file beside the store, see `InHand`."""

_LOOK: Final = 0.1
"""Seconds between two looks whether something was posted; each asks one file for its time."""

_ANYWAY: Final = 1.0
"""Seconds after which the store is looked at whatever that says."""

_TICK: Final = 0.02
"""Seconds, more than the step of the clock by which a file system tells times."""

_IN_HAND: Final = 1000
"""Posts that are in hand at a time, as many as may wait for one handler by default."""

_PATIENCE: Final = 1.0
"""Seconds between two tries where nothing can be written."""

_DEATHS: Final = 3
"""Hosts that may die with a post in hand, before nobody is given it any more."""

_ALONE: Final = 5.0
"""Seconds that a post which a host died with is the only one to be handed over."""

_log = logger("oneiric_lab.events")


class Handlers(Protocol):
    """Who handles posts: the events of this process."""

    async def deliver(
        self, event: Event, *, only: str | None, but: Container[str], receipt: Callable[[int], Any]
    ) -> tuple[Delivery, ...]:
        """Hand over an event, and wait for its end at each handler."""

    async def refuse(
        self, event: Event, why: str, *, only: str | None, but: Container[str]
    ) -> tuple[Delivery, ...]:
        """Make dead letters of an event, which no handler gets."""

    async def keep_letters(self) -> bool:
        """Have the dead letters of up to now written down; return whether they are."""


@dataclass(slots=True)
class _Course:
    """How a post goes.

    Attributes:
        post: The post.
        rows: What became of it so far, at former hosts too.
        is_over: Whether all that take it are done with it.
        is_left: Whether a handler did not come to it: the next host hands it over.
        letter: The dead letter that is taken up by its end; 0 is none.
    """

    post: Post
    rows: tuple[Delivery, ...]
    is_over: bool = False
    is_left: bool = False
    letter: int = 0


class _Slip(Waiting):
    """Goes with a post to its handlers, and has the postman know where it is."""

    __slots__ = ("_at", "_course", "_man")

    def __init__(self, man: Postman, course: _Course, left: int) -> None:
        super().__init__(left)
        self._man, self._course = man, course
        self._at: set[str] = set()

    def begun(self, name: str) -> None:
        self._at.add(name)
        self._man.in_hand.add(self._course.post.id)

    def put_back(self, name: str) -> None:
        if name in self._at:
            self._at.remove(name)
            self._man.in_hand.discard(self._course.post.id)

    def told(self, name: str, outcome: str, detail: str, attempts: int) -> None:
        self.put_back(name)
        super().told(name, outcome, detail, attempts)
        if self.left:
            self._course.rows += (self.rows[-1],)
            self._man.note(self._course)

    def untaken(self, name: str) -> bool:
        self._course.is_left = True
        self.one_less()
        return True


class Postman:
    """Hands over what is posted for one host.

    Args:
        store: Of the workspace.
        events: Of this process; they run for as long as `taking` does.

    Attributes:
        in_hand: Posts that a handler has now.
        left: Posts in the store that nobody was done with, at the last look.
    """

    def __init__(self, store: Store, events: Handlers) -> None:
        self._posts, self._letters = Posts(store), DeadLetters(store)
        self._events = events
        self._changed = Changed(self._posts.bell)
        self.in_hand = InHand(store.path.with_name(IN_HAND))
        self._under_way: set[asyncio.Task[None]] = set()
        self._news: dict[int, _Course] = {}
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

        By then each that was in hand is handled, or a dead letter that is kept; those that no
        handler had wait for the next host.
        """
        await to_thread.run_sync(self.in_hand.begin, self._blame)
        task = asyncio.create_task(self._tell(), name="posts")
        try:
            yield
        finally:
            with CancelScope(shield=True):
                if self._under_way:
                    await asyncio.wait(self._under_way)
                self._ending = True
                self._some.set()
                # Not cancelled: what a thread writes then would be told by nobody.
                await asyncio.wait({task})
                self.in_hand.end()

    def _blame(self, numbers: list[int]) -> None:
        text = ", ".join(map(str, numbers))
        _log.warning("the last host died, and its handlers had posts in hand: %s", text)
        try:
            self._posts.blame(numbers)
        except OneiricError as error:
            _log.error("that cannot be kept: %s", error.faults[0].message)

    async def taking(self, *, once: bool = False) -> None:
        """Hand over what is posted, in the order of its numbers, until cancelled or stopped.

        Args:
            once: Take what is there, and look no more.
        """
        loop = asyncio.get_running_loop()
        looked = rung = -_ANYWAY
        found: list[Post] = []
        while not self._stopped.is_set():
            room, now = _IN_HAND - len(self._under_way), loop.time()
            # Asked each time, so that no change is taken for an old one.
            changed = self._changed()
            rung = now if changed else rung
            # Once more after a change: what comes in the same tick changes no time.
            more = looked < rung + _TICK <= now
            if room and (found or changed or more or now - looked >= _ANYWAY):
                looked = now
                found = await to_thread.run_sync(self._posts.waiting, self._above, min(room, 100))
                if self._stopped.is_set():
                    return  # while the store was read
                for post in _together(found):
                    self._above = post.id
                    task = loop.create_task(self._hand_over(post), name=f"post {post.id}")
                    self._under_way.add(task)
                    task.add_done_callback(self._under_way.discard)
                    if post.deaths:
                        await asyncio.wait({task}, timeout=_ALONE)
                if once and not found:
                    return
                if found:
                    self.left = await to_thread.run_sync(self._posts.left)
                else:  # those under way are all that there are
                    over = sum(one.is_over for one in self._news.values())
                    self.left = len(self._under_way) + over
            else:
                await asyncio.sleep(_LOOK)

    async def _hand_over(self, post: Post) -> None:
        course = _Course(post, tuple(map(Delivery.of, post.deliveries)))
        known = course.rows
        try:
            course.rows = (*known, *await self._handed(course))
        except UsageError as error:
            if error.faults[0].code == "events-closed":
                return  # the next host takes it
            # No handler had it, so that its letter stays.
            course.rows = (*known, Delivery(post.handler, "dead", error.faults[0].message))
        except Exception as error:  # noqa: BLE001 - one post must not keep the others
            _log.error("post %d is left to the next host: %s", post.id, _why(error))
            return
        else:
            course.letter = 0 if course.is_left else post.letter
        course.is_over = not course.is_left
        self._news[post.id] = course
        self._some.set()

    async def _handed(self, course: _Course) -> tuple[Delivery, ...]:
        """Return what became of a post at the handlers that had not told."""
        post = course.post
        if post.letter and await to_thread.run_sync(self._letters.get, post.letter) is None:
            return (Delivery(post.handler, "dropped", f"letter {post.letter} was taken up before"),)
        event, only = Event.from_dict(post.event), post.handler or None
        had = {row.handler for row in course.rows}
        if post.deaths < _DEATHS:
            slip = partial(_Slip, self, course)
            return await self._events.deliver(event, only=only, but=had, receipt=slip)
        why = f"{post.deaths} hosts died while it was handled"
        _log.error("post %d is handed over no more: %s", post.id, why)
        return await self._events.refuse(event, why, only=only, but=had)

    def note(self, course: _Course) -> None:
        """Have the store know in a moment what a handler did, unless all are done by then."""
        self._news[course.post.id] = course
        asyncio.get_running_loop().call_later(_LOOK, self._some.set)

    async def _tell(self) -> None:
        while not self._ending:
            await self._some.wait()
            self._some.clear()
            if not await self._write():
                await asyncio.sleep(_PATIENCE)
                self._some.set()
        await self._write()

    async def _write(self) -> bool:
        """Tell the store what is so; return whether it knows."""
        news, self._news = self._news, {}
        if not news:
            return True
        # As they are now: handlers go on while a thread writes.
        told = [replace(course) for course in news.values()]
        try:
            # First the letters: who is killed in between hands over twice rather than never.
            dead = any(row.outcome == "dead" for one in told for row in one.rows)
            kept = not dead or await self._events.keep_letters()
            if kept:
                await to_thread.run_sync(self._written, told)
                return True
        except Exception as error:  # noqa: BLE001 - else nothing would be told any more
            _log.error("what became of posted events cannot be told: %s", _why(error))
        self._news = {**news, **self._news}
        return False

    def _written(self, told: list[_Course]) -> None:
        for one in told:
            if one.letter:
                self._letters.remove(one.letter)
        rows = [(one, (one.post, [row.as_dict() for row in one.rows])) for one in told]
        self._posts.finish(
            [said for one, said in rows if one.is_over],
            [said for one, said in rows if not one.is_over],
        )


def _together(posts: list[Post]) -> list[Post]:
    """Return the first of *posts* that may be handed over together: one that killed is alone."""
    many = next((n for n, post in enumerate(posts) if post.deaths), len(posts))
    return posts[: many or 1]


def _why(error: Exception) -> str:
    return error.faults[0].message if isinstance(error, OneiricError) else repr(error)
