"""The warm-up: where the rule cuts, and where it says that there is no steady state."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.errors import UsageError
from oneiric_lab.loadlab._warmup import BATCH, KEPT, steady_from, truncation


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
