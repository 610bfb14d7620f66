"""What counts as healthy, and when a change of it is believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


def unhealthy(answer: Any, number: int) -> str | None:
    """Return why *answer* of a health check does not pass, or None where it does.

    Only `True`, or a report whose `healthy` is True, passes: a check that forgets to return
    would else pass always. A report that names its `incarnation` must name this one: behind
    a shared address the one in force may answer for the new one.

    Args:
        answer: What the check returned.
        number: The incarnation that was asked.
    """
    if answer is True:
        return None
    if answer is False:
        return "its health check says no"
    if getattr(answer, "healthy", None) is True:
        told = getattr(answer, "incarnation", None)
        if told is None or told == number:
            return None
        return f"incarnation {told} answered for incarnation {number}"
    if answer is None:
        return "its health check returned nothing; only True passes"
    detail = getattr(answer, "detail", None)
    return f"its health check says no: {detail or type(answer).__name__}"


@dataclass(slots=True)
class Hysteresis:
    """A state that changes only after several answers in a row.

    Attributes:
        fall: Bad answers in a row that make it unhealthy.
        rise: Good answers in a row that make it healthy again.
        healthy: What is believed now.
    """

    fall: int = 3
    rise: int = 2
    healthy: bool = True
    _streak: int = 0

    def begin(self, fall: int, rise: int) -> None:
        """Begin anew, healthy, for another one that came into force."""
        self.fall, self.rise, self.healthy, self._streak = fall, rise, True, 0

    def observe(self, *, good: bool) -> bool:
        """Take one answer; return whether the belief changed."""
        if good == self.healthy:
            self._streak = 0
            return False
        self._streak += 1
        if self._streak < (self.rise if good else self.fall):
            return False
        self.healthy, self._streak = good, 0
        return True
