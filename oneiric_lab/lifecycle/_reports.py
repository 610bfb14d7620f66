"""What a swap did, and how a component is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from oneiric_lab.views import Fields, Note, Result, Table, View

if TYPE_CHECKING:
    from oneiric_lab.views import Block

Outcome = Literal["committed", "coalesced", "failed", "refused", "cancelled"]
"""What became of a request: done; satisfied by another one or already so; tried and taken
back; not tried; cancelled by its caller."""

_TONE: dict[str, Any] = {"committed": "ok", "coalesced": "ok", "cancelled": "warn"}


@dataclass(frozen=True, slots=True, repr=False)
class SwapReport(Result):
    """What became of one request.

    Attributes:
        target: `domain:key`.
        verb: `swap`, `rollback`, `drain`, or `rebuild` for one that was built on what moved.
        outcome: What became of it.
        incarnation: The one in force afterwards, 0 where there is none.
        provider: Who provides it afterwards.
        before: Who provided it before.
        stage: Where it failed: `choose`, `build`, `health`, `pre_swap`, `drain`.
        why: What was wrong, in one line.
        warnings: What went wrong after it was in force.
        prepare_ns: Building and probing.
        commit_ns: Moving the pointer.
    """

    target: str
    verb: str
    outcome: Outcome
    incarnation: int = 0
    provider: str = ""
    before: str = ""
    stage: str = ""
    why: str = ""
    warnings: tuple[str, ...] = ()
    prepare_ns: int = 0
    commit_ns: int = 0

    @property
    def ok(self) -> bool:
        """Whether what was asked for is so now."""
        return self.outcome in {"committed", "coalesced"}

    @property
    def exit_code(self) -> int:
        """1 where it is not."""
        return 0 if self.ok else 1

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape; times in nanoseconds."""
        return {
            "target": self.target,
            "verb": self.verb,
            "outcome": self.outcome,
            "incarnation": self.incarnation,
            "provider": self.provider,
            "before": self.before,
            "stage": self.stage or None,
            "why": self.why or None,
            "warnings": list(self.warnings),
            "prepare_ns": self.prepare_ns,
            "commit_ns": self.commit_ns,
        }

    def view(self) -> View:
        """Return what is in force now, and what went wrong."""
        who = f"{self.before or 'nothing'} -> {self.provider or 'nothing'}"
        if self.outcome != "committed":
            who = self.provider or "nothing in force"
        blocks: list[Block] = [Fields((("incarnation", str(self.incarnation)),))]
        if self.why:
            blocks.append(Note(f"{self.stage}: {self.why}" if self.stage else self.why, "bad"))
        blocks += [Note(warning, "warn") for warning in self.warnings]
        return View(
            "swap",
            f"{self.verb} {self.target}: {self.outcome}, {who}",
            tuple(blocks),
            tone=_TONE.get(self.outcome, "bad"),
        )


@dataclass(frozen=True, slots=True, repr=False)
class Status(Result):
    """How one component is.

    Attributes:
        target: `domain:key`.
        state: `idle` before the first lease, `active`, `paused`, `drained`, or `closed`.
        incarnation: Number of the one in force, 0 for none.
        provider: Who provides it.
        version: Its version.
        leases: How many hold it.
        healthy: What the last health checks say.
        degraded: What went wrong after the last swap was in force.
        paused: Who paused it and why.
        next: Number and state of the one that is to come: `building`, `probing`, or `ready` while
            it waits for others that come into force with it; None of none.
        draining: Incarnation, state, leases, and where they were taken, of each old one.
        last_error: What went wrong last.
        swaps: How many were committed.
        prepare_ms: Median and 99th percentile of building and probing, of the last 256.
        commit_us: The same of moving the pointer.
    """

    target: str
    state: str
    incarnation: int
    provider: str
    version: str
    leases: int
    healthy: bool
    degraded: tuple[str, ...]
    paused: str
    next: tuple[int, str] | None
    draining: tuple[tuple[int, str, int, tuple[str, ...]], ...]
    last_error: str
    swaps: int
    prepare_ms: tuple[float, float] | None
    commit_us: tuple[float, float] | None

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "target": self.target,
            "state": self.state,
            "incarnation": self.incarnation,
            "provider": self.provider or None,
            "version": self.version or None,
            "leases": self.leases,
            "healthy": self.healthy,
            "degraded": list(self.degraded),
            "paused": self.paused or None,
            "next": self.next and {"incarnation": self.next[0], "state": self.next[1]},
            "draining": [
                {"incarnation": n, "state": state, "leases": leases, "held_at": list(where)}
                for n, state, leases, where in self.draining
            ],
            "last_error": self.last_error or None,
            "swaps": self.swaps,
            "prepare_ms": self.prepare_ms and list(self.prepare_ms),
            "commit_us": self.commit_us and list(self.commit_us),
        }

    def view(self) -> View:
        """Return the facts, then what drains."""
        facts = [
            ("in force", f"{self.provider or 'nothing'} {self.version}".strip()),
            ("incarnation", str(self.incarnation)),
            ("leases", str(self.leases)),
            ("swaps", str(self.swaps)),
        ]
        if self.paused:
            facts.append(("paused", self.paused))
        if self.next:
            number, state = self.next
            facts.append(("next", f"incarnation {number}, {state}"))
        blocks: list[Block] = [Fields(tuple(facts))]
        if self.draining:
            rows = tuple(
                (str(n), state, str(leases), ", ".join(where))
                for n, state, leases, where in self.draining
            )
            blocks.append(Table(("draining", "state", "leases", "held at"), rows))
        blocks += [Note(text, "warn") for text in self.degraded]
        if self.last_error:
            blocks.append(Note(self.last_error, "bad"))
        tone: Any = "ok" if self.state == "active" and self.healthy else "warn"
        return View("status", f"{self.target}: {self.state}", tuple(blocks), tone=tone)


def quantiles(values: list[float]) -> tuple[float, float] | None:
    """Return the median and the 99th percentile, None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
