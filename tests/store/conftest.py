"""A workspace's folder, and rights that count also where tests run as root."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Be nobody for the time of the block, where this is root."""
    if os.getuid() != 0:
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.fixture
def unprivileged() -> Callable[[], AbstractContextManager[None]]:
    """A block in which permissions count: root becomes nobody for its time."""
    return _as_nobody


@pytest.fixture
def root() -> Iterator[Path]:
    """A workspace's folder that every user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="oneiric-store-"))
    folder.chmod(0o755)
    yield folder
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder)
