"""A clock that moves only when it is told to."""

from __future__ import annotations


class FakeClock:
    """A callable that returns seconds since 1970, and stands still between calls.

    Example:
        >>> clock = FakeClock(100.0)
        >>> clock.advance(2.5)
        >>> clock()
        102.5
    """

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the present moment, in seconds."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move by *seconds*; a negative number is a clock that jumps back."""
        self.now += seconds
