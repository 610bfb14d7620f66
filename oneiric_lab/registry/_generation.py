"""One published state of the registry: immutable, numbered, asked without a lock."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from oneiric_lab.errors import (
    Fault,
    NoCandidateError,
    RequirementError,
    SelectionError,
    did_you_mean,
)
from oneiric_lab.views import Cell, Column, Result, Table, View

from ._candidate import TABLES, Candidate, Refusal, names, specifier
from ._explain import Explanation, Ranked, Rejected, WhyNot, decide, no_candidate
from ._rules import Choice, Rules, score

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from oneiric_lab.errors import OneiricError

Wish = "str | Iterable[str] | None"


class Node:
    """All about one key, worked out at publish.

    Attributes:
        members: Every candidate of the key, by identity.
        winner: Who wins without any wish, or None.
        fault: Why nobody does.
        memo: Wish to winner; filled on demand. A write that happens twice writes the same.
    """

    __slots__ = ("fault", "members", "memo", "winner")

    def __init__(
        self,
        members: dict[tuple[str, ...], Candidate],
        winner: Candidate | None,
        fault: OneiricError | None,
    ) -> None:
        self.members = members
        self.winner = winner
        self.fault = fault
        self.memo: dict[object, Candidate] = {}


@dataclass(frozen=True, slots=True, repr=False)
class Generation(Result):
    """One numbered publish: candidates, rules and winners at one moment.

    Attributes:
        number: Grows with every publish.
        rules: What decided.
        nodes: Domain to key to node.
    """

    number: int
    rules: Rules
    nodes: Mapping[str, Mapping[str, Node]] = field(default_factory=dict)

    def keys(self, domain: str | None = None) -> list[str]:
        """Return all components, as `domain:key`, sorted."""
        return sorted(
            f"{d}:{k}" for d, keys in self.nodes.items() if domain in (None, d) for k in keys
        )

    def candidates(self, domain: str | None = None, key: str | None = None) -> Iterator[Candidate]:
        """Yield the candidates of a component, of a domain, or all."""
        for d in sorted(self.nodes):
            if domain not in (None, d):
                continue
            for k in sorted(self.nodes[d]):
                if key in (None, k):
                    yield from self.nodes[d][k].members.values()

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
            RequirementError: The winner requires what nothing provides, or itself.
        """
        if need is None and need_any is None and prefer is None:
            node = self.nodes.get(domain, {}).get(key)
            if node is not None and node.winner is not None:
                return node.winner
        explanation = self.explain(domain, key, need, need_any, prefer)
        if explanation.winner is None:
            raise self._error(explanation)
        return explanation.winner

    def _error(self, explanation: Explanation) -> OneiricError:
        fault = explanation.problem
        if fault is None:  # pragma: no cover - an explanation without a winner names its problem
            fault = Fault("no-candidate", f"no candidate for {explanation.target}")
        kinds = {
            "selection": SelectionError,
            "requirement": RequirementError,
            "cycle": RequirementError,
        }
        return kinds.get(fault.code.split("-", 1)[0], NoCandidateError)(fault)

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
        members = () if node is None else node.members.values()
        all_, any_, wished = names(need), names(need_any), names(prefer)
        ranking, rejected = rank(members, self.rules, domain, key, all_, any_, wished)
        decided, ambiguous = decide(ranking)
        target = f"{domain}:{key}"
        choice = self.rules.selection(domain, key)
        winner = ranking[0].candidate if ranking else None
        problem: Fault | None = None
        if choice is not None:
            problem = _bad_selection(target, choice, members, ranking, rejected)
        if problem is None and winner is None:
            wish = f" with {{{', '.join(sorted(all_ | any_))}}}" if all_ | any_ else ""
            problem = no_candidate(target, wish, rejected, self.keys())
        if problem is None and ambiguous and self.rules.strict:
            problem = Fault(
                "ambiguous",
                f"{target} is ambiguous: {decided}",
                fix=f"select one: {TABLES.get(domain, domain)}.selections.{key} = ...",
            )
        if problem is None and winner is not None and winner.requires:
            problem = self._requirements(winner, (target,))
        if problem is not None:
            winner = None
        return Explanation(
            target,
            winner,
            ranking,
            rejected,
            decided,
            ambiguous and len(ranking) > 1,
            self.number,
            problem,
            len(wished | any_),
        )

    def _requirements(self, candidate: Candidate, chain: tuple[str, ...]) -> Fault | None:
        """Return why *candidate* cannot have what it requires, following the winners only."""
        for target, wanted in candidate.requires.items():
            if target in chain:
                around = " -> ".join((*chain[chain.index(target) :], target))
                return Fault(
                    "cycle",
                    f"requirements form a cycle: {around}",
                    candidate.origin,
                    fix="let one of them go",
                )
            domain, _, key = target.partition(":")
            node = self.nodes.get(domain, {}).get(key)
            members = () if node is None else node.members.values()
            ranking, rejected = rank(members, self.rules, domain, key)
            so = f"{chain[0]} (requires it) cannot be provided either"
            if not ranking:
                inner = no_candidate(target, "", rejected, self.keys())
                return replace(
                    inner,
                    code="requirement-missing",
                    so=so,
                    message=inner.message + f", required by {candidate}",
                )
            found = ranking[0].candidate
            if wanted and not specifier(wanted).contains(found.parsed_version, prereleases=True):
                return Fault(
                    "requirement-version",
                    f"{candidate} requires {target}{wanted}, which {found} would provide",
                    candidate.origin,
                    so=so,
                    fix=f"select another provider of {target}",
                )
            deeper = self._requirements(found, (*chain, target)) if found.requires else None
            if deeper is not None:
                return deeper
        return None

    def problems(self) -> list[Fault]:
        """Return what is wrong with any component: selections, requirements, conflicts."""
        out: list[Fault] = []
        winners: dict[str, Candidate] = {}
        for domain, keys in sorted(self.nodes.items()):
            for key, node in sorted(keys.items()):
                if node.winner is not None:
                    winners[f"{domain}:{key}"] = node.winner
                elif node.fault is not None and node.fault.code != "no-candidate":
                    out.extend(node.fault.faults)
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
        for target, winner in winners.items():
            out.extend(
                Fault(
                    "conflict",
                    f"{winner} ({target}) conflicts with {other}, provided by {winners[other]}",
                    winner.origin,
                    fix=f"select another provider of {target} or {other}",
                )
                for other in winner.conflicts_with
                if other in winners
            )
        return out

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
        return GenerationDiff(self, other)

    def why_not(self, domain: str, key: str, provider: str) -> WhyNot:
        """Return the change of the configuration that lets *provider* win, if there is one.

        The change was tried: with it, the registry resolves to the provider.
        """
        from ._why_not import why_not  # noqa: PLC0415 - a question that few processes ask

        return why_not(self, domain, key, provider)

    def as_dict(self) -> dict[str, object]:
        """Return all candidates with their states."""
        return {"generation": self.number, "components": list(self._rows())}

    def _rows(self, domain: str | None = None) -> Iterator[dict[str, object]]:
        for target in self.keys(domain):
            d, _, k = target.partition(":")
            explanation = self.explain(d, k)
            for row in explanation.ranking:
                won = row.candidate is explanation.winner
                yield _row(target, row.candidate, self.rules, "active" if won else "shadowed", "")
            for out in explanation.rejected:
                state = "quarantined" if out.refusals[0].code == "quarantined" else "rejected"
                yield _row(target, out.candidate, self.rules, state, out.refusals[0].reason)

    def listing(self, domain: str | None = None) -> Listing:
        """Return all candidates, or those of one domain, as a table."""
        return Listing(self.number, tuple(self._rows(domain)))

    def view(self) -> View:
        """Return all candidates as a table."""
        return self.listing().view()


def _row(target: str, c: Candidate, rules: Rules, state: str, reason: str) -> dict[str, object]:
    return {
        "component": target,
        "provider": c.provider,
        "version": c.version,
        "state": state,
        "priority": rules.priority(c),
        "stack_level": c.stack_level or 0,
        "capabilities": sorted(c.capabilities),
        "source": c.source,
        "source_name": c.source_name,
        "reason": reason,
        "summary": c.summary,
    }


@dataclass(frozen=True, slots=True, repr=False)
class Listing(Result):
    """Candidates with their states."""

    generation: int
    rows: tuple[dict[str, object], ...]

    def as_dict(self) -> dict[str, object]:
        """Return the rows."""
        return {"generation": self.generation, "components": list(self.rows)}

    def view(self) -> View:
        """Return the rows as a table, winners first within each component."""
        tones = {"active": "ok", "shadowed": "muted", "rejected": "bad", "quarantined": "bad"}
        table = []
        last = None
        for row in self.rows:
            state = str(row["state"])
            source = f"{row['source']} {row['source_name']}".strip()
            table.append(
                (
                    Cell(
                        "" if row["component"] == last else str(row["component"]),
                        value=row["component"],
                    ),
                    Cell(str(row["provider"]), "plain" if state == "active" else "lost"),
                    str(row["version"]),
                    row["priority"],
                    source,
                    Cell(state, tones[state]),  # type: ignore[arg-type]  # tones by the table above
                    str(row["reason"]) or Cell("", value=""),
                )
            )
            last = row["component"]
        components = len({row["component"] for row in self.rows})
        heads = (
            "component",
            "provider",
            "version",
            Column("priority", "right"),
            "source",
            "state",
            "reason",
        )
        return View(
            "list",
            f"{components} components, {len(self.rows)} candidates",
            (Table(heads, tuple(table)),),  # type: ignore[arg-type]  # rows hold only what a cell takes
            facts=(f"generation {self.generation}",),
        )


@dataclass(frozen=True, slots=True, repr=False)
class GenerationDiff(Result):
    """What a later generation changes."""

    old: Generation
    new: Generation

    @property
    def changes(self) -> list[dict[str, object]]:
        """Components whose winner differs: target, old, new, why."""
        old, new = self.old.winners(), self.new.winners()
        out: list[dict[str, object]] = []
        for target in sorted({*old, *new}):
            before, after = old.get(target), new.get(target)
            if before is after:
                continue
            if before is not None and after is not None and before.identity == after.identity:
                continue
            domain, _, key = target.partition(":")
            explanation = self.new.explain(domain, key)
            why = (
                explanation.decided_by
                if after
                else (explanation.problem.message if explanation.problem else "withdrawn")
            )
            out.append(
                {
                    "target": target,
                    "old": None if before is None else str(before),
                    "new": None if after is None else str(after),
                    "why": why,
                }
            )
        return out

    def as_dict(self) -> dict[str, object]:
        """Return both numbers and the changes."""
        return {"old": self.old.number, "new": self.new.number, "components": self.changes}

    def view(self) -> View:
        """Return the changes as a table."""
        rows = tuple(
            (
                str(c["target"]),
                Cell(str(c["old"] or "-"), "lost"),
                Cell(str(c["new"] or "-"), "ok" if c["new"] else "bad"),
                str(c["why"]),
            )
            for c in self.changes
        )
        return View(
            "generation-diff",
            f"{len(rows)} components differ",
            (Table(("component", "before", "after", "decided by"), rows),) if rows else (),
            facts=(f"generation {self.old.number} -> {self.new.number}",),
        )


def rank(
    members: Iterable[Candidate],
    rules: Rules,
    domain: str,
    key: str,
    need: frozenset[str] = frozenset(),
    need_any: frozenset[str] = frozenset(),
    prefer: frozenset[str] = frozenset(),
) -> tuple[tuple[Ranked, ...], tuple[Rejected, ...]]:
    """Return who may win, best first, and who may not, with every reason."""
    choice = rules.selection(domain, key)
    chosen = None if choice is None else choice.value
    wished = prefer | need_any
    scored: list[tuple[tuple[int, int, int, int, int, object], Candidate]] = []
    rejected: list[Rejected] = []
    for c in sorted(members, key=_by_name):
        selected = c.provider == chosen
        refusals = rules.refusals(c, selected=selected)
        lacking = need - c.capabilities
        if lacking:
            refusals.append(
                Refusal(
                    "capability", "lacks " + ", ".join(f"`{n}`" for n in sorted(lacking)), c.origin
                )
            )
        if need_any and not need_any & c.capabilities:
            wanted = ", ".join(f"`{n}`" for n in sorted(need_any))
            refusals.append(Refusal("capability", f"has none of {wanted}", c.origin))
        if refusals:
            rejected.append(Rejected(c, tuple(refusals)))
        else:
            matched = len(wished & c.capabilities) if wished else 0
            scored.append((score(c, rules, selected=selected, preferred=matched), c))
    # Stable, and sorted by name before: what the score leaves equal stays in that order.
    scored.sort(key=lambda pair: pair[0], reverse=True)
    ranking = tuple(Ranked(i, c, s) for i, (s, c) in enumerate(scored, 1))
    return ranking, tuple(rejected)


def _by_name(c: Candidate) -> tuple[str, str]:
    return c.provider, c.source_name


def _bad_selection(
    target: str,
    choice: Choice,
    members: Iterable[Candidate],
    ranking: tuple[Ranked, ...],
    rejected: tuple[Rejected, ...],
) -> Fault | None:
    if ranking and ranking[0].candidate.provider == choice.value:
        return None
    known = sorted({c.provider for c in members})
    if not known:
        return None
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
    return Fault(
        "selection-refused",
        f"selection for {target} names `{choice.value}`, which is refused",
        choice.origin,
        why="; ".join(reasons),
        fix=f"select another: {', '.join(dict.fromkeys(r.candidate.provider for r in ranking))}"
        if ranking
        else None,
    )
