"""Writing a proposal's files: all or none, with their former bytes kept."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from oneiric_lab.errors import (
    Fault,
    FileAccessError,
    OneiricError,
    Origin,
    StaleFileError,
    StoreError,
    UsageError,
)
from oneiric_lab.files import check, lock, tidy, write_atomic
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
        for entry in store.pending():
            _settle(store, entry)
        yield


def write(store: Store, root: Path, proposal: Proposal, verb: str) -> int:
    """Write all files of *proposal* and return the number of its entry in the history.

    The entry stands in the history before the first file is written, and is pending until
    the last one is: who is killed between leaves what `settled` tells from the bytes.

    Raises:
        FileAccessError: A file changed since the plan, or cannot be written; none was.
        StoreError: The history cannot be written; the files are as they were.
    """
    with _alone(store, root):
        for file in proposal.files:
            tidy(file.path.parent)
            check(file.path, file.expect, shown=file.shown)
        number = store.record(
            verb,
            proposal.layer,
            ", ".join(v.path for v in proposal.values) or "no effective value",
            who=_who(),
            changes=[v.as_dict() for v in proposal.values],
            files=[FileChange(f.path, f.before, f.after) for f in proposal.files],
            pending=True,
        )
        done: list[FileEdit] = []
        try:
            for file in proposal.files:
                write_atomic(file.path, file.after, expect=file.expect, shown=file.shown)
                done.append(file)
            store.settle(number, done=True)
        except OneiricError:
            for file in done:
                _restore(file.path, file.before)
            with suppress(StoreError):  # it is pending, and the bytes tell that it was not done
                store.settle(number, done=False)
            raise
    return number


def take_back(store: Store, root: Path) -> tuple[Entry, int, list[str]]:
    """Give the files of the last change their former bytes.

    Returns:
        The entry that was undone, the number of the new one, and the names of the files.

    Raises:
        UsageError: There is nothing to take back.
        StaleFileError: A file changed since; all are left as they are.
        FileAccessError: A file cannot be written; all are left as they are.
    """
    with _alone(store, root):
        entry = store.undoable()
        if entry is None:
            raise UsageError("there is no change to take back", fix="history shows what was done")
        files = store.files(entry.id)
        for file in files:
            tidy(file.path.parent)
            if _bytes(file.path) != file.after:
                raise StaleFileError(
                    Fault(
                        "stale-file",
                        f"{file.path.name} changed since entry {entry.id} wrote it",
                        Origin("", file.path.name),
                        fix="take the later change back first, by hand or from version control",
                    )
                )
        number = store.record(
            "undo",
            entry.layer,
            f"entry {entry.id}: {entry.summary}",
            who=_who(),
            files=[FileChange(f.path, f.after, f.before) for f in files],
            undoes=entry.id,
            pending=True,
        )
        done: list[FileChange] = []
        try:
            for file in files:
                _restore(file.path, file.before)
                done.append(file)
            store.settle(number, done=True)
        except OneiricError:
            for file in done:
                _restore(file.path, file.after)
            with suppress(StoreError):  # see write
                store.settle(number, done=False)
            raise
    return entry, number, [file.path.name for file in files]


def settled(store: Store, limit: int) -> list[Entry]:
    """Return the latest entries as the files bear them out, the newest first.

    An entry whose writer was killed counts where its files hold what it says.
    """
    # Asked before the entries: one that is settled meanwhile counts as done.
    not_done = {entry for entry in store.pending() if not _is_done(store, entry)}
    entries = store.history(limit + len(not_done))
    return [
        replace(one, undone_by=None) if one.undone_by in not_done else one
        for one in entries
        if one.id not in not_done
    ][:limit]


def _settle(store: Store, entry: int) -> None:
    """Bring a change to its end whose writer was killed: all of it, or nothing."""
    done = _is_done(store, entry)
    if not done:
        for file in store.files(entry):
            # A file that somebody edited since is theirs.
            if _bytes(file.path) == file.after:
                _restore(file.path, file.before)
    store.settle(entry, done=done)


def _is_done(store: Store, entry: int) -> bool:
    return all(_bytes(file.path) == file.after for file in store.files(entry))


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _restore(path: Path, before: bytes | None) -> None:
    if before is not None:
        write_atomic(path, before)
        return
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise FileAccessError(
            Fault(
                "file-unwritable",
                f"cannot remove {path.name}: {error.strerror}",
                Origin("", path.name),
                fix="the files are as they were; grant the right, and try again",
            )
        ) from error


def _who() -> str:
    import getpass  # noqa: PLC0415 - what only asks writes nothing

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
