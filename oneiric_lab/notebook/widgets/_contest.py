"""What a browser needs to rank the candidates of one component as the registry does.

The order of precedence travels as data, with the words of the rules; of each candidate the
facts that the order asks for, and its refusals in their order, those with a condition beside
what lifts it: `flag`, when the flag that enables it is on, `selected`, when it is selected.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from oneiric_lab.registry import PRIORITIES, TABLES
from oneiric_lab.registry._explain import FIELDS, WORDS
from oneiric_lab.registry._settle import unmet
from oneiric_lab.registry._what_if import labels
from oneiric_lab.views import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oneiric_lab.registry import Candidate, Generation, Rules

MOST_LINES = 100
"""Lines of a chain of requirements: more is a picture of nothing."""

_LIFTS = {"disabled": "flag", "experimental": "selected"}


def contest(generation: Generation, target: str) -> dict[str, Any]:
    """Return the candidates of *target* with all that decides between them."""
    domain, _, key = target.partition(":")
    rules = generation.rules
    named = labels(list(generation.candidates(domain, key)))
    versions = sorted({c.parsed_version for c in named.values()})
    places = {version: place for place, version in enumerate(versions)}
    choice = rules.selection(domain, key)
    gates = sorted({c.enabled_by for c in named.values() if c.enabled_by})
    return {
        "target": target,
        "generation": generation.number,
        "order": [[field, word] for field, word in zip(FIELDS, WORDS, strict=True)],
        "candidates": [
            _candidate(generation, label, c, places[c.parsed_version]) for label, c in named.items()
        ],
        "selection": None if choice is None else choice.value,
        "selectable": domain in TABLES,
        "flags": {name: bool(rules.flags.get(name, False)) for name in gates},
        "strict": rules.strict,
        "priorities": [PRIORITIES.start, PRIORITIES.stop - 1],
        "requires": list(requirements(generation, target)),
    }


def _candidate(generation: Generation, label: str, c: Candidate, place: int) -> dict[str, Any]:
    rules = generation.rules
    block = unmet(generation.nodes, c)
    return {
        "label": label,
        "provider": c.provider,
        "version": c.version,
        "shown": str(c.parsed_version),
        "source": c.source,
        "source_name": c.source_name,
        "capabilities": sorted(c.capabilities),
        "enabled_by": c.enabled_by,
        "facts": {
            "priority": rules.priority(c),
            "stack_level": c.stack_level or 0,
            "source_rank": c.source_rank,
            "version": place,
        },
        "refusals": list(_refusals(rules, c)),
        "blocked": "" if block is None else f"requires {block.requirement}, which is not there",
    }


def _refusals(rules: Rules, c: Candidate) -> Iterator[list[str]]:
    """Yield code, reason and what lifts it, of every refusal there can be."""
    flag = c.enabled_by
    open_ = rules if flag is None else replace(rules, flags={**rules.flags, flag: True})
    shut = rules if flag is None else replace(rules, flags={**rules.flags, flag: False})
    always = Counter((r.code, r.reason) for r in open_.refusals(c, selected=True))
    for refusal in shut.refusals(c, selected=False):
        said = (refusal.code, refusal.reason)
        stays = always[said] > 0
        always[said] -= 1
        yield [refusal.code, clean(refusal.reason), "" if stays else _LIFTS[refusal.code]]


def requirements(generation: Generation, target: str) -> Iterator[list[Any]]:
    """Yield depth, tone and text of what the winner of *target* requires, and what that does."""
    seen: set[str] = {target}
    waiting: list[tuple[int, str, str]] = [*_required(generation, target, 0)]
    lines = 0
    while waiting:
        depth, name, wanted = waiting.pop(0)
        domain, _, key = name.partition(":")
        found = generation.winner(domain, key)
        lines += 1
        if lines > MOST_LINES:
            yield [0, "quiet", f"and {len(waiting) + 1} more"]
            return
        text = f"{name} {wanted}".rstrip()
        if found is None:
            yield [depth, "bad", f"{text} → nothing"]
        elif name in seen:
            yield [depth, "quiet", f"{text} → {found}, as above"]
        else:
            yield [depth, "ok", f"{text} → {found}"]
            seen.add(name)
            waiting[:0] = _required(generation, name, depth + 1)


def _required(generation: Generation, target: str, depth: int) -> Iterator[tuple[int, str, str]]:
    domain, _, key = target.partition(":")
    explanation = generation.explain(domain, key)
    if explanation.ranking:
        for name, wanted in explanation.ranking[0].candidate.requires.items():
            yield depth, name, wanted
