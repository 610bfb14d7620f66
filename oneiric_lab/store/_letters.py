"""Events that could not be handled, kept until somebody looks at them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ._database import printable, rows_in, writing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._store import Store

LETTERS_KEPT: Final = 10_000
"""Dead letters in the store; the oldest are forgotten first."""

LETTER_BYTES: Final = 1 << 20
"""Of one event; of a larger one only its topic and headers are kept."""

BYTES_KEPT: Final = 256 << 20
"""Of all events together; the oldest are forgotten first."""

_FORGET_LARGE: Final = """
    DELETE FROM dead_letter WHERE id IN (
        SELECT id FROM (
            SELECT id, sum(length(event)) OVER (ORDER BY id DESC) AS held FROM dead_letter
        ) WHERE held > ?
    )
"""
_COLUMNS: Final = "id, at, topic, handler, reason, detail, attempts, event, whole"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One event that a handler could not take.

    Attributes:
        at: When it was given up, seconds since 1970.
        topic: Of the event.
        handler: Whose it was.
        reason: Why, in a word.
        detail: Why, in a line.
        attempts: How often it was tried.
        event: The event, as `Event.as_dict()`.
        id: Its number, growing; given by the store.
        whole: Whether JSON could say all of the event; given by the store.
    """

    at: float
    topic: str
    handler: str
    reason: str
    detail: str
    attempts: int
    event: dict[str, Any]
    id: int = 0
    whole: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape."""
        return {
            "id": self.id,
            "at": self.at,
            "topic": self.topic,
            "handler": self.handler,
            "reason": self.reason,
            "detail": self.detail,
            "attempts": self.attempts,
            "whole": self.whole,
            "event": self.event,
        }


class DeadLetters:
    """The dead letters of a workspace's store.

    Args:
        store: Where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._path = store.path

    def add(self, letters: Sequence[DeadLetter]) -> None:
        """Keep *letters*, in one transaction.

        Raises:
            StoreError: The store cannot be written; none was kept.
        """
        texts = [_text(letter.event) for letter in letters]
        rows = [(*_facts(one), *said) for one, said in zip(letters, texts, strict=True)]
        if not rows:
            return
        with writing(self._path) as connection:
            connection.executemany(
                "INSERT INTO dead_letter (at, topic, handler, reason, detail, attempts, event,"
                " whole) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            (last,) = connection.execute("SELECT max(id) FROM dead_letter").fetchone()
            connection.execute("DELETE FROM dead_letter WHERE id <= ?", (last - LETTERS_KEPT,))
            if sum(len(text) for text, _ in texts) > BYTES_KEPT // LETTERS_KEPT:
                # Small ones never fill it, and their sizes need not be read.
                connection.execute(_FORGET_LARGE, (BYTES_KEPT,))

    def newest(self, limit: int = 50, *, topic: str | None = None) -> list[DeadLetter]:
        """Return the newest ones, the newest first.

        Args:
            limit: How many.
            topic: Only of this topic.
        """
        return self._found(
            "WHERE coalesce(topic = ?, TRUE) ORDER BY id DESC LIMIT ?", (topic, limit)
        )

    def get(self, number: int) -> DeadLetter | None:
        """Return one, None where there is none of this number."""
        return next(iter(self._found("WHERE id = ?", (number,))), None)

    def count(self, topic: str | None = None) -> int:
        """Return how many there are, of one topic or of all."""
        asked = "SELECT count(*) FROM dead_letter WHERE coalesce(topic = ?, TRUE)"
        return sum(number for (number,) in rows_in(self._path, "dead_letter", asked, (topic,)))

    def remove(self, number: int) -> bool:
        """Forget one; return whether it was there.

        Raises:
            StoreError: The store cannot be written.
        """
        with writing(self._path) as connection:
            gone = connection.execute("DELETE FROM dead_letter WHERE id = ?", (number,))
            return gone.rowcount == 1

    def _found(self, clause: str, values: tuple[object, ...]) -> list[DeadLetter]:
        query = f"SELECT {_COLUMNS} FROM dead_letter {clause}"  # noqa: S608 - clauses stand above
        rows = rows_in(self._path, "dead_letter", query, values)
        return [
            DeadLetter(
                at, topic, handler, reason, detail, attempts, json.loads(event), number, whole == 1
            )
            for number, at, topic, handler, reason, detail, attempts, event, whole in rows
        ]


def _facts(letter: DeadLetter) -> tuple[object, ...]:
    texts = map(printable, (letter.topic, letter.handler, letter.reason, letter.detail))
    return (letter.at, *texts, letter.attempts)


def _text(event: dict[str, Any]) -> tuple[str, int]:
    """Return an event as JSON, and whether that says all of it."""
    text, whole = _said(event)
    if len(text) > LETTER_BYTES:
        text, whole = _said({**event, "payload": None})[0], 0
    if len(text) > LETTER_BYTES:
        text = _bare(event)
    return text, whole


def _said(event: dict[str, Any]) -> tuple[str, int]:
    try:
        return json.dumps(event, allow_nan=False), 1
    except (TypeError, ValueError, RecursionError):
        pass
    try:
        return json.dumps(event, default=repr, skipkeys=True), 0
    except (ValueError, RecursionError):
        # It holds itself, or is too deep.
        return _bare(event), 0


def _bare(event: dict[str, Any]) -> str:
    return json.dumps({"topic": str(event.get("topic", ""))[:1000], "payload": None})
