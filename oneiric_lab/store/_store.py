"""The history of a workspace and the former bytes of what was written."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault, StoreError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

VERSION = 1
_SCHEMA = """
CREATE TABLE entry (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, who TEXT NOT NULL, verb TEXT NOT NULL,
    layer TEXT NOT NULL, summary TEXT NOT NULL, changes TEXT NOT NULL, undone_by INTEGER
) STRICT;
CREATE TABLE file (
    entry INTEGER NOT NULL REFERENCES entry(id), path TEXT NOT NULL, before BLOB, after BLOB
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file before and after; None stands for a file that is not there."""

    path: Path
    before: bytes | None
    after: bytes | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of the workspace.

    Attributes:
        id: Number, growing.
        at: Seconds since 1970.
        who: The user.
        verb: What was done.
        layer: Where.
        summary: One line.
        changes: As `ValueChange.as_dict()`; secrets are references.
        undone_by: The entry that took it back.
    """

    id: int
    at: float
    who: str
    verb: str
    layer: str
    summary: str
    changes: tuple[dict[str, Any], ...] = ()
    undone_by: int | None = None


class Store:
    """The store of one workspace; opened when something is to be kept or asked.

    Args:
        folder: The workspace's `.oneiric`.
        clock: Gives seconds since 1970.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = folder / "state.db"
        self._clock = clock

    def _connect(self, *, write: bool) -> sqlite3.Connection | None:
        import sqlite3  # noqa: PLC0415 - 10 ms; most processes only read configuration

        if not write and not self.path.exists():
            return None
        try:
            if write:
                self._prepare()
            uri = f"{self.path.resolve().as_uri()}?mode={'rwc' if write else 'ro'}"
            connection = sqlite3.connect(uri, uri=True, timeout=5.0, isolation_level=None)
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            if found > VERSION:
                connection.close()
                raise StoreError(
                    Fault(
                        "store-newer",
                        f"{self.path.name} has version {found}, this program knows {VERSION}",
                        fix="upgrade oneiric-lab",
                    )
                )
            if write:
                connection.execute("PRAGMA journal_mode = WAL")
                if found < VERSION:
                    connection.executescript(
                        f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;"
                    )
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                Fault(
                    "store",
                    f"the workspace's store cannot be used: {error}",
                    fix=f"make {self.path.parent.name}/ writable, or move {self.path.name} aside",
                )
            ) from error
        return connection

    def _prepare(self) -> None:
        folder = self.path.parent
        folder.mkdir(parents=True, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        if not self.path.exists():
            # It holds former bytes of files, which may hold what others must not read.
            self.path.touch(mode=0o600)

    def record(
        self,
        verb: str,
        layer: str,
        summary: str,
        *,
        who: str = "",
        changes: Sequence[dict[str, Any]] = (),
        files: Sequence[FileChange] = (),
        undoes: int | None = None,
    ) -> int:
        """Keep one change; return its number.

        Raises:
            StoreError: The store cannot be written.
        """
        connection = self._connect(write=True)
        assert connection is not None  # noqa: S101 - a writer always connects
        try:
            connection.execute("BEGIN IMMEDIATE")
            cursor = connection.execute(
                "INSERT INTO entry (at, who, verb, layer, summary, changes)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (self._clock(), who, verb, layer, summary, json.dumps(list(changes), default=str)),
            )
            number = int(cursor.lastrowid or 0)
            connection.executemany(
                "INSERT INTO file VALUES (?, ?, ?, ?)",
                [(number, str(f.path), f.before, f.after) for f in files],
            )
            if undoes is not None:
                connection.execute("UPDATE entry SET undone_by = ? WHERE id = ?", (number, undoes))
            connection.execute("COMMIT")
        finally:
            connection.close()
        return number

    def history(self, limit: int = 50) -> list[Entry]:
        """Return the latest entries, the newest first."""
        return self._entries("ORDER BY id DESC LIMIT ?", (limit,))

    def undoable(self) -> Entry | None:
        """Return the newest change of files that was not taken back, or None."""
        found = self._entries(
            "WHERE undone_by IS NULL AND verb != 'undo' AND id IN (SELECT entry FROM file)"
            " ORDER BY id DESC LIMIT ?",
            (1,),
        )
        return found[0] if found else None

    def files(self, entry: int) -> list[FileChange]:
        """Return the files that an entry changed."""
        connection = self._connect(write=False)
        if connection is None:
            return []
        try:
            rows = connection.execute(
                "SELECT path, before, after FROM file WHERE entry = ?", (entry,)
            ).fetchall()
        finally:
            connection.close()
        return [FileChange(Path(path), before, after) for path, before, after in rows]

    def _entries(self, clause: str, values: tuple[object, ...]) -> list[Entry]:
        connection = self._connect(write=False)
        if connection is None:
            return []
        try:
            rows = connection.execute(
                f"SELECT id, at, who, verb, layer, summary, changes, undone_by FROM entry {clause}",  # noqa: S608 - clauses stand above
                values,
            ).fetchall()
        finally:
            connection.close()
        return [
            Entry(i, at, who, verb, layer, summary, tuple(json.loads(changes)), undone)
            for i, at, who, verb, layer, summary, changes, undone in rows
        ]
