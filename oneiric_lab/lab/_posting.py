"""Events for the host of a workspace: posted from any process, and asked after."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from oneiric_lab.errors import Fault, UsageError
from oneiric_lab.runtime import Changed, Delivery, Event, running_host
from oneiric_lab.store import Post, Posts

from ._post_results import Posted, PostList
from ._writing import _who

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneiric_lab.runtime import Told
    from oneiric_lab.store import DeadLetter, Store

_LOOK: Final = 0.02
"""Seconds between two looks whether the store was written; each asks two files for their times."""

_ANYWAY: Final = 1.0
"""Seconds after which the store, and whether the host lives, are looked at whatever those say."""


class PostOffice:
    """Events that the store of a workspace keeps for its host: `lab.events.posts`.

    The host hands a post over about a tenth of a second later, in the order of their numbers; the
    next host those that the last one did not end. Each handler gets each at least once, and the
    id of the event tells a second time from the first.

    Args:
        store: Of the workspace.

    Example:
        >>> from oneiric_lab import Lab
        >>> events = Lab.sample().events
        >>> posted = events.posts.add(events.made("stock-seen", {"sku": "boat-1"}))
        >>> posted.number, posted.state, posted.host
        (1, 'waiting', '')
    """

    def __init__(self, store: Store) -> None:
        self._posts = Posts(store)
        self._folder = store.path.parent

    def __repr__(self) -> str:
        return f"<PostOffice: {self._posts.left()} waiting>"

    def add(self, event: Event) -> Posted:
        """Keep an event for the host; once this returns it is on the disk.

        Args:
            event: See `EventRoom.made`.

        Raises:
            UsageError: It is no JSON, or larger than 1 MiB.
            StoreError: The store cannot be written, or 10,000 wait already.
        """
        return self._added(Post(event.at, _who(), event.as_dict()), event)

    def again(self, letter: DeadLetter) -> Posted:
        """Have the host hand a dead letter to its handler again.

        Raises:
            StoreError: See `add`.
        """
        post = Post(time.time(), _who(), letter.event, handler=letter.handler, letter=letter.id)
        return self._added(post, Event.from_dict(letter.event))

    def _added(self, post: Post, event: Event) -> Posted:
        (number,) = self._posts.add([post])
        host = self._host()
        return Posted(
            number,
            post.at,
            post.who,
            event,
            host="" if host is None else host.name,
            letter=post.letter,
        )

    def _host(self) -> Told | None:
        found = running_host(self._folder)
        # One that sleeps between requests takes them when it begins.
        return None if found is None or found.kind == "serverless" else found

    def list(self, limit: int = 50) -> PostList:
        """Return posts, the newest first: those that wait, and the last 1,000 that are done.

        Args:
            limit: How many.
        """
        host = self._host()
        name = "" if host is None else host.name
        rows = tuple(_shown(one, name) for one in self._posts.newest(limit))
        return PostList(rows, self._posts.left())

    def show(self, number: int) -> Posted:
        """Return what became of a post.

        Raises:
            UsageError: There is none of this number.
        """
        found = self._posts.get(number)
        if found is None:
            raise UsageError(Fault("post", f"there is no post {number}", fix="event posted"))
        host = self._host()
        return _shown(found, "" if host is None else host.name)

    def forget(self, *numbers: int) -> PostList:
        """Take posts out of the store; what a host has in hand already is handled all the same.

        Raises:
            UsageError: There is none of such a number.
            StoreError: The store cannot be written.
        """
        found = [self.show(number) for number in sorted({*numbers})]
        gone = [replace(one, state="forgotten") for one in found if self._posts.remove(one.number)]
        return PostList(tuple(gone), self._posts.left())

    def awaited(
        self,
        posted: Posted,
        seconds: float | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Posted:
        """Wait until the host's handlers are done with a post; return what became of it.

        It blocks, and waits for no host where none runs.

        Args:
            posted: The post.
            seconds: At most; None is as long as a host runs.
            cancelled: Asked often; once true, it waits no longer. The post is kept.
        """
        path = self._posts.path
        changed = Changed(path, path.with_name(f"{path.name}-wal"))
        ends = None if seconds is None else time.monotonic() + seconds
        looked = -_ANYWAY
        while True:
            now = time.monotonic()
            if changed() or now - looked >= _ANYWAY:
                looked = now
                host = self._host()  # first: one that ends after this look has told by the next
                found = self._posts.get(posted.number)
                posted = (
                    replace(posted, state="forgotten")
                    if found is None
                    else _shown(found, "" if host is None else host.name)
                )
                if posted.state != "waiting" or host is None:
                    return posted
            if cancelled() or (ends is not None and now >= ends):
                return replace(posted, asked=True)
            time.sleep(_LOOK)


def _shown(post: Post, host: str) -> Posted:
    deliveries = tuple(map(Delivery.of, post.deliveries))
    state = "waiting" if post.done is None else "done"
    event = Event.from_dict(post.event)
    return Posted(
        post.id,
        post.at,
        post.who,
        event,
        state,  # type: ignore[arg-type]  # a state
        deliveries,
        host,
        post.letter,
        post.deaths,
    )
