"""Texts and views as a page is told them: on no more room than it has, and without secrets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from oneiric_lab.views import Note, View, capped, clean, to_json_view

if TYPE_CHECKING:
    from oneiric_lab.errors import OneiricError

LONGEST: Final = 400
"""Characters of a text: a cell has room for fewer."""
MOST_ROWS: Final = 50
"""Rows of a table in an answer."""


def short(text: str, *, lines: bool = False) -> str:
    r"""Return *text* as it is shown, cut where it is very long; with *lines* it may have several.

    Example:
        >>> short("a\x1bb\nc"), short("a\nb", lines=True)
        ('a·b c', 'a\nb')
        >>> len(short("x" * 10_000))
        400
    """
    text = clean(text, lines=lines)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def told_view(view: View, *, rows: int = MOST_ROWS) -> dict[str, object]:
    """Return a view as it travels."""
    return to_json_view(capped(view, rows=rows, text=LONGEST))


def refused(error: OneiricError) -> View:
    """Return what was refused, without lines of files: one may say a secret."""
    faults = (replace(fault, excerpt=None) for fault in error.faults)
    notes = tuple(Note("\n".join(fault.lines()), "bad") for fault in faults)
    return View("error", "refused", notes, tone="bad")
