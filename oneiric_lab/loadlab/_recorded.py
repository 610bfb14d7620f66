"""A run as it was recorded, and every single operation of it where they are few."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from oneiric_lab.errors import UsageError

from ._parts import PHASES, SECOND, STATUSES, OpResult, Pause, Phase, PhaseTally, Status
from ._rows import Rows, op_row, series_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

_COLUMNS: Final[Mapping[str, type[np.integer]]] = {
    "t_intended_ns": np.int64,
    "lag_ns": np.int64,
    "service_ns": np.int64,
    "op": np.int16,
    "phase": np.uint8,
    "status": np.uint8,
}


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
                op_row(name, phase, part)
                for name, op in self.ops.items()
                for phase, part in op.phases.items()
                if part.statuses
            ],
            [row for op in self.ops.values() for row in series_rows(op, self.pauses, self.step)],
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
        ops = {name: recut(op, second) for name, op in self.ops.items()}
        raw = self.raw
        if raw is not None:
            columns = dict(raw.columns)
            ended = columns["t_intended_ns"] + columns["lag_ns"] + columns["service_ns"]
            columns["phase"] = (ended >= second * SECOND).astype(np.uint8)
            raw = replace(raw, columns=columns)
        return replace(self, ops=ops, raw=raw)


def recut(op: OpResult, second: int) -> OpResult:
    parts: dict[Phase, PhaseTally] = {phase: PhaseTally() for phase in PHASES}
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


def raw_of(
    names: tuple[str, ...], chunks: list[tuple[str, Phase, Status, Ints, Ints, Ints]]
) -> Raw:
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


def raw_sum(names: tuple[str, ...], raws: list[Raw]) -> Raw:
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
