"""Work for later: a queue in memory, or one in the database that survives a restart."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .database import Database


class MemoryQueue:
    """First in, first out, gone with the process."""

    def __init__(self) -> None:
        self._jobs: deque[tuple[str, dict[str, Any]]] = deque()

    def put(self, name: str, **facts: Any) -> None:
        """Add a job."""
        self._jobs.append((name, facts))

    def take(self) -> tuple[str, dict[str, Any]] | None:
        """Remove the oldest job and return it; None where there is none."""
        return self._jobs.popleft() if self._jobs else None

    def __len__(self) -> int:
        return len(self._jobs)


class DatabaseQueue:
    """First in, first out, in the shop's database."""

    def __init__(self, *, database: Database) -> None:
        self._db = database.connection
        with self._db:
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS jobs"
                " (id INTEGER PRIMARY KEY, name TEXT NOT NULL, facts TEXT NOT NULL)"
            )

    def put(self, name: str, **facts: Any) -> None:
        """Add a job."""
        with self._db:
            row = (name, json.dumps(facts))
            self._db.execute("INSERT INTO jobs (name, facts) VALUES (?, ?)", row)

    def take(self) -> tuple[str, dict[str, Any]] | None:
        """Remove the oldest job and return it; None where there is none."""
        with self._db:
            row = self._db.execute(
                "DELETE FROM jobs WHERE id = (SELECT min(id) FROM jobs) RETURNING name, facts"
            ).fetchone()
        return None if row is None else (row[0], json.loads(row[1]))

    def __len__(self) -> int:
        count: int = self._db.execute("SELECT count(*) FROM jobs").fetchone()[0]
        return count
