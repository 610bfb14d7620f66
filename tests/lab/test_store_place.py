"""Where a workspace's history and wishes are kept, and how people are told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.commands import Interaction, run
from oneiric_lab.store import _place
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[2]
BARE = "[plugins]\nauto_load = false\n"
CACHES = 'packages = ["oneiric_lab.components"]\n'


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """A workspace with two caches, in a folder that every user can enter."""
    with Workspace() as made:
        made.path.chmod(0o755)
        yield made.project(BARE + CACHES)
        made.path.chmod(0o755)


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> Path:
    """Let the workspace lie on NFS, and return the user's state directory, which does not."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        f"1 2 0:1 / / rw - ext4 /dev/sda1 rw\n3 1 0:2 / {workspace.path} rw - nfs4 files:/x rw\n"
    )
    monkeypatch.setattr(_place, "MOUNTINFO", mounts)
    state = tmp_path / "state"
    workspace.environ(ONEIRIC_STATE_DIR=str(state))
    monkeypatch.setenv("ONEIRIC_STATE_DIR", str(state))
    return state


class TestNetworkHome:
    """A workspace on a file system of another machine."""

    def test_the_store_is_with_the_user(self, workspace: Workspace, mounted: Path) -> None:
        """
        Changes are saved in the workspace, and history and wishes kept on this machine, where
        a later process finds them; opening alone makes neither.
        """
        lab = workspace.open()
        assert lab.store.path.parent.parent == mounted / "stores"
        assert not mounted.exists()
        lab.save({"app.name": "shop"})
        lab.desire("adapter:cache", "paused", why="a move")

        again = workspace.open()
        assert [entry.verb for entry in again.history().entries] == ["apply"]
        assert again.store.desired()["adapter:cache"].why == "a move"
        assert not (workspace.path / ".oneiric" / "state.db").exists()
        assert (again.store.path.parent / ".gitignore").read_text() == "*\n"
        again.undo()
        assert (workspace.path / "oneiric.toml").read_text() == BARE + CACHES

    def test_people_are_told(self, workspace: Workspace, mounted: Path) -> None:
        """
        `status` says where, `doctor` why and what to do; beside the workspace neither does.
        """
        words = ["-C", str(workspace.path)]
        status: Any
        doctor: Any
        status, doctor = (run([*words, verb], Interaction()) for verb in ("status", "doctor"))
        place = str(workspace.open().store.path.parent)

        assert status.as_dict()["store"] == place
        assert place in "".join(str(status).split())
        assert "doctor says why" in " ".join(str(status).split())
        (told,) = [text for ok, text in doctor.workspace if not ok]
        assert place in told
        assert "network file system" in told
        assert "ONEIRIC_STATE_DIR=DIR" in told


_READ_ONLY = """
import os, sys
from oneiric_lab.lab import Lab
from oneiric_lab.errors import OneiricError

def work(root, home, say):
    environ = {"ONEIRIC_STATE_DIR": home + "/state", "XDG_CONFIG_HOME": home}
    lab = Lab.open(root, trusted=True, environ=environ)
    say(lab.explain("adapter:cache").winner.provider)
    say(lab.desire("adapter:cache", "paused", why="").number, lab.store.elsewhere is not None)
    try:
        lab.save({"app.name": "shop"})
    except OneiricError as error:
        say(error.faults[0].code)
    say(lab.save({"app.name": "mine"}, layer="user").files)
    say(lab.store.notices()[0].why)

# Rights do not count for root, and Python's own files may be root's: all is imported before.
if os.getuid() == 0:
    try:
        work(sys.argv[3], sys.argv[3], lambda *_: None)
    except IndexError:
        pass
    os.setresuid(65534, 65534, 65534)
work(sys.argv[1], sys.argv[2], print)
"""


class TestReadOnly:
    """A workspace that may not be written."""

    @pytest.mark.skipif(os.name == "nt", reason="rights of POSIX")
    def test_opens_explains_and_keeps_wishes_with_the_user(
        self, workspace: Workspace, tmp_path: Path
    ) -> None:
        """
        It explains; what cannot be saved is an error of its file, what can is saved.
        """
        workspace.path.chmod(0o555)
        with Workspace() as home, Workspace() as warm:
            for made in (home, warm):
                (made.path / "oneiric-lab").mkdir()
            for folder in (home.path, home.path / "oneiric-lab"):
                folder.chmod(0o777)
            warm.project(BARE + CACHES)
            done = subprocess.run(
                [sys.executable, "-c", _READ_ONLY, workspace.path, home.path, warm.path],
                cwd=PROJECT,
                check=False,
                capture_output=True,
                text=True,
            )

        assert not done.stderr
        assert done.stdout.splitlines() == [
            "memory",
            "1 True",
            "file-unwritable",
            "('oneiric.toml',)",
            "the workspace cannot be written",
        ]
        assert not (workspace.path / ".oneiric").exists()
