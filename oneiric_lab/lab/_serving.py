"""The loop of a process that watches: it acts on what is wanted, and publishes what is so."""

from __future__ import annotations

import asyncio
import math
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread

from oneiric_lab.errors import StoreError

from ._acting import Acting

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from oneiric_lab.lifecycle import SwapReport

    from ._here import Opened

EVERY = 0.5
"""Seconds between two looks at what is wanted: others see it acted on within a second."""


class Serving(Acting):
    """Looks again and again, until it is cancelled."""

    def __init__(self, lab: Opened) -> None:
        super().__init__(lab)
        self._look_at = -math.inf
        self._now = time.monotonic
        self._nudged: anyio.Event | None = None

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
                for do in (self._obey, self.look, self.publish):
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

    def nudge(self) -> None:
        """Have `serve` look at once for what is to be swapped; on the loop that serves."""
        if self._nudged is not None:
            self._nudged.set()

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

    async def publish(self) -> None:
        """Write down what is so here, and what was done; not into a workspace that was deleted."""
        if not self.lab.snapshot.inputs.root.is_dir():
            return
        await to_thread.run_sync(self.lab.store.beat, self.process())
        await to_thread.run_sync(self.journal.flush)

    async def leave(self) -> None:
        """Write down what was done, and that this process listens no more."""
        await self._kept(self.journal.flush)
        await self._kept(partial(self.lab.store.leave, self._id))

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
            self.note(error)

    async def _at_home(self, do: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Do it on the loop that the components belong to: a kernel's job has another one."""
        loop = self.life.known_loop()
        if loop is None or loop is asyncio.get_running_loop():
            await do()
        else:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(do(), loop))
