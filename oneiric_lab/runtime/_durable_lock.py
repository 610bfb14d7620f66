"""Which process is the host of a SQLite file: the one that holds a lock, which ends with it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from oneiric_lab.errors import Fault, FileAccessError, WorkflowError
from oneiric_lab.files import lock

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack
    from pathlib import Path


def lock_of(path: Path) -> Path:
    """Return the file that the host of a database holds."""
    return path.with_name(f"{path.name}.host")


def take(held: ExitStack, path: Path) -> None:
    """Be the host for as long as *held* is.

    Raises:
        WorkflowError: Another process is.
    """
    try:
        held.enter_context(lock(lock_of(path), timeout=1.0))
    except FileAccessError as error:
        if error.code != "file-locked":
            raise
        raise busy(path) from error


def busy(path: Path) -> WorkflowError:
    """Return the error of a workspace whose runs another process drives."""
    with suppress(OSError):
        holder = lock_of(path).read_text().strip()
    return WorkflowError(
        Fault(
            "engine-busy",
            f"process {holder or '?'} is the host of this workspace's runs",
            fix="workflow enqueue KEY has it run them",
        )
    )


def host_of(path: Path) -> str | None:
    """Return the number of the process that is the host of a database, or None."""
    try:
        with lock(lock_of(path), timeout=0):
            return None
    except FileAccessError:
        return lock_of(path).read_text().strip()


def host_alive(path: Path) -> Callable[[str], bool]:
    """Return what tells whether an executor is the host of a database, and alive."""
    holder = host_of(path)
    return lambda executor: holder is not None and executor.split("-")[-2:-1] == [holder]
