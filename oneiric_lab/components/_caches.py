"""Two caches with one face: in memory, and in a sqlite file that outlives the process.

Keys are texts, values are bytes. A value may have a time to live, in seconds; one that is
over is never returned.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from oneiric_lab.config import WorkspacePath  # noqa: TC001 - pydantic reads the annotations

from ._settings import ComponentSettings

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

_Seconds = Annotated[float, Field(gt=0)]


class MemoryCacheSettings(ComponentSettings):
    """Settings of `adapter:cache` by memory."""

    max_entries: Annotated[int, Field(ge=1)] = 10_000
    """The entry that was not asked for the longest goes first."""
    ttl: _Seconds | None = None
    """Seconds that an entry lives where `set` does not say; None is for ever."""


class MemoryCache:
    """A cache in this process; any thread may use it.

    Example:
        >>> cache = MemoryCache()
        >>> cache.set("boat", b"paper")
        >>> cache.get("boat"), cache.get("ship")
        (b'paper', None)
    """

    def __init__(
        self,
        settings: MemoryCacheSettings | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings or MemoryCacheSettings()
        self._clock = clock
        self._entries: OrderedDict[str, tuple[bytes, float | None]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str) -> bytes | None:
        """Return the value of *key*, or None where there is none or its time is over."""
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                return None
            value, until = found
            if until is not None and self._clock() >= until:
                del self._entries[key]
                return None
            self._entries.move_to_end(key)
            return value

    def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        """Keep *value* for *ttl* seconds, or as long as the settings say."""
        lives = self._settings.ttl if ttl is None else ttl
        until = None if lives is None else self._clock() + lives
        with self._lock:
            self._entries[key] = (value, until)
            self._entries.move_to_end(key)
            while len(self._entries) > self._settings.max_entries:
                self._entries.popitem(last=False)

    def delete(self, key: str) -> bool:
        """Forget *key*; return whether it was there."""
        with self._lock:
            return self._entries.pop(key, None) is not None

    def __len__(self) -> int:
        """Return the number of entries, those over their time included until asked for."""
        return len(self._entries)

    def health(self) -> bool:
        """Return True: it has nothing that could fail."""
        return True

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()


class SqliteCacheSettings(ComponentSettings):
    """Settings of `adapter:cache` by sqlite."""

    path: WorkspacePath = ":memory:"
    """File of the cache; its folder is made where it is not there."""
    ttl: _Seconds | None = None
    """Seconds that an entry lives where `set` does not say; None is for ever."""
    timeout: _Seconds = 5.0
    """Seconds to wait for another process that writes."""


class SqliteCache:
    """A cache in a file, which outlives the process and is shared by several.

    Example:
        >>> cache = SqliteCache()
        >>> cache.set("boat", b"paper", ttl=60)
        >>> cache.get("boat")
        b'paper'
        >>> cache.close()
    """

    def __init__(
        self,
        settings: SqliteCacheSettings | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        import sqlite3  # noqa: PLC0415 - 5 ms that only who builds one pays

        self._settings = settings or SqliteCacheSettings()
        self._clock = clock
        self._lock = Lock()
        path = self._settings.path
        if path != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._db: sqlite3.Connection = sqlite3.connect(
            path, timeout=self._settings.timeout, check_same_thread=False, isolation_level=None
        )
        # A cache may lose its last writes with the power, never its consistency.
        self._db.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
            "CREATE TABLE IF NOT EXISTS entries"
            " (key TEXT PRIMARY KEY, value BLOB NOT NULL, until REAL) WITHOUT ROWID;"
        )

    def get(self, key: str) -> bytes | None:
        """Return the value of *key*, or None where there is none or its time is over."""
        with self._lock:
            row = self._db.execute(
                "SELECT value FROM entries WHERE key = ? AND (until IS NULL OR until > ?)",
                (key, self._clock()),
            ).fetchone()
        return None if row is None else bytes(row[0])

    def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        """Keep *value* for *ttl* seconds, or as long as the settings say."""
        lives = self._settings.ttl if ttl is None else ttl
        until = None if lives is None else self._clock() + lives
        with self._lock:
            self._db.execute("REPLACE INTO entries VALUES (?, ?, ?)", (key, value, until))

    def delete(self, key: str) -> bool:
        """Forget *key*; return whether it was there."""
        with self._lock:
            return self._db.execute("DELETE FROM entries WHERE key = ?", (key,)).rowcount > 0

    def sweep(self) -> int:
        """Remove the entries whose time is over; return how many there were."""
        with self._lock:
            return self._db.execute(
                "DELETE FROM entries WHERE until <= ?", (self._clock(),)
            ).rowcount

    def __len__(self) -> int:
        """Return the number of entries, those over their time included until swept."""
        with self._lock:
            count: int = self._db.execute("SELECT count(*) FROM entries").fetchone()[0]
        return count

    def health(self) -> bool:
        """Return whether the file still answers."""
        import sqlite3  # noqa: PLC0415 - loaded with the first one

        try:
            with self._lock:
                self._db.execute("SELECT 1 FROM entries LIMIT 1")
        except sqlite3.Error:
            return False
        return True

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        with self._lock:
            self._db.close()
