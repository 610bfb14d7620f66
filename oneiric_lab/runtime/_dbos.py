"""The only door to DBOS and SQLAlchemy: imported when a durable run is asked for, and not before.

DBOS is one instance per process, a second one silently uses the settings of the first; so this
door lets one in and refuses the next. What is kept is JSON, never a pickle.
"""

from __future__ import annotations

import contextvars
import logging
import sqlite3
import sys
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

from oneiric_lab.errors import Fault, MissingExtraError, WorkflowError

if TYPE_CHECKING:
    from collections.abc import Iterator

FLOW: Final = "oneiric.flow"
TICK: Final = "oneiric.tick"
FORM: Final = "1"
"""Of how a run is recorded; code that changed is found by our own digests."""

_lock = threading.Lock()
_held: list[str] = []
_recording = contextvars.ContextVar("oneiric_records_runs", default=False)
_reading = contextvars.ContextVar("oneiric_reads_runs", default=False)


def load() -> Any:
    """Return DBOS, quiet: what it logs goes where the program's other records go.

    Raises:
        MissingExtraError: It is not installed.
    """
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    try:
        import dbos  # noqa: PLC0415 - half a second, of who asks for durable runs
        import dbos._dbos  # noqa: PLC0415 - see `Host.launch`
        import dbos._serialization  # noqa: PLC0415 - see `_refuse_pickles`
    except ImportError as error:
        raise MissingExtraError(
            "durable workflows need DBOS, which is not installed", extra="durable"
        ) from error
    _refuse_pickles(dbos._serialization.DBOSDefaultSerializer)  # noqa: SLF001 - see there
    event = load_sqlalchemy().event
    engines = load_sqlalchemy().Engine
    if _is_older() and not event.contains(engines, "connect", know_subsec):
        event.listen(engines, "connect", know_subsec)
    return dbos


def _is_older() -> bool:
    """Tell whether SQLite is older than DBOS takes it for.

    From Python 3.12 on DBOS 3 takes it for 3.42, whose `unixepoch` knows parts of a second: so it
    comes with Python's own builds. One that was built on Debian 12 has 3.40.
    """
    return sys.version_info >= (3, 12) and sqlite3.sqlite_version_info < (3, 42)


def know_subsec(connection: Any, _: object = None) -> None:
    """Have a connection to an older SQLite know `unixepoch('subsec')`; all else stays as it is."""

    def unixepoch(word: str) -> float | None:
        if word == "subsec":
            return time.time()
        with closing(sqlite3.connect(":memory:")) as plain:
            (found,) = plain.execute("SELECT unixepoch(?)", (word,)).fetchone()
        return found  # type: ignore[no-any-return]  # a number, or None of what is no time

    if isinstance(connection, sqlite3.Connection):
        connection.create_function("unixepoch", 1, unixepoch)


def load_sqlalchemy() -> Any:
    """Return SQLAlchemy, which comes with DBOS."""
    import sqlalchemy  # noqa: PLC0415 - of durable runs only

    return sqlalchemy


def database_error(error: BaseException) -> BaseException | None:
    """Return the error of the database that *error* is or comes from, or None."""
    if isinstance(error, BaseExceptionGroup):
        found = (database_error(one) for one in error.exceptions)
        return next((one for one in found if one is not None), None)
    broken: BaseException | None = getattr(error, "broken", None)
    kinds = (load_sqlalchemy().exc.DBAPIError, sqlite3.Error)
    return broken or (error if isinstance(error, kinds) else None)


def guard_records(dbos: Any, engine: Any) -> None:
    """Have DBOS record nothing of a disk that fails.

    Where the result of a step or a run cannot be written, DBOS writes that as its failure
    instead, and often can by then. Only who is cancelled writes no failure: so we call it that,
    in tasks that said `records_runs`. Elsewhere it would end threads of DBOS.

    Args:
        dbos: DBOS.
        engine: Its connections.
    """

    class UnrecordedError(dbos.error.DBOSWorkflowCancelledError):  # type: ignore[misc]  # DBOS is Any
        """What could not be written is done again, and is no failure."""

        def __init__(self, broken: BaseException) -> None:
            super().__init__(str(broken))
            self.broken = broken

    def convert(context: Any) -> BaseException | None:
        broken = context.sqlalchemy_exception
        is_ours = _recording.get() and fails_of_disk(context.original_exception)
        return UnrecordedError(broken) if is_ours and broken is not None else None

    load_sqlalchemy().event.listen(engine, "handle_error", convert, retval=True)


def records_runs() -> None:
    """Say that what this task does from here on is recorded, see `guard_records`."""
    _recording.set(True)


_OF_DISK: Final = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    "53100",
    "58030",
}
"""Codes of SQLite, and of Postgres: disk full, I/O error."""


def fails_of_disk(error: BaseException) -> bool:
    """Tell whether a driver's error comes of the disk, and not of what was asked."""
    # The upper bits of SQLite's say more of it.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in _OF_DISK or getattr(error, "sqlstate", None) in _OF_DISK


def load_croniter() -> Any:
    """Return what knows the moments of a cron line, which comes with DBOS."""
    from croniter import croniter  # type: ignore[import-untyped]  # noqa: PLC0415 - it has no types; of hosts with schedules only

    return croniter


def _refuse_pickles(default: Any) -> None:
    """Have no record unpickled where we read: DBOS reads each as the record itself says.

    Whoever may write to a shared database could run code in every host otherwise. A program's
    own use of DBOS is left as it is.
    """
    original = default.deserialize
    if getattr(original, "is_ours", False):
        return

    def deserialize(text: str) -> Any:
        if _held or _reading.get():
            raise WorkflowError(
                Fault(
                    "record-refused",
                    "a record of a run is a pickle, which is not read",
                    why="Oneiric Lab writes JSON; another program wrote this one",
                    fix="look who else writes to the database of the runs",
                )
            )
        return original(text)

    deserialize.is_ours = True  # type: ignore[attr-defined]  # told by it next time
    default.deserialize = deserialize


@contextmanager
def as_json() -> Iterator[None]:
    """Refuse records that are pickles for the time of the block, in this thread."""
    token = _reading.set(True)
    try:
        yield
    finally:
        _reading.reset(token)


def hold(dbos: Any, what: str) -> None:
    """Let an instance of DBOS in, the only one of this process.

    Raises:
        WorkflowError: There is one already.
    """
    with _lock:
        theirs = getattr(dbos._dbos, "_dbos_global_instance", None)  # noqa: SLF001 - it tells nobody else
        if _held or theirs is not None:
            raise _taken(_held[0] if _held else "another part of this program")
        _held.append(what)


def let_go() -> None:
    """Let the next one in."""
    with _lock:
        _held.clear()


def _taken(by: str) -> WorkflowError:
    """Return the error of a process that has a durable engine already."""
    return WorkflowError(
        Fault(
            "engine-taken",
            f"this process runs durable workflows already: {by}",
            why="DBOS is one instance per process, and a second one would use the first one's",
            fix="run the other workspace in a process of its own, or enqueue what its host runs",
        )
    )
