"""Whether kernel, server and page fit together, as `doctor` tells it.

A widget needs its package three times: where the kernel runs, where JupyterLab's server runs,
and in the page, which has what the server had when it was loaded. The page says what it and the
server have (`static/versions.mjs` of the extension), the kernel knows itself.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PIP = "-m pip install"
_THEN = "then start JupyterLab again, and load the page anew"
_MANAGER = 5
"""Major version of the manager of widgets that ipywidgets 8 speaks with."""


def server_python(parent: int | None = None) -> str:
    """Return the interpreter of JupyterLab's server, whose child a local kernel is.

    Where the system does not tell, that is `python`, and where it is meant is said beside it.
    """
    try:
        words = Path(f"/proc/{parent or os.getppid()}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return "python"
    first = os.fsdecode(words[0])
    is_one = first.startswith("/") and Path(first).name.startswith("python")
    return first if is_one else "python"


def page_notes(
    page: Mapping[str, str] | None, kernel: Mapping[str, str | None], server: str
) -> tuple[tuple[bool, str], ...]:
    """Return what is to be said of a page: whether it is well, and the text with what mends it.

    Args:
        page: What the page told; None where none has.
        kernel: Versions in this process: `oneiric-lab`, `anywidget` and `ipywidgets`.
        server: The interpreter of the server.

    Example:
        >>> page = {"page name": "JupyterLab", "page version": "4.6.6"}
        >>> for part in ("extension", "anywidget", "widgets"):
        ...     page |= {f"page {part}": "5.0", f"server {part}": "5.0"}
        >>> fits = {"oneiric-lab": "5.0", "anywidget": "5.0", "ipywidgets": "8.1"}
        >>> page_notes(page, fits, "python")
        ((True, 'kernel, server and page fit together: JupyterLab 4.6.6'),)
    """
    if page is None:
        return ()
    found = tuple(
        (False, text)
        for text in (
            *_extension(page, kernel["oneiric-lab"], server),
            *_anywidget(page, kernel["anywidget"], server),
            *_manager(page, kernel["ipywidgets"], server),
            *_reload(page),
        )
    )
    name = f"{page.get('page name', 'page')} {page.get('page version', '')}".strip()
    return found or ((True, f"kernel, server and page fit together: {name}"),)


def _at(server: str) -> str:
    """Return where a command is meant, where the interpreter does not say so."""
    return " (in the environment of JupyterLab's server)" if server == "python" else ""


def _extension(page: Mapping[str, str], own: str | None, server: str) -> Iterator[str]:
    theirs = page.get("server extension", "")
    if not own or theirs == own:
        return
    if not theirs:
        fix = f"{server} {_PIP} 'oneiric-lab[lab]=={own}'{_at(server)}; {_THEN}"
        yield f"the server no longer has the extension: {fix}"
    elif _older(own, theirs):
        fix = f"{sys.executable} {_PIP} 'oneiric-lab[lab]=={theirs}'; then restart the kernel"
        yield f"the kernel has oneiric-lab {own}, the server's extension is {theirs}: {fix}"
    else:
        fix = f"{server} {_PIP} 'oneiric-lab[lab]=={own}'{_at(server)}; {_THEN}"
        yield f"the kernel has oneiric-lab {own}, the server's extension is {theirs}: {fix}"


def _anywidget(page: Mapping[str, str], own: str | None, server: str) -> Iterator[str]:
    theirs = page.get("server anywidget", "")
    # The kernel asks the page for a module of its own minor version.
    if not own or _minor(own) == _minor(theirs):
        return
    what = f"the server has {theirs}" if theirs else "the server has none"
    fix = f"{server} {_PIP} 'anywidget=={own}'{_at(server)}; {_THEN}"
    yield f"widgets show nothing: the kernel has anywidget {own}, {what}: {fix}"


def _manager(page: Mapping[str, str], own: str | None, server: str) -> Iterator[str]:
    theirs = page.get("server widgets", "")
    if not own or (_release(theirs) or (0,))[0] >= _MANAGER:
        return
    what = f"{theirs}, which is too old" if theirs else "none"
    fix = f"{server} {_PIP} 'jupyterlab_widgets>=3'{_at(server)}; {_THEN}"
    yield f"widgets show nothing: the server's manager of widgets is {what}: {fix}"


def _reload(page: Mapping[str, str]) -> Iterator[str]:
    parts = ("extension", "anywidget", "widgets")
    stale = [part for part in parts if page.get(f"page {part}") != page.get(f"server {part}")]
    if stale:
        yield f"the page is older than the server ({', '.join(stale)}): load the page anew"


def _release(text: str) -> tuple[int, ...]:
    try:
        return Version(text).release
    except InvalidVersion:
        return ()


def _minor(text: str) -> tuple[int, ...]:
    return _release(text)[:2]


def _older(own: str, theirs: str) -> bool:
    return _release(own) < _release(theirs)
