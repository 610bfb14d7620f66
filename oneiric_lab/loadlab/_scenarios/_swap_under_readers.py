"""Leases all the time, and swaps among them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from oneiric_lab.loadlab._scenario import invariant, op

from ._counting import WithLeases

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random


class SwapUnderReaders(WithLeases):
    """Leases all the time, and swaps among them.

    Args:
        keys: Components, each with two providers.
        build: Seconds that a factory takes.
        hold: Seconds that a lease is held.
        swap_rate: Swaps a second.
    """

    summary = "leases, held a while, with swaps going on"
    defaults: ClassVar[Mapping[str, Any]] = {
        "keys": 1,
        "build": 0.0,
        "hold": 0.001,
        "swap_rate": 100,
    }

    async def setup(self) -> None:
        """Remember the newest incarnation that a reader saw."""
        await super().setup()
        self.seen: dict[str, int] = {}
        self.went_back = 0

    @op()
    async def read(self, rng: Random) -> None:
        """Hold a lease, and use what it gave until its end."""
        key = self.key(rng)
        async with self.world.life.lease("service", key) as thing:
            number = self.world.life.status("service", key).incarnation
            self.went_back += number < self.seen.get(key, 0)
            self.seen[key] = max(number, self.seen.get(key, 0))
            thing.use()
            await asyncio.sleep(self.p.hold)
            thing.use()

    @op(rate="swap_rate")
    async def swap(self, rng: Random) -> None:
        """Swap to the other provider."""
        report = await self.world.life.swap(
            "service", self.key(rng), provider=rng.choice("ab"), force=True
        )
        if not report.ok:
            raise RuntimeError(f"{report.stage}: {report.why}")

    @invariant
    def no_reader_goes_back(self) -> bool | str:
        """A reader that saw a new incarnation sees no older one afterwards."""
        return not self.went_back or f"{self.went_back} reads saw an older incarnation"
