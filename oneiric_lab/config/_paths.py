"""The dotted path of a value: `server.port`, `hosts[0]`, `a."x.y"`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from oneiric_lab.errors import Fault, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Path = tuple[str | int, ...]

_SEGMENT = re.compile(
    r"""(?P<bare>[A-Za-z0-9_-]+)|"(?P<quoted>(?:[^"\\]|\\.)*)"|\[(?P<index>\d+)\]"""
)
_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


def parse_path(text: str) -> Path:
    r"""Return the segments of *text*.

    A number between brackets, or a bare number behind a dot, is an item of a list.

    Raises:
        UsageError: The text is no path.

    Example:
        >>> parse_path('a."x.y".hosts[0]')
        ('a', 'x.y', 'hosts', 0)
    """
    out: list[str | int] = []
    position = 0
    while position < len(text):
        if out and text[position] == ".":
            position += 1
        elif out and text[position] != "[":
            break
        match = _SEGMENT.match(text, position)
        if match is None or (match["index"] is not None and (not out or text[position - 1] == ".")):
            break
        if match["index"] is not None:
            out.append(int(match["index"]))
        elif match["quoted"] is not None:
            out.append(re.sub(r"\\(.)", r"\1", match["quoted"]))
        else:
            bare = match["bare"]
            out.append(int(bare) if out and bare.isdigit() else bare)
        position = match.end()
    else:
        if out:
            return tuple(out)
    raise UsageError(
        Fault(
            "bad-path",
            f"{text!r} is no path of a value",
            why=f"it cannot be read from column {position + 1}",
            fix='write it as server.port, hosts[0] or table."a.b"',
        )
    )


def render_path(path: Sequence[str | int]) -> str:
    """Return *path* as text; the inverse of `parse_path`.

    Example:
        >>> render_path(("a", "x.y", "hosts", 0))
        'a."x.y".hosts[0]'
    """
    out = ""
    for part in path:
        if isinstance(part, int):
            out += f"[{part}]"
            continue
        plain = _BARE.match(part) and not (out and part.isdigit())
        text = part if plain else '"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"'
        out += f".{text}" if out else text
    return out


_MISSING = object()


def get(tree: object, path: Sequence[str | int], default: object = _MISSING) -> object:
    """Return what *tree* holds at *path*.

    Raises:
        KeyError: Nothing is there and no default was given.
    """
    node = tree
    for part in path:
        if isinstance(node, dict):
            # A key of digits is written bare in a dotted path and read as a number.
            key = part if part in node else str(part)
            if key in node:
                node = node[key]
                continue
        elif isinstance(node, list) and isinstance(part, int) and part < len(node):
            node = node[part]
            continue
        if default is _MISSING:
            raise KeyError(render_path(path))
        return default
    return node


def has(tree: object, path: Sequence[str | int]) -> bool:
    """Tell whether *tree* holds anything at *path*."""
    return get(tree, path, None) is not None


def put(tree: dict[str, object], path: Sequence[str | int], value: object) -> dict[str, object]:
    """Return *tree* with *value* at *path*; what is not on the way is shared."""
    head, *rest = path
    out = dict(tree)
    if not rest:
        out[str(head)] = value
        return out
    below = out.get(str(head))
    if isinstance(below, list) and isinstance(rest[0], int):
        items = list(below)
        if len(rest) == 1:
            items[rest[0] : rest[0] + 1] = [value]
        else:
            inner = items[rest[0]]
            items[rest[0]] = put(inner if isinstance(inner, dict) else {}, rest[1:], value)
        out[str(head)] = items
    else:
        out[str(head)] = put(below if isinstance(below, dict) else {}, rest, value)
    return out


def drop(tree: Mapping[str, object], path: Sequence[str | int]) -> dict[str, object]:
    """Return *tree* without what stands at *path*; the same content when nothing does."""
    head, *rest = path
    out = dict(tree)
    key = str(head)
    if key not in out:
        return out
    if not rest:
        del out[key]
        return out
    below = out[key]
    if isinstance(below, dict):
        out[key] = drop(below, rest)
    elif isinstance(below, list) and isinstance(rest[0], int) and rest[0] < len(below):
        items = list(below)
        if len(rest) == 1:
            del items[rest[0]]
        elif isinstance(items[rest[0]], dict):
            items[rest[0]] = drop(items[rest[0]], rest[1:])
        out[key] = items
    return out


def leaves(tree: object, path: Path = ()) -> list[tuple[Path, object]]:
    """Return every leaf of *tree* with its path, depth first.

    A list is one leaf, and so is an empty table.
    """
    if isinstance(tree, dict) and (tree or not path):
        return [leaf for key, value in tree.items() for leaf in leaves(value, (*path, key))]
    return [(path, tree)]
