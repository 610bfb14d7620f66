"""Load shapes: how many users or arrivals there are over time, and when each is to start.

A shape is plain data; `schedule` turns it into intended starts, whole nanoseconds since the
start of the run. Token i of a shape without chance starts at the instant at which the
integral of its rate reaches i, rounded down: for a constant rate that is i·10⁹ // rate,
in whole numbers, so that nothing drifts however long it runs.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

from oneiric_lab.errors import Excerpt, Fault, MissingExtraError, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy as np
    import numpy.typing as npt

    Chunk = npt.NDArray[np.int64]

TIME_UNITS: Mapping[str, Fraction] = {
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "µs": Fraction(1, 10**6),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "min": Fraction(60),
    "h": Fraction(3600),
}
"""What may follow the number of a duration, in seconds."""

FASTEST = 10_000_000.0
"""Most tokens a second: fifty times what one core can send; beyond it is a slip."""

LONGEST = 30 * 86_400.0
"""Most seconds of a piece: thirty days."""

MOST_USERS = 1_000_000

CHUNK = 65_536
"""Tokens in one array: half a megabyte."""

# A rate is taken as a fraction of this denominator at most: 1/3 becomes exactly that, and
# CHUNK · FASTEST · this still fits an int64, which keeps the arithmetic exact.
_PARTS = 1_000_000
_NS = 10**9
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def need_numpy() -> None:
    """Raise a MissingExtraError where numpy is not installed; ask before importing it."""
    try:
        import numpy as np  # noqa: F401, PLC0415 - of the extra `load`
    except ImportError:
        raise MissingExtraError("numpy is not installed", extra="load") from None


def check_seed(seed: int) -> None:
    """Raise a UsageError where *seed* is no whole number from 0."""
    if not _whole(seed) or seed < 0:
        raise UsageError(
            Fault("bad-seed", f"seed: expected a whole number from 0, found {seed!r}", fix="42")
        )


def seconds(value: float | str, name: str = "duration") -> float:
    """Return a duration in seconds.

    Args:
        value: Seconds as a number, or a text of a number and a unit: ns, us (µs), ms, s,
            m (min) or h.
        name: What it is, for the message.

    Raises:
        UsageError: If it is no such duration, is not finite, negative or above 30 days.

    Example:
        >>> seconds("500ms"), seconds("2m"), seconds(1.5)
        (0.5, 120.0, 1.5)
    """
    if isinstance(value, str):
        value = float(_with_unit("bad-duration", value, name, TIME_UNITS, "10s"))
    return _bounded("bad-duration", value, name, LONGEST, "30 days", "10s")


def per_second(value: float | str, name: str = "rate") -> float:
    """Return a rate per second.

    Args:
        value: A number per second, or a text such as `500/s`, `30/min` or `2/h`.
        name: What it is, for the message.

    Raises:
        UsageError: If it is no such rate, is not finite, negative, above 10 million a
            second or so low that none would start within eleven days.

    Example:
        >>> per_second("500/s"), per_second("30/min")
        (500.0, 0.5)
    """
    if isinstance(value, str):
        units = {f"/{unit}": 1 / length for unit, length in TIME_UNITS.items()}
        value = float(_with_unit("bad-rate", value, name, units, "500/s"))
    found = _bounded("bad-rate", value, name, FASTEST, "10 million a second", "500/s")
    if 0 < found < 1 / _PARTS:
        raise UsageError(
            Fault(
                "bad-rate",
                f"{name}: expected 0 or at least one in a million seconds, found {found!r}",
                fix="0 starts nothing",
            )
        )
    return found


def _with_unit(
    code: str, text: str, name: str, units: Mapping[str, Fraction], example: str
) -> Fraction:
    """Return what a text of a number and a unit means, in the base unit."""
    stripped = text.strip()
    number = _NUMBER.match(stripped)
    unit = stripped[number.end() :].strip() if number else ""
    if number and unit in units:
        # A long exponent would be worked out digit by digit; no bound lets it pass anyway.
        if abs(float(number[0])) in (0.0, math.inf):
            return Fraction(0) if float(number[0]) == 0 else Fraction(10) ** 30
        return Fraction(number[0]) * units[unit]
    lead = len(text) - len(text.lstrip())
    if number is None:
        column, why = lead, "it must begin with a number"
    elif unit:
        column, why = text.rindex(unit), f"the unit {unit!r} is not known"
    else:
        column, why = len(text.rstrip()), "the unit is missing"
    hint = did_you_mean(unit, [u for u in units if u.isascii()])
    known = hint if number else None
    raise UsageError(
        Fault(
            code,
            f"{name}: expected a number and a unit, found {text!r} (column {column + 1})",
            excerpt=Excerpt(1, text, column + 1, max(len(unit), 1)),
            why=why,
            fix=f"write it like {example!r}" + (f"; {known}" if known else ""),
        )
    )


def _bounded(code: str, value: float, name: str, most: float, shown: str, example: str) -> float:
    # numpy's numbers are welcome, text and truth values are not.
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise UsageError(
            Fault(
                code,
                f"{name}: expected a number or a text, found {type(value).__name__} {value!r}",
                fix=f"write it like {example!r}",
            )
        )
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not 0 <= found <= most:
        raise UsageError(
            Fault(
                code,
                f"{name}: expected from 0 to {most:g} ({shown}), found {found!r}",
                fix=f"write it like {example!r}",
            )
        )
    return found + 0.0  # -0.0 becomes 0.0, so that equal shapes print alike


def _positive(value: float | str, name: str) -> float:
    found = seconds(value, name)
    if found == 0:
        raise UsageError(
            Fault(
                "bad-duration",
                f"{name}: expected more than 0, found {value!r}",
                fix="write it like '10s'",
            )
        )
    return found


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Think:
    """How long a user of a closed shape waits between operations.

    Attributes:
        kind: `constant`, `exp` or `uniform`.
        low: Seconds: the time itself, the mean, or the lower end.
        high: Seconds: the upper end of `uniform`, else the same as *low*.
    """

    kind: Literal["constant", "exp", "uniform"]
    low: float
    high: float

    @property
    def mean(self) -> float:
        """Mean in seconds."""
        return (self.low + self.high) / 2

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape, in seconds."""
        return {"kind": self.kind, "low": self.low, "high": self.high}

    def __str__(self) -> str:
        """Render as it would be written."""
        ends = f"{self.low!r}, {self.high!r}" if self.kind == "uniform" else repr(self.low)
        return f"think.{self.kind}({ends})"


class _Thinks:
    """The think times: `think.constant`, `think.exp`, `think.uniform`."""

    __slots__ = ()

    def constant(self, time: float | str) -> Think:
        """Wait as long each time."""
        length = seconds(time, "think time")
        return Think("constant", length, length)

    def exp(self, mean: float | str) -> Think:
        """Wait an exponentially distributed time of this mean."""
        length = seconds(mean, "think time")
        return Think("exp", length, length)

    def uniform(self, low: float | str, high: float | str) -> Think:
        """Wait a time between the two, all alike."""
        first, last = seconds(low, "think time"), seconds(high, "think time")
        if first > last:
            raise UsageError(
                Fault(
                    "bad-think-time",
                    f"think.uniform: expected low and then high, found {low!r} and {high!r}",
                    fix=f"think.uniform({high!r}, {low!r})",
                )
            )
        return Think("uniform", first, last)

    def __repr__(self) -> str:
        return "think"


think = _Thinks()
NO_THINK = Think("constant", 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Closed:
    """Users who each begin the next operation when theirs has ended (and they have thought).

    Attributes:
        users: How many.
        think: How long each waits in between.
        duration: Seconds; None where the plan's own limits end it.
    """

    users: int
    think: Think = NO_THINK
    duration: float | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "shape": "closed",
            "users": self.users,
            "think": self.think.as_dict(),
            "duration": self.duration,
        }


@dataclass(frozen=True, slots=True)
class Constant:
    """Arrivals at an even rate: *rate* per second for *duration* seconds."""

    rate: float
    duration: float

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {"shape": "constant", "rate": self.rate, "duration": self.duration}


@dataclass(frozen=True, slots=True)
class Ramp:
    """Arrivals whose rate goes in a line from *start* to *to* per second in *over* seconds."""

    start: float
    to: float
    over: float

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.over

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {"shape": "ramp", "start": self.start, "to": self.to, "over": self.over}


@dataclass(frozen=True, slots=True)
class Poisson:
    """Arrivals that know nothing of each other: *rate* per second in the mean."""

    rate: float
    duration: float

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {"shape": "poisson", "rate": self.rate, "duration": self.duration}


@dataclass(frozen=True, slots=True)
class Stages:
    """Open shapes one after the other; the integral of the rate goes on over the seams."""

    pieces: tuple[Constant | Ramp | Poisson, ...]

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return sum(piece.duration for piece in self.pieces)

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {"shape": "stages", "pieces": [piece.as_dict() for piece in self.pieces]}


@dataclass(frozen=True, slots=True)
class Share:
    """What one of several workers does of an open shape."""

    whole: Constant | Ramp | Poisson | Stages
    worker: int
    of: int

    @property
    def duration(self) -> float:
        """Length in seconds, that of the whole."""
        return self.whole.duration

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "shape": "share",
            "whole": self.whole.as_dict(),
            "worker": self.worker,
            "of": self.of,
        }


Open = Constant | Ramp | Poisson | Stages
Shape = Closed | Open | Share


def closed(
    users: int, *, think: Think | float | str = 0.0, duration: float | str | None = None
) -> Closed:
    """Return a closed shape.

    Args:
        users: How many run at once, from 1 to a million.
        think: How long each waits between operations; a plain duration is a constant one.
        duration: How long; None where the plan's own limits end it.

    Raises:
        UsageError: If a number or a duration cannot be.
    """
    if not _whole(users) or not 1 <= users <= MOST_USERS:
        raise UsageError(
            Fault(
                "bad-users",
                f"users: expected a whole number from 1 to {MOST_USERS}, found {users!r}",
                fix="closed(users=50)",
            )
        )
    pause = think if isinstance(think, Think) else _Thinks().constant(think)
    return Closed(users, pause, None if duration is None else _positive(duration, "duration"))


def constant(rate: float | str, duration: float | str) -> Constant:
    """Return arrivals at an even rate, the first at once; a rate of 0 is a pause.

    Raises:
        UsageError: If the rate or the duration cannot be.
    """
    return Constant(per_second(rate), _positive(duration, "duration"))


def ramp(start: float | str, to: float | str, over: float | str) -> Ramp:
    """Return arrivals whose rate goes in a line from *start* to *to*.

    Raises:
        UsageError: If a rate or the duration cannot be.
    """
    return Ramp(per_second(start, "start"), per_second(to, "to"), _positive(over, "over"))


def poisson(rate: float | str, duration: float | str) -> Poisson:
    """Return arrivals with exponential gaps of the mean 1/rate.

    Raises:
        UsageError: If the rate is 0 or cannot be, or the duration cannot.
    """
    found = per_second(rate)
    if found == 0:
        raise UsageError(
            Fault(
                "bad-rate",
                "poisson: expected a rate above 0, found 0",
                fix="constant(0, '10s') is a pause",
            )
        )
    return Poisson(found, _positive(duration, "duration"))


def stages(*shapes: Constant | Ramp | Poisson | Stages) -> Stages:
    """Return open shapes one after the other; stages within stages are laid flat.

    Raises:
        UsageError: If there is none, or one is not an open shape.
    """
    pieces: list[Constant | Ramp | Poisson] = []
    for place, shape in enumerate(shapes):
        if isinstance(shape, Stages):
            pieces.extend(shape.pieces)
        elif isinstance(shape, Constant | Ramp | Poisson):
            pieces.append(shape)
        else:
            raise UsageError(
                Fault(
                    "bad-stage",
                    f"stages: expected open shapes, found {type(shape).__name__} "
                    f"as number {place + 1}",
                    why="a closed shape has users, not arrivals: the two cannot follow each other",
                    fix="stages(constant('500/s', '10s'), ramp(500, 5000, '30s'))",
                )
            )
    if not pieces:
        raise UsageError(
            Fault(
                "bad-stage",
                "stages: expected at least one shape, found none",
                fix="stages(constant('500/s', '10s'))",
            )
        )
    return Stages(tuple(pieces))


def share(shape: Shape, worker: int, of: int) -> Closed | Share:
    """Return what worker number *worker* (from 0) of *of* does.

    Without chance the workers' tokens are exactly those of the whole, each once: worker w
    has the tokens w, w + of, w + 2·of and so on. A Poisson shape is split into *of*
    independent ones of a rate smaller by that. Of a closed shape each worker gets its part
    of the users, which is none for some where there are more workers than users.

    Raises:
        UsageError: If there is no such worker, or the shape is a share already.
    """
    if isinstance(shape, Share):
        raise UsageError(
            Fault("bad-share", "share: a share is not shared again", fix="share the whole shape")
        )
    if not (_whole(of) and _whole(worker) and 0 <= worker < of):
        raise UsageError(
            Fault(
                "bad-share",
                f"share: expected a worker from 0 and below the number of workers, "
                f"found {worker!r} of {of!r}",
                fix="share(shape, worker=0, of=2)",
            )
        )
    if isinstance(shape, Closed):
        users = shape.users // of + (worker < shape.users % of)
        return Closed(users, shape.think, shape.duration)
    return Share(shape, worker, of)


def shape_of(data: Mapping[str, object]) -> Shape:
    """Return the shape that `as_dict()` gave, checked as if it were written anew.

    Raises:
        UsageError: If the name of the shape is unknown, a field is missing or unknown, or a
            value cannot be.
    """
    fields: dict[str, Any] = dict(data)
    name = fields.pop("shape", None)
    makers: dict[str, Callable[..., Shape]] = {
        "closed": closed,
        "constant": constant,
        "ramp": ramp,
        "poisson": poisson,
        "stages": stages,
        "share": share,
    }
    if not isinstance(name, str) or name not in makers:
        raise UsageError(
            Fault(
                "unknown-shape",
                f"expected the name of a load shape, found {name!r}",
                fix=did_you_mean(str(name), makers),
            )
        )
    try:
        if name == "stages":
            pieces = fields.pop("pieces")
            return stages(*(shape_of(piece) for piece in pieces), **fields)  # type: ignore[arg-type]  # stages refuses what is not open
        if name == "share":
            return share(shape_of(fields.pop("whole")), **fields)
        if name == "closed" and isinstance(fields.get("think"), dict):
            fields["think"] = _think_of(fields["think"])
        return makers[name](**fields)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            Fault(
                "bad-shape",
                f"{name}: the fields do not fit: {error}",
                fix="write what as_dict() of the shape gives",
            )
        ) from error


def _think_of(data: Mapping[str, Any]) -> Think:
    if data["kind"] == "uniform":
        return think.uniform(data["low"], data["high"])
    if data["kind"] in ("constant", "exp"):
        return think.exp(data["low"]) if data["kind"] == "exp" else think.constant(data["low"])
    raise KeyError(data["kind"])


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
