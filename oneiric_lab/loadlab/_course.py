"""The course of a run: what was seen of it while it went on.

What is seen live is a picture and no measurement: a run's figures are those of its `Recorded`.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import nan
from typing import TYPE_CHECKING, Any, Final

from oneiric_lab.views import Cell, Result, Table, View

from ._words import time_in_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._figures import Live, Snapshot
    from ._plan import Plan

MOST: Final = 2_400
"""Ticks that are kept: ten minutes at four a second; of longer runs neighbours are joined."""

_QUANTILES = ("p50_ns", "p99_ns")
_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 24


class Course(Result):
    """The ticks of one run, the oldest first; it grows while the run goes on.

    One thread may add while others read.

    Attributes:
        plan: What was asked.
        ticks: What happened in each stretch of time.
        count: How many ticks there were, those that were joined since counted apart.
        paused: Seconds in which the run was paused.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.ticks: list[Snapshot] = []
        self.count = 0
        self.paused = 0.0

    def add(self, tick: Snapshot) -> None:
        """Keep what happened since the tick before."""
        if len(self.ticks) >= MOST:
            pairs = zip(self.ticks[::2], self.ticks[1::2], strict=True)
            self.ticks = [joined(*pair) for pair in pairs]
        self.ticks.append(tick)
        self.paused += tick.window if tick.paused else 0.0
        self.count += 1

    @property
    def at(self) -> float:
        """Seconds since the start of the run, as the last tick told."""
        return self.ticks[-1].at if self.ticks else 0.0

    @property
    def left(self) -> float:
        """Seconds until operations cease to begin, if it goes on as planned."""
        return max(self.plan.length - (self.at - self.paused), 0.0)

    @property
    def events(self) -> tuple[str, ...]:
        """Names of the operations with a rate of their own: what happens to the others."""
        return tuple(o.name for o in self.plan.scenario.operations() if o.rate is not None)

    def as_dict(self) -> dict[str, object]:
        """Return one row for each tick and operation; times in nanoseconds."""
        return {"ticks": [row for tick in self.ticks for row in _rows(tick)]}

    def view(self) -> View:
        """Return one row for each tick and operation."""
        title = f"course of {self.plan.name}"
        return View("load-course", title, (_table(self.ticks),))

    def sparks(self) -> Table:
        """Return a line of small bars for each operation: its rate and its p99 over time."""
        rows = []
        for name in self.ticks[-1].ops if self.ticks else ():
            lives = [tick.ops[name] for tick in self.ticks if name in tick.ops]
            rates = [sum(live.rates.values()) for live in lives]
            slow = [live.p99 or 0 for live in lives]
            worst = max(slow) or None
            bars = "" if worst is None else _bars(slow)
            rows.append((name, _bars(rates), f"{max(rates):,.0f}/s", bars, time_in_words(worst)))
        return Table(("operation", "rate over time", "most", "p99 over time", "worst"), tuple(rows))

    def latest(self) -> Table:
        """Return the rows of the last tick."""
        return _table(self.ticks[-1:])


def _bars(values: Sequence[float]) -> str:
    """Return at most `_WIDTH` bars, each as high as the highest value of its stretch."""
    parts = min(len(values), _WIDTH)
    cuts = [len(values) * part // parts for part in range(parts + 1)]
    peaks = [max(values[a:b]) for a, b in pairwise(cuts)]
    most = max(peaks, default=0) or 1
    return "".join(_BARS[round(peak / most * (len(_BARS) - 1))] for peak in peaks)


def _table(ticks: Sequence[Snapshot]) -> Table:
    heads = ("at", "operation", "ended", "bad", "p50", "p99", "in flight")
    rows = tuple(
        (
            Cell(f"{row['at_s']:.2f} s", value=row["at_s"]),
            row["op"],
            Cell(f"{row['rate']:,.0f}/s", value=row["rate"]),
            Cell(f"{row['bad']:,.0f}/s", "bad" if row["bad"] else "plain", value=row["bad"]),
            *(
                Cell(time_in_words(row[q]), value=nan if row[q] is None else row[q])
                for q in _QUANTILES
            ),
            Cell(f"{row['in_flight']:,}", value=row["in_flight"]),
        )
        for tick in ticks
        for row in _rows(tick)
    )
    return Table(heads, rows)


def _time(ns: float | None) -> Cell:
    return Cell(time_in_words(ns), value=nan if ns is None else ns)


def _rows(tick: Snapshot) -> list[dict[str, Any]]:
    return [
        {
            "at_s": tick.at,
            "phase": tick.phase,
            "op": name,
            "rate": sum(live.rates.values()),
            "bad": bad_rate(live),
            "p50_ns": live.p50,
            "p99_ns": live.p99,
            "max_ns": live.max,
            "in_flight": tick.in_flight,
        }
        for name, live in tick.ops.items()
    ]


def rates_of(tick: Snapshot) -> str:
    """Return what a tick tells in one line: rates and p99, or that the run is paused."""
    if tick.paused:
        return "paused"
    told = []
    for name, live in tick.ops.items():
        p99 = "" if live.p99 is None else f" p99 {live.p99 / 1e6:,.3g} ms"
        told.append(f"{name} {sum(live.rates.values()):,.0f}/s{p99}")
    bad = sum(bad_rate(live) for live in tick.ops.values())
    return ", ".join(told) + (f", {bad:,.0f} bad/s" if bad else "")


def bad_rate(live: Live) -> float:
    """Return how many a second did not end well."""
    return sum(rate for status, rate in live.rates.items() if status != "ok")


def joined(first: Snapshot, second: Snapshot) -> Snapshot:
    """Return two neighbours as one tick; of quantiles, which cannot be added, the worse."""
    window = first.window + second.window
    return replace(
        second,
        window=window,
        phase=first.phase,
        ops={
            name: _joined(first.ops.get(name), live, first.window, second.window)
            for name, live in second.ops.items()
        },
        in_flight=max(first.in_flight, second.in_flight),
        paused=first.paused and second.paused,
    )


def _joined(a: Live | None, b: Live, first: float, second: float) -> Live:
    if a is None:
        return b
    length = (first + second) or 1.0
    rates: Mapping[Any, float] = {
        status: (a.rates.get(status, 0.0) * first + b.rates.get(status, 0.0) * second) / length
        for status in {**a.rates, **b.rates}
    }
    return replace(
        b,
        rates=rates,
        p50=_worse(a.p50, b.p50),
        p90=_worse(a.p90, b.p90),
        p99=_worse(a.p99, b.p99),
        p999=_worse(a.p999, b.p999),
        max=_worse(a.max, b.max),
        service=tuple(map(_worse, a.service, b.service)),
        lag=tuple(map(_worse, a.lag, b.lag)),
        bands={
            metric: tuple(x + y for x, y in zip(a.bands.get(metric, bands), bands, strict=True))
            if metric in a.bands
            else bands
            for metric, bands in b.bands.items()
        },
    )


def _worse(a: int | None, b: int | None) -> int | None:
    return max((value for value in (a, b) if value is not None), default=None)
