"""Answers about events: what became of one, who listens, what could not be handled."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oneiric_lab.views import Cell, Code, Note, Result, Table, View

from ._words import count, moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneiric_lab.errors import Fault
    from oneiric_lab.runtime import Delivery, Event, Listener
    from oneiric_lab.store import DeadLetter
    from oneiric_lab.views import Block

_TONES = {"handled": "ok", "dead": "bad", "dropped": "warn"}


@dataclass(frozen=True, slots=True, repr=False)
class Emitted(Result):
    """An event, and what became of it at each handler.

    Attributes:
        event: The event.
        deliveries: One for each handler that took it, in their order.
    """

    event: Event
    deliveries: tuple[Delivery, ...]

    @property
    def ok(self) -> bool:
        """Whether somebody took it, and everybody who did handled it."""
        return bool(self.deliveries) and all(d.outcome == "handled" for d in self.deliveries)

    @property
    def exit_code(self) -> int:
        """1 where nobody took it, or a handler failed."""
        return 0 if self.ok else 1

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "ok": self.ok,
            "event": self.event.as_dict(),
            "deliveries": [one.as_dict() for one in self.deliveries],
        }

    def view(self) -> View:
        """Return one row for each handler."""
        name = self.event.topic
        if not self.deliveries:
            note = Note(f"nobody takes {name}: event list shows who listens to what", "warn")
            return View("emitted", f"{name}: nobody took it", (note,), tone="warn")
        handled = sum(one.outcome == "handled" for one in self.deliveries)
        title = f"{name}: handled by {handled} of {len(self.deliveries)}"
        return View("emitted", title, told(self.deliveries), tone="ok" if self.ok else "bad")


def told(deliveries: tuple[Delivery, ...]) -> tuple[Block, ...]:
    """Return what became of an event, as a table, and where the dead letters are."""
    rows = tuple(
        (d.handler, Cell(d.outcome, _TONES[d.outcome]), d.attempts, d.detail)  # type: ignore[arg-type]  # tones
        for d in deliveries
    )
    table = Table(("handler", "outcome", "attempts", "why"), rows)
    if all(one.outcome != "dead" for one in deliveries):
        return (table,)
    return table, Note("event dead shows what could not be handled", "info")


@dataclass(frozen=True, slots=True, repr=False)
class Listeners(Result):
    """Who listens to what.

    Attributes:
        rows: The handlers, by topic, then in the order in which they get an event.
        now: Handler to what it has in its queue and in hand, where events run here.
        problems: Components whose listening cannot be understood.
    """

    rows: tuple[Listener, ...]
    now: Mapping[str, Mapping[str, Any]]
    problems: tuple[Fault, ...] = ()

    @property
    def exit_code(self) -> int:
        """1 where a handler cannot listen."""
        return 1 if self.problems else 0

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "handlers": [{**one.as_dict(), "now": self.now.get(one.name)} for one in self.rows],
            "problems": [fault.as_dict() for fault in self.problems],
        }

    def view(self) -> View:
        """Return one row for each topic and handler."""
        rows = tuple(
            (
                topic,
                one.name,
                one.provider or "(program)",
                one.priority,
                "alone" if one.exclusive else "with others",
                one.max_concurrency,
                self._queue(one),
                _filters(one.filters),
            )
            for topic, one in sorted(
                ((topic, one) for one in self.rows for topic in one.topics),
                key=lambda pair: (pair[0], -pair[1].priority, pair[1].name),
            )
        )
        notes = tuple(Note("\n".join(fault.lines()), "bad") for fault in self.problems)
        if not rows:
            note = Note("a component of the domain event handles the topics that it names")
            return View("listeners", "event list: nobody listens", (note, *notes))
        heads = ("topic", "handler", "provider", "priority", "gets it", "at a time", "queue", "if")
        title = f"event list: {count(len(self.rows), 'handler')}"
        return View("listeners", title, (Table(heads, rows), *notes))

    def _queue(self, one: Listener) -> str:
        now = self.now.get(one.name)
        size = f"{one.queue_size}, {one.overflow}"
        if now is None:
            return size
        return f"{now['waiting']} of {size}" + (", paused" if now["paused"] else "")


def _filters(filters: tuple[Mapping[str, Any], ...]) -> str:
    def one(said: Mapping[str, Any]) -> str:
        parts = [f"= {json.dumps(said['equals'])}"] if "equals" in said else []
        parts += [f"in {json.dumps(said['any_of'])}"] if "any_of" in said else []
        if "exists" in said or not parts:
            parts.append("is there" if said.get("exists", True) else "is not there")
        return f"{said['path']} {' and '.join(parts)}"

    return "; ".join(map(one, filters))


@dataclass(frozen=True, slots=True, repr=False)
class DeadEvents(Result):
    """Events that could not be handled, the newest first.

    Attributes:
        rows: The letters.
        total: How many there are in all.
    """

    rows: tuple[DeadLetter, ...]
    total: int

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {"total": self.total, "letters": [one.as_dict() for one in self.rows]}

    def view(self) -> View:
        """Return one row for each; of a single one also its event."""
        if not self.rows:
            return View("dead", "event dead: none", (), tone="ok")
        rows = tuple(
            (
                one.id,
                moment(one.at),
                one.topic,
                one.handler,
                one.reason,
                one.attempts,
                one.detail,
            )
            for one in self.rows
        )
        heads = ("letter", "at", "topic", "handler", "reason", "attempts", "why")
        blocks: list[Block] = [Table(heads, rows)]
        if len(self.rows) == 1:
            payload = json.dumps(self.rows[0].event.get("payload"), indent=2, ensure_ascii=False)
            blocks.append(Code(payload, "json"))
        blocks.append(Note("event dead --retry N hands one to its handler again", "info"))
        more = f", {self.total} in all" if self.total > len(self.rows) else ""
        title = f"event dead: {count(len(self.rows), 'letter')}{more}"
        return View("dead", title, tuple(blocks))


@dataclass(frozen=True, slots=True, repr=False)
class Retried(Result):
    """Dead letters that were handed to their handlers again.

    Attributes:
        rows: Each letter with what became of it; None where it was only forgotten.
    """

    rows: tuple[tuple[DeadLetter, Delivery | None], ...]

    @property
    def exit_code(self) -> int:
        """1 where one failed again."""
        return 0 if all(d is None or d.outcome == "handled" for _, d in self.rows) else 1

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "letters": [
                {
                    "id": letter.id,
                    "topic": letter.topic,
                    "handler": letter.handler,
                    "outcome": "forgotten" if done is None else done.outcome,
                    "detail": None if done is None else done.detail or None,
                }
                for letter, done in self.rows
            ]
        }

    def view(self) -> View:
        """Return one row for each."""
        rows = tuple(
            (
                letter.id,
                letter.topic,
                letter.handler,
                Cell("forgotten", "lost")
                if done is None
                else Cell(done.outcome, _TONES[done.outcome]),  # type: ignore[arg-type]  # tones
                "" if done is None else done.detail,
            )
            for letter, done in self.rows
        )
        if not rows:
            return View("retried", "event dead: none", (), tone="ok")
        heads = ("letter", "topic", "handler", "is now", "why")
        title = f"event dead: {count(len(rows), 'letter')} taken up"
        tone = "bad" if self.exit_code else "ok"
        return View("retried", title, (Table(heads, rows),), tone=tone)  # type: ignore[arg-type]  # a tone
