"""All components of a process that run, and the one loop that owns them."""

from __future__ import annotations

import asyncio
from threading import get_ident
from typing import TYPE_CHECKING, Any, Literal

import anyio

from oneiric_lab.errors import Fault, UsageError

from ._group import nothing, swap_all
from ._handle import LeaseHandle
from ._lease import AskingThreadLease, Lease, thread_lease
from ._limits import Limits
from ._slot import Slot
from ._tally import Tally
from ._wish import Wish

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
    from types import TracebackType
    from typing import Self

    from oneiric_lab.registry import Candidate, Registry

    from ._incarnation import Incarnation
    from ._reports import Status, SwapReport

Hook = Literal["pre_swap", "post_swap", "on_cleanup"]
_HOOKS = ("pre_swap", "post_swap", "on_cleanup")


class Lifecycle:
    """Activates, swaps, leases and drains the components of a registry.

    The loop that first asks owns it: swaps and async leases belong to that loop, sync leases
    may be taken in any thread. It starts no thread, and no task before something drains.

    Args:
        registry: Who wins.
        settings: Gives a candidate's settings, which its factory receives validated. What is
            in force is so only as long as they mean the same, and their stamp (see `Given`)
            is equal: a swap builds it anew then.
        limits: Seconds for each step.
        tell: Told of every change: target, what, incarnation number, provider, detail. It
            is called on the loop and must not wait.
        trace: Whether each lease remembers where it was taken; leases then cost ten times
            as much.
        redact: Takes out of a text what nobody may read: what a component raises may hold
            the secret that it was given.
        context: What pydantic gives to validators of settings models; see `config.based_at`.

    Attributes:
        tally: What became of swaps and health checks, in numbers.

    Example:
        >>> import asyncio
        >>> from oneiric_lab.registry import Candidate, Registry
        >>> registry = Registry()
        >>> registry.add(Candidate("adapter", "cache", "memory", dict))
        >>> async def main():
        ...     async with Lifecycle(registry) as life:
        ...         async with life.lease("adapter", "cache") as cache:
        ...             cache["a"] = 1
        ...         return life.status("adapter", "cache").state
        >>> asyncio.run(main())
        'active'
    """

    def __init__(
        self,
        registry: Registry,
        *,
        settings: Callable[[Candidate], Mapping[str, Any]] | None = None,
        limits: Limits | None = None,
        tell: Callable[[str, str, int, str, str], object] | None = None,
        trace: bool = False,
        redact: Callable[[str], str] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> None:
        self.registry = registry
        self.limits = limits or Limits()
        self.trace = trace
        self.context = context
        self.is_closed = False
        self.tally = Tally()
        self._settings = settings
        self._tell = tell
        self._redact = redact
        self._slots: dict[str, dict[str, Slot]] = {}
        self._hooks: dict[str, tuple[Callable[..., Any], ...]] = dict.fromkeys(_HOOKS, ())
        self._loop: asyncio.AbstractEventLoop | None = None
        self._owner: int | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed: asyncio.Event | None = None

    def __repr__(self) -> str:
        running = sum(s.active is not None for s in self._all())
        return f"<Lifecycle: {running} components run>"

    async def __aenter__(self) -> Self:
        self.bind()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    # --- leases -------------------------------------------------------------------------

    def lease(self, domain: str, key: str, need: str | Iterable[str] | None = None) -> Any:
        """Return what `async with` makes a lease of: the instance in force, pinned.

        The first lease activates the component. Until the lease ends, the instance is not
        closed, whatever is swapped meanwhile. Enter it where it is taken.

        Args:
            domain: Of the component.
            key: Of the component.
            need: Capabilities that what is in force must have.

        Raises:
            PausedError: At entering: nobody may begin a lease now.
            ActivationError: At entering: it could not be built, or is not healthy.
            NoCandidateError: At entering: nobody provides it.
        """
        try:
            found = self._slots[domain][key].open
        except KeyError:
            found = None
        if found is not None and need is None and found.owner == get_ident():
            return found
        return Lease(self.slot(domain, key), _names(need))

    def lease_sync(self, domain: str, key: str, need: str | Iterable[str] | None = None) -> Any:
        """Return what `with` makes a lease of, from any thread.

        A thread other than the owner's may be the first: the owner's loop then activates it.
        """
        try:
            found = self._slots[domain][key].open
        except KeyError:
            found = None
        if found is not None and need is None and found.owner == get_ident():
            return found
        slot = self.slot(domain, key)
        if found is not None and need is None:
            return thread_lease(slot)
        return AskingThreadLease(slot, _names(need))

    def handle(self, domain: str, key: str, need: str | Iterable[str] | None = None) -> LeaseHandle:
        """Return a component that is asked for often: `handle.current`, `handle.lease()`."""
        return LeaseHandle(self.slot(domain, key), _names(need))

    async def activate(self, domain: str, key: str) -> Status:
        """Bring a component into force without a lease, and return how it is."""
        self.bind()
        await self.slot(domain, key).ready(frozenset())
        return self.status(domain, key)

    # --- changes ------------------------------------------------------------------------

    async def swap(
        self,
        domain: str,
        key: str,
        *,
        provider: str | None = None,
        need: str | Iterable[str] | None = None,
        force: bool = False,
        drain_timeout: float | None = None,
    ) -> SwapReport:
        """Bring a provider into force, and drain the one that was.

        It is built, probed and asked for by the hooks first; if anything of that fails, what
        is in force stays. Requests for the same are satisfied together. Cancelled, it leaves
        the old one or the new one in force. Components whose factories were given what is
        swapped are built anew with it: all of them move, or none.

        Args:
            domain: Of the component.
            key: Of the component.
            provider: Who shall provide it; None is whom the registry says.
            need: Capabilities that it must have.
            force: Build it anew though it is in force already.
            drain_timeout: Seconds to wait here until the old one is closed; None does not
                wait.

        Returns:
            What became of it; it does not raise for a swap that failed.
        """
        self.bind()
        slot = self.slot(domain, key)
        report = await self._swap(slot, Wish(provider, _names(need), force))
        if drain_timeout is not None and report.ok:
            with anyio.move_on_after(drain_timeout):
                while slot.draining:
                    await self.changed()
        return report

    async def swap_group(
        self, providers: Mapping[str, str | None], *, force: bool = False
    ) -> tuple[SwapReport, ...]:
        """Swap several components together: all are healthy before the first one moves.

        Args:
            providers: `domain:key` to provider, or None for whom the registry says.
            force: Build them anew though they are in force already.

        Returns:
            One report for each, in the order in which they require each other; if one fails,
            none moves and the others are refused.
        """
        self.bind()
        wishes = {t: Wish(p, frozenset(), force) for t, p in providers.items()}
        return await swap_all(self, wishes)

    async def swap_to(
        self,
        candidates: Mapping[str, Candidate],
        *,
        settings: Callable[[Candidate], Mapping[str, Any]] | None = None,
        commit: Callable[[], Awaitable[object] | None] | None = None,
    ) -> tuple[SwapReport, ...]:
        """Swap several components together to what a plan chose, as `swap_group` does.

        Args:
            candidates: `domain:key` to who shall provide it; the registry is not asked.
            settings: Gives a candidate's settings as the plan would have them.
            commit: Called when all are healthy, right before the first one moves, and not
                cancelled; if it raises, none moves.

        Raises:
            Exception: Whatever *commit* raised.
        """
        self.bind()
        wishes: dict[str, Wish] = {}
        for target, candidate in candidates.items():
            slot = self.slot_of(target)
            # Built anew, what somebody pinned is pinned still.
            again = slot.active is not None and slot.active.candidate is candidate
            wishes[target] = Wish(slot.pin if again else None)
        return await swap_all(self, wishes, candidates, settings, commit or nothing)

    async def rollback(self, domain: str, key: str) -> SwapReport:
        """Bring what was in force before back: built anew, never one that was closed."""
        self.bind()
        return await self._swap(self.slot(domain, key), Wish(verb="rollback"))

    async def _swap(self, slot: Slot, wish: Wish) -> SwapReport:
        if slot.active is None or not slot.active.users:
            return await slot.swap(wish)
        reports = await swap_all(self, {slot.target: wish})
        return next(report for report in reports if report.target == slot.target)

    async def pause(self, domain: str, key: str, *, who: str = "", why: str = "") -> Status:
        """Let no lease begin until it is resumed; what is held goes on."""
        self.bind()
        self.slot(domain, key).pause(who, why)
        return self.status(domain, key)

    async def resume(self, domain: str, key: str) -> Status:
        """Let leases begin again; what was drained is activated by the next one."""
        self.bind()
        self.slot(domain, key).resume()
        return self.status(domain, key)

    async def drain(
        self,
        domain: str,
        key: str,
        *,
        who: str = "",
        why: str = "",
        drain_timeout: float | None = None,
    ) -> SwapReport:
        """Let no lease begin, wait for those that are held, and close what was in force."""
        self.bind()
        seconds = self.limits.drain if drain_timeout is None else drain_timeout
        return await self.slot(domain, key).drain(who, why, seconds)

    async def check(self, domain: str, key: str) -> str | None:
        """Ask for the health of what is in force; return why it is not healthy, or None.

        What `status` says changes after several answers in a row only.
        """
        self.bind()
        return await self.slot(domain, key).check()

    def on(self, hook: Hook, call: Callable[..., object | Awaitable[object]]) -> Callable[[], None]:
        """Call *call* at a moment of every swap; return what takes it off again.

        Args:
            hook: `pre_swap` (new, old): False or an error refuses; `post_swap` (new): cannot
                undo; `on_cleanup` (old): before it is closed.
            call: A function or a coroutine function.
        """
        if hook not in _HOOKS:
            raise UsageError(
                Fault("usage", f"no hook {hook!r}", fix="use one of: " + ", ".join(_HOOKS))
            )
        self._hooks[hook] = (*self._hooks[hook], call)

        def off() -> None:
            self._hooks[hook] = tuple(c for c in self._hooks[hook] if c is not call)

        return off

    # --- states -------------------------------------------------------------------------

    def status(self, domain: str, key: str) -> Status:
        """Return how a component is; asks nobody and never waits."""
        return self.slot(domain, key).status()

    def statuses(self) -> tuple[Status, ...]:
        """Return how every component is that was asked for, sorted."""
        return tuple(slot.status() for slot in self.slots())

    async def aclose(self) -> tuple[Status, ...]:
        """Take everything out of force and wait until it is closed.

        Returns:
            Those whose leases were still held at the limit of the drain; they are closed
            when they end, or at once where the policy is `force`.
        """
        self.bind()
        self.is_closed = True
        for slot in self._all():
            async with slot.lock:
                old, slot.active = slot.active, None
                slot.show_all()
                if old is not None:
                    slot.retire(old)
        with anyio.move_on_after(
            self.limits.drain + self.limits.cleanup if self.limits.drain else None
        ):
            while any(slot.draining for slot in self._all()):
                await self.changed()
        return tuple(slot.status() for slot in self._all() if slot.draining)

    def set_trace(self, on: bool) -> None:
        """Have leases that begin from here on remember where they were taken, or not."""
        self.trace = on
        for slot in self._all():
            slot.show_all()

    # --- for the slots ------------------------------------------------------------------

    def slot(self, domain: str, key: str) -> Slot:
        """Return the place of a component, made at the first question."""
        keys = self._slots.get(domain)
        if keys is None:
            keys = self._slots.setdefault(domain, {})
        found = keys.get(key)
        # One of two threads that are first at once wins for both.
        return keys.setdefault(key, Slot(self, domain, key)) if found is None else found

    def slots(self) -> list[Slot]:
        """Return the places of all components that were asked for, sorted."""
        return sorted(self._all(), key=lambda slot: slot.target)

    def slot_of(self, target: str) -> Slot:
        """Return the place of `domain:key`."""
        domain, _, key = target.partition(":")
        return self.slot(domain, key)

    def settings(self, candidate: Candidate) -> Mapping[str, Any]:
        """Return the settings of a candidate."""
        return {} if self._settings is None else self._settings(candidate)

    def redact(self, text: str) -> str:
        """Return *text* without what nobody may read."""
        return text if self._redact is None else self._redact(text)

    def hooks(self, hook: str) -> tuple[Callable[..., Any], ...]:
        """Return who is called at *hook*."""
        return self._hooks[hook]

    def bind(self) -> None:
        """Make the running loop the owner, or refuse another one.

        Raises:
            UsageError: Another loop owns it.
        """
        if self._owner == get_ident() and self._loop is not None and self._loop.is_running():
            return
        loop = asyncio.get_running_loop()
        if self._loop is not None and self._loop is not loop:
            raise UsageError(
                Fault(
                    "other-loop",
                    "this lifecycle belongs to another event loop",
                    fix="take a sync lease from other threads: with life.lease_sync(...) as it:",
                )
            )
        self._loop, self._owner = loop, get_ident()

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the owner's loop."""
        self.bind()
        assert self._loop is not None, "bind sets it"  # noqa: S101 - our own invariant
        return self._loop

    def known_loop(self) -> asyncio.AbstractEventLoop | None:
        """Return the owner's loop where there is one and it runs."""
        return self._loop if self._loop is not None and self._loop.is_running() else None

    def owns_thread(self) -> bool:
        """Tell whether this is the owner's thread."""
        return self._owner == get_ident()

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Start what ends an incarnation; `aclose` waits for it."""
        task = self.loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # Read, so that asyncio does not complain of it as well.
            task.exception()
        if self._changed is not None:
            self._changed.set()

    async def changed(self) -> None:
        """Wait until something that drained has ended."""
        if self._changed is None or self._changed.is_set():
            self._changed = asyncio.Event()
        await self._changed.wait()

    def tell(
        self, target: str, what: str, incarnation: Incarnation | None, detail: str = ""
    ) -> None:
        """Tell who listens of a change."""
        if self._tell is not None:
            number = 0 if incarnation is None else incarnation.number
            provider = "" if incarnation is None else incarnation.candidate.provider
            self._tell(target, what, number, provider, detail)

    def _all(self) -> list[Slot]:
        return [slot for keys in list(self._slots.values()) for slot in list(keys.values())]


def _names(need: str | Iterable[str] | None) -> frozenset[str]:
    if need is None:
        return frozenset()
    return frozenset([need]) if isinstance(need, str) else frozenset(need)
