"""A run's figures, as objectives ask for them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oneiric_lab.loadlab import parse_objective
from oneiric_lab.loadlab._drive import Driven
from oneiric_lab.loadlab._parts import SECOND
from oneiric_lab.loadlab._plan import Plan
from oneiric_lab.loadlab._recorder import Recorder
from oneiric_lab.loadlab._scenarios import scenario_named
from oneiric_lab.loadlab._shapes import constant
from oneiric_lab.loadlab._verdict import Figures

if TYPE_CHECKING:
    from collections.abc import Sequence


def figures(
    length: int,
    *,
    warmup: float = 0,
    windows: Sequence[float] = (),
    pauses: Sequence[tuple[float, float]] = (),
) -> Figures:
    """Return those of a run of *length* seconds: ten operations a second, each of its ms."""
    made = Recorder(clock=lambda: 0, windows=windows)
    for begin, end in pauses:
        made.pause(int(begin * SECOND))
        made.resume(int(end * SECOND))
    for tick in range(length * 10):
        at = tick * SECOND // 10
        if not any(begin * SECOND <= at < end * SECOND for begin, end in pauses):
            made.op("read").record((at, at, at + (tick // 10 + 1) * 1_000_000))
    lost = sum(end - begin for begin, end in pauses)
    plan = Plan(scenario_named("swap-1k")[0], load=constant(10, length - lost))
    driven = Driven(offered=length * 10, wall=float(length), paused=lost)
    return Figures(plan, made.result(), driven, warmup)


class TestWindows:
    def test_from_the_end_of_the_warm_up(self) -> None:
        """
        Whole ones, each behind the other, told from there.
        """
        found = figures(12, warmup=2)
        assert found.windows(3) == [(0, 3), (3, 6), (6, 9)]
        assert found.value("read", "response", "max", found.windows(3)[0]) == pytest.approx(
            0.005, rel=0.001
        )

    def test_a_warm_up_of_a_part_of_a_second(self) -> None:
        """
        The second in which it ends is in no window, since it is kept as one.
        """
        found = figures(4, warmup=0.3)
        assert [window.start for window in found.windows(1)] == pytest.approx([0.7, 1.7, 2.7])
        lowest = [found.value("read", "response", "min", window) for window in found.windows(1)]
        assert lowest == pytest.approx([0.002, 0.003, 0.004], rel=0.001)

    def test_between_pauses(self) -> None:
        """
        None of them holds a part of a pause.
        """
        found = figures(30, pauses=[(4.5, 9.5), (20, 22)])
        assert found.windows(4) == [(0, 4), (10, 14), (14, 18), (22, 26), (26, 30)]
        assert found.value(None, None, "rate", found.windows(4)[1]) == 10
        assert found.value(None, None, "rate", None) == pytest.approx(10, rel=0.05)

    def test_a_warm_up_that_ends_in_a_pause(self) -> None:
        """
        The first one begins behind both.
        """
        assert figures(12, warmup=3, pauses=[(2, 4)]).windows(4) == [(1, 5), (5, 9)]

    def test_of_an_old_run(self) -> None:
        """
        They begin with a stretch of its series; those that do not fit into one are not there.
        """
        found = figures(100, warmup=2)
        assert found.windows(10)[:2] == [(3, 13), (13, 23)]
        assert found.value("read", "response", "min", found.windows(10)[0]) == pytest.approx(
            0.006, rel=0.001
        )
        assert found.windows(7) == ()
        judged = parse_objective("read.response.p50 < 1s over 7s").judge(found)
        assert (judged.ok, judged.shown) == (None, "n/a")

    def test_that_were_asked_for(self) -> None:
        """
        A run that knows of them has an answer, however old it is.
        """
        found = figures(100, windows=(7,))
        assert len(found.windows(7)) == 14
        assert parse_objective("read.response.mean < 1s over 7s").judge(found).met


class TestQuantile:
    @given(st.integers(1, 9999), st.integers(1, 30_000))
    @example(9990, 10_000)
    def test_is_of_the_decimal_that_is_written(self, basis_points: int, count: int) -> None:
        """
        Rank and number of samples beyond are those of whole numbers: p99.9 of 10,000 has ten.
        """
        made = Recorder(clock=lambda: 0)
        made.op("read").rows.extend([0, 0, 1] * count)
        plan = Plan(scenario_named("swap-1k")[0], load=constant(10, 1))
        found = Figures(plan, made.result(), Driven(offered=count, wall=1.0), 0)
        rank = -(-basis_points * count // 10_000)

        said = found.value("read", "response", f"p{Decimal(basis_points) / 100}", None)

        expected = None if count - rank < 10 else 1e-9
        assert said == expected


class TestRate:
    @given(st.integers(0, 200), st.integers(1, 200))
    @example(1, 99)
    def test_of_errors_is_the_float_that_is_written(self, failed: int, well: int) -> None:
        """
        One error of a hundred is 1 %, so that `<= 1%` holds and `== 0` holds of none alone.
        """
        made = Recorder(clock=lambda: 0)
        taker = made.op("read")
        taker.rows.extend([0, 0, 1] * well)
        for _ in range(failed):
            taker.fail(0, 0, 1, ValueError())
        plan = Plan(scenario_named("swap-1k")[0], load=constant(10, 1))
        found = Figures(plan, made.result(), Driven(offered=failed + well, wall=1.0), 0)

        assert found.value("read", None, "error_rate", None) == failed / (failed + well)

    def test_achieved_of_one_operation(self) -> None:
        """
        Each operation counts what was due of it, dropped ones included.
        """
        made = Recorder(clock=lambda: 10)
        for at in range(9):
            made.op("read").record((at, at, at + 1))
        made.op("read").drop(9)
        made.op("swap").record((0, 0, 1))
        plan = Plan(scenario_named("swap-1k")[0], load=constant(10, 1))
        found = Figures(plan, made.result(), Driven(offered=11, wall=1.0), 0)

        assert found.value("read", None, "achieved_rate", None) == 0.9
        assert found.value("swap", None, "achieved_rate", None) == 1
        assert found.value(None, None, "achieved_rate", None) == pytest.approx(10 / 11)
