"""All candidates of a lab as one grid, and the explanation of one component below it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import ipywidgets  # type: ignore[import-untyped]  # it has no types
import traitlets

from oneiric_lab.errors import UsageError
from oneiric_lab.views import Note

from ._base import Shown, Widget
from ._columns import Packer
from ._explanation import Explanation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oneiric_lab.lab import Lab
    from oneiric_lab.registry import Listing
    from oneiric_lab.views import View

MOST_ROWS = 50
"""Rows of the snapshot."""


class Grid(Widget):
    """Candidates as rows that the browser sorts and filters by itself.

    Attributes:
        listing: What was sent.
        asked: The filter: `text`, `where` (column to values, or `{"range": [least, most]}`)
            and `sort`.
    """

    name = "explorer"

    sheet = traitlets.Any(None, allow_none=True).tag(
        sync=True, to_json=lambda _, widget: widget.whole()
    )
    asked = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        listing: Listing,
        asked: Mapping[str, Any],
        choose: Callable[[str], None],
        close: Callable[[], None],
    ) -> None:
        self.listing = listing
        self._packer = Packer()
        self._number = 0
        self._choose = choose
        self._close = close
        super().__init__(asked=dict(asked))

    def whole(self) -> dict[str, object]:
        """Return all rows as they travel; see `_columns`."""
        columns, cells = self._packer.whole(self.listing.columns)
        return {
            "number": self._number,
            "generation": self.listing.generation,
            "count": len(self.listing),
            "columns": columns,
            "cells": memoryview(cells),
        }

    def do_whole(self) -> None:
        """Send all rows."""
        whole = self.whole()
        self.send({"whole": whole}, buffers=[whole.pop("cells")])

    def told_explain(self, said: Mapping[str, Any]) -> None:
        """Explain the component of a row."""
        target = said.get("target")
        if isinstance(target, str):
            self._choose(target)
            self.send({"explained": target})

    def do_close(self) -> None:
        """Close the explanation."""
        self._close()

    def view(self) -> View:
        """Return the rows that pass the filter, the first of them."""
        return chosen(self.listing, self.asked).view(MOST_ROWS)

    def as_dict(self) -> dict[str, object]:
        """Return the rows that pass the filter."""
        return chosen(self.listing, self.asked).as_dict()


class Explorer(Shown, ipywidgets.VBox):  # type: ignore[misc]  # see above
    """All candidates of a lab, and why a component is provided by whom.

    A row calls `lab.explain(...)`; the filter is `lab.candidates().where(...)`.

    Attributes:
        lab: What it shows.
        grid: The rows.
        explanation: What stands below them, once a row was opened.
    """

    def __init__(self, lab: Lab[Any], asked: Mapping[str, Any]) -> None:
        self.lab = lab
        self.explanation = Explanation(lab)
        self.grid = Grid(lab.candidates(), asked, self.explanation.show, self._close)
        super().__init__([self.grid, self.explanation])

    def _close(self) -> None:
        self.explanation.hide()

    def as_dict(self) -> dict[str, object]:
        """Return the rows that pass the filter."""
        return self.grid.as_dict()

    def view(self) -> View:
        """Return the first rows that pass the filter, and what becomes of this picture."""
        found = self.grid.view()
        note = Note("as it was when this was shown; the live explorer needs the kernel", "info")
        return replace(found, blocks=(*found.blocks, note))


def chosen(listing: Listing, asked: Mapping[str, Any]) -> Listing:
    """Return the rows that pass a filter as it travels."""
    where = {
        name: tuple(wanted["range"]) if isinstance(wanted, dict) else wanted
        for name, wanted in (asked.get("where") or {}).items()
        if name in listing.columns
    }
    return listing.where(asked.get("text") or "", sort=asked.get("sort"), **where)


def explorer(lab: Lab[Any], text: str = "", *, sort: str | None = None, **columns: Any) -> Explorer:
    """Return the explorer of *lab*, filtered as `Listing.where` filters."""
    if lab is None:
        raise UsageError("there is no lab to explore", fix="lab = Lab.open()")
    lab.candidates().first(0).where(text, sort=sort, **columns)
    where: dict[str, Any] = {
        name: {"range": list(wanted)}
        if isinstance(wanted, tuple)
        else list(wanted)
        if isinstance(wanted, list | set | frozenset)
        else [wanted]
        for name, wanted in columns.items()
    }
    return Explorer(lab, {"text": text, "where": where, "sort": sort})
