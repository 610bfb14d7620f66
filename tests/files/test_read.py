"""Reading: the whole file, a limit, and a fault for each thing that is no file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from oneiric_lab.errors import FileAccessError
from oneiric_lab.files import MAX_BYTES, digest, read, stat_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager


def refusal(path: Path, **options: object) -> FileAccessError:
    """Return the error with which *path* is refused."""
    with pytest.raises(FileAccessError) as caught:
        read(path, **options)  # type: ignore[arg-type]  # options vary
    return caught.value


class TestRead:
    """What is read, and what is refused."""

    def test_bytes_digest_and_key_are_of_one_reading(self, tmp_path: Path) -> None:
        """
        The bytes come as they are, with their digest and the file's key.
        """
        path = tmp_path / "a"
        path.write_bytes(b"\xef\xbb\xbfa\r\n\0")

        found = read(path)

        assert found.data == b"\xef\xbb\xbfa\r\n\0"
        assert digest(b"\xef\xbb\xbfa\r\n\0") == found.digest
        assert stat_key(path) == found.stat_key

    def test_a_link_is_followed(self, tmp_path: Path) -> None:
        """
        A symbolic link reads as the file it names.
        """
        (tmp_path / "a").write_bytes(b"x")
        (tmp_path / "b").symlink_to("a")

        assert read(tmp_path / "b").data == b"x"

    def test_missing_is_named_as_shown(self, tmp_path: Path) -> None:
        """
        A missing file is said in the words that people were shown.
        """
        error = refusal(tmp_path / "x.toml", shown="x.toml")

        assert error.code == "file-missing"
        assert str(error) == (
            "error: no such file: x.toml\n  --> x.toml\n  help: make it first, or name another one"
        )

    @pytest.mark.parametrize("folder", ["", "in/"])
    def test_missing_names_what_stands_beside(self, tmp_path: Path, folder: str) -> None:
        """
        A slip of the pen is answered with the file that may have been meant.
        """
        (tmp_path / "shop.toml").write_text("")

        error = refusal(tmp_path / "shp.toml", shown=f"{folder}shp.toml")

        assert error.faults[0].fix == f"did you mean `{folder}shop.toml`?"

    def test_missing_with_its_folder(self, tmp_path: Path) -> None:
        """
        Where the folder is missing too nothing can have been meant.
        """
        error = refusal(tmp_path / "nowhere" / "x.toml")

        assert error.faults[0].fix == "make it first, or name another one"

    def test_a_link_that_leads_nowhere(self, tmp_path: Path) -> None:
        """
        It is not meant instead of itself.
        """
        (tmp_path / "x.toml").symlink_to("nowhere")

        assert refusal(tmp_path / "x.toml").faults[0].fix == "make it first, or name another one"

    def test_directory(self, tmp_path: Path) -> None:
        """
        A directory where a file belongs is refused as such.
        """
        assert refusal(tmp_path).code == "file-is-directory"

    def test_pipe_does_not_wait_for_a_writer(self, tmp_path: Path) -> None:
        """
        A named pipe is refused at once; opening it would hang.
        """
        os.mkfifo(tmp_path / "pipe")

        assert refusal(tmp_path / "pipe").code == "file-special"

    def test_device(self) -> None:
        """
        A device that never ends is refused, not read.
        """
        from pathlib import Path

        assert refusal(Path("/dev/zero")).code == "file-special"

    def test_permission(
        self, open_folder: Path, unprivileged: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """
        A file that we may not read is refused with the command that grants it.
        """
        path = open_folder / "a"
        path.write_bytes(b"x")
        path.chmod(0)

        with unprivileged():
            error = refusal(path, shown="a")

        assert error.code == "file-unreadable"
        assert error.faults[0].fix == "chmod u+r a"

    @pytest.mark.parametrize("name", ["loop", "a/b", "n" * 300, "nul\0"])
    def test_what_no_path_can_be(self, tmp_path: Path, name: str) -> None:
        """
        A loop of links, a path through a file, a name too long and a NUL are faults too.
        """
        (tmp_path / "loop").symlink_to("loop")
        (tmp_path / "a").write_bytes(b"")

        assert refusal(tmp_path / name).code == "file-unreadable"

    @pytest.mark.skipif(sys.platform != "linux", reason="only on Linux: /proc")
    def test_an_error_while_reading(self) -> None:
        """
        A file that opens and then fails to read is a fault, not a bare OSError.
        """
        from pathlib import Path

        error = refusal(Path("/proc/self/mem"))

        assert error.code == "file-unreadable"
        assert "Input/output error" in str(error)

    def test_limit_is_inclusive(self, tmp_path: Path) -> None:
        """
        A file of exactly the limit is read, one byte more is refused with both numbers.
        """
        path = tmp_path / "a"
        path.write_bytes(b"12345")

        assert read(path, limit=5).data == b"12345"
        assert "has 5 bytes; at most 4 are read" in str(refusal(path, limit=4))

    def test_seventeen_megabytes(self, tmp_path: Path) -> None:
        """
        A file above 16 MiB is refused without being read whole.
        """
        path = tmp_path / "big.toml"
        path.touch()
        os.truncate(path, MAX_BYTES + 1_000_000)

        error = refusal(path, shown="big.toml")

        assert error.code == "file-too-large"
        assert "big.toml has 17,777,216 bytes; at most 16,777,216 are read" in str(error)

    def test_a_file_that_says_it_is_empty(self) -> None:
        """
        Files of the kernel have no size and are read whole, to the limit.
        """
        path = Path("/proc/self/status")
        if not path.exists():
            pytest.skip("only on Linux")

        assert read(path).data.startswith(b"Name:")
        assert refusal(path, limit=4).code == "file-too-large"


class TestStatKey:
    """What tells cheaply that a file changed."""

    def test_nothing_there(self, tmp_path: Path) -> None:
        """
        A path that is missing or impossible has no key.
        """
        assert stat_key(tmp_path / "a") is None
        assert stat_key(tmp_path / "nul\0") is None
