"""The load lab tests itself: it tells a stall that was made, and that it was starved."""

from __future__ import annotations

import asyncio
import math
import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from oneiric_lab.loadlab import Plan, Run, Scenario, closed, constant, op, run, run_apart
from oneiric_lab.loadlab._metrics import metric_named, values_of

if TYPE_CHECKING:
    from random import Random

RATE = 400
LENGTH = 2.6
STALL = 0.5


class Stalls(Scenario):
    """Answers at once, but for half a second in which nothing is answered at all."""

    ended: int

    async def setup(self) -> None:
        """Open the gate."""
        self.gate = asyncio.Event()
        self.gate.set()
        self.calls = 0

    def _open(self) -> None:
        type(self).ended = time.perf_counter_ns()
        self.gate.set()

    @op()
    async def read(self, rng: Random) -> None:
        """Pass the gate; the 200th call closes it."""
        self.calls += 1
        if self.calls == 200:
            self.gate.clear()
            asyncio.get_running_loop().call_later(STALL, self._open)
        await self.gate.wait()


def figure(found: Run, name: str) -> float:
    """Return one figure of a run, in seconds."""
    (value,) = values_of(found, [metric_named(name)])
    assert value is not None
    return value


def true_p99(found: Run) -> float:
    """Return what callers at a steady rate would have met, in seconds.

    Who came before the stall or after it waited for nothing, who came meanwhile waited
    until its end.
    """
    stall_end = (Stalls.ended - found.recorded.t0_ns) / 1e9
    came = [i / RATE for i in range(int(RATE * LENGTH))]
    waited = sorted(stall_end - at if stall_end - STALL <= at < stall_end else 0.0 for at in came)
    return waited[math.ceil(0.99 * len(waited)) - 1]


class TestCoordinatedOmission:
    def test_an_open_load_tells_the_stall(self) -> None:
        """
        p99 of the response is within 5 % of what callers really met; the service time of the
        two workers that were caught in it shows nothing.
        """
        plan = Plan(Stalls, load=constant(RATE, LENGTH), max_in_flight=2)
        found = asyncio.run(run(plan))

        truth = true_p99(found)
        assert 0.4 < truth < 0.5
        assert figure(found, "read.response.p99") == pytest.approx(truth, rel=0.05)
        assert figure(found, "read.service.p99") < truth / 5
        # A machine that kept the generator waiting as well makes the run invalid, rightly.
        if found.driven.late <= found.driven.offered / 100:
            assert (found.limited_by, found.exit_code) == ("in_flight_cap", 0)

    def test_a_closed_load_cannot(self) -> None:
        """
        Its user waits, asks for nothing meanwhile, and p99 knows of no stall: that is why an
        open load is there.
        """
        pause = Plan(Stalls, load=closed(1, duration=1.5))
        found = asyncio.run(run(pause))

        assert found.recorded.ops["read"].measured.response.max == pytest.approx(
            STALL * 1e9, rel=0.2
        )
        assert figure(found, "read.response.p99") < STALL / 5


class Starved(Scenario):
    """Has its own process stopped for half of the run, as if others had all processors."""

    async def setup(self) -> None:
        """Let somebody stop this process, and let it go on."""
        pid = os.getpid()
        self.other = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", f"sleep 0.4; kill -STOP {pid}; sleep 0.4; kill -CONT {pid}"
        )

    async def teardown(self) -> None:
        """Wait for it."""
        await self.other.wait()

    @op()
    async def read(self, rng: Random) -> None:
        """Answer at once."""


class TestStarved:
    @pytest.mark.skipif(sys.platform == "win32", reason="only on systems with signals")
    def test_a_generator_without_cpu_is_invalid(self) -> None:
        """
        What it could not send in time says nothing of the target: exit code 3, whatever the
        objectives would say.
        """
        found = run_apart(
            Plan(Starved, load=constant(200, 1.0), objectives=("read.response.p50 < 1h",))
        )

        assert found.limited_by in ("generator_timer", "generator_cpu")
        assert not found.is_valid
        assert found.exit_code == 3
        assert "it says nothing of the target" in str(found)
