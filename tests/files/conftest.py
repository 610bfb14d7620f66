"""What tests of files need: rights that count, also where tests run as root."""

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

_NOBODY = 65534


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Be nobody for the time of the block, where this is root."""
    if os.getuid() != 0:
        yield
        return
    os.setresuid(_NOBODY, _NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.fixture
def unprivileged() -> Callable[[], AbstractContextManager[None]]:
    """A block in which permissions count: root becomes nobody for its time."""
    return _as_nobody


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter; pytest's own are private to who runs it."""
    folder = Path(tempfile.mkdtemp(prefix="oneiric-open-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
