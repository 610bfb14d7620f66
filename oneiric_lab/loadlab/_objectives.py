"""Objectives: figures that a run must meet, and what a run made of them.

How one is written, and read, is in `_objective_text`. With a window every whole window of that
length must hold, not only the run. A figure that cannot be said, such as a quantile of too few
samples, is not met: nobody has shown that it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from oneiric_lab.errors import Excerpt, Fault, UsageError, did_you_mean

from ._spelling import QUANTILE, SCALARS, rounded, share_of, written

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ._spelling import Kind

Compared = Literal["<", "<=", ">", ">=", "=="]


class Window(NamedTuple):
    """A part of the measured time, in seconds since its start."""

    start: float
    end: float


class Metrics(Protocol):
    """What objectives ask of a result."""

    @property
    def operations(self) -> Collection[str]:
        """Names of the operations that the run had."""

    def windows(self, length: float) -> Sequence[Window]:
        """Return the whole windows of *length* seconds, without the warm-up, in order."""

    def value(
        self, op: str | None, histogram: str | None, statistic: str, window: Window | None
    ) -> float | None:
        """Return one figure in base units: seconds, a ratio, or per second.

        Args:
            op: Name of the operation; None for all together.
            histogram: `response`, `service` or `lag`; None for a scalar.
            statistic: `p99`, `max`, ... of the histogram, or the name of the scalar.
            window: Part of the run; None for all that was measured.

        Returns:
            The figure, or None where it cannot be said, as with too few samples.
        """


@dataclass(frozen=True, slots=True)
class Objective:
    """One figure that a run must meet, as `parse_objective` gives it.

    Attributes:
        op: Name of the operation; None for all together.
        histogram: `response`, `service` or `lag`; None for a scalar.
        statistic: `p99`, `max`, `min` or `mean`; for a scalar its name.
        comparison: `<`, `<=`, `>`, `>=` or `==`.
        threshold: In base units: seconds, a ratio, or per second.
        window: Seconds of each window that must hold; None for the run as a whole.
    """

    op: str | None
    histogram: str | None
    statistic: str
    comparison: Compared
    threshold: float
    window: float | None = None

    @property
    def name(self) -> str:
        """The figure, as `read.response.p99`."""
        return ".".join(part for part in (self.op, self.histogram, self.statistic) if part)

    @property
    def kind(self) -> Kind:
        """What it is measured in: time (seconds), ratio, or rate (per second)."""
        return "time" if self.histogram else SCALARS[self.statistic]

    @property
    def quantile(self) -> float | None:
        """The quantile as a share, 0.99 for p99; None for all else."""
        return share_of(self.statistic) if QUANTILE.fullmatch(self.statistic) else None

    def __str__(self) -> str:
        """Render in the grammar; `parse_objective` of it is equal to this."""
        text = f"{self.name} {self.comparison} {written(self.threshold, self.kind)}"
        return text if self.window is None else f"{text} over {written(self.window, 'time')}"

    def check(self, operations: Collection[str]) -> None:
        """Raise a UsageError where the scenario has no such operation; ask before a run."""
        if self.op is not None and self.op not in operations:
            raise UsageError(
                Fault(
                    "unknown-operation",
                    f"objective {str(self)!r}: there is no operation {self.op!r}",
                    excerpt=Excerpt(1, str(self), 1, len(self.op)),
                    fix=did_you_mean(self.op, operations),
                )
            )

    def judge(self, metrics: Metrics) -> Judged:
        """Say whether a run met it.

        With a window the worst one is told: that with the largest figure for `<`, the
        smallest for `>`, the farthest off for `==`. One window that fails decides, even
        where another is n/a.

        Raises:
            UsageError: If the run had no such operation.
        """
        self.check(metrics.operations)
        windows = [None] if self.window is None else list(metrics.windows(self.window))
        if not windows:
            reason = f"the run has no whole window of {written(self.window or 0, 'time')}"
            return Judged(self, None, None, "n/a", None, reason)
        found = [
            (value, window)
            for window in windows
            for value in [metrics.value(self.op, self.histogram, self.statistic, window)]
            if value is not None and not math.isnan(value)
        ]
        missing = len(windows) - len(found)
        within = f" in {missing} of {len(windows)} windows" if self.window is not None else ""
        why = "no rate was offered" if self.statistic == "achieved_rate" else "too few samples"
        reason = f"{why}{within}" if missing else ""
        if not found:
            return Judged(self, None, None, "n/a", None, reason)
        measured, worst = max(found, key=lambda pair: self._badness(pair[0]))
        shown = self._shown(measured)
        if not self._holds(measured):
            failed = sum(not self._holds(value) for value, _ in found)
            if self.window is not None:
                reason = f"{failed} of {len(windows)} windows do not hold"
            return Judged(self, False, measured, shown, worst, reason)
        if missing:
            return Judged(self, None, measured, f"n/a ({shown} elsewhere)", worst, reason)
        return Judged(self, True, measured, shown, worst, reason)

    def _holds(self, value: float) -> bool:
        match self.comparison:
            case "<":
                return value < self.threshold
            case "<=":
                return value <= self.threshold
            case ">":
                return value > self.threshold
            case ">=":
                return value >= self.threshold
        return value == self.threshold

    def _badness(self, value: float) -> float:
        if self.comparison == "==":
            return abs(value - self.threshold)
        return value if self.comparison in ("<", "<=") else -value

    def _shown(self, value: float) -> str:
        # A figure that misses by little must not be shown as the threshold itself.
        if value == self.threshold:
            return rounded(value, self.kind, 3)
        limit = rounded(self.threshold, self.kind, digits := 3)
        # Neighbouring floats may be one number in milliseconds: 17 digits are the end.
        while rounded(value, self.kind, digits) == limit and digits < 17:  # noqa: PLR2004 - said above
            limit = rounded(self.threshold, self.kind, digits := digits + 1)
        return rounded(value, self.kind, digits)


@dataclass(frozen=True, slots=True)
class Judged:
    """An objective and what a run made of it.

    Attributes:
        objective: What was asked.
        ok: Whether it holds; None where that cannot be said, which counts as not met.
        measured: The figure of the run or of its worst window, in base units.
        shown: The same for people; `n/a` where there is none.
        window: The worst window, where the objective has windows.
        reason: Why it does not hold or cannot be said; empty where there is nothing to add.
    """

    objective: Objective
    ok: bool | None
    measured: float | None
    shown: str
    window: Window | None
    reason: str = ""

    @property
    def met(self) -> bool:
        """Whether it was shown to hold."""
        return self.ok is True

    def __str__(self) -> str:
        """Render as one line: met, not met or n/a, the objective, the figure, the reason."""
        state = {True: "met", False: "not met", None: "n/a"}[self.ok]
        place = "" if self.window is None else f" at {self.window.start:g}..{self.window.end:g} s"
        why = f" ({self.reason})" if self.reason else ""
        return f"{state}: {self.objective}: {self.shown}{place}{why}"

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape; figures are in base units."""
        return {
            "objective": str(self.objective),
            "ok": self.ok,
            "met": self.met,
            "measured": self.measured,
            "shown": self.shown,
            "window": None if self.window is None else list(self.window),
            "reason": self.reason,
        }
