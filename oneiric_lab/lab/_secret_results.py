"""What may be told of secrets: where they are, which version, how old; never a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oneiric_lab.views import Cell, Note, Result, Table, View

from ._words import count, moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneiric_lab.lifecycle import SwapReport
    from oneiric_lab.store import Entry
    from oneiric_lab.views import Block


@dataclass(frozen=True, slots=True)
class SecretUse:
    """One secret, and who needs it.

    Attributes:
        name: Of the secret.
        provider: Who has it; empty where nobody does.
        version: Keyed digest of its value, None where there is none.
        values: Paths that refer to it.
        consumers: Components that are built anew when it is rotated.
    """

    name: str
    provider: str
    version: str | None
    values: tuple[str, ...]
    consumers: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "name": self.name,
            "provider": self.provider or None,
            "version": self.version,
            "values": list(self.values),
            "consumers": list(self.consumers),
        }


@dataclass(frozen=True, slots=True, repr=False)
class SecretList(Result):
    """The secrets of a workspace, and who needs them."""

    rows: tuple[SecretUse, ...]

    @property
    def exit_code(self) -> int:
        """1 where one of them is nowhere."""
        return 0 if all(row.version for row in self.rows) else 1

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {"secrets": [row.as_dict() for row in self.rows]}

    def view(self) -> View:
        """Return one row for each."""
        rows = tuple(
            (
                r.name,
                Cell(r.provider or "nowhere", "plain" if r.version else "bad"),
                r.version or "-",
                ", ".join(r.values),
                ", ".join(r.consumers),
            )
            for r in self.rows
        )
        if not rows:
            note = Note('a value refers to one: api_key = "${secret:api_key}"')
            return View("secrets", "secrets: none is referred to", (note,))
        heads = ("secret", "provider", "version", "value", "components")
        missing = sum(not row.version for row in self.rows)
        facts = (f"{missing} nowhere",) if missing else ()
        return View(
            "secrets",
            f"secrets: {count(len(rows), 'secret')}",
            (Table(heads, rows),),
            facts=facts,
            tone="bad" if missing else "plain",
        )


@dataclass(frozen=True, slots=True, repr=False)
class SecretStanding(Result):
    """How secrets stand in the processes that listen, and when they were rotated.

    Attributes:
        rows: For each secret and process: pid, host, and `SecretState.as_dict()`.
        rotations: Entries of the history, the newest first.
    """

    rows: tuple[tuple[int, str, Mapping[str, Any]], ...]
    rotations: tuple[Entry, ...] = ()

    @property
    def exit_code(self) -> int:
        """1 where one is missing, or its provider is down."""
        return 1 if any(s["down"] or not s["version"] for _, _, s in self.rows) else 0

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "secrets": [{"pid": pid, "host": host, **s} for pid, host, s in self.rows],
            "rotations": [
                {"at": e.at, "who": e.who, "summary": e.summary, "changes": list(e.changes)}
                for e in self.rotations
            ],
        }

    def view(self) -> View:
        """Return one row for each secret and process, and the last rotations."""
        rows = []
        notes: list[Block] = []
        for pid, host, s in self.rows:
            word = "down" if s["down"] else "held" if s["version"] else "missing"
            tone = "ok" if word == "held" else "bad"
            rows.append(
                (
                    s["name"],
                    Cell(word, tone),  # type: ignore[arg-type]  # one of two tones
                    s["provider"] or "-",
                    s["version"] or "-",
                    "-" if s["age"] is None else f"{s['age']:.0f} s",
                    moment(s["rotated"]) if s["rotated"] else "-",
                    f"{pid} {host}",
                )
            )
            if s["down"]:
                notes.append(Note(f"{s['name']} (process {pid}): {s['down']}", "bad"))
            if s["draining"]:
                told = f"{count(s['draining'], 'old version')} of {s['name']} still in use"
                notes.append(Note(f"{told} (process {pid})", "info"))
        if not rows:
            note = Note("secrets list shows those that the configuration refers to", "info")
            return View("secrets", "secrets: no process holds any", (note,))
        heads = ("secret", "is", "provider", "version", "confirmed", "rotated", "process")
        blocks: list[Block] = [Table(heads, tuple(rows)), *notes]
        if self.rotations:
            last = tuple((moment(e.at), e.who, e.summary) for e in self.rotations)
            blocks.append(Table(("at", "who", "rotation"), last))
        ill = self.exit_code
        return View(
            "secrets",
            f"secrets: {count(len({s['name'] for _, _, s in self.rows}), 'secret')}",
            tuple(blocks),
            tone="bad" if ill else "plain",
        )


@dataclass(frozen=True, slots=True, repr=False)
class Rotated(Result):
    """What came of looking for secrets anew.

    Attributes:
        rows: Name, provider, version before (None for unknown), and now (None for missing).
        faults: Why some could not be had, by name.
        swaps: What became of the components that are built with them, in this process.
        listening: Other processes that look for themselves within a second.
    """

    rows: tuple[tuple[str, str, str | None, str | None], ...]
    faults: Mapping[str, str]
    swaps: tuple[SwapReport, ...] = ()
    listening: int = 0

    @property
    def ok(self) -> bool:
        """Whether all could be had, and what is built with them is in force."""
        return not self.faults and all(report.ok for report in self.swaps)

    @property
    def exit_code(self) -> int:
        """1 where one could not be had or swapped."""
        return 0 if self.ok else 1

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "ok": self.ok,
            "secrets": [
                {
                    "name": name,
                    "provider": provider or None,
                    "old": old,
                    "new": new,
                    "rotated": bool(old and new and old != new),
                    "why": self.faults.get(name),
                }
                for name, provider, old, new in self.rows
            ],
            "swaps": [report.as_dict() for report in self.swaps],
            "listening": self.listening,
        }

    def view(self) -> View:
        """Return one row for each secret and each swap."""
        rows = tuple(
            (
                name,
                provider or "-",
                Cell(old or "-", "lost" if old != new else "plain"),
                Cell(new or "missing", "ok" if new else "bad"),
                self.faults.get(name)
                or ("rotated" if old and old != new else "as before" if old else "held"),
            )
            for name, provider, old, new in self.rows
        )
        blocks: list[Block] = []
        if rows:
            blocks.append(Table(("secret", "provider", "was", "is", "outcome"), rows))
        blocks += [
            Note(
                f"{r.target}: {r.provider}, incarnation {r.incarnation}, has the new one"
                if r.ok
                else f"{r.target}: {r.stage}: {r.why}; the old one serves on",
                "ok" if r.ok else "bad",
            )
            for r in self.swaps
        ]
        if self.listening:
            many = f"{self.listening} process{'es' * (self.listening > 1)}"
            blocks.append(Note(f"{many} will look for themselves within a second", "info"))
        changed = sum(1 for _, _, old, new in self.rows if old and new and old != new)
        return View(
            "secrets",
            f"rotate: {count(changed, 'secret')} changed",
            tuple(blocks),
            tone="ok" if self.ok else "bad",
        )
