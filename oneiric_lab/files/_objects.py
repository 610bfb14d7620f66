"""Content-addressed objects: bytes that are known by their digest, each in a file of its own.

An object appears whole or not at all: it is written beside its place, digested on the way,
flushed and renamed. Two processes that bring the same one both succeed. What was not used for
longest goes first when there are too many, and never what somebody refers to.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from typing import TYPE_CHECKING, Final

from oneiric_lab.errors import FileAccessError

from ._read import fault, reason
from ._temporary import make, tidy
from ._write import sync_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

_SHA256: Final = re.compile(r"[0-9a-f]{64}\Z")
_FOLDER: Final = re.compile(r"[0-9a-f]{2}\Z")
_BLOCK: Final = 1 << 20

GRACE: Final = 3600.0
"""Seconds for which an object that was just used is spared: who brought it may refer to it yet."""


class Objects:
    """The objects below one folder; nothing is made before something is put.

    Args:
        folder: Where they lie; `NN/REST` of the hex digest is the path of each.
        clock: Gives seconds since 1970, as the file system counts them.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self._clock = clock

    def path(self, sha256: str) -> Path:
        """Return where the object of that digest lies, or would.

        Raises:
            ValueError: It is no SHA-256 in lower-case hex digits.
        """
        if not _SHA256.match(sha256):
            raise ValueError(f"expected 64 hex digits, got {sha256!r}")
        return self.folder / sha256[:2] / sha256[2:]

    def find(self, sha256: str) -> Path | None:
        """Return the path of an object that is whole, and count it as used; None for none.

        Its bytes are read and digested. A damaged one is removed, so that it is brought anew.
        """
        path = self.path(sha256)
        hasher = hashlib.sha256()
        try:
            with path.open("rb") as stream:
                while block := stream.read(_BLOCK):
                    hasher.update(block)
        except OSError:
            return None
        if hasher.hexdigest() != sha256:
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        # A folder that only others may write still serves what is in it.
        with contextlib.suppress(OSError):
            os.utime(path, (self._clock(), self._clock()))
        return path

    def put(self, data: bytes, sha256: str | None = None) -> str:
        """Keep *data* and return its digest.

        Args:
            data: The bytes.
            sha256: Their digest, where whoever calls has taken it of them.

        Raises:
            FileAccessError: With code `object-unwritable`; nothing was kept.
        """
        sha256 = sha256 or hashlib.sha256(data).hexdigest()
        if self.find(sha256) is None:
            with self.writer(sha256, len(data)) as writer:
                writer.begin()
                writer.write_all(data)
                writer.commit()
        return sha256

    @contextlib.contextmanager
    def writer(self, sha256: str, size: int | None) -> Iterator[ObjectWriter]:
        """Give what writes the object of that digest and size; gone unless it was committed.

        Whoever does not know the size (None) bounds what is written.
        """
        writer = ObjectWriter(self.path(sha256), sha256, size)
        try:
            yield writer
        finally:
            writer.discard()

    def evict(self, limit: int, *, keep: Collection[str] = (), grace: float = GRACE) -> int:
        """Remove what was not used for longest until at most *limit* bytes are kept.

        Args:
            limit: Bytes of all objects together.
            keep: Digests that stay, whatever they take.
            grace: Seconds since its last use for which an object stays.

        Returns:
            How many objects are gone.
        """
        found: list[tuple[float, int, str, Path]] = []
        for folder in self._folders():
            tidy(folder)
            with contextlib.suppress(OSError), os.scandir(folder) as entries:
                for entry in entries:
                    name = folder.name + entry.name
                    if _SHA256.match(name):
                        stat = entry.stat(follow_symlinks=False)
                        found.append((stat.st_mtime, stat.st_size, name, folder / entry.name))
        kept = sum(size for _, size, _, _ in found)
        spared, now, gone = {*keep}, self._clock(), 0
        for used, size, name, path in sorted(found):
            if kept <= limit:
                break
            if name in spared or now - used < grace:
                continue
            with contextlib.suppress(OSError):
                path.unlink()
                kept -= size
                gone += 1
        return gone

    def _folders(self) -> list[Path]:
        try:
            return sorted(p for p in self.folder.iterdir() if _FOLDER.match(p.name))
        except OSError:
            return []


class ObjectWriter:
    """Writes one object: `begin`, `write` as often as needed, `commit`; `begin` again starts anew.

    Raises:
        FileAccessError: With code `object-unwritable` when the disk does not take it, and
            `object-differs` when the bytes are not those that were promised.
    """

    def __init__(self, path: Path, sha256: str, size: int | None) -> None:
        self._path, self._sha256, self._size = path, sha256, size
        self._temporary: Path | None = None
        self._handle: int | None = None
        self._hasher = hashlib.sha256()
        self._written, self._digested = 0, False

    @property
    def size(self) -> int:
        """Bytes that were written since `begin`."""
        return self._written

    def begin(self) -> None:
        """Start with no bytes."""
        self.discard()
        self._hasher, self._written, self._digested = hashlib.sha256(), 0, False
        with self._told():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._temporary, self._handle = make(self._path.parent, 0o600)

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        assert self._handle is not None  # noqa: S101 - `begin` comes first
        self._written += len(chunk)
        if self._size is not None and self._written > self._size:
            raise self._differs(f"more than the {self._size:,} bytes that were promised")
        self._hasher.update(chunk)
        self._write(chunk)

    def write_all(self, data: bytes) -> None:
        """Take all the bytes, which whoever calls has digested."""
        self._written, self._digested = len(data), True
        self._write(data)

    def _write(self, chunk: bytes) -> None:
        assert self._handle is not None  # noqa: S101 - `begin` comes first
        rest = memoryview(chunk)
        with self._told():
            while rest:
                rest = rest[os.write(self._handle, rest) :]

    def commit(self) -> Path:
        """Put the object in its place and return that; another process may have done so too."""
        assert self._handle is not None  # noqa: S101 - `begin` comes first
        assert self._temporary is not None  # noqa: S101 - see above
        if self._size is not None and self._written != self._size:
            raise self._differs(f"{self._written:,} bytes, {self._size:,} were promised")
        if not self._digested and self._hasher.hexdigest() != self._sha256:
            raise self._differs(f"sha256 {self._hasher.hexdigest()}, promised {self._sha256}")
        with self._told():
            os.fsync(self._handle)
            # Handed out by its path: nobody changes it there by accident.
            self._temporary.chmod(0o444)
            self._temporary.replace(self._path)
            self._temporary = None
            sync_folder(self._path.parent)
        self.discard()
        return self._path

    def discard(self) -> None:
        """Forget what was written; nothing where it was committed."""
        temporary, handle = self._temporary, self._handle
        self._temporary = self._handle = None
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()
        if handle is not None:
            os.close(handle)

    def _differs(self, found: str) -> FileAccessError:
        return FileAccessError(
            fault(
                "object-differs",
                f"object {self._sha256[:16]}…: found {found}",
                self._path,
                None,
                "nothing was kept; whoever offers it must offer what was signed",
            )
        )

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            many = "" if self._size is None else f" of {self._size:,} bytes"
            raise FileAccessError(
                fault(
                    "object-unwritable",
                    f"cannot keep an object{many}: {reason(error)}",
                    self._path,
                    None,
                    f"nothing was changed; make room in {self._path.parent.parent}, and try again",
                )
            ) from error
