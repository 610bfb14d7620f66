"""The components of a workspace that run in this process.

What is in force follows what is said: a swap writes a selection and acts on it, and takes
the selection back where it fails. Who watches acts on what others say, too.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import socket
import time
import uuid
from concurrent.futures import CancelledError
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import anyio
from anyio import to_thread

from oneiric_lab.config import based_at
from oneiric_lab.errors import (
    ActivationError,
    Fault,
    JobCancelledError,
    NoCandidateError,
    StoreError,
    UsageError,
    logger,
)
from oneiric_lab.lifecycle import Lifecycle, Limits, SwapReport, in_order
from oneiric_lab.registry import TABLES
from oneiric_lab.runtime import span
from oneiric_lab.store import Journal, ProcessState

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from pathlib import Path

    from oneiric_lab.config import Settings, Snapshot
    from oneiric_lab.lifecycle import Status
    from oneiric_lab.registry import Candidate, Generation, Listing, Registry
    from oneiric_lab.runtime import Watching
    from oneiric_lab.store import Desired, DesiredState, Store

    from ._keeping import Keeping
    from ._plan import Applied, Plan
    from ._standing import Wished

_GRAVE = frozenset({"failed", "refused", "stalled", "unhealthy", "cleanup-failed"})

EVERY = 0.5
"""Seconds between two looks at what is wanted: others see it acted on within a second."""


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

    @property
    def catch_up(self) -> Callable[[], bool]:
        """Enter what other processes synced."""


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


class Running:
    """What runs of one lab in this process, and how it follows what is wanted.

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
        self._look_at = -math.inf
        self._now = time.monotonic
        self._locks: dict[str, anyio.Lock] = {}
        self._nudged: anyio.Event | None = None
        # The number of the last wish that was acted on, and what was tried in vain.
        self._acted: dict[str, int] = {}
        self._refused: dict[str, tuple[Candidate, Mapping[str, Any], object]] = {}

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

    # --- what somebody asks for here ----------------------------------------------------

    async def swap(
        self, target: str, provider: str, *, verb: str = "swap", why: str = "", activate: bool
    ) -> SwapReport:
        """Write a session selection and bring it into force, or take it back."""
        with span("swap", target=target, provider=provider, verb=verb) as traced:
            report = await self._swap(target, provider, verb, why, activate=activate)
            traced.set(outcome=report.outcome)
        return report

    async def _swap(
        self, target: str, provider: str, verb: str, why: str, *, activate: bool
    ) -> SwapReport:
        async with self._lock(target):
            domain, _, key = target.partition(":")
            plan = self.lab.plan_swap(target, provider)
            path = f"{TABLES[domain]}.selections.{key}"
            before, was = self._session(path), self._winner(target)
            plan.apply()
            slot = self.life.slot(domain, key)
            settled = False
            try:
                if slot.active is None and slot.pin is None and not activate:
                    old = "" if was is None else was.provider
                    report = SwapReport(target, verb, "committed", provider=provider, before=old)
                elif verb == "rollback" and self._winner(target) is slot.previous:
                    report = await self.life.rollback(domain, key)
                else:
                    report = replace(await self.life.swap(domain, key), verb=verb)
                settled = report.ok
            finally:
                # Cancelled, the old one or the new one is in force: the selection says which.
                if not settled and (
                    slot.active is None or slot.active.candidate is not self._winner(target)
                ):
                    self._take_back(path, provider, before)
        if report.ok:
            changes = [v.as_dict() for v in plan.proposal.values]
            summary = f"{target}: {provider}" + (f", {why}" if why else "")
            who = partial(self.lab.store.record, who=_user(), changes=changes)
            await self._kept(partial(who, verb, "session", summary))
        await self._kept(self.journal.flush)
        return report

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

    async def apply(
        self, after: Snapshot, generation: Generation, publish: Callable[[], Applied]
    ) -> Applied:
        """Publish what leads to *after*, and swap what runs here to *generation*, or neither.

        Raises:
            ActivationError: One could not be swapped; nothing was published.
        """
        async with AsyncExitStack() as locks:
            for target in sorted(self.moving(generation, after.settings)):
                await locks.enter_async_context(self._lock(target))
            # While this waited, somebody may have swapped.
            moving = self.moving(generation, after.settings)
            if not moving:
                return self.waiting(await to_thread.run_sync(publish))
            done: list[Applied] = []

            async def commit() -> None:
                done.append(await to_thread.run_sync(publish))

            settings = partial(self.lab.keeping.given, after.settings)
            reports = await self.life.swap_to(moving, settings=settings, commit=commit)
        await self._kept(self.journal.flush)
        if not done:
            raise ActivationError(
                [
                    Fault(
                        "activation-failed",
                        f"{r.target} could not be swapped: {r.stage}: {r.why}",
                        so="nothing was changed, here or in a file",
                        fix=f"mend it, or choose another provider: explain {r.target}",
                    )
                    for r in reports
                    if r.stage != "group"
                ]
            )
        return self.waiting(replace(done[0], swaps=reports))

    def waiting(self, applied: Applied) -> Applied:
        """Return *applied* with those that are paused and move when they are resumed."""
        waiting = self.moving(self.lab.registry.current, paused=True)
        return replace(applied, behind=(*applied.behind, *sorted(waiting)))

    async def rollback(self, target: str) -> SwapReport:
        """Choose whom the last swap replaced."""
        slot = self.life.slot_of(target)
        if slot.previous is None:
            return await self.life.rollback(slot.domain, slot.key)
        return await self.swap(target, slot.previous.provider, verb="rollback", activate=True)

    async def want(self, target: str, state: DesiredState, why: str) -> Wished:
        """Write down what is wanted, and act on it here."""
        wished = await to_thread.run_sync(partial(self.lab.desire, target, state, why=why))
        domain, _, key = target.partition(":")
        self._acted[target] = wished.number or 0
        if state == "running":
            await self.resume(target)
        else:
            # A drain goes on from here; it would wait for what is being built now.
            await self.life.pause(domain, key, who=wished.who, why=why)
        await self._kept(self.journal.flush)
        return wished

    async def resume(self, target: str) -> list[SwapReport]:
        """Let leases begin again, on what changed meanwhile.

        It is swapped first: nobody gets what was in force when it was paused. Where that
        fails it goes on as it was, as after any swap.
        """
        reports: list[SwapReport] = []
        try:
            if target in self.moving(self.lab.registry.current, paused=True):
                await self._follow([target], reports, paused=True)
        finally:
            domain, _, key = target.partition(":")
            if self.life.known_loop() is None:
                self.life.slot(domain, key).resume()
            else:
                await self.life.resume(domain, key)
        return reports

    async def drain(
        self, target: str, why: str, *, drain_timeout: float | None = None
    ) -> SwapReport:
        """Write down that it shall be drained, and drain it here."""
        wished = await self.want(target, "draining", why)
        domain, _, key = target.partition(":")
        report = await self.life.drain(
            domain, key, who=wished.who, why=why, drain_timeout=drain_timeout
        )
        await self._kept(self.journal.flush)
        return report

    def mark(self, wished: Wished) -> None:
        """Let leases meet a wish, where no loop has taken any."""
        slot = self.life.slot_of(wished.target)
        if wished.state == "running":
            slot.resume()
        else:
            slot.pause(wished.who, wished.why, drained=wished.state == "draining")

    # --- what is wanted elsewhere -------------------------------------------------------

    async def reconcile(self) -> list[SwapReport]:
        """Act once on what is wanted; return what was drained and swapped."""
        return [*await self.obey(), *await self.follow()]

    async def obey(self, *, wait: bool = True) -> list[SwapReport]:
        """Pause, drain and resume what is wanted so.

        Args:
            wait: Whether this ends when what is resumed is; else others do not wait for it.
        """
        desired = await to_thread.run_sync(self.lab.store.desired)
        known = set(self.lab.registry.current.keys())
        reports: list[SwapReport] = []
        async with anyio.create_task_group() as tasks:
            for target, wish in desired.items():
                if target not in known or self.life.is_closed:
                    continue
                slot = self.life.slot_of(target)
                state, ends = slot.status().state, wish.state == "draining"
                is_held = state in {"paused", "drained"}
                if wish.state == "running":
                    # Once: a program may pause its own component later on.
                    if is_held and self._acted.get(target) != wish.number:
                        if wait or self.life.known_loop() is None:
                            tasks.start_soon(self._resume, target, reports)
                        else:
                            self.life.spawn(self._resume(target, []), f"resume {target}")
                elif not is_held or (ends and state == "paused"):
                    # Not by the lifecycle: it would take this loop for the components' own.
                    slot.pause(wish.who, wish.why, drained=ends)
                if ends and slot.active is not None and self.life.known_loop() is not None:
                    tasks.start_soon(self._drain, wish, reports)
                self._acted[target] = wish.number
        return sorted(reports, key=lambda r: r.target)

    async def _resume(self, target: str, reports: list[SwapReport]) -> None:
        reports += await self.resume(target)

    async def _drain(self, wish: Desired, reports: list[SwapReport]) -> None:
        domain, _, key = wish.target.partition(":")
        # It begins here, and ends when the leases do; other wishes do not wait for that.
        report = await self.life.drain(domain, key, who=wish.who, why=wish.why, drain_timeout=1e-9)
        held = sum(leases for _, _, leases, _ in self.life.status(domain, key).draining)
        warnings = (f"leases that are still held: {held}",) if held else ()
        reports.append(replace(report, outcome="committed", stage="", why="", warnings=warnings))

    async def follow(self) -> list[SwapReport]:
        """Swap what is active to whom the configuration chooses.

        Those that require one another move together or not at all. What failed is tried again
        when another one is chosen, or its settings change.
        """
        reports: list[SwapReport] = []
        moving = self.moving(self.lab.registry.current)
        async with anyio.create_task_group() as tasks:
            for group in _together(moving):
                if any(self._refused.get(t) != self._trial(moving[t]) for t in group):
                    tasks.start_soon(self._follow, group, reports)
        return sorted(reports, key=lambda r: r.target)

    async def _follow(
        self, group: list[str], reports: list[SwapReport], *, paused: bool = False
    ) -> None:
        async with AsyncExitStack() as locks:
            for target in group:
                await locks.enter_async_context(self._lock(target))
            # While this waited, somebody may have swapped or chosen.
            now = self.moving(self.lab.registry.current, paused=paused)
            moving = {target: now[target] for target in group if target in now}
            if not moving:
                return
            trials = {target: self._trial(candidate) for target, candidate in moving.items()}
            with span("swap", target=" ".join(moving), verb="follow") as traced:
                found = await self.life.swap_to(moving)
                traced.set(outcome=" ".join({report.outcome: None for report in found}))
            for report in found:
                self._refused.pop(report.target, None)
                # One that came to be built on these meanwhile is tried again with them.
                if not report.ok and report.target in trials:
                    self._refused[report.target] = trials[report.target]
                reports.append(report)

    def _trial(self, candidate: Candidate) -> tuple[Candidate, Mapping[str, Any], object]:
        given = self.lab.keeping.given(self.lab.settings, candidate)
        return candidate, given, getattr(given, "stamp", None)

    def _secrets_in_use(self) -> set[tuple[str, str | None]]:
        active = [slot.active for slot in self.life.slots()]
        stamps = [getattr(found.given, "stamp", ()) for found in active if found is not None]
        return {pair for stamp in stamps for pair in stamp}

    async def look(self) -> None:
        """Ask for the health of what is in force, where the settings say how often."""
        interval = self.lab.settings.lifecycle.health_interval
        if not interval or self._now() < self._look_at:
            return
        self._look_at = self._now() + interval
        async with anyio.create_task_group() as tasks:
            for status in self.life.statuses():
                if status.incarnation and not self.life.is_closed:
                    domain, _, key = status.target.partition(":")
                    tasks.start_soon(self.life.check, domain, key)

    async def follow_at_home(self) -> list[SwapReport]:
        """Do `follow` on the loop that the components belong to; nothing where none runs."""
        loop = self.life.known_loop()
        if loop is None:
            return []
        if loop is asyncio.get_running_loop():
            return await self.follow()
        work = asyncio.run_coroutine_threadsafe(self.follow(), loop)
        return await asyncio.wrap_future(work)

    async def renew(self) -> None:
        """Enter what other processes of this workspace synced, and swap to it at once."""
        if await to_thread.run_sync(self.lab.catch_up):
            await self.follow()

    async def publish(self) -> None:
        """Write down what is so here, and what was done; not into a workspace that was deleted."""
        if not self.lab.snapshot.inputs.root.is_dir():
            return
        await to_thread.run_sync(self.lab.store.beat, self.process())
        await to_thread.run_sync(self.journal.flush)

    def nudge(self) -> None:
        """Have `serve` look at once for what is to be swapped; on the loop that serves."""
        if self._nudged is not None:
            self._nudged.set()

    async def serve(
        self,
        every: float = EVERY,
        tell: Callable[[list[SwapReport]], object] = lambda reports: None,
    ) -> None:
        """Follow what is wanted and publish what is so, until cancelled; then leave.

        Each of these goes on by itself: a swap that takes long holds up neither a pause
        nor the beat.

        Args:
            every: Seconds between two looks.
            tell: Told what was swapped and drained.
        """

        async def follow() -> None:
            found = await self.follow()
            reports.extend(found)

        reports: list[SwapReport] = []
        try:
            async with anyio.create_task_group() as tasks:
                for do in (self._obey, self.look, self.publish, self.renew):
                    tasks.start_soon(self._repeat, do, every)
                while True:
                    self._nudged = anyio.Event()
                    await self._once(follow)
                    if reports:
                        tell(reports[:])
                        reports.clear()
                    with anyio.move_on_after(every):
                        await self._nudged.wait()
        finally:
            with anyio.CancelScope(shield=True):
                await self.leave()

    async def _obey(self) -> None:
        await self.obey(wait=False)

    async def _repeat(self, do: Callable[[], Coroutine[Any, Any, object]], every: float) -> None:
        while True:
            await self._once(do)
            await anyio.sleep(every)

    async def _once(self, do: Callable[[], Coroutine[Any, Any, object]]) -> None:
        try:
            await self._at_home(do)
        except StoreError as error:
            self._tell(error)

    async def _at_home(self, do: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Do it on the loop that the components belong to: a kernel's job has another one."""
        loop = self.life.known_loop()
        if loop is None or loop is asyncio.get_running_loop():
            await do()
        else:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(do(), loop))

    async def leave(self) -> None:
        """Write down what was done, and that this process listens no more."""
        await self._kept(self.journal.flush)
        await self._kept(partial(self.lab.store.leave, self._id))

    # --- from another thread ------------------------------------------------------------

    def call(self, work: Coroutine[Any, Any, Any], cancelled: Callable[[], bool]) -> Any:
        """Do *work* on the loop of the lifecycle and wait for it in this thread.

        Args:
            work: What to do.
            cancelled: Asked often; once true, the work is cancelled.

        Raises:
            UsageError: This is the loop's own thread, or no loop runs.
        """
        loop = self.life.known_loop()
        if loop is None or self.life.owns_thread():
            work.close()
            raise UsageError(
                Fault(
                    "other-loop",
                    "this thread cannot wait for the loop that the components belong to",
                    fix="await it there: await lab.swap(...)",
                )
            )
        future = asyncio.run_coroutine_threadsafe(work, loop)
        while True:
            try:
                return future.result(timeout=0.05)
            except TimeoutError:
                if future.done():
                    raise
                if cancelled():
                    future.cancel()
            except CancelledError:
                raise JobCancelledError("it was cancelled", fix="status tells what is so") from None

    # --- inside -------------------------------------------------------------------------

    def _lock(self, target: str) -> anyio.Lock:
        return self._locks.setdefault(target, anyio.Lock())

    def _winner(self, target: str) -> Candidate | None:
        domain, _, key = target.partition(":")
        try:
            return self.lab.registry.resolve(domain, key)
        except NoCandidateError:
            return None

    def _session(self, path: str) -> object:
        found = [v.value for v in self.lab.snapshot.inputs.session if v.path == path]
        return found[0] if found else None

    def _take_back(self, path: str, provider: str, before: object) -> None:
        if self._session(path) != provider:
            return  # somebody chose another one meanwhile
        if before is None:
            self.lab.plan(unset=[path]).apply()
        else:
            self.lab.plan({path: before}).apply()

    async def _kept(self, write: Callable[[], object]) -> None:
        """Write something down; what is in force does not depend on it."""
        try:
            await to_thread.run_sync(write)
        except StoreError as error:
            self._tell(error)

    def _tell(self, error: StoreError) -> None:
        known = {fault.code for fault in self.lab.problems}
        fresh = [replace(f, severity="warning") for f in error.faults if f.code not in known]
        self.lab.problems = (*self.lab.problems, *fresh)


def _together(moving: Mapping[str, Candidate]) -> list[list[str]]:
    """Return the targets in groups of those that require one another, each sorted."""
    group = {target: {target} for target in moving}
    for target, candidate in moving.items():
        for required in candidate.requires:
            if required in group and group[required] is not group[target]:
                group[target] |= group[required]
                for member in group[required]:
                    group[member] = group[target]
    return sorted({id(found): sorted(found) for found in group.values()}.values())


def _user() -> str:
    from ._writing import _who  # noqa: PLC0415 - written down after a swap only

    return _who()
