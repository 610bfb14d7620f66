"""The warm-up: where the rule cuts, and where it says that there is no steady state."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.errors import UsageError
from oneiric_lab.loadlab import Plan, Run, Scenario, constant, op
from oneiric_lab.loadlab._about import About
from oneiric_lab.loadlab._arrays import DamagedError, pack, unpack
from oneiric_lab.loadlab._drive import Driven
from oneiric_lab.loadlab._part import Part
from oneiric_lab.loadlab._recorder import Recorder
from oneiric_lab.loadlab._run import judged
from oneiric_lab.loadlab._warmup import BATCH, KEPT, steady_from, truncation, warmup_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from oneiric_lab.loadlab._recorded import Recorded


class Nothing(Scenario):
    """One operation."""

    @op()
    async def read(self, rng: Any) -> None:
        """Do nothing."""


def by_definition(means: tuple[int, ...]) -> int | None:
    """Return the cut by the formula itself, in exact numbers: the first of equal ones."""
    n = len(means)
    best: tuple[Fraction, int] | None = None
    for d in range(n - KEPT + 1):
        rest = means[d:]
        statistic = Fraction(statistics.pvariance(map(Fraction, rest))) / len(rest)
        if best is None or statistic < best[0]:
            best = statistic, d
    return best[1] if best is not None and best[1] * 2 <= n else None


def noisy(level: float, n: int, seed: int, noise: float = 0.02) -> list[float]:
    """Return *n* values around *level*."""
    rng = random.Random(seed)
    return [level * (1 + rng.gauss(0, noise)) for _ in range(n)]


class TestRule:
    """The cut of a series of batch means."""

    def test_every_short_series(self) -> None:
        """
        All series of ten small numbers are cut where the formula says.
        """
        for means in itertools.product((0, 1, 3), repeat=10):
            if means[0] <= means[-1] and sum(means) % 7 == 0:  # a seventh of them is enough
                assert truncation(means) == by_definition(means), means

    @given(st.lists(st.integers(0, 40), min_size=10, max_size=30))
    def test_any_series(self, means: list[int]) -> None:
        """
        Longer ones too.
        """
        assert truncation(means) == by_definition(tuple(means))

    def test_large_numbers_keep_their_variance(self) -> None:
        """
        A small movement on a large level is not lost to rounding.
        """
        means = [3.0, 2.0, *[0.0, 1.0] * 10]

        assert truncation([3.6e12 + value for value in means]) == truncation(means) == 2


class TestSeries:
    """Medians every fifth of a second."""

    def test_ramp_then_steady(self) -> None:
        """
        A ramp of six seconds before a minute of steady work is always cut off; noise moves
        the cut back by more than two seconds in the smaller half of the cases.
        """
        ramp = [1e6 * (3 - 2 * i / 30) for i in range(30)]

        cuts = [steady_from(ramp + noisy(1e6, 300, seed)) for seed in range(40)]

        found = [cut for cut in cuts if cut is not None]
        assert len(found) == len(cuts)
        assert min(found) >= 25
        assert statistics.median(found) <= 40

    def test_constant(self) -> None:
        """
        Where nothing changes nothing is dropped.
        """
        assert steady_from([0.1] * 100) == 0

    @pytest.mark.parametrize("slope", [1.0, -1.0])
    def test_trend(self, slope: float) -> None:
        """
        A trend that never ends has no steady part.
        """
        assert steady_from([1e6 + slope * 1e3 * i for i in range(200)]) is None

    def test_step_in_the_last_half(self) -> None:
        """
        A level that is reached late is no steady state of this run.
        """
        assert steady_from(noisy(5e6, 150, 1) + noisy(1e6, 50, 2)) is None

    @pytest.mark.parametrize("n", [0, 1, BATCH, 2 * KEPT * BATCH - 1])
    def test_too_short(self, n: int) -> None:
        """
        Fewer than ten batches say nothing.
        """
        assert steady_from([1.0] * n) is None

    def test_rest_of_a_batch(self) -> None:
        """
        Values behind the last whole batch are not looked at.
        """
        assert steady_from([1.0] * 50 + [99.0] * 4) == 0

    def test_least(self) -> None:
        """
        At least so many seconds are dropped, in whole steps, and a rounded quotient adds none.
        """
        assert steady_from([1.0] * 100, least=2) == 10
        assert steady_from([1.0] * 100, least=0.6) == 3
        assert steady_from([1.0] * 100, least=0.61) == 4
        assert steady_from([1.0] * 100, least=2, step=0.5) == 4

    def test_least_is_all(self) -> None:
        """
        When nothing is left there is no steady part.
        """
        assert steady_from([1.0] * 100, least=20) is None
        assert steady_from([1.0] * 100, least=19.8) == 99

    def test_share(self) -> None:
        """
        A cut behind the share that may be dropped is no answer.
        """
        series = [9.0] * 30 + [1.0] * 70

        assert steady_from(series) == 30
        assert steady_from(series, share=0.3) == 30
        assert steady_from(series, share=0.2) is None

    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_no_duration(self, value: float) -> None:
        """
        A value that is no number is named by its place.
        """
        with pytest.raises(UsageError, match="value 3 of the series"):
            steady_from([1.0, 1.0, 1.0, value])

    @pytest.mark.parametrize(
        ("least", "share", "step"), [(-1, 0.5, 0.2), (0, 1.5, 0.2), (0, 0.5, 0), (math.nan, 0, 1)]
    )
    def test_arguments(self, least: float, share: float, step: float) -> None:
        """
        Arguments out of range are refused with a call that works.
        """
        with pytest.raises(UsageError, match="least >= 0"):
            steady_from([], least=least, share=share, step=step)


def recorded(level: Callable[[float], float], length: int, *, pause: int = 0) -> Recorded:
    """Return a run of 50 operations a second whose response lies around *level* of the time."""
    rng = random.Random(3)
    made = Recorder(clock=lambda: 0)
    for tick in range(length * 50):
        at = tick / 50
        if at > length / 2:
            at += pause
        took = level(at) * rng.gauss(1, 0.02)
        begun = int(at * 1e9)
        made.op("read").record((begun, begun, begun + int(took * 1e9)))
        if tick % 500 == 0:
            made.op("rare").record((begun, begun, begun + int(rng.random() * 1e9)))
    return made.result()


class TestSlack:
    """Cuts that are not too late, and not much worse than the best."""

    @given(st.lists(st.integers(1, 40), min_size=10, max_size=30), st.integers(0, 15))
    def test_within(self, means: list[int], most: int) -> None:
        """
        The best of those that are early enough, or none where a later one is far better.
        """
        half = min(most, len(means) // 2)
        found = truncation(means, most=most, slack=0.5)
        figures = [
            float(Fraction(statistics.pvariance(map(Fraction, means[d:]))) / len(means[d:]))
            for d in range(len(means) - KEPT + 1)
        ]
        best = min(figures[: half + 1])
        if found is None:
            assert best > min(figures) * 1.4999
        else:
            assert found <= half
            assert figures[found] <= best * 1.0001
            assert best <= min(figures) * 1.5001

    def test_runs_in_which_nothing_changes(self) -> None:
        """
        Chance hides the steady state of few of them, and of more without it.
        """
        series = [noisy(10, 60, seed) for seed in range(200)]
        strict, slack = (
            sum(steady_from(values, share=0.2, slack=by) is None for values in series)
            for by in (0, 0.5)
        )
        assert slack <= 30 < strict


class TestRun:
    """The warm-up of a run."""

    @pytest.mark.parametrize(
        ("level", "length", "second"),
        [
            pytest.param(lambda at: 0.02, 20, 2, id="nothing changes"),
            pytest.param(lambda at: 0.02 + 0.2 * (at < 3.1), 20, 4, id="high for 3.1 s"),
            pytest.param(lambda at: 0.02 + 0.2 * (at < 8), 20, None, id="high for 8 s"),
            pytest.param(lambda at: 0.02 + 0.002 * at, 20, None, id="slower and slower"),
            pytest.param(lambda at: 0.02, 9, None, id="too short"),
        ],
    )
    def test_where_it_ends(
        self, level: Callable[[float], float], length: int, second: int | None
    ) -> None:
        """
        With a whole second, at two at the earliest, in the first fifth; else there is none.
        """
        assert warmup_of(recorded(level, length), length) == second

    def test_a_decay(self) -> None:
        """
        One has no end; what is left of it must be lost in the noise.
        """
        found = warmup_of(recorded(lambda at: 0.02 + 0.2 * math.exp(-at), 40), 40)
        assert found is not None
        assert 3 <= found <= 8

    def test_stretches_are_kept_whole(self) -> None:
        """
        In a run of minutes the warm-up ends with a stretch of the series.
        """
        run = recorded(lambda at: 0.02 + 0.2 * (at < 6.5), 100)
        found = warmup_of(run, 100)
        assert (run.step, found) == (5, 10)
        assert run.warm_until(10).ops["read"].measured.ended in range(4490, 4510)

    def test_a_pause_is_no_change(self) -> None:
        """
        Stretches in which nothing ended are left out.
        """
        assert warmup_of(recorded(lambda at: 0.02, 20, pause=7), 27) == 2

    def test_nothing_happened(self) -> None:
        """
        Of nothing nothing can be said.
        """
        assert warmup_of(Recorder(clock=lambda: 0).result(), 60) is None
        assert warmup_of(recorded(lambda at: 0.02, 1), 60) is None

    @pytest.mark.parametrize(
        ("level", "warmup", "words"),
        [
            (lambda at: 0.02 + 0.2 * (at < 1.9), 3, "steady from 3 s on"),
            (lambda at: 0.02 + 0.002 * at, 0, "no steady state was seen"),
        ],
    )
    def test_it_is_said(self, level: Callable[[float], float], warmup: int, words: str) -> None:
        """
        The result tells what was found, and counts what came before apart.
        """
        plan = Plan(Nothing, load=constant(50, 20), objectives=("read.response.p50 < 30ms",))
        part = Part(recorded(level, 20), Driven(offered=1000, wall=20.1), (), {})
        for parts in ([part], [part, part]):
            found = judged(plan, parts, About.now())
            assert (found.warmup, found.steady) == (warmup, warmup > 0)
            assert words in str(found)
            assert found.as_dict()["warmup"] == {
                "asked": "auto",
                "seconds": warmup,
                "steady": warmup > 0,
            }
            assert found.recorded.ops["read"].warmup.ended == pytest.approx(
                warmup * 50 * len(parts), abs=5 * len(parts)
            )

    def test_a_short_run_is_not_asked(self) -> None:
        """
        Nor is one whose warm-up was given, or that was cancelled before it could be seen.
        """
        part = Part(recorded(lambda at: 0.02, 8), Driven(offered=400, wall=8), (), {})
        for plan in (
            Plan(Nothing, load=constant(50, 8)),
            Plan(Nothing, load=constant(50, 20)),
            Plan(Nothing, load=constant(50, 8), warmup=1),
        ):
            found = judged(plan, [part], About.now())
            assert (found.warmup, found.steady) == (plan.given_warmup, None)

    def test_it_is_kept(self, tmp_path: Path) -> None:
        """
        A run that was saved tells the same, also of a series in long stretches.
        """
        part = Part(
            recorded(lambda at: 0.02 + 0.2 * (at < 6), 100),
            Driven(offered=5000, wall=100.1),
            (),
            {},
        )
        found = judged(Plan(Nothing, load=constant(50, 100)), [part], About.now())
        again = Run.open(found.save(tmp_path))

        assert again == found
        assert (again.warmup, again.steady, again.recorded.step) == (10, True, 5)
        with pytest.raises(DamagedError, match="does not stand in stretches of 10 s"):
            unpack(
                pack(found.recorded),
                names=["rare", "read"],
                kinds=[],
                examples={},
                raw_limit=0,
                raw_complete=False,
                pauses=(),
                step=10,
            )
