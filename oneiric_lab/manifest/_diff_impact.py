"""What a change of manifests does to one workspace: winners, rules, needs; nothing is published."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ._candidates import entered
from ._diff_fields import compare
from ._diff_risks import Risk
from ._manifest import identity_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from oneiric_lab.errors import Fault
    from oneiric_lab.registry import Candidate, Generation, Registry

    from ._diff_match import EntryChange
    from ._manifest import Manifest


@dataclass(frozen=True, slots=True)
class WinnerChange:
    """A component that is provided otherwise.

    Attributes:
        target: `domain:key`.
        old: Who provides it before, None where nobody does.
        new: Who provides it after.
        old_rule: What decides before, with its values.
        new_rule: What decides after, or why nobody provides it.
    """

    target: str
    old: Candidate | None
    new: Candidate | None
    old_rule: str
    new_rule: str

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "target": self.target,
            "old": _who(self.old),
            "new": _who(self.new),
            "old_rule": self.old_rule,
            "new_rule": self.new_rule,
        }


def _who(candidate: Candidate | None) -> dict[str, object] | None:
    if candidate is None:
        return None
    return {
        "provider": candidate.provider,
        "version": candidate.version,
        "source": candidate.source,
        "source_name": candidate.source_name,
    }


class Refused(NamedTuple):
    """Entries of the new manifest that may not win here.

    Attributes:
        code: Of the first refusal of each.
        entries: How many.
        example: One of them, with the reason.
    """

    code: str
    entries: int
    example: str


@dataclass(frozen=True, slots=True)
class Impact:
    """What becomes of a workspace.

    Attributes:
        winners: Components that are provided otherwise.
        problems: What would be wrong that is not wrong before.
        solved: What is wrong before and would not be.
        refused: Why entries of the new manifest may not win here, the most frequent first.
        entries: How many entries the new manifest has.
    """

    winners: tuple[WinnerChange, ...]
    problems: tuple[Fault, ...]
    solved: tuple[Fault, ...]
    refused: tuple[Refused, ...]
    entries: int

    def only(self, wanted: Callable[[str], bool]) -> Impact:
        """Return the winners of components that are *wanted*."""
        return replace(self, winners=tuple(w for w in self.winners if wanted(w.target)))

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "winners": [winner.as_dict() for winner in self.winners],
            "problems": [fault.as_dict() for fault in self.problems],
            "solved": [fault.as_dict() for fault in self.solved],
            "refused": [some._asdict() for some in self.refused],
        }


def impact_of(
    old: Manifest,
    new: Manifest,
    changes: Sequence[EntryChange],
    registry: Registry,
    allowed: Sequence[str],
) -> tuple[Impact, list[Risk]]:
    """Return what becomes of a workspace when *new* takes the place of *old*, and its risks."""
    before = entered(registry, old, allowed=allowed)
    after = entered(registry, new, allowed=allowed)
    winners = tuple(_winners(before, after))
    was, now = ({str(f.message): f for f in g.problems()} for g in (before, after))
    impact = Impact(
        winners,
        tuple(fault for text, fault in now.items() if text not in was),
        tuple(fault for text, fault in was.items() if text not in now),
        _refused(after, new),
        len(new.entries),
    )
    line = "manifest", new.source_name
    index = {(*line, *identity_of(e)): number for number, e in enumerate(new.entries)}
    risks = [
        *_of_winners(winners, before, after, registry.needs(), index),
        *_over_selection(changes, after),
    ]
    return impact, risks


def _winners(before: Generation, after: Generation) -> Iterator[WinnerChange]:
    was, now = before.winners(), after.winners()
    for target in sorted({*was, *now}):
        old, new = was.get(target), now.get(target)
        if old is new or (old and new and old.identity == new.identity and _alike(old, new)):
            continue
        domain, _, key = target.partition(":")
        yield WinnerChange(target, old, new, _rule(before, domain, key), _rule(after, domain, key))


def _alike(old: Candidate, new: Candidate) -> bool:
    """Return whether two candidates of one identity are of one content, too."""
    was, now = old.metadata.get("entry"), new.metadata.get("entry")
    return isinstance(was, dict) and isinstance(now, dict) and not compare(was, now)


def _rule(generation: Generation, domain: str, key: str) -> str:
    found = generation.explain(domain, key)
    if found.problem is None:
        return found.decided_by
    return found.problem.message if found.ranking or found.rejected else "no candidate"


def _refused(after: Generation, new: Manifest) -> tuple[Refused, ...]:
    """Return why entries may not win here, the most frequent first."""
    rules = after.rules
    found: dict[str, list[str]] = {}
    for candidate in after.candidates():
        if candidate.source != "manifest" or candidate.source_name != new.source_name:
            continue
        choice = rules.selection(candidate.domain, candidate.key)
        selected = choice is not None and choice.value == candidate.provider
        for refusal in rules.refusals(candidate, selected=selected)[:1]:
            found.setdefault(refusal.code, []).append(f"{candidate} {refusal.reason}")
    some = (Refused(code, len(texts), texts[0]) for code, texts in found.items())
    return tuple(sorted(some, key=lambda one: -one.entries))


def _at(candidate: Candidate, index: Mapping[Any, int]) -> tuple[str | int, ...] | None:
    number = index.get((candidate.source, candidate.source_name, *candidate.identity[:4]))
    return None if number is None else ("entries", number)


def _of_winners(
    winners: Sequence[WinnerChange],
    before: Generation,
    after: Generation,
    needs: Mapping[str, frozenset[str]],
    index: Mapping[Any, int],
) -> Iterator[Risk]:
    for change in winners:
        old, new, target = change.old, change.new, change.target
        if old is None:
            continue
        if new is None:
            said = f"{old} provides it, and nothing would: {change.new_rule}"
            yield Risk("component-lost", target, str(old), said)
            continue
        at = _at(new, index)
        if new.source == "manifest" and old.source != "manifest":
            said = f"{old} ({_from(old)}) provides it, and {new} of the manifest would"
            yield Risk("winner-by-manifest", target, str(new), said, None, at)
        lost = old.capabilities - new.capabilities
        for name in sorted(lost & needs.get(target, frozenset())):
            said = f"{new} lacks `{name}`, which is asked for here; {old} has it"
            yield Risk("capability-needed", target, str(new), said, None, at)
        users = [str(c) for c in _users(after, target)] if lost else []
        for name in sorted(lost - needs.get(target, frozenset())):
            if users:
                said = f"{new} lacks `{name}`, which {old} has; {users[0]} requires {target}"
                yield Risk("capability-needed", target, str(new), said, None, at)


def _from(candidate: Candidate) -> str:
    return f"{candidate.source} {candidate.source_name}".strip()


def _users(generation: Generation, target: str) -> Iterator[Candidate]:
    """Yield the winners that require a component."""
    for domain, key in sorted(generation.linked):
        winner = generation.winner(domain, key)
        if winner is not None and target in winner.requires:
            yield winner


def _over_selection(changes: Sequence[EntryChange], after: Generation) -> Iterator[Risk]:
    """Tell of entries that stand above the selected one, which nothing but the selection holds."""
    rules = after.rules
    for change in changes:
        new = change.new
        if new is None:
            continue
        domain, key = new["domain"], new["key"]
        choice = rules.selection(domain, key)
        if choice is None or choice.value == new["provider"]:
            continue
        if (was := change.former) is not None and _rank(was) >= _rank(new):
            continue
        winner = after.winner(domain, key)
        if winner is None or winner.provider != choice.value:
            continue
        rank = _rank(new)
        if rank > (rules.priority(winner), winner.stack_level or 0):
            where = "" if choice.origin is None else f" ({choice.origin})"
            said = f"with priority {rank[0]} it would beat {winner}, were that not selected{where}"
            at = ("entries", change.new_index or 0)
            yield Risk("priority-over-selection", change.target, change.who, said, None, at)


def _rank(entry: Mapping[str, Any]) -> tuple[int, int]:
    return entry.get("priority", 0), entry.get("stack_level", 0)
