"""Edits of a TOML text by the places in it: nothing but what is meant is touched.

Each way takes a text and a change, and gives the new text, or None where it has no answer.
What it gives is read again and compared before it is taken (see `_edit`), so that a way may be
tried where it leads elsewhere.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneiric_lab.errors import ConfigError, Fault

from ._paths import render_path
from ._positions import Span, toml_positions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._paths import Path
    from ._positions import Positions

_HALF = re.compile("[\ud800-\udfff]")
_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
}
_TAIL = re.compile(r"[ \t]*,?[ \t]*(?:#.*)?\Z")
"""What may stand behind a value on its line and goes with it."""
_BLANK = re.compile(r"\A(?:[ \t]*\r?\n)+")
_COMMA = re.compile(r"[ \t]*,[ \t]*")
_LAST_COMMA = re.compile(r"[ \t]*,[ \t]*\Z")


@dataclass(frozen=True, slots=True)
class Set:
    """Put *value* at *path*."""

    path: Path
    value: object


@dataclass(frozen=True, slots=True)
class Unset:
    """Remove what stands at *path*."""

    path: Path


def render(value: object) -> str:
    """Return *value* as TOML on one line.

    Raises:
        ConfigError: TOML has no form for it.

    Example:
        >>> render({"a": [1, True, "x"]})
        '{a = [1, true, "x"]}'
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return (
            "nan"
            if math.isnan(value)
            else "inf"
            if value == math.inf
            else "-inf"
            if value == -math.inf
            else repr(value)
        )
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return (
            '"'
            + "".join(
                _ESCAPES.get(c) or (c if c.isprintable() or c == " " else f"\\U{ord(c):08x}")
                for c in _whole(value)
            )
            + '"'
        )
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(render(item) for item in value) + "]"
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(f"{render_path((_whole(str(k)),))} = {render(v)}" for k, v in value.items())
            + "}"
        )
    raise ConfigError(
        Fault(
            "not-toml",
            f"{type(value).__name__} has no form in TOML",
            fix="use text, numbers, booleans, dates, lists and tables",
        )
    )


def _whole(text: str) -> str:
    """Return *text*, which must not hold half a character: what Python makes of other bytes."""
    if _HALF.search(text):
        raise ConfigError(
            Fault("not-toml", f"{text!r} has no form in TOML", fix="write it in UTF-8")
        )
    return text


# --- places ---------------------------------------------------------------------------------


def _is_header(places: Positions, path: Path) -> bool:
    """Tell whether what stands at *path* is a table with a header."""
    span, key = places.values.get(path), places.keys.get(path)
    return span is not None and key is not None and span.start < key.start


def _table_of(places: Positions, path: Path) -> Path:
    """Return the nearest table above *path* that has a header; the document has none."""
    above = (path[:depth] for depth in range(len(path) - 1, 0, -1))
    return next((head for head in above if _is_header(places, head)), ())


def _body(places: Positions, head: Path) -> Span:
    """Return where the pairs of the table *head* stand, up to the next header."""
    begin = places.values[head].end if head else 0
    headers = (span.start for path, span in places.values.items() if _is_header(places, path))
    return Span(begin, min((at for at in headers if at >= begin), default=len(places.text)))


def _line(text: str, position: int) -> int:
    """Return where the line of *position* begins."""
    return text.rfind("\n", 0, position) + 1


def _next_line(text: str, position: int) -> int:
    """Return where the line behind that of *position* begins, or the end of the text."""
    return text.find("\n", position) + 1 or len(text)


def _newline(text: str, position: int) -> str:
    """Return how lines end there: as the one before does, or the first one behind."""
    end = text.rfind("\n", 0, position)
    if end < 0:
        end = text.find("\n", position)
    return "\r\n" if end > 0 and text[end - 1] == "\r" else "\n"


def _indent(text: str, position: int) -> str:
    lead = text[_line(text, position) : position]
    return lead if lead.isspace() else ""


# --- ways to set ----------------------------------------------------------------------------


def replaced(text: str, change: Set) -> str | None:
    """Put a value in the place of another."""
    if isinstance(change.value, dict):
        return None
    span = toml_positions(text).values.get(change.path)
    if span is None:
        return None
    old = text[span.start : span.end]
    new = render(change.value)
    # Keep the writer's quotes where the new text needs no escapes.
    if (
        isinstance(change.value, str)
        and old.startswith("'")
        and not old.startswith("'''")
        and "'" not in change.value
        and change.value.isprintable()
    ):
        new = f"'{change.value}'"
    return text[: span.start] + new + text[span.end :]


def inserted(text: str, change: Set) -> str | None:
    """Say it behind the last pair of the table that it is in, as that one is indented.

    Where dotted keys of that table lead to it, it is said with one more.
    """
    places = toml_positions(text)
    head = _table_of(places, change.path)
    key = change.path[len(head) :]
    dotted = len(key) > 1
    if dotted and change.path[: len(head) + 1] not in places.keys:
        return None
    if any(isinstance(part, int) for part in key) or _holds_tables(change.value):
        return None
    body = _body(places, head)
    pairs = [
        (span.end, places.keys[path].start)
        for path, span in places.values.items()
        if body.start <= span.start < body.end
    ]
    pair = f"{render_path(key)} = {render(change.value)}"
    if not pairs and not head and body.end < len(text):
        return _on_top(text, body.end, pair)
    # The whole of the last pair ends where its last item does, and begins before it.
    end = max((end for end, _ in pairs), default=body.start if head else body.end)
    begin = min((start for last, start in pairs if last == end), default=body.start)
    at = _next_line(text, end)
    newline = _newline(text, at)
    gap = newline if text[:at].strip() and not text[:at].endswith("\n") else ""
    return f"{text[:at]}{gap}{_indent(text, begin)}{pair}{newline}{text[at:]}"


def _on_top(text: str, header: int, pair: str) -> str:
    """Return *text* with a pair above the first header and the comment that stands on it."""
    at = _line(text, header)
    while at and text[_line(text, at - 1) : at].lstrip().startswith("#"):
        at = _line(text, at - 1)
    newline = _newline(text, at)
    gap = newline if text[:at].strip() and not text[:at].endswith("\n") else ""
    return text[:at] + gap + pair + newline * (2 if text[at:].strip() else 1) + text[at:]


def _holds_tables(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(map(_holds_tables, value)))


def inlined(text: str, change: Set) -> str | None:
    """Say it behind the last pair of the inline table that it belongs to."""
    places = toml_positions(text)
    for depth in range(len(change.path) - 1, 0, -1):
        span = places.values.get(change.path[:depth])
        rest = change.path[depth:]
        if span is None or text[span.start] != "{" or any(isinstance(p, int) for p in rest):
            continue
        body = text[span.start + 1 : span.end - 1]
        said = body.rstrip()
        pair = f"{render_path(rest)} = {render(change.value)}"
        new = f"{said}, {pair}" if said else pair
        return text[: span.start + 1] + new + body[len(said) :] + text[span.end - 1 :]
    return None


def beside(text: str, change: Set) -> str | None:
    """Say it in a table of its own, behind the last line of the nearest related one.

    tomlkit would put that table behind the blank lines and comments that follow, and so
    between the next table and what is said about it. One that is related to none stands last.
    """
    if any(isinstance(part, int) for part in change.path):
        return None
    head, last = change.path[:-1], change.path[-1:]
    places = toml_positions(text)
    if head in places.keys:
        return None
    for length in range(len(head), 0, -1):
        ends = [s.end for path, s in places.values.items() if path[:length] == head[:length]]
        if ends:
            return _with_table(text, _next_line(text, max(ends)), head, last, change.value)
    if not head or _holds_tables(change.value) or any(p[0] == head[0] for p in places.keys):
        return None
    return _with_table(text, len(text), head, last, change.value)


def appended(text: str, change: Set) -> str | None:
    """Say it in a table of its own at the end."""
    return _with_table(text, len(text), change.path[:-1], change.path[-1:], change.value)


def _with_table(text: str, at: int, head: Path, last: Path, value: object) -> str:
    gap = "" if not text[:at].strip() else "\n" if text[:at].endswith("\n") else "\n\n"
    table = f"{gap}[{render_path(head)}]\n{render_path(last)} = {render(value)}\n"
    return text[:at] + table.replace("\n", _newline(text, at)) + text[at:]


# --- ways to remove -------------------------------------------------------------------------


def cut(text: str, change: Unset) -> str | None:
    """Take out its lines, or what stands between two commas.

    Comments above a table and behind its last pair stay: they may be about the next one.
    """
    places = toml_positions(text)
    pieces = sorted(_pieces(places, change.path), key=lambda span: span.start, reverse=True)
    for piece in pieces:
        begin, finish = _line(text, piece.start), _next_line(text, piece.end)
        before, after = text[:begin], text[finish:]
        if text[begin : piece.start].strip() or not _TAIL.match(text[piece.end : finish].rstrip()):
            before, after = text[: piece.start], text[piece.end :]
            if (comma := _COMMA.match(after)) is not None:
                after = after[comma.end() :]
            else:
                before = _LAST_COMMA.sub("", before)
        elif text[piece.start] == "[" and (not before or before.endswith(("\n\n", "\n\r\n"))):
            # One blank line between the tables on both sides is enough.
            after = _BLANK.sub("", after)
            if not after:
                before = before.rstrip("\r\n") + _newline(text, begin) * bool(before.strip())
        text = before + after
    return text if pieces else None


def _pieces(places: Positions, path: Path) -> Iterator[Span]:
    """Yield what belongs to *path*: each table from its header to its last pair, each pair."""
    for found, span in places.values.items():
        if found[: len(path)] != path:
            continue
        if _is_header(places, found):
            body = _body(places, found)
            inside = (s.end for s in places.values.values() if body.start <= s.start < body.end)
            yield Span(span.start, max(inside, default=span.end))
        elif _table_of(places, found)[: len(path)] != path and not _is_within(places, found, path):
            yield Span(places.keys[found].start, span.end)


def _is_within(places: Positions, found: Path, path: Path) -> bool:
    """Tell whether *found* is an item or a pair of a value that goes as a whole."""
    above = (found[:depth] for depth in range(len(path), len(found)))
    return any(part in places.values for part in above)
