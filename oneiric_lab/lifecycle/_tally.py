"""What a lifecycle counts: plain numbers, which whoever measures reads."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from typing import Final

SECONDS: Final = (0.0001, 0.001, 0.01, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0)
"""Upper bounds for what takes seconds: from a pointer that moves to the limit of a build."""


class Buckets:
    """How often a number fell between bounds; all that a Prometheus histogram needs.

    Attributes:
        bounds: Upper bounds, ascending; a last one without bound is implied.
        counts: One more than there are bounds.
        total: Of all numbers.

    Example:
        >>> spread = Buckets((1, 10))
        >>> for number in (0.5, 1, 7, 100):
        ...     spread.add(number)
        >>> spread.counts, spread.total, spread.number
        ([2, 1, 1], 108.5, 4)
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...] = SECONDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, number: float) -> None:
        """Count one number."""
        self.counts[bisect_left(self.bounds, number)] += 1
        self.total += number

    @property
    def number(self) -> int:
        """How many there were."""
        return sum(self.counts)


class Tally:
    """What became of swaps and health checks.

    Attributes:
        swaps: Requests by domain and outcome; the first lease's activation is one.
        durations: Seconds of what was committed, by domain and phase: `prepare`, `commit`.
        checks: Health checks by domain and answer: `good`, `bad`.
        leaks: Instances whose end went wrong, by domain.
    """

    __slots__ = ("checks", "durations", "leaks", "swaps")

    def __init__(self) -> None:
        self.swaps: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.durations: defaultdict[tuple[str, str], Buckets] = defaultdict(Buckets)
        self.checks: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.leaks: defaultdict[str, int] = defaultdict(int)

    def swapped(self, domain: str, outcome: str) -> None:
        """Count a request."""
        self.swaps[domain, outcome] += 1

    def committed(self, domain: str, prepare_ns: int, commit_ns: int) -> None:
        """Count how long a swap took."""
        self.durations[domain, "prepare"].add(prepare_ns / 1e9)
        self.durations[domain, "commit"].add(commit_ns / 1e9)

    def checked(self, domain: str, *, good: bool) -> None:
        """Count an answer of a health check."""
        self.checks[domain, "good" if good else "bad"] += 1

    def leaked(self, domain: str) -> None:
        """Count an instance whose end went wrong: what it held may still be held."""
        self.leaks[domain] += 1
