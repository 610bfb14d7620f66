"""One published state of the registry: immutable, numbered, asked without a lock."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from oneiric_lab.errors import (
    AmbiguousError,
    Fault,
    NoCandidateError,
    RequirementError,
    SelectionError,
    did_you_mean,
)
from oneiric_lab.views import Result

from ._candidate import TABLES, Candidate, is_target, names
from ._explain import Explanation, Stand, decide, no_candidate
from ._rank import Wish, ordered, rank
from ._settle import find, unmet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from oneiric_lab.errors import OneiricError
    from oneiric_lab.views import View

    from ._explain import Ranked, Rejected
    from ._listing import GenerationDiff, Listing
    from ._node import Block, Node
    from ._rules import Choice, Rules

_ERRORS: dict[str, type[OneiricError]] = {
    "selection-unknown": SelectionError,
    "selection-refused": SelectionError,
    "requirement-missing": RequirementError,
    "requirement-version": RequirementError,
    "requirement-cycle": RequirementError,
    "ambiguous": AmbiguousError,
    "no-candidate": NoCandidateError,
}
_NAMED = 3


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Generation(Result):
    """One numbered publish: candidates, rules and winners at one moment.

    Attributes:
        number: Grows with every publish.
        rules: What decided.
        nodes: Domain to key to node.
        linked: Components some candidate of which requires others.
    """

    number: int
    rules: Rules
    nodes: Mapping[str, Mapping[str, Node]] = field(default_factory=dict)
    linked: frozenset[tuple[str, str]] = frozenset()

    def keys(self, domain: str | None = None) -> list[str]:
        """Return all components, as `domain:key`, sorted."""
        return sorted(
            f"{d}:{k}" for d, keys in self.nodes.items() if domain in (None, d) for k in keys
        )

    def candidates(self, domain: str | None = None, key: str | None = None) -> Iterator[Candidate]:
        """Yield the candidates of a component, of a domain, or all, in the order of names."""
        for d in sorted(self.nodes):
            if domain not in (None, d):
                continue
            for k in sorted(self.nodes[d]):
                if key in (None, k):
                    yield from sorted(self.nodes[d][k].members, key=lambda c: c.tie)

    def resolve(
        self,
        domain: str,
        key: str,
        need: str | Iterable[str] | None = None,
        need_any: str | Iterable[str] | None = None,
        prefer: str | Iterable[str] | None = None,
    ) -> Candidate:
        """Return the candidate that wins.

        Args:
            domain: One of the seven domains.
            key: The component within it.
            need: Capabilities the winner must have, all of them.
            need_any: Capabilities of which it must have one; more matches rank higher.
            prefer: Capabilities that only rank.

        Raises:
            NoCandidateError: Nothing can provide it, with each candidate's reason.
            SelectionError: A selection names a provider that is unknown or refused.
            AmbiguousError: Only names decided, and the rules are strict.
            RequirementError: The winner requires what nothing provides, or itself.
        """
        if need is None and need_any is None and prefer is None:
            node = self.nodes.get(domain, {}).get(key)
            if node is not None and node.winner is not None:
                return node.winner
        explanation = self.explain(domain, key, need, need_any, prefer)
        if explanation.problem is not None:
            raise _ERRORS[explanation.problem.code](explanation.problem)
        winner = explanation.winner
        assert winner is not None  # noqa: S101 - an explanation has a winner or a problem
        return winner

    def explain(
        self,
        domain: str,
        key: str,
        need: str | Iterable[str] | None = None,
        need_any: str | Iterable[str] | None = None,
        prefer: str | Iterable[str] | None = None,
    ) -> Explanation:
        """Return who wins and why the others do not; takes O(n log n) for n candidates.

        Arguments are those of `resolve`. Never raises for a component without a winner:
        `problem` then says why.
        """
        node = self.nodes.get(domain, {}).get(key)
        members: Sequence[Candidate] = () if node is None else node.members
        wish = Wish(names(need), names(need_any), names(prefer))
        ranking, rejected = rank(members, self.rules, domain, key, wish)
        decided, ambiguous = decide(ranking)
        target = f"{domain}:{key}"
        choice = self.rules.selection(domain, key)
        problem: Fault | None = None
        if choice is not None and members:
            problem = _bad_selection(target, choice, members, ranking, rejected)
        if problem is None and not ranking:
            asked = wish.need | wish.need_any
            with_ = f" with {{{', '.join(sorted(asked))}}}" if asked else ""
            # Sorting all names is for a name that nobody knows: 10,000 others need not pay.
            problem = no_candidate(target, with_, rejected, [] if members else self.keys())
        if problem is None and ambiguous and self.rules.strict:
            problem = _ambiguous(domain, key, ranking)
        if problem is None and ranking[0].candidate.requires:
            problem = self._blocked(target, node, ranking[0].candidate)
        return Explanation(
            target,
            ranking[0].candidate if problem is None else None,
            ranking,
            rejected,
            decided,
            ambiguous,
            self.number,
            problem,
            len(wish.prefer | wish.need_any),
        )

    # --- requirements -------------------------------------------------------------------

    def _blocked(self, target: str, node: Node | None, first: Candidate) -> Fault | None:
        block = unmet(self.nodes, first)
        if block is None:
            return None
        # Who is first without a wish was settled at publish, which also saw the cycles.
        settled = node.block if node is not None else None
        if settled is not None and settled.kind == "cycle" and block.requirement in settled.path:
            block = settled
        return self._requirement(target, first, block)

    def _requirement(self, target: str, candidate: Candidate, block: Block) -> Fault:
        """Return the fault at the end of the chain of requirements that starts at *target*."""
        chain = [(target, candidate)]
        seen = {target}
        while block.kind == "missing" and block.requirement not in seen:
            node = find(self.nodes, block.requirement)
            if node is None or node.block is None:
                break
            domain, _, key = block.requirement.partition(":")
            ranking, _ = rank(node.members, self.rules, domain, key)
            chain.append((block.requirement, ranking[0].candidate))
            seen.add(block.requirement)
            block = node.block
        holder = chain[-1][1]
        lost = [name for name, _ in reversed(chain)]
        if block.kind == "cycle":
            return Fault(
                "requirement-cycle",
                f"requirements form a cycle: {' -> '.join(block.path)}",
                holder.origin,
                so=_so(lost[1:]) if len(lost) > 1 else None,
                fix="let one of them go, or select a provider that requires less",
            )
        wanted = holder.requires[block.requirement]
        domain, _, key = block.requirement.partition(":")
        if block.kind == "version":
            found = self.nodes[domain][key].winner
            return Fault(
                "requirement-version",
                f"{holder} requires {block.requirement}{wanted}, found {found}",
                holder.origin,
                so=_so(lost),
                fix=f"select another provider of {block.requirement}, or of {lost[0]}",
            )
        inner = self.explain(domain, key).problem
        assert inner is not None  # noqa: S101 - it is missing, or it would not block
        return Fault(
            "requirement-missing",
            inner.message,
            inner.origin or holder.origin,
            because=inner.because,
            so=_so(lost),
            why=inner.why,
            fix=inner.fix,
        )

    def problems(self) -> list[Fault]:
        """Return what is wrong with any component: selections, requirements, conflicts.

        A component whose candidates are all refused is no problem until it is asked for.
        """
        out: list[Fault] = []
        strict = self.rules.strict
        # Where nothing is selected, required or in doubt, who has no winner has no candidate
        # in the running: of 10,000 that may not run here none is looked at again.
        lost = [
            (domain, key)
            for domain, keys in self.nodes.items()
            for selected in (self.rules.selections.get(domain, {}),)
            for key, node in keys.items()
            if node.winner is None
            and (node.block is not None or (strict and len(node.members) > 1) or key in selected)
        ]
        for domain, key in sorted(lost):
            problem = self.explain(domain, key).problem
            if problem is not None and problem.code != "no-candidate":
                out.append(problem)
        for domain, choices in sorted(self.rules.selections.items()):
            for key, choice in sorted(choices.items()):
                if key not in self.nodes.get(domain, {}):
                    out.append(
                        Fault(
                            "selection-unknown",
                            f"selection for {domain}:{key}, which no candidate provides",
                            choice.origin,
                            fix=did_you_mean(f"{domain}:{key}", self.keys(), limit=5),
                        )
                    )
        return [*out, *self._conflicts()]

    def _conflicts(self) -> Iterator[Fault]:
        winners = self.winners()
        for target, winner in winners.items():
            for other in winner.conflicts_with:
                if is_target(other) and other in winners:
                    yield Fault(
                        "conflict",
                        f"{winner} ({target}) conflicts with {other}, provided by {winners[other]}",
                        winner.origin,
                        fix=f"select another provider of {target} or {other}",
                    )

    # --- overviews ----------------------------------------------------------------------

    def stands(
        self, domain: str | None = None, keys: Iterable[str] | None = None
    ) -> Iterator[Stand]:
        """Yield how each candidate stands, winners first within each component.

        Args:
            domain: One of the seven, None for all.
            keys: Components of that domain, None for all.
        """
        for d in sorted(self.nodes):
            if domain in (None, d):
                for k in sorted(self.nodes[d] if keys is None else self.nodes[d].keys() & keys):
                    yield from self._stands(d, k, self.nodes[d][k])

    def _stands(self, domain: str, key: str, node: Node) -> Iterator[Stand]:
        target = f"{domain}:{key}"
        winner = node.winner
        ranking, rejected = ordered(node.members, self.rules, domain, key)
        for place, (_, candidate) in enumerate(ranking, 1):
            state, reason = "shadowed", ""
            if candidate is winner:
                state = "active"
            elif place == 1 and winner is None:
                problem = self.explain(domain, key).problem
                reason = "" if problem is None else problem.message
            yield Stand(target, candidate, state, place, reason)
        for out in rejected:
            first = out.refusals[0]
            state = "quarantined" if first.code == "quarantined" else "rejected"
            yield Stand(target, out.candidate, state, None, first.reason)

    def winner(self, domain: str, key: str) -> Candidate | None:
        """Return who wins where nothing is asked for, or None; never raises."""
        node = self.nodes.get(domain, {}).get(key)
        return None if node is None else node.winner

    def winners(self) -> dict[str, Candidate]:
        """Return each component that is provided, with its winner."""
        return {
            f"{d}:{k}": node.winner
            for d, keys in sorted(self.nodes.items())
            for k, node in sorted(keys.items())
            if node.winner is not None
        }

    def diff(self, other: Generation) -> GenerationDiff:
        """Return what *other*, the later one, changes."""
        from ._listing import GenerationDiff  # noqa: PLC0415 - it is about this class

        return GenerationDiff(self, other)

    def listing(self, domain: str | None = None, most: int | None = None) -> Listing:
        """Return all candidates with their states, or those of one domain, as a table.

        Args:
            domain: One of the seven, None for all.
            most: List the first ones only, so many, without a look at the others.
        """
        from ._listing import listing  # noqa: PLC0415 - see diff

        below = [keys for name, keys in self.nodes.items() if domain in (None, name)]
        sizes = [len(node.members) for keys in below for node in keys.values()]
        if most is None or sum(sizes) <= most:
            return listing(self, domain)
        return replace(listing(self, domain, most), of=(len(sizes), sum(sizes)))

    def as_dict(self) -> dict[str, object]:
        """Return all candidates with their states."""
        return self.listing().as_dict()

    def view(self) -> View:
        """Return all candidates as a table."""
        return self.listing().view()


def _so(lost: list[str]) -> str:
    text = f"{lost[0]} (requires it) cannot be provided either"
    more = lost[1:]
    if not more:
        return text
    shown = ", ".join(more[:_NAMED])
    if len(more) > _NAMED:
        shown += f" and {len(more) - _NAMED} more"
    return f"{text}, nor {shown}"


def _ambiguous(domain: str, key: str, ranking: tuple[Ranked, ...]) -> Fault:
    top = ranking[0].score
    equal = [row.candidate for row in ranking if row.score == top]
    table = TABLES.get(domain)
    return Fault(
        "ambiguous",
        f"{domain}:{key} is ambiguous: only names decide between "
        + " and ".join(f"{c} ({c.source} {c.source_name})".replace(" )", ")") for c in equal),
        equal[0].origin,
        fix=f"set {table}.selections.{key}, or give one a higher priority"
        if table
        else "give one a higher priority",
    )


def _bad_selection(
    target: str,
    choice: Choice,
    members: Sequence[Candidate],
    ranking: tuple[Ranked, ...],
    rejected: tuple[Rejected, ...],
) -> Fault | None:
    if ranking and ranking[0].candidate.provider == choice.value:
        return None
    known = sorted({c.provider for c in members})
    if choice.value not in known:
        return Fault(
            "selection-unknown",
            f"selection for {target} names unknown provider `{choice.value}`",
            choice.origin,
            fix=did_you_mean(choice.value, known),
        )
    reasons = [
        f"{out.candidate} {r.reason}"
        for out in rejected
        for r in out.refusals
        if out.candidate.provider == choice.value
    ]
    others = ", ".join(dict.fromkeys(row.candidate.provider for row in ranking))
    return Fault(
        "selection-refused",
        f"selection for {target} names `{choice.value}`, which is refused",
        choice.origin,
        why="; ".join(reasons),
        fix=f"select another: {others}" if others else None,
    )
