"""The distance of two sets of runs: how far, where, and how unusual among runs."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oneiric_lab.loadlab._distance import distance
from oneiric_lab.loadlab._histogram import Histogram

if TYPE_CHECKING:
    from .conftest import Simulate

# Below 2,048 ns every value has a slot of its own, so the histogram is exact.
VALUES = st.lists(st.integers(0, 60), min_size=1, max_size=12)
SIDE = st.lists(VALUES, min_size=1, max_size=3)


def farthest(a: list[list[int]], b: list[list[int]]) -> float:
    """Return the textbook's largest distance of two samples."""
    one, two = list(itertools.chain(*a)), list(itertools.chain(*b))
    return max(
        abs(sum(x <= at for x in one) / len(one) - sum(x <= at for x in two) / len(two))
        for at in {*one, *two}
    )


class TestDistance:
    @given(SIDE, SIDE)
    @settings(max_examples=60)
    def test_is_the_textbooks_on_the_pooled_values(
        self, a: list[list[int]], b: list[list[int]]
    ) -> None:
        """
        Distance, place and p equal what counting by hand gives.
        """
        found = distance(*([Histogram.of(run) for run in side] for side in (a, b)))

        assert found is not None
        assert found.share == pytest.approx(farthest(a, b))
        runs = [*a, *b]
        deals = [
            farthest([runs[i] for i in one], [runs[i] for i in range(len(runs)) if i not in one])
            for one in itertools.combinations(range(len(runs)), len(a))
        ]
        assert found.p == pytest.approx(sum(d >= found.share - 1e-9 for d in deals) / len(deals))
        one, two = ([x for run in side for x in run] for side in (a, b))
        at = found.at_ns
        assert found.share == pytest.approx(
            abs(sum(x <= at for x in one) / len(one) - sum(x <= at for x in two) / len(two))
        )

    def test_a_median_that_splits_in_two(self, simulate: Simulate) -> None:
        """
        Half of the calls at 0.6 and half at 1.4 of what they were: the median may stay, the
        distance does not; among identical runs none is found.
        """
        usual = [Histogram.of(run.tolist()) for run in simulate.times(1e6, 1)]
        again = [Histogram.of(run.tolist()) for run in simulate.times(1e6, 2)]
        other = [
            Histogram.of(np.where(np.arange(len(run)) % 2, run * 0.6, run * 1.4).astype(int))
            for run in simulate.times(1e6, 3)
        ]
        split, none = distance(usual, other), distance(usual, again)

        assert split is not None
        assert none is not None
        assert split.share > 0.4
        assert split.p == 2 / 924
        assert none.p > 0.05

    def test_of_many_runs_some_deals_are_drawn(self, simulate: Simulate) -> None:
        """
        More ways than can be counted: as many as told are drawn, by the seed, and what was
        found is one of them.
        """
        usual = [Histogram.of(run.tolist()) for run in simulate.times(1e6, 4, runs=10)]
        other = [Histogram.of(run.tolist()) for run in simulate.times(2e6, 5, runs=10)]
        found = distance(usual, other, deals=100, seed=1)

        assert found is not None
        assert found.p == 1 / 100
        assert found == distance(usual, other, deals=100, seed=1)

    def test_nothing_has_no_distance(self) -> None:
        """
        No runs, or one that counted nothing.
        """
        one = Histogram.of([1])
        assert distance([], [one]) is None
        assert distance([one], []) is None
        assert distance([one], [Histogram()]) is None
