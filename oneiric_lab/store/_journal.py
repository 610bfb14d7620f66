"""What a process does to its components, written down in batches."""

from __future__ import annotations

import itertools
import os
import time
from collections import deque
from threading import Lock
from typing import TYPE_CHECKING, Final

from ._database import COMMITS, printable, writing

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._store import Store

    Row = tuple[int, float, str, str, int | None, str, str]

KEPT: Final = 10_000
"""Rows of activity in the store; older ones are forgotten."""


class Journal:
    """The one writer of a process's activity.

    `add` only remembers; who owns a loop calls `flush`, and no thread is started here. A
    process that was forked makes its own: this one's rows are its parent's.

    Args:
        store: Where it is written to.
        clock: Gives seconds since 1970.
        capacity: Rows that may wait. When full, the oldest is dropped for a new one. Rows of
            a flush that failed are kept apart, up to as many again.

    Attributes:
        dropped: Rows that were never written, as counted by the last `flush`.
    """

    def __init__(
        self, store: Store, *, clock: Callable[[], float] = time.time, capacity: int = 10_000
    ) -> None:
        self.dropped = 0
        self._store = store
        self._clock = clock
        self._capacity = capacity
        self._pid = os.getpid()
        self._serials = itertools.count(1)
        self._waiting: deque[Row] = deque(maxlen=capacity)
        self._flushing = Lock()
        # Of who holds the lock:
        self._held: list[Row] = []
        self._newest = self._taken = self._trimmed = 0

    def add(
        self,
        target: str,
        what: str,
        incarnation: int | None = None,
        provider: str = "",
        detail: str = "",
    ) -> None:
        """Remember that *what* was done to *target*, from any thread.

        Cost: one append to a deque, one number and one look at the clock, about 0.2 µs; no
        lock, no file, never an error of the store.
        """
        self._waiting.append(
            (next(self._serials), self._clock(), target, what, incarnation, provider, detail)
        )

    def flush(self) -> int:
        """Write all that waits in one transaction; return how many rows that were.

        Cost: one transaction, 1.5 ms and about 3 µs a row; nothing when nothing waits. Another
        writer may hold it up for ten seconds: call it in a thread.

        Raises:
            StoreError: The store cannot be written. The rows wait for the next flush.
        """
        with self._flushing:
            self._take()
            rows = self._held
            if not rows:
                return 0
            with writing(self._store.path) as connection:
                connection.executemany(
                    "INSERT INTO activity (at, pid, target, what, incarnation, provider, detail)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [
                        (
                            *(at, self._pid, printable(target), printable(what), incarnation),
                            *(printable(provider), printable(detail)),
                        )
                        for _, at, target, what, incarnation, provider, detail in rows
                    ],
                )
                (last,) = connection.execute("SELECT max(id) FROM activity").fetchone()
                connection.execute("DELETE FROM activity WHERE id <= ?", (last - KEPT,))
            # Only now: who is interrupted before this writes them twice rather than never.
            self._held = []
            COMMITS.flushes += 1
            COMMITS.rows += len(rows)
            return len(rows)

    def close(self) -> None:
        """Write what waits; what is added later waits for another flush.

        Raises:
            StoreError: See `flush`.
        """
        self.flush()

    def _take(self) -> None:
        # As many as wait now: threads that add without end do not hold the flush up. Only
        # this pops, and an append to a full deque leaves its length: it is never empty here.
        for _ in range(len(self._waiting)):
            row = self._waiting.popleft()
            self._newest = max(self._newest, row[0])
            self._taken += 1
            self._held.append(row)
        surplus = max(0, len(self._held) - self._capacity)
        del self._held[:surplus]
        self._trimmed += surplus
        # A number that was given and not yet appended counts as dropped until the next flush.
        self.dropped = self._newest - self._taken + self._trimmed
