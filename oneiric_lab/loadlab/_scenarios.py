"""The scenarios that come with us, each with what must hold besides its speed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from oneiric_lab.errors import Fault, OneiricError, UsageError, did_you_mean
from oneiric_lab.lifecycle import Lifecycle, Limits
from oneiric_lab.registry import Candidate, Registry

from ._scenario import Scenario, invariant, op

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


class _WithWorld(Scenario):
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

    def _key(self, rng: Random) -> str:
        return f"k{rng.randrange(self.p.keys)}"

    @invariant
    def nothing_is_used_after_its_end(self) -> bool | str:
        """No lease held what was closed."""
        count = self.world.used_after_end
        return count == 0 or f"{count} uses after close"

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


class SwapStorm(_WithWorld):
    """Swaps at once, on one key or many."""

    summary = "concurrent swaps on one key or many"
    defaults: ClassVar[Mapping[str, Any]] = {"keys": 1, "build": 0.001}

    async def setup(self) -> None:
        """Count outcomes too."""
        await super().setup()
        self.asked = 0
        self.outcomes: dict[str, int] = {}

    @op()
    async def swap(self, rng: Random) -> None:
        """Swap to one of the two providers, whichever is in force."""
        self.asked += 1
        report = await self.world.life.swap(
            "service", self._key(rng), provider=rng.choice("ab"), force=True
        )
        self.outcomes[report.outcome] = self.outcomes.get(report.outcome, 0) + 1
        if not report.ok:
            raise RuntimeError(f"{report.stage}: {report.why}")

    @invariant
    def every_call_has_one_outcome(self) -> bool | str:
        """Outcomes add up to what was asked, but for what was cancelled at the end."""
        total = sum(self.outcomes.values())
        return total <= self.asked or f"{total} outcomes of {self.asked} calls"


class SwapUnderReaders(_WithWorld):
    """Leases all the time, and swaps among them."""

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
        key = self._key(rng)
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
            "service", self._key(rng), provider=rng.choice("ab"), force=True
        )
        if not report.ok:
            raise RuntimeError(f"{report.stage}: {report.why}")

    @invariant
    def no_reader_goes_back(self) -> bool | str:
        """A reader that saw a new incarnation sees no older one afterwards."""
        return not self.went_back or f"{self.went_back} reads saw an older incarnation"


class ResolveStorm(Scenario):
    """Resolving while candidates come and go."""

    summary = "resolve while a writer publishes"
    defaults: ClassVar[Mapping[str, Any]] = {"keys": 100, "candidates": 100, "publish_rate": 20}

    async def setup(self) -> None:
        """Fill a registry."""
        self.registry = Registry()
        self.number = self.wrong = 0
        with self.registry.batch():
            for key in range(self.p.keys):
                self.registry.add(
                    *(
                        Candidate("service", f"k{key}", f"p{n}", dict, priority=n % 1000)
                        for n in range(self.p.candidates)
                    )
                )

    @op()
    async def resolve(self, rng: Random) -> None:
        """Resolve a key; the answer must be what the same snapshot explains."""
        key = f"k{rng.randrange(self.p.keys)}"
        generation = self.registry.current
        found = generation.resolve("service", key)
        if rng.random() < 0.01:  # noqa: PLR2004 - one in a hundred is computed anew
            self.wrong += generation.explain("service", key).winner is not found

    @op(rate="publish_rate")
    async def publish(self, rng: Random) -> None:
        """Replace one candidate."""
        self.number += 1
        key = f"k{rng.randrange(self.p.keys)}"
        self.registry.add(
            Candidate(
                "service", key, "p0", dict, priority=rng.randrange(1000), version=f"0.{self.number}"
            )
        )

    @invariant
    def answers_are_those_of_the_snapshot(self) -> bool | str:
        """What resolve said is what explain says of the same generation."""
        return not self.wrong or f"{self.wrong} answers were others"


class PauseDrain(_WithWorld):
    """Leases while a component is paused, drained and resumed."""

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
        key = self._key(rng)
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
        key = self._key(rng)
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


BUILT_IN: Mapping[str, tuple[type[Scenario], Mapping[str, Any]]] = {
    "swap-1k": (SwapStorm, {"users": 1000}),
    "swap-10k": (SwapStorm, {"users": 10_000}),
    "swap-under-readers": (SwapUnderReaders, {"users": 1000}),
    "resolve-storm": (ResolveStorm, {"users": 50}),
    "pause-drain": (PauseDrain, {"users": 100}),
}
"""Name to the class, and how many users drive it where nobody says."""


def scenario_named(name: str) -> tuple[type[Scenario], Mapping[str, Any]]:
    """Return a scenario that comes with us, and its usual load.

    Raises:
        UsageError: There is none of this name.
    """
    try:
        return BUILT_IN[name]
    except KeyError:
        raise UsageError(
            Fault("unknown-scenario", f"no scenario {name!r}", fix=did_you_mean(name, BUILT_IN))
        ) from None
