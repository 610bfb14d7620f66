"""Leases while a component is paused, drained and resumed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from oneiric_lab.errors import OneiricError
from oneiric_lab.loadlab._scenario import invariant, op

from ._counting import WithLeases

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random


class PauseDrain(WithLeases):
    """Leases while a component is paused, drained and resumed.

    Args:
        keys: Components, each with two providers.
        build: Seconds that a factory takes.
        hold: Seconds that a lease is held.
        pause_rate: Drains a second.
    """

    summary = "pause, drain and resume among leases"
    defaults: ClassVar[Mapping[str, Any]] = {
        "keys": 1,
        "build": 0.0,
        "hold": 0.001,
        "pause_rate": 5,
    }

    async def setup(self) -> None:
        """Count leases that began while none may."""
        await super().setup()
        self.paused: set[str] = set()
        self.wrong = 0

    @op()
    async def read(self, rng: Random) -> None:
        """Hold a lease where one may begin."""
        key = self.key(rng)
        try:
            async with self.world.life.lease("service", key) as thing:
                self.wrong += key in self.paused
                await asyncio.sleep(self.p.hold)
                thing.use()
        except OneiricError as error:
            if error.faults[0].code != "paused":
                raise
            await asyncio.sleep(self.p.hold)

    @op(rate="pause_rate")
    async def drain(self, rng: Random) -> None:
        """Drain a component, and resume it."""
        key = self.key(rng)
        try:
            report = await self.world.life.drain("service", key, drain_timeout=2)
            self.paused.add(key)
            await asyncio.sleep(self.p.hold * 5)
            if not report.ok:
                raise RuntimeError(report.why)
        finally:
            self.paused.discard(key)
            await self.world.life.resume("service", key)

    @invariant
    def no_lease_begins_while_paused(self) -> bool | str:
        """Nobody gets a lease of what is drained."""
        return not self.wrong or f"{self.wrong} leases began while paused"
