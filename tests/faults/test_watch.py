"""The watch under what file systems do: the last content is always applied, and few reloads."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import time
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from oneiric_lab.files import _watch as watch_module
from oneiric_lab.files import write_atomic
from oneiric_lab.lab import Lab, Reloaded
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from oneiric_lab.views import Result

INTERVAL = 0.2
STRACE = shutil.which("strace")


def text(port: object) -> bytes:
    """Return the project file with a value."""
    return f"[plugins]\nauto_load = false\n[server]\nport = {port}\n".encode()


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """A workspace with one value."""
    with Workspace() as made:
        yield made.file("oneiric.toml", text(0))


def until(ask: Callable[[], object]) -> None:
    """Wait in a thread until something is so."""
    end = time.monotonic() + 20
    while not ask():
        assert time.monotonic() < end
        time.sleep(0.005)


def published(lab: Lab[Any]) -> str:
    """Return why the one process that listens keeps what was good, as the store says."""
    said = [(p.state.get("watch") or {}).get("faults") or [""] for p in lab.store.processes(3.0)]
    return str(said[0][0]) if said else ""


def watched(
    lab: Lab[Any], steps: Callable[[Callable[[object], None]], object], last: object
) -> list[Result]:
    """Watch while a thread takes the steps and the value is not *last*; return what was told.

    The steps are given what waits for a value to be in force.
    """
    events: list[Result] = []

    def wait(value: object) -> None:
        until(lambda: lab.snapshot.tree.get("server", {}).get("port") == value)

    def take() -> None:
        steps(wait)
        wait(last)

    async def work() -> None:
        async with lab.watch(interval=INTERVAL) as watch, anyio.create_task_group() as tasks:

            async def read() -> None:
                async for event in watch:
                    events.append(event)  # noqa: PERF401 - kept as they come

            tasks.start_soon(read)
            while not lab.watching.mode:  # noqa: ASYNC110 - nothing tells
                await anyio.sleep(0.01)
            await anyio.to_thread.run_sync(take)
            tasks.cancel_scope.cancel()

    asyncio.run(work())
    return events


class TestFloods:
    def test_20_000_writes(self, workspace: Workspace) -> None:
        """
        At most one reload for each time of rest, and the last content is in force.
        """
        lab, path = workspace.open(), workspace.path / "oneiric.toml"
        took: list[float] = []

        def flood(wait: Callable[[object], None]) -> None:
            began = time.monotonic()
            for _ in range(40):
                with path.open("wb", buffering=0) as file:  # truncated each time
                    for number in range(500):
                        os.pwrite(file.fileno(), text(f"1{number:04}"), 0)
            path.write_bytes(text(20_000))
            took.append(time.monotonic() - began)

        watched(lab, flood, 20_000)
        counts = lab.watching.counts()["reloads"]
        # A file that does not come to rest is loaded after ten looks, 20 ms apart.
        assert sum(counts.values()) <= took[0] / 0.2 + 3

    def test_files_beside_it(self, workspace: Workspace) -> None:
        """
        Others in the same folder that change without end cost no reload.
        """
        lab, path = workspace.open(), workspace.path / "oneiric.toml"

        def flood(wait: Callable[[object], None]) -> None:
            for number in range(3000):
                (path.parent / f"log.{number % 5}").write_bytes(b"x" * number)
            write_atomic(path, text(1))

        events = watched(lab, flood, 1)
        assert [type(event) for event in events] == [Reloaded]


class TestSaves:
    def test_six_atomic_saves(self, workspace: Workspace) -> None:
        """
        Each is seen: the watch is on the folder, not on the file that is gone (U9).
        """
        lab, path = workspace.open(), workspace.path / "oneiric.toml"

        def save(wait: Callable[[object], None]) -> None:
            for number in range(1, 7):
                other = path.with_suffix(".new")
                other.write_bytes(text(number))
                other.replace(path)
                wait(number)

        watched(lab, save, 6)
        assert lab.watching.counts()["reloads"] == {"applied": 6, "unchanged": 0, "refused": 0}
        assert lab.watching.fallbacks == 0

    def test_a_save_of_several_writes(self, workspace: Workspace) -> None:
        """
        What an editor truncates, and writes a moment later, is loaded when it is written.
        """
        lab, path = workspace.open(), workspace.path / "oneiric.toml"

        def save(wait: Callable[[object], None]) -> None:
            with path.open("wb", buffering=0) as file:
                time.sleep(0.06)
                file.write(text(1))

        events = watched(lab, save, 1)
        assert all(getattr(event, "ok", False) for event in events)

    def test_a_bad_edit_until_it_is_mended(self, workspace: Workspace) -> None:
        """
        The last good values stay, and `status` shows the fault for as long as it is so.
        """
        lab, path = workspace.open(), workspace.path / "oneiric.toml"
        seen: list[str] = []

        def edit(wait: Callable[[object], None]) -> None:
            write_atomic(path, text(""))
            until(lambda: lab.watching.faults)
            seen.append(str(lab.status()))
            until(lambda: published(lab))  # what a shell reads
            seen.append(published(lab))
            write_atomic(path, text(2))

        watched(lab, edit, 2)
        assert len(seen) == 2
        assert all("oneiric.toml" in told for told in seen)
        assert not lab.status().faults


class TestFolders:
    def test_config_map(self, workspace: Workspace) -> None:
        """
        A mount of Kubernetes swaps `..data`; each swap is applied, also when the old one goes.
        """
        root = workspace.path
        (root / "oneiric.toml").unlink()
        for number in range(4):
            (root / f"..v{number}").mkdir()
            (root / f"..v{number}" / "oneiric.toml").write_bytes(text(number))
        (root / "..data").symlink_to("..v0")
        (root / "oneiric.toml").symlink_to("..data/oneiric.toml")
        lab = workspace.open()

        def swap(wait: Callable[[object], None]) -> None:
            for number in range(1, 4):
                (root / "..data_tmp").symlink_to(f"..v{number}")
                (root / "..data_tmp").replace(root / "..data")
                shutil.rmtree(root / f"..v{number - 1}")
                wait(number)

        watched(lab, swap, 3)
        assert lab.watching.counts()["reloads"]["refused"] == 0

    def test_deleted_and_made_anew(self, workspace: Workspace) -> None:
        """
        The last good stays while the folder is gone; notices are asked for anew in the new one.
        """
        lab, root = workspace.open(), workspace.path

        def again(wait: Callable[[object], None]) -> None:
            for number in (1, 2):
                shutil.rmtree(root)
                until(lambda: lab.watching.faults)
                assert lab.value("server.port") == number - 1
                root.mkdir()
                (root / "oneiric.toml").write_bytes(text(number))
                wait(number)
            write_atomic(root / "oneiric.toml", text(3))

        watched(lab, again, 3)
        assert lab.watching.fallbacks == 0

    def test_a_file_that_comes_to_a_list(self, workspace: Workspace) -> None:
        """
        A profile's file that is written, and removed, while its profile is active.
        """
        workspace.file("oneiric.toml", text(0) + b"[profiles.prod]\nx.y = 1\n")
        lab = workspace.open(profiles=["prod"])

        def write(wait: Callable[[object], None]) -> None:
            workspace.profile("prod", "[server]\nport = 5\n")
            wait(5)
            (workspace.path / "oneiric.prod.toml").unlink()

        watched(lab, write, 0)


class TestNotices:
    @pytest.mark.skipif(STRACE is None and "ONEIRIC_CI" not in os.environ, reason="no strace")
    @pytest.mark.parametrize(
        ("fault", "fell"), [("error=ENOSPC", True), ("retval=1", False)], ids=["limit", "silent"]
    )
    def test_none_come(
        self, workspace: Workspace, watcher: Callable[..., Any], fault: str, fell: bool
    ) -> None:
        """
        Out of watches, it says so once and polls; where none come at all, the poll is the net.
        """
        around = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=inotify_add_watch"]
        around += ["-e", f"inject=inotify_add_watch:{fault}"]
        watch = watcher(workspace.path, around)
        for number in (1, 2):
            write_atomic(workspace.path / "oneiric.toml", text(number))
            watch.value(number)
        if fell:  # it may be asked for after both were found
            until(lambda: any(event.get("mode") == "poll" for event in watch.all))
        told = [event["why"] for event in watch.all if event.get("mode") == "poll"]
        assert [bool(why) for why in told] == [True] * fell

    def test_a_profile_that_only_polls(self, workspace: Workspace) -> None:
        """
        No notice is asked for where the profile says so, and `status` tells why.
        """
        workspace.file("oneiric.toml", text(0) + b"[profile]\nwatchers_enabled = false\n")
        lab = workspace.open()
        modes: set[tuple[str, str]] = set()

        def write(wait: Callable[[object], None]) -> None:
            modes.add((lab.watching.mode, lab.watching.why))
            write_atomic(workspace.path / "oneiric.toml", text(1))

        watched(lab, write, 1)
        assert modes == {("poll", "profile.watchers_enabled is false")}


class TestProcesses:
    def test_stopped_for_a_while(self, workspace: Workspace, watcher: Callable[..., Any]) -> None:
        """
        A process that was stopped applies the last content when it goes on.
        """
        watch = watcher(workspace.path)
        write_atomic(workspace.path / "oneiric.toml", text(1))
        watch.value(1)
        os.kill(watch.process.pid, signal.SIGSTOP)
        for number in range(2, 50):
            write_atomic(workspace.path / "oneiric.toml", text(number))
        time.sleep(0.5)
        os.kill(watch.process.pid, signal.SIGCONT)
        watch.value(49)

    def test_two_on_one_workspace(self, workspace: Workspace, watcher: Callable[..., Any]) -> None:
        """
        Both apply the same, and a bad edit is kept out of both.
        """
        watches = [watcher(workspace.path) for _ in range(2)]
        for content, is_it in (
            (text(1), lambda e: any(v["new"] == 1 for v in e.get("values", ()))),
            (text(""), lambda e: e["ok"] is False),
            (text(2), lambda e: any(v["new"] == 2 for v in e.get("values", ()))),
        ):
            write_atomic(workspace.path / "oneiric.toml", content)
            for watch in watches:
                watch.until(is_it)

    @pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
    def test_read_only_workspace(self, workspace: Workspace) -> None:
        """
        It is followed all the same; what cannot be kept is told once, and no traceback.
        """
        with Workspace() as other:
            # All that is imported is so from here: nobody may not reach our interpreter.
            other.file("oneiric.toml", text(0))
            watched(other.open(), lambda _: other.file("oneiric.toml", text(1)), 1)
        lab, root = workspace.open(environ={"ONEIRIC_STATE_DIR": "/nowhere"}), workspace.path
        root.chmod(0o555)
        os.setresuid(65534, 65534, 0)
        try:

            def write(wait: Callable[[object], None]) -> None:
                os.setresuid(0, 0, 0)
                (root / "oneiric.toml").write_bytes(text(1))

            events = watched(lab, write, 1)
        finally:
            os.setresuid(0, 0, 0)
            root.chmod(stat.S_IRWXU)
        assert all(isinstance(event, Reloaded) for event in events)


class TestClocks:
    @pytest.mark.parametrize("years", [-10, 10])
    def test_a_jump(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, years: int
    ) -> None:
        """
        A clock that jumps by years either way hides no change.
        """
        lab, path = workspace.open(), workspace.path / "oneiric.toml"
        jump = years * 365 * 86400 * 10**9

        class Jumped:
            """The module `time`, as it is after the jump."""

            @staticmethod
            def time_ns() -> int:
                """Return nanoseconds of the clock that jumped."""
                return time.time_ns() + jump

        def write(wait: Callable[[object], None]) -> None:
            write_atomic(path, text(1))
            wait(1)
            monkeypatch.setattr(watch_module, "time", Jumped)
            for number in (2, 3):
                path.write_bytes(text(number))
                at = time.time_ns() + jump
                os.utime(path, ns=(at, at))
                wait(number)
            write_atomic(path, text(4))

        watched(lab, write, 4)


class TestShells:
    def test_status_while_the_files_are_bad(
        self, workspace: Workspace, watcher: Callable[..., Any]
    ) -> None:
        """
        The fault has its place, and those that run keep what was good: both are said.
        """
        from oneiric_lab.commands import Interaction, run
        from oneiric_lab.errors import InvalidConfigError

        watch = watcher(workspace.path)
        write_atomic(workspace.path / "oneiric.toml", text(""))
        watch.until(lambda event: event["ok"] is False)
        lab = workspace.path

        def told() -> str:
            with pytest.raises(InvalidConfigError) as caught:
                run(["-C", str(lab), "status"], Interaction())
            return str(caught.value)

        until(lambda: f"last good configuration: {watch.process.pid}" in told())
        assert "oneiric.toml:4" in told()
