"""Load shapes: how many users or arrivals there are over time.

A shape is plain data; `schedule` turns it into intended starts, whole nanoseconds since the
start of the run. Token i of a shape without chance starts at the instant at which the
integral of its rate reaches i, rounded down: for a constant rate that is i·10⁹ // rate,
in whole numbers, so that nothing drifts however long it runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from oneiric_lab.errors import Fault, UsageError, did_you_mean

from ._units import is_whole, per_second, positive_seconds, seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_USERS = 1_000_000


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
    if not is_whole(users) or not 1 <= users <= MOST_USERS:
        raise UsageError(
            Fault(
                "bad-users",
                f"users: expected a whole number from 1 to {MOST_USERS}, found {users!r}",
                fix="closed(users=50)",
            )
        )
    pause = think if isinstance(think, Think) else _Thinks().constant(think)
    return Closed(
        users, pause, None if duration is None else positive_seconds(duration, "duration")
    )


def constant(rate: float | str, duration: float | str) -> Constant:
    """Return arrivals at an even rate, the first at once; a rate of 0 is a pause.

    Raises:
        UsageError: If the rate or the duration cannot be.
    """
    return Constant(per_second(rate), positive_seconds(duration, "duration"))


def ramp(start: float | str, to: float | str, over: float | str) -> Ramp:
    """Return arrivals whose rate goes in a line from *start* to *to*.

    Raises:
        UsageError: If a rate or the duration cannot be.
    """
    return Ramp(per_second(start, "start"), per_second(to, "to"), positive_seconds(over, "over"))


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
    return Poisson(found, positive_seconds(duration, "duration"))


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
    if not (is_whole(of) and is_whole(worker) and 0 <= worker < of):
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
