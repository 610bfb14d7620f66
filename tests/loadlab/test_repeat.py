"""Runs in turn: the order, a process each, what is kept, what ends them."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.errors import LoadError, UsageError
from oneiric_lab.loadlab import Plan, Repeated, Scenario, Turn, closed, invariant, op, repeat
from oneiric_lab.loadlab._repeat import order

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from .conftest import Simulate


class Sleeps(Scenario):
    """Waits; fails or breaks where it is told to."""

    defaults: ClassVar[Mapping[str, Any]] = {"hold": 0.002, "breaks": False, "fails": False}

    async def setup(self) -> None:
        """Fail where it is told to."""
        if self.p.fails:
            raise ValueError("no setup today")

    @op()
    async def read(self, rng: Random) -> None:
        """Wait."""
        await asyncio.sleep(self.p.hold)

    @invariant
    def holds(self) -> bool | str:
        """Hold, unless told otherwise."""
        return not self.p.breaks or f"broken in process {os.getpid()}"


class Tells(Sleeps):
    """Says in which process it was."""

    @invariant
    def where(self) -> str:
        """Break with the process."""
        return str(os.getpid())


PLAN = Plan(Sleeps, load=closed(5, duration=0.2), seed=40)


class TestOrder:
    @given(st.integers(1, 40), st.integers(0, 10**6))
    def test_each_side_has_its_turns(self, runs: int, seed: int) -> None:
        """
        As many of one as of the other; four in a row are ABBA or BAAB, so that a machine
        that gets slower all the time meets both alike.
        """
        found = order(runs, seed)

        assert Counter(found) == {0: runs, 1: runs}
        for at in range(0, 2 * runs - 3, 4):
            assert found[at : at + 4] in {(0, 1, 1, 0), (1, 0, 0, 1)}
        assert found == order(runs, seed)

    def test_the_seed_draws_who_begins(self) -> None:
        """
        Both begin about equally often; of one plan there is nothing to draw.
        """
        assert 60 < sum(order(2, seed)[0] for seed in range(200)) < 140
        assert order(3, 1, sides=1) == (0, 0, 0)


class TestRepeat:
    def test_two_plans_in_turn(self) -> None:
        """
        Each run is finished and told of before the next begins; both sides draw from the
        same seeds, and what differs is found.
        """
        told: list[Turn] = []
        seen: set[int] = set()
        found = repeat(
            PLAN,
            PLAN.but(hold=0.02),
            runs=4,
            seed=3,
            names=("before", "after"),
            each=told.append,
            live=lambda done, _: seen.add(done),
        )

        assert tuple(told) == found.turns
        assert tuple(turn.side for turn in found.turns) == order(4, 3)
        assert [run.plan.seed for run in found.base] == [40, 41, 42, 43]
        assert [run.plan.seed for run in found.other] == [40, 41, 42, 43]
        assert seen <= set(range(8))
        assert all(turn.others is None or turn.others >= 0 for turn in told)
        assert not found.cancelled
        assert found.exit_code == 0
        compared = found.compare(metrics=["read.response.p50"])
        assert compared.names == ("before", "after")
        assert compared.verdict == "slower"
        assert compared.changed == (("hold", 0.002, 0.02),)
        assert str(found).startswith("before and after: 8 of 8 runs")

    def test_every_run_has_a_process_of_its_own(self) -> None:
        """
        Nothing of one run can warm or spoil the next; an invariant that breaks ends it at
        once, with exit code 4.
        """
        first, second = (repeat(Plan(Tells, load=closed(1, duration=0.1)), runs=3) for _ in "ab")

        assert [len(found.turns) for found in (first, second)] == [1, 1]
        assert first.exit_code == 4
        assert (
            len({found.base[0].broken[0][1] for found in (first, second)} | {str(os.getpid())}) == 3
        )
        assert "1 of 3 runs, ended by a broken invariant" in str(first)
        assert "broken in run 1: where: " in str(first)

    def test_what_is_finished_is_kept(self) -> None:
        """
        Cancelled in the second run: the first is there, and the second as partial.
        """
        told: list[Turn] = []
        found = repeat(
            PLAN.but(load=closed(5, duration=0.3)),
            runs=3,
            each=told.append,
            cancelled=lambda: bool(told),
        )

        assert found.cancelled
        assert found.exit_code == 130
        assert len(told) == 1
        assert found.turns[0] is told[0]
        assert len(found.turns) == 1
        assert "1 of 3 runs, cancelled; what is finished is kept" in str(found)

    def test_the_run_that_is_cancelled_is_partial(self) -> None:
        """
        In the middle of a run: what it has is there, and is not told as finished.
        """
        begun = time.monotonic()
        told: list[Turn] = []
        live: list[int] = []
        found = repeat(
            PLAN.but(load=closed(5, duration=60)),
            runs=3,
            each=told.append,
            live=lambda done, _: live.append(done),
            cancelled=lambda: bool(live),
        )

        assert time.monotonic() - begun < 30
        assert told == []
        assert [turn.run.driven.cancelled for turn in found.turns] == [True]
        assert "0 of 3 runs, cancelled" in str(found)
        assert found.as_dict()["cancelled"] is True

    def test_ctrl_c(self) -> None:
        """
        It ends as if it were cancelled.
        """
        told: list[Turn] = []

        def each(turn: Turn) -> None:
            told.append(turn)
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()

        found = repeat(PLAN.but(load=closed(5, duration=0.5)), runs=5, each=each)

        assert found.cancelled
        assert found.exit_code == 130
        assert told[0] in found.turns
        assert len(told) == 1

    def test_a_run_that_fails(self) -> None:
        """
        It is told as such; what was finished before was told already.
        """
        with pytest.raises(LoadError, match="no setup today"):
            repeat(PLAN.but(fails=True), runs=2)

    def test_misuse(self) -> None:
        """
        No runs, and plans that must not be compared, are refused before anything is driven.
        """
        with pytest.raises(UsageError, match="runs: expected at least 1, found 0"):
            repeat(PLAN, runs=0)
        with pytest.raises(UsageError, match="base and other have other plans: warmup"):
            repeat(PLAN, PLAN.but(warmup=0.1))

    def test_a_set_of_one_plan(self, simulate: Simulate) -> None:
        """
        It shows what its runs agree on, and cannot be compared with nothing.
        """
        turns = tuple(Turn(0, run, 1.9) for run in simulate.runs(1e6, 1))
        found = Repeated(("before",), 6, turns, cancelled=False)

        assert "spread of runs" in str(found)
        assert "read.response.p50" in str(found)
        with pytest.raises(UsageError, match="expected runs, found none"):
            found.compare()

    def test_a_busy_machine_is_noted(
        self, simulate: Simulate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        What others took of the processors weakens the comparison.
        """
        monkeypatch.setattr(os, "cpu_count", lambda: 2)
        runs = simulate.runs(1e6, 1), simulate.runs(1e6, 2)
        turns = tuple(Turn(side, run, 1.5) for side in (0, 1) for run in runs[side])
        found = Repeated(("a", "b"), 12, turns, cancelled=False)
        said = "the machine was busy: other processes took up to 1.5 of 2 cores"

        assert found.warnings == (said,)
        assert said in found.compare().warnings
        quiet = tuple(replace(turn, others=0.1) for turn in turns)
        unknown = tuple(replace(turn, others=None) for turn in turns)
        assert Repeated(("a", "b"), 12, quiet, cancelled=False).warnings == ()
        assert Repeated(("a", "b"), 12, unknown, cancelled=False).warnings == ()
