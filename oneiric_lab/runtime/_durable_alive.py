"""Who is alive of several machines that share a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._dbos import load_sqlalchemy

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._durable_database import Database


class Alive:
    """The sign that an executor is alive: a lock of Postgres that ends with its connection.

    Args:
        database: Postgres.
        application: Whose executors.
    """

    def __init__(self, database: Database, application: str) -> None:
        sqlalchemy = load_sqlalchemy()
        url = sqlalchemy.make_url(database.url).set(drivername="postgresql+psycopg")
        self._engine = sqlalchemy.create_engine(
            url, pool_size=1, max_overflow=1, isolation_level="AUTOCOMMIT"
        )
        self._text = sqlalchemy.text
        self._application = application
        self._own: Any = None

    def hold(self, executor: str) -> None:
        """Show that *executor* is alive, again where the connection was lost."""
        if self._own is not None:
            try:
                self._own.execute(self._text("SELECT 1"))
            except Exception:  # noqa: BLE001 - whatever it was, the lock went with it
                self._own.invalidate()
                self._own = None
            else:
                return
        self._own = self._engine.connect()
        self._ask("pg_advisory_lock", self._own, executor)

    def take_from(self, executor: str) -> Callable[[], None] | None:
        """Return what ends the hold of an executor that is gone; None where it is alive.

        While it is held nobody else takes its runs.
        """
        connection = self._engine.connect()
        if not self._ask("pg_try_advisory_lock", connection, executor):
            connection.close()
            return None

        def leave() -> None:
            self._ask("pg_advisory_unlock", connection, executor)
            connection.close()

        return leave

    def close(self) -> None:
        """Show it no more."""
        if self._own is not None:
            self._own.close()
        self._engine.dispose()

    def is_alive(self, executor: str) -> bool:
        """Tell whether an executor shows that it is alive."""
        asked = self._text(
            "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 "
            "AND ((classid::bigint << 32) | objid::bigint) = hashtextextended(:name, 0))"
        )
        with self._engine.connect() as connection:
            found = connection.execute(asked, {"name": self._name(executor)}).scalar()
        return bool(found)

    def _name(self, executor: str) -> str:
        return f"oneiric {self._application} {executor}"

    def _ask(self, what: str, connection: Any, executor: str) -> Any:
        asked = self._text(f"SELECT {what}(hashtextextended(:name, 0))")
        return connection.execute(asked, {"name": self._name(executor)}).scalar()
