"""How incarnations of one component end: drained and closed, or aborted; each once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anyio

from ._incarnation import State
from ._limits import called

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._host import Host
    from ._incarnation import Incarnation


class Ends:
    """What is out of force and waits to be closed, and all ways to an end.

    Attributes:
        target: `domain:key`.
        draining: What is out of force and not closed yet, oldest first.
        last_error: What went wrong last.
    """

    def __init__(self, life: Host, domain: str, key: str) -> None:
        self.life, self.domain, self.key = life, domain, key
        self.target = f"{domain}:{key}"
        self.draining: list[Incarnation] = []
        self.last_error = ""

    def retire(self, old: Incarnation) -> None:
        """Take *old* out of force; it is closed when its last lease ends."""
        old.retired, old.state = True, State.draining
        if not old.leases and not self.life.hooks("on_cleanup") and self._ended_at_once(old):
            return
        self.draining.append(old)
        self.life.spawn(self._reap(old), f"drain {self.target} {old.number}")

    def _ended_at_once(self, old: Incarnation) -> bool:
        """Close what nobody holds, here where its end awaits nothing: a task would take 10 µs."""
        built = old.built
        if built is None:
            return False
        old.state = State.closing
        try:
            rest = built.close()
        except Exception as error:  # noqa: BLE001 - told by the status
            self._cleanup_failed(error)
            rest = None
        if hasattr(rest, "__await__"):
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
        self.last_error = f"incarnation {old.number} is stalled: {leases_in_words(old.leases)} held"
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
            await called(self.life.limits.cleanup, call, *args)
        except Exception as error:  # noqa: BLE001 - told by the status
            self._cleanup_failed(error)

    def _cleanup_failed(self, error: Exception) -> None:
        self.last_error = self.life.redact(f"cleanup: {type(error).__name__}: {error}")
        self.life.tally.leaked(self.domain)
        self.life.tell(self.target, "cleanup-failed", None, self.last_error)


def leases_in_words(number: int) -> str:
    """Return `1 lease`, or how many."""
    return f"{number} lease{'s' * (number != 1)}"
