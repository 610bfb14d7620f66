"""Requirements between components: one pass in dependency order, without backtracking.

A winner whose requirements are not met does not give way to the second best: a
configuration that half works would hide what is missing. The component then has no winner,
and neither has what requires it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._candidate import accepts
from ._node import Block, Node

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ._candidate import Candidate

    Nodes = Mapping[str, Mapping[str, Node]]


def find(nodes: Nodes, target: str) -> Node | None:
    """Return the node of `domain:key`, or None."""
    domain, _, key = target.partition(":")
    return nodes.get(domain, {}).get(key)


def unmet(nodes: Nodes, candidate: Candidate) -> Block | None:
    """Return the first requirement that nothing in force meets, or None."""
    for target, wanted in candidate.requires.items():
        node = find(nodes, target)
        winner = None if node is None else node.winner
        if winner is None:
            return Block("missing", target)
        if wanted and not accepts(wanted, winner.version):
            return Block("version", target)
    return None


def settle(nodes: Nodes, linked: Mapping[tuple[str, str], Node]) -> None:
    """Take the win from those whose requirements are not met.

    *linked* are the new nodes whose candidates require something; only these are written.
    """
    done: set[str] = set()
    for domain, key in sorted(linked):
        _visit(nodes, f"{domain}:{key}", done)


def _visit(nodes: Nodes, start: str, done: set[str]) -> None:
    """Settle *start* and all it requires, deepest first; iterative, for chains of any length."""
    if start in done:
        return
    path: dict[str, None] = {}
    stack: list[Iterator[str]] = [iter((start,))]
    while stack:
        target = next(stack[-1], None)
        if target is None:
            stack.pop()
            if path:
                _close(nodes, path.popitem()[0], done)
        elif target in path:
            names = list(path)
            around = names[names.index(target) :]
            for member in around:
                node = find(nodes, member)
                if node is not None and node.block is None:
                    node.block = Block("cycle", target, (*_turned(around, member), member))
        elif target not in done:
            node = find(nodes, target)
            if node is not None and node.winner is not None and node.winner.requires:
                path[target] = None
                stack.append(iter(node.winner.requires))


def _turned(around: list[str], first: str) -> tuple[str, ...]:
    at = around.index(first)
    return (*around[at:], *around[:at])


def _close(nodes: Nodes, target: str, done: set[str]) -> None:
    done.add(target)
    node = find(nodes, target)
    if node is None or node.winner is None:  # pragma: no cover - only winners are entered
        return
    if node.block is None:
        node.block = unmet(nodes, node.winner)
    if node.block is not None:
        node.winner = None
