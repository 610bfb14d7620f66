"""Overviews of generations: all candidates with their states, and what a publish changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneiric_lab.views import Cell, Column, Result, Table, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oneiric_lab.views import CellLike, Tone

    from ._candidate import Candidate
    from ._explain import Asked
    from ._rules import Rules

_TONES: dict[str, Tone] = {
    "active": "ok",
    "shadowed": "muted",
    "rejected": "bad",
    "quarantined": "bad",
}


def listing(generation: Asked, domain: str | None = None) -> Listing:
    """Return all candidates, or those of one domain, with their states."""
    return Listing(generation.number, tuple(_rows(generation, domain)))


def _rows(generation: Asked, domain: str | None) -> Iterator[dict[str, object]]:
    rules = generation.rules
    for target in generation.keys(domain):
        d, _, k = target.partition(":")
        explanation = generation.explain(d, k)
        problem = explanation.problem
        for row in explanation.ranking:
            state, reason = "shadowed", ""
            if row.candidate is explanation.winner:
                state = "active"
            elif row.rank == 1 and problem is not None:
                reason = problem.message
            yield _row(target, row.candidate, rules, state, reason)
        for out in explanation.rejected:
            first = out.refusals[0]
            state = "quarantined" if first.code == "quarantined" else "rejected"
            yield _row(target, out.candidate, rules, state, first.reason)


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
        table: list[tuple[CellLike, ...]] = []
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
                    str(row["priority"]),
                    source,
                    Cell(state, _TONES[state]),
                    str(row["reason"]),
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
            (Table(heads, tuple(table)),),
            facts=(f"generation {self.generation}",),
        )


@dataclass(frozen=True, slots=True, repr=False)
class GenerationDiff(Result):
    """What a later generation changes."""

    old: Asked
    new: Asked

    @property
    def changes(self) -> list[dict[str, object]]:
        """Components whose winner differs: target, old, new, why."""
        old, new = self.old.winners(), self.new.winners()
        out: list[dict[str, object]] = []
        for target in sorted({*old, *new}):
            before, after = old.get(target), new.get(target)
            if before is after or (before and after and before.identity == after.identity):
                continue
            domain, _, key = target.partition(":")
            explanation = self.new.explain(domain, key)
            problem = explanation.problem
            why = explanation.decided_by if problem is None else problem.message
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
