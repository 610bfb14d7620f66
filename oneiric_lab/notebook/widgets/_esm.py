"""One ES module and one style sheet for each widget, joined from files.

anywidget gives a module to the browser as text without an address, so it can import nothing
beside it: what all modules share is put before each. Read from disk they are plain modules,
which a browser runs as they are.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

STATIC: Final = Path(__file__).parent / "static"

LIMIT: Final = 24 * 1024
"""Bytes of a joined module: it travels with each widget."""

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./kit\.mjs";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=const |function )", re.MULTILINE)


@cache
def module(name: str) -> str:
    """Return the module of the widget *name*, with what all modules share before it."""
    kit = _EXPORT.sub("", _text("kit.mjs"))
    return kit + _IMPORT.sub("", _text(f"{name}.mjs"))


@cache
def style(name: str) -> str:
    """Return the style sheet of the widget *name*, behind the tokens."""
    return _text("tokens.css") + _text(f"{name}.css")


def _text(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")
