"""Reading a file whole, with a limit and a digest."""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from oneiric_lab.errors import Fault, FileAccessError, Origin, nearest

MAX_BYTES = 16 * 1024 * 1024
"""No file of configuration is larger; what is larger is refused before it is parsed."""

_MOST_BESIDE = 1000


def digest(data: bytes) -> str:
    """Return `sha256:` and the hex digest of *data*.

    Example:
        >>> digest(b"")[:15]
        'sha256:e3b0c442'
    """
    return "sha256:" + hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class FileData:
    """A file as it was read once: its bytes and what tells whether it changed since."""

    path: Path
    data: bytes
    stat_key: tuple[int, int, int]
    """Modification time (ns), size, inode: equal means unchanged but for a hostile clock."""

    @property
    def digest(self) -> str:
        """Digest of the bytes."""
        return digest(self.data)


def stat_key(path: Path) -> tuple[int, int, int] | None:
    """Return modification time, size and inode of *path*, or None when it is not there."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def fault(code: str, message: str, path: Path, shown: str | None, fix: str | None) -> Fault:
    """Return the fault of one file, named as *shown* or by its path."""
    return Fault(code, message, Origin("", file=shown or str(path)), fix=fix)


def read(path: Path, *, shown: str | None = None, limit: int = MAX_BYTES) -> FileData:
    """Return the bytes of *path*.

    Args:
        path: The file; a symbolic link is followed.
        shown: The path as people are shown it.
        limit: Most bytes that are read.

    Raises:
        FileAccessError: With code `file-missing`, `file-is-directory`, `file-special`,
            `file-unreadable` or `file-too-large`.
    """
    name = shown or str(path)

    def refused(code: str, message: str, fix: str | None = None) -> FileAccessError:
        return FileAccessError(fault(code, message, path, shown, fix))

    try:
        # O_NONBLOCK: opening a named pipe must not wait for a writer.
        handle = os.open(
            path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
        )
    except FileNotFoundError as error:
        raise refused("file-missing", f"no such file: {name}", _instead(path, name)) from error
    except PermissionError as error:
        message = f"not allowed to read {name}"
        raise refused("file-unreadable", message, f"chmod u+r {name}") from error
    except (OSError, ValueError) as error:
        raise refused("file-unreadable", f"cannot read {name}: {reason(error)}") from error
    try:
        # Before the bytes are read: a file that changes meanwhile has another key next time.
        found = os.fstat(handle)
        if stat.S_ISDIR(found.st_mode):
            message = f"expected a file, found a directory: {name}"
            raise refused("file-is-directory", message, "name a file inside it")
        if not stat.S_ISREG(found.st_mode):
            message = f"expected a regular file: {name}"
            raise refused("file-special", message, "name a regular file")
        try:
            data = _bytes(handle, found.st_size, limit)
        except OSError as error:
            raise refused("file-unreadable", f"cannot read {name}: {reason(error)}") from error
    finally:
        os.close(handle)
    if len(data) > limit:
        size = max(found.st_size, len(data))
        message = f"{name} has {size:,} bytes; at most {limit:,} are read"
        raise refused("file-too-large", message, "split it into smaller files")
    return FileData(path, data, (found.st_mtime_ns, found.st_size, found.st_ino))


def _instead(path: Path, name: str) -> str:
    """Return what helps where *path*, shown as *name*, is not there."""
    beside: dict[str, str] = {}
    with suppress(OSError):
        others = islice(path.parent.iterdir(), _MOST_BESIDE)
        # By their stems: what ends alike is not near for that. A broken link is there itself.
        beside = {other.stem: other.name for other in others if other.name != path.name}
    if meant := nearest(path.stem, beside):
        return f"did you mean `{Path(name).with_name(beside[meant[0]])}`?"
    return "make it first, or name another one"


def _bytes(handle: int, size: int, limit: int) -> bytes:
    """Return what *handle* has to give, one byte above *limit* at most."""
    with os.fdopen(handle, "rb", closefd=False) as stream:
        # The room for the limit would be made for every file, however small.
        data = stream.read(min(size, limit) + 1)
        return data if len(data) <= size else data + stream.read(limit + 1 - len(data))


def reason(error: BaseException) -> str:
    """Return what the system says is wrong, without the path, which the message has."""
    return getattr(error, "strerror", None) or str(error)
