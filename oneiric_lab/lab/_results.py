"""The answers about a workspace as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneiric_lab.config import shown
from oneiric_lab.views import Cell, Fields, Note, Result, Table, View

from ._words import count, moment

if TYPE_CHECKING:
    from oneiric_lab.config import ValueChange
    from oneiric_lab.errors import Fault
    from oneiric_lab.store import Entry
    from oneiric_lab.views import Block


@dataclass(frozen=True, slots=True, repr=False)
class Check(Result):
    """Faults by set of profiles."""

    rows: tuple[tuple[tuple[str, ...], tuple[Fault, ...]], ...]

    @property
    def ok(self) -> bool:
        """Whether no set of profiles has an error."""
        return not any(f.severity == "error" for _, faults in self.rows for f in faults)

    @property
    def exit_code(self) -> int:
        """2 where there is an error."""
        return 0 if self.ok else 2

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "ok": self.ok,
            "profiles": [
                {"profiles": list(names), "faults": [f.as_dict() for f in faults]}
                for names, faults in self.rows
            ],
        }

    def view(self) -> View:
        """Return one row for each set of profiles, and the faults below."""
        rows = []
        blocks: list[Block] = []
        told: set[str] = set()
        for names, faults in self.rows:
            errors = sum(f.severity == "error" for f in faults)
            state = Cell(count(errors, "error"), "bad") if errors else Cell("sound", "ok")
            rows.append((" + ".join(names) or "(no profile)", state, len(faults) - errors))
            for fault in faults:
                text = "\n".join(fault.lines())
                if text not in told:
                    told.add(text)
                    blocks.append(Note(text, "bad" if fault.severity == "error" else "warn"))
        title = "sound" if self.ok else "not sound"
        return View(
            "check",
            f"check: {title}",
            (Table(("profiles", "state", "warnings"), tuple(rows)), *blocks),
            tone="ok" if self.ok else "bad",
        )


@dataclass(frozen=True, slots=True, repr=False)
class History(Result):
    """What was changed, the newest first."""

    entries: tuple[Entry, ...]

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "entries": [
                {
                    "id": e.id,
                    "at": e.at,
                    "who": e.who,
                    "verb": e.verb,
                    "layer": e.layer,
                    "summary": e.summary,
                    "changes": list(e.changes),
                    "undone_by": e.undone_by,
                }
                for e in self.entries
            ]
        }

    def view(self) -> View:
        """Return a row for each entry."""
        rows = tuple(
            (
                e.id,
                moment(e.at),
                e.who,
                e.verb,
                e.layer,
                Cell(e.summary, "lost" if e.undone_by else "plain"),
                f"undone by {e.undone_by}" if e.undone_by else "",
            )
            for e in self.entries
        )
        if not rows:
            return View(
                "history",
                "history: nothing was changed yet",
                (Note("set PATH=VALUE writes a value; undo takes it back"),),
            )
        return View(
            "history",
            f"history: {count(len(rows), 'entry')}",
            (Table(("entry", "at", "who", "verb", "layer", "what", ""), rows),),
        )


@dataclass(frozen=True, slots=True, repr=False)
class Status(Result):
    """The first screen of a workspace."""

    name: str
    profiles: tuple[str, ...]
    known_profiles: tuple[str, ...]
    layers: tuple[tuple[str, int, str | None], ...]
    values: int
    components: int
    candidates: int
    provided: int
    faults: tuple[Fault, ...]
    notes: tuple[Fault, ...]

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "workspace": self.name,
            "profiles": list(self.profiles),
            "known_profiles": list(self.known_profiles),
            "layers": [{"layer": n, "rank": r, "file": f} for n, r, f in self.layers],
            "values": self.values,
            "components": self.components,
            "candidates": self.candidates,
            "provided": self.provided,
            "faults": [f.as_dict() for f in self.faults],
            "notes": [f.as_dict() for f in self.notes],
        }

    def view(self) -> View:
        """Return the workspace at a glance, and what to ask next."""
        active = ", ".join(self.profiles) or "none"
        others = ", ".join(p for p in self.known_profiles if p not in self.profiles)
        errors = sum(f.severity == "error" for f in self.faults)
        state = (
            Cell(f"{count(errors, 'problem')}: check tells them", "bad")
            if errors
            else Cell("sound", "ok")
        )
        fields = Fields(
            (
                ("profiles", active + (f"   (also known: {others})" if others else "")),
                ("values", self.values),
                (
                    "components",
                    f"{self.provided} of {self.components}, {self.candidates} candidates",
                ),
                ("state", state),
            )
        )
        rows = tuple((r, n, Cell(f or "", link=f)) for n, r, f in reversed(self.layers))
        return View(
            "status",
            f"workspace {self.name}",
            (
                fields,
                Table(("rank", "layer", "file"), rows),
                Note("next: show, explain PATH, list, explain DOMAIN:KEY, plan --set PATH=VALUE"),
            ),
        )


@dataclass(frozen=True, slots=True, repr=False)
class ValueDiff(Result):
    """Values in which two configurations differ."""

    left: str
    right: str
    values: tuple[ValueChange, ...]

    @property
    def exit_code(self) -> int:
        """1 where they differ, as `diff` has it."""
        return 1 if self.values else 0

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        values = [v.as_dict() for v in self.values]
        return {"left": self.left, "right": self.right, "values": values}

    def view(self) -> View:
        """Return one row for each value, with both places."""
        many = count(len(self.values), "value")
        title = f"{self.left} and {self.right}: {many} differ{'s' * (len(self.values) == 1)}"
        if not self.values:
            return View("diff", title, (Note("no value differs", "ok"),))
        rows = tuple(
            (
                v.path,
                shown(v.old, 36),
                Cell(shown(v.new, 36), "info"),
                Cell(str(v.old_origin or "-"), "muted"),
                Cell(str(v.new_origin or "-"), "muted"),
            )
            for v in self.values
        )
        heads = ("value", self.left, self.right, f"{self.left} at", f"{self.right} at")
        return View("diff", title, (Table(heads, rows),))
