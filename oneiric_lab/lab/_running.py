"""The components of a workspace that run in this process.

What is in force follows what is said: a swap writes a selection and acts on it, and takes
the selection back where it fails. Who watches acts on what others say, too.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import CancelledError
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from anyio import to_thread

from oneiric_lab.errors import ActivationError, Fault, JobCancelledError, UsageError
from oneiric_lab.lifecycle import SwapReport
from oneiric_lab.registry import TABLES
from oneiric_lab.runtime import span

from ._serving import Serving

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from oneiric_lab.config import Snapshot
    from oneiric_lab.registry import Generation
    from oneiric_lab.store import DesiredState

    from ._plan import Applied
    from ._standing import Wished


class Running(Serving):
    """What runs of one lab in this process, and what somebody asks of it here."""

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

    async def rollback(self, target: str) -> SwapReport:
        """Choose whom the last swap replaced."""
        slot = self.life.slot_of(target)
        if slot.previous is None:
            return await self.life.rollback(slot.domain, slot.key)
        return await self.swap(target, slot.previous.provider, verb="rollback", activate=True)

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


def _user() -> str:
    from ._writing import _who  # noqa: PLC0415 - written down after a swap only

    return _who()
