"""All candidates of a lab as one grid, and the explanation of one component below it."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any

import ipywidgets  # type: ignore[import-untyped]  # it has no types
import traitlets

from oneiric_lab.errors import UsageError
from oneiric_lab.views import Note

from ._base import Shown, Widget
from ._columns import COLUMNS, Packer
from ._explanation import Explanation
from ._following import follow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oneiric_lab.lab import Lab
    from oneiric_lab.registry import Listing
    from oneiric_lab.views import View

MOST_ROWS = 50
"""Rows of the snapshot."""
MOST_CHANGED = 5_000
"""Rows that a change tells one by one, and marks; where more changed, all are sent anew."""
FIRST = 1_000
"""Rows that are sent with the explorer itself. Where there are more, all follow at once: these
are seen while the others are still listed."""


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
        # A page may ask for all while the job that follows tells what is new.
        self._lock = Lock()
        self._choose = choose
        self._close = close
        super().__init__(asked=dict(asked))

    def whole(self) -> dict[str, object]:
        """Return all rows that are listed, as they travel; see `_columns`."""
        with self._lock:
            columns, cells = self._packer.whole(self.listing.columns)
            found: dict[str, object] = {
                "number": self._number,
                "generation": self.listing.generation,
                "count": len(self.listing),
                "columns": columns,
                "cells": memoryview(cells),
            }
            return found if self.listing.of is None else {**found, "total": self.listing.of[1]}

    def change(self, listing: Listing) -> None:
        """Send the rows of the components that are not as they were."""
        if not self._changed(listing):
            self.do_whole()

    def _changed(self, listing: Listing) -> bool:
        """Take *listing*, and tell what differs; return whether that is few enough to be told."""
        with self._lock:
            if self.listing.of is not None:
                self._number += 1
                self.listing = listing
                return False
            before, after = by_component(self.listing), by_component(listing)
            names = before.keys() | after.keys()
            touched = {name for name in names if before.get(name) != after.get(name)}
            if not touched and listing.generation == self.listing.generation:
                return True
            rows = [at for at, name in enumerate(listing.columns["component"]) if name in touched]
            self._number += 1
            self.listing = listing
            if len(rows) > MOST_CHANGED:
                return False
            some = {name: [column[at] for at in rows] for name, column in listing.columns.items()}
            columns, cells = self._packer.more(some)
            delta = {
                "number": self._number,
                "generation": listing.generation,
                "count": len(rows),
                "columns": columns,
                "components": sorted(touched),
            }
            self.send({"delta": delta}, buffers=[cells])
            return True

    def do_whole(self) -> None:
        """Send all rows: as the state, which a page has whenever its module comes to be run."""
        self.send_state("sheet")

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

    @property
    def is_begun(self) -> bool:
        """Whether only the first rows were sent so far."""
        return self.listing.of is not None


class Explorer(Shown, ipywidgets.VBox):  # type: ignore[misc]  # see above
    """All candidates of a lab, and why a component is provided by whom.

    A row calls `lab.explain(...)`; the filter is `lab.candidates().where(...)`.

    Attributes:
        lab: What it shows.
        grid: The rows.
        explanation: What stands below them, once a row was opened.
    """

    def __init__(self, lab: Lab[Any], listing: Listing, asked: Mapping[str, Any]) -> None:
        self.lab = lab
        self.explanation = Explanation(lab)
        self.grid = Grid(listing, asked, self.explanation.show, self._close)
        self._seen = self._now()
        super().__init__([self.grid, self.explanation])

    def _now(self) -> object:
        """Return what differs when there is something new to show."""
        if not self.lab.is_running():
            return self.lab.registry.generation
        said = self.lab.lifecycle.statuses()
        return self.lab.registry.generation, [(s.target, s.as_dict()) for s in said]

    def look(self) -> None:
        """Show how things stand now, where they are not as they were."""
        now, before = self._now(), self._seen
        if now == before and not self.grid.is_begun:
            return
        self._seen = now
        self.grid.change(self.lab.candidates())
        if now != before:
            self.explanation.follow()

    def complete(self) -> None:
        """List and send all rows, where only the first ones were so far."""
        if self.grid.is_begun:
            self.look()

    def _close(self) -> None:
        self.explanation.hide()

    def as_dict(self) -> dict[str, object]:
        """Return the rows that pass the filter."""
        self.complete()
        return self.grid.as_dict()

    def view(self) -> View:
        """Return the first rows that pass the filter, and what becomes of this picture."""
        if any(self.grid.asked.values()):
            self.complete()
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
    asked = bool(text or sort or columns)
    listing = lab.candidates(most=None if asked else FIRST)
    listing.first(0).where(text, sort=sort, **columns)
    where: dict[str, Any] = {
        name: {"range": list(wanted)}
        if isinstance(wanted, tuple)
        else list(wanted)
        if isinstance(wanted, list | set | frozenset)
        else [wanted]
        for name, wanted in columns.items()
    }
    shown = Explorer(lab, listing, {"text": text, "where": where, "sort": sort})
    follow(lab, shown, "explorer", last=Explorer.complete)
    return shown


def by_component(listing: Listing) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of each component, as far as a browser gets them."""
    rows = len(listing)
    columns = [listing.columns.get(name) or [None] * rows for name in COLUMNS]
    out: dict[str, list[tuple[Any, ...]]] = {}
    for row in zip(*columns, strict=True):
        out.setdefault(row[0], []).append(row)
    return out
