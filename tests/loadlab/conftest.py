"""What tests of comparisons share: runs made of given times, without driving anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from oneiric_lab.loadlab import Plan, Run, Scenario, closed, op
from oneiric_lab.loadlab._drive import Driven
from oneiric_lab.loadlab._recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    import numpy.typing as npt

MACHINE = {"python": "3.11.7", "system": "Linux", "processor": "x86_64", "cores": "2"}


class Shop(Scenario):
    """Readers and writers; nobody drives it."""

    defaults: ClassVar[Mapping[str, Any]] = {"provider": "a", "keys": 1}

    @op()
    async def read(self, rng: Random) -> None:
        """Do nothing."""

    @op()
    async def write(self, rng: Random) -> None:
        """Do nothing."""


class Simulate:
    """Makes runs of given times, and times as a real system has them."""

    plan = Plan(Shop, load=closed(1, duration=10))

    def run(
        self,
        read: npt.NDArray[np.int64],
        write: npt.NDArray[np.int64] | None = None,
        *,
        plan: Plan | None = None,
        lag: int = 0,
        failed: int = 0,
        cancelled: bool = False,
        **parts: Any,
    ) -> Run:
        """Return a run in which operations took so many nanoseconds, one after the other."""
        recorder = Recorder(clock=lambda: 0)
        for name, times in (("read", read), ("write", write)):
            if times is not None:
                taker = recorder.op(name)
                ends = np.cumsum(times) % 10_000_000_000
                rows = np.stack([ends - times - lag, ends - times, ends], axis=1)
                taker.record(tuple(rows.ravel().tolist()))
        for _ in range(failed):
            recorder.op("read").fail(0, 0, int(read[0]), ValueError("broken"))
        known: dict[str, Any] = {
            "limited_by": "none",
            "judged": (),
            "broken": (),
            "machine": dict(MACHINE),
        }
        driven = Driven(offered=len(read), wall=10.0, cpu=1.0, cancelled=cancelled)
        return Run(plan or self.plan, recorder.result(), driven, **{**known, **parts})

    def runs(self, middle: float, seed: int, *, runs: int = 6, **options: Any) -> list[Run]:
        """Return runs around *middle* nanoseconds, as `times` makes them."""
        return [self.run(times, **options) for times in self.times(middle, seed, runs=runs)]

    def times(
        self,
        middle: float,
        seed: int,
        *,
        runs: int = 6,
        samples: int = 2_000,
        spread: float = 0.03,
        memory: float = 0.95,
    ) -> npt.NDArray[np.int64]:
        """Return a row of times for each run, in nanoseconds.

        Runs spread by *spread* around *middle*; within a run times are log-normal, and each
        has *memory* of the one before: what was measured is 0.95.
        """
        random = np.random.default_rng(seed)
        middles = middle * random.lognormal(0, spread, runs)
        noise = random.normal(0, np.sqrt(1 - memory**2), (samples, runs))
        noise[0] = random.normal(0, 1, runs)
        for at in range(1, samples):
            noise[at] += memory * noise[at - 1]
        found: npt.NDArray[np.int64] = (middles[:, None] * np.exp(0.02 * noise.T)).astype(np.int64)
        return found


@pytest.fixture(scope="session")
def simulate() -> Simulate:
    """Return what makes runs."""
    return Simulate()
