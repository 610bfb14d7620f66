"""One host to a workspace: who holds the lock is it, and says where it listens."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from oneiric_lab.errors import Fault, FileAccessError, UsageError
from oneiric_lab.files import lock
from oneiric_lab.store import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK = "host.lock"
FILE = "host.json"


@dataclass(frozen=True, slots=True)
class Told:
    """What a host says of itself to others on its machine.

    Attributes:
        pid: Its process.
        started: Seconds since 1970.
        url: Where it listens; empty for nowhere.
        kind: Its profile.
    """

    pid: int
    started: float
    url: str = ""
    kind: str = "default"

    @property
    def name(self) -> str:
        """As people are told."""
        return f"process {self.pid}" + (f" at {self.url}" if self.url else "")


@contextmanager
def alone(folder: Path, kind: str) -> Iterator[bool]:
    """Be the host of a workspace for the time of the block.

    Args:
        folder: Of the workspace's store.
        kind: The host's profile.

    Yields:
        Whether others are kept out: a folder that cannot be written keeps nobody out.

    Raises:
        UsageError: Another host runs.
    """
    with suppress(OSError):
        make_folder(folder)
    try:
        held = lock(folder / LOCK, timeout=1.0)
        held.__enter__()
    except FileAccessError as error:
        if error.code != "file-locked":
            yield False
            return
        raise UsageError(_taken(folder)) from None
    try:
        tell_host(folder, kind)
        yield True
    finally:
        with suppress(OSError):
            (folder / FILE).unlink()
        held.__exit__(None, None, None)


def tell_host(folder: Path, kind: str, url: str = "") -> None:
    """Write down where this host listens; where that is not possible nobody is told."""
    found = asdict(Told(os.getpid(), time.time(), url, kind))
    new = folder / f"{FILE}.new"
    with suppress(OSError):
        new.write_text(json.dumps(found))
        new.replace(folder / FILE)


def running_host(folder: Path) -> Told | None:
    """Return the host that runs on this machine, or None."""
    if not (folder / LOCK).exists():
        return None
    try:
        with lock(folder / LOCK, timeout=0):
            return None
    except FileAccessError as error:
        return _read(folder) if error.code == "file-locked" else None


def _read(folder: Path) -> Told:
    with suppress(OSError, ValueError, TypeError):
        found = json.loads((folder / FILE).read_text())
        return Told(**found)
    return Told(0, 0.0)


def _taken(folder: Path) -> Fault:
    found = _read(folder)
    since = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(found.started))
    return Fault(
        "host-running",
        f"a host of this workspace runs already: {found.name if found.pid else 'another process'}",
        why=f"since {since}; its workflows and its schedule have one owner" if found.pid else None,
        fix=f"stop it (kill -TERM {found.pid}), or look at it: oneiric-lab health"
        if found.pid
        else "wait a moment, then try again",
    )
