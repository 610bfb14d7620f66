"""Small histograms by stretch of time, and how long stretches are as a run grows older.

A run of any length keeps at most `KEPT` stretches: past a minute they are of 5 seconds,
past five minutes of 10, and so on along `STEPS`, each of which divides the next, so that what
was kept adds up to what is kept then. Totals stay exact, and so does every window that begins
and ends with a stretch. What objectives ask for is known before the run: no stretch grows
longer than their windows allow.
"""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ._histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

STEPS: Final = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 21600)
"""Seconds that a stretch may have; the last one serves runs of thirty days."""

KEPT: Final = 60
"""Stretches that a run keeps at most, save for the last of `STEPS` and what windows ask."""

_SLOT_BYTES: Final = 2
# Values of one stretch that wait to be counted: half a megabyte at most.
_WAITING: Final = 65_536


def step_of(seconds: int, windows: Sequence[float] = ()) -> int:
    """Return the seconds of a stretch in a run that is *seconds* old.

    Args:
        seconds: Whole seconds, the one that is on counted.
        windows: Seconds of windows that must begin and end with a stretch.
    """
    fit = [step for step in STEPS if all(int(w) == w and w % step == 0 for w in windows)] or [1]
    return next((step for step in fit if seconds <= step * KEPT), fit[-1])


@dataclass(frozen=True, slots=True)
class Sparse:
    """A small histogram that does not change: 0.3 to 1 byte a value where there are few.

    Attributes:
        packed: The gaps between slots in use, then the count of each; of both the lowest
            bytes of all, then the next ones, up to the highest in use; deflated, behind the
            number of slots and how many bytes gaps and counts have.
        clamped: How many of the values lay outside the range.
    """

    packed: bytes = b""
    clamped: int = 0

    @classmethod
    def of(cls, slots: Ints, counts: Ints, clamped: int = 0) -> Sparse:
        """Return *counts* of *slots*, each at most once and in rising order."""
        if not len(slots):
            return cls(b"", clamped)
        gaps, many = _planes(np.diff(slots, prepend=-1) - 1), _planes(counts)
        # Runs of one byte are all that repeats in it: this is as small as a search, and faster.
        machine = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS, 9, zlib.Z_RLE)
        head = len(slots).to_bytes(_SLOT_BYTES, "little") + bytes((len(gaps), len(many)))
        body = machine.compress(b"".join((*gaps, *many))) + machine.flush()
        return cls(head + body, clamped)

    def arrays(self) -> tuple[Ints, Ints]:
        """Return slots and counts, as `Histogram.nonzero` would."""
        if not self.packed:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        size = int.from_bytes(self.packed[:_SLOT_BYTES], "little")
        gaps = self.packed[_SLOT_BYTES]
        body = zlib.decompress(self.packed[_SLOT_BYTES + 2 :], -zlib.MAX_WBITS)
        planes = np.frombuffer(body, np.uint8).astype(np.int64).reshape(-1, size)
        slots = np.cumsum(_whole(planes[:gaps]) + 1) - 1
        return slots, _whole(planes[gaps:])

    def plus(self, other: Sparse) -> Sparse:
        """Return the sum of both."""
        return Sparse.of(*joined([self.arrays(), other.arrays()]), self.clamped + other.clamped)

    def pour(self, into: Histogram) -> None:
        """Add all to a histogram."""
        into.add_nonzero(*self.arrays(), self.clamped)

    def histogram(self) -> Histogram:
        """Return a histogram of the same counts."""
        made = Histogram()
        self.pour(made)
        return made


def joined(parts: Sequence[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    """Return slots in rising order and their counts, each slot once."""
    slots, inverse = np.unique(np.concatenate([slots for slots, _ in parts]), return_inverse=True)
    sums = np.zeros(len(slots), np.int64)
    np.add.at(sums, inverse, np.concatenate([counts for _, counts in parts]))
    return slots, sums


def split(times: Ints, step: int) -> Iterator[tuple[int, slice | Ints]]:
    """Yield each stretch of *step* in *times* and where its times stand; one is the rule."""
    first = int(times.min()) // step
    if first == int(times.max()) // step:
        yield first, slice(None)
        return
    keys = times // step
    order = np.argsort(keys, kind="stable")
    found, begins = np.unique(keys[order], return_index=True)
    yield from zip(found.tolist(), np.split(order, begins[1:]), strict=True)


class Bins:
    """Small histograms by stretch of time; the newest stretch is kept as slots, unsorted.

    To add each flush to a sparse histogram would cost more than the counting itself.

    Args:
        unit: Nanoseconds by which stretches are numbered.
    """

    __slots__ = ("_clamped", "_open", "_sealed", "_step", "_unit", "_waiting")

    def __init__(self, unit: int) -> None:
        self._unit, self._step, self._waiting = unit, 1, 0
        self._open: dict[int, list[npt.NDArray[np.uint16]]] = {}
        self._clamped: Counter[int] = Counter()
        self._sealed: dict[int, Sparse] = {}

    def take(self, times: Ints, slots: Ints, outside: npt.NDArray[np.bool_] | None) -> None:
        """Count values by *times*, in nanoseconds since the start of the run."""
        small = slots.astype(np.uint16)
        for number, here in split(times, self._unit * self._step):
            at = number * self._step
            self._open.setdefault(at, []).append(small[here])
            if outside is not None:
                self._clamped[at] += int(outside[here].sum())
        self._waiting += len(times)
        newest = max(self._open)
        if self._waiting > _WAITING:
            newest += 1
        for at in [at for at in self._open if at < newest]:
            self._seal(at)

    def add(self, at: int, sparse: Sparse) -> None:
        """Add to the stretch that holds number *at*."""
        at -= at % self._step
        held = self._sealed.get(at)
        self._sealed[at] = sparse if held is None else held.plus(sparse)

    def widen(self, step: int) -> None:
        """Keep stretches of *step* units from now on, those that there are included."""
        self._seal_all()
        self._step = step
        for at, sparse in list(self._sealed.items()):
            if at % step:
                del self._sealed[at]
                self.add(at, sparse)

    def _seal(self, at: int) -> None:
        values = np.concatenate(self._open.pop(at))
        self._waiting -= len(values)
        counts = np.bincount(values)
        used = np.flatnonzero(counts)
        self.add(at, Sparse.of(used, counts[used], self._clamped.pop(at, 0)))

    def _seal_all(self) -> None:
        for at in list(self._open):
            self._seal(at)

    def freeze(self) -> dict[int, Sparse]:
        """Return each stretch by the number of its first unit, in their order."""
        self._seal_all()
        return {at: self._sealed[at] for at in sorted(self._sealed)}


def _planes(values: Ints) -> list[bytes]:
    """Return the lowest bytes of all, then the next ones, up to the highest in use."""
    out: list[bytes] = []
    while not out or values.any():
        out.append((values & 0xFF).astype(np.uint8).tobytes())
        values = values >> 8
    return out


def _whole(planes: Ints) -> Ints:
    """Return the values whose bytes `_planes` took apart."""
    out: Ints = planes[-1]
    for plane in planes[-2::-1]:
        out = (out << 8) | plane
    return out
