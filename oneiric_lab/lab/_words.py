"""Words about numbers and moments."""

from __future__ import annotations

import datetime as dt


def count(number: int, noun: str) -> str:
    """Return how many there are.

    Example:
        >>> count(1, "value"), count(2, "entry")
        ('1 value', '2 entries')
    """
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun[:-1]}ies" if noun.endswith("y") else f"{number} {noun}s"


def moment(at: float) -> str:
    """Return when it was, to the second.

    Example:
        >>> moment(1767258000.5)
        '2026-01-01 09:00:00Z'
    """
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
