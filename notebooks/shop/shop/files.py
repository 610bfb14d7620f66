"""Where pictures and letters are put: a folder, or memory."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from oneiric_lab.config import WorkspacePath  # noqa: TC001 - pydantic reads the annotations

from .settings import Table


class FilesSettings(Table):
    """Settings of `adapter:files` by a local folder."""

    folder: WorkspacePath = "data/files"


def _safe(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(f"expected a name inside the store, found {name!r}")
    return path


class LocalFiles:
    """Files below one folder; a name cannot lead out of it."""

    def __init__(self, settings: FilesSettings) -> None:
        self._folder = Path(settings.folder)

    def write(self, name: str, data: bytes) -> None:
        """Keep *data* under *name*; readers see the old bytes or the new ones, never a part."""
        path = self._folder / _safe(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        part.write_bytes(data)
        part.replace(path)

    def read(self, name: str) -> bytes:
        """Return what is kept under *name*."""
        return (self._folder / _safe(name)).read_bytes()

    def names(self) -> list[str]:
        """Return all names, sorted."""
        found = (p for p in self._folder.rglob("*") if p.is_file() and p.suffix != ".part")
        return sorted(p.relative_to(self._folder).as_posix() for p in found)

    def health(self) -> bool:
        """Return whether the folder can be made."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return False
        return True


class MemoryFiles:
    """Files that are gone with the process."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}

    def write(self, name: str, data: bytes) -> None:
        """Keep *data* under *name*."""
        self._files[_safe(name).as_posix()] = data

    def read(self, name: str) -> bytes:
        """Return what is kept under *name*."""
        try:
            return self._files[name]
        except KeyError:
            raise FileNotFoundError(name) from None

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self._files)
