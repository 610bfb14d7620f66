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
from typing import TYPE_CHECKING, Final

import numpy as np

from oneiric_lab.errors import UsageError

from ._figures import Since, Snapshot, snapshot_of
from ._parts import SECOND, STATUSES, Pause, Phase, Status
from ._recorded import Recorded, raw_of
from ._sparse import KEPT, step_of
from ._tally import OpTally

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

_TEXT: Final = 200


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
        self._ops: dict[str, OpTally] = {}
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
            self._ops[name] = OpTally(name)
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
            raw_of(names, self._chunks) if complete else None,
            complete,
            self._limit,
            self._t0,
            tuple(self._pauses),
            self._step,
        )
