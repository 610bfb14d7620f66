"""What differs between two manifests, the gravest first.

It goes to the browser as rows in columns of codes (see `_columns`): the first ones with the
widget, all of them when the page asks, so that the gravest are seen while the rest is written.

    kind     risk, winner, header, entry, field (of the entry above it) or kept
    name     what it is about; of a risk its component
    old, new what was and is; of a risk what is said of it, and where
    tone     how it stands
    domain   of its component
    risks    codes of the risks about it
    entry    which entry it is about, as provider and version of a component tell it
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import traitlets

from oneiric_lab.canonical import without_collector
from oneiric_lab.config import shown
from oneiric_lab.errors import Fault, UsageError
from oneiric_lab.manifest import ABSENT, RISKS, ManifestDiff
from oneiric_lab.manifest._diff_view import pair, titled
from oneiric_lab.manifest._manifest import many
from oneiric_lab.views import Note, View

from ._base import Widget
from ._columns import coded
from ._told import LONGEST, short

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from oneiric_lab.lab import Lab
    from oneiric_lab.manifest import EntryChange, FieldChange, Impact

FIRST: Final = 500
"""Rows that travel with the widget: risks stand on top."""
COLUMNS: Final = ("kind", "name", "old", "new", "tone", "domain", "risks", "entry")
_TONES: Final = {"added": "ok", "removed": "bad", "moved": "info", "changed": "plain"}
_SIGNS: Final = {"added": "+", "removed": "-", "moved": ">", "changed": "~"}
_ASKS: Final = {kind.code: f"{kind.says}: {kind.ask}" for kind in RISKS}

Row = tuple[str, str, str | None, str | None, str, str, tuple[str, ...], str | None]


class Diff(Widget):
    """Two manifests side by side or unified, what to look at first on top.

    Attributes:
        diff: What differs.
        code: What gives it in a cell.
    """

    name = "diff"

    sheet = traitlets.Any(None, allow_none=True).tag(
        sync=True, to_json=lambda _, widget: widget.whole(FIRST)
    )
    # Not `style`: the page draws a trait of that name as a widget of its own.
    look = traitlets.Unicode("side").tag(sync=True)

    def __init__(self, diff: ManifestDiff, code: str) -> None:
        self.diff, self.code = diff, code
        super().__init__(look=diff.style)

    def whole(self, most: int | None = None) -> dict[str, object]:
        """Return all rows as they travel, or the first *most*, with `begun` where more follow."""
        with without_collector():
            found = list(islice(rows(self.diff), most))
        table: dict[str, Sequence[Any]] = dict(
            zip(COLUMNS, zip(*found, strict=True), strict=True)
            if found
            else ((name, ()) for name in COLUMNS)
        )
        columns, cells = coded(table, tags=("risks",))
        codes = dict.fromkeys(risk.code for risk in self.diff.risks)
        view = self.diff.view()
        return {
            "count": len(found),
            "begun": len(found) == most,
            "differs": _differs(self.diff),
            "columns": columns,
            "cells": memoryview(cells),
            "summary": short(view.title),
            "tone": view.tone,
            "domains": sorted(_domains(self.diff)),
            "asks": {code: _ASKS.get(code, code) for code in codes},
            "code": self.code,
        }

    def do_whole(self) -> None:
        """Send all rows."""
        whole = self.whole()
        self.send({"whole": whole}, buffers=[whole.pop("cells")])

    def as_dict(self) -> dict[str, object]:
        """Return that of the diff."""
        return self.diff.as_dict()

    def view(self) -> View:
        """Return that of the diff, and what becomes of this picture."""
        found = self.diff.view()
        note = Note("as it was when this was shown; the live diff needs the kernel")
        return replace(found, blocks=(*found.blocks, note))


def diff(lab: Lab[Any] | None, left: Any, right: Any = None) -> Diff:
    """Return the widget of what differs between *left* and *right*, or of a diff."""
    if isinstance(left, ManifestDiff) and right is None:
        return Diff(left, "diff")
    if lab is None:
        raise UsageError("there is no lab to compare in", fix="lab = Lab.open()")
    found = lab.diff(left, right)
    if not isinstance(found, ManifestDiff):
        raise UsageError(
            Fault(
                "bad-side",
                f"{left!r} and {right!r} are configurations",
                fix="lab.ui.configuration() compares profiles; this compares manifests",
            )
        )
    names = (repr(one) if isinstance(one, str) else "…" for one in (left, right))
    return Diff(found, f"lab.diff({', '.join(names)})")


def rows(diff: ManifestDiff) -> Iterator[Row]:
    """Yield all rows of *diff*, in the order in which they are read."""
    about: dict[tuple[str, str], tuple[str, ...]] = {}
    for risk in diff.risks:
        key = risk.target, risk.who
        about[key] = (*about.get(key, ()), risk.code)
        where = " -> ".join(dict.fromkeys(place for place in diff.places(risk) if place))
        told, entry = short(risk.message), short(f"{risk.target} {risk.who}")
        tone, domain, codes = risk.kind.tone, _domain(risk.target), (risk.code,)
        yield "risk", short(risk.target), told, short(where), tone, domain, codes, entry
    by_target: dict[str, tuple[str, ...]] = {}
    for (target, _), some in about.items():
        by_target[target] = (*by_target.get(target, ()), *some)
    if diff.impact is not None and not diff.same:
        yield from _impact(diff.impact, by_target)
    for field in diff.header:
        old, new = _both(field)
        yield "header", short(field.name), old, new, "plain", "", by_target.get("", ()), None
    for change in diff.entries:
        yield from _entry(change, about)
    yield from _kept(diff)


def _impact(impact: Impact, about: Mapping[str, tuple[str, ...]]) -> Iterator[Row]:
    for winner in impact.winners:
        new = "nothing" if winner.new is None else f"{winner.new}  ({winner.new_rule})"
        old = None if winner.old is None else str(winner.old)
        tone = "bad" if winner.new is None else "plain"
        name, domain = short(winner.target), _domain(winner.target)
        yield "winner", name, old, short(new), tone, domain, about.get(winner.target, ()), None
    for some in impact.refused:
        name = f"{many(some.entries)} may not win here"
        yield "winner", name, None, short(some.example), "warn", "", (), None
    for tone, faults in (("bad", impact.problems), ("ok", impact.solved)):
        for fault in faults:
            word = "problem" if tone == "bad" else "solved"
            yield "winner", word, None, short(" ".join(fault.lines())), tone, "", (), None


def _entry(change: EntryChange, about: Mapping[tuple[str, str], tuple[str, ...]]) -> Iterator[Row]:
    domain = _domain(change.target)
    name = short(f"{_SIGNS[change.kind]} {titled(change)}")
    codes = about.get((change.target, change.who), ())
    entry = short(f"{change.target} {change.who}")
    yield "entry", name, None, None, _TONES[change.kind], domain, codes, entry
    if change.fields:
        for field in change.fields:
            yield "field", short(field.name), *_both(field), "plain", domain, codes, None
        return
    for key, value in change.entry.items():
        if key not in {"domain", "key", "provider", "version"}:
            text = _value(value)
            old, new = (text, None) if change.new is None else (None, text)
            yield "field", short(key), old, new, "plain", domain, codes, None


def _kept(diff: ManifestDiff) -> Iterator[Row]:
    """Yield the entries that are the same, where the diff is whole."""
    if diff.left_out or not diff.kept:
        return
    changed = {change.new_index for change in diff.entries}
    for number, entry in enumerate(diff.new.entries):
        if number not in changed:
            domain = entry["domain"]
            who = f"{entry['provider']} {entry['version']}"
            name = short(f"{domain}:{entry['key']} ({who})")
            yield "kept", name, None, None, "quiet", domain, (), None


def _differs(diff: ManifestDiff) -> int:
    """Return how many rows there are that are no values of an entry."""
    many = len(diff.risks) + len(diff.header) + len(diff.entries)
    if diff.impact is None or diff.same:
        return many
    some = diff.impact
    return many + sum(map(len, (some.winners, some.refused, some.problems, some.solved)))


def _domains(diff: ManifestDiff) -> set[str]:
    """Return the domains of all rows."""
    found = {_domain(one.target) for some in (diff.risks, diff.entries) for one in some}
    if not diff.left_out:
        found.update(entry["domain"] for entry in diff.new.entries)
    return found - {""}


def _domain(target: str) -> str:
    return target.partition(":")[0]


def _both(field: FieldChange) -> tuple[str | None, str | None]:
    if field.kind == "set":
        gone, come = (", ".join(map(str, items)) for items in (field.gone, field.come))
        return short(gone) if gone else None, short(come) if come else None
    if field.kind == "order":
        return "another order", "another order"
    if field.old is ABSENT or field.new is ABSENT:
        return tuple(None if one is ABSENT else _value(one) for one in (field.old, field.new))  # type: ignore[return-value]  # two of them
    old, new = shown(field.old, LONGEST), shown(field.new, LONGEST)
    if old == new or len(old) == LONGEST == len(new):  # cut, or alike but for their types
        old, new = pair(field.old, field.new, LONGEST)
    return short(old), short(new)


def _value(value: Any) -> str:
    return short(shown(value, LONGEST))
