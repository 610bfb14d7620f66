"""Counts of durations in slots that are fine where durations are short.

The layout is HdrHistogram's for whole nanoseconds from 1 to one hour with three
significant digits (Gil Tene, http://hdrhistogram.org; Java class `AbstractHistogram`):
values below 2,048 have a slot each, and every doubling above has 1,024 slots. A value
v of b bits, 11 at least, stands in slot `(b - 11) * 1024 + (v >> (b - 11))`, so that a
slot is never wider than 1/1,024 of the values in it.
"""

from __future__ import annotations

import math
import operator
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from oneiric_lab.errors import MissingExtraError, UsageError

try:
    import numpy as np
except ImportError as error:
    raise MissingExtraError("numpy is not installed", extra="load") from error

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

LOWEST: Final = 1
"""Nanoseconds that can be told from none."""

HIGHEST: Final = 3_600_000_000_000
"""Nanoseconds above which a value is counted as this: one hour."""

DIGITS: Final = 3
"""Significant digits that a slot keeps."""

SLOTS: Final = 33_792
"""Slots: 2,048 of one nanosecond each, then 1,024 for each of 31 doublings."""

ENOUGH: Final = 10
"""Samples that must lie beyond a quantile before it may be shown."""

_HALF: Final = 1_024
_HALF_BITS: Final = 10
_FIRST_BITS: Final = 11

# Below this many values, adding one by one costs less than a pass over all slots.
_FEW: Final = 4_096


def slots_of(
    values: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_] | None]:
    """Return the slot of each value, and which values lay outside (None when none did).

    Args:
        values: Nanoseconds, any shape of one dimension; those below 0 count as 0, those
            above `HIGHEST` as `HIGHEST`.
    """
    outside: npt.NDArray[np.bool_] | None = None
    if len(values) and (int(values.min()) < 0 or int(values.max()) > HIGHEST):
        outside = (values < 0) | (values > HIGHEST)
        values = np.clip(values, 0, HIGHEST)
    # A float holds every value up to one hour exactly, so its exponent is the bit length.
    bits = np.frexp(values.astype(np.float64))[1].astype(np.int64)
    doubling = np.maximum(bits, _FIRST_BITS) - _FIRST_BITS
    return (doubling << _HALF_BITS) + (values >> doubling), outside


def lowest_in(slot: int) -> int:
    """Return the lowest value, in nanoseconds, that stands in *slot*."""
    doubling = max((slot >> _HALF_BITS) - 1, 0)
    return (slot - doubling * _HALF) << doubling


def highest_in(slot: int) -> int:
    """Return the highest value, in nanoseconds, that stands in *slot*."""
    doubling = max((slot >> _HALF_BITS) - 1, 0)
    return lowest_in(slot) + (1 << doubling) - 1


def rank_of(q: float, total: int) -> int:
    """Return ceil(q * total), 1 at least: which value, counted from the lowest, is meant.

    *q* is taken as the decimal that is written, since 0.07 * 100 as floats is above 7.

    Raises:
        UsageError: *q* is not between 0 and 1.
    """
    if not 0 <= q <= 1:
        raise UsageError(
            f"a quantile is between 0 and 1, not {q:g}", fix="write 0.99 for the 99th percentile"
        )
    return max(math.ceil(Fraction(repr(float(q))) * total), 1)


class Histogram:
    """Counts of nanoseconds, exact to merge, within 0.1 % of each value.

    Takes 270,336 bytes however many values it holds. Two are equal when all counts are.
    What it says of values (quantiles, least, greatest, mean) follows from the counts alone,
    so it is the same after a merge or a journey through a file.

    Attributes:
        clamped: How many of the values lay below 0 or above one hour; they are counted
            in the first slot or in that of one hour.
    """

    __slots__ = ("_counts", "clamped")

    clamped: int

    def __init__(self) -> None:
        self._counts: npt.NDArray[np.int64] = np.zeros(SLOTS, np.int64)
        self.clamped = 0

    @classmethod
    def of(cls, values: Iterable[int]) -> Histogram:
        """Return a histogram of *values*, in nanoseconds."""
        made = cls()
        made.record_many(np.array(list(values), np.int64))
        return made

    @classmethod
    def from_nonzero(
        cls, indices: npt.ArrayLike, counts: npt.ArrayLike, *, clamped: int = 0
    ) -> Histogram:
        """Return the histogram whose `nonzero` gave these.

        Raises:
            UsageError: The two differ in length, a slot is none or twice there, or a
                count is negative.
        """
        at = np.asarray(indices).astype(np.int64)
        many = np.asarray(counts).astype(np.int64)
        if at.ndim != 1 or at.shape != many.shape:
            raise UsageError(
                f"each slot has one count: {at.size} slots, {many.size} counts",
                fix="pass the two arrays that nonzero() returned",
            )
        wrong = (
            len(at) > 0 and (int(at.min()) < 0 or int(at.max()) >= SLOTS or int(many.min()) < 0)
        ) or len(np.unique(at)) != len(at)
        if wrong:
            raise UsageError(
                f"slots go from 0 to {SLOTS - 1}, each at most once, and no count is negative",
                fix="pass the two arrays that nonzero() returned",
            )
        made = cls()
        made._counts[at] = many
        made.clamped = clamped
        return made

    # --- counting -----------------------------------------------------------------------

    def record_many(self, values: npt.NDArray[np.int64]) -> None:
        """Count *values*, in nanoseconds; about 5 ns each when there are thousands."""
        slots, outside = slots_of(values)
        self.count_slots(slots, 0 if outside is None else int(outside.sum()))

    def count_slots(self, slots: npt.NDArray[np.int64], clamped: int = 0) -> None:
        """Count values whose slots are known; *clamped* of them lay outside."""
        if len(slots) < _FEW:
            np.add.at(self._counts, slots, 1)
        else:
            self._counts += np.bincount(slots, minlength=SLOTS)
        self.clamped += clamped

    def add(self, other: Histogram) -> None:
        """Count all that *other* counted; exact."""
        self._counts += other._counts
        self.clamped += other.clamped

    def add_nonzero(
        self, indices: npt.NDArray[np.int64], counts: npt.NDArray[np.int64], clamped: int = 0
    ) -> None:
        """Count *counts* more values in the slots *indices*, each slot at most once."""
        self._counts[indices] += counts
        self.clamped += clamped

    def copy(self) -> Histogram:
        """Return one with the same counts that goes its own way; about 10 µs."""
        made = Histogram()
        made._counts[:] = self._counts
        made.clamped = self.clamped
        return made

    # --- questions ----------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many values it holds."""
        return int(self._counts.sum())

    @property
    def min(self) -> int | None:
        """Lowest value of the lowest slot in use, in nanoseconds; None when empty."""
        used = np.flatnonzero(self._counts)
        return lowest_in(int(used[0])) if len(used) else None

    @property
    def max(self) -> int | None:
        """Highest value of the highest slot in use, in nanoseconds; None when empty."""
        used = np.flatnonzero(self._counts)
        return highest_in(int(used[-1])) if len(used) else None

    @property
    def mean(self) -> float | None:
        """Mean in nanoseconds, each value taken as the middle of its slot; None when empty."""
        slots, counts = self.nonzero()
        if not len(slots):
            return None
        many = counts.tolist()
        # Python's whole numbers: a product of nanoseconds and counts can pass 64 bits.
        middles = [(lowest_in(slot) + highest_in(slot) + 1) >> 1 for slot in slots.tolist()]
        total: int = sum(map(operator.mul, middles, many))
        return total / self.count

    def quantile(self, q: float) -> int | None:
        """Return the highest value of the slot that holds rank ceil(q * count).

        That is HdrHistogram's definition: the true value is not above it, and at most
        0.1 % below. In nanoseconds; None when empty. See `enough_for` before showing it.

        Raises:
            UsageError: *q* is not between 0 and 1.

        Example:
            >>> Histogram.of(range(1, 101)).quantile(0.99)
            99
        """
        return self.quantiles([q])[0]

    def quantiles(self, qs: Iterable[float]) -> list[int | None]:
        """Return `quantile` of each, in one pass over the counts (about 80 µs)."""
        below = np.cumsum(self._counts)
        total = int(below[-1])
        ranks = [rank_of(q, total) for q in qs]
        if not total:
            return [None] * len(ranks)
        return [highest_in(int(slot)) for slot in np.searchsorted(below, ranks)]

    def enough_for(self, q: float) -> bool:
        """Return whether `ENOUGH` samples lie beyond the quantile; else it is not to be shown.

        Raises:
            UsageError: *q* is not between 0 and 1.
        """
        total = self.count
        return total - rank_of(q, total) >= ENOUGH

    def nonzero(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the slots in use in rising order, and the count of each."""
        indices = np.flatnonzero(self._counts).astype(np.int64)
        return indices, self._counts[indices]

    def drain(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the slots in use in rising order and the count of each, and be empty."""
        slots, counts = self.nonzero()
        self._counts[slots] = 0
        self.clamped = 0
        return slots, counts

    # --- data model ---------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        return self.clamped == other.clamped and bool(np.array_equal(self._counts, other._counts))

    # It changes, so it is no key.
    __hash__ = None  # type: ignore[assignment]  # how the data model says "not hashable"

    def __repr__(self) -> str:
        return f"<Histogram count={self.count} min={self.min} max={self.max}>"

    def __getstate__(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
        # What a worker hands over is mostly zeros.
        return (*self.nonzero(), self.clamped)

    def __setstate__(self, state: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]) -> None:
        slots, counts, self.clamped = state
        self._counts = np.zeros(SLOTS, np.int64)
        self._counts[slots] = counts
