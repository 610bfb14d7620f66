"""A folder for tests of files."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter; pytest's own are private to who runs it."""
    folder = Path(tempfile.mkdtemp(prefix="oneiric-open-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
