"""Small histograms by stretch of time: exact, and few however long a run is."""

from __future__ import annotations

import pickle
import tracemalloc
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oneiric_lab.errors import UsageError
from oneiric_lab.loadlab._histogram import HIGHEST, SLOTS, Histogram
from oneiric_lab.loadlab._merge import merge
from oneiric_lab.loadlab._parts import SECOND
from oneiric_lab.loadlab._recorder import Recorder
from oneiric_lab.loadlab._sparse import KEPT, STEPS, Sparse, step_of

if TYPE_CHECKING:
    from oneiric_lab.loadlab._recorded import Recorded

MILLION = 1_000_000


def recorder(windows: tuple[float, ...] = ()) -> Recorder:
    """Return one whose run began at 0."""
    return Recorder(clock=lambda: 0, windows=windows)


def played(ends: list[tuple[int, int]], windows: tuple[float, ...] = ()) -> Recorded:
    """Return what is recorded of operations with these ends and services, in nanoseconds."""
    made = recorder(windows)
    for end, service in ends:
        made.op("read").record((max(end - service, 0), max(end - service, 0), end))
        made.flush()
    return made.result()


class TestSparse:
    @given(st.lists(st.integers(-5, HIGHEST + 5), max_size=20), st.integers(0, 20))
    def test_sum(self, values: list[int], at: int) -> None:
        """
        Two halves add up to the histogram of all.
        """

        def sparse(part: list[int]) -> Sparse:
            slots, counts = Histogram.of(part).nonzero()
            return Sparse.of(slots, counts, Histogram.of(part).clamped)

        assert sparse(values[:at]).plus(sparse(values[at:])) == sparse(values)
        assert sparse(values).histogram() == Histogram.of(values)

    @given(
        st.dictionaries(st.integers(0, SLOTS - 1), st.integers(1, 2**62), max_size=30),
        st.integers(0, 5),
    )
    def test_comes_back(self, counts: dict[int, int], clamped: int) -> None:
        """
        Any slots and counts, also after a journey.
        """
        slots = np.array(sorted(counts), np.int64)
        many = np.array([counts[slot] for slot in sorted(counts)], np.int64)

        held = pickle.loads(pickle.dumps(Sparse.of(slots, many, clamped)))

        assert [column.tolist() for column in held.arrays()] == [slots.tolist(), many.tolist()]
        assert held.clamped == clamped

    def test_every_slot(self) -> None:
        """
        The largest there can be.
        """
        held = Sparse.of(np.arange(SLOTS), np.full(SLOTS, 2**62))
        assert [len(column) for column in held.arrays()] == [SLOTS, SLOTS]
        assert held.arrays()[1].min() == 2**62

    @pytest.mark.parametrize(("values", "most"), [(200, 250), (1_000, 700), (10_000, 2_000)])
    def test_size(self, values: int, most: int) -> None:
        """
        A few bits a value where values are far apart: as two arrays it would be five times that.
        """
        drawn = np.random.default_rng(1).lognormal(15, 0.5, values).astype(np.int64)
        slots, counts = Histogram.of(drawn).nonzero()
        assert len(Sparse.of(slots, counts).packed) < most


class TestSteps:
    def test_each_divides_the_next(self) -> None:
        """
        So that what was kept adds up to what is kept then.
        """
        assert STEPS[0] == 1
        assert all(longer % shorter == 0 for shorter, longer in pairwise(STEPS))

    @pytest.mark.parametrize(
        ("seconds", "windows", "step"),
        [
            (1, (), 1),
            (60, (), 1),
            (61, (), 5),
            (300, (), 5),
            (301, (), 10),
            (30 * 86_400, (), 21_600),
            (10**9, (), 21_600),
            (10_000, (10,), 10),
            (10_000, (10, 15), 5),
            (10_000, (7,), 1),
            (10_000, (0.5,), 1),
            (10_000, (60,), 60),
            (100_000, (600,), 600),
        ],
    )
    def test_of(self, seconds: int, windows: tuple[float, ...], step: int) -> None:
        """
        The shortest with which no more than so many are kept, as far as windows allow.
        """
        assert step_of(seconds, windows) == step

    def test_never_shrink(self) -> None:
        """
        An older run has no shorter stretches.
        """
        steps = [step_of(seconds) for seconds in range(1, 30_000)]
        assert steps == sorted(steps)


ends = st.lists(
    st.tuples(st.integers(0, 2_000 * SECOND), st.integers(0, 3 * SECOND)), min_size=1, max_size=20
)


class TestAge:
    @settings(max_examples=60)
    @given(ends)
    def test_totals_are_exact(self, ends: list[tuple[int, int]]) -> None:
        """
        Stretches grow longer; their sum stays what the run has in all, in any order of ends.
        """
        found = played(ends)
        op = found.ops["read"]
        total, service = Histogram(), Histogram()
        for sparse in op.fifths.values():
            sparse.pour(total)
        for second in op.seconds.values():
            second.service.pour(service)

        assert total == op.measured.response
        assert service == op.measured.service
        assert sum(second.offered for second in op.seconds.values()) == len(ends)
        assert found.step == step_of(max(end for end, _ in ends) // SECOND + 1)
        assert all(at % found.step == 0 for at in op.seconds)
        assert len(op.seconds) <= KEPT + 1
        assert found == played(ends[::-1])

    @settings(max_examples=60)
    @given(ends, st.lists(st.integers(0, 2), min_size=20, max_size=20))
    def test_parts_add_up(self, ends: list[tuple[int, int]], shares: list[int]) -> None:
        """
        Workers of which one was at it for longer: the sum is what one would have recorded.
        """
        parts = [
            played([end for end, share in zip(ends, shares, strict=False) if share == worker])
            for worker in range(3)
        ]
        held = [part for part in parts if part.ops]
        assert merge(held) == played(ends)

    @settings(max_examples=60)
    @given(ends, st.integers(0, 200))
    def test_windows_are_answered(self, ends: list[tuple[int, int]], number: int) -> None:
        """
        Whatever the age, a window that was asked for has its values and no others.
        """
        found = played(ends, windows=(10.0,))
        first, last = number * 10, number * 10 + 10
        wanted = Histogram.of(
            min(service, end) for end, service in ends if first * SECOND <= end < last * SECOND
        )
        assert found.ops["read"].response_in(first, last) == wanted

    def test_cut_where_a_stretch_begins(self) -> None:
        """
        A warm-up ends with a stretch; within one nobody knows what belongs to it.
        """
        found = played([(at * SECOND, 5) for at in range(0, 200, 2)])
        assert found.step == 5
        assert found.warm_until(10).ops["read"].warmup.ended == 5
        with pytest.raises(UsageError, match="stretches of 5 s, and 12 s lies within"):
            found.warm_until(12)

    def test_series(self) -> None:
        """
        Rows say how long their stretch is.
        """
        rows = played([(at * SECOND, 5) for at in range(200)]).rows().series
        assert {row["length_s"] for row in rows} == {5}
        assert [row["t_s"] for row in rows] == list(range(0, 200, 5))
        assert [row["completed"] for row in rows] == [5] * 40


class TestMemory:
    @pytest.mark.parametrize(
        ("rate", "many"),
        [
            (200_000, MILLION),
            (17_000, MILLION),  # one minute: the most stretches of a second that there can be
            (1_700, MILLION),  # ten minutes, in stretches of 10 seconds
            (1_000, MILLION),
            (50, 180_000),  # an hour, in stretches of a minute
        ],
    )
    def test_a_megabyte_for_a_million(self, rate: int, many: int) -> None:
        """
        What a run holds, and what it brings home, grows by less than 1 MB at any rate.
        """
        random = np.random.default_rng(7)
        made = recorder()
        take = made.op("read")
        chunk = min(rate, 20_000)
        intended = np.arange(chunk) * (SECOND // rate)

        def second(first: int) -> None:
            begun = first * (SECOND // rate) + intended
            start = begun + random.exponential(700_000, chunk).astype(np.int64)
            end = start + random.lognormal(15, 0.5, chunk).astype(np.int64)
            take.rows.extend(np.column_stack((begun, start, end)).ravel().tolist())
            made.flush()

        # What waits to be counted does not grow with the run.
        second(0)
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for first in range(chunk, many, chunk):
                second(first)
            held = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
        found = made.result()
        op = found.ops["read"]
        brought = len(pickle.dumps([op.seconds, op.fifths]))

        assert op.measured.ended == -(-many // chunk) * chunk
        assert held < 1_000_000
        assert brought < 1_000_000
