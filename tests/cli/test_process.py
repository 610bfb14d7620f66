"""The command as a process: pipes, signals, and two processes after each other."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "oneiric_lab"]
PROJECT = "[server]\nport = 8080\n\n[plugins]\nauto_load = false\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a small workspace."""
    return Workspace(tmp_path).project(PROJECT)


def start(workspace: Workspace, *words: str, **options: Any) -> subprocess.Popen[str]:
    """Start the command in the workspace, with pipes for its output."""
    return subprocess.Popen(
        [*COMMAND, "-C", str(workspace.path), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.fixture
def watcher(workspace: Workspace) -> Iterator[subprocess.Popen[str]]:
    """Start `watch --json`, and end it with the test."""
    process = start(workspace, "watch", "--interval", "0.05", "--json")
    yield process
    process.kill()
    process.communicate()


def lines(process: subprocess.Popen[str], many: int, seconds: float = 20) -> list[Any]:
    """Return the next lines of the process, parsed; it is ended where they do not come."""
    assert process.stdout is not None
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        return [json.loads(process.stdout.readline()) for _ in range(many)]
    finally:
        timer.cancel()


class TestWatch:
    def test_tells_each_change_on_one_line_until_ctrl_c(
        self, workspace: Workspace, watcher: subprocess.Popen[str]
    ) -> None:
        """
        A good edit is in force, a bad one is refused, and SIGINT ends it with 130.
        """
        assert watcher.stderr is not None
        assert "waiting for changes" in watcher.stderr.readline()
        time.sleep(0.5)
        workspace.project(PROJECT.replace("8080", "9090"))
        (good,) = lines(watcher, 1)
        workspace.project(PROJECT.replace("8080", "["))
        (bad,) = lines(watcher, 1)

        watcher.send_signal(signal.SIGINT)

        assert (good["ok"], good["values"][0]["new"]) == (True, 9090)
        assert good["files"] == ["oneiric.toml"]
        assert (bad["ok"], bad["values"]) == (False, [])
        assert bad["faults"][0]["where"][0]["file"] == "oneiric.toml"
        assert watcher.wait(10) == 130
        assert watcher.stderr.read() == ""


class TestPipe:
    @pytest.mark.parametrize(
        ("words", "code"),
        [
            (("show", "--all"), 0),
            (("--json", "show", "nope"), 2),
            (("--help",), 0),
            (("plan", "--set", "app.nope=1"), 1),
        ],
    )
    def test_a_reader_that_went_away(
        self, workspace: Workspace, words: tuple[str, ...], code: int
    ) -> None:
        """
        A closed pipe ends the command quietly, for short output too; the answer stays the answer.
        """
        read, write = os.pipe()
        os.close(read)

        done = subprocess.run(
            [*COMMAND, "-C", str(workspace.path), *words],
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        os.close(write)

        assert (done.returncode, done.stderr) == (code, "")

    def test_an_error_that_nobody_reads(self, workspace: Workspace) -> None:
        """
        `show nope 2>&1 | true` ends as the error does, and not as if all were well.
        """
        read, write = os.pipe()
        os.close(read)

        done = subprocess.run(
            [*COMMAND, "-C", str(workspace.path), "show", "nope"],
            stdout=write,
            stderr=write,
            check=False,
        )
        os.close(write)

        assert done.returncode == 2

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full")
    @pytest.mark.parametrize("words", [("show",), ("--json", "show"), ("--json", "show", "nope")])
    def test_a_full_disk(self, workspace: Workspace, words: tuple[str, ...]) -> None:
        """
        An answer that could not be written is a fault, told in two lines.
        """
        with Path("/dev/full").open("w") as full:
            process = subprocess.run(
                [*COMMAND, "-C", str(workspace.path), *words],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )

        assert process.returncode == 2
        assert process.stderr == (
            "error: cannot write standard output: No space left on device\n"
            "  help: make room where it goes, and run it again\n"
        )

    @pytest.mark.parametrize(("words", "code"), [(("show",), 0), (("show", "nope"), 2)])
    def test_streams_that_are_closed(
        self, workspace: Workspace, words: tuple[str, ...], code: int
    ) -> None:
        """
        Without any of the three the answer is the exit code.
        """
        line = shlex.join([*COMMAND, "-C", str(workspace.path), *words])

        done = subprocess.run(["sh", "-c", f"{line} <&- >&- 2>&-"], check=False)

        assert done.returncode == code

    def test_a_terminal_without_our_signs(self, workspace: Workspace) -> None:
        """
        An encoding that lacks a sign gets `?`, not a traceback.
        """
        environ = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
        process = start(workspace, "plan", "--set", "server.pört=1", env=environ)
        out, err = process.communicate(timeout=60)

        assert "Traceback" not in out + err
        assert process.returncode in {0, 1, 2}


class TestTwoProcesses:
    def test_undo_in_another_process(self, workspace: Workspace) -> None:
        """
        What one process wrote another takes back, byte for byte.
        """
        file = workspace.path / "oneiric.toml"

        first = start(workspace, "set", "server.port=1")
        assert (first.wait(60), "port = 1" in file.read_text()) == (0, True)
        second = start(workspace, "undo")

        assert (second.wait(60), file.read_text()) == (0, PROJECT)
        for process in (first, second):
            process.communicate()

    @pytest.mark.parametrize("safe", [(), ("-P",)])
    def test_the_folder_brings_no_module(self, workspace: Workspace, safe: tuple[str, ...]) -> None:
        """
        `python -m oneiric_lab` in a folder runs nothing that somebody put into it.
        """
        workspace.file("click.py", "raise SystemExit('ran')\n")

        done = subprocess.run(
            [sys.executable, *safe, "-m", "oneiric_lab", "check"],
            cwd=workspace.path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )

        assert (done.returncode, done.stderr) == (0, "")

    def test_the_module_is_the_command(self) -> None:
        """
        `python -m oneiric_lab` is `oneiric-lab`.
        """
        done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True)

        assert done.stdout.startswith("Usage: oneiric-lab [OPTIONS] VERB ...")
