"""Objectives: figures that a run must meet, written as a person says them.

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
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol

from oneiric_lab.errors import Excerpt, Fault, UsageError, did_you_mean

from ._shapes import LONGEST, TIME_UNITS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

Compared = Literal["<", "<=", ">", ">=", "=="]
Kind = Literal["time", "ratio", "rate"]

HISTOGRAMS: Final = ("response", "service", "lag")
SCALARS: Final[Mapping[str, Kind]] = {
    "error_rate": "ratio",
    "achieved_rate": "ratio",
    "rate": "rate",
}
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
_QUANTILE = re.compile(r"p([0-9]+(?:\.[0-9]+)?)")
_STATISTICS = ("p50", "p90", "p95", "p99", "p99.9", "max", "min", "mean")


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
        return share_of(self.statistic) if _QUANTILE.fullmatch(self.statistic) else None

    def __str__(self) -> str:
        """Render in the grammar; `parse_objective` of it is equal to this."""
        text = f"{self.name} {self.comparison} {_written(self.threshold, self.kind)}"
        return text if self.window is None else f"{text} over {_written(self.window, 'time')}"

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
            reason = f"the run has no whole window of {_written(self.window or 0, 'time')}"
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


def parse_objective(text: str) -> Objective:
    """Return the objective that *text* writes, in the grammar at the top of this module.

    Raises:
        UsageError: If it writes none; the fault has the column, the nearest name and a
            valid example.

    Example:
        >>> parse_objective("read.response.p99 < 20ms").threshold
        0.02
        >>> str(parse_objective("achieved_rate>=99%  over 1m"))
        'achieved_rate >= 0.99 over 60s'
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
    if tail.isdigit() and _QUANTILE.fullmatch(f"{head.rpartition('.')[2]}.{tail}"):
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
    found = _QUANTILE.fullmatch(text)
    if found:
        if 0 < Fraction(found[1]) < 100:  # noqa: PLR2004 - percent
            return f"p{_plain(Decimal(found[1]))}"
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
    if _QUANTILE.fullmatch(tail) or tail in _STATISTICS:
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


def share_of(quantile: str) -> float:
    """Return the share of all values that lie up to a quantile: 0.999 for `p99.9`.

    The float nearest to what is written; 99.9 / 100 as floats is above it.
    """
    return float(Fraction(quantile.removeprefix("p")) / 100)


def _plain(number: Decimal) -> str:
    """Write a number without exponent and without zeros at its end."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _written(value: float, kind: Kind) -> str:
    """Write a value so that it is read back as the same float."""
    number = Decimal(repr(float(value)))
    if kind == "ratio":
        return _plain(number)
    if kind == "rate":
        return f"{_plain(number)}/s"
    for unit, places in (("s", 0), ("ms", 3), ("us", 6)):
        if not number or number.scaleb(places) >= 1:
            return f"{_plain(number.scaleb(places))}{unit}"
    return f"{_plain(number.scaleb(9))}ns"


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
