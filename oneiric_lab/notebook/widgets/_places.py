"""Where a file of the workspace is for the server that shows the notebook.

A link opens a file by its path below the server's folder. That folder is in the file that each
Jupyter server keeps about itself while it runs, named for its process, which started this one.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path


@cache
def server_folder() -> Path | None:
    """Return the folder of the server that started this kernel; None where there is none."""
    parent = os.environ.get("JPY_PARENT_PID", "")
    if not parent.isdecimal():
        return None
    try:
        from jupyter_core.paths import jupyter_runtime_dir  # noqa: PLC0415 - in a kernel only

        file = Path(jupyter_runtime_dir()) / f"jpserver-{parent}.json"
        said = json.loads(file.read_text(encoding="utf-8"))
        return Path(said["root_dir"]).resolve()
    except (ImportError, OSError, ValueError, KeyError, TypeError):
        return None


def opened_at(path: Path) -> str | None:
    """Return how the server calls *path*; None where it does not show it.

    Files whose names begin with a dot are hidden from it.
    """
    folder = server_folder()
    if folder is None:
        return None
    try:
        below = path.resolve().relative_to(folder)
    except (OSError, ValueError):
        return None
    return None if any(part.startswith(".") for part in below.parts) else below.as_posix()
