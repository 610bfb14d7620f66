"""What happened to each operation: kept in lists while it runs, counted afterwards.

The path of an operation only extends a list by three clock readings (intended, start,
end). `Recorder.flush`, off that path, turns the lists into counts:

- lag: start - intended; service: end - start; response: end - intended;
- a histogram of each for warm-up and measured part, and one per second of the end
  (response: per fifth of a second, so that the warm-up can be found); as the run grows older
  stretches of several seconds take their place (see `_sparse`);
- how many ended how (`STATUSES`), and which errors there were.

Operations that ended (`ok`, `error`, `timeout`) are in the histograms; those that were
`cancelled` or `dropped` have no time that says anything of the target, and are counted only.
Since everything is counts, the parts of several workers add up exactly.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np

from oneiric_lab.errors import UsageError

from ._histogram import ENOUGH, SLOTS, Histogram, highest_in, rank_of, slots_of
from ._sparse import KEPT, Bins, Sparse, joined, split, step_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

Status = Literal["ok", "error", "timeout", "cancelled", "dropped"]
"""How an operation ended; a dropped one never started."""

Phase = Literal["warmup", "measured"]
"""A part of a run; what is measured never holds what the warm-up did."""

STATUSES: Final[tuple[Status, ...]] = ("ok", "error", "timeout", "cancelled", "dropped")
PHASES: Final[tuple[Phase, ...]] = ("warmup", "measured")
METRICS: Final = ("lag", "service", "response")
QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}

SECOND: Final = 1_000_000_000
"""Nanoseconds of one step of the series."""

FIFTH: Final = SECOND // 5
"""Nanoseconds of one step of the medians that show where the steady part begins."""

KINDS: Final = 50
"""Kinds of errors that are told apart in one operation."""

OTHER: Final = "(other)"
"""The kind under which errors beyond `KINDS` are counted."""

BANDS: Final = 48
"""Stretches of the scale on which a person sees where latencies lie: six to a decade, from
1 µs to 100 s; what is shorter or longer lies in the first or the last."""

_TEXT: Final = 200
_COLUMNS: Final[Mapping[str, type[np.integer]]] = {
    "t_intended_ns": np.int64,
    "lag_ns": np.int64,
    "service_ns": np.int64,
    "op": np.int16,
    "phase": np.uint8,
    "status": np.uint8,
}
# Response is kept finer: the rule for the warm-up takes medians of fifths.
_UNITS: Final = {"lag": SECOND, "service": SECOND, "response": FIFTH}
_TIMED: Final = frozenset({"ok", "error", "timeout"})
_STARTS: Final = slots_of(
    np.array([0, *(10 ** (3 + band / 6) for band in range(1, BANDS))]).astype(np.int64)
)[0]
_BAND_OF: Final = np.searchsorted(_STARTS, np.arange(SLOTS), side="right") - 1
_SEEN: Final = {"response": (*QUANTILES.values(), 1.0), "service": (0.5, 0.99), "lag": (0.5, 0.99)}


# --- results: plain data ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PhaseResult:
    """What one operation did in one phase.

    Attributes:
        lag: Start less intended start.
        service: End less start.
        response: End less intended start.
        statuses: How many ended how; those that occurred.
        errors: How many errors and time-outs of each class.
    """

    lag: Histogram
    service: Histogram
    response: Histogram
    statuses: Mapping[Status, int]
    errors: Mapping[str, int]

    @property
    def ended(self) -> int:
        """How many ended, one way or another."""
        return sum(self.statuses.values())


@dataclass(frozen=True, slots=True)
class Second:
    """What one operation did in one second of the run, or in one stretch of several.

    Attributes:
        offered: Operations intended to start in it.
        started: Operations that started in it.
        statuses: How many ended in it, by how.
        errors: How many errors and time-outs ended in it, by class.
        lag: Of those that ended in it.
        service: Of those that ended in it.
    """

    offered: int
    started: int
    statuses: Mapping[Status, int]
    errors: Mapping[str, int]
    lag: Sparse
    service: Sparse


@dataclass(frozen=True, slots=True)
class Example:
    """The first error of a kind.

    Attributes:
        at_ns: When it ended, in nanoseconds since the start of the run.
        text: What it said, 200 characters at most.
    """

    at_ns: int
    text: str


@dataclass(frozen=True, slots=True)
class OpResult:
    """What one operation did in a run.

    Attributes:
        name: The operation.
        phases: Warm-up and measured part; both are always there.
        seconds: By the second of the run with which a stretch begins; those in which
            something happened.
        fifths: Response by fifth of such a stretch, numbered by the fifth of a second since
            the start of the run with which it begins.
        examples: The first error of each kind.
    """

    name: str
    phases: Mapping[Phase, PhaseResult]
    seconds: Mapping[int, Second]
    fifths: Mapping[int, Sparse]
    examples: Mapping[str, Example]

    @property
    def measured(self) -> PhaseResult:
        """The part that counts."""
        return self.phases["measured"]

    @property
    def warmup(self) -> PhaseResult:
        """The part that came before."""
        return self.phases["warmup"]

    @property
    def whole(self) -> PhaseResult:
        """Both parts in one."""
        total = _Phase()
        for part in self.phases.values():
            total.absorb(part)
        return total.freeze()

    def response_in(self, first: int, last: int) -> Histogram:
        """Return the response of stretches that begin from *first* to before *last* second."""
        total = Histogram()
        for fifth, sparse in self.fifths.items():
            if first * 5 <= fifth < last * 5:
                sparse.pour(total)
        return total

    def medians(self) -> tuple[list[int], list[float]]:
        """Return the numbers of `fifths`, and the median response of each in nanoseconds."""
        at = sorted(self.fifths)
        found = [self.fifths[fifth].histogram().quantile(0.5) for fifth in at]
        return at, [float(median) for median in found if median is not None]


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """One row for each operation, by intended start.

    Attributes:
        names: What the numbers of the column `op` mean.
        columns: `t_intended_ns` (since the start of the run), `lag_ns`, `service_ns` (0 for
            a dropped one), `op`, `phase` and `status` (numbers of `PHASES` and `STATUSES`).
    """

    names: tuple[str, ...]
    columns: Mapping[str, npt.NDArray[np.integer]]

    def __len__(self) -> int:
        """How many rows."""
        return len(self.columns["op"])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Raw):
            return NotImplemented
        return self.names == other.names and all(
            np.array_equal(column, other.columns[name]) for name, column in self.columns.items()
        )

    __hash__ = None  # type: ignore[assignment]  # arrays are no key


class Rows(NamedTuple):
    """Rows for frames: `ops`, one for each operation and phase, and `series`, one a second."""

    ops: list[dict[str, object]]
    series: list[dict[str, object]]


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch of a run in which nothing was begun, in nanoseconds since its start."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a run, or a worker's share of it, did: plain data that pickles.

    Attributes:
        ops: By name, in the order of names.
        raw: One row for each operation, or None.
        raw_complete: Whether `raw` holds every operation; never in part.
        raw_limit: Up to how many rows were wanted.
        t0_ns: The start of the run by the recorder's clock; says nothing elsewhere, and is
            not compared.
        pauses: When somebody paused it, in their order, no two of them at once.
        step: Seconds of one stretch of the series; 1 in runs of up to a minute.
    """

    ops: Mapping[str, OpResult]
    raw: Raw | None
    raw_complete: bool
    raw_limit: int
    t0_ns: int = field(default=0, compare=False)
    pauses: tuple[Pause, ...] = ()
    step: int = 1

    def rows(self) -> Rows:
        """Return rows for frames, times in nanoseconds.

        A quantile with fewer than ten samples beyond it is None.
        """
        return Rows(
            [
                _op_row(name, phase, part)
                for name, op in self.ops.items()
                for phase, part in op.phases.items()
                if part.statuses
            ],
            [row for op in self.ops.values() for row in _series_rows(op, self.pauses, self.step)],
        )

    def warm_until(self, second: int) -> Recorded:
        """Return the same counts with the measured part beginning at *second* of the run.

        For a warm-up that was found after the run. What ended before *second* is warm-up,
        whatever phase it was recorded in. Exact: the series holds every count.

        Raises:
            UsageError: A stretch of the series lies on both sides of *second*.
        """
        if second % self.step:
            raise UsageError(
                f"this run is kept in stretches of {self.step} s, and {second} s lies within one",
                fix=f"cut at {second // self.step * self.step} s",
            )
        ops = {name: _recut(op, second) for name, op in self.ops.items()}
        raw = self.raw
        if raw is not None:
            columns = dict(raw.columns)
            ended = columns["t_intended_ns"] + columns["lag_ns"] + columns["service_ns"]
            columns["phase"] = (ended >= second * SECOND).astype(np.uint8)
            raw = replace(raw, columns=columns)
        return replace(self, ops=ops, raw=raw)


@dataclass(frozen=True, slots=True)
class Live:
    """What one operation did since the snapshot before.

    Attributes:
        rates: Operations a second that ended, by how; those that occurred.
        p50, p90, p99, p999: Response in nanoseconds; None with fewer than ten samples beyond.
        max: Longest response in nanoseconds; None when none ended.
        total: How many ended since the start of the run.
        service, lag: Median and 99th percentile of each, as of the response.
        bands: By metric, how many lay in each of `BANDS` stretches of a logarithmic scale.
    """

    rates: Mapping[Status, float]
    p50: int | None
    p90: int | None
    p99: int | None
    p999: int | None
    max: int | None
    total: int
    service: tuple[int | None, ...] = (None, None)
    lag: tuple[int | None, ...] = (None, None)
    bands: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What happened since the snapshot before.

    Attributes:
        at: Seconds since the start of the run.
        window: Seconds since the snapshot before, or since the start.
        phase: The phase that is on.
        ops: By name.
        in_flight: Operations that have begun and not ended; 0 where nobody says.
        paused: Whether the run is paused now.
    """

    at: float
    window: float
    phase: Phase
    ops: Mapping[str, Live]
    in_flight: int = 0
    paused: bool = False


class New(NamedTuple):
    """What one operation did since it was asked before: counts, which add up exactly.

    Attributes:
        counts: By metric, the slots in use in rising order and the count of each.
        statuses: How many ended how.
        total: How many ended since the start of the run.
    """

    counts: Mapping[str, tuple[Ints, Ints]]
    statuses: Mapping[Status, int]
    total: int


@dataclass(frozen=True, slots=True)
class Since:
    """What one recorder saw since it was asked before; `snapshot_of` makes figures of it."""

    at: float
    window: float
    phase: Phase
    ops: Mapping[str, New]
    in_flight: int
    paused: bool


# --- counting ---------------------------------------------------------------------------


class _Phase:
    """A phase that still grows."""

    __slots__ = ("errors", "histograms", "statuses")

    def __init__(self) -> None:
        self.histograms = {metric: Histogram() for metric in METRICS}
        self.statuses: Counter[Status] = Counter()
        self.errors: Counter[str] = Counter()

    def absorb(self, part: PhaseResult) -> None:
        self.histograms["lag"].add(part.lag)
        self.histograms["service"].add(part.service)
        self.histograms["response"].add(part.response)
        self.statuses.update(part.statuses)
        self.errors.update(part.errors)

    def freeze(self) -> PhaseResult:
        return PhaseResult(
            **{metric: held.copy() for metric, held in self.histograms.items()},
            statuses=_ordered(self.statuses),
            errors=dict(sorted(self.errors.items())),
        )


class _Second:
    """A second that still grows."""

    __slots__ = ("errors", "offered", "started", "statuses")

    def __init__(self) -> None:
        self.offered = self.started = 0
        self.statuses: Counter[Status] = Counter()
        self.errors: Counter[str] = Counter()

    def add(self, part: _Second | Second) -> None:
        self.offered += part.offered
        self.started += part.started
        self.statuses.update(part.statuses)
        self.errors.update(part.errors)

    def freeze(self, lag: Sparse, service: Sparse) -> Second:
        return Second(
            self.offered,
            self.started,
            _ordered(self.statuses),
            dict(sorted(self.errors.items())),
            lag,
            service,
        )


class _Op:
    """The counts of one operation that still grow."""

    __slots__ = ("bins", "examples", "name", "phases", "recent", "seconds", "seen_statuses", "step")

    def __init__(self, name: str) -> None:
        self.name = name
        self.phases: dict[Phase, _Phase] = {phase: _Phase() for phase in PHASES}
        self.seconds: dict[int, _Second] = {}
        self.step = 1
        self.bins = {metric: Bins(unit) for metric, unit in _UNITS.items()}
        self.examples: dict[str, Example] = {}
        # Since the snapshot before: to take two whole histograms apart costs ten times as much.
        self.recent = {metric: Histogram() for metric in METRICS}
        self.seen_statuses: Counter[Status] = Counter()

    def second(self, at: int) -> _Second:
        """Return the stretch that holds second *at*."""
        at -= at % self.step
        held = self.seconds.get(at)
        if held is None:
            held = self.seconds[at] = _Second()
        return held

    def take(self, phase: Phase, status: Status, intended: Ints, start: Ints, end: Ints) -> None:
        """Count operations that ended alike; times in nanoseconds since the start of the run."""
        held = self.phases[phase]
        held.statuses[status] += len(end)
        step, length = self.step, self.step * SECOND
        for at, here in split(end, length):
            self.second(at * step).statuses[status] += len(end[here])
        for at, here in split(intended, length):
            self.second(at * step).offered += len(end[here])
        if status != "dropped":
            for at, here in split(start, length):
                self.second(at * step).started += len(end[here])
        if status not in _TIMED:
            return
        for metric, values in (
            ("lag", start - intended),
            ("service", end - start),
            ("response", end - intended),
        ):
            slots, outside = slots_of(values)
            held.histograms[metric].count_slots(slots, 0 if outside is None else int(outside.sum()))
            self.recent[metric].count_slots(slots)
            self.bins[metric].take(end, slots, outside)

    def widen(self, step: int) -> None:
        """Keep stretches of *step* seconds from now on, those that there are included."""
        self.step = step
        for bins in self.bins.values():
            # A fifth of a second is to the response what a second is to the others.
            bins.widen(step)
        for at, second in list(self.seconds.items()):
            if at % step:
                del self.seconds[at]
                self.second(at).add(second)

    def failed(self, phase: Phase, at_ns: int, kind: str, text: str) -> None:
        """Count an error by its kind, and keep the first of each as an example."""
        if kind not in self.examples:
            if len(self.examples) >= KINDS:
                kind = OTHER
            self.examples.setdefault(kind, Example(at_ns, text))
        self.phases[phase].errors[kind] += 1
        self.second(at_ns // SECOND).errors[kind] += 1

    def since(self) -> New:
        statuses: Counter[Status] = Counter()
        for phase in self.phases.values():
            statuses.update(phase.statuses)
        new = statuses - self.seen_statuses
        self.seen_statuses = statuses
        counts = {metric: held.drain() for metric, held in self.recent.items()}
        return New(counts, new, statuses.total())

    def absorb(self, part: OpResult) -> None:
        for phase, held in part.phases.items():
            self.phases[phase].absorb(held)
        for at, second in part.seconds.items():
            self.second(at).add(second)
            self.bins["lag"].add(at, second.lag)
            self.bins["service"].add(at, second.service)
        for at, sparse in part.fifths.items():
            self.bins["response"].add(at, sparse)
        for kind, example in part.examples.items():
            held_example = self.examples.get(kind, example)
            self.examples[kind] = min(held_example, example, key=lambda e: (e.at_ns, e.text))

    def bound(self) -> None:
        """Keep the kinds of errors that came first, and count the others as one."""
        first = sorted(
            (kind for kind in self.examples if kind != OTHER),
            key=lambda kind: (self.examples[kind].at_ns, kind),
        )
        for kind in first[KINDS:]:
            example = self.examples.pop(kind)
            held = self.examples.get(OTHER, example)
            self.examples[OTHER] = min(held, example, key=lambda e: (e.at_ns, e.text))
            for counter in (
                *(phase.errors for phase in self.phases.values()),
                *(second.errors for second in self.seconds.values()),
            ):
                if kind in counter:
                    counter[OTHER] += counter.pop(kind)

    def freeze(self) -> OpResult:
        bins = {metric: held.freeze() for metric, held in self.bins.items()}
        none = Sparse()
        return OpResult(
            self.name,
            {phase: held.freeze() for phase, held in self.phases.items()},
            {
                at: self.seconds[at].freeze(
                    bins["lag"].get(at, none), bins["service"].get(at, none)
                )
                for at in sorted(self.seconds)
            },
            bins["response"],
            dict(sorted(self.examples.items())),
        )


class OpRecorder:
    """Takes what happens to one operation; made by `Recorder.op`.

    Attributes:
        record: Takes one tuple `(intended, start, end)` of clock readings of an operation
            that ended well. It is a list's own `extend`: about 30 ns with the making of
            the tuple, and right from any thread. It checks nothing.
    """

    __slots__ = ("_clock", "others", "record", "rows")

    record: Callable[[tuple[int, int, int]], None]

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.rows: list[int] = []
        self.others: list[tuple[int, int, int, Status, str, str]] = []
        self.record = self.rows.extend

    def fail(self, intended: int, start: int, end: int, error: BaseException) -> None:
        """Take an operation that raised *error*; only its class and text are kept."""
        self._other(intended, start, end, "error", error)

    def timeout(
        self, intended: int, start: int, end: int, error: BaseException | None = None
    ) -> None:
        """Take an operation that took longer than it may, as `TimeoutError` unless told."""
        self._other(intended, start, end, "timeout", error or TimeoutError("took too long"))

    def cancel(self, intended: int, start: int, end: int) -> None:
        """Take an operation that was cancelled; its times are in no histogram."""
        self.others.append((intended, start, end, "cancelled", "", ""))

    def drop(self, intended: int) -> None:
        """Take an operation that will never start; it counts for the second that it is now."""
        now = self._clock()
        self.others.append((intended, now, now, "dropped", "", ""))

    def _other(
        self, intended: int, start: int, end: int, status: Status, error: BaseException
    ) -> None:
        try:
            text = str(error)[:_TEXT]
        except Exception:  # noqa: BLE001 - an error that cannot say what it is must not end the run
            text = "(no text: its __str__ raised)"
        self.others.append((intended, start, end, status, type(error).__name__, text))


class Recorder:
    """Keeps what operations do, and counts it when `flush` is called.

    Operations may be recorded from any thread; the methods of the recorder itself belong
    one. Flush ten times a second or so: until then an operation takes about 120 bytes.
    Afterwards an operation's name takes 2.5 MB however many there were, and the series less
    than a megabyte for each million of operations at any rate, save for what *windows* ask.

    Args:
        clock: Nanoseconds that never go back.
        raw_limit: Up to how many operations to keep a row each (28 bytes); one more, and
            all rows are let go, since the first ones are no fair sample.
        phase: The phase that is on at the start.
        windows: Seconds of windows for which `Recorded` must have an answer, however long
            the run.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], int] = time.perf_counter_ns,
        raw_limit: int = 0,
        phase: Phase = "measured",
        windows: Sequence[float] = (),
    ) -> None:
        self._clock = clock
        self._windows, self._step = tuple(windows), 1
        self._phase: Phase = phase
        self._limit = raw_limit
        self._recorders: dict[str, OpRecorder] = {}
        self._ops: dict[str, _Op] = {}
        self._t0 = self._last = clock()
        self._pauses: list[Pause] = []
        self._paused_at: int | None = None
        self._rows = 0
        self._chunks: list[tuple[str, Phase, Status, Ints, Ints, Ints]] = []

    def begin(self, t0: int | None = None) -> None:
        """Count seconds from *t0* by the recorder's clock, or from now.

        Raises:
            UsageError: Something was recorded already.
        """
        self.flush()
        if self._rows:
            raise UsageError(
                f"{self._rows} operations were recorded before the start of the run",
                fix="call begin() first, or make a new Recorder",
            )
        self._t0 = self._last = self._clock() if t0 is None else t0

    def op(self, name: str) -> OpRecorder:
        """Return what takes the operations called *name*; the same one for the same name."""
        found = self._recorders.get(name)
        if found is None:
            found = self._recorders[name] = OpRecorder(self._clock)
            self._ops[name] = _Op(name)
            self._ops[name].widen(self._step)
        return found

    def enter(self, phase: Phase) -> None:
        """Count what ends from now on in *phase*."""
        self.flush()
        self._phase = phase

    def flush(self) -> None:
        """Turn what was recorded into counts; about 0.2 µs an operation when there are many."""
        for name, taker in self._recorders.items():
            # Others may extend the list meanwhile, always by three at once.
            many = len(taker.rows)
            if many:
                data = np.array(taker.rows[:many], np.int64)
                del taker.rows[:many]
                data -= self._t0
                self._take(name, "ok", data[0::3], data[1::3], data[2::3])
            many = len(taker.others)
            if many:
                others = taker.others[:many]
                del taker.others[:many]
                self._take_others(name, others)

    def _take_others(self, name: str, others: list[tuple[int, int, int, Status, str, str]]) -> None:
        for status in STATUSES[1:]:
            rows = [row for row in others if row[3] == status]
            if not rows:
                continue
            data = np.array([row[:3] for row in rows], np.int64) - self._t0
            self._take(name, status, data[:, 0], data[:, 1], data[:, 2])
        op = self._ops[name]
        # By time, so that the first of a kind is the same however many workers there were.
        for _, _, end, _, kind, text in sorted(others, key=lambda row: (row[2], *row[4:])):
            if kind:
                op.failed(self._phase, end - self._t0, kind, text)

    def _take(self, name: str, status: Status, intended: Ints, start: Ints, end: Ints) -> None:
        self._grow(int(end.max()) // SECOND + 1)
        self._ops[name].take(self._phase, status, intended, start, end)
        self._rows += len(end)
        if self._rows > self._limit:
            self._chunks.clear()
        else:
            self._chunks.append((name, self._phase, status, intended, start, end))

    def _grow(self, seconds: int) -> None:
        """Keep longer stretches where the run has become too old for those that there are."""
        if seconds > self._step * KEPT and (step := step_of(seconds, self._windows)) > self._step:
            self._step = step
            for op in self._ops.values():
                op.widen(step)

    def pause(self, at: int) -> None:
        """Note that nothing is begun from *at*, by the recorder's clock, until `resume`."""
        self._paused_at = at

    def resume(self, at: int) -> None:
        """Note that a pause ended."""
        if self._paused_at is not None:
            self._pauses.append(Pause(self._paused_at - self._t0, at - self._t0))
            self._paused_at = None

    def since(self, in_flight: int = 0) -> Since:
        """Return what happened since this was asked before; flushes first.

        About 0.3 ms for each operation's name, however much happened.

        Args:
            in_flight: What is told as such.
        """
        self.flush()
        now = self._clock()
        window = (now - self._last) / SECOND
        self._last = now
        return Since(
            (now - self._t0) / SECOND,
            window,
            self._phase,
            {name: op.since() for name, op in self._ops.items()},
            in_flight,
            self._paused_at is not None,
        )

    def snapshot(self, in_flight: int = 0) -> Snapshot:
        """Return the figures of `since`."""
        return snapshot_of([self.since(in_flight)])

    def result(self) -> Recorded:
        """Return all that was recorded, as a copy; flushes first."""
        self.flush()
        names = tuple(sorted(self._ops))
        complete = self._rows <= self._limit
        return Recorded(
            {name: self._ops[name].freeze() for name in names},
            _raw(names, self._chunks) if complete else None,
            complete,
            self._limit,
            self._t0,
            tuple(self._pauses),
            self._step,
        )


def in_a_row(parts: Sequence[Since]) -> Since:
    """Return what one recorder saw in several stretches of time, each behind the other."""
    last = parts[-1]
    return replace(
        last,
        window=sum(part.window for part in parts),
        ops={
            name: _summed([part.ops[name] for part in parts if name in part.ops])._replace(
                total=new.total
            )
            for name, new in last.ops.items()
        },
    )


def snapshot_of(parts: Sequence[Since]) -> Snapshot:
    """Return the figures of what several recorders saw in the same stretch of time."""
    window = max(part.window for part in parts)
    return Snapshot(
        max(part.at for part in parts),
        window,
        # Until the last worker measures, what is shown is not of the measured part.
        "warmup" if any(part.phase == "warmup" for part in parts) else "measured",
        {
            name: _live(_summed([part.ops[name] for part in parts if name in part.ops]), window)
            for name in dict.fromkeys(name for part in parts for name in part.ops)
        },
        sum(part.in_flight for part in parts),
        any(part.paused for part in parts),
    )


def merge(parts: Iterable[Recorded]) -> Recorded:
    """Return what one recorder would have recorded that saw all; exact.

    The seconds of every part count from that part's own start. Errors are told apart
    exactly as long as no part alone saw more than `KINDS` kinds; their number is always exact.

    Raises:
        UsageError: There is no part, or the parts differ in `raw_limit`.
    """
    held = list(parts)
    if not held or len({part.raw_limit for part in held}) > 1:
        limits = ", ".join(str(part.raw_limit) for part in held)
        raise UsageError(
            f"parts with one raw_limit are needed, found {limits or 'no part'}",
            fix="give each worker the same raw_limit",
        )
    ops: dict[str, _Op] = {}
    # The part that went on for the longest has the longest stretches, as one recorder would.
    step = max(part.step for part in held)
    for part in held:
        for name, op in part.ops.items():
            if name not in ops:
                ops[name] = _Op(name)
                ops[name].widen(step)
            ops[name].absorb(op)
    for merged in ops.values():
        merged.bound()
    names = tuple(sorted(ops))
    limit = held[0].raw_limit
    raws = [part.raw for part in held if part.raw is not None]
    complete = len(raws) == len(held) and sum(map(len, raws)) <= limit
    return Recorded(
        {name: ops[name].freeze() for name in names},
        _raw_sum(names, raws) if complete else None,
        complete,
        limit,
        held[0].t0_ns,
        _union(pause for part in held for pause in part.pauses),
        step,
    )


# --- parts of the above -----------------------------------------------------------------


def _ordered(statuses: Mapping[Status, int]) -> dict[Status, int]:
    return {status: statuses[status] for status in STATUSES if statuses.get(status)}


def _shown(held: Histogram, q: float) -> int | None:
    return held.quantile(q) if held.enough_for(q) else None


def _summed(parts: Sequence[New]) -> New:
    if len(parts) == 1:
        return parts[0]
    statuses: Counter[Status] = Counter()
    for part in parts:
        statuses.update(part.statuses)
    counts = {metric: joined([part.counts[metric] for part in parts]) for metric in parts[0].counts}
    return New(counts, statuses, sum(part.total for part in parts))


def _figures(
    slots: Ints, counts: Ints, qs: Iterable[float]
) -> tuple[list[int | None], tuple[int, ...]]:
    """Return quantiles, each None with fewer than ten samples beyond it, and bands."""
    below = np.cumsum(counts)
    total = int(below[-1]) if len(below) else 0
    found: list[int | None] = []
    for q in qs:
        rank = rank_of(q, total)
        enough = total - rank >= (ENOUGH if q < 1 else 0)
        found.append(highest_in(int(slots[np.searchsorted(below, rank)])) if enough else None)
    bands = np.bincount(_BAND_OF[slots], counts, BANDS)
    return found, tuple(bands.astype(np.int64).tolist())


def _live(new: New, window: float) -> Live:
    found = {metric: _figures(*new.counts[metric], qs) for metric, qs in _SEEN.items()}
    p50, p90, p99, p999, most = found["response"][0]
    rates = {s: many / window for s, many in _ordered(new.statuses).items()} if window > 0 else {}
    return Live(
        rates,
        p50,
        p90,
        p99,
        p999,
        most,
        total=new.total,
        service=tuple(found["service"][0]),
        lag=tuple(found["lag"][0]),
        bands={metric: bands for metric, (_, bands) in found.items()},
    )


def _union(pauses: Iterable[Pause]) -> tuple[Pause, ...]:
    """Return pauses of several workers as one line of time."""
    out: list[Pause] = []
    for pause in sorted(pauses, key=lambda p: (p.begin, p.end)):
        if out and pause.begin <= out[-1].end:
            out[-1] = Pause(out[-1].begin, max(out[-1].end, pause.end))
        else:
            out.append(pause)
    return tuple(out)


def _recut(op: OpResult, second: int) -> OpResult:
    parts: dict[Phase, _Phase] = {phase: _Phase() for phase in PHASES}
    for at, held in op.seconds.items():
        part = parts["warmup" if at < second else "measured"]
        held.lag.pour(part.histograms["lag"])
        held.service.pour(part.histograms["service"])
        part.statuses.update(held.statuses)
        part.errors.update(held.errors)
    for fifth, sparse in op.fifths.items():
        part = parts["warmup" if fifth < second * 5 else "measured"]
        sparse.pour(part.histograms["response"])
    return replace(op, phases={phase: part.freeze() for phase, part in parts.items()})


def _op_row(name: str, phase: Phase, part: PhaseResult) -> dict[str, object]:
    row: dict[str, object] = {"op": name, "phase": phase, "ended": part.ended}
    row |= {status: part.statuses.get(status, 0) for status in STATUSES}
    for metric, held in (
        ("lag", part.lag),
        ("service", part.service),
        ("response", part.response),
    ):
        row |= {f"{metric}_{label}_ns": _shown(held, q) for label, q in QUANTILES.items()}
        row |= {f"{metric}_max_ns": held.max, f"{metric}_mean_ns": held.mean}
    row["clamped"] = part.lag.clamped + part.service.clamped + part.response.clamped
    return row


def _series_rows(op: OpResult, pauses: Sequence[Pause], step: int) -> Iterator[dict[str, object]]:
    in_flight = 0
    for at, second in op.seconds.items():
        counts = {status: second.statuses.get(status, 0) for status in STATUSES}
        # A dropped one never was in flight.
        in_flight += second.started - sum(counts.values()) + counts["dropped"]
        response = op.response_in(at, at + step)
        row: dict[str, object] = {
            "t_s": at,
            "length_s": step,
            "op": op.name,
            "offered": second.offered,
            "started": second.started,
            "completed": counts["ok"],
            "errors": counts["error"] + counts["timeout"],
            "cancelled": counts["cancelled"],
            "dropped": counts["dropped"],
            "in_flight": in_flight,
            "paused_ms": _paused_ms(pauses, at * SECOND, (at + step) * SECOND),
        }
        row |= {f"response_{label}_ns": _shown(response, q) for label, q in QUANTILES.items()}
        row["response_max_ns"] = response.max
        row["service_p50_ns"] = _shown(second.service.histogram(), 0.5)
        row["lag_p99_ns"] = _shown(second.lag.histogram(), 0.99)
        yield row


def _paused_ms(pauses: Sequence[Pause], begin: int, end: int) -> int:
    return sum(max(0, min(p.end, end) - max(p.begin, begin)) for p in pauses) // 1_000_000


def _raw(names: tuple[str, ...], chunks: list[tuple[str, Phase, Status, Ints, Ints, Ints]]) -> Raw:
    parts: list[dict[str, npt.NDArray[np.integer]]] = [
        {
            "t_intended_ns": intended,
            "lag_ns": start - intended,
            "service_ns": end - start,
            "op": np.full(len(end), names.index(name), np.int16),
            "phase": np.full(len(end), PHASES.index(phase), np.uint8),
            "status": np.full(len(end), STATUSES.index(status), np.uint8),
        }
        for name, phase, status, intended, start, end in chunks
    ]
    return Raw(names, _sorted_columns(parts))


def _raw_sum(names: tuple[str, ...], raws: list[Raw]) -> Raw:
    parts: list[dict[str, npt.NDArray[np.integer]]] = []
    for raw in raws:
        # An operation that one worker never ran shifts the numbers of the others.
        number = np.array([names.index(name) for name in raw.names], np.int16)
        parts.append({**raw.columns, "op": number[raw.columns["op"]]})
    return Raw(names, _sorted_columns(parts))


def _sorted_columns(
    parts: list[dict[str, npt.NDArray[np.integer]]],
) -> dict[str, npt.NDArray[np.integer]]:
    joined = {
        name: np.concatenate([np.empty(0, kind), *(part[name] for part in parts)])
        for name, kind in _COLUMNS.items()
    }
    order = np.lexsort(tuple(reversed(list(joined.values()))))
    return {name: column[order] for name, column in joined.items()}
