"""What tests of faults share: a workspace that watches itself, in a shell of its own."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PROJECT = Path(__file__).parents[2]
PATIENCE = 30.0
"""Seconds after which what was not told is a failure."""


class Watcher:
    """`oneiric-lab watch --json` in a process of its own.

    Args:
        folder: The workspace.
        around: What the command is run by, such as strace.
        interval: Seconds between two looks.
    """

    def __init__(self, folder: Path, around: Sequence[str] = (), interval: float = 0.2) -> None:
        words = ["-m", "oneiric_lab", "-C", str(folder), "watch", "--json"]
        self.process = subprocess.Popen(
            [*around, sys.executable, *words, "--interval", str(interval)],
            cwd=PROJECT,
            env={**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()
        self.all: list[dict[str, Any]] = []
        assert self.process.stderr is not None
        self._readers = [threading.Thread(target=read) for read in (self._read, self._drain)]
        assert "waiting for changes" in self.process.stderr.readline()
        for reader in self._readers:
            reader.start()

    def _drain(self) -> None:
        assert self.process.stderr is not None
        self.process.stderr.read()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = json.loads(line)
            self.all.append(event)
            self.events.put(event)

    def until(self, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the first event that is meant."""
        while True:
            event = self.events.get(timeout=PATIENCE)
            if is_it(event):
                return event

    def value(self, wanted: object) -> dict[str, Any]:
        """Return the event by which a value became *wanted*."""
        return self.until(lambda e: any(v["new"] == wanted for v in e.get("values", ())))

    def end(self) -> None:
        """Kill it, and whom it runs."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for reader in self._readers:
            reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


@pytest.fixture
def watcher() -> Iterator[Callable[..., Watcher]]:
    """Return what starts a watch; all are killed at the end."""
    made: list[Watcher] = []

    def start(folder: Path, around: Sequence[str] = (), interval: float = 0.2) -> Watcher:
        made.append(Watcher(folder, around, interval))
        return made[-1]

    yield start
    for one in made:
        one.end()
