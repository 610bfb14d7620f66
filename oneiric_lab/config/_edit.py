"""Changing a TOML text so that all else stays as it was written.

What can be done at a place in the text is done there (see `_splice`). All else goes through
tomlkit, which keeps comments and layout; version 0.15.2 can still move a key into another
table, and a table before another one, so every result is read again and compared with what
was meant before it is accepted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import ConfigError, Fault

from ._paths import drop, get, put, render_path
from ._splice import Set, Unset, appended, beside, cut, inlined, inserted, render, replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ._paths import Path

    Tree = dict[str, object]
    Way = Callable[[str, Any], str | None]

_MISSING = object()


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
        render(change.value)  # refuses what TOML cannot say, whichever way it is written
        meant = [put(tree, change.path, change.value)]
    else:
        if get(tree, change.path, _MISSING) is _MISSING:
            return text
        expected = drop(tree, change.path)
        meant = [expected, *_without_empty(expected, change.path[:-1])]
    for way in _TO_SET if isinstance(change, Set) else _TO_REMOVE:
        new = way(text, change)
        if new is None:
            continue
        try:
            found = tomllib.loads(new)
        except tomllib.TOMLDecodeError:
            continue
        if any(same(found, tree) for tree in meant):
            return new
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


def _without_empty(tree: Tree, path: Path) -> Iterator[Tree]:
    """Yield *tree* without the empty tables that a dotted key leaves on the way to *path*.

    How many of them go with it depends on how they were written.
    """
    while path and get(tree, path, None) == {}:
        tree, path = drop(tree, path), path[:-1]
        yield tree


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
        new = tomlkit.dumps(document)
    except (TOMLKitError, KeyError, TypeError, AttributeError, IndexError, ValueError):
        return None
    if "\r\n" not in text or "\n" in text.replace("\r\n", ""):
        return new
    # All lines ended so, but those that are new do not.
    return new.replace("\r\n", "\n").replace("\n", "\r\n")


_TO_SET: tuple[Way, ...] = (replaced, inserted, inlined, beside, _structural, appended)
_TO_REMOVE: tuple[Way, ...] = (cut, _structural)
"""Ways to make a change, in the order in which they are tried."""
