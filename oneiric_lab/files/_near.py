"""A path as people near it write it."""

from __future__ import annotations

from pathlib import Path


def near(path: Path) -> str:
    """Return *path* as seen from the current folder where it lies below it, else as it is.

    Example:
        >>> near(Path.cwd() / "runs")
        'runs'
    """
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (OSError, ValueError):
        return str(path)
