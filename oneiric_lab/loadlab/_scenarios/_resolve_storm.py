"""Resolving while candidates come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from oneiric_lab.loadlab._scenario import Scenario, invariant, op
from oneiric_lab.registry import Candidate, Registry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random


class ResolveStorm(Scenario):
    """Resolving while candidates come and go.

    Args:
        keys: Components.
        candidates: Candidates of each component.
        publish_rate: Generations a second.
    """

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
