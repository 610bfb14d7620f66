"""All about one key, worked out when a generation is published."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ._rank import best

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._candidate import Candidate
    from ._rules import Rules


class Block(NamedTuple):
    """Why a winner cannot have what it requires.

    Attributes:
        kind: `missing`, `version` or `cycle`.
        requirement: The component that fails it.
        path: The components of the cycle, where it is one.
    """

    kind: str
    requirement: str
    path: tuple[str, ...] = ()


class Node:
    """One key of one generation; only `memo` changes after the publish.

    Attributes:
        members: Every candidate of the key, one for each identity, in no order.
        winner: Who wins without any wish, or None.
        block: Why the requirements of who would win are not met.
        memo: Wish to winner. A write that happens twice writes the same.
    """

    __slots__ = ("block", "members", "memo", "winner")

    def __init__(
        self,
        members: Sequence[Candidate],
        winner: Candidate | None,
        block: Block | None = None,
    ) -> None:
        self.members = members
        self.winner = winner
        self.block = block
        # Shared until the first write: most keys are never asked with a wish.
        self.memo: dict[object, Candidate] = NO_MEMO


NO_MEMO: dict[object, Candidate] = {}
"""The memo of nodes that have none; never written to."""

MEMO_SIZE = 256
"""Wishes remembered for one key; code asks a handful, so more means generated ones."""


def build(members: Sequence[Candidate], rules: Rules, domain: str, key: str) -> Node:
    """Return the node of a key, its winner's requirements left aside."""
    if len(members) > 1:
        members = list({c.identity: c for c in members}.values())
    return Node(members, best(members, rules, domain, key))


def remember(node: Node, wish: object, winner: Candidate) -> None:
    """Keep the answer to *wish*."""
    memo = node.memo
    if memo is NO_MEMO or len(memo) >= MEMO_SIZE:
        memo = {}
    # A new dictionary is visible only when it holds the answer.
    memo[wish] = winner
    node.memo = memo
