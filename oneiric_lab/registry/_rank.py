"""The order of precedence: who may provide a component, and in which order.

The greater the better: selected, preferred capabilities matched, priority, stack level,
source rank, version. Provider, source name and the spelling of the version, ascending,
only break what is left. The order of registration never counts.
"""

from __future__ import annotations

from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, NamedTuple

from ._candidate import Refusal
from ._explain import Ranked, Rejected

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._candidate import Candidate
    from ._explain import Score
    from ._rules import Rules

_NONE: frozenset[str] = frozenset()
_tie = attrgetter("tie")
_first = itemgetter(0)


class Wish(NamedTuple):
    """What is asked of a component.

    Attributes:
        need: Capabilities the winner must have, all of them.
        need_any: Capabilities of which it must have one; more matches rank higher.
        prefer: Capabilities that only rank.
    """

    need: frozenset[str] = _NONE
    need_any: frozenset[str] = _NONE
    prefer: frozenset[str] = _NONE


NO_WISH = Wish()


def rank(
    members: Iterable[Candidate], rules: Rules, domain: str, key: str, wish: Wish = NO_WISH
) -> tuple[tuple[Ranked, ...], tuple[Rejected, ...]]:
    """Return who may win, best first, and who may not, with every reason.

    Takes O(n log n) time for n candidates.
    """
    scored, rejected = ordered(members, rules, domain, key, wish)
    return tuple([Ranked(i, c, s) for i, (s, c) in enumerate(scored, 1)]), tuple(rejected)


def ordered(
    members: Iterable[Candidate], rules: Rules, domain: str, key: str, wish: Wish = NO_WISH
) -> tuple[list[tuple[Score, Candidate]], list[Rejected]]:
    """Return what `rank` returns, who may win with the bare score."""
    scored, rejected = _scored(sorted(members, key=_tie), rules, domain, key, wish, why=True)
    # Stable, and sorted by name before: what the score leaves equal stays in that order.
    scored.sort(key=_first, reverse=True)
    return scored, rejected


def best(members: Iterable[Candidate], rules: Rules, domain: str, key: str) -> Candidate | None:
    """Return the first of `rank` in O(n), or None; strictness and selection are obeyed."""
    scored, _ = _scored(members, rules, domain, key, NO_WISH, why=False)
    if not scored:
        return None
    choice = rules.selection(domain, key)
    top, winner = scored[0]
    for score, candidate in scored:
        if score > top or (score == top and candidate.tie < winner.tie):
            top, winner = score, candidate
    if choice is not None and winner.provider != choice.value:
        return None
    if rules.strict and sum(score == top for score, _ in scored) > 1:
        return None
    return winner


def _scored(
    members: Iterable[Candidate], rules: Rules, domain: str, key: str, wish: Wish, *, why: bool
) -> tuple[list[tuple[Score, Candidate]], list[Rejected]]:
    choice = rules.selection(domain, key)
    chosen = None if choice is None else choice.value
    # Where the configuration says nothing about the key, most candidates cannot be refused.
    lenient = not rules.quarantined and rules.constraint(domain, key) is None
    priority = rules.priority
    need, need_any, prefer = wish
    wished = prefer | need_any
    scored: list[tuple[Score, Candidate]] = []
    rejected: list[Rejected] = []
    for c in members:
        selected = c.provider == chosen
        if not (lenient and c.plain) or need or need_any:
            if not why and rules.refuses(c, selected=selected):
                continue
            refusals = rules.refusals(c, selected=selected) if why else []
            if not need <= c.capabilities:
                lacking = ", ".join(f"`{name}`" for name in sorted(need - c.capabilities))
                refusals.append(Refusal("capability", f"lacks {lacking}", c.origin))
            if need_any and not need_any & c.capabilities:
                wanted = ", ".join(f"`{name}`" for name in sorted(need_any))
                refusals.append(Refusal("capability", f"has none of {wanted}", c.origin))
            if refusals:
                rejected.append(Rejected(c, tuple(refusals)))
                continue
        score = (
            1 if selected else 0,
            len(wished & c.capabilities) if wished else 0,
            priority(c),
            c.stack_level or 0,
            c.source_rank,
            c.parsed_version,
        )
        scored.append((score, c))
    return scored, rejected


__all__ = ["NO_WISH", "Wish", "best", "ordered", "rank"]
