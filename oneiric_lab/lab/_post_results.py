"""Answers about posted events: what became of one at the host, and which wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from oneiric_lab.views import Cell, Note, Result, Table, View

from ._event_results import told
from ._words import count, moment

if TYPE_CHECKING:
    from oneiric_lab.runtime import Delivery, Event
    from oneiric_lab.views import Block

State = Literal["waiting", "done", "forgotten"]
"""Kept for the host, its handlers are done with it, or somebody took it out of the store."""

_NO_HOST = "no host of this workspace runs: the next one takes it; --here handles it now"


@dataclass(frozen=True, slots=True, repr=False)
class Posted(Result):
    """An event that the store keeps for the host, and what became of it.

    Attributes:
        number: Of the post.
        at: When it was posted, seconds since 1970.
        who: The user.
        event: The event.
        state: `waiting`, `done` or `forgotten`.
        deliveries: What became of it at each handler that is done with it.
        host: The host that runs, as people are told; empty where none does.
        letter: The dead letter that it hands over again; 0 is none.
        deaths: How many hosts died while a handler of theirs had it in hand.
        asked: Whether somebody wanted to see it handled, and a host was there to do so.
    """

    number: int
    at: float
    who: str
    event: Event
    state: State = "waiting"
    deliveries: tuple[Delivery, ...] = ()
    host: str = ""
    letter: int = 0
    deaths: int = 0
    asked: bool = False

    @property
    def ok(self) -> bool | None:
        """Whether all that took it handled it, and somebody did; None is not known yet."""
        if self.state != "done":
            return None
        return bool(self.deliveries) and all(d.outcome == "handled" for d in self.deliveries)

    @property
    def exit_code(self) -> int:
        """1 where nobody took it, a handler failed, or it took longer than was waited."""
        return 1 if self.ok is False or (self.asked and self.ok is None) else 0

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "ok": self.ok,
            "number": self.number,
            "state": self.state,
            "at": self.at,
            "who": self.who,
            "host": self.host or None,
            "letter": self.letter or None,
            "deaths": self.deaths,
            "event": self.event.as_dict(),
            "deliveries": [one.as_dict() for one in self.deliveries],
        }

    def view(self) -> View:
        """Return one row for each handler, or that it is kept."""
        name = self.event.topic
        if self.state == "forgotten":
            note = Note("it was taken out of the store", "warn")
            return View("posted", f"{name}: forgotten as {self.number}", (note,), tone="warn")
        if self.state == "waiting":
            why = f"{self.host} has it: event posted {self.number} shows what becomes of it"
            note = Note(why, "info") if self.host else Note(_NO_HOST, "warn")
            return View("posted", f"{name}: kept as {self.number}", (note,))
        if not self.deliveries:
            note = Note("no handler of the host takes it: event list", "warn")
            return View("posted", f"{name}: nobody took it", (note,), tone="warn")
        handled = sum(one.outcome == "handled" for one in self.deliveries)
        title = f"{name}: handled by {handled} of {len(self.deliveries)}, by the host"
        return View("posted", title, told(self.deliveries), tone="ok" if self.ok else "bad")


@dataclass(frozen=True, slots=True, repr=False)
class PostList(Result):
    """Posted events, the newest first.

    Attributes:
        rows: The posts.
        left: How many wait in all.
        asked: Whether somebody waited for them.
    """

    rows: tuple[Posted, ...]
    left: int
    asked: bool = False

    @property
    def exit_code(self) -> int:
        """1 where one that was waited for ended badly."""
        return 1 if self.asked and any(one.exit_code for one in self.rows) else 0

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {"waiting": self.left, "posts": [one.as_dict() for one in self.rows]}

    def view(self) -> View:
        """Return one row for each."""
        if not self.rows:
            return View("posts", "event posted: none", (), tone="ok")
        rows = tuple(
            (one.number, moment(one.at), one.event.topic, _state(one), _why(one))
            for one in self.rows
        )
        blocks: list[Block] = [Table(("post", "at", "topic", "state", "what became of it"), rows)]
        host = self.rows[0].host
        if self.left and not host:
            blocks.append(Note("no host of this workspace runs: oneiric-lab run", "warn"))
        title = f"event posted: {count(len(self.rows), 'post')}, {self.left} waiting"
        return View("posts", title, tuple(blocks))


def _state(one: Posted) -> Cell:
    if one.state == "done":
        return Cell("done", "ok" if one.ok else "bad")
    return Cell(one.state, "info" if one.state == "waiting" else "lost")


def _why(one: Posted) -> str:
    said = [f"{d.handler or '(nobody)'} {d.outcome}" for d in one.deliveries]
    if one.state == "done":
        return ", ".join(said) or "nobody took it"
    if one.deaths:
        said.append(f"{count(one.deaths, 'host')} died with it in hand")
    return ", ".join(said)
