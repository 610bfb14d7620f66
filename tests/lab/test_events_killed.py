"""Dead letters and a process that is killed: what was acknowledged is there."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from oneiric_lab.store import DeadLetters, Store
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from pathlib import Path

CODE = """
import asyncio, sys
from oneiric_lab import Lab

lab = Lab.open(sys.argv[1], environ={}, trusted=True)

def bad(event):
    raise ValueError(event.payload)

async def main():
    lab.events.on("t", bad, name="bad")
    async with lab.events.running():
        for n in range(100_000):
            await lab.events.dispatch("t", n)  # returns when the letter is kept
            print(n, flush=True)

asyncio.run(main())
"""


class TestKilled:
    """kill -9 while letters are written."""

    def test_no_letter_that_was_acknowledged_is_lost(self, tmp_path: Path) -> None:
        """They are a line without a hole, the store is sound, and one more at most is there."""
        workspace = Workspace(tmp_path).project("[plugins]\nauto_load = false\n")
        process = subprocess.Popen(
            [sys.executable, "-c", CODE, str(workspace.path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        with process:
            for line in process.stdout:
                if int(line) == 40:
                    process.send_signal(signal.SIGKILL)
                    break
            said = [int(line) for line in process.stdout]
        last = said[-1] if said else 40

        store = Store(workspace.path / ".oneiric")
        kept = [one.event["payload"] for one in DeadLetters(store).newest(1000)]
        assert store.notices() == ()
        assert kept[::-1] == list(range(len(kept)))
        assert len(kept) in {last + 1, last + 2}

    def test_two_processes_keep_letters_at_once(self, tmp_path: Path) -> None:
        """Both reach the one store, and each letter has a number of its own."""
        workspace = Workspace(tmp_path).project("[plugins]\nauto_load = false\n")
        code = CODE.replace("100_000", "30")
        both = [
            subprocess.Popen(
                [sys.executable, "-c", code, str(workspace.path)], stdout=subprocess.DEVNULL
            )
            for _ in range(2)
        ]
        for process in both:
            assert process.wait(60) == 0

        kept = DeadLetters(Store(workspace.path / ".oneiric")).newest(1000)
        assert sorted(one.event["payload"] for one in kept) == sorted([*range(30)] * 2)
        assert len({one.id for one in kept}) == 60
