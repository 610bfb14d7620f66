"""Events for the host of a workspace, kept until its handlers are done with them."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from oneiric_lab.errors import Fault, StoreError, UsageError

from ._database import has_table, printable, reading, writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ._store import Store

POST_BYTES: Final = 1 << 20
"""Of one event, as of a dead letter that is kept whole."""

POSTS_WAITING: Final = 10_000
"""Posts that wait for a host; beyond, no more are taken, since none may be lost."""

BYTES_WAITING: Final = 256 << 20
"""Of all events that wait together."""

POSTS_KEPT: Final = 1000
"""Posts that are done and still told of; the oldest are forgotten first."""

_COLUMNS: Final = "id, at, who, event, handler, letter, done, deliveries"
_LEFT: Final = "SELECT count(*), coalesce(sum(length(event)), 0) FROM post WHERE done IS NULL"


@dataclass(frozen=True, slots=True)
class Post:
    """One event for the host.

    Attributes:
        at: When it was posted, seconds since 1970.
        who: The user.
        event: The event, as `Event.as_dict()`.
        handler: The one handler that gets it; empty is whoever takes it.
        letter: The dead letter that it hands over again; 0 is none.
        id: Its number, growing; given by the store.
        done: When its handlers were done with it; None is not yet.
        deliveries: What became of it, as `Delivery.as_dict()`.
    """

    at: float
    who: str
    event: dict[str, Any]
    handler: str = ""
    letter: int = 0
    id: int = 0
    done: float | None = None
    deliveries: tuple[dict[str, Any], ...] = ()


class Posts:
    """The posted events of a workspace's store.

    Args:
        store: Where they are kept.
        clock: Gives seconds since 1970.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self.path = store.path
        self._clock = clock

    def add(self, posts: Sequence[Post]) -> list[int]:
        """Keep *posts* in one transaction, and return their numbers; then they are on the disk.

        A letter that waits for the host already has its post.

        Raises:
            UsageError: One is no JSON or too large, or too many wait already; none was kept.
            StoreError: The store cannot be written; none was kept.
        """
        rows = [
            (one.at, printable(one.who), _text(one.event), printable(one.handler), one.letter)
            for one in posts
        ]
        if not rows:
            return []
        numbers: list[int] = []
        with writing(self.path) as connection:
            waiting, held = connection.execute(_LEFT).fetchone()
            held += sum(len(text) for _, _, text, _, _ in rows)
            if waiting + len(rows) > POSTS_WAITING or held > BYTES_WAITING:
                raise _full(waiting)
            for row in rows:
                again = "SELECT id FROM post WHERE done IS NULL AND letter = ? AND letter > 0"
                known = connection.execute(again, row[-1:]).fetchone()
                if known is None:
                    insert = "INSERT INTO post (at, who, event, handler, letter) VALUES (?,?,?,?,?)"
                    known = (connection.execute(insert, row).lastrowid,)
                numbers.append(int(known[0]))
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
            " WHERE name = 'post') < ?) ORDER BY id LIMIT ?",
            (above, above, limit),
        )

    def newest(self, limit: int = 50) -> list[Post]:
        """Return the newest ones, done or not, the newest first."""
        return self._found("ORDER BY id DESC LIMIT ?", (limit,))

    def get(self, number: int) -> Post | None:
        """Return one, None where there is none of this number."""
        found = self._found("WHERE id = ?", (number,))
        return found[0] if found else None

    def left(self) -> int:
        """Return how many nobody is done with."""
        with reading(self.path) as connection:
            if connection is None or not has_table(connection, "post"):
                return 0
            (number, _) = connection.execute(_LEFT).fetchone()
        return int(number)

    def finish(self, done: Iterable[tuple[Post, Iterable[dict[str, Any]]]]) -> None:
        """Keep that their handlers are done with posts, in one transaction.

        Args:
            done: Each, with what became of it at each handler.

        Raises:
            StoreError: The store cannot be written; they wait as before.
        """
        at = self._clock()
        # By its moment too: a store that began anew gives the same numbers to others.
        rows = [(at, json.dumps(list(said)), one.id, one.at) for one, said in done]
        with writing(self.path) as connection:
            connection.executemany(
                "UPDATE post SET done = ?, deliveries = ? WHERE id = ? AND at = ?", rows
            )
            connection.execute(
                "DELETE FROM post WHERE done IS NOT NULL AND id NOT IN"
                " (SELECT id FROM post WHERE done IS NOT NULL ORDER BY id DESC LIMIT ?)",
                (POSTS_KEPT,),
            )

    def remove(self, number: int) -> bool:
        """Forget one; return whether it was there.

        Raises:
            StoreError: The store cannot be written.
        """
        with writing(self.path) as connection:
            return connection.execute("DELETE FROM post WHERE id = ?", (number,)).rowcount == 1

    def _found(self, clause: str, values: tuple[object, ...]) -> list[Post]:
        with reading(self.path) as connection:
            if connection is None or not has_table(connection, "post"):
                return []
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM post {clause}",  # noqa: S608 - clauses stand above
                values,
            ).fetchall()
        return [
            Post(
                at,
                who,
                json.loads(event),
                handler,
                letter,
                number,
                done,
                tuple(json.loads(deliveries or "[]")),
            )
            for number, at, who, event, handler, letter, done, deliveries in rows
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


def _full(waiting: int) -> StoreError:
    return StoreError(
        Fault(
            "posts-full",
            f"{waiting} events wait for a host already",
            fix="run one: oneiric-lab run; or event posted --forget N",
        )
    )
