"""The recorder: three values an operation, counted exactly, alone or by many workers."""

from __future__ import annotations

import pickle
import random
import sys
import threading
import tracemalloc
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oneiric_lab.errors import UsageError
from oneiric_lab.loadlab._figures import BANDS
from oneiric_lab.loadlab._histogram import Histogram
from oneiric_lab.loadlab._merge import merge
from oneiric_lab.loadlab._parts import FIFTH, SECOND, STATUSES, Status
from oneiric_lab.loadlab._recorder import Recorder
from oneiric_lab.loadlab._tally import KINDS, OTHER

if TYPE_CHECKING:
    from collections.abc import Iterable

T0 = 5_000_000_000_000
"""When a run starts by the clock, in nanoseconds."""

MS = 1_000_000


class Clock:
    """Nanoseconds that pass when told."""

    def __init__(self, now: int = T0) -> None:
        self.now = now

    def __call__(self) -> int:
        """Return the time."""
        return self.now


class Done(NamedTuple):
    """One operation, its times since the start of the run."""

    op: str
    status: Status
    intended: int
    lag: int
    service: int
    kind: type[Exception] = ValueError


def new(raw_limit: int = 0) -> tuple[Recorder, Clock]:
    """Return a recorder and its clock."""
    clock = Clock()
    return Recorder(clock=clock, raw_limit=raw_limit), clock


def play(recorder: Recorder, clock: Clock, done: Iterable[Done]) -> None:
    """Record operations."""
    for each in done:
        op = recorder.op(each.op)
        intended = T0 + each.intended
        start = intended + each.lag
        end = start + each.service
        if each.status == "ok":
            op.record((intended, start, end))
        elif each.status == "error":
            op.fail(intended, start, end, each.kind("broken"))
        elif each.status == "timeout":
            op.timeout(intended, start, end)
        elif each.status == "cancelled":
            op.cancel(intended, start, end)
        else:
            clock.now = start
            op.drop(intended)


done = st.builds(
    Done,
    st.sampled_from(["read", "swap"]),
    st.sampled_from(STATUSES),
    st.integers(0, 3 * SECOND),
    st.integers(0, SECOND),
    st.integers(0, 2 * SECOND),
    st.sampled_from([ValueError, KeyError]),
)


def many(n: int, seed: int = 3) -> list[Done]:
    """Return *n* operations over three seconds."""
    rng = random.Random(seed)
    return [
        Done(
            rng.choice(["read", "swap"]),
            rng.choices(STATUSES, [90, 4, 2, 2, 2])[0],
            rng.randrange(3 * SECOND),
            rng.randrange(5 * MS),
            int(rng.lognormvariate(15, 1)),
        )
        for _ in range(n)
    ]


class TestOneOperation:
    """What is kept of an operation."""

    def test_three_values(self) -> None:
        """
        Lag, service and response are told apart, and response counts from the intended start.
        """
        recorder, _ = new()
        recorder.op("read").record((T0, T0 + 300, T0 + 1_000))

        part = recorder.result().ops["read"].measured

        assert (part.lag, part.service, part.response) == (
            Histogram.of([300]),
            Histogram.of([700]),
            Histogram.of([1_000]),
        )
        assert part.statuses == {"ok": 1}
        assert part.ended == 1

    def test_every_status(self) -> None:
        """
        Errors and time-outs took their time; what was cancelled or dropped is only counted.
        """
        recorder, clock = new()
        play(recorder, clock, [Done("read", status, 0, 10, 20) for status in STATUSES])

        part = recorder.result().ops["read"].measured

        assert part.statuses == dict.fromkeys(STATUSES, 1)
        assert part.response == Histogram.of([30, 30, 30])
        assert part.lag == Histogram.of([10, 10, 10])
        assert part.errors == {"TimeoutError": 1, "ValueError": 1}

    def test_started_early_is_said(self) -> None:
        """
        An operation that started before it was meant to shows as a clamped lag.
        """
        recorder, _ = new()
        recorder.op("read").record((T0 + 50, T0 + 40, T0 + 60))
        recorder.op("read").record((T0 + 50, T0 + 50, T0 + 60))

        result = recorder.result()

        assert result.ops["read"].measured.lag.clamped == 1
        assert result.ops["read"].seconds[0].lag.clamped == 1
        assert result.rows().ops[0]["clamped"] == 1

    def test_same_name_same_place(self) -> None:
        """
        Who asks twice for a name gets the same place, and its method stays right.
        """
        recorder, _ = new()
        record = recorder.op("read").record
        for at in range(3):
            record((T0, T0, T0 + at))
            recorder.flush()

        assert recorder.op("read").record == record
        assert recorder.result().ops["read"].measured.ended == 3

    def test_nothing(self) -> None:
        """
        A run without operations has a result too.
        """
        recorder, _ = new()
        recorder.op("read")

        result = recorder.result()

        assert result.ops["read"].measured.ended == 0
        assert result.rows() == ([], [])
        assert result.raw_complete
        assert result.raw is not None
        assert len(result.raw) == 0


class TestFlush:
    """When counting happens."""

    @settings(max_examples=40)
    @given(st.lists(done, max_size=12), st.integers(1, 12))
    def test_often_or_once(self, ops: list[Done], every: int) -> None:
        """
        However often it is flushed, the result is the same.
        """
        ops = sorted(ops, key=lambda each: each.intended + each.lag + each.service)
        once, clock = new(raw_limit=100)
        play(once, clock, ops)
        often, clock = new(raw_limit=100)
        for at in range(0, len(ops), every):
            play(often, clock, ops[at : at + every])
            often.flush()

        assert often.result() == once.result()

    def test_recorded_in_the_middle_of_a_flush(self) -> None:
        """
        What comes while the list is read waits for the next flush, and is not lost.
        """
        recorder, _ = new()
        op = recorder.op("read")

        class Late(int):
            def __int__(self) -> int:
                op.record((T0, T0, T0 + 9))
                return T0 + 5

            __index__ = __int__

        op.record((T0, T0, Late(T0 + 5)))
        recorder.flush()
        waiting = len(op.rows)

        assert waiting >= 3
        assert recorder.result().ops["read"].measured.ended == 1 + waiting // 3

    def test_memory_stays_small(self) -> None:
        """
        Only the newest stretch of time is kept value by value; older ones are counts.
        """
        recorder, clock = new()
        tracemalloc.start()
        try:
            for second in range(10):
                play(recorder, clock, [Done("read", "ok", second * SECOND, 1, 1)] * 10_000)
                recorder.flush()
                if second == 0:
                    before = tracemalloc.get_traced_memory()[0]
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()

        # As values, 90,000 operations would take 540 kB at the least.
        assert grown < 60_000

    def test_result_is_a_copy(self) -> None:
        """
        What is recorded later does not change a result that was taken.
        """
        recorder, clock = new()
        play(recorder, clock, many(100))
        before = recorder.result()
        kept = pickle.loads(pickle.dumps(before))
        play(recorder, clock, many(100, seed=4))

        after = recorder.result()

        assert before == kept
        assert before != after

    def test_threads(self) -> None:
        """
        Operations of other threads are neither lost nor mixed up while it flushes.
        """
        recorder, _ = new()
        op = recorder.op("read")

        def work(service: int) -> None:
            for _ in range(3_000):
                op.record((T0, T0 + service // 2, T0 + service))

        threads = [threading.Thread(target=work, args=(2 * n,)) for n in range(1, 5)]
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                recorder.flush()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(interval)

        part = recorder.result().ops["read"].measured
        assert part.response == Histogram.from_nonzero([2, 4, 6, 8], [3_000] * 4)
        assert part.lag == part.service == Histogram.from_nonzero([1, 2, 3, 4], [3_000] * 4)


class TestPhases:
    """Warm-up and what is measured."""

    def test_apart(self) -> None:
        """
        What ended in the warm-up is in no figure of the measured part, errors included.
        """
        clock = Clock()
        recorder = Recorder(clock=clock, phase="warmup")
        play(recorder, clock, [Done("read", "error", 0, 0, 5), Done("read", "ok", 0, 0, 6)])
        recorder.enter("measured")
        play(recorder, clock, [Done("read", "ok", 10, 0, 7)])

        op = recorder.result().ops["read"]

        assert op.warmup.statuses == {"ok": 1, "error": 1}
        assert op.warmup.errors == {"ValueError": 1}
        assert op.measured.statuses == {"ok": 1}
        assert op.measured.errors == {}
        assert op.measured.response == Histogram.of([7])
        assert op.whole.response == Histogram.of([5, 6, 7])
        assert op.whole.ended == 3

    @settings(max_examples=40)
    @given(st.lists(done, max_size=12), st.integers(0, 7))
    def test_found_afterwards(self, ops: list[Done], second: int) -> None:
        """
        A warm-up found after the run is cut as exactly as one that was known.
        """
        known, clock = new(raw_limit=100)
        known.enter("warmup")
        cut = second * SECOND
        play(known, clock, [e for e in ops if e.intended + e.lag + end_of(e) < cut])
        known.enter("measured")
        play(known, clock, [e for e in ops if e.intended + e.lag + end_of(e) >= cut])
        blind, clock = new(raw_limit=100)
        play(blind, clock, ops)

        assert blind.result().warm_until(second) == known.result()

    def test_without_rows(self) -> None:
        """
        Without raw rows the cut is the same.
        """
        recorder, clock = new()
        play(recorder, clock, [Done("read", "ok", 0, 0, 5), Done("read", "ok", SECOND, 0, 6)])

        cut = recorder.result().warm_until(1)

        assert cut.raw is None
        assert cut.ops["read"].measured.response == Histogram.of([6])
        assert cut.ops["read"].warmup.lag == Histogram.of([0])

    def test_begin(self) -> None:
        """
        Seconds count from the start that is set, which is not after the first operation.
        """
        recorder, clock = new()
        clock.now = T0 + 7
        recorder.begin()
        assert recorder.result().t0_ns == T0 + 7
        recorder.begin(T0 - SECOND)
        recorder.op("read").record((T0, T0, T0 + 1))

        assert list(recorder.result().ops["read"].seconds) == [1]
        with pytest.raises(UsageError, match="1 operations were recorded before"):
            recorder.begin()


def end_of(each: Done) -> int:
    """Return what lies between start and end; a dropped one has no such time."""
    return 0 if each.status == "dropped" else each.service


class TestSeries:
    """Second by second."""

    def test_rows(self) -> None:
        """
        An operation is offered, starts and ends in seconds of its own, and is in flight between.
        """
        recorder, clock = new()
        play(
            recorder,
            clock,
            [
                Done("read", "ok", 0, 0, 5),
                Done("read", "ok", SECOND - 10, 20, 2 * SECOND),
                Done("read", "timeout", 0, 0, SECOND),
                Done("read", "cancelled", 2 * SECOND, 0, 5),
                Done("read", "dropped", 0, 3 * SECOND, 0),
            ],
        )

        rows = recorder.result().rows().series

        table = [
            (
                row["t_s"], row["offered"], row["started"], row["completed"], row["errors"],
                row["cancelled"], row["dropped"], row["in_flight"],
            )
            for row in rows
        ]  # fmt: skip
        assert table == [
            (0, 4, 2, 1, 0, 0, 0, 1),
            (1, 0, 1, 0, 1, 0, 0, 1),
            (2, 1, 1, 0, 0, 1, 0, 1),
            (3, 0, 0, 1, 0, 0, 1, 0),
        ]
        assert rows[0]["response_max_ns"] == 5
        assert rows[0]["response_p50_ns"] is None
        assert rows[2]["response_max_ns"] is None

    def test_sums(self) -> None:
        """
        The seconds of a run add up to the run.
        """
        recorder, clock = new()
        play(recorder, clock, many(3_000))

        for op in recorder.result().ops.values():
            lag, service = Histogram(), Histogram()
            statuses: Counter[Status] = Counter()
            for second in op.seconds.values():
                second.lag.pour(lag)
                second.service.pour(service)
                statuses.update(second.statuses)
            assert lag == op.measured.lag
            assert service == op.measured.service
            assert statuses == op.measured.statuses
            assert op.response_in(0, 10) == op.measured.response
            assert sum(second.offered for second in op.seconds.values()) == op.measured.ended

    def test_window(self) -> None:
        """
        Seconds between two are one histogram, for objectives over a window.
        """
        recorder, clock = new()
        play(recorder, clock, [Done("read", "ok", at * SECOND // 2, 0, at) for at in range(10)])

        op = recorder.result().ops["read"]

        assert op.response_in(1, 3) == Histogram.of([2, 3, 4, 5])
        assert op.response_in(9, 12).count == 0

    def test_medians(self) -> None:
        """
        Medians of fifths of a second, as the rule for the warm-up takes them; gaps are gaps.
        """
        recorder, clock = new()
        play(
            recorder,
            clock,
            [Done("read", "ok", at, 0, took) for at, took in [(0, 5), (1, 7), (2, 9)]]
            + [Done("read", "ok", 3 * FIFTH, 0, 30)],
        )

        assert recorder.result().ops["read"].medians() == ([0, 3], [7.0, 30.0])


class TestRows:
    """Rows for frames."""

    def test_quantiles_with_enough_samples(self) -> None:
        """
        A quantile with fewer than ten samples beyond it is none.
        """
        recorder, clock = new()
        play(recorder, clock, [Done("read", "ok", 0, 1, n) for n in range(1_000)])

        (row,) = recorder.result().rows().ops

        assert (row["op"], row["phase"], row["ended"], row["ok"]) == (
            "read",
            "measured",
            1000,
            1000,
        )
        assert (row["error"], row["timeout"], row["cancelled"], row["dropped"]) == (0, 0, 0, 0)
        assert (row["service_p50_ns"], row["service_p99_ns"]) == (499, 989)
        assert row["service_p999_ns"] is None
        assert row["response_max_ns"] == 1_000
        assert row["lag_mean_ns"] == 1.0


class TestErrors:
    """Which errors there were."""

    def test_first_of_a_kind(self) -> None:
        """
        Kinds are counted by class, with the text of the first to end, cut where it is long.
        """
        recorder, _ = new()
        op = recorder.op("read")
        op.fail(T0, T0, T0 + 20, ValueError("second"))
        op.fail(T0, T0, T0 + 10, ValueError("first " + "x" * 500))
        op.timeout(T0, T0, T0 + 30, KeyError("slow"))

        result = recorder.result().ops["read"]

        assert result.measured.errors == {"KeyError": 1, "ValueError": 2}
        assert result.examples["ValueError"].at_ns == 10
        assert result.examples["ValueError"].text == "first " + "x" * 194
        assert result.seconds[0].errors == {"KeyError": 1, "ValueError": 2}

    def test_error_without_text(self) -> None:
        """
        An error that fails when asked what it is ends no run.
        """

        class MuteError(Exception):
            def __str__(self) -> str:
                raise RuntimeError

        recorder, _ = new()
        recorder.op("read").fail(T0, T0, T0, MuteError())

        assert "no text" in recorder.result().ops["read"].examples["MuteError"].text

    def test_bounded(self) -> None:
        """
        Kinds beyond fifty are counted as one, and none is lost.
        """
        recorder, _ = new()
        for at in range(KINDS + 10):
            recorder.op("read").fail(T0, T0, T0 + at, type(f"E{at}", (Exception,), {})(str(at)))
            recorder.flush()

        result = recorder.result().ops["read"]

        assert result.measured.errors[OTHER] == 10
        assert len(result.measured.errors) == KINDS + 1
        assert result.examples[OTHER].text == str(KINDS)
        assert set(result.examples) == set(result.measured.errors)


class TestRaw:
    """One row for each operation, or none."""

    def test_up_to_the_limit(self) -> None:
        """
        Up to the limit every operation has its row, by intended start.
        """
        recorder, clock = new(raw_limit=3)
        play(
            recorder,
            clock,
            [
                Done("swap", "ok", 9, 1, 2),
                Done("read", "error", 4, 5, 6),
                Done("read", "dropped", 7, 8, 0),
            ],
        )

        result = recorder.result()

        assert result.raw_complete
        assert result.raw is not None
        assert result.raw.names == ("read", "swap")
        assert {name: column.tolist() for name, column in result.raw.columns.items()} == {
            "t_intended_ns": [4, 7, 9],
            "lag_ns": [5, 8, 1],
            "service_ns": [6, 0, 2],
            "op": [0, 0, 1],
            "phase": [1, 1, 1],
            "status": [1, 4, 0],
        }
        assert sum(column.itemsize for column in result.raw.columns.values()) == 28

    def test_beyond_the_limit(self) -> None:
        """
        One operation more and there is no row at all, which is said.
        """
        recorder, clock = new(raw_limit=3)
        play(recorder, clock, [Done("read", "ok", 0, 0, 1)] * 3)
        assert recorder.result().raw_complete
        play(recorder, clock, [Done("read", "ok", 0, 0, 1)])

        result = recorder.result()

        assert not result.raw_complete
        assert result.raw is None
        assert recorder._chunks == []

    def test_equality(self) -> None:
        """
        Rows are equal when all columns are, and are no key.
        """
        recorder, clock = new(raw_limit=9)
        play(recorder, clock, [Done("read", "ok", 0, 0, 1)])
        one = recorder.result().raw
        play(recorder, clock, [Done("read", "ok", 0, 0, 1)])

        assert one is not None
        assert one != recorder.result().raw
        assert one != 1
        with pytest.raises(TypeError, match="unhashable"):
            hash(one)


class TestSnapshot:
    """What is seen while it runs."""

    def test_window(self) -> None:
        """
        Rates and quantiles are of what happened since the snapshot before.
        """
        recorder, clock = new()
        play(recorder, clock, [Done("read", "ok", 0, 0, 10)] * 100)
        clock.now += SECOND // 2
        first = recorder.snapshot()
        play(recorder, clock, [Done("read", "ok", 0, 0, 20)] * 30)
        play(recorder, clock, [Done("read", "error", 0, 0, 40)] * 10)
        clock.now += 2 * SECOND
        recorder.enter("warmup")
        second = recorder.snapshot()

        assert (first.at, first.window, first.phase) == (0.5, 0.5, "measured")
        assert first.ops["read"].rates == {"ok": 200.0}
        assert (first.ops["read"].p50, first.ops["read"].p99) == (10, None)
        assert (second.at, second.window, second.phase) == (2.5, 2.0, "warmup")
        assert second.ops["read"].rates == {"ok": 15.0, "error": 5.0}
        assert (second.ops["read"].p50, second.ops["read"].max) == (20, 40)
        assert second.ops["read"].total == 140

    def test_nothing_new(self) -> None:
        """
        A window without operations, or without length, has no rate and no quantile.
        """
        recorder, clock = new()
        play(recorder, clock, [Done("read", "ok", 0, 0, 10)])

        at_once = recorder.snapshot().ops["read"]
        clock.now += SECOND
        later = recorder.snapshot().ops["read"]

        assert (at_once.rates, at_once.max, at_once.total) == ({}, 10, 1)
        assert (later.rates, later.max, later.p50, later.total) == ({}, None, None, 1)

    def test_each_metric_and_where_it_lies(self) -> None:
        """
        Lag, service and response are told apart, in quantiles and in bands of a decade's sixth.
        """
        recorder, clock = new()
        # Begun 1 ms late, served in 10 ms; one that took 200 s lies in the last band.
        play(recorder, clock, [Done("read", "ok", 0, 1_000_000, 10_000_000)] * 50)
        play(recorder, clock, [Done("read", "ok", 0, 0, 200 * SECOND)])
        seen = recorder.snapshot(in_flight=7)
        live = seen.ops["read"]

        assert seen.in_flight == 7
        assert live.lag[0] == pytest.approx(1_000_000, rel=0.001)
        assert live.service[0] == pytest.approx(10_000_000, rel=0.001)
        assert live.p50 == pytest.approx(11_000_000, rel=0.001)
        assert {metric: sum(bands) for metric, bands in live.bands.items()} == {
            "lag": 51,
            "service": 51,
            "response": 51,
        }
        assert live.bands["lag"][18] == 50
        assert live.bands["service"][24] == 50
        assert live.bands["response"][BANDS - 1] == 1
        again = recorder.snapshot().ops["read"]
        assert not any(any(bands) for bands in again.bands.values())

    def test_result_is_of_the_whole_run(self) -> None:
        """
        To look takes nothing away.
        """
        recorder, clock = new()
        play(recorder, clock, many(200))
        recorder.snapshot()
        other, clock = new()
        play(other, clock, many(200))

        assert recorder.result() == other.result()


class TestMerge:
    """Several workers."""

    @settings(max_examples=40)
    @given(st.lists(st.tuples(done, st.integers(0, 2)), max_size=15), st.sampled_from([0, 8, 99]))
    def test_equals_one_that_saw_all(self, shares: list[tuple[Done, int]], limit: int) -> None:
        """
        However the operations are shared out, the sum is what one recorder would say.
        """
        one, clock = new(raw_limit=limit)
        play(one, clock, [each for each, _ in shares])
        parts = []
        for worker in range(3):
            recorder, clock = new(raw_limit=limit)
            play(recorder, clock, [each for each, share in shares if share == worker])
            parts.append(pickle.loads(pickle.dumps(recorder.result())))

        assert merge(parts) == one.result()
        assert merge(reversed(parts)) == one.result()

    def test_many(self) -> None:
        """
        Thousands of operations of two workers add up, rows included.
        """
        ops = many(4_000)
        one, clock = new(raw_limit=4_000)
        play(one, clock, ops)
        halves = []
        for half in (ops[::2], ops[1::2]):
            recorder, clock = new(raw_limit=4_000)
            play(recorder, clock, half)
            halves.append(recorder.result())

        assert merge(halves) == one.result()

    def test_kinds_of_errors(self) -> None:
        """
        Of more than fifty kinds in all, the first fifty are told apart, as one recorder would.
        """
        one, _ = new()
        parts = [new()[0], new()[0]]
        for at in range(KINDS + 20):
            error = type(f"E{at}", (Exception,), {})(str(at))
            for recorder in (one, parts[at % 2]):
                recorder.op("read").fail(T0, T0, T0 + at, error)

        assert merge(part.result() for part in parts) == one.result()

    def test_other_kinds_add_up(self) -> None:
        """
        What the parts already counted as others stays counted.
        """
        part, _ = new()
        for at in range(KINDS + 2):
            part.op("read").fail(T0, T0, T0 + at, type(f"A{at}", (Exception,), {})(str(at)))
        rest, _ = new()
        rest.op("read").fail(T0, T0, T0 + 99, KeyError())

        merged = merge([part.result(), rest.result()]).ops["read"]

        assert merged.measured.errors[OTHER] == 3
        assert "KeyError" not in merged.examples
        assert merged.examples[OTHER].text == str(KINDS)

    def test_refused(self) -> None:
        """
        No parts, or parts that kept rows by other rules, are no run.
        """
        with pytest.raises(UsageError, match="found no part"):
            merge([])
        with pytest.raises(UsageError, match="found 0, 5"):
            merge([new()[0].result(), new(5)[0].result()])
