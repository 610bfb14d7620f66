"""What a process counts of its writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from oneiric_lab.errors import StoreError
from oneiric_lab.store import COMMITS, Journal, Store

if TYPE_CHECKING:
    from pathlib import Path


class TestCommits:
    def test_transactions_and_their_failures_are_counted(self, tmp_path: Path) -> None:
        """
        One that is kept, a flush of two rows, and one that a folder in the way refuses.
        """
        store = Store(tmp_path)
        done, failed = COMMITS.done, COMMITS.failed.get("store", 0)
        flushes, rows, spent = COMMITS.flushes, COMMITS.rows, COMMITS.spent_ns
        store.desire("adapter:cache", "paused", who="ada", why="")
        journal = Journal(store)
        journal.add("adapter:cache", "paused")
        journal.add("adapter:cache", "resumed")
        journal.flush()
        other = Store(tmp_path / "other")
        other.path.mkdir(parents=True)
        with pytest.raises(StoreError):
            other.desire("adapter:cache", "paused", who="ada", why="")

        assert COMMITS.done == done + 2
        assert (COMMITS.flushes, COMMITS.rows) == (flushes + 1, rows + 2)
        assert COMMITS.spent_ns > spent
        assert COMMITS.failed["store"] == failed + 1
