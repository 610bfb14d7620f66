"""Layers folded into one tree: table into table, all else replaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._paths import drop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ._layers import Layer
    from ._paths import Path
    from ._schema import Merge

Clash = "Callable[[Path, Layer], None]"


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
    for layer in layers:
        for path in layer.unset:
            tree = drop(tree, path)
        if layer.tree:
            tree = _merge(tree, layer.tree, (), strategies, clash, layer) if tree else layer.tree
    return tree


def _merge(
    low: dict[str, Any],
    high: dict[str, Any],
    path: Path,
    strategies: Mapping[Path, Merge],
    clash: Callable[[Path, Layer], None],
    layer: Layer,
) -> dict[str, Any]:
    out = low.copy()
    for key, value in high.items():
        old = out.get(key)
        if old is None:
            out[key] = value
        elif isinstance(old, dict):
            if isinstance(value, dict):
                out[key] = _merge(old, value, (*path, key), strategies, clash, layer)
            else:
                clash((*path, key), layer)
                out[key] = value
        elif isinstance(value, dict):
            clash((*path, key), layer)
            out[key] = value
        elif strategies and isinstance(old, list) and isinstance(value, list):
            strategy = strategies.get((*path, key))
            out[key] = value if strategy is None else strategy.join(old, value)
        else:
            out[key] = value
    return out
