"""Where a workspace's store lies: beside the workspace, or with the user.

sqlite needs locks that hold and, for its WAL, memory that all its users share. Network file
systems promise neither (sqlite.org/howtocorrupt.html, section 2.1).
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FOLDER: Final = ".oneiric"
FILE: Final = "state.db"
MOUNTINFO: Final = Path("/proc/self/mountinfo")
"""What is mounted where, as proc_pid_mountinfo(5) describes it; Linux only."""

_NETWORK: Final = frozenset(
    {
        *("9p", "afs", "ceph", "cifs", "glusterfs", "lustre", "nfs", "nfs4", "smb3", "smbfs"),
        *("fuse.ceph", "fuse.glusterfs", "fuse.sshfs"),
    }
)
_ESCAPE: Final = re.compile(rb"\\([0-7]{3})")


def is_network(path: Path) -> bool:
    """Return whether *path* lies on a file system of another machine.

    Linux tells; elsewhere, and where it does not tell, the answer is False.
    """
    try:
        text = MOUNTINFO.read_bytes()
    except OSError:
        return False
    return file_system(path, text) in _NETWORK


def file_system(path: Path, mountinfo: bytes) -> str:
    """Return the type of the file system that *path* is on, or an empty text.

    Args:
        path: It need not exist; symbolic links are followed.
        mountinfo: As in proc_pid_mountinfo(5). Lines that are none are passed over; of two
            mounts on one place the later one counts, which hides the former.
    """
    inside = _real(path)
    longest, found = -1, ""
    for line in mountinfo.splitlines():
        left, dash, right = line.partition(b" - ")
        fields = left.split(b" ")
        if not dash or len(fields) < 5:  # noqa: PLR2004 - the fifth is the mount point
            continue
        mount = Path(os.fsdecode(_ESCAPE.sub(_unescaped, fields[4])))
        if len(mount.parts) >= longest and inside.is_relative_to(mount):
            longest, found = len(mount.parts), os.fsdecode(right.split(b" ")[0])
    return found


def place(
    folder: Path,
    environ: Mapping[str, str],
    *,
    is_network: Callable[[Path], bool] = is_network,
) -> Path:
    """Return the folder for the store of a workspace; nothing is made or written.

    It is the workspace's `.oneiric`. Where that is on a network file system, or cannot be
    written and holds no store that could be read, it is `stores/DIGEST` in the user's state
    directory, DIGEST being the first 32 hex digits of the SHA-256 of the workspace's path.
    Where that directory is on a network file system too, as with a home on NFS, it is the
    same in the session's `XDG_RUNTIME_DIR`, which the system forgets at the end of the
    session; without one it stays in the state directory. `ONEIRIC_STATE_DIR` names a lasting
    local one and is never doubted.

    Args:
        folder: The workspace's own folder.
        environ: The environment.
        is_network: Whether a path is on a network file system.
    """
    own = folder / FOLDER
    # One that others wrote still tells its readers what was done and is wanted.
    if not is_network(own) and (is_writable(own) or os.access(own / FILE, os.R_OK)):
        return own
    digest = hashlib.sha256(os.fsencode(_real(folder))).hexdigest()[:32]
    return _state(environ, is_network) / "stores" / digest


def _real(path: Path) -> Path:
    # `Path.resolve` raises on links that go round, before Python 3.13.
    return Path(os.path.realpath(path))


def _unescaped(match: re.Match[bytes]) -> bytes:
    # Three octal digits can say more than a byte holds; the kernel never does.
    return bytes([int(match[1], 8) & 0xFF])


def is_writable(folder: Path) -> bool:
    """Return whether something may be made in *folder*, or it in what is there above it."""
    # What stands in a folder that may not be searched does not count as there.
    above = (folder, *folder.absolute().parents)
    there = next((one for one in above if os.access(one, os.F_OK)), folder)
    return os.access(there, os.W_OK | os.X_OK)


def state_dir(environ: Mapping[str, str]) -> Path:
    """Return the folder of the user's own state: what is remembered of all workspaces."""
    given = environ.get("ONEIRIC_STATE_DIR")
    if given:
        return Path(given)
    from platformdirs import user_state_path  # noqa: PLC0415 - only who asks pays

    return user_state_path("oneiric-lab")


def _state(environ: Mapping[str, str], is_network: Callable[[Path], bool]) -> Path:
    state, session = state_dir(environ), environ.get("XDG_RUNTIME_DIR")
    if environ.get("ONEIRIC_STATE_DIR") or not session:
        return state
    if is_network(state) and not is_network(Path(session)):
        return Path(session) / "oneiric-lab"
    return state


def make_folder(folder: Path) -> None:
    """Make a folder of ours where there is none, and keep it out of version control."""
    folder.mkdir(parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    # An empty one is of a process that ended as it wrote it.
    if not ignore.exists() or not ignore.stat().st_size:
        ignore.write_text("*\n")
