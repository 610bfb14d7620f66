"""The one door for reading documents: bytes in, a tree out, or a located fault.

TOML is read in its 1.0 dialect, by `tomllib`, or by toml-rs where it is installed. A
text reaches toml-rs only when its brackets balance and nest at most 64 deep, those in texts
left out: version 0.4.3 ends the process on 2,000 nested inline tables.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from oneiric_lab.errors import Fault, MissingExtraError, Origin, ParseError

from ._positions import Positions, Span, json_positions, toml_positions

if TYPE_CHECKING:
    from collections.abc import Callable

Format = Literal["toml", "json", "yaml"]
Reader = Literal["auto", "tomllib", "toml-rs"]

SUFFIXES: dict[str, Format] = {
    ".toml": "toml",
    ".tml": "toml",
    ".json": "json",
    ".yaml": "yaml",
    ".yml": "yaml",
}

_DEEPEST = 64
# What walks a tree calls itself once a level, and Python allows 1,000 calls.
_MOST_LEVELS = 100
_TOO_DEEP = "the document nests too deep"
_NOT_BRACKETS = bytes(b for b in range(256) if b not in b"[]{}")
_NO_DOTS = bytes(b for b in range(256) if b not in b".\n\r")
# Commas and the like keep the quotes of two texts apart.
_NO_JSON_SHAPE = bytes(b for b in range(256) if b not in b'[]{}"')
_NO_SHAPE = bytes(b for b in range(256) if b not in b"[]{}\"'#\n,=.:")
_MANY_DOTS = b"." * (_DEEPEST + 1)
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Parsed:
    """A document that was read: its tree, and its places when somebody asks."""

    tree: dict[str, Any] = field(repr=False)
    text: str = field(repr=False)
    format: Format

    @cached_property
    def positions(self) -> Positions:
        """Places of all keys and values, built on the first question."""
        if self.format == "toml":
            return toml_positions(self.text)
        if self.format == "json":
            return json_positions(self.text)
        from ._yaml import yaml_positions  # noqa: PLC0415 - an optional dependency

        return yaml_positions(self.text)


def parse(
    data: bytes,
    *,
    format: Format,
    name: str,
    layer: str,
    reader: Reader = "auto",
) -> Parsed:
    """Return the tree of a document.

    Args:
        data: The bytes of the file.
        format: How to read them.
        name: The path as people are shown it.
        layer: The layer it belongs to, for the message.
        reader: Which TOML reader to use; `auto` takes the fast one where it is installed.

    Raises:
        ParseError: The document is not what its format demands, with line and column.
        MissingExtraError: YAML without PyYAML.
    """
    source = _Source(data.removeprefix(_BOM), format, name, layer)
    text = source.text()
    tree: object
    if format == "toml":
        tree = _toml(source, text, reader)
    elif format == "json":
        tree = _json(source, text)
    else:
        tree = _yaml(source, text)
    if source.may_be_deep and _depth(tree) > _MOST_LEVELS:
        source.fail(_deepest(text), 1, _TOO_DEEP, f"keep it below {_MOST_LEVELS} levels")
    if not isinstance(tree, dict):
        source.fail(
            0, 1, f"expected a table at the top, found {_kind(tree)}", "put the values under keys"
        )
    return Parsed(tree, text, format)


class _Source:
    """What a message about a document needs."""

    def __init__(self, data: bytes, format: Format, name: str, layer: str) -> None:
        self.data, self.format, self.name, self.layer = data, format, name, layer

    @cached_property
    def may_be_deep(self) -> bool:
        """Whether brackets or dotted keys could nest deep; false alarms are cheap."""
        data = self.data
        if _has_many_brackets(data):
            if self.format == "json":
                data = _without_json_texts(data)
            elif self.format == "toml":  # in YAML a quote may stand alone in a text
                data = without_texts(data)
            if not nests_shallow(data):
                return True
            data = self.data
        # Only TOML has dotted keys.
        return self.format == "toml" and _MANY_DOTS in data.translate(None, _NO_DOTS)

    def text(self) -> str:
        try:
            return self.data.decode("utf-8")
        except UnicodeDecodeError as error:
            before = self.data[: error.start].decode("utf-8")
            shown = self.data.decode("utf-8", "replace")
            self.fail(
                len(before),
                1,
                f"expected UTF-8, found byte 0x{self.data[error.start]:02x}",
                f"save the file as UTF-8: iconv -f latin1 -t utf-8 {self.name}",
                shown,
            )

    def fail(
        self, offset: int, width: int, message: str, fix: str | None, text: str | None = None
    ) -> NoReturn:
        text = self.data.decode("utf-8", "replace") if text is None else text
        places = Positions(text)
        offset = min(max(offset, 0), len(text))
        if offset == len(text) and text.endswith("\n"):
            # The end of a document is shown on its last line, not on the empty one below.
            offset = len(text.rstrip("\r\n"))
        excerpt = places.excerpt(Span(offset, offset + width))
        origin = Origin(self.layer, self.name, excerpt.line, excerpt.column, width)
        raise ParseError(Fault("syntax", f"{message}", origin, excerpt, fix=fix))


def _has_many_brackets(data: bytes) -> bool:
    # A split ends where there are enough; a long document is not counted to its end.
    found = len(data.split(b"[", _DEEPEST + 1)) - 1
    return found + (data.count(b"{") if found <= _DEEPEST else 0) > _DEEPEST


def _kind(value: object) -> str:
    names = {dict: "a table", list: "a list", str: "a string", bool: "a boolean", int: "an integer"}
    return "nothing" if value is None else names.get(type(value), f"a {type(value).__name__}")


# --- TOML -------------------------------------------------------------------------------


@cache
def _fast_reader() -> Callable[[str], dict[str, Any]] | None:
    try:
        import toml_rs  # noqa: PLC0415 - an optional dependency
    except ImportError:
        return None
    return lambda text: toml_rs.loads(text, toml_version="1.0.0")


_TEXTS = re.compile(
    rb'"""(?:[^"]|"(?!""))*"{3,5}'
    rb"|'''(?:[^']|'(?!''))*'{3,5}"
    rb'|"[^"\n]*"'
    rb"|'[^'\n]*'"
    rb"|#[^\n]*"
)


def _without_json_texts(data: bytes) -> bytes:
    """Return the brackets of a JSON document, those in texts left out: each quote is an end."""
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    shape = data.translate(None, _NO_JSON_SHAPE).replace(b'""', b"")
    return b"".join(shape.split(b'"')[::2])


def without_texts(data: bytes) -> bytes:
    """Return the brackets of a TOML document, those in texts and comments left out.

    A closing bracket in a text would hide an opening one that is none, and with it any
    depth. Takes 100 µs for 2,000 keys.
    """
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    shape = data.translate(None, _NO_SHAPE)
    if b'"""' not in data and b"'''" not in data:
        # Most texts hold nothing of all that, and are two quotes now.
        shape = shape.replace(b'""', b"").replace(b"''", b"")
        if b'"' not in shape and b"'" not in shape:
            bare = shape.translate(None, b",=.:")
            if bare.count(b"#") == bare.count(b"#\n"):
                # Nor do comments hold a bracket: most documents need no search.
                return bare
    return _TEXTS.sub(b"", shape)


def _long_key(data: bytes) -> int | None:
    """Return the line on which a key of TOML has more parts than a tree may have levels.

    Outside of texts only a key has dots with nothing but names between them.
    """
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    shape = data.translate(None, _NO_SHAPE)
    lines = _TEXTS.sub(lambda text: b"\n" * text[0].count(b"\n"), shape).split(b"\n")
    return next((n for n, line in enumerate(lines) if b"." * _MOST_LEVELS in line), None)


def nests_shallow(data: bytes, limit: int = _DEEPEST) -> bool:
    """Tell whether the brackets of *data* balance and nest at most *limit* deep.

    A document that does not balance is called deep: it is then read by the slower reader,
    which says what is wrong. Takes 32 µs for 2,000 keys.
    """
    brackets = data.translate(None, _NOT_BRACKETS)
    for _ in range(limit):
        inner = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if inner == brackets:
            return not brackets
        brackets = inner
    return not brackets


def _depth(tree: object) -> int:
    """Return how deep *tree* nests, without calling itself."""
    depth, level = 0, [tree]
    while level:
        depth += 1
        level = [
            inner
            for node in level
            if isinstance(node, dict | list)
            for inner in (node.values() if isinstance(node, dict) else node)
        ]
    return depth


def _toml(source: _Source, text: str, reader: Reader) -> dict[str, Any]:
    fast = _fast_reader() if reader != "tomllib" else None
    if reader == "toml-rs" and fast is None:
        raise MissingExtraError("toml-rs is not installed", extra="fast")
    # toml-rs takes a second byte order mark, which TOML 1.0 does not.
    if fast is not None and not text.startswith("\ufeff") and not source.may_be_deep:
        try:
            return fast(text)
        except ValueError:
            pass  # tomllib says where and why, below, in one wording for both readers
    return _tomllib(source, text)


_AT = re.compile(r" \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)\Z")


def _tomllib(source: _Source, text: str) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - 5 ms; a lock file loads without it

    # tomllib looks at every start of a key again for each of its parts: 20,000 take 8 s.
    if source.may_be_deep and (line := _long_key(source.data)) is not None:
        offset = len("\n".join(text.split("\n")[:line])) + (line > 0)
        source.fail(offset, 1, _TOO_DEEP, f"keep it below {_MOST_LEVELS} levels")
    try:
        return tomllib.loads(text)
    except RecursionError:
        source.fail(_deepest(text), 1, _TOO_DEEP, "split it into tables with headers")
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        match = _AT.search(message)
        offset = len(text)
        if match is not None and match["line"] is not None:
            lines = text.split("\n")
            offset = sum(len(line) + 1 for line in lines[: int(match["line"]) - 1])
            offset += int(match["column"]) - 1
        what = _AT.sub("", message)
        source.fail(offset, 1, f"not TOML: {what[:1].lower()}{what[1:]}", _toml_fix(what))


def _deepest(text: str) -> int:
    depth = most = where = 0
    for match in re.finditer(r"[\[\]{}]", text):
        depth += 1 if match[0] in "[{" else -1
        if depth > most:
            most, where = depth, match.start()
    return where


def _toml_fix(what: str) -> str | None:
    if "Invalid value" in what:
        return 'quote a text: name = "value"'
    if "table declaration" in what or "array declaration" in what:
        return "close the header: [name] is a table, [[name]] one more of a list"
    if "nterminated string" in what:
        return "close the text with the quote that it began with"
    if "llegal character" in what:
        return 'write it as an escape, such as "\\u0000"'
    if "Expected '='" in what:
        return "write one `key = value` a line"
    if "overwrite" in what.lower() or "twice" in what or "mutate" in what:
        return "remove one of the two"
    if "Unescaped '\\'" in what or "scape" in what:
        return "write \\\\ for a backslash, or use single quotes"
    return None


# --- JSON -------------------------------------------------------------------------------


def _json(source: _Source, text: str) -> object:
    import json  # noqa: PLC0415 - only JSON layers pay

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        out = dict(items)
        if len(out) != len(items):
            twice = next(k for i, (k, _) in enumerate(items) if k in {key for key, _ in items[:i]})
            places = [m.start() for m in re.finditer(re.escape(json.dumps(twice)), text)]
            source.fail(
                places[-1] if places else 0,
                len(twice) + 2,
                f"key {twice!r} stands twice",
                "remove one of the two",
            )
        return out

    def constant(word: str) -> NoReturn:
        source.fail(
            text.find(word), len(word), f"{word} is no JSON number", "write null, or a number"
        )

    try:
        value: object = json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
    except json.JSONDecodeError as error:
        # Python 3.13 points at the comma, those before at the bracket behind it.
        comma = max(error.pos, 0) if text[error.pos : error.pos + 1] == "," else None
        if comma is None and text[: error.pos].rstrip().endswith(","):
            comma = len(text[: error.pos].rstrip()) - 1
        if comma is not None and text[comma + 1 :].lstrip()[:1] in {"}", "]"}:
            source.fail(comma, 1, "not JSON: a comma before the end", "remove the comma")
        source.fail(error.pos, 1, f"not JSON: {error.msg[:1].lower()}{error.msg[1:]}", None)
    except RecursionError:
        source.fail(_deepest(text), 1, _TOO_DEEP, "keep it below 500 levels")
    return value


def _yaml(source: _Source, text: str) -> object:
    from ._yaml import YamlFaultError, load_yaml  # noqa: PLC0415 - an optional dependency

    try:
        return load_yaml(text)
    except YamlFaultError as error:
        source.fail(error.offset, error.width, error.message, error.fix)
    except RecursionError:
        source.fail(_deepest(text), 1, _TOO_DEEP, "keep it below 200 levels")
