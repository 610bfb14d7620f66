"""What a watch tells, and which files it follows: each change is loaded, or refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneiric_lab.config import secret_source, shown
from oneiric_lab.errors import Fault, FileAccessError, Origin
from oneiric_lab.registry import NAME
from oneiric_lab.views import Cell, Note, Result, Table, View

from ._words import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from oneiric_lab.config import Snapshot, ValueChange
    from oneiric_lab.lifecycle import SwapReport
    from oneiric_lab.runtime import Rotation
    from oneiric_lab.views import Block

_SUFFIXES = {".toml", ".yaml", ".yml", ".json"}


@dataclass(frozen=True, slots=True, repr=False)
class Reloaded(Result):
    """What a change of files did.

    Attributes:
        files: Those that changed.
        values: Effective values that changed.
        components: Components whose provider changed.
        faults: Why the last good configuration stays in force; empty when it does not.
    """

    files: tuple[str, ...]
    values: tuple[ValueChange, ...] = ()
    components: tuple[Mapping[str, object], ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether what the files say is in force."""
        return not self.faults

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "ok": self.ok,
            "files": list(self.files),
            "values": [v.as_dict() for v in self.values],
            "components": [dict(c) for c in self.components],
            "faults": [f.as_dict() for f in self.faults],
        }

    def view(self) -> View:
        """Return what changed, or why nothing did."""
        files = ", ".join(self.files)
        if self.faults:
            notes = tuple(Note("\n".join(fault.lines()), "bad") for fault in self.faults)
            return View(
                "watch", f"{files}: refused, the last good configuration stays", notes, tone="bad"
            )
        blocks: list[Block] = []
        if self.values:
            rows = tuple(
                (
                    v.path,
                    Cell(shown(v.old, 36), "lost"),
                    Cell(shown(v.new, 36), "ok"),
                    str(v.new_origin or "-"),
                )
                for v in self.values
            )
            blocks.append(Table(("value", "was", "is", "said at"), rows))
        if self.components:
            more = tuple(
                (
                    str(c["target"]),
                    Cell(str(c["old"] or "-"), "lost"),
                    Cell(str(c["new"] or "-"), "ok" if c["new"] else "bad"),
                    str(c["why"]),
                )
                for c in self.components
            )
            blocks.append(Table(("component", "was", "is", "decided by"), more))
        many = f"{count(len(self.values), 'value')}, {count(len(self.components), 'component')}"
        return View("watch", f"{files}: {many} changed", tuple(blocks), tone="ok")


@dataclass(frozen=True, slots=True, repr=False)
class Moved(Result):
    """What became of the components that a change of what is said concerns.

    Attributes:
        swaps: One report for each.
    """

    swaps: tuple[SwapReport, ...]

    @property
    def ok(self) -> bool:
        """Whether what is said is in force."""
        return all(report.ok for report in self.swaps)

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {"ok": self.ok, "swaps": [report.as_dict() for report in self.swaps]}

    def view(self) -> View:
        """Return one row for each."""
        rows = tuple(
            (
                r.target,
                r.verb,
                Cell(r.outcome, "ok" if r.ok else "bad"),
                f"{r.provider} {r.incarnation or ''}".strip(),
                f"{r.stage}: {r.why}" if r.why else "; ".join(r.warnings),
            )
            for r in self.swaps
        )
        heads = ("component", "what", "outcome", "in force", "why")
        bad = sum(not r.ok for r in self.swaps)
        title = f"{count(len(rows), 'component')}: {'in force' if not bad else f'{bad} failed'}"
        return View("watch", title, (Table(heads, rows),), tone="bad" if bad else "ok")


@dataclass(frozen=True, slots=True, repr=False)
class Turned(Result):
    """Secrets that were rotated; what is built with them is swapped.

    Attributes:
        rotations: With versions, never a value.
    """

    rotations: tuple[Rotation, ...]
    ok: bool = True

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        rows = [
            {"name": r.name, "provider": r.provider, "old": r.old, "new": r.new, "at": r.at}
            for r in self.rotations
        ]
        return {"ok": True, "rotations": rows}

    def view(self) -> View:
        """Return one row for each."""
        rows = tuple(
            (r.name, r.provider, Cell(r.old, "lost"), Cell(r.new, "ok")) for r in self.rotations
        )
        title = f"{count(len(rows), 'secret')} rotated"
        return View("watch", title, (Table(("secret", "provider", "was", "is"), rows),), tone="ok")


@dataclass(frozen=True, slots=True, repr=False)
class Fallen(Result):
    """That the system's notices of changes were given up; files are looked at all the same.

    Attributes:
        why: What the system says.
        interval: Seconds between two looks.
    """

    why: str
    interval: float
    ok: bool = True

    @property
    def told(self) -> str:
        """All of it in one line."""
        return f"no notices of changes ({self.why}): files are looked at each {self.interval:g} s"

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {"ok": True, "mode": "poll", "why": self.why, "interval": self.interval}

    def view(self) -> View:
        """Return it as a line."""
        return View("watch", self.told, tone="warn")


def refuse_without_project(before: Snapshot, after: Snapshot) -> None:
    """Refuse what was loaded while the project file was gone: its folder is being replaced.

    Raises:
        FileAccessError: It was there, and is not.
    """
    if before.project_file in before.documents and after.project_file not in after.documents:
        name = before.project_file.name
        raise FileAccessError(
            Fault(
                "project-gone",
                f"{name} is gone",
                Origin("project", name),
                why="without it every value would fall back to its default",
                fix=f"bring {name} back; an empty one says nothing",
            )
        )


def followed(snapshot: Snapshot) -> Iterator[Path]:
    """Yield every file that could change what is in force, those not there yet included."""
    inputs = snapshot.inputs
    yield from snapshot.documents
    yield from (inputs.root / name for name in ("oneiric.toml", "oneiric.local.toml", ".env"))
    yield from inputs.config_files
    if inputs.policy is not None:
        yield inputs.policy
    yield from (p for p in inputs.root.glob("oneiric.*") if p.suffix in _SUFFIXES)
    for package in snapshot.settings.plugins.packages:
        yield inputs.root / package.replace(".", "/") / NAME
    said = snapshot.settings.secrets
    source = secret_source(inputs, said.directory, said.file)
    if source.file is not None:
        yield source.file
    for folder in source.folders:
        if folder.is_dir():
            yield from (p for p in folder.iterdir() if p.is_file())
