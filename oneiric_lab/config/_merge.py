"""Layers folded into one tree: table into table, all else replaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._paths import drop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ._layers import Layer
    from ._paths import Path
    from ._schema import Merge

# What is neither a table nor has one below it; most tables hold nothing else.
_PLAIN = frozenset({str, int, float, bool, list, type(None)})


def fold(
    layers: Sequence[Layer],
    strategies: Mapping[Path, Merge],
    clash: Callable[[Path, Layer], None],
) -> dict[str, Any]:
    """Return what *layers*, low to high, say together.

    Args:
        layers: In order of rising rank.
        strategies: List fields that do not simply replace.
        clash: Told of a table that meets something else; the higher layer then wins.

    Returns:
        A tree that shares every table that only one layer speaks of, so that a reload
        which changes one file keeps the identity of what it did not touch.
    """
    tree: dict[str, Any] = {}
    joining = frozenset(path[:-1] for path in strategies)
    for layer in layers:
        for path in layer.unset:
            tree = drop(tree, path)
        if layer.tree:
            if not tree:
                tree = layer.tree
                continue
            tree = _merge(tree, layer.tree, (), strategies, joining, clash, layer)
    return tree


def _merge(
    low: dict[str, Any],
    high: dict[str, Any],
    path: Path,
    strategies: Mapping[Path, Merge],
    joining: frozenset[Path],
    clash: Callable[[Path, Layer], None],
    layer: Layer,
) -> dict[str, Any]:
    if (
        path not in joining
        and _PLAIN.issuperset(map(type, high.values()))
        and _PLAIN.issuperset(map(type, map(low.get, high)))
    ):
        return low | high
    out = low.copy()
    for key, value in high.items():
        old = out.get(key)
        if old is None:
            out[key] = value
        elif isinstance(old, dict):
            if isinstance(value, dict):
                out[key] = _merge(old, value, (*path, key), strategies, joining, clash, layer)
            else:
                clash((*path, key), layer)
                out[key] = value
        elif isinstance(value, dict):
            clash((*path, key), layer)
            out[key] = value
        elif path in joining and isinstance(old, list) and isinstance(value, list):
            strategy = strategies.get((*path, key))
            out[key] = value if strategy is None else strategy.join(old, value)
        else:
            out[key] = value
    return out
