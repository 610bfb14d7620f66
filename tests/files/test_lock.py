"""The lock: one saver at a time, however the other one ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from oneiric_lab.errors import FileAccessError
from oneiric_lab.files import lock

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

ROOT = Path(__file__).parents[2]

_HOLD = """
import sys; from pathlib import Path
from oneiric_lab.files import lock
with lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""

_HOLD_WITHOUT_ROOM = """
import resource, sys; from pathlib import Path
from oneiric_lab.files import lock
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
with lock(Path(sys.argv[1])):
    print("held")
"""

_COUNT = """
import sys; from pathlib import Path
from oneiric_lab.files import lock, write_atomic
path, lock_file = map(Path, sys.argv[1:])
for _ in range(50):
    with lock(lock_file, timeout=60):
        write_atomic(path, str(int(path.read_text()) + 1).encode())
"""


def hold(path: Path) -> subprocess.Popen[str]:
    """Start a process that holds the lock until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


class TestLock:
    """Who holds it, who waits, who is refused."""

    def test_two_processes_saving_at_once(self, tmp_path: Path) -> None:
        """
        Two processes that read, add one and save, fifty times each, lose no step.
        """
        path = tmp_path / "count"
        path.write_text("0")
        command = [sys.executable, "-c", _COUNT, str(path), str(tmp_path / "lock")]
        savers = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]

        assert [saver.wait(60) for saver in savers] == [0, 0]
        assert path.read_text() == "100"

    def test_time_limit_names_the_holder(self, tmp_path: Path) -> None:
        """
        Who waits too long is told which process saves, and nothing was changed.
        """
        with (
            hold(tmp_path / "lock") as process,
            pytest.raises(FileAccessError) as caught,
            lock(tmp_path / "lock", timeout=0.05),
        ):
            raise AssertionError

        assert caught.value.code == "file-locked"
        assert f"process {process.pid} has been saving for more than 0.05 s" in str(caught.value)

    def test_a_killed_holder_holds_no_more(self, tmp_path: Path) -> None:
        """
        The lock of a process that was killed is free at once.
        """
        with hold(tmp_path / "lock") as process:
            process.send_signal(signal.SIGKILL)

        with lock(tmp_path / "lock", timeout=0):
            assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"

    def test_full_disk(self, tmp_path: Path) -> None:
        """
        Where the holder's name finds no room the lock is held without it.
        """
        done = subprocess.run(
            [sys.executable, "-c", _HOLD_WITHOUT_ROOM, str(tmp_path / "lock")],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )

        assert (done.stdout, done.stderr) == ("held\n", "")
        assert (tmp_path / "lock").read_bytes() == b""

    def test_an_error_inside_frees_it(self, tmp_path: Path) -> None:
        """
        An error in the block leaves the lock free, and the folder was made for it.
        """
        path = tmp_path / ".oneiric" / "lock"
        with pytest.raises(ZeroDivisionError), lock(path):
            raise ZeroDivisionError

        with lock(path, timeout=0):
            pass

    def test_read_only_folder(
        self, open_folder: Path, unprivileged: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """
        Where no lock can be made, nothing is saved, and the folder to open is named.
        """
        open_folder.chmod(0o555)
        with (
            unprivileged(),
            pytest.raises(FileAccessError) as caught,
            lock(open_folder / "lock"),
        ):
            raise AssertionError

        assert caught.value.code == "file-unwritable"
        assert f"make {open_folder} writable" in str(caught.value)
