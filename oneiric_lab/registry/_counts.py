"""What a registry counts of its questions, and how many candidates stand how.

Plain numbers, read by whoever measures. A `resolve` that answers costs nothing more for
them: answers are counted only where somebody asked for that.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import NoCandidateError, RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._candidate import Candidate
    from ._generation import Generation

EVERY = 1024
"""Of the answers that are counted, one in so many is timed."""


class Counts:
    """Questions by how they ended, each by domain.

    Attributes:
        hits: Those that had an answer; None where nobody counts them.
        misses: Those that nobody could provide.
        denied: Those that a rule refused: a selection, a requirement, strictness.
        sampled: How many answers were timed.
        sampled_ns: How long those took together.
    """

    __slots__ = ("denied", "hits", "misses", "sampled", "sampled_ns")

    def __init__(self) -> None:
        self.hits: dict[str, int] | None = None
        self.misses: dict[str, int] = {}
        self.denied: dict[str, int] = {}
        self.sampled: dict[str, int] = {}
        self.sampled_ns: dict[str, int] = {}

    def refused(self, domain: str, error: RegistryError) -> None:
        """Count a question that had no answer."""
        table = self.misses if isinstance(error, NoCandidateError) else self.denied
        table[domain] = table.get(domain, 0) + 1


def counting(counts: Counts, resolve: Callable[..., Candidate]) -> Callable[..., Candidate]:
    """Return *resolve* so that each answer is counted, and one in `EVERY` timed."""
    hits: dict[str, int] = {}
    counts.hits = hits
    clock = time.perf_counter_ns

    def counted(
        domain: str, key: str, need: Any = None, need_any: Any = None, prefer: Any = None
    ) -> Candidate:
        seen = hits.get(domain, 0)
        if seen % EVERY:
            found = resolve(domain, key, need, need_any, prefer)
        else:
            started = clock()
            found = resolve(domain, key, need, need_any, prefer)
            spent = clock() - started
            counts.sampled[domain] = counts.sampled.get(domain, 0) + 1
            counts.sampled_ns[domain] = counts.sampled_ns.get(domain, 0) + spent
        hits[domain] = seen + 1
        return found

    return counted


def states(generation: Generation) -> dict[tuple[str, str], int]:
    """Return how many candidates are active, shadowed, rejected and quarantined, by domain.

    O(n) for n candidates: nothing is sorted, and no reason is put into words that no rule asks.

    Example:
        >>> from oneiric_lab.registry import Candidate, Registry, states
        >>> registry = Registry()
        >>> registry.add(Candidate("adapter", "cache", "a"), Candidate("adapter", "cache", "b"))
        >>> states(registry.current)
        {('adapter', 'active'): 1, ('adapter', 'shadowed'): 1}
    """
    rules = generation.rules
    out: dict[tuple[str, str], int] = {}
    for domain, keys in generation.nodes.items():
        tally = dict.fromkeys(("active", "shadowed", "rejected", "quarantined"), 0)
        for key, node in keys.items():
            lenient = not rules.quarantined and rules.constraint(domain, key) is None
            choice = rules.selection(domain, key)
            chosen = None if choice is None else choice.value
            for c in node.members:
                if c is node.winner:
                    tally["active"] += 1
                elif lenient and c.plain:
                    tally["shadowed"] += 1
                else:
                    reasons = rules.refusals(c, selected=c.provider == chosen)
                    code = reasons[0].code if reasons else ""
                    kind = "quarantined" if code == "quarantined" else "rejected"
                    tally[kind if reasons else "shadowed"] += 1
        out |= {(domain, state): number for state, number in tally.items() if number}
    return out
