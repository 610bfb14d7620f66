"""The questions that a workspace's store answers."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault, Origin, StoreError

from ._database import damaged, damaged_copies, reading, writing
from ._records import Entry, FileChange, Quarantined

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


KEPT = 100
"""Changes of files that can be taken back; of older ones the history keeps all but the bytes."""

_OLDEST_KEPT = "SELECT DISTINCT entry FROM file ORDER BY entry DESC LIMIT 1 OFFSET ?"


class Store:
    """The store of one workspace; opened when something is to be kept or asked.

    Files inside the workspace are kept by their path from its root: a copy of a workspace
    takes its changes back in itself. Many processes may write; each write is one transaction.

    Args:
        folder: The workspace's `.oneiric`.
        clock: Gives seconds since 1970.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = folder / "state.db"
        self._root = folder.parent
        self._clock = clock

    # --- history ------------------------------------------------------------------------

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
            StoreError: The store cannot be written, or with code `already-undone` when
                another process took the entry *undoes* back. Nothing was kept.
        """
        with writing(self.path) as connection:
            cursor = connection.execute(
                "INSERT INTO entry (at, who, verb, layer, summary, changes)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    self._clock(),
                    *map(_printable, (who, verb, layer, summary)),
                    json.dumps(list(changes), default=str),
                ),
            )
            number = int(cursor.lastrowid or 0)
            connection.executemany(
                "INSERT INTO file VALUES (?, ?, ?, ?)",
                [(number, self._inside(f.path), f.before, f.after) for f in files],
            )
            if files:
                old = connection.execute(_OLDEST_KEPT, (KEPT - 1,)).fetchone()
                # Asked apart: where there is none, sqlite 3.40 takes `<= (SELECT ...)` as true.
                if old is not None:
                    connection.execute("DELETE FROM file WHERE entry < ?", old)
            if undoes is not None:
                marked = connection.execute(
                    "UPDATE entry SET undone_by = ? WHERE id = ? AND undone_by IS NULL",
                    (number, undoes),
                )
                if marked.rowcount != 1:
                    raise StoreError(
                        Fault(
                            "already-undone",
                            f"entry {undoes} was taken back already, or never was",
                            fix="history shows what was done",
                        )
                    )
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
        rows = self._rows("SELECT path, before, after FROM file WHERE entry = ?", (entry,))
        return [FileChange(self._root / path, before, after) for path, before, after in rows]

    # --- quarantine ---------------------------------------------------------------------

    def quarantine(
        self,
        candidate: str,
        kind: str,
        detail: str,
        traceback: str = "",
        *,
        when: float | None = None,
    ) -> None:
        """Remember that *candidate* failed; what was known of it is replaced.

        Args:
            candidate: Its identity, a text of the caller's.
            kind: What happened, such as `import-error`.
            detail: One line.
            traceback: In full.
            when: Seconds since 1970; None is now.

        Raises:
            StoreError: The store cannot be written.
        """
        at = self._clock() if when is None else when
        with writing(self.path) as connection:
            connection.execute(
                "INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?, ?, ?)",
                (candidate, kind, _printable(detail), _printable(traceback), at),
            )

    def quarantined(self) -> list[Quarantined]:
        """Return what is in quarantine, by the name of the candidate."""
        return [
            Quarantined(*row)
            for row in self._rows(
                "SELECT candidate, kind, detail, traceback, at FROM quarantine ORDER BY candidate",
                since=2,
            )
        ]

    def release(self, candidate: str) -> bool:
        """Take *candidate* out of quarantine; return whether it was in it.

        Raises:
            StoreError: The store cannot be written.
        """
        if all(one.candidate != candidate for one in self.quarantined()):
            return False
        with writing(self.path) as connection:
            gone = connection.execute("DELETE FROM quarantine WHERE candidate = ?", (candidate,))
            return gone.rowcount == 1

    # --- health -------------------------------------------------------------------------

    def notices(self) -> tuple[Fault, ...]:
        """Return what people should know of the store: that it is damaged, or was.

        A notice about a file that was set aside stays for as long as that file does.
        """
        found: list[Fault] = []
        try:
            for row in self._rows("PRAGMA quick_check(1)"):
                if row != ("ok",):
                    raise damaged(self.path, row[0])
        except StoreError as error:
            found += error.faults
        found += [
            Fault(
                "store-set-aside",
                f"the workspace's history was damaged and began anew; the old one is {shown}",
                Origin("", file=shown),
                fix=f"look into it, then: rm {shown}*",
                severity="warning",
            )
            for shown in map(self._inside, damaged_copies(self.path))
        ]
        return tuple(found)

    # --- inside -------------------------------------------------------------------------

    def _entries(self, clause: str, values: tuple[object, ...]) -> list[Entry]:
        rows = self._rows(
            f"SELECT id, at, who, verb, layer, summary, changes, undone_by FROM entry {clause}",  # noqa: S608 - clauses stand above
            values,
        )
        return [
            Entry(i, at, who, verb, layer, summary, tuple(json.loads(changes)), undone)
            for i, at, who, verb, layer, summary, changes, undone in rows
        ]

    def _rows(
        self, query: str, values: tuple[object, ...] = (), *, since: int = 1
    ) -> list[tuple[Any, ...]]:
        """Return the answer; nothing where the store is missing or older than *since*."""
        with reading(self.path) as connection:
            if connection is None:
                return []
            if connection.execute("PRAGMA user_version").fetchone()[0] < since:
                return []
            return connection.execute(query, values).fetchall()

    def _inside(self, path: Path) -> str:
        try:
            return path.relative_to(self._root).as_posix()
        except ValueError:
            return str(path)


def _printable(text: str) -> str:
    # What a program said in another encoding is kept as far as it can be.
    return text.encode(errors="replace").decode()
