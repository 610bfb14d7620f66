"""What a person sees while a run goes on: figures of the last seconds, from what came since."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from ._histogram import ENOUGH, SLOTS, highest_in, rank_of, slots_of
from ._parts import QUANTILES, Phase, Status, in_order
from ._sparse import joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

BANDS: Final = 48
"""Stretches of the scale on which a person sees where latencies lie: six to a decade, from
1 µs to 100 s; what is shorter or longer lies in the first or the last."""

_STARTS: Final = slots_of(
    np.array([0, *(10 ** (3 + band / 6) for band in range(1, BANDS))]).astype(np.int64)
)[0]

_BAND_OF: Final = np.searchsorted(_STARTS, np.arange(SLOTS), side="right") - 1

_SEEN: Final = {"response": (*QUANTILES.values(), 1.0), "service": (0.5, 0.99), "lag": (0.5, 0.99)}


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
    rates = {s: many / window for s, many in in_order(new.statuses).items()} if window > 0 else {}
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
