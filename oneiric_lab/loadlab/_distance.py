"""How far two sets of runs lie apart in shape: Kolmogorov and Smirnov's largest distance.

A median can stay while its distribution splits in two. The distance shows that, on the
pooled histograms; how unusual it is comes from dealing whole runs to the two sides, since a
test on the samples within runs calls identical code different almost always.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._extra import need_numpy

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from ._histogram import Histogram

DEALS = 2_000
"""Most ways to deal the runs that are looked at; all of them where there are fewer."""

# Deals in one product of matrices: so many rows of some thousand slots take a megabyte or two.
_CHUNK = 64


@dataclass(frozen=True, slots=True)
class Distance:
    """The largest distance of two distributions.

    Attributes:
        share: Of all values, from 0 to 1: so many more lie below `at_ns` on one side.
        at_ns: Where, in nanoseconds.
        p: Share of the ways to deal the runs to the sides that lie at least as far apart.
    """

    share: float
    at_ns: int
    p: float


def distance(
    a: Sequence[Histogram], b: Sequence[Histogram], *, seed: int = 0, deals: int = DEALS
) -> Distance | None:
    """Return how far the pooled histograms of two sets of runs lie apart.

    All ways to deal the runs are counted where there are at most *deals*, 6 v 6 has 924;
    else as many are drawn. 6 v 6 with 3,000 slots in use takes about 40 ms.

    Args:
        a: One histogram per run.
        b: The same of the other side.
        seed: Of the deals that are drawn.
        deals: Most that are looked at.

    Returns:
        The distance; None where a run counted nothing.

    Raises:
        MissingExtraError: If numpy is not installed.
    """
    need_numpy()
    import numpy as np  # noqa: PLC0415 - of the extra `load`

    from ._histogram import highest_in  # noqa: PLC0415 - brings numpy

    runs = [one.nonzero() for one in (*a, *b)]
    if not a or not b or not all(len(slots) for slots, _ in runs):
        return None
    used = np.unique(np.concatenate([slots for slots, _ in runs]))
    counts = np.zeros((len(runs), len(used)))
    for row, (slots, many) in zip(counts, runs, strict=True):
        row[np.searchsorted(used, slots)] = many
    upto = counts.cumsum(axis=1)
    total = upto.sum(axis=0)

    def apart(first: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return for each deal how far its sides lie apart at every slot in use."""
        one = np.asarray(first, dtype=float) @ upto
        other = total - one
        away: npt.NDArray[np.float64] = np.abs(one / one[:, -1:] - other / other[:, -1:])
        return away

    found = apart([[1] * len(a) + [0] * len(b)])[0]
    place = int(found.argmax())
    share = float(found[place])
    ways = _deals(len(a), len(b), seed, deals)
    hits = sum(
        # The same runs added in another order differ by rounding.
        int((apart(ways[at : at + _CHUNK]).max(axis=1) >= share - 1e-12).sum())
        for at in range(0, len(ways), _CHUNK)
    )
    return Distance(share, highest_in(int(used[place])), hits / len(ways))


def _deals(of_a: int, of_b: int, seed: int, most: int) -> npt.NDArray[np.float64]:
    """Return a row for each way to deal the runs: 1 where a run goes to the first side."""
    import numpy as np  # noqa: PLC0415 - of the extra `load`

    total = of_a + of_b
    if math.comb(total, of_a) <= most:
        chosen = list(itertools.combinations(range(total), of_a))
    else:
        random = np.random.default_rng(seed)
        # The first is what was found: it could have been drawn as any other.
        chosen = [tuple(range(of_a))]
        chosen += [tuple(random.permutation(total)[:of_a]) for _ in range(most - 1)]
    rows = np.zeros((len(chosen), total))
    np.put_along_axis(rows, np.array(chosen), 1.0, axis=1)
    return rows
