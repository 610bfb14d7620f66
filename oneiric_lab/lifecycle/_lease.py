"""Leases: what pins an incarnation while somebody uses it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from ._incarnation import Incarnation
    from ._slot import Slot

T = TypeVar("T")


class Lease:
    """A lease that must ask first: for an activation, a need, a trace or a new instance."""

    __slots__ = ("_held", "_need", "_own", "_slot")

    def __init__(self, slot: Slot, need: frozenset[str]) -> None:
        self._slot, self._need = slot, need
        self._held: Incarnation | None = None
        self._own = False

    async def __aenter__(self) -> Any:
        slot = self._slot
        slot.life.bind()
        found = await slot.own(self._need)
        self._own = found is not None
        while found is None or found.retired:
            found = await slot.ready(self._need)
        instance = found.__enter__()
        self._held = found
        if slot.life.trace:
            found.holders[self] = _place()
        return instance

    async def __aexit__(self, *_: object) -> None:
        found, self._held = self._held, None
        if found is None:
            return
        found.holders.pop(self, None)
        found.__exit__()
        if self._own:
            await self._slot.close(found)


class ThreadLease:
    """A lease of another thread, of what is in force when it begins.

    It is written first, and then looked whether the slot still shows the same: who retires
    an incarnation changes the slot first, and then looks for its leases. It has no
    `__init__`, whose call would be a quarter of its cost; see `thread_lease`.
    """

    __slots__ = ("_held", "slot")

    _held: Incarnation
    slot: Slot

    def __enter__(self) -> Any:
        slot = self.slot
        found = slot.open
        if found is not None:
            found.threads[self] = None
            if slot.open is found:
                self._held = found
                return found.instance
            found.let_go(self)
        self._held = found = _in_force(slot, frozenset(), self)
        return found.instance

    def __exit__(self, kind: object = None, error: object = None, trace: object = None) -> None:
        found = self._held
        del found.threads[self]
        if found.retired:
            found.notice_soon()


def thread_lease(slot: Slot) -> ThreadLease:
    """Return a lease of what is in force in *slot* when it is entered."""
    lease = ThreadLease()
    lease.slot = slot
    return lease


class AskingThreadLease:
    """A lease of another thread that must ask first: for an activation, a need or a trace."""

    __slots__ = ("_held", "_need", "_own", "_slot")

    def __init__(self, slot: Slot, need: frozenset[str]) -> None:
        self._slot, self._need = slot, need
        self._own: Incarnation | None = None

    def __enter__(self) -> Any:
        self._own = self._ask_for_own()
        self._held = found = self._own or _in_force(self._slot, self._need, self)
        if self._slot.life.trace:
            found.holders[self] = _place()
        return found.instance

    def _ask_for_own(self) -> Incarnation | None:
        """Return an incarnation for this lease alone, held; None where they are shared."""
        slot = self._slot
        loop = slot.life.known_loop()
        if slot.active is not None or loop is None or slot.life.owns_thread():
            return None
        own = _awaited(slot.own(self._need), loop)
        if own is not None:
            own.hold(self)
        return own

    def __exit__(self, *_: object) -> None:
        self._held.holders.pop(self, None)
        self._held.let_go(self)
        loop = self._slot.life.known_loop()
        if self._own is not None and loop is not None:
            _awaited(self._slot.close(self._own), loop)


def _in_force(slot: Slot, need: frozenset[str], token: object) -> Incarnation:
    """Return what is in force, held by *token*, from any thread; activated where it is not."""
    while True:
        found = _asked(slot, need)
        if found.hold(token):
            if slot.paused is None:
                return found
            found.let_go(token)


def _asked(slot: Slot, need: frozenset[str]) -> Incarnation:
    if slot.paused is not None:
        raise slot.closed_for()
    found = slot.active
    if found is not None and need <= found.candidate.capabilities:
        return found
    loop = slot.life.known_loop()
    if loop is None or slot.life.owns_thread():
        raise slot.closed_for()
    return _awaited(slot.ready(need), loop)


def _awaited(work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> T:
    """Return what *work* gives on the owner's loop; this thread waits for it."""
    future = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        return future.result()
    except BaseException:
        # Who is interrupted takes nothing: what is being built is aborted.
        future.cancel()
        raise


def _place() -> str:
    import traceback  # noqa: PLC0415 - only traced leases pay

    for frame in reversed(traceback.extract_stack(limit=12)):
        if "/lifecycle/_" not in frame.filename.replace("\\", "/"):
            return f"{frame.filename}:{frame.lineno} in {frame.name}"
    return "?"
