"""Replacing a file as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from oneiric_lab.errors import FileAccessError

from ._read import digest, fault, read

if TYPE_CHECKING:
    from collections.abc import Iterator

ABSENT: Final = "absent"
"""What `expect` says of a file that must not be there yet."""


def write_atomic(
    path: Path,
    data: bytes,
    *,
    expect: str | None = None,
    mode: int | None = None,
    shown: str | None = None,
) -> None:
    """Replace *path* by *data*: readers see the old bytes or the new, never a part.

    The bytes go to a temporary file beside the target, are flushed to the disk and
    renamed over it; a symbolic link is followed, so that the file it names is replaced
    and the link stays. Permissions of an existing file are kept.

    Args:
        path: The file; its folder must exist.
        data: The new content.
        expect: Digest that the file must have now, or `ABSENT`; None takes any.
        mode: Permissions of a new file; by default what the process's umask gives.
        shown: The path as people are shown it.

    Raises:
        FileAccessError: With code `file-changed` (digest differs), `file-vanished`,
            `file-exists` (expected absent) or `file-unwritable`. The target is as before.
    """
    name = shown or str(path)
    target = path.resolve()
    if expect is not None:
        check(target, expect, shown=name)
    try:
        before = target.stat().st_mode & 0o7777
    except FileNotFoundError:
        before = None
    if before is not None and not os.access(target, os.W_OK):
        raise FileAccessError(
            fault(
                "file-unwritable", f"not allowed to write {name}", path, shown, f"chmod u+w {name}"
            )
        )
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        wanted = before if before is not None else mode
        Path(temporary).chmod(_default_mode() if wanted is None else wanted)
        Path(temporary).replace(target)
        temporary = ""
        _sync_folder(target.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileAccessError(
            fault(
                "file-unwritable",
                f"cannot write {name}: {reason}",
                path,
                shown,
                "the file is as it was; make room or grant the right, and try again",
            )
        ) from error
    finally:
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()


def check(path: Path, expect: str, *, shown: str | None = None) -> None:
    """Make sure that *path* holds what *expect* says, a digest or `ABSENT`.

    Raises:
        FileAccessError: With code `file-changed`, `file-vanished` or `file-exists`.
    """
    name = shown or str(path)
    if not path.exists():
        if expect != ABSENT:
            raise FileAccessError(
                fault(
                    "file-vanished",
                    f"{name} is gone since it was read",
                    path,
                    shown,
                    "read again, then repeat the change",
                )
            )
        return
    if expect == ABSENT:
        raise FileAccessError(
            fault(
                "file-exists",
                f"{name} appeared since it was looked for",
                path,
                shown,
                "read again, then repeat the change",
            )
        )
    if digest(read(path, shown=name).data) != expect:
        raise FileAccessError(
            fault(
                "file-changed",
                f"{name} changed since it was read",
                path,
                shown,
                "read again, then repeat the change",
            )
        )


@contextlib.contextmanager
def lock(path: Path, *, timeout: float = 10.0) -> Iterator[None]:
    """Hold the lock file *path* against other processes for the time of the block.

    Args:
        path: A file used for nothing else; made where it is missing, never removed.
        timeout: Seconds to wait for another holder.

    Raises:
        FileAccessError: With code `file-locked` when the other holder kept it.
    """
    import fcntl  # noqa: PLC0415 - not on every platform; only saving needs it

    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise FileAccessError(
                        fault(
                            "file-locked",
                            f"another process has been saving for {timeout:g} s",
                            path,
                            None,
                            "wait for it to end, then repeat the change",
                        )
                    ) from None
                time.sleep(0.02)
        yield
    finally:
        os.close(handle)


def _default_mode() -> int:
    # There is no way to read the umask but to set it.
    mask = os.umask(0o022)
    os.umask(mask)
    return 0o666 & ~mask


def _sync_folder(folder: Path) -> None:
    # Some file systems cannot flush a folder; the rename itself has happened.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
