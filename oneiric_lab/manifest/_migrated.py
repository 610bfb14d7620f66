"""What a migration made: the draft, and the report of all that it did to it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from oneiric_lab.errors import MissingExtraError
from oneiric_lab.files import write_atomic
from oneiric_lab.views import Cell, Note, Result, Table, View

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from oneiric_lab.errors import Origin
    from oneiric_lab.views import Block, Tone

Kind = Literal["inferred", "decision", "dropped"]
_TONES: dict[str, Tone] = {"inferred": "info", "decision": "bad", "dropped": "warn"}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a migration did, or leaves to people.

    Attributes:
        kind: `inferred`, `decision` or `dropped`.
        path: In the old document.
        text: What was done, or what must be decided.
        why: The reason, where it is not plain.
        fix: What helps.
        origin: Where the old document said it.
        entry: Number of the entry, None for what is about the whole.
    """

    kind: Kind
    path: str
    text: str
    why: str
    fix: str
    origin: Origin
    entry: int | str | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "kind": self.kind,
            "path": self.path,
            "text": self.text,
            "why": self.why or None,
            "fix": self.fix or None,
            "where": self.origin.as_dict(),
        }


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Migrated(Result):
    """A manifest of an older schema as a draft of a newer one.

    Attributes:
        file: The old one, as people are shown it.
        of: Its schema.
        to: The schema of the draft.
        document: The draft.
        steps: What was inferred and dropped and what must be decided, in the order of the file.
        out: Where the draft was written, None where it was not.
    """

    file: str
    of: int
    to: int
    document: Mapping[str, Any]
    steps: tuple[Step, ...]
    out: str | None = None

    @property
    def decisions(self) -> tuple[Step, ...]:
        """What people must decide before the draft can be packed."""
        return tuple(step for step in self.steps if step.kind == "decision")

    @property
    def exit_code(self) -> int:
        """1 where something must be decided."""
        return 1 if self.decisions else 0

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape, with the draft in it."""
        return {
            "file": self.file,
            "from": self.of,
            "to": self.to,
            "out": self.out,
            "decisions": len(self.decisions),
            "steps": [step.as_dict() for step in self.steps],
            "document": dict(self.document),
        }

    def view(self) -> View:
        """Return a row for each step, the decisions first."""
        order = ("decision", "dropped", "inferred")
        rows = tuple(
            (
                Cell(step.kind, _TONES[step.kind]),
                Cell(f"{step.origin.line}:{step.origin.column}", link=self.file),
                step.path or "-",
                _told(step),
            )
            for step in sorted(self.steps, key=lambda step: order.index(step.kind))
        )
        number = len(self.decisions)
        left = "nothing to decide" if not number else f"{number} to decide"
        blocks: list[Block] = []
        if rows:
            blocks.append(Table(("", "at", "value", "what"), rows))
        if self.out is None:
            blocks.append(Note("nothing was written; --out shop.toml writes the draft"))
        else:
            blocks.append(Note(f"the draft is {self.out}"))
        return View(
            "manifest-migrate",
            f"{self.file}: schema {self.of} to {self.to}, {left}",
            tuple(blocks),
            tone="warn" if number else "ok",
        )

    def text(self, format: str = "toml") -> str:
        """Return the draft as people go on writing it, decisions as comments.

        Args:
            format: `toml`, `yaml` or `json`; JSON has no comments.
        """
        if format == "json":
            return json.dumps(self.document, indent=2, ensure_ascii=False) + "\n"
        return as_text(self.document, format, self._comments())

    def _comments(self) -> dict[int | None, list[str]]:
        out: dict[int | None, list[str]] = {}
        for step in self.decisions:
            entry = step.entry if isinstance(step.entry, int) else None
            out.setdefault(entry, []).append(f"decide: {_told(step)}")
        return out

    def write(self, path: Path) -> Migrated:
        """Write the draft to *path*, in the format that its name ends in."""
        write_atomic(path, self.text(format_of(path)).encode(), shown=str(path))
        return replace(self, out=str(path))


def _told(step: Step) -> str:
    return "; ".join(part for part in (step.text, step.why, step.fix) if part)


def format_of(path: Path) -> str:
    """Return the format that a file's name says: TOML, where it says none."""
    return {".yaml": "yaml", ".yml": "yaml", ".json": "json"}.get(path.suffix.lower(), "toml")


def as_text(
    document: Mapping[str, Any], format: str, comments: Mapping[int | None, Iterable[str]]
) -> str:
    """Return *document* as TOML or YAML, with comments above its entries.

    Args:
        document: Of schema 2 or 3.
        format: `toml` or `yaml`.
        comments: Number of an entry to lines about it; None for lines about the whole.
    """
    head = "".join(f"# {_line(line)}\n" for line in comments.get(None, ()))
    rest = {name: value for name, value in document.items() if name != "entries"}
    if not document["entries"]:
        rest = {"entries": [], **rest}  # above all tables
    parts = [head + (_toml(rest) if format == "toml" else _yaml(rest))]
    if format == "yaml" and document["entries"]:
        parts.append("entries:\n")
    for index, entry in enumerate(document["entries"]):
        notes = "".join(f"# {_line(line)}\n" for line in comments.get(index, ()))
        if format == "toml":
            parts.append(f"\n{notes}{_toml({'entries': [entry]})}")
        else:
            parts.append(f"{notes}{_yaml([entry])}")
    return "".join(parts)


def _line(text: str) -> str:
    # A comment ends with its line; what was read may hold any character.
    return "".join(c if c.isprintable() else "·" for c in text)


def _toml(tree: Mapping[str, Any]) -> str:
    import tomlkit  # noqa: PLC0415 - 40 ms, for those who write

    return tomlkit.dumps(tree)


def _yaml(tree: object) -> str:
    try:
        import yaml  # noqa: PLC0415 - an optional dependency
    except ImportError:
        raise MissingExtraError("a YAML file needs PyYAML", extra="yaml") from None
    text: str = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
    # YAML takes these for line ends, and PyYAML writes them as they are.
    if any(end in text for end in "\x85\u2028\u2029"):
        text = yaml.safe_dump(tree, sort_keys=False)
    return text
