"""Swaps at once, on one key or many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from oneiric_lab.loadlab._scenario import invariant, op

from ._counting import WithWorld, one_outcome_each

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random


class SwapStorm(WithWorld):
    """Swaps at once, on one key or many.

    Args:
        keys: Components, each with two providers.
        build: Seconds that a factory takes.
    """

    summary = "concurrent swaps on one key or many"
    defaults: ClassVar[Mapping[str, Any]] = {"keys": 1, "build": 0.001}

    async def setup(self) -> None:
        """Count outcomes too."""
        await super().setup()
        self.asked = 0
        self.outcomes: dict[str, int] = {}

    async def teardown(self) -> None:
        """Ask how many swaps there were, and end."""
        self.swaps = sum(status.swaps for status in self.world.life.statuses()) - self.p.keys
        await super().teardown()

    @op()
    async def swap(self, rng: Random) -> None:
        """Swap to one of the two providers, whichever is in force."""
        self.asked += 1
        outcome = "cancelled"
        try:
            report = await self.world.life.swap(
                "service", self.key(rng), provider=rng.choice("ab"), force=True
            )
            outcome = report.outcome
        finally:
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        if not report.ok:
            raise RuntimeError(f"{report.stage}: {report.why}")

    @invariant
    def every_call_has_one_outcome(self) -> bool | str:
        """Outcomes add up to the calls, and committed are as many as there were swaps."""
        return one_outcome_each(self.asked, self.outcomes, self.swaps)
