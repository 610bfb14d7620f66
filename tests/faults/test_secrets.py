"""Secrets under what providers and file systems do, by real processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from oneiric_lab.lab import Lab
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

PROJECT = Path(__file__).parents[2]
TEXT = '[plugins]\nauto_load = false\n[adapters.settings.db]\npassword = "${secret:db}"\n'

# Says each password with which the component was built, and swaps what is rotated.
_PROGRAM = """
import asyncio, sys
from oneiric_lab.lab import Lab

def make(settings):
    print(settings["password"].find(), flush=True)
    return object()

async def main():
    lab = Lab.open(sys.argv[1], trusted=True)
    lab.component("adapter:db", provider="pg")(make)
    async with lab.running() as life:
        await life.activate("adapter", "db")
        async for _ in lab.watch(interval=0.1):
            pass

asyncio.run(main())
"""


class Program:
    """A process that is built with a secret and watches."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, folder],
            cwd=PROJECT,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            text=True,
            stdout=subprocess.PIPE,
        )

    def line(self) -> str:
        """Return the next password that it was built with; none in half a minute is a failure."""
        assert self.process.stdout is not None
        limit = threading.Timer(30, self.process.kill)
        limit.start()
        try:
            return self.process.stdout.readline().strip()
        finally:
            limit.cancel()

    def end(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """A workspace with one secret, mounted as Kubernetes does."""
    with Workspace() as made:
        made.project(TEXT)
        for number in (1, 2, 3):
            made.file(f"secrets/..v{number}/db", f"value-{number}")
        (made.path / "secrets/..data").symlink_to("..v1")
        (made.path / "secrets/db").symlink_to("..data/db")
        yield made


def mount(workspace: Workspace, number: int) -> None:
    """Swap the mount to another version."""
    folder = workspace.path / "secrets"
    (folder / "..tmp").symlink_to(f"..v{number}")
    (folder / "..tmp").replace(folder / "..data")


class TestProcesses:
    def test_two_rotate_what_a_mount_swaps(self, workspace: Workspace) -> None:
        """
        Both are built anew, once for each version, also one that was stopped meanwhile; the
        history has each rotation once.
        """
        programs = [Program(workspace.path) for _ in range(2)]
        try:
            assert [program.line() for program in programs] == ["value-1"] * 2
            mount(workspace, 2)
            assert [program.line() for program in programs] == ["value-2"] * 2
            os.kill(programs[1].process.pid, signal.SIGSTOP)
            mount(workspace, 3)
            assert programs[0].line() == "value-3"
            os.kill(programs[1].process.pid, signal.SIGCONT)
            assert programs[1].line() == "value-3"
            folder = workspace.path / "secrets"
            away = folder.rename(workspace.path / "away")
            away.rename(folder)  # a mount that is replaced as a whole is no rotation
            shutil.rmtree(folder / "..v1")
            lab = Lab.open(workspace.path, environ={}, trusted=True)
            entries = [entry for entry in lab.history().entries if entry.verb == "rotate"]
            # One that is found while the one before is written stands in the same entry.
            told = [each for entry in entries for each in entry.summary.split(", ")]
            assert 2 <= len(told) <= 4  # at worst, both find it in the same moment
            assert len(set(told)) == 2
        finally:
            for program in programs:
                program.end()
        data = b"".join(p.read_bytes() for p in (workspace.path / ".oneiric").rglob("*.db*"))
        assert b"value-" not in data

    def test_where_nothing_can_be_written(
        self, workspace: Workspace, unprivileged: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """
        Versions are of this process then; all questions are answered.
        """
        with Workspace() as other:
            # All that is imported is so from here: nobody may not reach our interpreter.
            other.project(TEXT).file("secrets/db", "value").open().secrets.rotate()
        workspace.path.chmod(0o555)
        with unprivileged():
            lab = workspace.open(environ={"ONEIRIC_STATE_DIR": "/nowhere"})
            (row,) = lab.secrets.list().rows
            assert row.version is not None
            assert lab.secrets.rotate().ok
            assert any("store" in fault.code for fault in lab.problems)
        workspace.path.chmod(0o755)
