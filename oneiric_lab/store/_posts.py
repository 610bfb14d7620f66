"""Events for the host of a workspace, kept until its handlers are done with them."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from oneiric_lab.errors import Fault, StoreError, UsageError

from ._database import printable, rows_in, writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ._store import Store

    Told = tuple["Post", Iterable[dict[str, Any]]]
    """A post, and what handlers did with it, as `Delivery.as_dict()`."""

POST_BYTES: Final = 1 << 20
"""Of one event, as of a dead letter that is kept whole."""

POSTS_WAITING: Final = 10_000
"""Posts that wait for a host; beyond, no more are taken, since none may be lost."""

BYTES_WAITING: Final = 256 << 20
"""Of all events that wait together."""

POSTS_KEPT: Final = 1000
"""Posts that are done and still told of; the oldest are forgotten first."""

_COLUMNS: Final = "at, who, event, deliveries, handler, letter, deaths, id, done"
_LEFT: Final = "SELECT count(*), coalesce(sum(size), 0) FROM posted WHERE done IS NULL"
"""By an index alone: the events themselves may be many megabytes."""

_SAME: Final = "SELECT id FROM posted WHERE done IS NULL AND letter = ?"
_INSERT: Final = (
    "INSERT INTO posted (at, who, event, size, handler, letter) VALUES (?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class Post:
    """One event for the host.

    Attributes:
        at: When it was posted, seconds since 1970.
        who: The user.
        event: The event, as `Event.as_dict()`.
        deliveries: What became of it so far, as `Delivery.as_dict()`.
        handler: The one handler that gets it; empty is whoever takes it.
        letter: The dead letter that it hands over again; 0 is none.
        deaths: How many hosts died while a handler of theirs had it in hand.
        id: Its number, growing; given by the store.
        done: When its handlers were done with it; None is not yet.
    """

    at: float
    who: str
    event: dict[str, Any]
    deliveries: tuple[dict[str, Any], ...] = ()
    handler: str = ""
    letter: int = 0
    deaths: int = 0
    id: int = 0
    done: float | None = None


class Posts:
    """The posted events of a workspace's store.

    Args:
        store: Where they are kept.
        clock: Gives seconds since 1970.

    Attributes:
        path: Of the store's file.
        bell: A file whose time changes with each post, at once or, where who posts is killed in
            between, not at all: heartbeats change the store's own four times a second.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self.path = store.path
        self.bell = store.path.with_name("posts.bell")
        self._clock = clock

    def add(self, posts: Sequence[Post]) -> list[int]:
        """Keep *posts* in one transaction, and return their numbers; then they are on the disk.

        A letter that waits for the host already has its post.

        Raises:
            UsageError: One is no JSON or too large, or too many wait already; none was kept.
            StoreError: The store cannot be written; none was kept.
        """
        rows = [
            (one.at, printable(one.who), text, len(text), printable(one.handler), one.letter)
            for one, text in zip(posts, [_text(one.event) for one in posts], strict=True)
        ]
        if not rows:
            return []
        numbers: list[int] = []
        with writing(self.path) as connection:
            waiting, held = connection.execute(_LEFT).fetchone()
            more = sum(row[3] for row in rows)
            if waiting + len(rows) > POSTS_WAITING or held + more > BYTES_WAITING:
                raise _full(waiting, held)
            for row in rows:
                known = connection.execute(_SAME, row[-1:]).fetchone() if row[-1] else None
                if known is None:
                    known = (connection.execute(_INSERT, row).lastrowid,)
                numbers.append(int(known[0] or 0))
        with suppress(OSError):  # then it is found at the next look
            self.bell.touch(mode=0o600)
        return numbers

    def waiting(self, above: int = 0, limit: int = 100) -> list[Post]:
        """Return those that nobody is done with, the oldest first.

        Args:
            above: Only with a number above this. One that was never given is of a store that
                was set aside: then all are returned.
            limit: How many.
        """
        return self._found(
            "WHERE done IS NULL AND (id > ? OR (SELECT seq FROM sqlite_sequence"
            " WHERE name = 'posted') < ?) ORDER BY id LIMIT ?",
            (above, above, limit),
        )

    def newest(self, limit: int = 50) -> list[Post]:
        """Return the newest ones, done or not, the newest first."""
        return self._found("ORDER BY id DESC LIMIT ?", (limit,))

    def get(self, number: int) -> Post | None:
        """Return one, None where there is none of this number."""
        return next(iter(self._found("WHERE id = ?", (number,))), None)

    def left(self) -> int:
        """Return how many nobody is done with."""
        return sum(number for number, _ in rows_in(self.path, "posted", _LEFT))

    def finish(self, done: Iterable[Told], begun: Iterable[Told] = ()) -> None:
        """Keep what handlers did with posts, in one transaction.

        Args:
            done: Each with what became of it at each handler.
            begun: Those that some handlers are not done with, with what became of them so far.

        Raises:
            StoreError: The store cannot be written; they wait as before.
        """
        at = self._clock()
        # By its moment too: a store that began anew gives the same numbers to others.
        rows = [
            (when, json.dumps(list(said)), one.id, one.at)
            for when, told in ((at, done), (None, begun))
            for one, said in told
        ]
        with writing(self.path) as connection:
            connection.executemany(
                "UPDATE posted SET done = ?, deliveries = ? WHERE id = ? AND at = ?", rows
            )
            connection.execute(
                "DELETE FROM posted WHERE done IS NOT NULL AND id <="
                " (SELECT id FROM posted WHERE done IS NOT NULL ORDER BY id DESC LIMIT 1 OFFSET ?)",
                (POSTS_KEPT,),
            )

    def blame(self, numbers: Iterable[int]) -> None:
        """Keep that a host died while its handlers had these in hand.

        Raises:
            StoreError: The store cannot be written.
        """
        with writing(self.path) as connection:
            connection.executemany(
                "UPDATE posted SET deaths = deaths + 1 WHERE id = ? AND done IS NULL",
                [(number,) for number in numbers],
            )

    def remove(self, number: int) -> bool:
        """Forget one; return whether it was there.

        Raises:
            StoreError: The store cannot be written.
        """
        with writing(self.path) as connection:
            return connection.execute("DELETE FROM posted WHERE id = ?", (number,)).rowcount == 1

    def _found(self, clause: str, values: tuple[object, ...]) -> list[Post]:
        query = f"SELECT {_COLUMNS} FROM posted {clause}"  # noqa: S608 - clauses stand above
        rows = rows_in(self.path, "posted", query, values)
        return [
            Post(at, who, json.loads(event), tuple(json.loads(said or "[]")), *facts)
            for at, who, event, said, *facts in rows
        ]


def _text(event: dict[str, Any]) -> str:
    try:
        text = json.dumps(event, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        why = str(error) or type(error).__name__
        raise UsageError(
            Fault("event", f"an event for the host is JSON: {why}", fix="emit its facts alone")
        ) from None
    if len(text) > POST_BYTES:
        raise UsageError(
            Fault(
                "event",
                f"an event for the host has at most {POST_BYTES} bytes, this one {len(text)}",
                fix="keep the data elsewhere and emit where it is; --here takes any size",
            )
        )
    return text


def _full(waiting: int, held: int) -> StoreError:
    most = f"at most {POSTS_WAITING} and {BYTES_WAITING} bytes may"
    return StoreError(
        Fault(
            "posts-full",
            f"{waiting} events of {held} bytes wait for a host already, {most}",
            fix="run one: oneiric-lab run; or event posted --forget N",
        )
    )
