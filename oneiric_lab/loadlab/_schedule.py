"""When each operation of a load shape is to start, in whole nanoseconds."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from oneiric_lab.errors import Fault, UsageError

from ._extra import need_numpy
from ._shapes import Closed, Constant, Poisson, Ramp, Share, Stages
from ._units import check_seed

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt

    from ._shapes import Open, Shape

    Chunk = npt.NDArray[np.int64]

CHUNK = 65_536
"""Tokens in one array: half a megabyte."""

# A rate is taken as a fraction of this denominator at most: 1/3 becomes exactly that, and
# CHUNK · FASTEST · this still fits an int64, which keeps the arithmetic exact.
_PARTS = 1_000_000
_NS = 10**9


def expected(shape: Open | Share) -> float:
    """Return the integral of the rate: how many tokens there are, to within one.

    Of a Poisson shape it is the mean. Of a share it is the worker's part.
    """
    if isinstance(shape, Share):
        return expected(shape.whole) / shape.of
    pieces = shape.pieces if isinstance(shape, Stages) else (shape,)
    return float(sum(_integral(piece) for piece in pieces))


def schedule(shape: Shape, seed: int = 0) -> Iterator[Chunk]:
    """Return the intended starts, in nanoseconds since the start of the run.

    They come in arrays of at most 65,536, never empty, never decreasing within or across
    arrays, all before the end of the shape. Made as they are asked for: a shape of thirty
    days takes no more memory than one of a second. About 10 ns a token.

    Args:
        shape: An open shape, or a worker's share of one.
        seed: Of what Poisson shapes draw; each worker has its own stream spawned from it
            (`SeedSequence(seed).spawn(of)[worker]`). A seed is at least 0.

    Raises:
        UsageError: If the shape is closed, or the seed is negative.
        MissingExtraError: If numpy is not installed.
    """
    if isinstance(shape, Closed):
        raise UsageError(
            Fault(
                "no-schedule",
                "a closed shape has no intended starts",
                why="each user begins when the operation before has ended",
                fix="give a rate: constant('500/s', '10s')",
            )
        )
    check_seed(seed)
    need_numpy()
    whole, worker, of = (
        (shape.whole, shape.worker, shape.of) if isinstance(shape, Share) else (shape, 0, 1)
    )
    pieces = whole.pieces if isinstance(whole, Stages) else (whole,)
    return _tokens(pieces, worker, of, seed)


def _tokens(
    pieces: tuple[Constant | Ramp | Poisson, ...], worker: int, of: int, seed: int
) -> Iterator[Chunk]:
    import numpy as np  # noqa: PLC0415 - of the extra `load`

    random = np.random.default_rng(np.random.SeedSequence(seed).spawn(of)[worker])
    begin = 0  # nanoseconds
    passed = Fraction(0)  # tokens of the pieces without chance, up to here
    for piece in pieces:
        length = _exact_ns(piece.duration)
        if isinstance(piece, Poisson):
            yield from _poisson(piece.rate / of, begin, length, random)
        else:
            until = passed + _integral(piece)
            # The first token of this worker that is not before the piece.
            first = math.ceil(passed)
            first += (worker - first) % of
            count = max(0, -((first - math.ceil(until)) // of))
            if isinstance(piece, Constant):
                chunks = _even(_exact(piece.rate), first - passed, of, count)
            elif piece.start == piece.to:
                chunks = _even(_exact(piece.start), first - passed, of, count)
            else:
                chunks = _sloped(piece, first - passed, until - first, of, count)
            for chunk in chunks:
                yield np.minimum(chunk, length - 1) + begin
            passed = until
        begin += length


def _even(rate: Fraction, lead: Fraction, stride: int, count: int) -> Iterator[Chunk]:
    """Yield where tokens of an even rate start, *lead* tokens and more behind its begin."""
    import numpy as np  # noqa: PLC0415 - of the extra `load`

    if not count:
        return
    # One token of this worker is `whole` ns and `rest` parts of 1/parts ns after the other.
    step = Fraction(_NS * stride) / rate
    parts = step.denominator
    whole, rest = divmod(step.numerator, parts)
    chunk = max(1, min(CHUNK, 2**62 // max(rest + 1, whole + 1, parts)))
    index = np.arange(min(chunk, count), dtype=np.int64)
    for first in range(0, count, chunk):
        at = Fraction(_NS) * lead / rate + first * step
        base = math.floor(at)
        # Rounding down to a part first changes nothing: what is added is in whole parts.
        offset = math.floor((at - base) * parts)
        some = index[: count - first]
        yield base + some * whole + (some * rest + offset) // parts


def _sloped(
    piece: Ramp, lead: Fraction, left: Fraction, stride: int, count: int
) -> Iterator[Chunk]:
    """Yield where tokens of a ramp start: the inverse of the integral of its rate.

    A falling ramp is worked out from its end, where its rate is smallest: the other way
    the difference of two large numbers would decide.
    """
    import numpy as np  # noqa: PLC0415 - of the extra `load`

    rising = piece.to > piece.start
    low = min(piece.start, piece.to)
    slope = abs(piece.to - piece.start) / piece.over
    latest = 0
    for first in range(0, count, CHUNK):
        index = np.arange(first, min(first + CHUNK, count), dtype=np.float64) * stride
        area = float(lead) + index if rising else np.maximum(float(left) - index, 0.0)
        root = low + np.sqrt(low * low + 2 * slope * area)
        # At the foot of a ramp from 0 both are 0, and so is the time.
        time = np.divide(2 * area, root, out=np.zeros_like(area), where=root > 0)
        if not rising:
            time = piece.over - time
        ns = np.floor(np.maximum(time, 0.0) * _NS).astype(np.int64)
        ns = np.maximum.accumulate(np.maximum(ns, latest))
        latest = int(ns[-1])
        yield ns


def _poisson(rate: float, begin: int, length: int, random: np.random.Generator) -> Iterator[Chunk]:
    import numpy as np  # noqa: PLC0415 - of the extra `load`

    passed = 0.0
    size = min(CHUNK, int(rate * length / _NS * 1.1) + 16)
    while True:
        times = passed + np.cumsum(random.exponential(1 / rate, size))
        passed = float(times[-1])
        # Compared as seconds: nanoseconds far behind the end need not fit an int64.
        inside = times[: int(np.searchsorted(times, length / _NS))]
        if len(inside):
            yield np.minimum((inside * _NS).astype(np.int64), length - 1) + begin
        if len(inside) < size:
            return


def _integral(piece: Constant | Ramp | Poisson) -> Fraction:
    length = Fraction(_exact_ns(piece.duration), _NS)
    if isinstance(piece, Ramp):
        return (_exact(piece.start) + _exact(piece.to)) / 2 * length
    return _exact(piece.rate) * length


def _exact(rate: float) -> Fraction:
    """Return a rate as the fraction that was meant: 0.1 as 1/10, 1/3 as 1/3."""
    return Fraction(repr(float(rate))).limit_denominator(_PARTS)


def _exact_ns(duration: float) -> int:
    return max(1, round(Fraction(repr(float(duration))) * _NS))
