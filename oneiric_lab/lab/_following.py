"""Following the files of a workspace: each change is loaded, or refused with its faults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneiric_lab.config import shown
from oneiric_lab.views import Cell, Note, Result, Table, View

from ._words import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from oneiric_lab.config import Snapshot, ValueChange
    from oneiric_lab.errors import Fault
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


def followed(snapshot: Snapshot) -> Iterator[Path]:
    """Yield every file that could change what is in force, those not there yet included."""
    inputs = snapshot.inputs
    yield from snapshot.documents
    yield from (inputs.root / name for name in ("oneiric.toml", "oneiric.local.toml", ".env"))
    yield from inputs.config_files
    if inputs.policy is not None:
        yield inputs.policy
    yield from (p for p in inputs.root.glob("oneiric.*") if p.suffix in _SUFFIXES)
    folder = inputs.root / (snapshot.settings.secrets.directory or "secrets")
    if folder.is_dir():
        yield from (p for p in folder.iterdir() if p.is_file())
