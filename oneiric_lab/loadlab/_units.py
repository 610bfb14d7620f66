"""Durations, rates and other numbers as people write them."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import TYPE_CHECKING

from oneiric_lab.errors import Excerpt, Fault, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

TIME_UNITS: Mapping[str, Fraction] = {
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "µs": Fraction(1, 10**6),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "min": Fraction(60),
    "h": Fraction(3600),
}
"""What may follow the number of a duration, in seconds."""

FASTEST = 10_000_000.0
"""Most tokens a second: fifty times what one core can send; beyond it is a slip."""

LONGEST = 30 * 86_400.0
"""Most seconds of a piece: thirty days."""

SLOWEST = 1 / 1_000_000
"""Fewest tokens a second that are more than none."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def seconds(value: float | str, name: str = "duration") -> float:
    """Return a duration in seconds.

    Args:
        value: Seconds as a number, or a text of a number and a unit: ns, us (µs), ms, s,
            m (min) or h.
        name: What it is, for the message.

    Raises:
        UsageError: If it is no such duration, is not finite, negative or above 30 days.

    Example:
        >>> seconds("500ms"), seconds("2m"), seconds(1.5)
        (0.5, 120.0, 1.5)
    """
    if isinstance(value, str):
        value = float(_with_unit("bad-duration", value, name, TIME_UNITS, "10s"))
    return _bounded("bad-duration", value, name, LONGEST, "30 days", "10s")


def per_second(value: float | str, name: str = "rate") -> float:
    """Return a rate per second.

    Args:
        value: A number per second, or a text such as `500/s`, `30/min` or `2/h`.
        name: What it is, for the message.

    Raises:
        UsageError: If it is no such rate, is not finite, negative, above 10 million a
            second or so low that none would start within eleven days.

    Example:
        >>> per_second("500/s"), per_second("30/min")
        (500.0, 0.5)
    """
    if isinstance(value, str):
        units = {f"/{unit}": 1 / length for unit, length in TIME_UNITS.items()}
        value = float(_with_unit("bad-rate", value, name, units, "500/s"))
    found = _bounded("bad-rate", value, name, FASTEST, "10 million a second", "500/s")
    if 0 < found < SLOWEST:
        raise UsageError(
            Fault(
                "bad-rate",
                f"{name}: expected 0 or at least one in a million seconds, found {found!r}",
                fix="0 starts nothing",
            )
        )
    return found


def _with_unit(
    code: str, text: str, name: str, units: Mapping[str, Fraction], example: str
) -> Fraction:
    """Return what a text of a number and a unit means, in the base unit."""
    stripped = text.strip()
    number = _NUMBER.match(stripped)
    unit = stripped[number.end() :].strip() if number else ""
    if number and unit in units:
        # A long exponent would be worked out digit by digit; no bound lets it pass anyway.
        if abs(float(number[0])) in (0.0, math.inf):
            return Fraction(0) if float(number[0]) == 0 else Fraction(10) ** 30
        return Fraction(number[0]) * units[unit]
    lead = len(text) - len(text.lstrip())
    if number is None:
        column, why = lead, "it must begin with a number"
    elif unit:
        column, why = text.rindex(unit), f"the unit {unit!r} is not known"
    else:
        column, why = len(text.rstrip()), "the unit is missing"
    hint = did_you_mean(unit, [u for u in units if u.isascii()])
    known = hint if number else None
    raise UsageError(
        Fault(
            code,
            f"{name}: expected a number and a unit, found {text!r} (column {column + 1})",
            excerpt=Excerpt(1, text, column + 1, max(len(unit), 1)),
            why=why,
            fix=f"write it like {example!r}" + (f"; {known}" if known else ""),
        )
    )


def _bounded(code: str, value: float, name: str, most: float, shown: str, example: str) -> float:
    # numpy's numbers are welcome, text and truth values are not.
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise UsageError(
            Fault(
                code,
                f"{name}: expected a number or a text, found {type(value).__name__} {value!r}",
                fix=f"write it like {example!r}",
            )
        )
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not 0 <= found <= most:
        raise UsageError(
            Fault(
                code,
                f"{name}: expected from 0 to {most:g} ({shown}), found {found!r}",
                fix=f"write it like {example!r}",
            )
        )
    return found + 0.0  # -0.0 becomes 0.0, so that equal shapes print alike


def positive_seconds(value: float | str, name: str) -> float:
    """Return a duration in seconds that is not 0."""
    found = seconds(value, name)
    if found == 0:
        raise UsageError(
            Fault(
                "bad-duration",
                f"{name}: expected more than 0, found {value!r}",
                fix="write it like '10s'",
            )
        )
    return found


def is_whole(value: object) -> bool:
    """Tell whether it is a whole number; a truth value is none."""
    return isinstance(value, int) and not isinstance(value, bool)


def check_seed(seed: int) -> None:
    """Raise a UsageError where *seed* is no whole number from 0."""
    if not is_whole(seed) or seed < 0:
        raise UsageError(
            Fault("bad-seed", f"seed: expected a whole number from 0, found {seed!r}", fix="42")
        )
