"""One component's place: what is in force, and how the next one takes it.

A swap builds, probes and asks the hooks, **then stores one pointer**, and only then drains
and closes the old one. Nothing before the store touches what is in force; nothing after it
undoes the store.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal
from weakref import WeakSet

import anyio

from oneiric_lab.errors import (
    ActivationError,
    Fault,
    NoCandidateError,
    NotActiveError,
    OneiricError,
    PausedError,
    did_you_mean,
)

from ._build import NOTHING, build, is_another, parameters_of, stamp_of
from ._health import Hysteresis, unhealthy
from ._incarnation import Incarnation, State
from ._limits import deadline
from ._reports import Status, SwapReport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oneiric_lab.registry import Candidate

    from ._host import Host

_KEPT = 256


@dataclass(frozen=True, slots=True)
class Wish:
    """What a swap asks for; equal wishes are satisfied together."""

    provider: str | None = None
    need: frozenset[str] = frozenset()
    force: bool = False
    verb: str = "swap"


ANY: Final = Wish()
"""Whom the registry says."""

REBUILD: Final = Wish(verb="rebuild")
"""What is in force, built anew on what its factory is given now."""


@dataclass(frozen=True, slots=True)
class Paused:
    """Who paused a component, and why."""

    who: str
    why: str
    drained: bool = False

    def __str__(self) -> str:
        return f"by {self.who or 'somebody'}" + (f": {self.why}" if self.why else "")


class StepError(Exception):
    """A step of a swap that went wrong before the pointer moved."""

    def __init__(self, stage: str, why: str, *, refused: bool = False) -> None:
        super().__init__(why)
        self.stage, self.why, self.refused = stage, why, refused


def _refuse(stage: str, why: str | None, *, refused: bool = False) -> None:
    if why is not None:
        raise StepError(stage, why, refused=refused)


class Slot:
    """What is in force for one key, and all that waits to be, or to end."""

    def __init__(self, life: Host, domain: str, key: str) -> None:
        self.life, self.domain, self.key = life, domain, key
        self.target = f"{domain}:{key}"
        self.active: Incarnation | None = None
        self.open: Incarnation | None = None
        """What a lease gets at once: none while it is paused, traced or not there yet."""
        self.lock = anyio.Lock(fast_acquire=True)
        self.draining: list[Incarnation] = []
        self.handles: WeakSet[Any] = WeakSet()
        """Who shows what is in force; each has a method `follow`."""
        self.paused: Paused | None = None
        self.previous: Candidate | None = None
        self.pin: str | None = None
        self.last: SwapReport | None = None
        self.last_error = ""
        self.degraded: tuple[str, ...] = ()
        self.swaps = 0
        self.health = self._hysteresis()
        self.times: deque[tuple[int, int]] = deque(maxlen=_KEPT)
        self._number = 0
        self._requested = 0
        self._satisfied: tuple[Wish, int] | None = None

    def _hysteresis(self) -> Hysteresis:
        return Hysteresis(self.life.limits.fall, self.life.limits.rise)

    # --- leases -------------------------------------------------------------------------

    def show_all(self) -> None:
        """Write what is in force where leases and handles look."""
        found = self.active
        ready = found is not None and self.paused is None and not self.life.trace
        self.open = found if ready else None
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

    async def ready(self, need: frozenset[str]) -> Incarnation:
        """Return what is in force, activated where it is not; single-flight.

        Raises:
            PausedError: It is paused.
            ActivationError: It could not be built, or is not healthy.
            NoCandidateError: Nobody provides it, or what is in force lacks a need.
        """
        if self.paused is not None:
            raise self.closed_for()
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
        if self.paused is not None:  # while it was built
            raise self.closed_for()
        return found

    async def own(self, need: frozenset[str]) -> Incarnation | None:
        """Return an incarnation for one lease, None where the component is shared.

        Raises:
            PausedError: It is paused.
            ActivationError: It could not be built, or is not healthy.
            NoCandidateError: Nobody provides it.
        """
        if self.paused is not None:
            raise self.closed_for()
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
        found.state = State.active
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
                satisfied = self._satisfied
                if satisfied is not None and satisfied[0] == wish and satisfied[1] >= mine:
                    # One that began after this was asked for did it.
                    report = self.report(wish, "coalesced")
                else:
                    report = await self._swap_now(wish)
        except BaseException:
            self.last = self.report(wish, "cancelled")
            self.life.tally.swapped(self.domain, "cancelled")
            raise
        self.life.tally.swapped(self.domain, report.outcome)
        if report.outcome != "coalesced":
            self.last = report
        return report

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
        self._satisfied = (wish, began)
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
        given = (settings or self.life.settings)(found.candidate)
        if stamp_of(given) != stamp_of(found.given):
            return "secrets"
        if given == found.given:
            return ""
        if is_another(found.candidate, found.built, given):
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
        registry, need, provider = self.life.registry, wish.need or None, wish.provider
        try:
            if provider is None:
                return registry.resolve(self.domain, self.key, need)
            # Asked first: a ranking takes a third of a swap.
            winner = registry.current.winner(self.domain, self.key)
            if need is None and winner is not None and winner.provider == provider:
                return winner
            answer = registry.explain(self.domain, self.key, need)
        except OneiricError as error:
            raise StepError("choose", error.faults[0].message, refused=True) from None
        for ranked in answer.ranking:
            if ranked.candidate.provider == provider:
                return ranked.candidate
        for out in answer.rejected:
            if out.candidate.provider == provider:
                why = f"{provider} {out.refusals[0].reason}"
                raise StepError("choose", why, refused=True)
        known = {r.candidate.provider for r in answer.ranking}
        near = did_you_mean(provider, known) or "nobody provides it"
        why = f"unknown provider `{provider}` of {self.target}; {near}"
        raise StepError("choose", why, refused=True)

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

    async def activate_required(
        self, candidate: Candidate, *, skip: frozenset[str] = frozenset()
    ) -> None:
        """Bring into force what *candidate* requires, but for *skip*.

        Raises:
            StepError: One of them could not be.
        """
        for target in candidate.requires:
            if target in skip:
                continue
            slot: Slot = self.life.slot_of(target)
            if slot.lock.statistics().owner == anyio.get_current_task():
                # The registry refuses cycles, but not of candidates that are asked for by name.
                raise StepError(f"requires {target}", "which is being built for this one: a cycle")
            try:
                # Under the limit of a build: another task may wait for this one.
                await self._timed(slot.ready(frozenset()), self.life.limits.build)
            except TimeoutError as error:
                raise StepError(f"requires {target}", str(error)) from error
            except OneiricError as error:
                raise StepError(f"requires {target}", error.faults[0].message) from error

    async def prepare(
        self,
        candidate: Candidate,
        *,
        skip: frozenset[str] = frozenset(),
        beside: Mapping[str, Incarnation] = NOTHING,
        settings: Callable[[Candidate], Mapping[str, Any]] | None = None,
    ) -> Incarnation:
        """Return a new incarnation, built and found healthy, that no one can see yet.

        Args:
            candidate: What to build.
            skip: Required components that need not be brought into force first.
            beside: Those that come into force together with it.
            settings: Gives its settings; None asks the lifecycle.

        Raises:
            StepError: It could not be; what was built was aborted.
        """
        self._number += 1
        next_ = Incarnation(self.target, self._number, candidate, self.life.loop())
        limits = self.life.limits
        stage, ready = "build", False
        started = time.perf_counter_ns()
        try:
            if candidate.requires:
                await self.activate_required(candidate, skip=skip)
            next_.given = given = (settings or self.life.settings)(candidate)
            needs = self._pinned(next_, beside) if candidate.requires else NOTHING
            built = await self._timed(build(candidate, given, needs), limits.build)
            next_.built, next_.instance = built, built.instance
            stage, next_.state = "health", State.probing
            check = built.health
            if check is not None:
                _refuse("health", unhealthy(await self._call(limits.health, check), next_.number))
            stage = "pre_swap"
            for hook in self.life.hooks("pre_swap"):
                vetoed = await self._call(limits.hook, hook, next_, self.active) is False
                _refuse("pre_swap", f"{_name(hook)} said no" if vetoed else None, refused=True)
            next_.prepared_ns = time.perf_counter_ns() - started
            ready = True
        except StepError:
            raise
        except TimeoutError as error:
            raise StepError(stage, str(error) or "took too long") from error
        except Exception as error:
            why = error.faults[0].message if isinstance(error, OneiricError) else None
            raise StepError(stage, why or f"{type(error).__name__}: {error}") from error
        finally:
            if not ready:
                await self.abort(next_)
        return next_

    def _pinned(self, next_: Incarnation, beside: Mapping[str, Incarnation]) -> Mapping[str, Any]:
        """Return what the factory of *next_* is given, held to its end."""
        needs = {}
        for name, target in parameters_of(next_.candidate).items():
            used = beside.get(target) or self.life.slot_of(target).active
            if used is None:  # taken out of force since
                raise StepError(f"requires {target}", "it is not active")
            needs[name] = next_.pin(used)
        return needs

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
        next_.since = self.life.now()
        self.active = next_
        self.show_all()
        spent = time.perf_counter_ns() - started
        self.swaps += 1
        self.times.append((next_.prepared_ns, spent))
        self.life.tally.committed(self.domain, next_.prepared_ns, spent)
        self.degraded, self.health = (), self._hysteresis()
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
                await self._call(self.life.limits.hook, hook, self.active)
            except Exception as error:  # noqa: BLE001 - hooks raise what they like
                told = f"{_name(hook)}: {type(error).__name__}: {error}"
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

    # --- ends ---------------------------------------------------------------------------

    def retire(self, old: Incarnation) -> None:
        """Take *old* out of force; it is closed when its last lease ends."""
        old.retired, old.state = True, State.draining
        if not old.leases and not self.life.hooks("on_cleanup") and self._ended_at_once(old):
            return
        self.draining.append(old)
        self.life.spawn(self._reap(old), f"drain {self.target} {old.number}")

    def _ended_at_once(self, old: Incarnation) -> bool:
        """Close what nobody holds and whose end awaits nothing; a task would take 10 µs."""
        built = old.built
        if built is None or inspect.iscoroutinefunction(built.close):
            return False
        old.state = State.closing
        try:
            rest = built.close()
        except Exception as error:  # noqa: BLE001 - told by the status
            self._cleanup_failed(error)
            rest = None
        if hasattr(rest, "__await__"):
            # A plain function that leaves something to await.
            self.draining.append(old)
            self.life.spawn(self._ended_later(old, rest), f"close {self.target} {old.number}")
        else:
            self._closed(old)
        return True

    async def _ended_later(self, old: Incarnation, rest: Any) -> None:
        with anyio.CancelScope(shield=True):
            await self._quietly(lambda: rest)
        self._closed(old)
        self.draining.remove(old)

    async def _reap(self, old: Incarnation) -> None:
        limits = self.life.limits
        try:
            if old.leases:
                await self._drained(old, limits.drain)
        finally:
            # The loop that ends cancels this; who is held by nobody is closed all the same.
            # One that is stalled here is closed under its lease, as the policy says.
            if not old.leases or old.state is State.stalled:
                await self.close(old)

    async def _drained(self, old: Incarnation, seconds: float) -> None:
        free = asyncio.Event()
        old.drained = free.set
        old.notice()
        with anyio.move_on_after(seconds or None):
            await free.wait()
        if not old.leases:
            return
        old.state = State.stalled
        self.last_error = f"incarnation {old.number} is stalled: {_leases(old.leases)} held"
        self.life.tell(self.target, "stalled", old, self.last_error)
        if self.life.limits.policy != "force":
            try:
                await free.wait()
            finally:
                if old.leases:
                    old.state = State.draining

    async def close(self, old: Incarnation) -> None:
        """End an incarnation that was in force."""
        old.state = State.closing
        with anyio.CancelScope(shield=True):
            for hook in self.life.hooks("on_cleanup"):
                await self._quietly(hook, old)
            if old.built is not None:
                await self._quietly(old.built.close)
        self._closed(old)
        if old in self.draining:
            self.draining.remove(old)

    def _closed(self, old: Incarnation) -> None:
        old.state = State.closed
        old.built = None
        if old.pins:
            old.unpin()
        self.life.tell(self.target, "closed", old)

    async def abort(self, next_: Incarnation) -> None:
        """End an incarnation that never was in force."""
        next_.state = State.aborting
        if next_.built is not None:
            with anyio.CancelScope(shield=True):
                await self._quietly(next_.built.abort)
            next_.built = None
        if next_.pins:
            next_.unpin()
        next_.state = State.aborted

    async def _quietly(self, call: Callable[..., Any], *args: Any) -> None:
        """Run what ends something: it must not keep others from ending."""
        try:
            await self._call(self.life.limits.cleanup, call, *args)
        except Exception as error:  # noqa: BLE001 - told by the status
            self._cleanup_failed(error)

    def _cleanup_failed(self, error: Exception) -> None:
        self.last_error = self.life.redact(f"cleanup: {type(error).__name__}: {error}")
        self.life.tally.leaked(self.domain)
        self.life.tell(self.target, "cleanup-failed", None, self.last_error)

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
        why = f"{_leases(held)} held after {seconds:g} s"
        return replace(report, outcome="failed", stage="drain", why=why)

    async def check(self) -> str | None:
        """Ask what is in force for its health; return why it is not healthy, or None."""
        found = self.active
        check = None if found is None or found.built is None else found.built.health
        if found is None or check is None:
            return None
        try:
            why = unhealthy(await self._call(self.life.limits.health, check), found.number)
        except Exception as error:  # noqa: BLE001 - a check that raises says no
            why = f"{type(error).__name__}: {error}"
        why = None if why is None else self.life.redact(why)
        self.life.tally.checked(self.domain, good=why is None)
        if found is self.active and self.health.observe(good=why is None):
            if why is not None:
                self.last_error = f"health: {why}"
            self.life.tell(self.target, "healthy" if why is None else "unhealthy", found, why or "")
        return why

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
            draining=tuple(
                (d.number, d.state.value, d.leases, tuple(d.holders.values()))
                for d in self.draining
            ),
            last_error=self.last_error,
            swaps=self.swaps,
            prepare_ms=_quantiles([p / 1e6 for p, _ in self.times]),
            commit_us=_quantiles([c / 1e3 for _, c in self.times]),
        )

    # --- time ---------------------------------------------------------------------------

    async def _call(self, seconds: float, call: Callable[..., Any], *args: Any) -> Any:
        value = call(*args)
        if not hasattr(value, "__await__"):
            return value
        return await self._timed(value, seconds)

    async def _timed(self, value: Any, seconds: float) -> Any:
        with anyio.CancelScope(deadline=deadline(seconds, anyio.current_time())):
            return await value
        raise TimeoutError(f"took longer than {seconds:g} s")


def _leases(number: int) -> str:
    return f"{number} lease{'s' * (number != 1)}"


def _name(call: Any) -> str:
    return str(getattr(call, "__qualname__", type(call).__name__))


def _quantiles(values: list[float]) -> tuple[float, float] | None:
    if not values:
        return None
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
