"""The first screen of a host: where it listens, what is on, how to stop it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneiric_lab.views import Cell, Note, Result, Table, View

if TYPE_CHECKING:
    from oneiric_lab.errors import Fault
    from oneiric_lab.views import Block, Tone


@dataclass(frozen=True, slots=True, repr=False)
class Screen(Result):
    """What a host does here: where it listens, what is on, how to stop it.

    Attributes:
        name: Of the workspace.
        kind: The host's profile.
        url: Where it listens, or would; empty for nowhere.
        parts: Name, state and words of each.
        problems: What keeps it from beginning.
        pid: Its process; None before it began.
    """

    name: str
    kind: str
    url: str
    parts: tuple[tuple[str, str, str], ...]
    problems: tuple[Fault, ...] = ()
    pid: int | None = None

    @property
    def exit_code(self) -> int:
        """1 where it would not begin."""
        return 1 if any(p.severity == "error" for p in self.problems) else 0

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "workspace": self.name,
            "kind": self.kind,
            "url": self.url or None,
            "pid": self.pid,
            "parts": [
                {"name": name, "state": state, "says": says} for name, state, says in self.parts
            ],
            "problems": [problem.as_dict() for problem in self.problems],
        }

    def view(self) -> View:
        """Return one row for each part, and what stops it."""
        tones: dict[str, Tone] = {"on": "ok", "off": "muted"}
        rows = tuple(
            (name, Cell(state, tones.get(state, "warn")), says) for name, state, says in self.parts
        )
        blocks: list[Block] = [Table(("part", "is", "what it does here"), rows)]
        blocks += [
            Note("\n".join(p.lines()), "bad" if p.severity == "error" else "warn")
            for p in self.problems
        ]
        if self.pid is None:
            title = f"{self.name} would run" if not self.exit_code else f"{self.name} would not run"
            facts: tuple[str, ...] = ("nothing was begun",)
        else:
            title, facts = f"{self.name} runs", (f"process {self.pid}",)
            told = "Ctrl-C stops it, SIGTERM too; SIGHUP reads the configuration again"
            blocks.append(Note(told, "info"))
        if self.url:
            title += f": {self.url}"
        if self.kind != "default":
            facts = (self.kind, *facts)
        tone: Tone = "bad" if self.exit_code else "ok"
        return View("host", title, tuple(blocks), facts=facts, tone=tone)
