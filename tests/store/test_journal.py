"""The journal: cheap to add to, written in batches, bounded, and true about what it lost."""

from __future__ import annotations

import os
import sys
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from oneiric_lab.errors import StoreError
from oneiric_lab.store import Activity, Journal, Store
from oneiric_lab.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CACHE, QUEUE = "adapter:cache", "service:queue"


@pytest.fixture
def store(root: Path) -> Store:
    """The store of a workspace."""
    return Store(root / ".oneiric")


@pytest.fixture
def fast_switches() -> Iterator[None]:
    """Threads that take turns every microsecond."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def numbers(store: Store) -> list[int | None]:
    """Return the incarnations that were written, in their order."""
    return [row.incarnation for row in reversed(store.activity(limit=100_000))]


class TestWriting:
    """From `add` to the store."""

    def test_what_was_added_is_written_at_a_flush(self, store: Store) -> None:
        """
        Nothing is written before the flush, and all that was said after it, newest first.
        """
        clock = FakeClock(1000.0)
        journal = Journal(store, clock=clock)
        journal.add(CACHE, "swap", 2, "redis", "from memory")
        clock.advance(-5.0)
        journal.add(QUEUE, "pause\udcff")

        assert not store.path.exists()
        assert journal.flush() == 2
        swap = Activity(1, 1000.0, os.getpid(), CACHE, "swap", 2, "redis", "from memory")
        pause = Activity(2, 995.0, os.getpid(), QUEUE, "pause?")
        assert store.activity() == [pause, swap]
        assert store.activity(1) == [pause]
        assert store.activity(target=CACHE) == [swap]
        assert store.activity(target="adapter:none") == []

    def test_a_flush_of_nothing(self, store: Store) -> None:
        """
        Where nothing waits a flush makes no file, and a row is written once.
        """
        journal = Journal(store)

        assert journal.flush() == 0
        assert not store.path.exists()
        journal.add(CACHE, "swap", 1)
        assert [journal.flush(), journal.flush()] == [1, 0]
        assert numbers(store) == [1]

    def test_close(self, store: Store) -> None:
        """
        Closing writes what waits.
        """
        journal = Journal(store)
        journal.add(CACHE, "swap", 1)
        journal.close()

        assert numbers(store) == [1]

    def test_the_store_keeps_the_newest(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Of the rows of all journals the store keeps a stated number, the newest.
        """
        monkeypatch.setattr("oneiric_lab.store._journal.KEPT", 5)
        journals = Journal(store), Journal(store)
        for turn in range(12):
            journals[turn % 2].add(CACHE, "swap", turn)
            journals[turn % 2].flush()

        assert numbers(store) == [7, 8, 9, 10, 11]


class TestBounds:
    """When more is added than is written."""

    def test_the_oldest_are_dropped_and_counted(self, store: Store) -> None:
        """
        A full journal forgets its oldest rows, and says at the flush how many these were.
        """
        journal = Journal(store, capacity=3)
        for turn in range(5):
            journal.add(CACHE, "swap", turn)
            assert len(journal._waiting) <= 3
        journal.flush()

        assert numbers(store) == [2, 3, 4]
        assert journal.dropped == 2
        journal.add(CACHE, "swap", 5)
        journal.flush()
        assert numbers(store) == [2, 3, 4, 5]
        assert journal.dropped == 2

    def test_a_flush_that_fails_keeps_the_rows(self, store: Store) -> None:
        """
        Each flush that fails says so to its caller alone; the rows keep their order and
        their bound, and the first flush that can writes them.
        """
        journal = Journal(store, capacity=3)
        store.path.mkdir(parents=True)
        for turn in range(5):
            journal.add(CACHE, "swap", turn)
            if turn in {1, 3}:
                with pytest.raises(StoreError):
                    journal.flush()
        assert journal.dropped == 1
        store.path.rmdir()

        assert journal.flush() == 3
        assert numbers(store) == [2, 3, 4]
        assert journal.dropped == 2

    @pytest.mark.usefixtures("fast_switches")
    @pytest.mark.parametrize("capacity", [50, 100_000])
    def test_threads_add_while_one_flushes(self, store: Store, capacity: int) -> None:
        """
        Of what threads add at once every row is written once or counted as dropped, and the
        rows of a thread keep their order.
        """
        journal = Journal(store, capacity=capacity)

        def add(who: str) -> None:
            for turn in range(1000):
                journal.add(CACHE, "swap", turn, who)

        threads = [Thread(target=add, args=(who,)) for who in "abcd"]
        for thread in threads:
            thread.start()
        written = 0
        while any(thread.is_alive() for thread in threads):
            written += journal.flush()
        written += journal.flush()

        rows = store.activity(limit=100_000)[::-1]
        assert written == len(rows)
        assert written + journal.dropped == 4000
        assert capacity == 50 or journal.dropped == 0
        for who in "abcd":
            mine = [row.incarnation or 0 for row in rows if row.provider == who]
            assert mine == sorted(set(mine))
