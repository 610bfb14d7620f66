"""Layers folded into one tree: table into table, all else replaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._layers import POLICY
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
        strategies: List fields that do not simply replace; `*` stands for any key.
        clash: Told of a table that meets something else; the higher layer then wins.

    Returns:
        A tree that shares every table that only one layer speaks of, so that a reload
        which changes one file keeps the identity of what it did not touch.
    """
    tree: dict[str, Any] = {}
    lists = _Lists(
        strategies,
        frozenset(path[:-1] for path in strategies),
        frozenset(path[:depth] for path in strategies for depth in range(len(path) + 1)),
    )
    for layer in layers:
        for path in layer.unset:
            tree = drop(tree, path)
        if layer.tree:
            if not tree:
                tree = layer.tree
                continue
            # What is locked joins nothing: it is in force as it stands.
            field = () if strategies and layer.rank < POLICY else None
            tree = _merge(tree, layer.tree, (), field, lists, clash, layer)
    return tree


@dataclass(frozen=True, slots=True)
class _Lists:
    """Lists that join, by the paths of the schema.

    Attributes:
        strategies: How each of them does.
        parents: Tables that hold one.
        ways: What leads to one, itself included.
    """

    strategies: Mapping[Path, Merge]
    parents: frozenset[Path]
    ways: frozenset[Path]

    def below(self, field: Path | None, key: str) -> Path | None:
        """Return what the schema calls *key* below *field*; None where no list joins there."""
        if field is None:
            return None
        way = (*field, key)
        if way not in self.ways:
            way = (*field, "*")
        return way if way in self.ways else None


def _merge(
    low: dict[str, Any],
    high: dict[str, Any],
    path: Path,
    field: Path | None,
    lists: _Lists,
    clash: Callable[[Path, Layer], None],
    layer: Layer,
) -> dict[str, Any]:
    joins = field in lists.parents
    if (
        not joins
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
                below = lists.below(field, key)
                out[key] = _merge(old, value, (*path, key), below, lists, clash, layer)
            else:
                clash((*path, key), layer)
                out[key] = value
        elif isinstance(value, dict):
            clash((*path, key), layer)
            out[key] = value
        elif joins and isinstance(old, list) and isinstance(value, list):
            strategy = lists.strategies.get(lists.below(field, key) or ())
            out[key] = value if strategy is None else strategy.join(old, value)
        else:
            out[key] = value
    return out
