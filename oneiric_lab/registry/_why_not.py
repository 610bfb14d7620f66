"""The smallest change of the configuration that lets a provider win."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from oneiric_lab.errors import Fault, NoCandidateError, did_you_mean

from ._candidate import TABLES
from ._explain import WhyNot
from ._rules import Choice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ._candidate import Candidate
    from ._explain import Asked
    from ._rules import Rules

    Changes = dict[str, object]


def why_not(
    generation: Asked, domain: str, key: str, provider: str, retry: Callable[[Rules], Asked]
) -> WhyNot:
    """Return the change that lets *provider* provide `domain:key`, tried before it is told.

    Args:
        generation: How things stand.
        domain: One of the seven domains.
        key: The component within it.
        provider: Who shall win.
        retry: Gives the generation that other rules would make. Other components change
            too: a flag may bring what this one requires.

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
    if now.problem is not None and now.problem.code != "no-candidate":
        because.append(now.problem.message)
    if not because and now.winner is not None:
        because = [f"{now.winner} wins: {now.decided_by}"]
    best: Changes | None = None
    known = _errors(generation)
    for candidate in mine:
        for changes, rules in _attempts(generation.rules, candidate, domain, key):
            if best is not None and len(changes) >= len(best):
                break
            changed = retry(rules)
            after = changed.explain(domain, key)
            broken = _errors(changed) - known
            if after.winner is not None and after.winner.provider == provider and not broken:
                best = changes
                break
            against = sorted(broken)
            if after.problem is not None:
                against = [after.problem.message]
            because += [reason for reason in against if reason not in because]
    return WhyNot(target, provider, best, tuple(because))


def _errors(generation: Asked) -> set[str]:
    """Return what is wrong; a plan is refused for what is not wrong already."""
    return {fault.message for fault in generation.problems() if fault.severity == "error"}


def _attempts(
    rules: Rules, candidate: Candidate, domain: str, key: str
) -> Iterator[tuple[Changes, Rules]]:
    """Yield changes that answer every refusal of *candidate*, without and with a selection."""
    changes: Changes = {}
    table = TABLES.get(domain)
    for refusal in rules.refusals(candidate, selected=table is not None):
        flag = candidate.enabled_by
        if refusal.code == "disabled" and flag is not None:
            changes[f"flags.{flag}"] = True
            rules = replace(rules, flags={**rules.flags, flag: True})
        elif refusal.code == "version" and table is not None:
            wanted = f"=={candidate.version}"
            changes[f"{table}.constraints.{key}"] = wanted
            rules = replace(rules, constraints=_with(rules.constraints, domain, key, wanted))
        else:
            return
    if changes:
        yield dict(changes), rules
    selection = rules.selection(domain, key)
    if table is not None and (selection is None or selection.value != candidate.provider):
        changes[f"{table}.selections.{key}"] = candidate.provider
        chosen = _with(rules.selections, domain, key, candidate.provider)
        yield changes, replace(rules, selections=chosen)


def _with(
    table: Mapping[str, Mapping[str, Choice]], domain: str, key: str, value: str
) -> dict[str, dict[str, Choice]]:
    out = {d: dict(keys) for d, keys in table.items()}
    out.setdefault(domain, {})[key] = Choice(value)
    return out
