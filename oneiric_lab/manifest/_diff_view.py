"""What a diff looks like: one sentence, then risks, winners and entries; the rest is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from oneiric_lab.canonical import encode
from oneiric_lab.config import shown
from oneiric_lab.views import Cell, Code, Note, Table, View

from ._diff_fields import ABSENT
from ._manifest import many

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oneiric_lab.views import Block, CellLike, Tone

    from ._diff_fields import FieldChange
    from ._diff_impact import Impact
    from ._diff_match import EntryChange
    from ._diff_risks import Risk
    from ._manifest import Manifest

# Nobody reads more; `as_dict` has all of it.
_RISKS, _WINNERS, _ENTRIES, _LINES, _ROWS, _NOTES = 50, 50, 12, 50, 40, 5
_WIDEST, _NARROW, _LEAST, _BEFORE, _LONGEST = 71, 36, 24, 8, 4096
_SIGNS: dict[str, tuple[str, Tone]] = {
    "added": ("+", "ok"),
    "removed": ("-", "bad"),
    "moved": (">", "info"),
    "changed": ("~", "warn"),
}
_IDENTITY = ("domain", "key", "provider", "version")


class Compared(Protocol):
    """A diff, as far as it is shown; its attributes are those of `ManifestDiff`."""

    @property
    def old(self) -> Manifest:
        """The one before."""

    @property
    def new(self) -> Manifest:
        """The one after."""

    @property
    def header(self) -> tuple[FieldChange, ...]:
        """What differs beside the entries."""

    @property
    def entries(self) -> tuple[EntryChange, ...]:
        """Entries that differ."""

    @property
    def risks(self) -> tuple[Risk, ...]:
        """What to look at."""

    @property
    def impact(self) -> Impact | None:
        """What becomes of a workspace."""

    @property
    def kept(self) -> int:
        """How many entries are the same."""

    @property
    def order(self) -> tuple[int, ...] | None:
        """The order of those that stay, where it is another."""

    @property
    def left_out(self) -> tuple[str, ...]:
        """What was taken out."""

    @property
    def style(self) -> str:
        """`side` or `unified`."""

    @property
    def same(self) -> bool:
        """Whether nothing differs."""

    @property
    def counts(self) -> dict[str, int]:
        """How many entries of each kind there are."""

    def places(self, risk: Risk) -> tuple[str | None, str | None]:
        """Return where a risk stands in both."""


def view_of(diff: Compared) -> View:
    """Return the sum of *diff* in a sentence, then its parts, the gravest first."""
    sides = _sides(diff)
    if diff.same:
        if diff.left_out:
            title = f"{sides}: nothing of that differs"
            return View("manifest-diff", title, facts=diff.left_out, tone="ok")
        note = Note(f"{many(diff.kept)}: all the same", "ok")
        return View("manifest-diff", f"{sides}: nothing differs", (note,), tone="ok")
    blocks: list[Block] = []
    if diff.risks:
        blocks.append(_risks(diff))
    if diff.impact is not None:
        blocks += _impact(diff.impact)
    if diff.header:
        blocks.append(_header(diff))
    if diff.entries:
        blocks += [_unified(diff)] if diff.style == "unified" else _side_by_side(diff)
    if diff.order is not None:
        blocks.append(Note("entries stand in another order; that changes the digest", "info"))
    bad = any(risk.kind.tone == "bad" for risk in diff.risks)
    tone: Tone = "bad" if bad else "warn" if diff.risks else "plain"
    summary = f"{sides}: {_sum(diff)}"
    return View("manifest-diff", summary, tuple(blocks), summary, diff.left_out, tone)


def _sides(diff: Compared) -> str:
    old, new = diff.old, diff.new
    if not (old.version and new.version):
        # Version 0 is what nobody published: what a workspace has, or nothing.
        return f"{new.source_name} {new.version or '(gone)'}"
    if old.source_name == new.source_name:
        return f"{old.source_name} {old.version} -> {new.version}"
    return f"{old.source_name} {old.version} -> {new.source_name} {new.version}"


def _sum(diff: Compared) -> str:
    """Return how many of each, in one line."""
    bad = sum(risk.kind.tone == "bad" for risk in diff.risks)
    parts = ["no risk seen"]
    if diff.risks:
        grave = f" ({bad:,} grave)" if bad else ""
        parts = [f"{many(len(diff.risks), 'risk', 'risks')}{grave}"]
    if diff.impact is not None:
        number = len(diff.impact.winners)
        changes = many(number, "winner changes", "winners change")
        parts.append(changes if number else "no winner changes")
    told = [f"{number:,} {kind}" for kind, number in diff.counts.items() if number]
    noun = "entry" if len(diff.entries) == 1 else "entries"
    entries = f"{noun}: {', '.join(told)}" if told else ""
    return "; ".join(part for part in (*parts, entries) if part)


# --- risks ----------------------------------------------------------------------------------


def _risks(diff: Compared) -> Table:
    rows = tuple(
        (
            Cell(risk.code, risk.kind.tone),
            f"{risk.target} ({risk.who})" if risk.target else "the release",
            f"{risk.message}\n{_at(diff, risk)}",
        )
        for risk in diff.risks[:_RISKS]
    )
    return Table(("risk", "where", "what"), rows, more=len(diff.risks) - len(rows))


def _at(diff: Compared, risk: Risk) -> str:
    return " -> ".join(dict.fromkeys(place for place in diff.places(risk) if place))


# --- winners --------------------------------------------------------------------------------


def _impact(impact: Impact) -> Iterator[Block]:
    rows = tuple(
        (
            winner.target,
            Cell(str(winner.old or "-"), "lost" if winner.old else "muted"),
            _now(winner.old, winner.new),
            winner.new_rule,
        )
        for winner in impact.winners[:_WINNERS]
    )
    if rows:
        heads = ("component", "before", "after", "decided by")
        yield Table(heads, rows, more=len(impact.winners) - len(rows))
    else:
        yield Note("every component of this workspace goes on as before", "ok")
    refused = sum(some.entries for some in impact.refused)
    if refused:
        such = "such as " if refused > 1 else ""
        text = f"{refused:,} of {many(impact.entries)} may not win here: {such}"
        yield Note(text + impact.refused[0].example, "warn")
    for fault in impact.problems[:_NOTES]:
        yield Note("\n".join(fault.lines()), "bad")
    if len(impact.problems) > _NOTES:
        yield Note(f"{len(impact.problems) - _NOTES:,} more problems", "bad")
    for fault in impact.solved[:_NOTES]:
        yield Note(f"solved: {fault.message}", "ok")
    if len(impact.solved) > _NOTES:
        yield Note(f"{len(impact.solved) - _NOTES:,} more are solved", "ok")


def _now(old: Any, new: Any) -> Cell:
    if new is None:
        return Cell("nothing", "bad")
    other = ", other content" if old is not None and old.identity == new.identity else ""
    return Cell(f"{new}{other}", "ok")


# --- values ---------------------------------------------------------------------------------


def _header(diff: Compared) -> Table:
    rows = tuple((field.name, *_both(field)) for field in diff.header[:_ROWS])
    more = len(diff.header) - len(rows)
    return Table(("manifest", "before", "after"), rows, more=more)


def _both(field: FieldChange) -> tuple[CellLike, CellLike]:
    if field.kind == "set":
        gone, come = (", ".join(map(str, items)) for items in (field.gone, field.come))
        return Cell(f"- {gone}" if gone else "", "lost"), f"+ {come}" if come else ""
    if field.kind == "order":
        return Cell("another order", "muted"), Cell("another order", "muted")
    if field.old is ABSENT or field.new is ABSENT:
        return _said(field.old, "lost"), _said(field.new)
    old, new = pair(field.old, field.new, _NARROW)
    return Cell(old, "lost"), new


def pair(old: Any, new: Any, limit: int) -> tuple[str, str]:
    """Return two values that differ so that one sees where: what is cut off is alike."""
    a, b = shown(old, _LONGEST), shown(new, _LONGEST)
    if a == b:  # a text and a number, or two that differ far behind
        a, b = (encode(value).decode() for value in (old, new))
    alike = next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
    start = max(alike - _BEFORE, 0)
    if start + _BEFORE + _LEAST <= limit:
        start = 0
    lead = "…" if start else ""
    return shown(lead + a[start:], limit), shown(lead + b[start:], limit)


def _said(value: Any, tone: Tone = "plain") -> Cell:
    return Cell("-", "muted") if value is ABSENT else Cell(shown(value, _NARROW), tone)


def titled(change: EntryChange) -> str:
    """Return what the line of an entry says behind its sign."""
    old, new = change.old, change.new
    if change.kind == "moved" and old is not None:
        return f"{old['domain']}:{old['key']} -> {change.target} ({change.who})"
    if old is not None and new is not None and old["version"] != new["version"]:
        stepped = f"{old['version']} -> {new['version']}, {change.step}"
        return f"{change.target} ({new['provider']} {stepped})"
    return f"{change.target} ({change.who})"


def _side_by_side(diff: Compared) -> Iterator[Block]:
    """Yield a table for each of few entries, or one line for each of many."""
    if len(diff.entries) > _ENTRIES:
        rows = tuple(_line(change) for change in diff.entries[:_LINES])
        yield Table(("entry", "what"), rows, more=len(diff.entries) - len(rows))
        return
    for change in diff.entries:
        values = tuple(_rows(change))
        caption = f"{_SIGNS[change.kind][0]} {titled(change)}"
        more = max(len(values) - _ROWS, 0)
        yield Table((change.kind, "before", "after"), values[:_ROWS], caption, more)


def _line(change: EntryChange) -> tuple[CellLike, ...]:
    sign, tone = _SIGNS[change.kind]
    names = list(dict.fromkeys(str(field.path[0]) for field in change.fields))
    what = change.kind if not names else f"{change.kind}: {', '.join(names)}"
    return Cell(f"{sign} {titled(change)}", tone), what


def _rows(change: EntryChange) -> Iterator[tuple[str, CellLike, CellLike]]:
    if change.fields:
        for field in change.fields:
            yield (field.name, *_both(field))
        return
    nothing = Cell("-", "muted")
    for name in ("factory", "artifact", "priority"):
        if name not in change.entry:
            continue
        value = change.entry[name]["uri"] if name == "artifact" else change.entry[name]
        if change.new is None:
            yield name, _said(value, "lost"), nothing
        else:
            yield name, nothing, _said(value)


def _unified(diff: Compared) -> Code:
    lines = [line for change in diff.entries[:_LINES] for line in unified_lines(change)]
    left = len(diff.entries) - _LINES
    if left > 0:
        lines.append(f"… {many(left, 'more entry', 'more entries')}")
    return Code("\n".join(lines), "diff")


def unified_lines(change: EntryChange) -> Iterator[str]:
    """Yield the lines of one entry, as `diff -u` would mark them."""
    yield f"@@ {change.kind}: {titled(change)} @@"
    if not change.fields:
        sign = "+" if change.old is None else "-"
        for name, value in change.entry.items():
            if name not in _IDENTITY:
                yield _assigned(sign, name, " =", value)
    for field in change.fields:
        name = field.name
        if field.kind == "order":
            yield f"  {name}: another order"
        elif field.kind == "set":
            yield from (_assigned("-", name, ":", item) for item in field.gone)
            yield from (_assigned("+", name, ":", item) for item in field.come)
        elif field.old is ABSENT:
            yield _assigned("+", name, " =", field.new)
        elif field.new is ABSENT:
            yield _assigned("-", name, " =", field.old)
        else:
            old, new = pair(field.old, field.new, max(_WIDEST - len(name), _LEAST))
            yield from (f"- {name} = {old}", f"+ {name} = {new}")


def _assigned(sign: str, name: str, mark: str, value: Any) -> str:
    return f"{sign} {name}{mark} {shown(value, max(_WIDEST - len(name), _LEAST))}"
