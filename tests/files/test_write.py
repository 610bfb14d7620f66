"""Writing: the old bytes or the new, whatever happens meanwhile."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from oneiric_lab.errors import FileAccessError
from oneiric_lab.files import (
    ABSENT,
    _temporary,
    check,
    digest,
    ensure_folder,
    tidy,
    write_atomic,
)
from oneiric_lab.files._temporary import make

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

ROOT = Path(__file__).parents[2]


def run(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run *program* in a process of its own, from the project's folder."""
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


def refusal(path: Path, data: bytes = b"new", **options: object) -> FileAccessError:
    """Return the error with which the write is refused."""
    with pytest.raises(FileAccessError) as caught:
        write_atomic(path, data, **options)  # type: ignore[arg-type]  # options vary
    return caught.value


class TestWriteAtomic:
    """What is written, and what is left alone."""

    def test_new_file_has_the_mode_of_the_umask(self, tmp_path: Path) -> None:
        """
        A new file gets the permissions that the process gives any file.
        """
        before = os.umask(0o027)
        try:
            write_atomic(tmp_path / "a", b"x")
        finally:
            os.umask(before)

        assert (tmp_path / "a").read_bytes() == b"x"
        assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640

    def test_new_file_has_the_mode_that_was_asked(self, tmp_path: Path) -> None:
        """
        A mode that is asked for holds against the umask.
        """
        write_atomic(tmp_path / "a", b"x", mode=0o604)

        assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o604

    def test_mode_of_an_existing_file_is_kept(self, tmp_path: Path) -> None:
        """
        A private file stays private, whatever mode is asked for new ones.
        """
        path = tmp_path / "a"
        path.touch(0o600)

        write_atomic(path, b"x", mode=0o644)

        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_owner_is_kept(self, tmp_path: Path) -> None:
        """
        A save by root leaves the file to its owner; others own what they save anyway.
        """
        path = tmp_path / "a"
        path.touch()
        owner = 65534 if os.getuid() == 0 else os.getuid()
        os.chown(path, owner, -1)

        write_atomic(path, b"x")

        assert path.stat().st_uid == owner

    def test_a_link_stays_and_its_target_changes(self, tmp_path: Path) -> None:
        """
        The file behind a link is replaced, in its own folder; the link stays a link.
        """
        (tmp_path / "real").mkdir()
        (tmp_path / "real" / "a").write_bytes(b"old")
        link = tmp_path / "a"
        link.symlink_to("real/a")

        write_atomic(link, b"new")

        assert link.is_symlink()
        assert (tmp_path / "real" / "a").read_bytes() == b"new"

    def test_longest_name(self, tmp_path: Path) -> None:
        """
        A name of 255 bytes can be written: the temporary file's name is no longer than ours.
        """
        write_atomic(tmp_path / ("n" * 255), b"x")

        assert (tmp_path / ("n" * 255)).read_bytes() == b"x"

    def test_nothing_is_left_beside(self, tmp_path: Path) -> None:
        """
        After a write and after a refusal the folder holds the file and nothing else.
        """
        write_atomic(tmp_path / "a", b"x")
        refusal(tmp_path / "a", expect=ABSENT)

        assert [p.name for p in tmp_path.iterdir()] == ["a"]

    @pytest.mark.parametrize(
        ("now", "expect", "code"),
        [
            (b"other", digest(b"old"), "file-changed"),
            (None, digest(b"old"), "file-vanished"),
            (b"old", ABSENT, "file-exists"),
        ],
    )
    def test_not_what_was_expected(
        self, tmp_path: Path, now: bytes | None, expect: str, code: str
    ) -> None:
        """
        A file that is not as it was read is left as it is.
        """
        path = tmp_path / "a"
        if now is not None:
            path.write_bytes(now)

        error = refusal(path, expect=expect, shown="a")

        assert error.code == code
        assert error.faults[0].fix == "read again, then repeat the change"
        assert now == (path.read_bytes() if path.exists() else None)

    @pytest.mark.parametrize(("now", "expect"), [(b"old", digest(b"old")), (None, ABSENT)])
    def test_as_expected(self, tmp_path: Path, now: bytes | None, expect: str) -> None:
        """
        A file that is as it was read, or still absent, is written.
        """
        path = tmp_path / "a"
        if now is not None:
            path.write_bytes(now)

        check(path, expect)
        write_atomic(path, b"new", expect=expect)

        assert path.read_bytes() == b"new"

    @pytest.mark.parametrize("name", ["folder", "gone/a", "loop", "nul\0"])
    def test_where_no_file_can_be(self, tmp_path: Path, name: str) -> None:
        """
        A directory, a missing folder, a loop of links and a NUL are refused as faults.
        """
        (tmp_path / "folder").mkdir()
        (tmp_path / "loop").symlink_to("loop")

        assert refusal(tmp_path / name).code == "file-unwritable"
        assert {"folder", "loop"} == {p.name for p in tmp_path.iterdir()}

    def test_read_only_file(
        self, open_folder: Path, unprivileged: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """
        A file that is marked read-only is not replaced, though its folder would allow it.
        """
        open_folder.chmod(0o777)
        path = open_folder / "a"
        path.write_bytes(b"old")
        path.chmod(0o444)

        with unprivileged():
            error = refusal(path, shown="a")

        assert error.faults[0].fix == "chmod u+w a"
        assert path.read_bytes() == b"old"

    def test_read_only_folder(
        self, open_folder: Path, unprivileged: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """
        A folder that takes no new file leaves the old one as it was.
        """
        path = open_folder / "a"
        path.write_bytes(b"old")
        path.chmod(0o666)
        open_folder.chmod(0o555)

        with unprivileged():
            error = refusal(path)

        assert "Permission denied" in str(error)
        assert path.read_bytes() == b"old"

    def test_folder_that_cannot_be_entered(
        self, open_folder: Path, unprivileged: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """
        A folder that we may not even look into is a fault, not a bare PermissionError.
        """
        (open_folder / "a").write_bytes(b"old")
        open_folder.chmod(0)

        with unprivileged():
            error = refusal(open_folder / "a")

        assert error.code == "file-unwritable"

    def test_full_disk(self, tmp_path: Path) -> None:
        """
        Where the bytes find no room, the old ones stay and nothing is left beside.
        """
        path = tmp_path / "a"
        path.write_bytes(b"old")
        done = run(
            "import resource, sys; from pathlib import Path\n"
            "from oneiric_lab.files import write_atomic\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
            "write_atomic(Path(sys.argv[1]), bytes(8192), shown='a')",
            path,
        )

        assert "error: cannot write a: File too large" in done.stderr
        assert "the file is as it was" in done.stderr
        assert path.read_bytes() == b"old"
        assert [p.name for p in tmp_path.iterdir()] == ["a"]

    def test_killed_before_the_rename(self, tmp_path: Path) -> None:
        """
        A process killed when the new bytes stand on the disk leaves the old ones in force.
        """
        path = tmp_path / "a"
        path.write_bytes(b"old")
        done = run(
            "import os, signal, sys; from pathlib import Path\n"
            "from oneiric_lab.files import write_atomic\n"
            "os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)\n"
            "write_atomic(Path(sys.argv[1]), b'new')",
            path,
        )

        assert done.returncode == -signal.SIGKILL
        assert path.read_bytes() == b"old"

    def test_readers_never_see_a_part(self, tmp_path: Path) -> None:
        """
        While one thread replaces the file, another reads the one or the other, whole.
        """
        path = tmp_path / "a"
        kinds = [b"a" * 200_000, b"b" * 100_000]
        write_atomic(path, kinds[0])
        seen: set[bytes] = set()
        ended = threading.Event()

        def look() -> None:
            while not ended.is_set():
                seen.add(path.read_bytes())

        reader = threading.Thread(target=look)
        reader.start()
        for turn in range(60):
            write_atomic(path, kinds[turn % 2])
        ended.set()
        reader.join()

        assert seen <= set(kinds)


class TestEnsureFolder:
    def test_makes_all_that_are_missing(self, tmp_path: Path) -> None:
        """
        Folders above are made too, and one that is there is no error.
        """
        ensure_folder(tmp_path / "a" / "b")
        ensure_folder(tmp_path / "a" / "b")

        assert (tmp_path / "a" / "b").is_dir()

    @pytest.mark.parametrize("name", ["a", "a/b", "x" * 300, "a\0"])
    def test_one_that_cannot_be(self, tmp_path: Path, name: str) -> None:
        """
        A file in its place, or a name that no folder has, is told with the folder.
        """
        (tmp_path / "a").write_text("")

        with pytest.raises(FileAccessError) as caught:
            ensure_folder(tmp_path / name, shown="the one")

        assert caught.value.code == "file-unwritable"
        assert "cannot make the folder the one: " in str(caught.value)


class TestTidy:
    """What killed writers leave."""

    def leave(self, folder: Path) -> Path:
        """Let a writer be killed before its rename; return what it left."""
        program = (
            "import os, signal, sys; from pathlib import Path; from oneiric_lab.files import *\n"
            "Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
            "write_atomic(Path(sys.argv[1]) / 'a', b'new')"
        )
        assert run(program, folder).returncode == -signal.SIGKILL
        (left,) = folder.glob(".oneiric-*.tmp")
        return left

    def test_a_leftover_goes(self, tmp_path: Path) -> None:
        """
        Nobody writes it any more, so the next process that writes there removes it.
        """
        left = self.leave(tmp_path)
        assert left.read_bytes() == b"new"
        program = (
            "import sys; from pathlib import Path; from oneiric_lab.files import *\n"
            "write_atomic(Path(sys.argv[1]) / 'b', b'later')"
        )
        assert run(program, tmp_path).returncode == 0
        assert sorted(p.name for p in tmp_path.iterdir()) == ["b"]
        self.leave(tmp_path)

        assert tidy(tmp_path) == 1
        assert sorted(p.name for p in tmp_path.iterdir()) == ["b"]

    def test_what_is_being_written_and_what_is_not_ours_stay(self, tmp_path: Path) -> None:
        """
        A live writer's file is left alone, and so is whatever has another name or is a link.
        """
        others = [".oneiric-x.tmp", ".oneiric-0123456789abcdef.tmpx", "a.tmp"]
        for name in others:
            (tmp_path / name).touch()
        link = tmp_path / ".oneiric-0123456789abcdef.tmp"
        link.symlink_to("a.tmp")
        path, handle = make(tmp_path, 0o600)
        try:
            assert tidy(tmp_path) == 0
            assert path.exists()
        finally:
            os.close(handle)

        assert tidy(tmp_path) == 1
        assert {p.name for p in tmp_path.iterdir()} == {*others, link.name}
        assert tidy(tmp_path / "missing") == 0

    def test_writers_and_tidiers_at_once(self, tmp_path: Path) -> None:
        """
        However they interleave, no write fails and nothing is left.
        """
        stop = threading.Event()

        def clean() -> None:
            while not stop.is_set():
                tidy(tmp_path)

        tidiers = [threading.Thread(target=clean) for _ in range(2)]
        for thread in tidiers:
            thread.start()
        try:
            for turn in range(100):
                write_atomic(tmp_path / "a", b"%d" % turn)
        finally:
            stop.set()
            for thread in tidiers:
                thread.join()

        assert [p.name for p in tmp_path.iterdir()] == ["a"]
        assert (tmp_path / "a").read_bytes() == b"99"

    def test_one_that_was_tidied_up_before_its_lock(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A file that goes between its making and its lock is made again.
        """
        lock = _temporary._lock
        gone: list[int] = []

        def late(handle: int) -> None:
            if not gone:
                gone.append(tidy(tmp_path))
            lock(handle)

        monkeypatch.setattr(_temporary, "_lock", late)
        write_atomic(tmp_path / "a", b"x")

        assert gone == [1]
        assert [p.name for p in tmp_path.iterdir()] == ["a"]

    def test_one_that_cannot_be_locked_goes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A file system without locks refuses the write, and keeps no file of it.
        """

        def refuse(handle: int) -> None:
            raise OSError(37, "No locks available")

        monkeypatch.setattr(_temporary, "_lock", refuse)
        with pytest.raises(OSError, match="No locks"):
            make(tmp_path, 0o600)

        assert list(tmp_path.iterdir()) == []
