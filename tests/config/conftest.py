"""A workspace on disk that tests write, load and read the report of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.config import Inputs, Snapshot, load
from oneiric_lab.errors import Fault, OneiricError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class House:
    """A folder of configuration files, and the ways to load it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, files: dict[str, str | bytes]) -> House:
        """Write *files*, by name."""
        for name, data in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.encode() if isinstance(data, str) else data)
        return self

    def load(
        self, project: str | None = None, *, previous: Snapshot | None = None, **inputs: Any
    ) -> Snapshot:
        """Load the workspace, with *project* as its `oneiric.toml`."""
        if project is not None:
            self.write({"oneiric.toml": project})
        return load(Inputs(self.root, **inputs), previous=previous)

    def faults(self, project: str | None = None, **inputs: Any) -> tuple[Fault, ...]:
        """Return the faults that loading tells."""
        with pytest.raises(OneiricError) as caught:
            self.load(project, **inputs)
        return caught.value.faults

    def report(self, project: str | None = None, **inputs: Any) -> str:
        """Return the report as people read it."""
        return "\n".join(map(str, self.faults(project, **inputs)))


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Give an empty workspace."""
    return House(tmp_path)


@pytest.fixture
def locked_file() -> Callable[[Path], None]:
    """Make a file that this user cannot read, or skip where root reads all."""

    def lock(path: Path) -> None:
        path.chmod(0)
        try:
            path.read_bytes()
        except PermissionError:
            return
        pytest.skip("only on a system where this user is no root")

    return lock
