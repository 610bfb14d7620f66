"""Freezing a workspace into a lock file, and opening it from there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from oneiric_lab.config import Inputs, freeze, parse, thaw
from oneiric_lab.errors import Fault, LockMismatchError, Origin
from oneiric_lab.files import digest, read, write_atomic
from oneiric_lab.views import Fields, Note, Result, View

from ._code import CODE, inside, model_named
from ._words import count

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic import BaseModel

    from oneiric_lab.config import Locked, Snapshot
    from oneiric_lab.registry import Generation

LOCK = "oneiric.lock.json"
"""Name of the lock file where nobody gives one."""


@dataclass(frozen=True, slots=True, repr=False)
class Frozen(Result):
    """A lock file that was written, or compared.

    Attributes:
        file: Its name.
        digest: Of its bytes.
        values: How many it holds.
        components: How many winners it holds.
        mismatches: In what the workspace differs from it; empty for one just written.
    """

    file: str
    digest: str
    values: int
    components: int
    mismatches: tuple[Fault, ...] = ()

    @property
    def exit_code(self) -> int:
        """1 where the workspace differs from it."""
        return 1 if self.mismatches else 0

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "file": self.file,
            "digest": self.digest,
            "values": self.values,
            "components": self.components,
            "mismatches": [fault.as_dict() for fault in self.mismatches],
        }

    def view(self) -> View:
        """Return what it holds, or in what the workspace differs."""
        if self.mismatches:
            notes = tuple(Note("\n".join(fault.lines()), "bad") for fault in self.mismatches)
            many = count(len(self.mismatches), "difference")
            return View("freeze", f"{self.file} no longer matches: {many}", notes, tone="bad")
        held = f"{count(self.values, 'value')}, {count(self.components, 'winner')}"
        fields = Fields((("holds", held), ("digest", self.digest)))
        return View("freeze", f"{self.file} is the workspace as it is", (fields,), tone="ok")


def winners(generation: Generation) -> dict[str, dict[str, str]]:
    """Return what identifies each component's winner."""
    return {
        target: {
            "provider": winner.provider,
            "version": winner.version,
            "source": winner.source,
            "source_name": winner.source_name,
        }
        for target, winner in generation.winners().items()
    }


def write_lock(snapshot: Snapshot, generation: Generation, path: Path, shown: str) -> Frozen:
    """Write the lock file to *path*.

    Raises:
        FileAccessError: It cannot be written.
    """
    held = winners(generation)
    data = freeze(snapshot, held)
    write_atomic(path, data, shown=shown)
    return Frozen(shown, digest(data), len(snapshot.paths()), len(held))


def read_lock(
    path: Path, inputs: Inputs, *, schema: type[BaseModel] | None = None, trusted: bool = False
) -> Locked:
    """Return what the lock file *path* says.

    The user's model is *schema*, that of *inputs*, or the one that the lock file names.

    Raises:
        FileAccessError: It cannot be read.
        LockMismatchError: It is no lock file, or was altered.
        NotAllowedError: It names code of the workspace that was not allowed to run.
    """
    data = read(path, shown=path.name).data
    model = schema or inputs.schema
    if model is None:
        values = parse(data, format="json", name=path.name, layer="lock").tree.get("values")
        name = _said(values, "schema", "model")
        if isinstance(name, str):
            names = [text for table, key in CODE for text in _texts(values, table, key)]
            code = inside(inputs.root, [*names, name])
            model = model_named(inputs, name, code, Origin("lock", path.name), trusted=trusted)
    return thaw(data, replace(inputs, schema=model), name=path.name)


def _said(values: object, table: str, key: str) -> object:
    """Return what a lock file that nobody checked yet says, or None."""
    inner = values.get(table) if isinstance(values, dict) else None
    return inner.get(key) if isinstance(inner, dict) else None


def _texts(values: object, table: str, key: str) -> list[str]:
    found = _said(values, table, key)
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def refuse_other_winners(locked: Locked, now: Mapping[str, Mapping[str, str]], file: str) -> None:
    """Refuse to go on with other components than the lock file names.

    Raises:
        LockMismatchError: With one fault for each.
    """
    faults = [
        Fault(
            "lock-mismatch",
            f"{target}: {file} has {facts['provider']} {facts['version']}, here "
            + (
                f"{now[target]['provider']} {now[target]['version']} wins"
                if target in now
                else "nobody does"
            ),
            Origin("lock", file),
            fix="install what it names, or write it anew: freeze",
        )
        for target, facts in sorted(locked.components.items())
        if now.get(target) != facts
    ]
    if faults:
        raise LockMismatchError(faults)


def lock_inputs(root: Path, environ: Mapping[str, str]) -> Inputs:
    """Return what a lock file still needs from outside: where secrets are."""
    return Inputs(root, environ=dict(environ))
