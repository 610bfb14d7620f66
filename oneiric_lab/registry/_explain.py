"""Why a component is provided by whom: ranking, rejections, the rule that decided."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from oneiric_lab.errors import Because, Fault
from oneiric_lab.views import Cell, Column, Note, Result, Table, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from packaging.version import Version

    from oneiric_lab.views import Block

    from ._candidate import Candidate, Refusal
    from ._rules import Rules

    Score = tuple[int, int, int, int, int, Version]

FIELDS = ("selected", "preferred", "priority", "stack_level", "source_rank", "version")
WORDS = ("selection", "preferred capabilities", "priority", "stack level", "source", "version")


class Ranked(NamedTuple):
    """A candidate that could win, with what counted.

    Attributes:
        rank: From 1.
        candidate: Who.
        score: Selected, preferred capabilities matched, priority, stack level, source
            rank, version.
    """

    rank: int
    candidate: Candidate
    score: Score

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        c = self.candidate
        values = [*self.score[:5], c.version]
        return {
            "rank": self.rank,
            "provider": c.provider,
            "version": c.version,
            "score": {**dict(zip(FIELDS, values, strict=True)), "selected": bool(self.score[0])},
            "state": "active" if self.rank == 1 else "shadowed",
            "source": c.source,
            "source_name": c.source_name,
            "origin": None if c.origin is None else c.origin.as_dict(),
        }


class Stand(NamedTuple):
    """How one candidate stands.

    Attributes:
        target: `domain:key`.
        candidate: Who.
        state: `active`, `shadowed`, `rejected` or `quarantined`.
        rank: From 1, None for who is out.
        reason: Why it is out, or why who is first does not provide it all the same.
    """

    target: str
    candidate: Candidate
    state: str
    rank: int | None
    reason: str


class Asked(Protocol):
    """A generation, as far as overviews ask it questions."""

    @property
    def number(self) -> int:
        """Grows with every publish."""

    @property
    def rules(self) -> Rules:
        """What decided."""

    def keys(self, domain: str | None = None) -> list[str]:
        """Return all components."""

    def explain(self, domain: str, key: str) -> Explanation:
        """Return who wins and why the others do not."""

    def stands(self, domain: str | None = None) -> Iterator[Stand]:
        """Yield how each candidate stands."""

    def winners(self) -> Mapping[str, Candidate]:
        """Return who provides each component."""

    def problems(self) -> Sequence[Fault]:
        """Return what is wrong."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A candidate that is out, with every reason; the first decided."""

    candidate: Candidate
    refusals: tuple[Refusal, ...]

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        first = self.refusals[0]
        c = self.candidate
        origin = first.origin or c.origin
        return {
            "provider": c.provider,
            "version": c.version,
            "code": first.code,
            "reason": first.reason,
            "reasons": [
                {
                    "code": r.code,
                    "reason": r.reason,
                    "origin": None if r.origin is None else r.origin.as_dict(),
                }
                for r in self.refusals
            ],
            "source": c.source,
            "source_name": c.source_name,
            "origin": None if origin is None else origin.as_dict(),
        }


@dataclass(frozen=True, slots=True, repr=False)
class Explanation(Result):
    """Who provides a component, and why the others do not.

    Attributes:
        target: `domain:key`.
        winner: The candidate that provides it, or None.
        ranking: All that could, the winner first.
        rejected: All that are out, with their reasons.
        decided_by: The rule that set the first two apart, with its values.
        ambiguous: Whether only names decided.
        generation: Number of the publish that was asked.
        problem: Why there is no winner.
        prefer: How many capabilities were preferred.
    """

    target: str
    winner: Candidate | None
    ranking: tuple[Ranked, ...]
    rejected: tuple[Rejected, ...]
    decided_by: str
    ambiguous: bool
    generation: int
    problem: Fault | None = None
    prefer: int = 0

    @property
    def exit_code(self) -> int:
        """1 where nobody provides it: the answer is no."""
        return 1 if self.winner is None else 0

    def as_dict(self) -> dict[str, object]:
        """Return the stable shape of `explain DOMAIN:KEY --json`."""
        w = self.winner
        ranking = [row.as_dict() for row in self.ranking]
        if w is None:
            for row in ranking:
                row["state"] = "shadowed"
        return {
            "target": self.target,
            "winner": None
            if w is None
            else {
                "provider": w.provider,
                "version": w.version,
                "source": w.source,
                "source_name": w.source_name,
            },
            "decided_by": self.decided_by,
            "ambiguous": self.ambiguous,
            "generation": self.generation,
            "ranking": ranking,
            "rejected": [row.as_dict() for row in self.rejected],
        }

    def view(self) -> View:
        """Return ranking and rejections as one table."""
        rows: list[tuple[object, ...]] = []
        for row in self.ranking:
            won = row.rank == 1 and self.winner is not None
            s = row.score
            rows.append(
                (
                    row.rank,
                    Cell(row.candidate.provider, "ok" if won else "lost"),
                    row.candidate.version,
                    bool(s[0]),
                    f"{s[1]}/{self.prefer}" if self.prefer else "-",
                    s[2],
                    s[3],
                    row.candidate.source,
                    Cell("active", "ok") if won else Cell("shadowed", "muted"),
                )
            )
        for out in self.rejected:
            first = out.refusals[0]
            rows.append(
                (
                    None,
                    Cell(out.candidate.provider, "lost"),
                    out.candidate.version,
                    None,
                    None,
                    None,
                    None,
                    out.candidate.source,
                    Cell(f"rejected: {first.code}", "bad"),
                )
            )
        heads = (
            "rank", "provider", "version", "selected", "preferred",
            Column("priority", "right"), Column("level", "right"), "source", "state",
        )  # fmt: skip
        blocks: list[Block] = [Table(heads, tuple(rows))]  # type: ignore[arg-type]  # rows hold only what a cell takes
        blocks += [
            Note(f"{out.candidate} {refusal.reason}", "bad")
            for out in self.rejected
            for refusal in out.refusals
        ]
        if self.problem is not None:
            blocks.append(Note("\n".join(self.problem.lines()), "bad"))
        if self.ambiguous:
            blocks.append(
                Note("ambiguous: only names decided; give one a priority, or select one", "warn")
            )
        won_text = str(self.winner) if self.winner else "nothing"
        return View(
            "explain-component",
            f"explain {self.target} -> {won_text}",
            tuple(blocks),
            f"{self.target} is provided by {won_text}",
            (f"decided by: {self.decided_by}", f"generation {self.generation}"),
            "plain" if self.winner else "bad",
        )


def _source(candidate: Candidate) -> str:
    name = candidate.source_name
    return f"{candidate.source} {name}" if name else candidate.source


def decide(ranking: tuple[Ranked, ...]) -> tuple[str, bool]:
    """Return the rule that set the first two of *ranking* apart, and whether only names did."""
    if not ranking:
        return "no candidate", False
    if len(ranking) == 1:
        return "only candidate", False
    first, second = ranking[0], ranking[1]
    for word, left, right in zip(WORDS, first.score, second.score, strict=True):
        if left == right:
            continue
        if word == "selection":
            return "selection", False
        if word == "source":
            return f"source ({first.candidate.source} over {second.candidate.source})", False
        return f"{word} ({left} > {right})", False
    a, b = first.candidate, second.candidate
    if a.provider != b.provider:
        return f"name ({a.provider} before {b.provider})", True
    if a.source_name != b.source_name:
        return f"source name ({a.source_name or '-'} before {b.source_name or '-'})", True
    return f"spelling of the version ({a.version} before {b.version})", True


@dataclass(frozen=True, slots=True, repr=False)
class WhyNot(Result):
    """What would have to change for a provider to win.

    Attributes:
        target: `domain:key`.
        provider: Who shall win.
        changes: Path of the configuration to value, None where no change of it can.
        because: What stands against it now.
        already: Whether it wins as things are.
        layer: Where the change must be made, None where every layer will do.
    """

    target: str
    provider: str
    changes: Mapping[str, object] | None
    because: tuple[str, ...]
    already: bool = False
    layer: str | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "target": self.target,
            "provider": self.provider,
            "already": self.already,
            "changes": None if self.changes is None else dict(self.changes),
            "layer": self.layer,
            "because": list(self.because),
        }

    def view(self) -> View:
        """Return the reasons and the change."""
        blocks: list[Block] = [Note(reason, "bad") for reason in self.because]
        if self.already:
            title, tone = f"{self.provider} provides {self.target} already", "ok"
        elif self.changes is None:
            title, tone = (
                f"no change of the configuration lets {self.provider} provide {self.target}",
                "bad",
            )
        else:
            title, tone = f"{self.provider} would provide {self.target} after:", "plain"
            rows = tuple((path, str(value)) for path, value in self.changes.items())
            blocks.append(Table(("set", "to"), rows))
            options = " ".join(
                f"--set '{path}={_text(value)}'" for path, value in self.changes.items()
            )
            where = "" if self.layer is None else f"--layer {self.layer} "
            blocks.append(Note(f"try: plan {where}{options}"))
        return View("why-not", title, tuple(blocks), title, tone=tone)  # type: ignore[arg-type]  # tones by the branches above


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def no_candidate(target: str, wish: str, rejected: tuple[Rejected, ...], known: list[str]) -> Fault:
    """Return the fault that names every candidate and what it lacks."""
    from oneiric_lab.errors import did_you_mean  # noqa: PLC0415 - only a failure pays

    if not rejected:
        return Fault(
            "no-candidate",
            f"no candidate for {target}",
            why="nothing of this name was declared",
            fix=did_you_mean(target, known, limit=5),
        )
    because = tuple(
        Because(f"{out.candidate} {r.reason}", _aside(out.candidate, r))
        for out in rejected
        for r in out.refusals[:1]
    )
    return Fault(
        "no-candidate", f"no candidate for {target}{wish}", because=because, fix=_help(rejected)
    )


def _aside(candidate: Candidate, refusal: Refusal) -> str:
    if refusal.code == "quarantined":
        return ""
    if refusal.code == "version":
        return f"constraint, {refusal.origin}" if refusal.origin else "constraint"
    return _source(candidate)


# A failed import of a quarantined candidate, or a distribution that does not fit.
_ABSENT = re.compile(
    r"(?:ModuleNotFoundError: (?:No module named )?['\"]?"
    r"|^needs (?:the distribution )?)([^'\"]+?)(?:['\"]|, which is|, installed is|$)"
)


def _help(rejected: tuple[Rejected, ...]) -> str | None:
    """Return what each candidate with a single reason against it would need."""
    install: list[str] = []
    other: list[str] = []
    for out in rejected:
        if len(out.refusals) != 1:
            continue
        c, r = out.candidate, out.refusals[0]
        absent = _ABSENT.search(r.reason)
        if absent is not None:
            install.append(f"install {absent[1]}")
        elif r.code == "version":
            other.append(f"relax {r.reason.removeprefix('is outside ')} (would select {c})")
        elif r.code == "disabled":
            other.append(f"set flags.{c.enabled_by} = true (would select {c})")
        elif r.code == "experimental":
            other.append(f"select {c.provider} to accept it as experimental")
    return ", or ".join(dict.fromkeys(install + other)) or None
