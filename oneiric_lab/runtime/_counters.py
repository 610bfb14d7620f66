"""What runs come to, as plain numbers: written where they happen, read at a scrape."""

from __future__ import annotations

import time
from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

BOUNDS_NS: Final = tuple(
    int(seconds * 1e9) for seconds in (0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 30, 120, 600)
)
"""Upper bounds of the buckets of step durations, in nanoseconds; one more bucket has the rest."""


class FlowCounters:
    """Numbers of the runs of one engine, by workflow; each is an int that only its loop writes.

    Attributes:
        runs: (workflow, outcome) to runs that ended; outcomes are done, failed and cancelled.
        active: Workflow to runs that go on in this process.
        steps: Workflow to nodes that were run here, failed ones included.
        step_ns: Workflow to the nanoseconds that they took together.
        step_buckets: Workflow to how many took at most each of `BOUNDS_NS`, not cumulated; the
            last one has the rest.
        retries: Workflow to attempts beyond the first one of a node.
        replays: Workflow to nodes that were not run again since they stood recorded.
    """

    __slots__ = (
        "_clock",
        "_started",
        "active",
        "replays",
        "retries",
        "runs",
        "step_buckets",
        "step_ns",
        "steps",
    )

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started: dict[str, tuple[str, float]] = {}
        self.runs: dict[tuple[str, str], int] = {}
        self.active: dict[str, int] = {}
        self.steps: dict[str, int] = {}
        self.step_ns: dict[str, int] = {}
        self.step_buckets: dict[str, list[int]] = {}
        self.retries: dict[str, int] = {}
        self.replays: dict[str, int] = {}

    def began(self, run_id: str, workflow: str) -> None:
        """Count a run that goes on here."""
        self._started[run_id] = workflow, self._clock()
        self.active[workflow] = self.active.get(workflow, 0) + 1

    def ended(self, run_id: str, outcome: str | None) -> None:
        """Count its end; None is a run that only this process leaves."""
        workflow, _ = self._started.pop(run_id)
        self.active[workflow] -= 1
        if outcome is not None:
            key = workflow, outcome
            self.runs[key] = self.runs.get(key, 0) + 1

    def step(self, workflow: str, nanoseconds: int, attempts: int) -> None:
        """Count a node that was run."""
        self.steps[workflow] = self.steps.get(workflow, 0) + 1
        self.step_ns[workflow] = self.step_ns.get(workflow, 0) + nanoseconds
        buckets = self.step_buckets.get(workflow)
        if buckets is None:
            buckets = self.step_buckets[workflow] = [0] * (len(BOUNDS_NS) + 1)
        buckets[bisect_left(BOUNDS_NS, nanoseconds)] += 1
        if attempts > 1:
            self.retries[workflow] = self.retries.get(workflow, 0) + attempts - 1

    def replayed(self, workflow: str) -> None:
        """Count a node that was not run again."""
        self.replays[workflow] = self.replays.get(workflow, 0) + 1

    def oldest_ms(self) -> int:
        """Return for how many milliseconds the oldest run has gone on here; 0 for none."""
        begun = [at for _, at in tuple(self._started.values())]
        return max(0, int((self._clock() - min(begun)) * 1000)) if begun else 0

    def as_dict(self) -> dict[str, Any]:
        """Return a copy of all numbers, for a scrape: ints, and tables of them."""
        return {
            "runs": dict(self.runs),
            "active": dict(self.active),
            "oldest_ms": self.oldest_ms(),
            "steps": dict(self.steps),
            "step_ns": dict(self.step_ns),
            "step_buckets": {name: list(found) for name, found in self.step_buckets.items()},
            "retries": dict(self.retries),
            "replays": dict(self.replays),
        }
