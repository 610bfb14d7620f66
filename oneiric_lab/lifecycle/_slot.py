"""One component's place: what is in force, and how the next one takes it.

A swap builds, probes and asks the hooks, **then stores one pointer**, and only then drains
and closes the old one. Nothing before the store touches what is in force; nothing after it
undoes the store.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakSet

import anyio

from oneiric_lab.errors import (
    ActivationError,
    Fault,
    NoCandidateError,
    NotActiveError,
    OneiricError,
    PausedError,
)

from ._begins import Begins, name_of
from ._build import is_another, stamp_of
from ._ends import leases_in_words
from ._health import Hysteresis, unhealthy
from ._incarnation import State
from ._limits import called
from ._question import Question
from ._reports import Status, SwapReport, quantiles
from ._wish import ANY, REBUILD, StepError, Wish

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oneiric_lab.registry import Candidate

    from ._host import Host
    from ._incarnation import Incarnation

_KEPT = 256


@dataclass(frozen=True, slots=True)
class Paused:
    """Who paused a component, and why."""

    who: str
    why: str
    drained: bool = False

    def __str__(self) -> str:
        return f"by {self.who or 'somebody'}" + (f": {self.why}" if self.why else "")


class Slot(Begins):
    """What is in force for one key, and all that waits to be, or to end.

    Attributes:
        open: What a lease gets at once: none while it is paused, traced or not there yet.
        lock: Held by who moves the pointer, from the choice on.
        handles: Who shows what is in force; each has a method `follow`.
        paused: Who paused it; None where nobody did.
        previous: What was in force before.
        pin: The provider that the last swap named.
        degraded: What went wrong after the last swap was in force.
        swaps: How many were committed.
        times: Nanoseconds of building and of moving the pointer, of the last of them.
    """

    def __init__(self, life: Host, domain: str, key: str) -> None:
        super().__init__(life, domain, key)
        self.open: Incarnation | None = None
        self.lock = anyio.Lock(fast_acquire=True)
        self.handles: WeakSet[Any] = WeakSet()
        self.paused: Paused | None = None
        self.previous: Candidate | None = None
        self.pin: str | None = None
        self.degraded: tuple[str, ...] = ()
        self.swaps = 0
        self.health = Hysteresis()
        self.times: deque[tuple[int, int]] = deque(maxlen=_KEPT)
        self._question = Question(life.registry, domain, key)
        self._requested = 0
        self._satisfied: tuple[Wish, int, int] | None = None

    # --- leases -------------------------------------------------------------------------

    def show_all(self) -> None:
        """Write what is in force where leases and handles look."""
        found = self.active
        ready = found is not None and self.paused is None and not self.life.trace
        self.open = found if ready else None
        if self.handles:  # to iterate over an empty weak set takes as long as all else here
            for handle in self.handles:
                handle.follow()

    def closed_for(self) -> OneiricError:
        """Return why no lease begins now."""
        if self.paused is not None:
            return PausedError(
                Fault(
                    "paused",
                    f"{self.target} is paused {self.paused}",
                    fix=f"resume it: resume {self.target}",
                )
            )
        return NotActiveError(
            Fault(
                "not-active",
                f"{self.target} is not active yet",
                fix=f'take a lease: async with life.lease("{self.domain}", "{self.key}") as it:',
            )
        )

    def _admit_lease(self) -> None:
        if self.paused is not None:
            raise self.closed_for()

    async def ready(self, need: frozenset[str]) -> Incarnation:
        """Return what is in force, activated where it is not; single-flight.

        Raises:
            PausedError: It is paused.
            ActivationError: It could not be built, or is not healthy.
            NoCandidateError: Nobody provides it, or what is in force lacks a need.
        """
        self._admit_lease()
        if self.active is None:
            report = await self.swap(Wish(self.pin, need))
            if self.active is None:
                raise self._not_activated(report)
        found = self.active
        if not need <= found.candidate.capabilities:
            missing = ", ".join(sorted(need - found.candidate.capabilities))
            raise NoCandidateError(
                Fault(
                    "no-candidate",
                    f"{self.target} is provided by {found.candidate}, which lacks: {missing}",
                    found.candidate.origin,
                    fix=f"swap to a provider that has it: swap {self.target}",
                )
            )
        self._admit_lease()  # it may be paused since it was asked for
        return found

    async def own(self, need: frozenset[str]) -> Incarnation | None:
        """Return an incarnation for one lease, None where the component is shared.

        Raises:
            PausedError: It is paused.
            ActivationError: It could not be built, or is not healthy.
            NoCandidateError: Nobody provides it.
        """
        self._admit_lease()
        if self.active is not None:
            return None
        wish = Wish(self.pin, need)
        try:
            candidate = self.choose(wish)
            if candidate.lifetime == "app":
                return None
            found = await self.prepare(candidate)
        except StepError as error:
            # Without its cause: what the component raised may hold a secret.
            raise self._not_activated(self.failed(wish, error)) from None
        try:
            self._admit_lease()
        except PausedError:  # while it was built
            await self.abort(found)
            raise
        found.state, self.next = State.active, None
        return found

    def _not_activated(self, report: SwapReport) -> OneiricError:
        kind = NoCandidateError if report.stage == "choose" else ActivationError
        return kind(
            Fault(
                "activation-failed",
                f"{self.target} could not be activated: {report.stage}: {report.why}",
                fix=f"mend it, or choose another provider: explain {self.target}",
            )
        )

    # --- swaps --------------------------------------------------------------------------

    async def swap(self, wish: Wish) -> SwapReport:
        """Bring what *wish* asks for into force; see `Lifecycle.swap`."""
        self._requested += 1
        mine = self._requested
        try:
            async with self.lock:
                if self._is_satisfied(wish, mine):
                    report = self.report(wish, "coalesced")
                else:
                    report = await self._swap_now(wish)
        except BaseException:
            self.life.tally.swapped(self.domain, "cancelled")
            raise
        self.life.tally.swapped(self.domain, report.outcome)
        return report

    def _is_satisfied(self, wish: Wish, mine: int) -> bool:
        """Tell whether a swap that began after request number *mine* did what it asks."""
        if self._satisfied is None:
            return False
        done, began, brought = self._satisfied
        # A group or a drain in between may have taken out of force what it brought.
        still = self.active is not None and self.active.number == brought
        return still and done == wish and began >= mine

    async def _swap_now(self, wish: Wish) -> SwapReport:
        if len(self.draining) >= self.life.limits.draining:
            # Those that nobody holds end as soon as the loop turns.
            await asyncio.sleep(0)
        began = self._requested
        try:
            candidate = self.choose(wish)
            if self.is_so(candidate, wish):
                return self.report(wish, "coalesced")
            if candidate.lifetime == "transient":
                return self.hand_out(candidate, wish)
            next_ = await self.prepare(candidate)
        except StepError as error:
            return self.failed(wish, error)
        report = self.commit(next_, wish)
        self._satisfied = wish, began, next_.number
        return await self.after(report)

    def hand_out(self, candidate: Candidate, wish: Wish) -> SwapReport:
        """Let *candidate* be what each lease makes an instance of."""
        before = "" if self.active is None else self.active.candidate.provider
        old, self.active, self.pin = self.active, None, wish.provider
        self.show_all()
        if old is not None:
            self.previous = old.candidate
            self.retire(old)
        return replace(self.report(wish, "committed"), provider=candidate.provider, before=before)

    def is_so(
        self,
        candidate: Candidate,
        wish: Wish = ANY,
        settings: Callable[[Candidate], Mapping[str, Any]] | None = None,
    ) -> bool:
        """Tell whether *candidate* is in force already, made from what is said to it now."""
        found = self.active
        if found is None or wish.force or found.candidate is not candidate or found.is_built_on_old:
            return False
        return self.why_anew(settings) == ""

    def why_anew(
        self, settings: Callable[[Candidate], Mapping[str, Any]] | None = None
    ) -> Literal["", "secrets", "settings"]:
        """Return which of what is in force was made from changed since; empty for nothing."""
        found = self.active
        if found is None or found.built is None:
            return ""
        try:
            given = (settings or self.life.settings)(found.candidate)
        except Exception:  # noqa: BLE001 - whoever gives them raises what they like; building tells
            return "settings"
        if stamp_of(given) != stamp_of(found.given):
            return "secrets"
        if given == found.given:
            return ""
        if is_another(found.candidate, found.built, given, self.life.context):
            return "settings"
        found.given = given  # other words for the same: not asked for again
        return ""

    def choose(self, wish: Wish) -> Candidate:
        """Return the candidate that *wish* means.

        Raises:
            StepError: There is none, it may not win, or too many old ones drain.
        """
        self.admit()
        if wish.verb == "rebuild" and self.active is not None:
            return self.active.candidate
        if wish.verb == "rollback":
            if self.previous is None:
                raise StepError("choose", "nothing was in force before", refused=True)
            return self.previous
        return self._question.answer(wish.provider, wish.need)

    def admit(self) -> None:
        """Make sure that a swap may begin.

        Raises:
            StepError: The lifecycle was closed, or too many old ones drain.
        """
        limits = self.life.limits
        if self.life.is_closed:
            raise StepError("choose", "the lifecycle was closed", refused=True)
        if len(self.draining) >= limits.draining:
            why = f"{len(self.draining)} old incarnations drain already"
            raise StepError("choose", why, refused=True)
        if limits.policy == "refuse" and any(d.state is State.stalled for d in self.draining):
            raise StepError("choose", "an old incarnation is stalled", refused=True)

    def users(self) -> list[Slot]:
        """Return whose incarnations in force were given this one's, those behind them too."""
        out: dict[str, Slot] = {}
        rest = [self]
        while rest:
            found = rest.pop().active
            for user in () if found is None else found.users:
                slot: Slot = self.life.slot_of(user.target)
                if slot.active is user and user.target not in out:
                    out[user.target] = slot
                    rest.append(slot)
        return list(out.values())

    def _follow(self) -> None:
        """See that who was given an incarnation that is out of force is built anew."""
        for old in self.draining:
            for user in old.users:
                slot: Slot = self.life.slot_of(user.target)
                self.life.spawn(slot.rebuild(), f"rebuild {user.target}")

    async def rebuild(self) -> None:
        """Build what is in force anew where it was given what is out of force."""
        if self.active is not None and self.active.is_built_on_old and self.paused is None:
            await self.swap(REBUILD)

    def commit(self, next_: Incarnation, wish: Wish) -> SwapReport:
        """Put *next_* into force. One store decides; nothing here awaits."""
        started = time.perf_counter_ns()
        old = self.active
        next_.state = State.active
        self.active, self.next = next_, None
        self.show_all()
        spent = time.perf_counter_ns() - started
        self.swaps += 1
        self.times.append((next_.prepared_ns, spent))
        self.life.tally.committed(self.domain, next_.prepared_ns, spent)
        limits = self.life.limits
        self.degraded = ()
        self.health.begin(limits.fall, limits.rise)
        if wish.verb == "swap":
            self.pin = wish.provider
        if old is not None:
            self.previous = old.candidate
            self.retire(old)
        if self.draining:
            self._follow()
        self.life.tell(self.target, "active", next_)
        return SwapReport(
            self.target,
            wish.verb,
            "committed",
            next_.number,
            next_.candidate.provider,
            "" if old is None else old.candidate.provider,
            prepare_ns=next_.prepared_ns,
            commit_ns=spent,
        )

    async def after(self, report: SwapReport) -> SwapReport:
        """Run the hooks that can undo nothing; what goes wrong is a warning."""
        hooks = self.life.hooks("post_swap")
        if not hooks:
            return report
        warnings = []
        for hook in hooks:
            try:
                await called(self.life.limits.hook, hook, self.active)
            except Exception as error:  # noqa: BLE001 - hooks raise what they like
                told = f"{name_of(hook)}: {type(error).__name__}: {error}"
                warnings.append(self.life.redact(told))
        if warnings:
            self.degraded = tuple(warnings)
            report = replace(report, warnings=self.degraded)
        return report

    def failed(self, wish: Wish, error: StepError) -> SwapReport:
        """Return the report of a swap that left everything as it was."""
        why = self.life.redact(error.why)
        self.last_error = f"{error.stage}: {why}"
        self.life.tell(self.target, "refused" if error.refused else "failed", None, why)
        outcome = "refused" if error.refused else "failed"
        report = self.report(wish, outcome)
        return replace(report, stage=error.stage, why=why)

    def report(self, wish: Wish, outcome: Any) -> SwapReport:
        """Return what is in force, as a report."""
        found = self.active
        if found is None:
            return SwapReport(self.target, wish.verb, outcome)
        provider = found.candidate.provider
        return SwapReport(self.target, wish.verb, outcome, found.number, provider, provider)

    # --- states -------------------------------------------------------------------------

    def pause(self, who: str, why: str, *, drained: bool = False) -> None:
        """Let no lease begin; what is held goes on."""
        self.paused = Paused(who, why, drained)
        self.show_all()
        self.life.tell(self.target, "paused", self.active, str(self.paused))

    def resume(self) -> bool:
        """Let leases begin again; return whether it was paused."""
        was, self.paused = self.paused, None
        self.show_all()
        if was is not None:
            self.life.tell(self.target, "resumed", self.active)
        return was is not None

    async def drain(self, who: str, why: str, seconds: float) -> SwapReport:
        """Let no lease begin, and close what is in force when its last lease ends."""
        wish = Wish(verb="drain")
        async with self.lock:
            before = "" if self.active is None else self.active.candidate.provider
            old, self.active = self.active, None
            self.pause(who, why, drained=True)
            if old is not None:
                self.previous = old.candidate
                self.retire(old)
        with anyio.move_on_after(seconds or None):
            while self.draining:
                await self.life.changed()
        report = replace(self.report(wish, "committed"), before=before)
        if not self.draining:
            return report
        held = sum(d.leases for d in self.draining)
        why = f"{leases_in_words(held)} held after {seconds:g} s"
        return replace(report, outcome="failed", stage="drain", why=why)

    async def check(self) -> str | None:
        """Ask what is in force for its health; return why it is not healthy, or None."""
        found = self.active
        check = None if found is None or found.built is None else found.built.health
        if found is None or check is None:
            return None
        try:
            why = unhealthy(await called(self.life.limits.health, check), found.number)
        except Exception as error:  # noqa: BLE001 - a check that raises says no
            why = f"{type(error).__name__}: {error}"
        why = None if why is None else self.life.redact(why)
        self.life.tally.checked(self.domain, good=why is None)
        if found is self.active and self.health.observe(good=why is None):
            if why is not None:
                self.last_error = f"health: {why}"
            self.life.tell(self.target, "healthy" if why is None else "unhealthy", found, why or "")
        return why

    def _coming(self) -> tuple[int, str] | None:
        """Return the one that is prepared, and how far it is."""
        one = self.next
        if one is None or one.state not in {State.building, State.probing}:
            return None
        return one.number, "ready" if one.prepared_ns else one.state.value

    def status(self) -> Status:
        """Return how it is; costs microseconds and asks nobody."""
        found = self.active
        if self.life.is_closed:
            state = "closed"
        elif self.paused is not None:
            state = "drained" if self.paused.drained and found is None else "paused"
        else:
            state = "idle" if found is None else "active"
        return Status(
            target=self.target,
            state=state,
            incarnation=0 if found is None else found.number,
            provider="" if found is None else found.candidate.provider,
            version="" if found is None else found.candidate.version,
            leases=0 if found is None else found.leases,
            healthy=self.health.healthy,
            degraded=self.degraded,
            paused="" if self.paused is None else str(self.paused),
            next=self._coming(),
            draining=tuple(
                (d.number, d.state.value, d.leases, tuple(d.holders.values()))
                for d in self.draining
            ),
            last_error=self.last_error,
            swaps=self.swaps,
            prepare_ms=quantiles([p / 1e6 for p, _ in self.times]),
            commit_us=quantiles([c / 1e3 for _, c in self.times]),
        )
