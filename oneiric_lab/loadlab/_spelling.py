"""Figures of a run as they are spelled and shown: kinds, statistics, and the values of both."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["time", "ratio", "rate"]

HISTOGRAMS: Final = ("response", "service", "lag")
SCALARS: Final[Mapping[str, Kind]] = {
    "error_rate": "ratio",
    "achieved_rate": "ratio",
    "rate": "rate",
}
QUANTILE: Final = re.compile(r"p([0-9]+(?:\.[0-9]+)?)")


def share_of(quantile: str) -> float:
    """Return the share of all values that lie up to a quantile: 0.999 for `p99.9`.

    The float nearest to what is written; 99.9 / 100 as floats is above it.
    """
    return float(Fraction(quantile.removeprefix("p")) / 100)


def plain(number: Decimal) -> str:
    """Write a number without exponent and without zeros at its end."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def written(value: float, kind: Kind) -> str:
    """Write a value so that it is read back as the same float."""
    number = Decimal(repr(float(value)))
    if kind == "ratio":
        return plain(number)
    if kind == "rate":
        return f"{plain(number)}/s"
    for unit, places in (("s", 0), ("ms", 3), ("us", 6)):
        if not number or number.scaleb(places) >= 1:
            return f"{plain(number.scaleb(places))}{unit}"
    return f"{plain(number.scaleb(9))}ns"


def rounded(value: float, kind: Kind, digits: int) -> str:
    """Write a figure for people, with about so many digits."""
    if kind == "ratio":
        return f"{value * 100:.{digits}g} %"
    if kind == "rate":
        return (
            f"{value:.{max(digits, len(str(int(abs(value)))))}g}/s"
            if math.isfinite(value)
            else f"{value}/s"
        )
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if value == 0 or abs(value) * factor >= 1:
            return f"{value * factor:.{digits}g} {unit}"
    return f"{value * 1e9:.{digits}g} ns"
