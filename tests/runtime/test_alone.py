"""One host to a workspace."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from oneiric_lab.errors import UsageError
from oneiric_lab.runtime import alone, running_host, tell_host

if TYPE_CHECKING:
    from pathlib import Path


class TestAlone:
    def test_the_second_is_told_who_runs(self, tmp_path: Path) -> None:
        """
        With process, address, and how to stop it; afterwards there is room for another.
        """
        with alone(tmp_path, "default") as kept:
            tell_host(tmp_path, "default", "http://127.0.0.1:8080")
            found = running_host(tmp_path)
            with (
                pytest.raises(UsageError, match=f"process {os.getpid()} at http://127") as refused,
                alone(tmp_path, "edge"),
            ):
                pass

        assert kept
        assert found is not None
        assert (found.pid, found.url) == (os.getpid(), "http://127.0.0.1:8080")
        assert f"kill -TERM {os.getpid()}" in str(refused.value)
        assert running_host(tmp_path) is None
        with alone(tmp_path, "default"):
            pass

    def test_one_that_says_nothing_is_one_all_the_same(self, tmp_path: Path) -> None:
        """
        It holds the lock and has not written yet who it is, or its words were cut.
        """
        with alone(tmp_path, "default"):
            (tmp_path / "host.json").write_text('{"pid": ')
            found = running_host(tmp_path)
            with pytest.raises(UsageError, match="another process"), alone(tmp_path, "default"):
                pass

        assert found is not None
        assert found.pid == 0

    def test_a_folder_that_cannot_be_written_keeps_nobody_out(self, tmp_path: Path) -> None:
        """
        A host runs there, and knows that.
        """
        (tmp_path / "file").write_text("")
        with alone(tmp_path / "file" / "below", "default") as kept:
            assert not kept
        assert running_host(tmp_path / "nowhere") is None
