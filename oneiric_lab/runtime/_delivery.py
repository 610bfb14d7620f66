"""What became of an event at its handlers, and waiting for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of an event at one handler.

    Attributes:
        handler: Its name.
        outcome: `handled`, `dead` or `dropped`.
        detail: Why, where it was not handled.
        attempts: How often it was tried.
    """

    handler: str
    outcome: str
    detail: str = ""
    attempts: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape."""
        return {
            "handler": self.handler,
            "outcome": self.outcome,
            "detail": self.detail or None,
            "attempts": self.attempts,
        }

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Delivery:
        """Return what `as_dict` gave."""
        return cls(**{**said, "detail": said["detail"] or ""})


class Waiting:
    """Waits for the end of one event at all of its handlers."""

    __slots__ = ("done", "left", "rows")

    def __init__(self, left: int) -> None:
        self.left = left
        self.rows: list[Delivery] = []
        self.done = asyncio.get_running_loop().create_future()

    def begun(self, name: str) -> None:
        """Take note that a handler has it in hand."""

    def put_back(self, name: str) -> None:
        """Take note that it waits for a handler again."""

    def told(self, name: str, outcome: str, detail: str, attempts: int) -> None:
        """Take note of one handler."""
        self.rows.append(Delivery(name, outcome, detail, attempts))
        self.one_less()

    def untaken(self, name: str) -> bool:
        """Take note that a handler will not have it; return whether no dead letter is needed."""
        return False

    def one_less(self) -> None:
        """Wait for one handler less."""
        self.left -= 1
        if not self.left and not self.done.done():
            self.done.set_result(None)
