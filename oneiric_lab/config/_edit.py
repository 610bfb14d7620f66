"""Changing a TOML text so that all else stays as it was written.

A scalar is replaced in its own span. What changes the structure goes through tomlkit,
which keeps comments and layout; version 0.15.2 can still move a key into another table,
so every result is read again and compared with what was meant before it is accepted.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import ConfigError, Fault

from ._paths import drop, get, put, render_path
from ._positions import toml_positions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._paths import Path

_MISSING = object()
_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
}


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
                for c in value
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
            + ", ".join(f"{render_path((str(k),))} = {render(v)}" for k, v in value.items())
            + "}"
        )
    raise ConfigError(
        Fault(
            "not-toml",
            f"{type(value).__name__} has no form in TOML",
            fix="use text, numbers, booleans, dates, lists and tables",
        )
    )


def edit(text: str, edits: Sequence[Set | Unset], *, shown: str) -> str:
    """Return *text* with *edits* made, in order.

    Raises:
        ConfigError: The text cannot be changed so without changing something else.
    """
    for change in edits:
        text = _one(text, change, shown)
    return text


def _one(text: str, change: Set | Unset, shown: str) -> str:
    import tomllib  # noqa: PLC0415 - 5 ms; what only reads may have the faster reader

    tree = tomllib.loads(text)
    if isinstance(change, Set):
        _check_items(tree, change.path, shown)
        if same(get(tree, change.path, _MISSING), change.value):
            return text
        expected = pruned = put(tree, change.path, change.value)
        attempts: list[Callable[[str, Any], str | None]]
        attempts = [_splice, _beside, _structural, _append]
    else:
        if get(tree, change.path, _MISSING) is _MISSING:
            return text
        expected = drop(tree, change.path)
        pruned = _without_empty(expected, change.path[:-1])
        attempts = [_structural]
    newline = "\r\n" if "\r\n" in text else "\n"
    for attempt in attempts:
        new = attempt(text, change)
        if new is None:
            continue
        if newline == "\r\n":
            new = new.replace("\r\n", "\n").replace("\n", "\r\n")
        try:
            found = tomllib.loads(new)
            if same(found, expected) or same(found, pruned):
                return new
        except tomllib.TOMLDecodeError:
            continue
    raise ConfigError(
        Fault(
            "not-written",
            f"{shown} cannot be changed at {render_path(change.path)} without changing more",
            fix="edit the file by hand",
        )
    )


def same(a: object, b: object) -> bool:
    """Tell whether two values are one in TOML, where `1`, `1.0` and `true` are three.

    Example:
        >>> same([1], [True]), same(float("nan"), float("nan"))
        (False, True)
    """
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(value, b[key]) for key, value in a.items())
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and (a == b or (a != a and b != b))  # noqa: PLR0124 - only NaN differs from itself


def _without_empty(tree: dict[str, object], path: Path) -> dict[str, object]:
    """Return *tree* without the empty tables that a dotted key leaves on the way to *path*."""
    while path and get(tree, path, None) == {}:
        tree, path = drop(tree, path), path[:-1]
    return tree


def _check_items(tree: object, path: Path, shown: str) -> None:
    """Refuse an item that does not follow those that are there."""
    for depth, part in enumerate(path):
        node = get(tree, path[:depth], None) if depth else tree
        if isinstance(part, int) and isinstance(node, list):
            last = depth == len(path) - 1
            if part > len(node) or (part == len(node) and not last):
                raise ConfigError(
                    Fault(
                        "no-item",
                        f"{render_path(path)}: {shown} has {len(node)} items there",
                        fix=f"the next one is {render_path((*path[:depth], len(node)))}",
                    )
                )


def _splice(text: str, change: Set) -> str | None:
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


def _beside(text: str, change: Set) -> str | None:
    """Say it in a table of its own, behind the last line of the nearest related one.

    tomlkit would put that table behind the blank lines and comments that follow, and so
    between the next table and what is said about it.
    """
    if any(isinstance(part, int) for part in change.path):
        return None
    head, last = change.path[:-1], change.path[-1:]
    places = toml_positions(text)
    if head in places.keys:
        return None
    for length in range(len(head) - 1, 0, -1):
        ends = [s.end for path, s in places.values.items() if path[:length] == head[:length]]
        if not ends:
            continue
        end = text.find("\n", max(ends)) + 1 or len(text)
        gap = "" if text[:end].endswith("\n") else "\n"
        table = f"\n[{render_path(head)}]\n{render_path(last)} = {render(change.value)}\n"
        return text[:end] + gap + table + text[end:]
    return None


def _structural(text: str, change: Set | Unset) -> str | None:
    import tomlkit  # noqa: PLC0415 - 26 ms, and only a structural edit pays
    from tomlkit.exceptions import TOMLKitError  # noqa: PLC0415 - see above

    try:
        document = tomlkit.parse(text)
        node: Any = document
        for part in change.path[:-1]:
            if isinstance(part, str) and part not in node:
                node[part] = tomlkit.table()
            node = node[part]
        last = change.path[-1]
        if isinstance(change, Unset):
            del node[last]
        elif isinstance(last, int) and last >= len(node):
            node.append(change.value)
        else:
            node[last] = change.value
        return tomlkit.dumps(document)
    except (TOMLKitError, KeyError, TypeError, AttributeError, IndexError, ValueError):
        return None


def _append(text: str, change: Set) -> str | None:
    """Say it in a table of its own at the end."""
    gap = "" if not text or text.endswith("\n") else "\n"
    head, last = change.path[:-1], change.path[-1:]
    return f"{text}{gap}\n[{render_path(head)}]\n{render_path(last)} = {render(change.value)}\n"
