"""Objects: known by their digest, whole or not there."""

from __future__ import annotations

import hashlib
import os
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from oneiric_lab.errors import FileAccessError
from oneiric_lab.files import Objects
from oneiric_lab.testing import FakeClock

if TYPE_CHECKING:
    from pathlib import Path


def sha(data: bytes) -> str:
    """Return the digest of *data*."""
    return hashlib.sha256(data).hexdigest()


def files(folder: Path) -> list[str]:
    """Return the files below *folder*, temporary ones too."""
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


class TestObjects:
    """One folder of objects."""

    def test_what_was_put_is_found_by_its_digest(self, tmp_path: Path) -> None:
        """
        It is handed out by its path, where nobody changes it by accident.
        """
        objects = Objects(tmp_path / "o")
        path = objects.find(objects.put(b"data"))

        assert path is not None
        assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"data", 0o444)

    def test_a_digest_that_is_known_is_not_taken_twice(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Whoever fetched bytes has digested them to know what they are.
        """
        objects, name = Objects(tmp_path), sha(b"data")
        monkeypatch.setattr("oneiric_lab.files._objects.hashlib.sha256", hashlib.md5)

        assert objects.put(b"data", name) == name
        monkeypatch.undo()
        assert objects.find(name) == objects.path(name)

    def test_looking_makes_nothing(self, tmp_path: Path) -> None:
        """
        Neither a question nor an eviction makes a folder.
        """
        objects = Objects(tmp_path / "o")

        assert objects.find(sha(b"data")) is None
        assert objects.evict(0) == 0
        assert not (tmp_path / "o").exists()

    @pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "\n"])
    def test_only_a_digest_is_a_name(self, tmp_path: Path, name: str) -> None:
        """
        Nothing else becomes a path.
        """
        with pytest.raises(ValueError, match="64 hex digits"):
            Objects(tmp_path).path(name)

    def test_a_damaged_one_is_not_handed_out_and_comes_anew(self, tmp_path: Path) -> None:
        """
        Upstream kept a corrupt file for ever.
        """
        objects = Objects(tmp_path)
        path = objects.path(objects.put(b"data"))
        path.chmod(0o644)
        path.write_bytes(b"dat0")

        assert objects.find(sha(b"data")) is None
        assert objects.find(objects.put(b"data")) == path

    @pytest.mark.parametrize("sent", [b"dat0", b"data and more", b"dat", b""])
    def test_other_bytes_than_were_promised_leave_nothing(
        self, tmp_path: Path, sent: bytes
    ) -> None:
        """
        No object, no temporary file.
        """

        def bring() -> None:
            with Objects(tmp_path).writer(sha(b"data"), 4) as writer:
                writer.begin()
                writer.write(sent)
                writer.commit()

        with pytest.raises(FileAccessError, match="promised"):
            bring()
        assert files(tmp_path) == []

    def test_a_second_beginning_voids_the_first(self, tmp_path: Path) -> None:
        """
        An attempt that broke off leaves nothing in the next.
        """
        objects = Objects(tmp_path)
        with objects.writer(sha(b"data"), 4) as writer:
            writer.begin()
            writer.write(b"da")
            writer.begin()
            writer.write(b"data")
            path = writer.commit()

        assert (path.read_bytes(), len(files(tmp_path))) == (b"data", 1)

    def test_two_writers_of_one_object_both_succeed(self, tmp_path: Path) -> None:
        """
        The second rename puts the same bytes in place of the first.
        """
        objects, digest = Objects(tmp_path), sha(b"data")
        with objects.writer(digest, 4) as one, objects.writer(digest, 4) as two:
            for writer in (one, two):
                writer.begin()
                writer.write(b"data")
            assert one.commit() == two.commit()

        assert len(files(tmp_path)) == 1

    def test_a_writer_that_was_killed_leaves_no_part(self, tmp_path: Path) -> None:
        """
        The next writer in that folder removes what it left.
        """
        code = (
            "import os, sys, pathlib; from oneiric_lab.files import Objects\n"
            "with Objects(pathlib.Path(sys.argv[1])).writer(sys.argv[2], 4) as w:\n"
            "    w.begin(); w.write(b'da'); os.kill(os.getpid(), 9)"
        )
        subprocess.run([sys.executable, "-c", code, str(tmp_path), sha(b"data")], check=False)
        assert len(files(tmp_path)) == 1

        objects = Objects(tmp_path)
        assert objects.find(sha(b"data")) is None
        objects.put(b"data")
        objects.evict(1000)

        assert files(tmp_path) == [sha(b"data")[2:]]

    def test_a_full_disk_is_told_and_leaves_nothing(self, tmp_path: Path) -> None:
        """
        The limit of the size of a file stands for the disk.
        """
        code = (
            "import resource, signal, sys, pathlib; from oneiric_lab.files import Objects\n"
            "from oneiric_lab.errors import FileAccessError\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
            "try: Objects(pathlib.Path(sys.argv[1])).put(bytes(5000))\n"
            "except FileAccessError as error: print(error.code)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True, text=True
        )

        assert (done.stdout.strip(), files(tmp_path)) == ("object-unwritable", [])
        assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1000

    def test_the_same_again_writes_nothing(self, tmp_path: Path) -> None:
        """
        What is there and whole stays the file that it was.
        """
        objects = Objects(tmp_path / "o")
        before = objects.path(objects.put(b"data")).stat()

        assert objects.put(b"data") == sha(b"data")
        after = objects.path(sha(b"data")).stat()
        assert (after.st_ino, after.st_ctime_ns >= before.st_ctime_ns) == (before.st_ino, True)

    def test_a_place_that_holds_no_folder_is_told(self, tmp_path: Path) -> None:
        """
        Where a file stands in the way nothing can be kept, and the fault says so.
        """
        (tmp_path / "o").write_text("")

        with pytest.raises(FileAccessError) as caught:
            Objects(tmp_path / "o").put(b"data")
        assert caught.value.faults[0].code == "object-unwritable"


class TestEvict:
    """Too many objects."""

    def test_what_was_not_used_for_longest_goes_first(self, tmp_path: Path) -> None:
        """
        To find one is to use it.
        """
        clock = FakeClock()
        objects = Objects(tmp_path, clock=clock)
        names = []
        for data in (b"aaaa", b"bbbb", b"cccc"):
            names.append(objects.put(data))
            clock.advance(10)
            assert objects.find(names[-1])
        clock.advance(10)
        assert objects.find(names[0])

        assert objects.evict(8, grace=0) == 1
        assert [objects.find(name) is not None for name in names] == [True, False, True]

    def test_what_is_referred_to_or_was_just_used_stays(self, tmp_path: Path) -> None:
        """
        Whatever the limit is.
        """
        clock = FakeClock()
        objects = Objects(tmp_path, clock=clock)
        names = [objects.put(data) for data in (b"aaaa", b"bbbb", b"cccc")]
        for name in names:
            os.utime(objects.path(name), (clock(), clock()))
        clock.advance(4000)
        assert objects.find(names[2])

        assert objects.evict(0, keep=[names[0]]) == 1
        assert [objects.find(name) is not None for name in names] == [True, False, True]

    def test_what_is_no_object_is_left_alone(self, tmp_path: Path) -> None:
        """
        Somebody's file among the objects is neither counted nor removed.
        """
        objects = Objects(tmp_path)
        name = objects.put(b"aaaa")
        other = objects.path(name).parent / "notes.txt"
        other.write_text("not one of ours")

        assert objects.evict(0, grace=0) == 1
        assert other.exists()
