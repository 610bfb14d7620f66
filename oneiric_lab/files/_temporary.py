"""Temporary files that end with their writer: what a killed one left is found and removed.

The writer holds a lock on its temporary file for as long as it writes, and the system frees
it with the process. A file of ours that nobody locks is a leftover.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_NAME: Final = re.compile(r"\.oneiric-[0-9a-f]{16}\.tmp\Z")
_CLOSED: Final[int] = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)

_tidied: Final[set[Path]] = set()
"""Folders that this process looked through once: one may hold a hundred thousand files."""


def make(folder: Path, mode: int) -> tuple[Path, int]:
    """Make a temporary file in *folder*; return its path and its handle, locked.

    Raises:
        OSError: It cannot be made.
    """
    if folder not in _tidied:
        _tidied.add(folder)
        tidy(folder)
    while True:
        path = folder / f".oneiric-{secrets.token_hex(8)}.tmp"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CLOSED, mode)
        try:
            _lock(handle)
            if os.fstat(handle).st_nlink:
                return path, handle
        except BaseException:
            os.close(handle)
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        os.close(handle)  # somebody tidied up between the two calls


def tidy(folder: Path) -> int:
    """Remove what writers that were killed left in *folder*; return how many files that were.

    A file that is being written is left alone, and so is what cannot be removed.
    """
    gone = 0
    try:
        with os.scandir(folder) as entries:
            found = [entry.name for entry in entries if _NAME.match(entry.name)]
    except OSError:
        return 0
    for name in found:
        with contextlib.suppress(OSError):
            gone += _remove(folder / name)
    return gone


def _remove(path: Path) -> bool:
    if sys.platform == "win32":  # pragma: no cover - there an open file cannot be removed
        path.unlink()
        return True
    import fcntl  # noqa: PLC0415 - only where something was left

    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | _CLOSED)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(handle)
    return True


def _lock(handle: int) -> None:
    if sys.platform == "win32":  # pragma: no cover - see _remove
        return
    import fcntl  # noqa: PLC0415 - only saving needs it

    # A file system without locks: the file is written all the same, and never tidied up.
    with contextlib.suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_EX)
