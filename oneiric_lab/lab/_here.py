"""What of a workspace runs in this process: how it is, and what is another one by now."""

from __future__ import annotations

import logging
import os
import socket
import time
import uuid
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import anyio
from anyio import to_thread

from oneiric_lab.config import based_at
from oneiric_lab.errors import (
    Fault,
    NoCandidateError,
    StoreError,
    logger,
)
from oneiric_lab.lifecycle import Lifecycle, Limits, in_order
from oneiric_lab.store import Journal, ProcessState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from oneiric_lab.config import Settings, Snapshot
    from oneiric_lab.lifecycle import Status
    from oneiric_lab.registry import Candidate, Generation, Listing, Registry
    from oneiric_lab.runtime import Watching
    from oneiric_lab.store import Store

    from ._keeping import Keeping
    from ._plan import Applied, Plan
    from ._standing import Wished

_GRAVE = frozenset({"failed", "refused", "stalled", "unhealthy", "cleanup-failed"})


class Opened(Protocol):
    """The lab, as what runs in it sees it."""

    root: Path
    registry: Registry
    store: Store
    snapshot: Snapshot
    settings: Settings
    problems: tuple[Fault, ...]

    @property
    def plan(self) -> Callable[..., Plan]:
        """What a change would do."""

    @property
    def plan_swap(self) -> Callable[..., Plan]:
        """What choosing a provider would do."""

    @property
    def watching(self) -> Watching:
        """How the watch of this process stands."""

    @property
    def keeping(self) -> Keeping:
        """Who keeps its secrets."""

    @property
    def desire(self) -> Callable[..., Wished]:
        """Write down what is wanted."""


def limits_of(settings: Settings) -> Limits:
    """Return the limits that `[lifecycle]` says."""
    said = settings.lifecycle
    return Limits(
        draining=said.max_draining,
        policy=said.drain_policy,
        fall=said.health_fall,
        rise=said.health_rise,
        build=said.activation_timeout,
        health=said.health_timeout,
        hook=said.hook_timeout,
        cleanup=said.cleanup_timeout,
        drain=said.drain_timeout,
    )


def health_of(status: Status) -> str:
    """Return in one word how what is in force is; nothing where nothing is."""
    if not status.incarnation:
        return ""
    if not status.healthy:
        return "unhealthy"
    if status.degraded:
        return "degraded"
    return "paused" if status.paused else "healthy"


class Here:
    """What runs of one lab in this process.

    Args:
        lab: The lab.

    Attributes:
        life: Its lifecycle; its limits are those of the settings in force.
        journal: What was done and is not written down yet.
    """

    def __init__(self, lab: Opened) -> None:
        self.lab = lab
        self.journal = Journal(lab.store)
        self.life = Lifecycle(
            lab.registry,
            settings=lambda candidate: lab.keeping.given(lab.settings, candidate),
            limits=limits_of(lab.settings),
            tell=self._done,
            trace=lab.settings.lifecycle.trace_leases,
            redact=lab.keeping.keeper.redact,
            context=based_at(lab.root),
        )
        self._log = logger("oneiric_lab.lifecycle")
        lab.keeping.keeper.in_use = self._secrets_in_use
        self._id, self._started = uuid.uuid4().hex, time.time()
        self._locks: dict[str, anyio.Lock] = {}

    def _done(
        self, target: str, what: str, incarnation: int = 0, provider: str = "", detail: str = ""
    ) -> None:
        """Remember what was done to a component, and log it where somebody listens."""
        self.journal.add(target, what, incarnation, provider, detail)
        level = logging.WARNING if what in _GRAVE else logging.INFO
        if self._log.isEnabledFor(level):
            facts = {"target": target, "provider": provider, "incarnation": incarnation}
            more = {"detail": detail} if detail else {}
            self._log.log(level, "component %s", what, extra={**facts, **more})

    def configured(self) -> None:
        """Take the limits of the settings in force."""
        said = self.lab.settings
        self.life.limits = limits_of(said)
        if self.life.trace != said.lifecycle.trace_leases:
            self.life.set_trace(said.lifecycle.trace_leases)

    def told(self, listing: Listing) -> Listing:
        """Return *listing* with two columns more: leases, and how what is in force is."""
        said = {(s.target, s.provider, s.version): s for s in self.life.statuses()}
        names = (listing.columns[name] for name in ("component", "provider", "version"))
        rows = [said.get(row) for row in zip(*names, strict=True)]
        more: dict[str, list[Any]] = {
            "leases": [s.leases if s is not None and s.incarnation else None for s in rows],
            "health": ["" if s is None else health_of(s) for s in rows],
        }
        return replace(listing, columns={**listing.columns, **more})

    def process(self) -> ProcessState:
        """Return what is so in this process."""
        winners = self.lab.registry.current.winners()
        rows = [status.as_dict() for status in self.life.statuses()]
        for row, slot in zip(rows, self.life.slots(), strict=True):
            winner = winners.get(slot.target)
            row["chosen"] = None if winner is None else winner.provider
            row["stale"] = slot.why_anew()
        state: dict[str, Any] = {"components": rows}
        if self.lab.watching.mode:
            state["watch"] = self.lab.watching.as_dict()
        held = self.lab.keeping.keeper.states()
        if held:
            state["secrets"] = [one.as_dict() for one in held.values()]
        return ProcessState(self._id, os.getpid(), socket.gethostname(), self._started, state)

    def moving(
        self, generation: Generation, said: Settings | None = None, *, paused: bool = False
    ) -> dict[str, Candidate]:
        """Return who is to be in force for each component that runs here as another one.

        Another one is also the same candidate made from other settings, or on another
        instance of what its factory is given. What a program pinned stays chosen, and so does
        what nobody would provide.

        Args:
            generation: Whom the configuration chooses.
            said: What it says to them; None is what it says now.
            paused: Whether those are meant that wait for being resumed, and not the others.
        """
        out: dict[str, Candidate] = {}
        if self.life.known_loop() is None or self.life.is_closed:
            return out
        settings = None if said is None else partial(self.lab.keeping.given, said)
        for slot in self.life.slots():
            if slot.active is None or (slot.paused is not None) is not paused:
                continue
            chosen = generation.winner(slot.domain, slot.key)
            if slot.pin is not None:
                chosen = slot.active.candidate
            if chosen is not None and not slot.is_so(chosen, settings=settings):
                out[slot.target] = chosen
        for target in list(out):
            for user in self.life.slot_of(target).users():
                if user.active is not None:
                    out.setdefault(user.target, user.active.candidate)
        return out

    def order(self, generation: Generation, said: Settings) -> tuple[str, ...]:
        """Return what would be swapped here, what one requires before it; see `moving`."""
        return tuple(in_order(self.moving(generation, said)))

    def waiting(self, applied: Applied) -> Applied:
        """Return *applied* with those that are paused and move when they are resumed."""
        waiting = self.moving(self.lab.registry.current, paused=True)
        return replace(applied, behind=(*applied.behind, *sorted(waiting)))

    def _secrets_in_use(self) -> set[tuple[str, str | None]]:
        active = [slot.active for slot in self.life.slots()]
        stamps = [getattr(found.given, "stamp", ()) for found in active if found is not None]
        return {pair for stamp in stamps for pair in stamp}

    def _lock(self, target: str) -> anyio.Lock:
        return self._locks.setdefault(target, anyio.Lock())

    def _winner(self, target: str) -> Candidate | None:
        domain, _, key = target.partition(":")
        try:
            return self.lab.registry.resolve(domain, key)
        except NoCandidateError:
            return None

    async def _kept(self, write: Callable[[], object]) -> None:
        """Write something down; what is in force does not depend on it."""
        try:
            await to_thread.run_sync(write)
        except StoreError as error:
            self.note(error)

    def note(self, error: StoreError) -> None:
        """Have the lab say once that its store cannot be used."""
        known = {fault.code for fault in self.lab.problems}
        fresh = [replace(f, severity="warning") for f in error.faults if f.code not in known]
        self.lab.problems = (*self.lab.problems, *fresh)
