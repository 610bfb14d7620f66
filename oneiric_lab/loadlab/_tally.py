"""The counts of one operation while they grow."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from ._figures import New
from ._histogram import Histogram, slots_of
from ._parts import (
    FIFTH,
    METRICS,
    PHASES,
    SECOND,
    Example,
    OpResult,
    Phase,
    PhaseTally,
    Second,
    Status,
    in_order,
)
from ._sparse import Bins, Sparse, split

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

KINDS: Final = 50
"""Kinds of errors that are told apart in one operation."""

OTHER: Final = "(other)"
"""The kind under which errors beyond `KINDS` are counted."""

# Response is kept finer: the rule for the warm-up takes medians of fifths.
_UNITS: Final = {"lag": SECOND, "service": SECOND, "response": FIFTH}

_TIMED: Final = frozenset({"ok", "error", "timeout"})


class SecondTally:
    """A second that still grows."""

    __slots__ = ("errors", "offered", "started", "statuses")

    def __init__(self) -> None:
        self.offered = self.started = 0
        self.statuses: Counter[Status] = Counter()
        self.errors: Counter[str] = Counter()

    def add(self, part: SecondTally | Second) -> None:
        self.offered += part.offered
        self.started += part.started
        self.statuses.update(part.statuses)
        self.errors.update(part.errors)

    def freeze(self, lag: Sparse, service: Sparse) -> Second:
        return Second(
            self.offered,
            self.started,
            in_order(self.statuses),
            dict(sorted(self.errors.items())),
            lag,
            service,
        )


class OpTally:
    """The counts of one operation that still grow."""

    __slots__ = ("bins", "examples", "name", "phases", "recent", "seconds", "seen_statuses", "step")

    def __init__(self, name: str) -> None:
        self.name = name
        self.phases: dict[Phase, PhaseTally] = {phase: PhaseTally() for phase in PHASES}
        self.seconds: dict[int, SecondTally] = {}
        self.step = 1
        self.bins = {metric: Bins(unit) for metric, unit in _UNITS.items()}
        self.examples: dict[str, Example] = {}
        # Since the snapshot before: to take two whole histograms apart costs ten times as much.
        self.recent = {metric: Histogram() for metric in METRICS}
        self.seen_statuses: Counter[Status] = Counter()

    def second(self, at: int) -> SecondTally:
        """Return the stretch that holds second *at*."""
        at -= at % self.step
        held = self.seconds.get(at)
        if held is None:
            held = self.seconds[at] = SecondTally()
        return held

    def take(self, phase: Phase, status: Status, intended: Ints, start: Ints, end: Ints) -> None:
        """Count operations that ended alike; times in nanoseconds since the start of the run."""
        held = self.phases[phase]
        held.statuses[status] += len(end)
        step, length = self.step, self.step * SECOND
        for at, here in split(end, length):
            self.second(at * step).statuses[status] += len(end[here])
        for at, here in split(intended, length):
            self.second(at * step).offered += len(end[here])
        if status != "dropped":
            for at, here in split(start, length):
                self.second(at * step).started += len(end[here])
        if status not in _TIMED:
            return
        for metric, values in (
            ("lag", start - intended),
            ("service", end - start),
            ("response", end - intended),
        ):
            slots, outside = slots_of(values)
            held.histograms[metric].count_slots(slots, 0 if outside is None else int(outside.sum()))
            self.recent[metric].count_slots(slots)
            self.bins[metric].take(end, slots, outside)

    def widen(self, step: int) -> None:
        """Keep stretches of *step* seconds from now on, those that there are included."""
        self.step = step
        for bins in self.bins.values():
            # A fifth of a second is to the response what a second is to the others.
            bins.widen(step)
        for at, second in list(self.seconds.items()):
            if at % step:
                del self.seconds[at]
                self.second(at).add(second)

    def failed(self, phase: Phase, at_ns: int, kind: str, text: str) -> None:
        """Count an error by its kind, and keep the first of each as an example."""
        if kind not in self.examples:
            if len(self.examples) >= KINDS:
                kind = OTHER
            self.examples.setdefault(kind, Example(at_ns, text))
        self.phases[phase].errors[kind] += 1
        self.second(at_ns // SECOND).errors[kind] += 1

    def since(self) -> New:
        statuses: Counter[Status] = Counter()
        for phase in self.phases.values():
            statuses.update(phase.statuses)
        new = statuses - self.seen_statuses
        self.seen_statuses = statuses
        counts = {metric: held.drain() for metric, held in self.recent.items()}
        return New(counts, new, statuses.total())

    def absorb(self, part: OpResult) -> None:
        for phase, held in part.phases.items():
            self.phases[phase].absorb(held)
        for at, second in part.seconds.items():
            self.second(at).add(second)
            self.bins["lag"].add(at, second.lag)
            self.bins["service"].add(at, second.service)
        for at, sparse in part.fifths.items():
            self.bins["response"].add(at, sparse)
        for kind, example in part.examples.items():
            held_example = self.examples.get(kind, example)
            self.examples[kind] = min(held_example, example, key=lambda e: (e.at_ns, e.text))

    def bound(self) -> None:
        """Keep the kinds of errors that came first, and count the others as one."""
        first = sorted(
            (kind for kind in self.examples if kind != OTHER),
            key=lambda kind: (self.examples[kind].at_ns, kind),
        )
        for kind in first[KINDS:]:
            example = self.examples.pop(kind)
            held = self.examples.get(OTHER, example)
            self.examples[OTHER] = min(held, example, key=lambda e: (e.at_ns, e.text))
            for counter in (
                *(phase.errors for phase in self.phases.values()),
                *(second.errors for second in self.seconds.values()),
            ):
                if kind in counter:
                    counter[OTHER] += counter.pop(kind)

    def freeze(self) -> OpResult:
        bins = {metric: held.freeze() for metric, held in self.bins.items()}
        none = Sparse()
        return OpResult(
            self.name,
            {phase: held.freeze() for phase, held in self.phases.items()},
            {
                at: self.seconds[at].freeze(
                    bins["lag"].get(at, none), bins["service"].get(at, none)
                )
                for at in sorted(self.seconds)
            },
            bins["response"],
            dict(sorted(self.examples.items())),
        )
