"""Two processes on one workspace: a program that watches, and a shell."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROJECT = Path(__file__).parents[2]
CACHE = "adapter:cache"
WORKSPACE = """[plugins]
packages = ["oneiric_lab.components"]
auto_load = false
"""

# Leases all the while, and says by a line what each lease saw that the one before did not.
_PROGRAM = """
import asyncio, sys
from oneiric_lab.errors import PausedError
from oneiric_lab.lab import Lab

async def lease(lab):
    last = None
    while True:
        try:
            async with lab.lifecycle.lease("adapter", "cache") as cache:
                seen = type(cache).__name__
        except PausedError as error:
            seen = error.faults[0].message
        if seen != last:
            print(seen, flush=True)
            last = seen
        await asyncio.sleep(0.01)

async def main():
    lab = Lab.open(sys.argv[1], trusted=True)
    async with lab.running(), asyncio.TaskGroup() as tasks:
        tasks.create_task(lease(lab))
        async for _ in lab.watch():
            pass

asyncio.run(main())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace with two caches."""
    (tmp_path / "oneiric.toml").write_text(WORKSPACE)
    return tmp_path


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Return what starts a program that watches the workspace."""
    made: list[subprocess.Popen[str]] = []

    def begin() -> subprocess.Popen[str]:
        made.append(
            subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, folder],
                cwd=PROJECT,
                text=True,
                stdout=subprocess.PIPE,
            )
        )
        return made[-1]

    yield begin
    for process in made:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def shell(folder: Path) -> Callable[..., Any]:
    """Return what runs one verb in a shell and returns what it says in JSON."""

    def asked(*words: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "oneiric_lab", "-C", folder, *words, "--json"],
            cwd=PROJECT,
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
        )
        assert done.returncode in {0, 1}, done.stderr
        return json.loads(done.stdout)

    return asked


def line(process: subprocess.Popen[str]) -> str:
    """Return the next line that a program says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def until(ask: Callable[[], Any], seconds: float = 20) -> Any:
    """Return the first answer that is something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = ask()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it never came")


class TestAShellAndAProgram:
    """What one wants, and what the other does."""

    def test_what_a_shell_wants_is_in_force_within_a_second(
        self,
        start: Callable[[], subprocess.Popen[str]],
        shell: Callable[..., Any],
    ) -> None:
        """
        A swap, a pause and a resume of a shell reach two programs that watch; `status` has
        desired beside actual for each, and says when nobody listens any more.
        """
        assert shell("status")["listening"] == []
        programs = [start(), start()]
        assert [line(one) for one in programs] == ["MemoryCache"] * 2
        until(lambda: len(shell("status")["listening"]) == 2)

        # When it was written is in the history, when it was so in the activity.
        delays = []
        for provider, kind in (("sqlite", "SqliteCache"), ("memory", "MemoryCache")):
            shell("swap", CACHE, provider)
            assert [line(one) for one in programs] == [kind] * 2
            at = shell("history")["entries"][0]["at"]
            rows = until(partial(_active_since, shell, at))
            delays += [row["at"] - at for row in rows]
        assert min(delays) < 1, delays

        shell("pause", CACHE, "--why", "a move")
        assert [line(one).endswith(": a move") for one in programs] == [True, True]
        (row,) = until(lambda: _agreed(shell, "paused"))
        assert row["desired"]["why"] == "a move"
        assert {actual["pid"] for actual in row["actual"]} == {one.pid for one in programs}
        shell("resume", CACHE)
        assert [line(one) for one in programs] == ["MemoryCache"] * 2
        until(lambda: _agreed(shell, "active"))

        os.kill(programs[0].pid, signal.SIGKILL)
        programs[1].send_signal(signal.SIGINT)
        until(lambda: not shell("status")["listening"])

    def test_what_was_wanted_before_it_came(
        self, start: Callable[[], subprocess.Popen[str]], shell: Callable[..., Any]
    ) -> None:
        """
        A program that starts later finds the wish, and does not lease before it is taken back.
        """
        wished = shell("pause", CACHE)
        assert wished["listening"] == 0
        program = start()
        until(lambda: _agreed(shell, "paused"))
        shell("resume", CACHE)
        assert any(line(program) == "MemoryCache" for _ in range(3))


def _active_since(shell: Callable[..., Any], at: float) -> Any:
    rows = shell("activity", CACHE)["rows"]
    found = [row for row in rows if row["what"] == "active" and row["at"] > at]
    return found if len(found) == 2 else None


def _agreed(shell: Callable[..., Any], state: str) -> Any:
    found = shell("status", CACHE)["components"]
    said = found[0]["actual"]
    return found if said and all(a["agrees"] and a["state"] == state for a in said) else None
