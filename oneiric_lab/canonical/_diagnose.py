"""What is wrong with bytes that the gate refused, and where: read once more, piece by piece."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from math import isfinite

from oneiric_lab.errors import CanonicalError, Excerpt, Fault, Origin

from ._encode import SAFE_INTEGER, encode

_WHY = "what is signed has one form only, RFC 8785 (JCS)"
_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r'|(?P<text>"(?:[^"\\\x00-\x1f]|\\.)*")'
    r"|(?P<number>-?[0-9][0-9.eE+-]*)"
    r"|(?P<word>-?[A-Za-z]+)"
    r"|(?P<shape>[\[\]{},:])"
    r"|(?P<other>.)",
    re.DOTALL,
)
# As much of a line as a report has room for; a manifest is one line of some megabytes.
_WIDEST = 76
_BEFORE = 24


@dataclass(frozen=True, slots=True)
class _TextFault:
    """One thing that is wrong in a text: its offset and length in code points."""

    code: str
    message: str
    start: int
    width: int


@dataclass(slots=True)
class _Open:
    """An object or a list that is not closed yet."""

    is_object: bool
    keys: set[str] = field(default_factory=set)
    last: str | None = None
    at_key: bool = True


def too_large(size: int, limit: int, name: str) -> CanonicalError:
    """Return the error for a document that is not parsed at all."""
    return CanonicalError(
        Fault(
            "too-large",
            f"a document of {size:,} bytes; at most {limit:,} are read",
            Origin("", file=name) if name else None,
        )
    )


def refusal(data: bytes, name: str, max_depth: int, syntax: str | None = None) -> CanonicalError:
    """Return the error for bytes that are no canonical form.

    Args:
        data: The bytes.
        name: Of the file.
        max_depth: Most levels.
        syntax: What the parser said, where it did not take them.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        wrong = _TextFault(
            "not-json", f"expected UTF-8, found byte 0x{data[error.start]:02x}", len(before), 1
        )
        return _error(before + data[error.start :].decode("utf-8", "replace"), wrong, name)
    found = _scan(text, max_depth) or _syntax(text, syntax or "")
    return _error(text, found, name)


def _error(text: str, wrong: _TextFault, name: str) -> CanonicalError:
    start = min(wrong.start, len(text))
    ends = [match.start() for match in re.finditer("\n", text)]
    line = bisect_right(ends, start - 1)
    begin = ends[line - 1] + 1 if line else 0
    end = ends[line] if line < len(ends) else len(text)
    cut = max(min(start - _BEFORE, end - _WIDEST), begin)
    excerpt = Excerpt(line + 1, text[cut : min(end, cut + _WIDEST)], start - cut + 1, wrong.width)
    origin = Origin("", name or None, line + 1, start - begin + 1, wrong.width, name="the document")
    message = wrong.message if name else f"{wrong.message}, at {line + 1}:{start - begin + 1}"
    return CanonicalError(Fault(wrong.code, message, origin, excerpt, why=_WHY))


def _syntax(text: str, said: str) -> _TextFault:
    at = re.search(r"(?P<what>.*): line \d+ column \d+ \(char (?P<at>\d+)\)\Z", said, re.DOTALL)
    what, start = (at["what"], int(at["at"])) if at else (said or "it reads otherwise", 0)
    return _TextFault("not-json", f"not JSON: {what}", min(start, len(text)), 1)


def _scan(text: str, max_depth: int) -> _TextFault | None:
    """Return the first thing that is wrong, None where only the parser can tell."""
    stack: list[_Open] = []
    for match in _TOKEN.finditer(text):
        kind, piece, start = match.lastgroup, match[0], match.start()
        code, message = "not-canonical", None
        if kind == "space":
            message = "whitespace outside of a text"
        elif kind == "text":
            found = _text(piece, start, stack[-1] if stack else None)
            if found is not None:
                return found
        elif kind == "number":
            code, message = _number(piece)
        elif kind == "word":
            if piece not in {"true", "false", "null"}:
                code, message = "not-json", f"{_short(piece)} is no value of JSON"
        elif kind == "shape":
            _shape(piece, stack)
            if len(stack) > max_depth:
                code, message = "too-deep", f"it nests deeper than {max_depth} levels"
        elif piece == "\ufeff":
            message = "a byte order mark"
        else:
            # A quote that is never closed, a control inside a text: the parser says what.
            return None
        if message is not None:
            return _TextFault(code, message, start, len(piece))
    return None


def _shape(piece: str, stack: list[_Open]) -> None:
    if piece in "[{":
        stack.append(_Open(piece == "{"))
    elif piece in "]}":
        if stack:
            stack.pop()
    elif stack:
        stack[-1].at_key = piece == ","


def _text(piece: str, start: int, inside: _Open | None) -> _TextFault | None:
    try:
        value = json.loads(piece)
    except ValueError:
        return None  # an escape that JSON has not: the parser says so
    try:
        value.encode()
    except UnicodeEncodeError:
        return _TextFault("not-json", "half a surrogate pair in a text", start, len(piece))
    if encode(value).decode() != piece:
        return _spelling(piece, start)
    if inside is None or not inside.is_object or not inside.at_key:
        return None
    if value in inside.keys:
        message = f"the key {_short(piece)} stands twice"
        return _TextFault("not-canonical", message, start, len(piece))
    if inside.last is not None and _utf16(value) < _utf16(inside.last):
        before = encode(inside.last).decode()
        message = f"the key {_short(piece)} stands after {_short(before)}"
        return _TextFault("not-canonical", message, start, len(piece))
    inside.keys.add(value)
    inside.last = value
    return None


_PART = re.compile(r"\\u[dD][89abAB]..\\u....|\\u....|\\.|.", re.DOTALL)


def _spelling(piece: str, start: int) -> _TextFault:
    """Return the first part of a text that is spelled in another way than the canonical one."""
    parts = _PART.finditer(piece, 1, len(piece) - 1)
    part, expected = next((p, e) for p in parts if (e := _canonical(p[0])) != p[0])
    message = f"expected {expected} in a text, found {part[0]}"
    return _TextFault("not-canonical", message, start + part.start(), len(part[0]))


def _canonical(part: str) -> str:
    return encode(json.loads(f'"{part}"')).decode()[1:-1]


def _utf16(key: str) -> bytes:
    return key.encode("utf-16be")


def _number(piece: str) -> tuple[str, str | None]:
    try:
        value: float | int = json.loads(piece)
    except ValueError:
        return "not-json", None  # 01, 1., 1e: the parser says what
    if isinstance(value, int) and abs(value) > SAFE_INTEGER:
        return "not-canonical", f"the integer {_short(piece)} is beyond 2^53 - 1"
    if not isfinite(value):
        return "not-json", f"the number {_short(piece)} is beyond all"
    expected = encode(value).decode()
    if expected == piece:
        return "not-canonical", None
    return "not-canonical", f"expected the number {expected}, found {_short(piece)}"


def _short(piece: str) -> str:
    return piece if len(piece) <= 40 else f"{piece[:37]}..."  # noqa: PLR2004 - one line of a message
