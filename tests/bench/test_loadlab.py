"""What the load generator itself costs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from oneiric_lab.loadlab import Plan, Scenario, closed, constant, op
from oneiric_lab.loadlab._drive import Drive
from oneiric_lab.loadlab._recorder import Recorder

if TYPE_CHECKING:
    from random import Random

    from pytest_benchmark.fixture import BenchmarkFixture

CLOSED = 1_000_000
OPEN = 200_000


class Nothing(Scenario):
    """One operation that does nothing."""

    @op()
    async def nothing(self, rng: Random) -> None:
        """Do nothing."""


@pytest.mark.parametrize(
    ("row", "plan"),
    [
        ("closed load, one operation", Plan(Nothing, load=closed(50, duration=1))),
        (
            "open load at 200,000 a second, one operation",
            Plan(Nothing, load=constant(OPEN, 1)),
        ),
    ],
)
def test_the_generator(benchmark: BenchmarkFixture, row: str, plan: Plan) -> None:
    """The whole run by its own CPU time, divided by the operations that it did."""
    costs: list[float] = []

    def drive() -> None:
        recorder = Recorder()
        driven = asyncio.run(Drive(plan, Nothing(), recorder).run())
        done = recorder.result().ops["nothing"].measured.statuses["ok"]
        assert plan.offered in (None, done)
        costs.append(driven.cpu / done)

    benchmark.group = "generator"
    benchmark.pedantic(drive, rounds=4)
    # Rounds differ in how many operations they did, so the figure is made here.
    benchmark.extra_info |= {"row": row, "each": sorted(costs)}
