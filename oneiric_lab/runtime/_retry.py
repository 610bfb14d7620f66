"""How often a call is tried, and how long is waited between: pure data and one sum."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from oneiric_lab.errors import Fault, UsageError, did_you_mean

# The public project takes the names on the left too.
_ALIASES: Final = {
    "max_attempts": "attempts",
    "initial_delay": "base_delay",
    "max_backoff": "max_delay",
    "backoff_jitter": "jitter",
}
_LONGEST: Final = 31_536_000.0
"""Seconds of a year, the longest that a manifest may say."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and how long between; seconds.

    Attributes:
        attempts: In all, the first included.
        base_delay: Before the second attempt; it doubles from there.
        max_delay: The longest wait; None is no limit but a year.
        jitter: The part of a wait that is drawn by lot, so that many do not come at once.

    Example:
        >>> policy = RetryPolicy(attempts=9, base_delay=1, max_delay=5, jitter=0.5)
        >>> [policy.delay(failed, 0) for failed in (1, 2, 3, 4)]
        [0.5, 1.0, 2.0, 2.5]
    """

    attempts: int = 1
    base_delay: float = 0.0
    max_delay: float | None = None
    jitter: float = 0.25

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            UsageError: A number is out of its range.
        """
        _check("attempts", self.attempts, 1, 1000, whole=True)
        _check("base_delay", self.base_delay, 0, _LONGEST)
        _check("max_delay", 0 if self.max_delay is None else self.max_delay, 0, _LONGEST)
        _check("jitter", self.jitter, 0, 1)

    def delay(self, failed: int, lot: float) -> float:
        """Return the seconds to wait after that many failed attempts.

        Args:
            failed: At least 1.
            lot: From 0 to 1, drawn by the caller.
        """
        most = _LONGEST if self.max_delay is None else self.max_delay
        # Doubled at most so often that a float holds it.
        wait = min(self.base_delay * 2.0 ** min(failed - 1, 60), most)
        return wait * (1 - self.jitter + self.jitter * lot)

    def as_dict(self) -> dict[str, Any]:
        """Return it as a manifest says it."""
        said: dict[str, Any] = {"attempts": self.attempts, "base_delay": self.base_delay}
        if self.max_delay is not None:
            said["max_delay"] = self.max_delay
        return {**said, "jitter": self.jitter}


def retry_of(said: Mapping[str, Any] | None) -> RetryPolicy:
    """Return the policy that a manifest or a program says; one attempt where nobody does.

    Raises:
        UsageError: It says something that is none.
    """
    if said is None or said == {}:
        return ONCE
    if not isinstance(said, Mapping):
        raise UsageError(Fault("retry-policy", f"expected a retry policy, got {said!r:.60}"))
    facts = {_ALIASES.get(str(name), str(name)): value for name, value in said.items()}
    known = ("attempts", "base_delay", "max_delay", "jitter")
    unknown = [name for name in facts if name not in known and not name.startswith("x-")]
    if unknown:
        raise UsageError(
            Fault(
                "retry-policy",
                f"a retry policy has no `{unknown[0]}`",
                fix=did_you_mean(unknown[0], known),
            )
        )
    return RetryPolicy(**{name: value for name, value in facts.items() if name in known})


def _check(name: str, value: object, low: float, high: float, *, whole: bool = False) -> None:
    kind = int if whole else (int, float)
    if (
        isinstance(value, bool)
        or not isinstance(value, kind)
        or math.isnan(value)
        or not low <= value <= high
    ):
        what = "a whole number" if whole else "a number"
        raise UsageError(
            Fault("retry-policy", f"{name}: expected {what} from {low} to {high:g}, got {value!r}")
        )


ONCE: Final = RetryPolicy()
"""What is so where nobody says."""
