"""A view as text for terminals, files and `text/plain`."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from typing import TYPE_CHECKING

from ._model import Code, Column, Fields, Note, Table, Tree, cell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._model import Block, Cell, Node, Tone, View

_GAP = "  "
_INDENT = "  "
_NARROWEST = 8
_SEPARATORS = "./:_,=-"
_PIECE = re.compile(rf"[^\s{_SEPARATORS}]*[{_SEPARATORS}]?")

_SGR: dict[Tone, str] = {
    "ok": "32",
    "warn": "33",
    "bad": "31",
    "info": "36",
    "muted": "2",
    "lost": "2;9",
}
_GLYPH: dict[Tone, str] = {
    "plain": "-",
    "ok": "✓",
    "warn": "!",
    "bad": "✗",
    "info": "i",
    "muted": "·",
    "lost": "-",
}


def to_text(view: View, *, width: int = 100, color: bool = False) -> str:
    """Return *view* as lines of at most *width* columns, where its words allow.

    Args:
        view: What to show.
        width: Columns of the terminal; at least 40 are used.
        color: Whether to add ANSI colours. Nothing is told by colour alone.

    Returns:
        Text without a final line end. Control characters of the data are drawn as `·`,
        since an escape sequence inside a value would act on the terminal.
    """
    paint = _paint if color else _plain
    width = max(width, 40)
    out: list[str] = []
    if view.title:
        head = clean(view.title)
        line = paint(head, view.tone) if view.tone != "plain" else _bold(head, on=color)
        length = columns(head)
        for fact in map(clean, view.facts):
            if length + 6 + columns(fact) > width and length:
                out.append(line)
                line, length = _INDENT + paint(fact, "muted"), 2 + columns(fact)
            else:
                line, length = line + "      " + paint(fact, "muted"), length + 6 + columns(fact)
        out.append(line)
    for block in view.blocks:
        lines = _block(block, width, paint)
        if isinstance(block, Table | Tree | Fields) and block.more:
            noun = "rows" if isinstance(block, Table) else "entries"
            lines = [*lines, f"{_INDENT}… {block.more:,} more {noun}"]
        out.extend(lines)
    return "\n".join(line.rstrip() for line in out)


def _block(block: Block, width: int, paint: _Paint) -> list[str]:
    match block:
        case Table():
            return _table(block, width, paint)
        case Fields():
            return _fields(block, width, paint)
        case Tree():
            return _tree(block, width, paint)
        case Note():
            lead = f"{_GLYPH[block.tone]} "
            lines = _wrap(clean(block.text, lines=True), width - 4)
            return [
                _INDENT + paint((lead if i == 0 else "  ") + line, block.tone)
                for i, line in enumerate(lines)
            ]
        case Code():
            head = [f"{_INDENT}{clean(block.caption)}"] if block.caption else []
            return head + [_INDENT + clean(line) for line in block.text.split("\n")]
    return [_INDENT + line for line in _wrap(clean(block.text, lines=True), width - 2)]


def _table(table: Table, width: int, paint: _Paint) -> list[str]:
    headings = [Column(clean(h.name), h.align) for h in table.headings]
    rows = [[cell(value) for value in row] for row in table.rows]
    texts = [[clean(c.text, lines=True) for c in row] for row in rows]
    wanted = [
        max([columns(h.name), *(columns(line) for row in texts for line in row[i].split("\n"))])
        for i, h in enumerate(headings)
    ]
    least = [columns(h.name) for h in headings]
    words = [
        max([least[i], *(columns(word) for row in texts for word in row[i].split())])
        for i in range(len(headings))
    ]
    pieces = [
        max([least[i], *(columns(p) for row in texts for p in _PIECE.findall(row[i]))])
        for i in range(len(headings))
    ]
    room = width - len(_INDENT)
    # Closer columns are easier to read than broken words.
    tight = sum(wanted) + len(_GAP) * (len(wanted) - 1) > room >= sum(wanted) + len(wanted) - 1
    gap = " " if tight else _GAP
    widths = wanted if tight else _fit(wanted, (words, pieces, least), room)
    right = [h.align == "right" for h in headings]
    out = [f"{_INDENT}{clean(table.caption)}"] if table.caption else []
    if 2 * sum(w < word for w, word in zip(widths, words, strict=True)) >= len(headings) > 3:  # noqa: PLR2004 - three columns stay readable
        return out + _records([h.name for h in headings], rows, texts, width, paint)
    names = [_pad(h.name, w, r) for h, w, r in zip(headings, widths, right, strict=True)]
    out.append(_INDENT + paint(gap.join(names).rstrip(), "muted"))
    for row, line_texts in zip(rows, texts, strict=True):
        stacks = [_wrap(text, w) for text, w in zip(line_texts, widths, strict=True)]
        for i in range(max(map(len, stacks), default=0)):
            parts = []
            for c, stack, w, r in zip(row, stacks, widths, right, strict=True):
                part = stack[i] if i < len(stack) else ""
                parts.append(_pad(paint(part, c.tone), w, r, seen=columns(part)))
            out.append((_INDENT + gap.join(parts)).rstrip())
    return out


def _records(
    names: list[str], rows: list[list[Cell]], texts: list[list[str]], width: int, paint: _Paint
) -> list[str]:
    """Return each row as a paragraph: where most columns would break words, lines read better."""
    span = max(map(columns, names[1:]))
    out: list[str] = []
    for row, (first, *others) in zip(rows, texts, strict=True):
        out += [_INDENT + paint(line, row[0].tone) for line in _wrap(first, width - len(_INDENT))]
        for name, c, text in zip(names[1:], row[1:], others, strict=True):
            lead = _INDENT * 2 + paint(_pad(name, span), "muted") + _GAP
            inner = width - 2 * len(_INDENT) - span - len(_GAP)
            for i, line in enumerate(_wrap(text, max(inner, _NARROWEST)) if text else ()):
                blank = " " * (2 * len(_INDENT) + span + len(_GAP))
                out.append((lead if i == 0 else blank) + paint(line, c.tone))
    return out


def _fit(wanted: list[int], limits: tuple[list[int], ...], room: int) -> list[int]:
    """Shrink the widest columns until the row fits.

    First no column goes below its longest word, then none below the longest part of a path
    or address, then none below its heading; a row that still does not fit stays too wide,
    as a terminal's own wrap is kinder than one letter a line.
    """
    widths = list(wanted)
    *soft, least = limits
    for floors in (*soft, [max(low, _NARROWEST) for low in least]):
        over = sum(widths) + len(_GAP) * (len(widths) - 1) - room
        while over > 0:
            open_ = [i for i, w in enumerate(widths) if w > floors[i]]
            if not open_:
                break
            widths[max(open_, key=lambda i: widths[i])] -= 1
            over -= 1
    return widths


def _fields(fields: Fields, width: int, paint: _Paint) -> list[str]:
    name_width = max((columns(clean(name)) for name, _ in fields.items), default=0)
    out: list[str] = []
    for name, value in fields.items:
        c = cell(value)
        lead = _INDENT + paint(_pad(clean(name), name_width), "muted") + _GAP
        for i, line in enumerate(_wrap(clean(c.text, lines=True), width - name_width - 4)):
            out.append((lead if i == 0 else " " * (name_width + 4)) + paint(line, c.tone))
    return out


def _tree(tree: Tree, width: int, paint: _Paint) -> list[str]:
    flat: list[tuple[str, Cell, list[Cell]]] = []

    def walk(nodes: Sequence[Node], lead: str, *, top: bool) -> None:
        for i, node in enumerate(nodes):
            last = i == len(nodes) - 1
            branch = "" if top else ("└─ " if last else "├─ ")
            flat.append((lead + branch, cell(node.label), [cell(c) for c in node.cells]))
            walk(node.children, lead if top else lead + ("   " if last else "│  "), top=False)

    walk(tree.roots, "", top=True)
    span = max((columns(lead) + columns(clean(label.text)) for lead, label, _ in flat), default=0)
    span = min(span, width // 2)
    count = max((len(cells) for *_, cells in flat), default=0)
    widths = [
        max((columns(clean(cells[i].text)) for *_, cells in flat if i < len(cells)), default=0)
        for i in range(count)
    ]
    out: list[str] = []
    for lead, label, cells in flat:
        text = clean(label.text)
        line = paint(lead, "muted") + paint(text, label.tone)
        line += " " * max(span - columns(lead) - columns(text), 0)
        for c, w in zip(cells, widths, strict=False):
            shown = clean(c.text)
            line += _GAP + _pad(paint(shown, c.tone), w, seen=columns(shown))
        out.append(_INDENT + line.rstrip())
    return out


class _Paint:
    """Add colour, or do not."""

    def __call__(self, text: str, tone: Tone) -> str:
        sgr = _SGR.get(tone)
        return f"\x1b[{sgr}m{text}\x1b[0m" if sgr and text.strip() else text


class _NoPaint(_Paint):
    def __call__(self, text: str, tone: Tone) -> str:
        return text


_paint = _Paint()
_plain = _NoPaint()


def _bold(text: str, *, on: bool) -> str:
    return f"\x1b[1m{text}\x1b[0m" if on else text


def clean(text: str, *, lines: bool = False) -> str:
    """Draw control characters as `·`; keep line ends only where *lines* says so."""
    if text.isprintable():
        return text
    keep = "\n" if lines else ""
    return "".join(c if c.isprintable() or c in keep else _stand_in(c) for c in text)


def _stand_in(c: str) -> str:
    return " " if c in "\t\n\r" or unicodedata.category(c) == "Zs" else "·"


def columns(text: str) -> int:
    """Return how many columns *text* takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    total = 0
    for c in text:
        if unicodedata.combining(c) or unicodedata.category(c) in {"Mn", "Me", "Cf"}:
            continue
        total += 2 if unicodedata.east_asian_width(c) in "WF" else 1
    return total


def _pad(text: str, width: int, right: bool = False, *, seen: int | None = None) -> str:
    gap = " " * max(width - (columns(text) if seen is None else seen), 0)
    return gap + text if right else text + gap


def _wrap(text: str, width: int) -> list[str]:
    out: list[str] = []
    for line in text.split("\n"):
        if columns(line) <= width:
            out.append(line)
        else:
            out.extend(_Wrapper(max(width, 1), break_on_hyphens=False).wrap(line) or [""])
    return out


class _Wrapper(textwrap.TextWrapper):
    """Breaks a path or an address behind a separator, and in the middle only if it must."""

    def _handle_long_word(
        self, reversed_chunks: list[str], cur_line: list[str], cur_len: int, width: int
    ) -> None:
        word, room = reversed_chunks[-1], width - cur_len
        end = max(word.rfind(sign, 0, room) for sign in _SEPARATORS) + 1
        if not end:
            if cur_line:
                return  # on a line of its own it may break better
            end = max(room, 1)
        cur_line.append(word[:end])
        reversed_chunks[-1] = word[end:]
