"""Objectives, written as a person says them.

    objective  = figure comparison value [ "over" duration ]
    figure     = [ operation "." ] ( histogram "." statistic | scalar )
    operation  = a letter or "_", then letters, digits, "_" or "-"
    histogram  = "response" | "service" | "lag"
    statistic  = "p" number above 0 and below 100 | "max" | "min" | "mean"
    scalar     = "error_rate" | "achieved_rate" | "rate"
    comparison = "<" | "<=" | ">" | ">=" | "=="
    value      = a duration for a histogram (20ms, 1s, 0), a ratio for error_rate and
                 achieved_rate (99%, 0.99, 0), a rate for rate (500/s, 30/min, 0)
    duration   = number ( "ns" | "us" | "µs" | "ms" | "s" | "m" | "min" | "h" )

Without an operation a figure is that of all operations together. With `over 10s` every whole
window of that length must hold, not only the run; a run is kept by the second, so a window is
of whole seconds, and `achieved_rate` has none. A figure that cannot be said, such as a
quantile of too few samples, is not met: nobody has shown that it is.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from oneiric_lab.errors import Excerpt, Fault, UsageError, did_you_mean

from ._objectives import Objective
from ._spelling import HISTOGRAMS, QUANTILE, SCALARS, plain
from ._units import LONGEST, TIME_UNITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._objectives import Compared
    from ._spelling import Kind

EXAMPLES: Final = (
    "read.response.p99 < 20ms",
    "swap.service.max <= 1s",
    "read.error_rate == 0",
    "achieved_rate >= 99%",
    "read.rate > 500/s over 10s",
)
"""One valid objective of each form."""

_UNITS: Final[Mapping[Kind, Mapping[str, Fraction]]] = {
    "time": TIME_UNITS,
    "ratio": {"": Fraction(1), "%": Fraction(1, 100)},
    "rate": {f"/{unit}": 1 / length for unit, length in TIME_UNITS.items()},
}
_VALUE_EXAMPLES: Final[Mapping[Kind, str]] = {"time": "20ms", "ratio": "99%", "rate": "500/s"}
_EXAMPLE_OF: Final[Mapping[Kind, str]] = {
    "time": EXAMPLES[0],
    "ratio": EXAMPLES[3],
    "rate": EXAMPLES[4],
}
_NAME = re.compile(r"[^\s<>=!]+")
_OPERATION = re.compile(r"[^\W\d][\w-]*")
_COMPARISON = re.compile(r"[<>=!]+")
_NUMBER = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_WORD = re.compile(r"\S+")
_STATISTICS = ("p50", "p90", "p95", "p99", "p99.9", "max", "min", "mean")


def parse_objective(text: str) -> Objective:
    """Return the objective that *text* writes, in the grammar at the top of this module.

    Raises:
        UsageError: If it writes none; the fault has the column, the nearest name and a
            valid example.

    Example:
        >>> parse_objective("read.response.p99 < 20ms").threshold
        0.02
        >>> str(parse_objective("read.rate>=500/s  over 1m"))
        'read.rate >= 500/s over 60s'
    """
    reader = _Reader(text)
    found = reader.take(_NAME)
    if found is None:
        raise reader.fault("expected a figure", example=EXAMPLES[0])
    op, histogram, statistic = _figure(reader, found[0], found.start())
    kind: Kind = "time" if histogram else SCALARS[statistic]
    comparison = _compared(reader, kind)
    threshold = _value(reader, kind)
    if kind == "ratio" and threshold > 1:
        raise reader.fault(
            f"expected a ratio from 0 to 1, or 0% to 100%, found {threshold:g}",
            at=reader.last,
            hint=f"write `{threshold:g}%`" if 1 < threshold <= 100 else None,  # noqa: PLR2004 - percent
            example=_EXAMPLE_OF[kind],
        )
    window = None
    if (word := reader.take(_WORD)) is not None:
        if word[0] != "over":
            raise reader.fault(
                f"expected the end or `over`, found {word[0]!r}",
                at=(word.start(), len(word[0])),
                hint=did_you_mean(word[0], ["over"]),
                example=EXAMPLES[4],
            )
        if statistic == "achieved_rate":
            raise reader.fault(
                "achieved_rate is of the whole run, and has no windows",
                at=reader.last,
                hint="leave `over` out, or ask for `rate`",
                example=EXAMPLES[4],
            )
        window = _value(reader, "time")
        if not (0 < window <= LONGEST and window.is_integer()):
            raise reader.fault(
                "expected a window of whole seconds, above 0 and of 30 days at most, "
                f"found {window:g} seconds",
                at=reader.last,
                example=EXAMPLES[4],
            )
        if (word := reader.take(_WORD)) is not None:
            raise reader.fault(
                f"expected the end, found {word[0]!r}",
                at=(word.start(), len(word[0])),
                example=EXAMPLES[4],
            )
    return Objective(op, histogram, statistic, comparison, threshold, window)


class _Reader:
    """A place in a text, and the faults that can be found there."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self.last = (0, 1)

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Go over blanks and what *pattern* matches, and return that."""
        while self.place < len(self.text) and self.text[self.place].isspace():
            self.place += 1
        found = pattern.match(self.text, self.place)
        if found is not None:
            self.last = (found.start(), len(found[0]))
            self.place = found.end()
        return found

    def fault(
        self,
        message: str,
        *,
        example: str,
        at: tuple[int, int] | None = None,
        hint: str | None = None,
    ) -> UsageError:
        """Return the error that points at *at*, which is here where it is not given."""
        start, width = at or (self.place, 1)
        return UsageError(
            Fault(
                "bad-objective",
                f"objective, column {start + 1}: {message}",
                excerpt=Excerpt(1, self.text, start + 1, width),
                fix=f"{hint}; for example `{example}`" if hint else f"for example `{example}`",
            )
        )


def _figure(reader: _Reader, name: str, start: int) -> tuple[str | None, str | None, str]:
    """Split a figure's name: operation, histogram, statistic or scalar."""
    if name.startswith("."):
        raise reader.fault(
            "expected an operation before the dot", at=(start, 1), example=EXAMPLES[0]
        )
    # The dot of p99.9 does not part names.
    head, dot, tail = name.rpartition(".")
    if tail.isdigit() and QUANTILE.fullmatch(f"{head.rpartition('.')[2]}.{tail}"):
        head, dot, rest = head.rpartition(".")
        tail = f"{rest}.{tail}"
    at = start + len(head) + len(dot)
    histogram: str | None = None
    if tail in SCALARS:
        statistic, op = tail, head
    else:
        op, _, histogram = head.rpartition(".")
        if histogram not in HISTOGRAMS:
            raise _unknown_figure(reader, start, head, tail)
        statistic = _statistic(reader, tail, at)
    if op and not _OPERATION.fullmatch(op):
        raise reader.fault(
            f"expected the name of one operation, found {op!r}",
            at=(start, len(op)),
            example=EXAMPLES[0],
        )
    return op or None, histogram, statistic


def _statistic(reader: _Reader, text: str, at: int) -> str:
    found = QUANTILE.fullmatch(text)
    if found:
        if 0 < Fraction(found[1]) < 100:  # noqa: PLR2004 - percent
            return f"p{plain(Decimal(found[1]))}"
        raise reader.fault(
            f"expected a quantile above p0 and below p100, found {text!r}",
            at=(at, len(text)),
            hint="`min` and `max` are the ends",
            example=EXAMPLES[0],
        )
    if text in ("max", "min", "mean"):
        return text
    raise reader.fault(
        f"expected a statistic, found {text!r}",
        at=(at, max(len(text), 1)),
        hint=did_you_mean(text, _STATISTICS),
        example=EXAMPLES[0],
    )


def _unknown_figure(reader: _Reader, start: int, head: str, tail: str) -> UsageError:
    """Return the fault of a figure that ends neither in a scalar nor in a statistic."""
    before, dot, last = head.rpartition(".")
    if QUANTILE.fullmatch(tail) or tail in _STATISTICS:
        # `read.p99`: the histogram is missing; `read.reponze.p99`: it is misspelt.
        if not dot:
            return reader.fault(
                f"expected a histogram before {tail!r}, found {repr(last) if last else 'none'}",
                at=(start, max(len(head), 1)),
                hint=did_you_mean(last, HISTOGRAMS),
                example=EXAMPLES[0],
            )
        return reader.fault(
            f"expected a histogram, found {last!r}",
            at=(start + len(before) + len(dot), max(len(last), 1)),
            hint=did_you_mean(last, HISTOGRAMS),
            example=EXAMPLES[0],
        )
    if tail in HISTOGRAMS:
        return reader.fault(
            f"expected a statistic after {tail!r}, found none",
            at=(start + len(head) + bool(head), len(tail)),
            hint=did_you_mean("", _STATISTICS),
            example=EXAMPLES[0],
        )
    return reader.fault(
        f"expected a figure, found {tail!r}",
        at=(start + len(head) + bool(head), max(len(tail), 1)),
        hint=did_you_mean(tail, [*SCALARS, *HISTOGRAMS]),
        example=EXAMPLES[2],
    )


def _compared(reader: _Reader, kind: Kind) -> Compared:
    found = reader.take(_COMPARISON)
    if found is None:
        raise reader.fault("expected <, <=, >, >= or ==", example=_EXAMPLE_OF[kind])
    match found[0]:
        case "<" | "<=" | ">" | ">=" | "==":
            return found[0]
    hints = {"=": "write `==`", "=<": "write `<=`", "=>": "write `>=`"}
    raise reader.fault(
        f"expected <, <=, >, >= or ==, found {found[0]!r}",
        at=(found.start(), len(found[0])),
        hint=hints.get(found[0]),
        example=_EXAMPLE_OF[kind],
    )


def _value(reader: _Reader, kind: Kind) -> float:
    """Return a number with its unit, in base units."""
    number = reader.take(_NUMBER)
    example = _EXAMPLE_OF[kind]
    if number is None:
        raise reader.fault(f"expected a value such as {_VALUE_EXAMPLES[kind]}", example=example)
    start = number.start()
    # A unit may stand apart from its number, and `over` is none.
    rest = re.compile(r"\s*(?!over\b)([%/µ\w]+)").match(reader.text, reader.place)
    unit = rest[1] if rest else ""
    units = _UNITS[kind]
    zero = float(number[0]) == 0
    if unit not in units and rest and rest[0][0].isspace() and ("" in units or zero):
        rest, unit = None, ""  # a word of its own, not a unit
    if unit not in units and not (unit == "" and zero):
        names = [name for name in units if name and name.isascii()]
        if not unit:
            said = f"the unit is missing, as in {number[0]}{'/s' if kind == 'rate' else 'ms'}"
            raise reader.fault(
                f"expected a value such as {_VALUE_EXAMPLES[kind]}: {said}",
                at=(start, len(number[0])),
                hint=did_you_mean("", names),
                example=example,
            )
        raise reader.fault(
            f"expected a value such as {_VALUE_EXAMPLES[kind]}, found the unit {unit!r}",
            at=(rest.start(1) if rest else start, len(unit)),
            hint=did_you_mean(unit, names),
            example=example,
        )
    if rest is not None:
        reader.place = rest.end()
    reader.last = (start, reader.place - start)
    value = float(number[0])
    if value and math.isfinite(value):
        try:
            value = float(Fraction(number[0]) * units[unit])
        except OverflowError:
            value = math.inf
    if not math.isfinite(value):
        raise reader.fault("expected a finite value", at=reader.last, example=example)
    return value
