"""The database of the runs: a SQLite file of the workspace, or a server of Postgres."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault, WorkflowError

from ._dbos import database_error, load, load_sqlalchemy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Database:
    """Where runs are kept.

    Attributes:
        url: As SQLAlchemy writes it.
        path: The file, of SQLite.
    """

    url: str
    path: Path | None = None

    @classmethod
    def file(cls, path: Path) -> Database:
        """Return a SQLite file."""
        return cls(f"sqlite:///{path}", path)

    def engine(self, connections: int) -> Any:
        """Return a pool of connections that wait for each other and do not checkpoint.

        Two connections that copy the log back into the file at one moment can damage it
        (sqlite.org/wal.html, the WAL-reset bug, up to 3.51.2): one connection of the host does,
        see `checkpoint`. For Postgres there is none: DBOS makes its own.
        """
        if self.path is None:
            return None
        sqlalchemy = load_sqlalchemy()
        made = sqlalchemy.create_engine(self.url, pool_size=connections, max_overflow=0)

        def settle(connection: Any, record: Any) -> None:
            connection.isolation_level = "IMMEDIATE"
            for pragma in ("busy_timeout=30000", "foreign_keys=ON", "wal_autocheckpoint=0"):
                connection.execute(f"PRAGMA {pragma}")

        sqlalchemy.event.listen(made, "connect", settle)
        return made

    def checkpoint(self, *, whole: bool = False) -> None:
        """Copy the log of SQLite back into its file; only the host may."""
        import sqlite3  # noqa: PLC0415 - of the durable engine only

        if self.path is None:
            return
        connection = sqlite3.connect(self.path, timeout=5)
        try:
            connection.execute(f"PRAGMA wal_checkpoint({'TRUNCATE' if whole else 'PASSIVE'})")
        finally:
            connection.close()

    @property
    def files(self) -> tuple[Path, ...]:
        """What changes when a run does; none of a server's."""
        return (
            () if self.path is None else (self.path, self.path.with_name(f"{self.path.name}-wal"))
        )

    def first_due(self, after: float) -> float:
        """Return when the first run of SQLite that was put off may begin, infinite for none.

        Args:
            after: Seconds since 1970, as what is returned.
        """
        import sqlite3  # noqa: PLC0415 - see checkpoint

        asked = (
            "SELECT min(delay_until_epoch_ms) FROM workflow_status"
            " WHERE status = 'DELAYED' AND delay_until_epoch_ms > ?"
        )
        connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=5)
        try:
            (found,) = connection.execute(asked, (after * 1000,)).fetchone()
        finally:
            connection.close()
        return math.inf if found is None else found / 1000

    def make(self) -> None:
        """Make what is not there yet.

        Raises:
            WorkflowError: It cannot be made, or reached.
        """
        dbos = load()
        if self.path is not None:
            import sqlite3  # noqa: PLC0415 - see above

            from oneiric_lab.store import make_folder  # noqa: PLC0415 - see above

            make_folder(self.path.parent)
            # It holds payloads and results, which others must not read.
            self.path.touch(mode=0o600)
            with self.usable():
                connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
                try:
                    # Each record is on the disk before it counts: `synchronous` stays at FULL.
                    connection.execute("PRAGMA journal_mode = WAL")
                finally:
                    connection.close()
        try:
            dbos.DBOS.migrate(self.url)
        except Exception as error:
            raise self.unusable(error) from error

    @contextmanager
    def usable(self) -> Iterator[None]:
        """Say what is wrong with the database, where the block finds out.

        Raises:
            WorkflowError: It cannot be read or written.
        """
        try:
            yield
        except Exception as error:
            found = database_error(error)
            if found is None:
                raise
            raise self.unusable(found) from error

    def unusable(self, error: BaseException) -> WorkflowError:
        """Return the error of a database that cannot be used, without its password."""
        if self.path is not None:
            shown, fix = f".oneiric/{self.path.name}", "make its folder writable and its disk roomy"
        else:
            shown = load_sqlalchemy().make_url(self.url).render_as_string(hide_password=True)
            fix = "start the server, or mend workflows.database_url"
        said = str(getattr(error, "orig", None) or error).strip().splitlines()
        return WorkflowError(
            Fault(
                "runs-unusable",
                f"the runs of this workspace cannot be used: {said[0] if said else repr(error)}",
                why=f"they are kept in {shown}",
                fix=fix,
            )
        )
