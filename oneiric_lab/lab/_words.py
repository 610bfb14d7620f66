"""Words about numbers."""

from __future__ import annotations


def count(number: int, noun: str) -> str:
    """Return how many there are.

    Example:
        >>> count(1, "value"), count(2, "entry")
        ('1 value', '2 entries')
    """
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun[:-1]}ies" if noun.endswith("y") else f"{number} {noun}s"
