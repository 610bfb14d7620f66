"""Where the store lies: beside the workspace, or with the user."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.errors import StoreError
from oneiric_lab.store import FileChange, Store, _place, place
from oneiric_lab.store._place import file_system, is_network

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

MOUNTS = rb"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 8:1 / / rw,relatime shared:1 master:2 - ext4 /dev/sda1 rw
40 27 0:50 /export/home /home rw shared:30 - nfs4 files:/home rw,vers=4.2
41 40 8:2 / /home/ada/scratch rw - xfs /dev/sdb1 rw
42 27 0:51 / /mnt/a\040b\011c\134d rw - cifs //server/share rw
43 27 0:52 / /mnt/over rw - nfs files:/over rw
44 43 0:53 / /mnt/over rw - tmpfs tmpfs rw
45 27 0:54 / /mnt/ssh rw - fuse.sshfs ada@host: rw
46 27 0:55 / /mnt/dash-\040- rw - 9p host rw
a line that is none
47 27 0:56
48 - nfs
"""


class TestFileSystem:
    """Which file system a path is on, by what is mounted where."""

    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            ("/", "ext4"),
            ("/srv/shop", "ext4"),
            ("/home", "nfs4"),
            ("/home/ada/shop", "nfs4"),
            ("/homes", "ext4"),
            ("/home/ada/scratch/shop", "xfs"),
            ("/home/ada/scratches", "nfs4"),
            ("/mnt/a b\tc\\d/shop", "cifs"),
            ("/mnt/over/shop", "tmpfs"),
            ("/mnt/ssh/shop", "fuse.sshfs"),
            ("/mnt/dash- -/shop", "9p"),
        ],
    )
    def test_the_longest_mount_point(self, path: str, expected: str) -> None:
        """
        The longest mount point above a path says it, the later one of two alike.
        """
        assert file_system(Path(path), MOUNTS) == expected

    def test_nothing_is_mounted(self) -> None:
        """
        Where no line tells, the type is empty.
        """
        assert file_system(Path("/srv"), b"") == ""

    @given(st.binary())
    def test_any_bytes(self, text: bytes) -> None:
        """
        No text makes it fail.
        """
        assert isinstance(file_system(Path("/srv"), text), str)

    @given(st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1))
    def test_any_name(self, name: str) -> None:
        """
        A mount point is found by its name, however the kernel had to write it.
        """
        if name in {".", ".."}:
            return
        kept = b"".join(
            b"\\%03o" % byte if byte in b" \t\n\\#\r\x0b\x0c\x1c\x1d\x1e\x85" else bytes([byte])
            for byte in os.fsencode(name)
        )
        line = b"1 2 0:1 / /none-such/" + kept + b" rw - afs x rw\n"

        assert file_system(Path("/none-such", name, "shop"), line) == "afs"

    @pytest.mark.parametrize(
        ("kind", "expected"),
        [
            *((kind, True) for kind in ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs")),
            *((kind, True) for kind in ("fuse.sshfs", "ceph", "glusterfs", "lustre")),
            *((kind, False) for kind in ("ext4", "overlay", "tmpfs", "fuse", "fuse.bindfs", "")),
        ],
    )
    def test_network(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, kind: str, *, expected: bool
    ) -> None:
        """
        The types that other machines serve are told from those that this one does.
        """
        mounts = root / "mountinfo"
        mounts.write_text(f"1 2 0:1 / / rw - {kind} x rw\n")
        monkeypatch.setattr(_place, "MOUNTINFO", mounts)

        assert is_network(root) is expected

    def test_a_system_that_does_not_tell(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Where there is no such list, everything counts as this machine's.
        """
        monkeypatch.setattr(_place, "MOUNTINFO", root / "missing")

        assert not is_network(root)


def here(path: Path) -> bool:
    """Nothing is on a network."""
    return False


class TestPlace:
    """The folder that is chosen."""

    def test_beside_the_workspace(self, root: Path) -> None:
        """
        On a disk of this machine it is the workspace's own folder, and nothing is made.
        """
        assert place(root, {}, is_network=here) == root / ".oneiric"
        assert place(root / "not" / "yet", {}, is_network=here) == root / "not/yet/.oneiric"
        assert place(root, {}) in {root / ".oneiric", place(root, {}, is_network=lambda _: True)}
        assert list(root.iterdir()) == []

    def test_on_a_network(self, root: Path) -> None:
        """
        On a network it is the user's, one for each workspace, the same by every way to it.
        """
        environ = {"ONEIRIC_STATE_DIR": str(root / "state")}
        (root / "link").symlink_to(root / "one")

        one, two, link = (
            place(root / name, environ, is_network=lambda _: True)
            for name in ("one", "two", "link")
        )

        assert one == link != two
        assert one.parent == two.parent == root / "state" / "stores"
        assert len(one.name) == 32

    def test_not_to_be_written(
        self, root: Path, unprivileged: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """
        A workspace that we may not write to has its store with the user.
        """
        environ = {"ONEIRIC_STATE_DIR": str(root / "state")}
        (root / "shop").mkdir(mode=0o555)
        (root / "own").mkdir()
        (root / "own" / ".oneiric").mkdir(mode=0o555)
        (root / "closed").mkdir(mode=0)
        names = ["shop", "own", "closed", "closed/shop"]
        with unprivileged():
            found = [place(root / name, environ, is_network=here) for name in names]

        assert [path.parent for path in found] == [root / "state" / "stores"] * 4

    def test_to_be_read_only(
        self, root: Path, unprivileged: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """
        A store that others wrote is read where it is, though we may not write to it.
        """
        Store(root / ".oneiric").desire("adapter:cache", "paused", who="ada", why="")
        (root / ".oneiric" / "state.db").chmod(0o644)
        (root / ".oneiric").chmod(0o555)
        with unprivileged():
            found = place(root, {}, is_network=here)
            assert [wish.who for wish in Store(found).desired().values()] == ["ada"]

        assert found == root / ".oneiric"

    def test_links_that_go_round(self, root: Path) -> None:
        """
        A link to itself in place of the folder is no error here: the store will say it.
        """
        (root / ".oneiric").symlink_to(root / ".oneiric")

        assert place(root, {}, is_network=here) == root / ".oneiric"
        assert file_system(root / ".oneiric", MOUNTS) == "ext4"

    def test_a_home_on_a_network(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Where the user's state is on a network too, the session's own folder is taken, if
        there is a local one.
        """
        monkeypatch.setenv("XDG_STATE_HOME", "/home/ada/.local/state")
        session = {"XDG_RUNTIME_DIR": "/run/user/7"}
        homes = Path("/home")

        def state(workspace: str, environ: dict[str, str], *networks: Path) -> Path:
            chosen = place(
                Path(workspace),
                environ,
                is_network=lambda path: any(path.is_relative_to(one) for one in networks),
            )
            return chosen.parent.parent

        home = Path("/home/ada/.local/state/oneiric-lab")
        assert state("/home/ada/shop", session, homes) == Path("/run/user/7/oneiric-lab")
        assert state("/home/ada/shop", session, homes, Path("/run")) == home
        assert state("/home/ada/shop", {}, homes) == home
        assert state("/home/ada/shop", session, Path("/home/ada/shop")) == home

    def test_a_store_with_the_user(self, root: Path) -> None:
        """
        It answers as one in the workspace does, and its faults name where it is.
        """
        folder = root / "state" / "stores" / "5f"
        store = Store(folder, root=root / "shop")
        change = FileChange(root / "shop" / "a.toml", b"1", b"2")
        store.record("set", "project", "", files=[change])
        store.path.write_bytes(b"hello" * 1000)

        elsewhere, damage = store.notices()
        assert store.elsewhere == str(folder)
        assert str(folder) in elsewhere.message
        assert elsewhere.severity == "warning"
        assert f"--> {folder}/state.db" in str(StoreError(damage))
        with pytest.raises(StoreError):
            store.history()
        number = store.record("set", "project", "", files=[change])
        moved = Store(folder, root=root / "copy")
        assert [one.path for one in moved.files(number)] == [root / "copy" / "a.toml"]
        assert f"rm {folder}/state.db.damaged-1*" in (store.notices()[1].fix or "")
