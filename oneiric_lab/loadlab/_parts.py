"""What is kept of an operation: counts and histograms by phase, and by second."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from ._histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._sparse import Sparse

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
        total = PhaseTally()
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


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch of a run in which nothing was begun, in nanoseconds since its start."""

    begin: int
    end: int


class PhaseTally:
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
            statuses=in_order(self.statuses),
            errors=dict(sorted(self.errors.items())),
        )


def in_order(statuses: Mapping[Status, int]) -> dict[Status, int]:
    return {status: statuses[status] for status in STATUSES if statuses.get(status)}
