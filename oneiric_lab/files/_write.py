"""Replacing a file as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Final

from oneiric_lab.errors import FileAccessError

from ._read import digest, fault, read, reason
from ._temporary import make

if TYPE_CHECKING:
    from pathlib import Path

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
    and the link stays. Permissions of an existing file are kept, and its owner where
    the system lets us. What *expect* says is checked last, right before the rename; who
    saves together holds `lock`. What a killed writer left in the folder is removed, once
    in the life of a process; `tidy` does so at any time.

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
    temporary: Path | None = None
    handle: int | None = None
    try:
        target = path.resolve()
        try:
            before = target.stat()
        except FileNotFoundError:
            before = None
        if before is not None and not os.access(target, os.W_OK):
            fix = f"chmod u+w {name}"
            raise FileAccessError(  # noqa: TRY301 - the cleaning up is the same
                fault("file-unwritable", f"not allowed to write {name}", path, shown, fix)
            )
        wanted = mode if before is None else before.st_mode & 0o7777
        # Former bytes may be private: nobody else reads the new ones before the rename.
        temporary, handle = make(target.parent, 0o666 if wanted is None else 0o600)
        with os.fdopen(handle, "wb", closefd=False) as stream:
            stream.write(data)
            stream.flush()
            os.fsync(handle)
        if sys.platform == "win32":  # pragma: no cover - there an open file is not renamed
            os.close(handle)
            handle = None
        if before is not None:
            # Only root may; a save by sudo must not take the file from its owner.
            with contextlib.suppress(PermissionError, AttributeError):
                os.chown(temporary, before.st_uid, before.st_gid)
        if wanted is not None:
            temporary.chmod(wanted)
        if expect is not None:
            check(target, expect, shown=name)
        temporary.replace(target)
        temporary = None
        sync_folder(target.parent)
    except FileAccessError:
        raise
    except (OSError, RuntimeError, ValueError) as error:
        # RuntimeError: a loop of links, up to Python 3.12; ValueError: a NUL in the name.
        raise FileAccessError(
            fault(
                "file-unwritable",
                f"cannot write {name}: {reason(error)}",
                path,
                shown,
                "the file is as it was; make room or grant the right, and try again",
            )
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError, ValueError):
                temporary.unlink()
        if handle is not None:
            # Not before: the lock on it tells that its writer lives.
            os.close(handle)


def ensure_folder(path: Path, *, shown: str | None = None) -> None:
    """Make the folder *path*, and those above it, where they are missing.

    Raises:
        FileAccessError: With code `file-unwritable`.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise FileAccessError(
            fault(
                "file-unwritable",
                f"cannot make the folder {shown or path}: {reason(error)}",
                path,
                shown,
                "name a folder that can be made, or grant the right",
            )
        ) from error


def check(path: Path, expect: str, *, shown: str | None = None) -> None:
    """Make sure that *path* holds what *expect* says, a digest or `ABSENT`.

    Raises:
        FileAccessError: With code `file-changed`, `file-vanished` or `file-exists`.
    """
    name = shown or str(path)
    fix = "read again, then repeat the change"
    if not path.exists():
        if expect != ABSENT:
            raise FileAccessError(
                fault("file-vanished", f"{name} is gone since it was read", path, shown, fix)
            )
        return
    if expect == ABSENT:
        raise FileAccessError(
            fault("file-exists", f"{name} appeared since it was looked for", path, shown, fix)
        )
    if digest(read(path, shown=name).data) != expect:
        raise FileAccessError(
            fault("file-changed", f"{name} changed since it was read", path, shown, fix)
        )


def sync_folder(folder: Path) -> None:
    """Flush what was renamed in *folder*."""
    # Some file systems cannot flush a folder; the rename itself has happened.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
