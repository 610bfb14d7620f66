"""How late a kernel's own loop is while a load run goes on: by the clock of the wall.

The loop of the main thread wants to be woken every 10 ms, as a kernel's does by its messages.
Stretches in which nothing runs and in which a run goes on, its live chart included, take
turns, so that what else happens on the machine falls on both.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from oneiric_lab.jobs import Owner
from oneiric_lab.lab import Loads
from oneiric_lab.notebook.widgets._load import chart_of

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

STEP = 0.01
LENGTH = 1.5
TURNS = 4


async def lateness() -> float:
    """Return the 99th percentile of how much too late the loop wakes, in seconds."""
    late = []
    end = time.perf_counter() + LENGTH
    while (begun := time.perf_counter()) < end:
        await asyncio.sleep(STEP)
        late.append(time.perf_counter() - begun - STEP)
    return sorted(late)[int(len(late) * 0.99)]


async def measured() -> tuple[list[float], list[float]]:
    """Return the lateness of each stretch: of an idle loop, and while a run goes on."""
    idle, busy = [], []
    with Owner() as owner:
        loads = Loads(lambda: owner)
        for _ in range(TURNS):
            job = loads.run("swap-under-readers", users=1000, duration=60, warmup=0)
            shown = chart_of(job)
            while shown.stage != "running":  # noqa: ASYNC110 - another thread says so
                await asyncio.sleep(STEP)
            busy.append(await lateness())
            job.cancel()
            await job
            idle.append(await lateness())
    return idle, busy


@pytest.fixture(scope="module")
def found() -> tuple[list[float], list[float]]:
    """Measure once, for both rows."""
    return asyncio.run(measured())


@pytest.mark.parametrize(("row", "which"), [("nothing else runs", 0), ("a load run goes on", 1)])
def test_the_loop_of_a_kernel(
    benchmark: BenchmarkFixture, found: tuple[list[float], list[float]], row: str, which: int
) -> None:
    """Each stretch is a round; its 99th percentile is the figure."""
    benchmark.group = "kernel loop"
    benchmark.pedantic(lambda: None, rounds=1)
    benchmark.extra_info |= {"row": row, "each": sorted(found[which])}
