"""Histograms: the same counts and quantiles as HdrHistogram, and exact sums."""

from __future__ import annotations

import importlib.util
import math
import pickle
import sys
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]  # it has no types
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.errors import MissingExtraError, UsageError
from oneiric_lab.loadlab import _histogram
from oneiric_lab.loadlab._histogram import (
    HIGHEST,
    SLOTS,
    Histogram,
    highest_in,
    lowest_in,
    rank_of,
    slots_of,
)

EDGES = sorted(
    {
        value
        for bits in range(43)
        for value in (2**bits - 1, 2**bits, 2**bits + 1)
        if value <= HIGHEST
    }
    | {HIGHEST - 1, HIGHEST}
)
"""Values at which the layout changes."""

nanoseconds = st.one_of(st.sampled_from(EDGES), st.integers(0, HIGHEST), st.integers(0, 10**6))


def oracle_of(values: list[int]) -> Any:
    """Return HdrHistogram's own histogram of *values*."""
    made = HdrHistogram(1, HIGHEST, 3)
    for value, count in Counter(values).items():
        assert made.record_value(value, count)
    return made


def spread(n: int, seed: int = 7) -> list[int]:
    """Return *n* values over all orders of magnitude."""
    exponents = np.random.default_rng(seed).uniform(0, math.log(HIGHEST), n)
    return [int(value) for value in np.exp(exponents)]


class TestOracle:
    """What HdrHistogram says, slot by slot."""

    def test_every_edge_has_its_slot(self) -> None:
        """
        Powers of two and their neighbours stand where HdrHistogram puts them.
        """
        oracle = HdrHistogram(1, HIGHEST, 3)

        slots, outside = slots_of(np.array(EDGES, np.int64))

        assert slots.tolist() == [oracle.get_counts_array_index(value) for value in EDGES]
        assert outside is None
        assert oracle.counts_len == SLOTS

    def test_every_slot_has_its_bounds(self) -> None:
        """
        Both ends of each slot are HdrHistogram's, lie in it, and leave no gap to the next.
        """
        oracle = HdrHistogram(1, HIGHEST, 3)

        for slot in range(SLOTS):
            low, high = lowest_in(slot), highest_in(slot)
            assert low == oracle.get_value_from_index(slot)
            assert high == oracle.get_highest_equivalent_value(low)
            assert lowest_in(slot + 1) == high + 1
            assert (high - low) * 1000 <= max(low, 1)

    @pytest.mark.parametrize("n", [100, 4_095, 4_096, 50_000])
    def test_counts_are_identical(self, n: int) -> None:
        """
        All 33,792 counts agree, for few values and for many.
        """
        values = spread(n)

        ours, oracle = Histogram.of(values), oracle_of(values)

        assert ours._counts.tolist() == list(oracle.counts)
        assert ours.count == oracle.get_total_count() == n
        assert ours.min == oracle.get_min_value()
        assert ours.max == oracle.get_max_value()
        assert ours.mean == pytest.approx(oracle.get_mean_value(), rel=1e-12)

    @given(st.lists(nanoseconds, max_size=30))
    def test_counts_of_any_values_are_identical(self, values: list[int]) -> None:
        """
        Whatever the values, each slot in use has HdrHistogram's count.
        """
        oracle = HdrHistogram(1, HIGHEST, 3)
        expected = Counter(oracle.get_counts_array_index(value) for value in values)

        slots, counts = Histogram.of(values).nonzero()

        assert dict(zip(slots.tolist(), counts.tolist(), strict=True)) == expected
        assert slots.tolist() == sorted(expected)

    def test_quantiles_are_identical(self) -> None:
        """
        Where both mean the same rank, both name the same value.
        """
        values = spread(1_000)
        ours, oracle = Histogram.of(values), oracle_of(values)
        qs = [0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0]

        # A thousand values: each rank is whole, so rounding and rounding up agree.
        assert ours.quantiles(qs) == [oracle.get_value_at_percentile(q * 100) for q in qs]

    @given(st.lists(nanoseconds, min_size=1, max_size=30), st.integers(0, 1000))
    def test_quantile_is_the_value_of_its_rank(self, values: list[int], thousandth: int) -> None:
        """
        The value of rank ceil(q * n) stands in the slot whose highest value is the answer.
        """
        exact = sorted(values)[max(math.ceil(Fraction(thousandth, 1000) * len(values)), 1) - 1]

        found = Histogram.of(values).quantile(thousandth / 1000)

        assert found is not None
        assert found == HdrHistogram(1, HIGHEST, 3).get_highest_equivalent_value(exact)
        assert exact <= found <= exact * 1.001


class TestRecord:
    """What becomes of values."""

    def test_outside_is_clamped_and_said(self) -> None:
        """
        Values below none or above an hour count at the end, and are counted apart.
        """
        held = Histogram.of([-5, -1, 0, HIGHEST, HIGHEST + 1, 2**62])

        assert held.clamped == 4
        assert held == Histogram.from_nonzero(
            [0, int(slots_of(np.array([HIGHEST], np.int64))[0][0])], [3, 3], clamped=4
        )

    def test_none_is_none(self) -> None:
        """
        An empty histogram has no quantile, no end and no mean, and that is no zero.
        """
        empty = Histogram.of([])

        assert (empty.count, empty.min, empty.max, empty.mean) == (0, None, None, None)
        assert empty.quantiles([0.5, 1.0]) == [None, None]
        assert repr(empty) == "<Histogram count=0 min=None max=None>"

    def test_mean_of_many_hours(self) -> None:
        """
        A sum beyond 64 bits does not overflow.
        """
        slot = int(slots_of(np.array([HIGHEST], np.int64))[0][0])

        held = Histogram.from_nonzero([slot], [2**40])

        assert held.mean == pytest.approx(HIGHEST, rel=0.001)


class TestSums:
    """Histograms of parts and of windows."""

    @given(st.lists(nanoseconds, max_size=20), st.lists(nanoseconds, max_size=20))
    def test_sums_are_exact(self, early: list[int], late: list[int]) -> None:
        """
        The sum of parts is the histogram of the whole, and a copy goes its own way.
        """
        whole = Histogram.of(early)
        before = whole.copy()
        whole.add(Histogram.of(late))

        assert whole == Histogram.of(early + late)
        assert before == Histogram.of(early)

    @given(st.lists(nanoseconds, max_size=30))
    def test_journey(self, values: list[int]) -> None:
        """
        The slots in use, and a pickle, give the same histogram back.
        """
        held = Histogram.of([-1, *values])

        assert Histogram.from_nonzero(*held.nonzero(), clamped=held.clamped) == held
        assert pickle.loads(pickle.dumps(held)) == held

    def test_pickle_is_small(self) -> None:
        """
        A worker hands over what is in use, not 270 kB of zeros.
        """
        assert len(pickle.dumps(Histogram.of(range(100)))) < 4_000

    @pytest.mark.parametrize(
        ("slots", "counts"),
        [([1], [1, 2]), ([-1], [1]), ([SLOTS], [1]), ([1, 1], [1, 1]), ([1], [-1]), (1, 1)],
    )
    def test_slots_that_cannot_be(self, slots: Any, counts: Any) -> None:
        """
        Slots out of range, twice there or without a count are refused.
        """
        with pytest.raises(UsageError, match="slot"):
            Histogram.from_nonzero(slots, counts)

    def test_equality(self) -> None:
        """
        Counts make two equal; it is no key, and equals nothing else.
        """
        assert Histogram.of([3]) != Histogram.of([4])
        assert Histogram.of([0]) != Histogram.of([-1])
        assert Histogram.of([3]) != 3
        with pytest.raises(TypeError, match="unhashable"):
            hash(Histogram())


class TestQuestions:
    """What may be said of the values."""

    @pytest.mark.parametrize(
        ("n", "q", "enough"),
        [
            (999, 0.99, False),
            (1_000, 0.99, True),
            (9_999, 0.999, False),
            (10_000, 0.999, True),
            (19, 0.5, False),
            (20, 0.5, True),
            (0, 0.5, False),
            (1_000_000, 1.0, False),
        ],
    )
    def test_enough_samples(self, n: int, q: float, enough: bool) -> None:
        """
        Ten samples beyond a quantile are enough, nine are not.
        """
        assert Histogram.from_nonzero([5], [n]).enough_for(q) is enough

    @pytest.mark.parametrize(
        ("q", "total", "rank"),
        [(0.07, 100, 7), (0.29, 100, 29), (0.57, 100, 57), (0.99, 100, 99), (0, 100, 1), (1, 9, 9)],
    )
    def test_rank_is_of_the_decimal(self, q: float, total: int, rank: int) -> None:
        """
        0.07 of a hundred is the seventh, though the product of floats is above 7.
        """
        assert rank_of(q, total) == rank
        assert rank_of(float(np.float64(q)), total) == rank

    @pytest.mark.parametrize("q", [-0.1, 1.1, 99, math.nan])
    def test_no_quantile(self, q: float) -> None:
        """
        A percentage in place of a quantile is told, with how to write it.
        """
        with pytest.raises(UsageError, match=r"write 0\.99"):
            Histogram.of([1]).quantile(q)


def test_without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Without numpy the message names the extra that brings it.
    """
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert _histogram.__file__
    spec = importlib.util.spec_from_file_location("without_numpy", _histogram.__file__)
    assert spec
    assert spec.loader
    with pytest.raises(MissingExtraError, match=r"oneiric-lab\[load\]"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
