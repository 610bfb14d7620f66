"""A sync under every fault of every system call that writes: the old release, or the new one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

DRIVER = Path(__file__).with_name("sweep_sync.py")
PROJECT = DRIVER.parents[2]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="strace is Linux's")


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory where there is one: thousands of flushes to a disk take minutes."""
    shm = Path("/dev/shm")
    made = tempfile.mkdtemp(dir=shm if shm.is_dir() else None, prefix="oneiric-faults-")
    yield Path(made)
    shutil.rmtree(made)


@pytest.fixture
def strace() -> str:
    """The tool that makes system calls go wrong; without it the test is skipped, or fails in CI."""
    found = shutil.which("strace")
    if found is None:
        assert os.environ.get("ONEIRIC_CI") != "1", "apt-get install strace"
        pytest.skip("strace is not installed")
    return found


def sweep(folder: Path, fault: str, how: str) -> list[Any]:
    """Return what the driver found, one row for each harmed call."""
    done = subprocess.run(
        [sys.executable, DRIVER, folder, fault, how],
        cwd=PROJECT,
        env={"PYTHONPATH": str(PROJECT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows: list[Any] = json.loads(done.stdout)
    assert len(rows) > 50
    # Both halves were seen: before the one transaction, and after it.
    assert {row[3] for row in rows} == {1, 2}
    return rows


@pytest.mark.usefixtures("strace")
class TestSwept:
    """The driver has looked at each: all parts agree, and the next sync brings what is new."""

    def test_killed_at_every_call(self, memory: Path) -> None:
        """
        Nothing half applied, nothing left over; what was killed said nothing.
        """
        rows = sweep(memory, "kill", "once")

        assert {(outcome, told) for _, outcome, _, _, told, _ in rows} == {("", "entered")}

    def test_a_disk_that_fails_once(self, memory: Path) -> None:
        """
        Refused with its reason in the status, or entered whole.
        """
        for _, outcome, codes, number, told, code in sweep(memory, "EIO", "once"):
            assert (outcome, number) in {("refused", 1), ("entered", 2)}
            assert told == outcome
            assert [code] == (codes or [""])

    def test_a_disk_that_stays_full(self, memory: Path) -> None:
        """
        The same; where not even the reason can be kept, the report says that too.
        """
        for _, outcome, codes, number, _, code in sweep(memory, "ENOSPC", "on"):
            assert (outcome, number) in {("refused", 1), ("entered", 2)}
            if outcome == "refused":
                assert code == codes[0] or codes[1:] == ["remote-note"]
