"""The smallest change of the configuration that lets a provider win."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from oneiric_lab.errors import Fault, NoCandidateError, did_you_mean

from ._candidate import TABLES, Candidate
from ._explain import WhyNot
from ._rules import Choice

if TYPE_CHECKING:
    from ._generation import Generation
    from ._rules import Rules


def why_not(generation: Generation, domain: str, key: str, provider: str) -> WhyNot:
    """Return the change that lets *provider* provide `domain:key`, tried before it is told.

    Raises:
        NoCandidateError: No candidate has this provider.
    """
    target = f"{domain}:{key}"
    now = generation.explain(domain, key)
    everyone = [r.candidate for r in now.ranking] + [r.candidate for r in now.rejected]
    mine = [c for c in everyone if c.provider == provider]
    if not mine:
        raise NoCandidateError(
            Fault(
                "no-candidate",
                f"{target} has no provider `{provider}`",
                fix=did_you_mean(provider, [c.provider for c in everyone]),
            )
        )
    if now.winner is not None and now.winner.provider == provider:
        return WhyNot(target, provider, {}, (), already=True)
    because = [
        f"{out.candidate} {refusal.reason}"
        for out in now.rejected
        if out.candidate.provider == provider
        for refusal in out.refusals
    ]
    if not because and now.winner is not None:
        because = [f"{now.winner} wins: {now.decided_by}"]
    best: dict[str, object] | None = None
    for candidate in mine:
        changes, rules = _change(generation.rules, candidate, domain, key)
        if rules is None or (best is not None and len(changes) >= len(best)):
            continue
        after = replace(generation, rules=rules).explain(domain, key)
        if after.winner is not None and after.winner.provider == provider:
            best = changes
        elif after.problem is not None and after.problem.message not in because:
            because.append(after.problem.message)
    return WhyNot(target, provider, best, tuple(because))


def _change(
    rules: Rules, candidate: Candidate, domain: str, key: str
) -> tuple[dict[str, object], Rules | None]:
    """Return the changes that answer each refusal of *candidate*, and the rules with them."""
    changes: dict[str, object] = {}
    table = TABLES.get(domain)
    if table is None:
        return {}, None
    for refusal in rules.refusals(candidate, selected=True):
        if refusal.code == "disabled" and candidate.enabled_by is not None:
            changes[f"flags.{candidate.enabled_by}"] = True
            rules = replace(rules, flags={**rules.flags, candidate.enabled_by: True})
        elif refusal.code == "version":
            wanted = f"=={candidate.version}"
            changes[f"{table}.constraints.{key}"] = wanted
            rules = replace(rules, constraints=_with(rules.constraints, domain, key, wanted))
        else:
            return {}, None
    selection = rules.selection(domain, key)
    if selection is None or selection.value != candidate.provider:
        changes[f"{table}.selections.{key}"] = candidate.provider
        rules = replace(rules, selections=_with(rules.selections, domain, key, candidate.provider))
    return changes, rules


def _with(table: object, domain: str, key: str, value: str) -> dict[str, dict[str, Choice]]:
    out = {d: dict(keys) for d, keys in table.items()}  # type: ignore[attr-defined]  # a mapping of mappings
    out.setdefault(domain, {})[key] = Choice(value)
    return out
