"""Who would win if a few facts were others: a question, which changes nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from oneiric_lab.errors import Fault, NoCandidateError, UsageError, did_you_mean

from ._candidate import PRIORITIES
from ._publish import next_generation
from ._rules import Choice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import EllipsisType

    from ._candidate import Candidate
    from ._explain import Explanation
    from ._generation import Generation


def labels(members: Sequence[Candidate]) -> dict[str, Candidate]:
    """Return the shortest name of each candidate of a component that no other one has.

    Example:
        >>> from oneiric_lab.registry import Candidate
        >>> redis = [Candidate("adapter", "cache", "redis", version=v) for v in ("1", "2")]
        >>> list(labels([*redis, Candidate("adapter", "cache", "memory")]))
        ['memory', 'redis 1', 'redis 2']
    """
    ordered = sorted(members, key=lambda c: c.tie)
    providers = Counter(c.provider for c in ordered)
    versions = Counter(map(str, ordered))
    out: dict[str, Candidate] = {}
    for c in ordered:
        name = c.provider if providers[c.provider] == 1 else str(c)
        if name != c.provider and versions[name] > 1:
            name = f"{name} ({c.source_name})"
        out[name] = c
    return out


def what_if(
    generation: Generation,
    domain: str,
    key: str,
    *,
    select: str | EllipsisType | None = ...,
    priority: Mapping[str, int] | None = None,
    flags: Mapping[str, bool] | None = None,
    need: str | Iterable[str] | None = None,
    need_any: str | Iterable[str] | None = None,
    prefer: str | Iterable[str] | None = None,
) -> Explanation:
    """Return what `explain` would say; see `Registry.what_if`."""
    members = list(generation.candidates(domain, key))
    target = f"{domain}:{key}"
    if not members:
        fix = did_you_mean(target, generation.keys(), limit=5)
        raise NoCandidateError(Fault("no-candidate", f"no candidate for {target}", fix=fix))
    named = labels(members)
    for name, value in (priority or {}).items():
        wanted = [c for label, c in named.items() if name in {label, c.provider, str(c)}]
        if not wanted:
            fix = did_you_mean(name, named)
            raise NoCandidateError(Fault("no-candidate", f"{target} has no `{name}`", fix=fix))
        if type(value) is not int or value not in PRIORITIES:
            least, most = PRIORITIES.start, PRIORITIES.stop - 1
            raise UsageError(
                Fault("usage", f"expected a priority from {least} to {most}, found {value!r}")
            )
        changed = {c.identity for c in wanted}
        members = [replace(c, priority=value) if c.identity in changed else c for c in members]
    rules = replace(generation.rules, flags={**generation.rules.flags, **(flags or {})})
    if select is not ...:
        choices = {d: dict(keys) for d, keys in rules.selections.items()}
        choices.setdefault(domain, {}).pop(key, None)
        if select is not None:
            choices[domain][key] = Choice(select)
        rules = replace(rules, selections=choices)
    after = next_generation(generation, {domain: {key: members}}, rules)
    return after.explain(domain, key, need, need_any, prefer)
