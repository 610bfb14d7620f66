"""Making the next generation from the one in force and what is pending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._generation import Generation
from ._node import Node, build
from ._settle import settle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._candidate import Candidate
    from ._rules import Rules

    Pending = dict[str, dict[str, list[Candidate]]]


def next_generation(current: Generation, pending: Pending, rules: Rules | None) -> Generation:
    """Return the next generation: touched keys are worked out anew, all if the rules changed."""
    if rules is not None:
        for domain, keys in current.nodes.items():
            waiting = pending.setdefault(domain, {})
            for key, node in keys.items():
                waiting.setdefault(key, list(node.members))
    now = (current.rules if rules is None else rules).anew()
    nodes: dict[str, dict[str, Node]] = {}
    for domain, keys in current.nodes.items():
        # What nothing touches is shared with the generation before.
        copied = domain in pending or any(name == domain for name, _ in current.linked)
        nodes[domain] = dict(keys) if copied else keys  # type: ignore[assignment]  # not written then
    linked = set(current.linked)
    for domain, waiting in pending.items():
        _fill(nodes.setdefault(domain, {}), waiting, now, domain, linked)
    fresh: dict[tuple[str, str], Node] = {}
    for domain, key in linked:
        # What it requires may have changed, so its winner and its memo are worked out anew.
        node = build(nodes[domain][key].members, now, domain, key)
        nodes[domain][key] = fresh[domain, key] = node
    settle(nodes, fresh)
    return Generation(
        current.number + 1, now, {d: keys for d, keys in nodes.items() if keys}, frozenset(linked)
    )


def _fill(
    below: dict[str, Node],
    waiting: Mapping[str, list[Candidate]],
    rules: Rules,
    domain: str,
    linked: set[tuple[str, str]],
) -> None:
    """Work out the touched keys of one domain, and note which of them require others."""
    # The common case, one candidate of which the configuration says nothing, skips the contest.
    lenient = not (
        rules.quarantined or rules.selections.get(domain) or rules.constraints.get(domain)
    )
    for key, members in waiting.items():
        if not members:
            below.pop(key, None)
            linked.discard((domain, key))
            continue
        first = members[0]
        if len(members) == 1 and (lenient or first.refused):
            runs = first.plain or not (first.refused or rules.refuses(first, selected=False))
            below[key] = Node(members, first if runs else None)
            requires = bool(first.requires)
        else:
            below[key] = build(members, rules, domain, key)
            requires = any(c.requires for c in members)
        if requires:
            linked.add((domain, key))
        elif linked:
            linked.discard((domain, key))
