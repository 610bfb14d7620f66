"""What a sync did, and how the sources stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneiric_lab.canonical import utc_text
from oneiric_lab.views import Cell, Note, Result, Table, View

from ._words import count

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from oneiric_lab.errors import Fault
    from oneiric_lab.lifecycle import SwapReport
    from oneiric_lab.remote import Attempt, Good
    from oneiric_lab.views import Block, Tone

_TONES: dict[str, Tone] = {
    "entered": "ok",
    "would enter": "ok",
    "unchanged": "ok",
    "withdrawn": "warn",
    "stale": "warn",
    "unreachable": "bad",
    "refused": "bad",
}
_NO, _STALE = 1, 3
_SHOWN = 5
_MOVES = 20


@dataclass(frozen=True, slots=True)
class SourceSynced:
    """What came of one source.

    Attributes:
        name: Of the source.
        outcome: `entered`, `would enter`, `unchanged`, `stale`, `unreachable` or `refused`; of
            what another process synced, or what is no source now, `withdrawn` too.
        release: What is in force of it now, or with a dry run would be; empty for nothing.
        generation: That was published; None for none.
        artifacts: How many artifacts came.
        faults: Why not.
        age_seconds: Since its source had that release last, where it could not be asked now.
        components: With a dry run, components that would be provided by others: target, old,
            new, why.
    """

    name: str
    outcome: str
    release: str = ""
    generation: int | None = None
    artifacts: int = 0
    faults: tuple[Fault, ...] = ()
    age_seconds: float | None = None
    components: tuple[Mapping[str, object], ...] = ()

    @property
    def in_force(self) -> str:
        """The release, with its age where it is the last good one."""
        if not self.release or self.age_seconds is None:
            return self.release or "-"
        return f"{self.release}, {_span(self.age_seconds)}"

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "source": self.name,
            "outcome": self.outcome,
            "release": self.release or None,
            "generation": self.generation,
            "artifacts": self.artifacts,
            "age_seconds": self.age_seconds,
            "components": [dict(one) for one in self.components],
            "faults": [fault.as_dict() for fault in self.faults],
        }


@dataclass(frozen=True, slots=True, repr=False)
class SyncReport(Result):
    """What a sync did, source by source.

    Attributes:
        sources: In the order of the configuration.
        dry_run: Whether nothing was changed.
        swaps: What became of the components that run in this process.
    """

    sources: tuple[SourceSynced, ...]
    dry_run: bool = False
    swaps: tuple[SwapReport, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 when all is in force that the sources have, 3 when something is too old, else 1."""
        outcomes = {one.outcome for one in self.sources}
        if outcomes & {"refused", "unreachable"} or not all(one.ok for one in self.swaps):
            return _NO
        return _STALE if "stale" in outcomes else 0

    @property
    def ok(self) -> bool:
        """Whether what the sources have is in force."""
        return not self.exit_code

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "ok": self.ok,
            "dry_run": self.dry_run,
            "sources": [one.as_dict() for one in self.sources],
            "swaps": [one.as_dict() for one in self.swaps],
        }

    def view(self) -> View:
        """Return one row for each source, what moves, and why where it did not go well."""
        did = "would sync" if self.dry_run else "synced" if self.ok else "not synced"
        title = f"{did}: {count(len(self.sources), 'source')}"
        rows = tuple(
            (
                one.name,
                Cell(one.outcome, _TONES[one.outcome]),
                one.in_force,
                "-" if one.generation is None else str(one.generation),
                str(one.artifacts),
            )
            for one in self.sources
        )
        blocks: list[Block] = []
        if rows:
            heads = ("source", "outcome", "in force", "generation", "artifacts")
            blocks.append(Table(heads, rows))
        planned = [one for source in self.sources for one in source.components]
        if planned:
            moves = tuple(
                (
                    str(one["target"]),
                    Cell(str(one["old"] or "-"), "lost"),
                    Cell(str(one["new"] or "-"), "ok" if one["new"] else "bad"),
                    str(one["why"]),
                )
                for one in planned[:_MOVES]
            )
            more = len(planned) - len(moves)
            blocks.append(Table(("component", "is", "would be", "decided by"), moves, more=more))
        if self.swaps:
            swapped = tuple(
                (
                    one.target,
                    Cell(one.outcome, "ok" if one.ok else "bad"),
                    f"{one.before or '-'} -> {one.provider or '-'}",
                    one.why or "-",
                )
                for one in self.swaps
            )
            blocks.append(Table(("component", "swap", "in force", "why"), swapped))
        blocks += [
            Note("\n".join(fault.lines()), _TONES[one.outcome])
            for one in self.sources
            for fault in one.faults[:_SHOWN]
        ]
        return View("sync", title, tuple(blocks), tone="ok" if self.ok else "bad")


@dataclass(frozen=True, slots=True)
class SourceStanding:
    """How one source stands.

    Attributes:
        name: Of the source.
        url: Of its manifest, without what may be secret.
        good: Its last good release; None for none.
        attempts: How the last syncs ended, the oldest first.
        now: When that was asked.
    """

    name: str
    url: str
    good: Good | None
    attempts: tuple[Attempt, ...]
    now: datetime

    @property
    def state(self) -> str:
        """`fresh`, `stale`, `failing` or `never`."""
        if self.good is None:
            return "never"
        if not self.good.is_fresh(self.now):
            return "stale"
        last = self.attempts[-1] if self.attempts else None
        return "failing" if last is not None and last.code else "fresh"

    @property
    def age_seconds(self) -> float | None:
        """Since the source had the release last; None for no release."""
        if self.good is None:
            return None
        return max(0.0, (self.now - self.good.checked_at).total_seconds())

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        good = self.good
        return {
            "source": self.name,
            "url": self.url,
            "state": self.state,
            "release": None if good is None else dict(good.release),
            "age_seconds": self.age_seconds,
            "fetched_at": None if good is None else utc_text(good.fetched_at),
            "checked_at": None if good is None else utc_text(good.checked_at),
            "fresh_until": None
            if good is None or good.fresh_until is None
            else utc_text(good.fresh_until),
            "attempts": [one.as_dict() for one in self.attempts],
        }


@dataclass(frozen=True, slots=True, repr=False)
class RemoteStatus(Result):
    """How all sources stand."""

    sources: tuple[SourceStanding, ...]
    enabled: bool = True

    @property
    def exit_code(self) -> int:
        """0 when all are fresh, 3 when the last good one of any is too old, else 1."""
        states = {one.state for one in self.sources}
        if states & {"never", "failing"}:
            return _NO
        return _STALE if "stale" in states else 0

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {"enabled": self.enabled, "sources": [one.as_dict() for one in self.sources]}

    def view(self) -> View:
        """Return one row for each source, and the last attempts of those that fail."""
        title = count(len(self.sources), "source")
        if not self.sources:
            fix = "say where they come from: remote.manifest_url, or a table remote.sources.NAME"
            return View("remote", title, (Note(fix),))
        tones: dict[str, Tone] = {"fresh": "ok", "stale": "warn", "failing": "bad", "never": "bad"}
        rows = tuple(
            (
                one.name,
                Cell(one.state, tones[one.state]),
                "-" if one.good is None else one.good.title,
                "-" if one.age_seconds is None else _span(one.age_seconds),
                one.url,
            )
            for one in self.sources
        )
        blocks: list[Block] = []
        if not self.enabled:
            blocks.append(Note("remote.enabled is false: nothing of it enters", "warn"))
        blocks.append(Table(("source", "state", "last good", "seen", "manifest"), rows))
        tried = tuple(
            (
                one.name,
                utc_text(attempt.at),
                Cell(attempt.outcome, _TONES.get(attempt.outcome, "muted")),
                attempt.message or "-",
            )
            for one in self.sources
            for attempt in reversed(one.attempts[-_SHOWN:])
        )
        if tried:
            blocks.append(Table(("source", "at", "outcome", "why"), tried))
        return View("remote", title, tuple(blocks), tone="bad" if self.exit_code else "ok")


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{count(int(seconds // size), unit)} ago"
    return "just now"
