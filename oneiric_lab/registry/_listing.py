"""Overviews of generations: all candidates with their states, and what a publish changed."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault, UsageError, did_you_mean
from oneiric_lab.views import Cell, Column, Result, Table, View

from ._candidate import parse_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from oneiric_lab.views import CellLike, Tone

    from ._candidate import Candidate
    from ._explain import Asked, Stand

_TONES: dict[str, Tone] = {
    "active": "ok",
    "shadowed": "muted",
    "rejected": "bad",
    "quarantined": "bad",
}


def listing(generation: Asked, domain: str | None = None, most: int | None = None) -> Listing:
    """Return all candidates, or those of one domain, or the first of them, with their states."""
    stands = islice(generation.stands(domain), most)
    return Listing(generation.number, _columns(generation, stands))


def _columns(generation: Asked, stands: Iterable[Stand]) -> dict[str, list[Any]]:
    """Return what is listed of candidates, a column after the other."""
    found: list[Candidate] = []
    targets: list[str] = []
    states: list[str] = []
    ranks: list[int | None] = []
    reasons: list[str] = []
    # Nothing of a row is kept but texts and numbers: a hundred thousand objects more would
    # have the collector walk through all there are.
    for target, c, state, rank, reason in stands:
        found.append(c)
        targets.append(target)
        states.append(state)
        ranks.append(rank)
        reasons.append(reason)
    # A few sets of capabilities are shared by many: each is sorted once.
    capabilities = {held: tuple(sorted(held)) for held in {c.capabilities for c in found}}
    priority = generation.rules.priority
    return {
        "component": targets,
        "provider": [c.provider for c in found],
        "version": [c.version for c in found],
        "state": states,
        "rank": ranks,
        "priority": [priority(c) if c.priority is None else c.priority for c in found],
        "stack_level": [c.stack_level or 0 for c in found],
        "capabilities": [capabilities[c.capabilities] for c in found],
        "source": [c.source for c in found],
        "source_name": [c.source_name for c in found],
        "code": [_code(c, state) for c, state in zip(found, states, strict=True)],
        "reason": reasons,
        "summary": [c.summary for c in found],
    }


def _code(candidate: Candidate, state: str) -> str:
    """Return in one word what is known of a candidate's code; nothing where it names none."""
    factory = candidate.factory
    if state == "quarantined":
        return "failed"
    if not isinstance(factory, str):
        return "loaded"
    if not factory:
        return ""
    return "loaded" if factory.partition(":")[0] in sys.modules else "unprobed"


@dataclass(frozen=True, slots=True, repr=False)
class Listing(Result):
    """Candidates with their states.

    Attributes:
        generation: Number of the publish that was asked.
        columns: Name to one value for each candidate, winners first within each component.
        of: The components and the candidates of which these are the first; None where these
            are all.
    """

    generation: int
    columns: Mapping[str, Sequence[Any]]
    of: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.columns["component"])

    @property
    def rows(self) -> tuple[dict[str, object], ...]:
        """The candidates, each as column to value."""
        names = tuple(self.columns)
        return tuple(
            dict(zip(names, row, strict=True)) for row in zip(*self.columns.values(), strict=True)
        )

    def where(self, text: str = "", /, *, sort: str | None = None, **columns: Any) -> Listing:
        """Return the candidates that hold what is asked for.

        Args:
            text: Words; each must stand in some column of texts, in any case of letters.
            sort: The column to sort by, `-priority` for the greatest first; None keeps the order.
            columns: Column to a value, to a list of which one must be it, or to a pair of
                numbers `(least, most)`. Of capabilities, one of them must be it.

        Raises:
            UsageError: There is no such column.

        Example:
            >>> from oneiric_lab.registry import Candidate, Registry
            >>> registry = Registry()
            >>> registry.add(Candidate("adapter", "cache", "redis", priority=10))
            >>> registry.add(Candidate("adapter", "cache", "memory"))
            >>> found = registry.current.listing().where("cache", state="active")
            >>> [row["provider"] for row in found.rows]
            ['redis']
        """
        by = None if sort is None else sort.removeprefix("-")
        for name in (*columns, *filter(None, [by])):
            if name not in self.columns:
                raise UsageError(
                    Fault(
                        "no-column",
                        f"candidates have no column `{name}`",
                        fix=did_you_mean(name, self.columns, limit=20),
                    )
                )
        if not (text or sort or columns):
            return self
        kept: list[int] = [*range(len(self))]
        for name, wanted in columns.items():
            values = self.columns[name]
            fits = _fits(wanted)
            kept = [at for at in kept if fits(values[at])]
        texts = [values for name, values in self.columns.items() if name not in NUMBERS]
        for word in text.lower().split():
            kept = [at for at in kept if any(word in _said(column[at]) for column in texts)]
        if sort is not None and by is not None:
            values, value_key = self.columns[by], sort_key(by)
            kept.sort(key=lambda at: value_key(values[at]), reverse=sort.startswith("-"))
        return replace(
            self,
            columns={name: [col[at] for at in kept] for name, col in self.columns.items()},
            of=None,
        )

    def as_dict(self) -> dict[str, object]:
        """Return the rows."""
        return {"generation": self.generation, "components": list(self.rows)}

    def view(self, most: int | None = None) -> View:
        """Return the rows as a table; the first *most* of them, where that is given."""
        table: list[tuple[CellLike, ...]] = []
        last = None
        shown = self if most is None else self.first(most)
        for row in shown.rows:
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
        components, candidates = self.of or (len(set(self.columns["component"])), len(self))
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
            f"{components} component{'s'[: components != 1]}, "
            f"{candidates} candidate{'s'[: candidates != 1]}",
            (Table(heads, tuple(table), more=candidates - len(table)),),
            facts=(f"generation {self.generation}",),
        )

    def first(self, most: int) -> Listing:
        """Return the first *most* candidates."""
        return replace(self, columns={name: col[:most] for name, col in self.columns.items()})


NUMBERS = frozenset({"rank", "priority", "stack_level", "leases"})
"""Columns of numbers, which may be None."""


def sort_key(column: str) -> Callable[[Any], Any]:
    """Return what orders the values of a column: versions by PEP 440, None below any number."""
    if column == "version":
        return lambda value: (parse_version(value), value)
    if column in NUMBERS:
        return lambda value: (value is not None, value or 0)
    return lambda value: value


def _said(value: Any) -> str:
    return (value if isinstance(value, str) else " ".join(value)).lower()


def _fits(wanted: Any) -> Callable[[Any], bool]:
    """Return what tells whether a value is among those that are wanted."""
    if isinstance(wanted, tuple) and len(wanted) == 2:  # noqa: PLR2004 - a pair
        least, most = wanted
        return lambda value: value is not None and least <= value <= most
    values = wanted if isinstance(wanted, list | set | frozenset | tuple) else [wanted]
    return lambda value: (
        any(one in values for one in value) if isinstance(value, tuple) else value in values
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
