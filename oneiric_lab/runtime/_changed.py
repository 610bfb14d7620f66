"""Whether files were written, for the price of looking at their times."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Changed:
    """Tells whether files were written since it was asked last, for the price of a `stat` each.

    Two writes within one tick of the file system's clock may look like one: who needs to know
    looks anyway once in a while.

    Args:
        paths: The files.
    """

    def __init__(self, *paths: Path) -> None:
        self._paths = paths
        self._seen: object = None

    def __call__(self) -> bool:
        """Return whether it may have been."""
        now = tuple(map(_stamp, self._paths))
        changed, self._seen = now != self._seen, now
        return changed


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_size, found.st_mtime_ns
