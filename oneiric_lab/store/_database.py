"""The sqlite file itself: made, checked, migrated, found damaged, set aside.

A damaged file is never repaired in place and never deleted: a reader says so, the next
writer renames it to `state.db.damaged-N` and starts anew.
"""

from __future__ import annotations

import stat
import time
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from oneiric_lab.errors import Fault, Origin, StoreError

from ._place import FOLDER, is_network, make_folder

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

MIGRATIONS: Final = (
    """
    CREATE TABLE entry (
        id INTEGER PRIMARY KEY, at REAL NOT NULL, who TEXT NOT NULL, verb TEXT NOT NULL,
        layer TEXT NOT NULL, summary TEXT NOT NULL, changes TEXT NOT NULL, undone_by INTEGER
    ) STRICT;
    CREATE TABLE file (
        entry INTEGER NOT NULL REFERENCES entry(id), path TEXT NOT NULL, before BLOB, after BLOB
    ) STRICT;
    """,
    """
    CREATE TABLE quarantine (
        candidate TEXT PRIMARY KEY, kind TEXT NOT NULL, detail TEXT NOT NULL,
        traceback TEXT NOT NULL, at REAL NOT NULL
    ) STRICT;
    CREATE INDEX file_of_entry ON file (entry);
    """,
    """
    CREATE TABLE desired (
        target TEXT PRIMARY KEY, state TEXT NOT NULL, who TEXT NOT NULL, at REAL NOT NULL,
        why TEXT NOT NULL, number INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE desire (
        number INTEGER PRIMARY KEY AUTOINCREMENT, target TEXT NOT NULL, state TEXT NOT NULL,
        who TEXT NOT NULL, at REAL NOT NULL, why TEXT NOT NULL
    ) STRICT;
    CREATE TABLE activity (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, pid INTEGER NOT NULL,
        target TEXT NOT NULL, what TEXT NOT NULL, incarnation INTEGER, provider TEXT NOT NULL,
        detail TEXT NOT NULL
    ) STRICT;
    CREATE TABLE process (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, pid INTEGER NOT NULL,
        host TEXT NOT NULL, started REAL NOT NULL, beat REAL NOT NULL, state TEXT NOT NULL
    ) STRICT;
    """,
    """
    CREATE TABLE pending (entry INTEGER PRIMARY KEY REFERENCES entry(id)) STRICT;
    """,
    """
    CREATE TABLE trust (id INTEGER PRIMARY KEY CHECK (id = 1), document BLOB NOT NULL) STRICT;
    """,
    """
    CREATE TABLE source (name TEXT PRIMARY KEY, document BLOB NOT NULL) STRICT;
    """,
    """
    CREATE TABLE dead_letter (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, topic TEXT NOT NULL,
        handler TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
        attempts INTEGER NOT NULL, event TEXT NOT NULL, whole INTEGER NOT NULL
    ) STRICT;
    """,
    """
    CREATE TABLE post (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, who TEXT NOT NULL,
        event TEXT NOT NULL, handler TEXT NOT NULL, letter INTEGER NOT NULL, done REAL,
        deliveries TEXT
    ) STRICT;
    CREATE INDEX post_waiting ON post (id) WHERE done IS NULL;
    """,
    # Under another name, so that a reader of an older store finds none until it is written.
    """
    CREATE TABLE posted (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, who TEXT NOT NULL,
        event TEXT NOT NULL, size INTEGER NOT NULL, handler TEXT NOT NULL,
        letter INTEGER NOT NULL, deaths INTEGER NOT NULL DEFAULT 0, done REAL, deliveries TEXT
    ) STRICT;
    CREATE INDEX posted_waiting ON posted (id, size) WHERE done IS NULL;
    CREATE INDEX posted_done ON posted (id) WHERE done IS NOT NULL;
    INSERT INTO sqlite_sequence (name, seq)
        SELECT 'posted', seq FROM sqlite_sequence WHERE name = 'post';
    INSERT INTO posted (id, at, who, event, size, handler, letter, done, deliveries)
        SELECT id, at, who, event, length(event), handler, letter, done, deliveries FROM post;
    DROP TABLE post;
    """,
)
"""Script N brings a store of version N to N + 1; a published one is never edited."""

VERSION: Final = len(MIGRATIONS)
_BUSY_SECONDS: Final = 10.0
"""The `busy_timeout` of every connection."""

_READ_ONLY, _IO, _CORRUPT, _CANNOT_OPEN, _NOT_A_DATABASE = 8, 10, 11, 14, 26
"""Result codes of sqlite: SQLITE_READONLY, _IOERR, _CORRUPT, _CANTOPEN, _NOTADB."""


class Commits:
    """What this process wrote to stores, in plain numbers that whoever measures reads.

    Attributes:
        done: Transactions that were committed.
        spent_ns: How long those took together, waiting for other writers included.
        failed: Those that were not, by the code of their fault.
        rows: Of activity that were written, in `flushes` batches.
        flushes: See `rows`.
    """

    __slots__ = ("done", "failed", "flushes", "rows", "spent_ns")

    def __init__(self) -> None:
        self.done = self.spent_ns = self.rows = self.flushes = 0
        self.failed: dict[str, int] = {}


COMMITS: Final = Commits()
"""Of this process."""

_checked: Final[dict[Path, tuple[int, int]]] = {}
"""Device and inode of the files that this process found sound; another file is another inode."""


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection | None]:
    """Give a connection that cannot write, or None where nothing was kept yet.

    Raises:
        StoreError: With code `store-newer`, `store-damaged` or `store`.
    """
    import sqlite3  # noqa: PLC0415 - 10 ms; most processes only read configuration

    if not path.exists():
        yield None
        return
    connection = None
    try:
        connection = _connect_to_read(path)
        # Version 0: another process is making it at this moment, or was killed doing so.
        yield connection if _version(connection, path) else None
    except (sqlite3.Error, OSError) as error:
        raise _fault_of(error, path) from error
    finally:
        if connection is not None:
            connection.close()


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection inside a transaction that is committed unless the block raises.

    Raises:
        StoreError: With code `store-newer` or `store`. Nothing of the block was kept.
    """
    import sqlite3  # noqa: PLC0415 - see reading

    connection = None
    started = time.perf_counter_ns()
    try:
        _prepare(path)
        connection = _connect_to_write(path)
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("COMMIT")
        COMMITS.done += 1
        COMMITS.spent_ns += time.perf_counter_ns() - started
    except (sqlite3.Error, OSError, UnicodeError) as error:
        # UnicodeError: a file name that is no UTF-8 cannot be kept as text.
        fault = _fault_of(error, path)
        COMMITS.failed[fault.code] = COMMITS.failed.get(fault.code, 0) + 1
        raise fault from error
    finally:
        if connection is not None:
            connection.close()


def damaged_copies(path: Path) -> list[Path]:
    """Return the files that were set aside, the oldest first."""
    found = path.parent.glob(f"{path.name}.damaged-*")
    numbers = {p: p.name.rpartition("-")[2] for p in found}
    return sorted((p for p, n in numbers.items() if n.isdigit()), key=lambda p: int(numbers[p]))


def _connect_to_read(path: Path) -> sqlite3.Connection:
    import sqlite3  # noqa: PLC0415 - see reading

    uri = f"{path.resolve().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        connection.execute("PRAGMA user_version")
    except sqlite3.Error as error:
        connection.close()
        journal = path.with_name(path.name + "-wal")
        if _code(error) not in {_READ_ONLY, _CANNOT_OPEN} or journal.exists():
            raise
        # A reader of a WAL store makes a small file beside it. Where the folder is
        # read-only it cannot; then nobody writes here and the file is whole by itself.
        uri = f"{path.resolve().as_uri()}?immutable=1"
        return sqlite3.connect(uri, uri=True, isolation_level=None)
    return connection


def printable(text: str) -> str:
    """Return *text* as far as it can be kept: a program may have said it in another encoding."""
    return text.encode(errors="replace").decode()


def rows_in(path: Path, table: str, query: str, values: tuple[object, ...] = ()) -> list[Any]:
    """Return what a query of *table* finds.

    A store that an older version made gets the table by a write; until then there are none.

    Raises:
        StoreError: See `reading`.
    """
    asked = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    with reading(path) as connection:
        if connection is None or connection.execute(asked, (table,)).fetchone() is None:
            return []
        return connection.execute(query, values).fetchall()


def _connect_to_write(path: Path) -> sqlite3.Connection:
    import sqlite3  # noqa: PLC0415 - see reading

    seen = path.stat().st_ino
    try:
        return _connected(path)
    except sqlite3.DatabaseError as error:
        if not _is_damaged(error):
            raise
    _set_aside(path, seen)
    _prepare(path)
    return _connected(path)


def _connected(path: Path) -> sqlite3.Connection:
    about = path.stat()
    identity = about.st_dev, about.st_ino
    if _checked.get(path) == identity:
        connection = _open(path)
    else:
        with closing(_open(path)) as first:
            _version(first, path)
            walled = _try_wal(first, path)
            _check(first)
        if not walled:
            _leave_wal(path)
        connection = _open(path)
    try:
        _migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    _checked[path] = identity
    return connection


def _open(path: Path) -> sqlite3.Connection:
    import sqlite3  # noqa: PLC0415 - see reading

    return sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)


def _try_wal(connection: sqlite3.Connection, path: Path) -> bool:
    """Have readers and the writer not wait for one another; return False to take it back."""
    import sqlite3  # noqa: PLC0415 - see reading

    if is_network(path):
        # Readers and writers of a WAL find one another in shared memory, which two hosts do
        # not share; sqlite cannot notice (sqlite.org/wal.html, section 1, disadvantage 2).
        return False
    # Busy: another process is switching it this moment, and the mode stays with the file.
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode = WAL")
    try:
        # A file system without shared mappings takes the switch, and refuses the first write.
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        return _code(error) not in {_READ_ONLY, _IO, _CANNOT_OPEN}
    return True


def _leave_wal(path: Path) -> None:
    with closing(_open(path)) as alone:
        # Who holds the file alone needs no shared memory, so this works where WAL does not.
        alone.execute("PRAGMA locking_mode = EXCLUSIVE")
        alone.execute("PRAGMA journal_mode = DELETE")


def _check(connection: sqlite3.Connection) -> None:
    import sqlite3  # noqa: PLC0415 - see reading

    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        damage = sqlite3.DatabaseError(verdict)
        damage.sqlite_errorcode = _CORRUPT
        raise damage


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    if _version(connection, path) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    # Asked again: another process may have migrated it while this one waited.
    for script in MIGRATIONS[_version(connection, path) :]:
        for statement in script.split(";"):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found > VERSION:
        raise StoreError(
            Fault(
                "store-newer",
                f"expected a store of version {VERSION} or less, got {found}",
                _origin(path),
                why="a newer Oneiric Lab wrote it",
                fix="pip install --upgrade oneiric-lab",
            )
        )
    return found


def _prepare(path: Path) -> None:
    make_folder(path.parent)
    # It holds former bytes of files, which may hold what others must not read.
    path.touch(mode=0o600)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        path.chmod(0o600)


def _set_aside(path: Path, seen: int) -> None:
    if path.stat().st_ino != seen:
        return  # another process found the damage too, and was faster
    last = damaged_copies(path)
    number = int(last[-1].name.rpartition("-")[2]) + 1 if last else 1
    aside = path.with_name(f"{path.name}.damaged-{number}")
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))


def _code(error: BaseException) -> int:
    # The low byte is the primary code, the others say more about it.
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _is_damaged(error: BaseException) -> bool:
    return _code(error) in {_CORRUPT, _NOT_A_DATABASE}


def shown(folder: Path) -> str:
    """Return how people are told of the store's folder."""
    # The workspace's own folder is known by its name; one in the user's state is not.
    return folder.name if folder.name == FOLDER else str(folder)


def _origin(path: Path) -> Origin:
    return Origin("", file=f"{shown(path.parent)}/{path.name}")


def _fault_of(error: Exception, path: Path) -> StoreError:
    if _is_damaged(error):
        return damaged(path, str(error))
    return StoreError(
        Fault(
            "store",
            f"the workspace's history cannot be used: {error}",
            _origin(path),
            fix=f"make {shown(path.parent)}/ writable and its disk roomy, then try again",
        )
    )


def damaged(path: Path, reason: str) -> StoreError:
    """Return the error of a store that is no sound database; have the next writer check it."""
    _checked.pop(path, None)
    return StoreError(
        Fault(
            "store-damaged",
            f"the workspace's history is damaged: {reason}",
            _origin(path),
            fix="the next save sets it aside and starts anew; values are not affected",
        )
    )
