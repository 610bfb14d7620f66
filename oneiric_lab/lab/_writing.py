"""Writing a proposal's files: all or none, with their former bytes kept."""

from __future__ import annotations

import getpass
from contextlib import contextmanager
from typing import TYPE_CHECKING

from oneiric_lab.errors import Fault, OneiricError, Origin, StaleFileError, UsageError
from oneiric_lab.files import lock, write_atomic
from oneiric_lab.store import FOLDER, FileChange, Store, is_writable, make_folder, place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from oneiric_lab.config import FileEdit, Inputs, Proposal
    from oneiric_lab.store import Entry


def store_of(inputs: Inputs) -> Store:
    """Return the store of a workspace, wherever it lies; nothing is made or written."""
    return Store(place(inputs.root, inputs.environ), root=inputs.root)


@contextmanager
def _alone(store: Store, root: Path) -> Iterator[None]:
    """Hold what everybody holds who saves in this workspace."""
    folder = root / FOLDER
    if not is_writable(folder):
        # Its files cannot be saved, but those of the user that it reads can.
        folder = store.path.parent
    with lock(folder / "lock"):
        make_folder(folder)
        yield


def write(store: Store, root: Path, proposal: Proposal, verb: str) -> int:
    """Write all files of *proposal* and return the number of its entry in the history.

    Raises:
        FileAccessError: A file changed since the plan, or cannot be written; none was.
        StoreError: The history cannot be written; the files are as they were.
    """
    done: list[FileEdit] = []
    with _alone(store, root):
        try:
            for file in proposal.files:
                write_atomic(file.path, file.after, expect=file.expect, shown=file.shown)
                done.append(file)
            return store.record(
                verb,
                proposal.layer,
                ", ".join(v.path for v in proposal.values) or "no effective value",
                who=_who(),
                changes=[v.as_dict() for v in proposal.values],
                files=[FileChange(f.path, f.before, f.after) for f in proposal.files],
            )
        except OneiricError:
            for file in done:
                _restore(file.path, file.before)
            raise


def take_back(store: Store, root: Path) -> tuple[Entry, int, list[str]]:
    """Give the files of the last change their former bytes.

    Returns:
        The entry that was undone, the number of the new one, and the names of the files.

    Raises:
        UsageError: There is nothing to take back.
        StaleFileError: A file changed since; all are left as they are.
    """
    with _alone(store, root):
        entry = store.undoable()
        if entry is None:
            raise UsageError("there is no change to take back", fix="history shows what was done")
        files = store.files(entry.id)
        for file in files:
            now = file.path.read_bytes() if file.path.exists() else None
            if now != file.after:
                raise StaleFileError(
                    Fault(
                        "stale-file",
                        f"{file.path.name} changed since entry {entry.id} wrote it",
                        Origin("", file.path.name),
                        fix="take the later change back first, by hand or from version control",
                    )
                )
        for file in files:
            _restore(file.path, file.before)
        number = store.record(
            "undo",
            entry.layer,
            f"entry {entry.id}: {entry.summary}",
            who=_who(),
            files=[FileChange(f.path, f.after, f.before) for f in files],
            undoes=entry.id,
        )
    return entry, number, [file.path.name for file in files]


def _restore(path: Path, before: bytes | None) -> None:
    if before is None:
        path.unlink(missing_ok=True)
    else:
        write_atomic(path, before)


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
