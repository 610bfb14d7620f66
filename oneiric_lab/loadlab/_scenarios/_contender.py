"""One process that writes to a store, by what it is told on its standard input.

    d TARGET    wish something of a component
    j ROWS      write so many rows of activity
    q           tell what was done

Each line is answered by one line of JSON. The end of the input ends the process, so that it
outlives nobody.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import StoreError
from oneiric_lab.store import Journal, Store

if TYPE_CHECKING:
    from oneiric_lab.store import DesiredState

STATES: tuple[DesiredState, ...] = ("running", "paused", "draining")


class Contender:
    """What one process writes, each of its threads with a sequence of its own."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder)
        self.journal = Journal(self.store)
        self.desires: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()
        self.disorder = self.locked = 0
        self._last: dict[str, int] = {}

    def desire(self, target: str) -> None:
        """Wish something; a thread's wishes must get growing numbers."""
        me = self._me()
        number = self.desires[me] + 1
        got = self._unlocked(
            lambda: self.store.desire(target, STATES[number % 3], who=me, why=str(number))
        )
        self.desires[me] = number
        self.disorder += got <= self._last.get(me, 0)
        self._last[me] = got

    def write(self, rows: int) -> None:
        """Write rows of activity, in one transaction with what other threads have waiting."""
        me = self._me()
        for _ in range(rows):
            self.rows[me] += 1
            self.journal.add("service:contended", "step", self.rows[me], me)
        self._unlocked(self.journal.flush)

    def facts(self) -> dict[str, Any]:
        """Write what waits, and return what was done."""
        self._unlocked(self.journal.close)
        return {
            "desires": dict(self.desires),
            "rows": dict(self.rows),
            "disorder": self.disorder,
            "locked": self.locked,
        }

    def _me(self) -> str:
        return f"{os.getpid()}.{threading.get_native_id()}"

    def _unlocked(self, call: Any) -> Any:
        try:
            return call()
        except StoreError as error:
            self.locked += "locked" in str(error)
            raise


def main(folder: str) -> None:  # pragma: no cover - in another process
    """Do what the input says, until it ends."""
    me = Contender(Path(folder))
    for line in sys.stdin:
        verb, _, given = line.strip().partition(" ")
        answer: dict[str, Any] = {}
        try:
            if verb == "q":
                answer = me.facts()
            elif verb == "d":
                me.desire(given)
            else:
                me.write(int(given))
        except StoreError as error:
            answer = {"error": str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
