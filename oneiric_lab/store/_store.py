"""The questions that a workspace's store answers."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any, get_args

from oneiric_lab.errors import Fault, Origin, StoreError, UsageError, did_you_mean

from ._database import damaged, damaged_copies, printable, reading, shown, writing
from ._place import FILE, FOLDER, is_network
from ._records import (
    Activity,
    Desired,
    DesiredState,
    Entry,
    FileChange,
    ProcessState,
    Quarantined,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path


KEPT = 100
"""Changes of files that can be taken back; of older ones the history keeps all but the bytes."""

PROCESSES_KEPT = 256
"""Processes that are remembered: those that were heard of last, by the number of their beat."""

_PENDING = "SELECT entry FROM pending ORDER BY entry DESC"
_OLDEST_KEPT = "SELECT DISTINCT entry FROM file ORDER BY entry DESC LIMIT 1 OFFSET ?"


class Store:
    """The store of one workspace; opened when something is to be kept or asked.

    Files inside the workspace are kept by their path from its root: a copy of a workspace
    takes its changes back in itself. Many processes may write; each write is one transaction.

    Args:
        folder: The workspace's `.oneiric`, or where `place` says.
        clock: Gives seconds since 1970.
        elapsed: Gives seconds that never go back.
        root: The workspace's own folder; None is the one around *folder*.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = time.monotonic,
        root: Path | None = None,
    ) -> None:
        self.path = folder / FILE
        self._root = root or folder.parent
        self._clock = clock
        self._elapsed = elapsed
        # Number and moment of the last beat of each process, and when that was looked at.
        self._beats: dict[str, tuple[int, float]] = {}
        self._looked = -math.inf

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
        pending: bool = False,
    ) -> int:
        """Keep one change; return its number.

        Args:
            verb: What is done.
            layer: Where.
            summary: One line.
            who: The user.
            changes: As `ValueChange.as_dict()`.
            files: Former and later bytes of the files.
            undoes: The entry that is taken back.
            pending: Whether the files are still to be written; `settle` says what came of
                it, and `pending` names those of which nobody said.

        Raises:
            StoreError: The store cannot be written, or with code `already-undone` when
                another process took the entry *undoes* back. Nothing was kept.
        """
        with writing(self.path) as connection:
            number = self._enter(connection, (who, verb, layer, summary), changes)
            connection.executemany(
                "INSERT INTO file VALUES (?, ?, ?, ?)",
                [(number, self._inside(f.path), f.before, f.after) for f in files],
            )
            if files:
                old = connection.execute(_OLDEST_KEPT, (KEPT - 1,)).fetchone()
                # Asked apart: where there is none, sqlite 3.40 takes `<= (SELECT ...)` as true.
                if old is not None:
                    connection.execute("DELETE FROM file WHERE entry < ?", old)
            if pending:
                connection.execute("INSERT INTO pending VALUES (?)", (number,))
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

    def settle(self, entry: int, *, done: bool) -> None:
        """Say whether the files of a pending entry were written; if not, it never was.

        Raises:
            StoreError: The store cannot be written. The entry is pending still.
        """
        with writing(self.path) as connection:
            connection.execute("DELETE FROM pending WHERE entry = ?", (entry,))
            if not done:
                connection.execute(
                    "UPDATE entry SET undone_by = NULL WHERE undone_by = ?", (entry,)
                )
                connection.execute("DELETE FROM file WHERE entry = ?", (entry,))
                connection.execute("DELETE FROM entry WHERE id = ?", (entry,))

    def pending(self) -> list[int]:
        """Return the entries whose writer did not say what came of it, the newest first.

        It writes at this moment, or was killed: the bytes of the files tell.
        """
        return [number for (number,) in self._rows(_PENDING, since=4)]

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
                (candidate, kind, printable(detail), printable(traceback), at),
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

    # --- desired ------------------------------------------------------------------------

    def desire(self, target: str, state: DesiredState, *, who: str, why: str) -> int:
        """Keep what somebody wants of a component, in place of the former wish.

        Every process that asks afterwards sees it. The same wish again is a wish of its own.

        Args:
            target: `domain:key`; whether there is one is not asked.
            state: `running` takes `paused` and `draining` back.
            who: The user.
            why: One line.

        Returns:
            Its number.

        Raises:
            UsageError: With code `target` or `state`.
            StoreError: The store cannot be written. The former wish stands.
        """
        _check(target, state)
        who, why = printable(who), printable(why)
        with writing(self.path) as connection:
            at = self._clock()
            number = connection.execute(
                "INSERT INTO desire (target, state, who, at, why) VALUES (?, ?, ?, ?, ?)",
                (target, state, who, at, why),
            ).lastrowid
            connection.execute(
                "INSERT OR REPLACE INTO desired VALUES (?, ?, ?, ?, ?, ?)",
                (target, state, who, at, why, number),
            )
        return int(number or 0)

    def desired(self) -> dict[str, Desired]:
        """Return the wish in force for each component that ever had one, by its name.

        Act on this one: it is never short, also after a damaged store began anew.
        """
        rows = self._rows(
            "SELECT target, state, who, at, why, number FROM desired ORDER BY target", since=3
        )
        return {row[0]: Desired(*row) for row in rows}

    def desires(self, since: int = 0) -> list[Desired]:
        """Return all wishes with a number above *since*, the oldest first.

        They tell who asked for what, overtaken wishes included. A *since* that was never
        given is of a store that was set aside: then all wishes are returned.
        """
        rows = self._rows(
            "SELECT target, state, who, at, why, number FROM desire WHERE number > ?"
            " OR (SELECT max(number) FROM desire) < ? ORDER BY number",
            (since, since),
            since=3,
        )
        return [Desired(*row) for row in rows]

    # --- actual -------------------------------------------------------------------------

    def beat(self, process: ProcessState) -> int:
        """Keep what is so in a process, in place of what it said before.

        Of the newest 256 processes it is remembered. One transaction, about 1.5 ms; another
        writer may hold it up for ten seconds.

        Args:
            process: Its `beat` and `number` are not read: the store gives them.

        Returns:
            The number of this beat.

        Raises:
            StoreError: The store cannot be written.
        """
        with writing(self.path) as connection:
            number = connection.execute(
                "INSERT OR REPLACE INTO process (id, pid, host, started, beat, state)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    process.id,
                    process.pid,
                    printable(process.host),
                    process.started,
                    self._clock(),
                    json.dumps(process.state, default=str),
                ),
            ).lastrowid
            connection.execute(
                "DELETE FROM process WHERE number NOT IN"
                " (SELECT number FROM process ORDER BY number DESC LIMIT ?)",
                (PROCESSES_KEPT,),
            )
        return int(number or 0)

    def processes(self, alive_within: float) -> list[ProcessState]:
        """Return the processes whose last beat is not older than that, the oldest first.

        The age of a beat is counted by this store's `elapsed`, from when its number was first
        seen here. How old it was then:

        - Seen for the first time here, it is as old as the two clocks differ, in either
          direction: a beat from the future is no proof of life.
        - When an earlier look did not find this number, the beat came after that look and is
          no older than the look, whatever the clocks say.

        So a clock that jumps hides a live process until its next beat and no longer, clocks
        that differ hide none from who looks twice within *alive_within*, and a process that
        stopped is not shown for longer than that.

        Args:
            alive_within: Seconds.
        """
        # Before the rows: a beat that this look misses came after this moment.
        now, moment = self._clock(), self._elapsed()
        rows = self._rows(
            "SELECT id, pid, host, started, state, beat, number FROM process ORDER BY started, id",
            since=3,
        )
        beats: dict[str, tuple[int, float]] = {}
        for row in rows:
            name, beat, number = row[0], row[5], row[6]
            known = self._beats.get(name)
            if known is not None and known[0] == number:
                beats[name] = known
            else:
                beats[name] = (number, moment - min(abs(now - beat), moment - self._looked))
        self._beats, self._looked = beats, moment
        return [
            ProcessState(name, pid, host, started, json.loads(state), beat, number)
            for name, pid, host, started, state, beat, number in rows
            if moment - beats[name][1] <= alive_within
        ]

    def leave(self, process: str) -> bool:
        """Forget a process that ends; return whether it was known.

        Raises:
            StoreError: The store cannot be written.
        """
        if not self._rows("SELECT 1 FROM process WHERE id = ?", (process,), since=3):
            return False
        with writing(self.path) as connection:
            gone = connection.execute("DELETE FROM process WHERE id = ?", (process,))
            return gone.rowcount == 1

    # --- activity -----------------------------------------------------------------------

    def activity(self, limit: int = 50, target: str | None = None) -> list[Activity]:
        """Return the latest rows that journals wrote, the newest first.

        Args:
            limit: How many.
            target: Only of this `domain:key`.
        """
        rows = self._rows(
            "SELECT id, at, pid, target, what, incarnation, provider, detail FROM activity"
            " WHERE coalesce(target = ?, TRUE) ORDER BY id DESC LIMIT ?",
            (target, limit),
            since=3,
        )
        return [Activity(*row) for row in rows]

    # --- trust --------------------------------------------------------------------------

    def trusted(self) -> bytes | None:
        """Return the document of what this workspace has trusted last; None for nothing."""
        rows = self._rows("SELECT document FROM trust", since=5)
        return bytes(rows[0][0]) if rows else None

    def trust(
        self,
        change: Callable[[bytes | None], bytes],
        *,
        verb: str = "",
        summary: Callable[[], str] = str,
        who: str = "",
        source: tuple[str, Callable[[bytes | None], bytes]] | None = None,
    ) -> bytes:
        """Replace the document of what was trusted last, and return the new one.

        Args:
            change: Given the document as it stands, returns the one to keep. No other process
                writes in between, and what it raises keeps the old one.
            verb: What is done; where it is given, the history has an entry of it.
            summary: One line for that entry, asked for after *change*.
            who: The user.
            source: A source of manifests and what is remembered of it from now on; both
                documents change, or none.

        Raises:
            StoreError: The store cannot be written. The old document stands.
        """
        with writing(self.path) as connection:
            row = connection.execute("SELECT document FROM trust").fetchone()
            document = change(None if row is None else bytes(row[0]))
            connection.execute("INSERT OR REPLACE INTO trust VALUES (1, ?)", (document,))
            if source is not None:
                _remember(connection, *source)
            if verb:
                self._enter(connection, (who, verb, "trust", summary()), ())
        return document

    # --- sources of manifests -----------------------------------------------------------

    def sources(self) -> dict[str, bytes]:
        """Return what is remembered of each source of manifests, by its name."""
        rows = self._rows("SELECT name, document FROM source ORDER BY name", since=6)
        return {name: bytes(document) for name, document in rows}

    def remember_source(self, name: str, change: Callable[[bytes | None], bytes]) -> None:
        """Replace what is remembered of a source of manifests.

        Args:
            name: Of the source.
            change: Given the document as it stands, returns the one to keep.

        Raises:
            StoreError: The store cannot be written. The old document stands.
        """
        with writing(self.path) as connection:
            _remember(connection, name, change)

    # --- health -------------------------------------------------------------------------

    @property
    def elsewhere(self) -> str | None:
        """Where it lies when not in the workspace's own folder, as people are told; or None."""
        folder = self.path.parent
        return None if folder == self._root / FOLDER else shown(folder)

    def notices(self) -> tuple[Fault, ...]:
        """Return what people should know of the store: where it lies when not beside the
        workspace, that it is damaged, or was.

        A notice about a file that was set aside stays for as long as that file does.
        """
        found: list[Fault] = []
        if self.elsewhere is not None:
            is_network_ = is_network(self._root)
            found.append(
                Fault(
                    "store-elsewhere",
                    f"history and wishes of this workspace are kept in {self.elsewhere}",
                    why="the workspace is on a network file system, which breaks databases"
                    if is_network_
                    else "the workspace cannot be written",
                    fix="other machines do not see them: name another place, ONEIRIC_STATE_DIR=DIR"
                    if is_network_
                    else f"to share them with others, make {FOLDER}/ writable",
                    severity="warning",
                )
            )
        try:
            for row in self._rows("PRAGMA quick_check(1)"):
                if row != ("ok",):
                    raise damaged(self.path, row[0])
        except StoreError as error:
            found += error.faults
        found += [
            Fault(
                "store-set-aside",
                f"the workspace's history was damaged and began anew; the old one is {aside}",
                Origin("", file=aside),
                fix=f"look into it, then: rm {aside}*",
                severity="warning",
            )
            for aside in map(self._inside, damaged_copies(self.path))
        ]
        return tuple(found)

    # --- inside -------------------------------------------------------------------------

    def _enter(
        self,
        connection: sqlite3.Connection,
        said: tuple[str, str, str, str],
        changes: Sequence[dict[str, Any]],
    ) -> int:
        """Write an entry of the history, *said* is who, verb, layer and summary."""
        cursor = connection.execute(
            "INSERT INTO entry (at, who, verb, layer, summary, changes) VALUES (?, ?, ?, ?, ?, ?)",
            (self._clock(), *map(printable, said), json.dumps(list(changes), default=str)),
        )
        return int(cursor.lastrowid or 0)

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


def _remember(
    connection: sqlite3.Connection, name: str, change: Callable[[bytes | None], bytes]
) -> None:
    row = connection.execute("SELECT document FROM source WHERE name = ?", (name,)).fetchone()
    document = change(None if row is None else bytes(row[0]))
    connection.execute("INSERT OR REPLACE INTO source VALUES (?, ?)", (name, document))


def _check(target: str, state: str) -> None:
    domain, _, key = target.partition(":")
    if not (domain and key):
        raise UsageError(
            Fault(
                "target",
                f"expected domain:key, got {target!r}",
                fix="name the component as in adapter:cache",
            )
        )
    if state not in get_args(DesiredState):
        raise UsageError(
            Fault(
                "state",
                f"expected a desired state, got {state!r}",
                fix=did_you_mean(state, get_args(DesiredState)),
            )
        )
