"""Faults of a tree at their places in the document that people wrote."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from oneiric_lab.errors import Excerpt, Fault, ManifestError, Origin

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oneiric_lab.config import Parsed

    from ._validate import Path, TreeFault

# As much of a line as a report has room for; a packed manifest is one line of some megabytes.
_WIDEST = 76
_BEFORE = 24


class Places:
    """Where the parts of one document stand.

    Args:
        parsed: The document.
        name: Its file, as people are shown it.
    """

    def __init__(self, parsed: Parsed, name: str) -> None:
        self.parsed, self.name = parsed, name

    def origin(self, path: Path, *, key: bool = False) -> tuple[Origin, Excerpt | None]:
        """Return the place of *path* and its line; of what stands above it, where it is absent."""
        positions = self.parsed.positions
        while path and (span := positions.find(path, key=key)) is None:
            path = path[:-1]
        if not path or span is None:
            return Origin("", self.name, 1, 1), None
        excerpt = positions.excerpt(span)
        return (
            Origin("", self.name, excerpt.line, excerpt.column, excerpt.width),
            _shortened(excerpt),
        )

    def fault(self, found: TreeFault) -> Fault:
        """Return *found* with its place, and the entry that it is in."""
        origin, excerpt = self.origin(found.path, key=found.key)
        about = _entry(self.parsed.tree, found.path)
        notes = (f"in the entry {about}",) if about else ()
        shown = None if found.secret else excerpt
        return Fault(found.code, found.message, origin, shown, notes=notes, fix=found.fix)

    def error(self, found: Iterable[TreeFault]) -> ManifestError:
        """Return all of *found* as one error, in the order of the document."""
        faults = [self.fault(one) for one in found]
        return ManifestError(sorted(faults, key=_order))


def _order(fault: Fault) -> tuple[int, int]:
    origin = fault.origin
    return (origin.line or 0, origin.column or 0) if origin else (0, 0)


def _shortened(excerpt: Excerpt) -> Excerpt:
    text = excerpt.text
    if len(text) <= _WIDEST:
        return excerpt
    cut = min(max(excerpt.column - 1 - _BEFORE, 0), len(text) - _WIDEST)
    return replace(excerpt, text=text[cut : cut + _WIDEST], column=excerpt.column - cut)


def _entry(tree: object, path: Path) -> str:
    """Return the name of the entry that *path* leads into, or nothing."""
    try:
        entry = tree["entries"][path[1]]  # type: ignore[index]  # a tree may hold anything
        return f"{entry['domain']}:{entry['key']} ({entry['provider']})"
    except (KeyError, IndexError, TypeError):
        return ""
