"""One process at a time: a lock that ends with its holder, however that ends."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING

from oneiric_lab.errors import FileAccessError

from ._read import fault, reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def lock(path: Path, *, timeout: float = 10.0) -> Iterator[None]:
    """Hold the lock file *path* against other processes for the time of the block.

    The file holds the process id of the last holder and nothing else, or nothing; a holder that was
    killed holds it no more. A second hold in the same process waits like any other.

    Args:
        path: A file used for nothing else; made where it is missing, never removed.
        timeout: Seconds to wait for another holder.

    Raises:
        FileAccessError: With code `file-locked` when the other holder kept it, or
            `file-unwritable` where no lock can be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    except OSError as error:
        raise FileAccessError(
            fault(
                "file-unwritable",
                f"cannot lock {path}: {reason(error)}",
                path,
                None,
                f"nothing was changed; make {path.parent} writable, and try again",
            )
        ) from error
    try:
        deadline = time.monotonic() + timeout
        while not _take(handle):
            if time.monotonic() >= deadline:
                holder = os.read(handle, 20).decode(errors="replace").strip()
                raise FileAccessError(
                    fault(
                        "file-locked",
                        f"process {holder or '?'} has been saving for more than {timeout:g} s",
                        path,
                        None,
                        "nothing was changed; wait for it to end, then repeat the change",
                    )
                )
            time.sleep(0.02)
        # The name of the holder is for messages; a full disk takes the lock without it.
        with contextlib.suppress(OSError):
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(handle)


def _take(handle: int) -> bool:
    """Take the lock if it is free."""
    if sys.platform == "win32":  # pragma: no cover - Windows has another call
        import msvcrt  # noqa: PLC0415 - only there

        try:
            # A byte far behind the content: a locked byte cannot be read by others.
            os.lseek(handle, 1 << 20, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(handle, 0, os.SEEK_SET)
        return True
    import fcntl  # noqa: PLC0415 - only saving needs it

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
