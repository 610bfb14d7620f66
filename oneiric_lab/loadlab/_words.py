"""Figures as people write them."""

from __future__ import annotations


def time_in_words(ns: float | None) -> str:
    """Return nanoseconds in the unit that fits, with three digits.

    Example:
        >>> time_in_words(12_300_000), time_in_words(None)
        ('12.3 ms', 'n/a')
    """
    if ns is None:
        return "n/a"
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.0f} ns"


def verdict_in_words(exit_code: int) -> str:
    """Return what the exit code of a run means.

    Example:
        >>> verdict_in_words(0)
        'passed'
    """
    state = {0: "passed", 1: "objectives missed", 3: "invalid", 4: "invariant broken"}
    return state.get(exit_code, "cancelled, partial")
