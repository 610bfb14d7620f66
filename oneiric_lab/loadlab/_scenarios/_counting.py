"""Components that count what is done to them, and what must hold of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from oneiric_lab.lifecycle import Lifecycle, Limits
from oneiric_lab.loadlab._scenario import Scenario, invariant
from oneiric_lab.registry import Candidate, Registry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random


class Counted:
    """A component that knows what was done to it after its end."""

    __slots__ = ("closed", "world")

    def __init__(self, world: World) -> None:
        self.world, self.closed = world, 0
        world.made += 1

    def use(self) -> None:
        """Do what a component is for."""
        if self.closed:
            self.world.used_after_end += 1

    def health(self) -> bool:
        """Say yes."""
        return True

    def close(self) -> None:
        """End."""
        self.closed += 1
        self.world.closed += 1
        if self.closed > 1:
            self.world.closed_twice += 1


class World:
    """What was done to all components of a run."""

    def __init__(self, keys: int, *, build: float = 0.0) -> None:
        self.made = self.closed = self.closed_twice = self.used_after_end = 0
        self.registry = Registry()

        async def make() -> Counted:
            await asyncio.sleep(build)
            return Counted(self)

        with self.registry.batch():
            for key in range(keys):
                self.registry.add(
                    Candidate("service", f"k{key}", "a", make, priority=1),
                    Candidate("service", f"k{key}", "b", make),
                )
        self.life = Lifecycle(self.registry, limits=Limits(draining=1000, drain=5))
        self.stalled = 0

    async def end(self) -> None:
        """Take everything out of force."""
        self.stalled = len(await self.life.aclose())


def one_outcome_each(asked: int, outcomes: Mapping[str, int], swaps: int) -> bool | str:
    """Tell whether *outcomes* add up to the calls, and to the swaps that there were.

    A call that was cancelled may have moved the pointer before.
    """
    total, committed = sum(outcomes.values()), outcomes.get("committed", 0)
    if total != asked:
        return f"{total} outcomes of {asked} calls"
    if committed <= swaps <= committed + outcomes.get("cancelled", 0):
        return True
    return f"{swaps} swaps, and {committed} calls that were told of one"


class WithWorld(Scenario):
    """Scenarios over components that count."""

    world: World

    async def setup(self) -> None:
        """Activate one component for each key."""
        self.world = World(self.p.keys, build=self.p.build)
        for key in range(self.p.keys):
            await self.world.life.activate("service", f"k{key}")

    async def teardown(self) -> None:
        """End them."""
        await self.world.end()

    def key(self, rng: Random) -> str:
        """Draw one of the keys."""
        return f"k{rng.randrange(self.p.keys)}"

    @invariant
    def nothing_leaks(self) -> bool | str:
        """Each instance was closed once."""
        world = self.world
        if world.closed_twice:
            return f"{world.closed_twice} closed twice"
        return world.made == world.closed or f"{world.made - world.closed} of {world.made} leak"

    @invariant
    def no_drain_stalls(self) -> bool | str:
        """Every lease ended, and so did every old instance."""
        return not self.world.stalled or f"{self.world.stalled} drains did not end"


class WithLeases(WithWorld):
    """Scenarios that hold leases of them."""

    @invariant
    def nothing_is_used_after_its_end(self) -> bool | str:
        """No lease held what was closed."""
        count = self.world.used_after_end
        return count == 0 or f"{count} uses after close"
