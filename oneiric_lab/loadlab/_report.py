"""A run as one page: the verdict in words, and how rates and latencies went over time."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from oneiric_lab.views import Cell, Fields, Figure, Line, Note, Table, View, to_page

from ._histogram import Histogram, lowest_in
from ._plan import load_in_words
from ._words import time_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from oneiric_lab.views import Block

    from ._parts import OpResult
    from ._told import Told

_COLUMNS: Final = 150
"""Most steps of time in a chart: more would be narrower than what draws them."""

_BANDS: Final = 12
"""Stretches of a decade of latency."""

_TICKS: Final = 6
_QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
_NICE: Final = (1, 2, 5, 10)


def report(run: Told) -> str:
    """Return the page."""
    seen = run.view()
    parts: list[View | Figure] = [replace(seen, title="Verdict", facts=(), tone="plain")]
    parts.append(_held(run))
    time = _Time(run)
    if time.columns:
        parts.append(_rates(run, time))
    for op in run.recorded.ops.values():
        if op.fifths:
            parts += [_responses(op, time), _heat(op, time)]
        if op.measured.response.count:
            parts.append(_distribution(op))
    parts += _errors(run)
    parts.append(_made(run))
    return to_page(seen.title, parts)


class _Time:
    """The axis of time: whole seconds, several to a step where there are many."""

    def __init__(self, run: Told) -> None:
        ops = run.recorded.ops.values()
        seconds = sorted({second for op in ops for second in op.seconds})
        self.first = seconds[0] if seconds else 0
        self.last = seconds[-1] + 1 if seconds else 1
        span = self.last - self.first
        self.step = math.ceil(span / _COLUMNS)
        self.columns = math.ceil(span / self.step) if seconds else 0
        shaded = [(self.at(0), self.at(run.warmup), "warm-up")] if run.warmup else []
        shaded += [
            (self.at(p.begin / 1e9), self.at(p.end / 1e9), "paused") for p in run.recorded.pauses
        ]
        self.shaded = tuple(shaded)
        self.ticks = tuple((self.at(t), _number(t)) for t in _nice(self.first, self.last))

    def at(self, second: float) -> float:
        """Return the place of a second on the axis."""
        return (second - self.first) / (self.columns * self.step or 1)

    def column(self, second: int) -> int:
        """Return the step that a second lies in."""
        return (second - self.first) // self.step

    def middle(self, column: int) -> float:
        """Return the place of the middle of a step."""
        return self.at(self.first + (column + 0.5) * self.step)

    def end(self, column: int) -> int:
        """Return the second at which a step ends."""
        return self.first + (column + 1) * self.step

    def label(self, column: int) -> str:
        """Return which seconds a step holds."""
        first = self.first + column * self.step
        return f"{first}" if self.step == 1 else f"{first} to {first + self.step - 1}"


def _held(run: Told) -> View:
    blocks: list[Block] = []
    rows = tuple(
        (name.replace("_", " "), Cell("holds", "ok") if wrong is None else Cell(wrong, "bad"))
        for name, wrong in run.invariants()
    )
    if rows:
        blocks.append(Table(("what must hold", "found"), rows))
    else:
        blocks.append(Note("the scenario says of nothing that it must hold", "info"))
    if not run.judged:
        blocks.append(Note("no objective was asked", "info"))
    limits = {
        "none": "nothing limited the run: generator and target kept up",
        "target": "the target limited the run: it did less than was offered",
        "in_flight_cap": "so many operations were in flight that others had to wait",
    }
    blocks.append(
        Note(
            limits.get(run.limited_by, f"the run was limited by {run.limited_by}"),
            "ok" if run.limited_by == "none" else "warn",
        )
    )
    return View("load-held", "Invariants and validity", tuple(blocks))


def _rates(run: Told, time: _Time) -> Figure:
    done: dict[str, Counter[int]] = {}
    bad: Counter[int] = Counter()
    for op in run.recorded.ops.values():
        done[op.name] = Counter()
        for at, second in op.seconds.items():
            good = second.statuses.get("ok", 0)
            done[op.name][time.column(at)] += good
            bad[time.column(at)] += sum(second.statuses.values()) - good
    most = max((n for counts in (*done.values(), bad) for n in counts.values()), default=0)
    top = max(most / time.step, 1e-9)
    ticks = [tick for tick in _nice(0, top) if tick <= top * 1.001]

    # What ends behind the end of the run is the rest of a second, and no rate.
    whole = [c for c in range(time.columns) if time.end(c) <= run.driven.wall] or [0]

    def line(name: str, counts: Mapping[int, int], *, is_bad: bool = False) -> Line:
        points = tuple((time.middle(c), counts.get(c, 0) / time.step / top) for c in whole)
        return Line(name, points, is_bad)

    lines = [line(name, counts) for name, counts in done.items()]
    if any(bad.values()):
        lines.append(line("not ok", bad, is_bad=True))
    total = sum(sum(counts.values()) for counts in done.values())
    failed = sum(bad.values())
    words = f"{total:,} operations ended well, {failed:,} did not; by second of their end."
    rows = tuple(
        (
            time.label(c),
            *(f"{counts.get(c, 0) / time.step:,.0f}" for counts in (*done.values(), bad)),
        )
        for c in range(time.columns)
    )
    return Figure(
        "Rate over time",
        words,
        time.ticks,
        tuple((tick / top, f"{_number(tick)}/s") for tick in ticks),
        tuple(lines),
        shaded=time.shaded,
        heads=("second", *(f"{name} a second" for name in done), "not ok a second"),
        rows=rows,
        axis="seconds since the start",
    )


def _by_column(op: OpResult, time: _Time) -> dict[int, Histogram]:
    out: dict[int, Histogram] = {}
    for fifth, sparse in op.fifths.items():
        held = out.setdefault(time.column(fifth // 5), Histogram())
        sparse.pour(held)
    return out


def _responses(op: OpResult, time: _Time) -> Figure:
    held = _by_column(op, time)
    found: dict[str, dict[int, int]] = {name: {} for name in (*_QUANTILES, "max")}
    for column, histogram in held.items():
        for name, q in _QUANTILES.items():
            value = histogram.quantile(q)
            if value is not None and histogram.enough_for(q):
                found[name][column] = value
        if histogram.max is not None:
            found["max"][column] = histogram.max
    scale = _Scale([value for values in found.values() for value in values.values()])
    lines = tuple(
        Line(
            name,
            tuple(
                (time.middle(c), None if (v := values.get(c)) is None else scale.at(v))
                for c in range(time.columns)
            ),
        )
        # A line that is empty keeps its place, so that each looks alike in every chart.
        for name, values in found.items()
    )
    whole = op.measured.response
    told = [
        f"{share} up to {time_in_words(whole.quantile(q))}"
        for share, q in (("half of them", 0.5), ("99 of 100", 0.99))
        if whole.count and whole.enough_for(q)
    ]
    told.append(f"all up to {time_in_words(whole.max)}")
    words = (
        f"{whole.count:,} were measured: {', '.join(told)}; from the intended start, on a "
        "logarithmic scale."
    )
    return Figure(
        f"Response of {op.name} over time",
        words,
        time.ticks,
        scale.ticks,
        lines,
        shaded=time.shaded,
        heads=("second", *found),
        rows=tuple(
            (time.label(c), *(time_in_words(values.get(c)) for values in found.values()))
            for c in sorted(held)
        ),
        axis="seconds since the start",
    )


def _heat(op: OpResult, time: _Time) -> Figure:
    held = _by_column(op, time)
    scale = _Scale([v for h in held.values() for v in (h.min, h.max) if v is not None])
    counts: Counter[tuple[int, int]] = Counter()
    for column, histogram in held.items():
        for band, many in _banded(histogram).items():
            counts[column, band] += many
    most = max(counts.values(), default=1)
    cells = tuple(
        (
            time.at(time.first + column * time.step),
            time.at(time.first + (column + 1) * time.step),
            scale.at(_edge(band)),
            scale.at(_edge(band + 1)),
            math.log1p(many) / math.log1p(most),
        )
        for (column, band), many in counts.items()
    )
    fullest = max(counts, key=counts.__getitem__)
    words = (
        f"How many responses of each length ended in each step of time: the stronger, the more, "
        f"by their logarithm. Most in one: {most:,}, around {time_in_words(_edge(fullest[1]))}."
    )
    return Figure(
        f"Responses of {op.name} by second",
        words,
        time.ticks,
        scale.ticks,
        cells=cells,
        shaded=time.shaded,
        axis="seconds since the start",
    )


def _distribution(op: OpResult) -> Figure:
    bands = _banded(op.measured.response)
    low, high = min(bands), max(bands) + 1
    most = max(bands.values())
    total = sum(bands.values())
    rows = []
    below = 0
    for band in sorted(bands):
        below += bands[band]
        ends = time_in_words(_edge(band)), time_in_words(_edge(band + 1))
        rows.append((*ends, f"{bands[band]:,}", f"{100 * below / total:.4g} %"))

    scale = _Scale([_edge(low), _edge(high)])
    return Figure(
        f"Distribution of the response of {op.name}",
        f"{total:,} responses that were measured, without the warm-up; lengths on a logarithmic "
        f"scale, {_BANDS} stretches to a decade.",
        scale.ticks,
        tuple((t / most, _number(t)) for t in _nice(0, most) if t <= most),
        bars=tuple(
            (scale.at(_edge(band)), scale.at(_edge(band + 1)), many / most)
            for band, many in bands.items()
        ),
        heads=("from", "to", "responses", "up to here"),
        rows=tuple(rows),
        axis="response",
    )


def _errors(run: Told) -> Iterator[View]:
    rows = tuple(
        (
            op.name,
            kind,
            f"{sum(part.errors.get(kind, 0) for part in op.phases.values()):,}",
            f"{example.at_ns / 1e9:.2f} s",
            example.text,
        )
        for op in run.recorded.ops.values()
        for kind, example in op.examples.items()
    )
    if rows:
        heads = ("operation", "error", "how many", "first at", "it said")
        yield View("load-errors", "Errors", (Table(heads, rows),))


def _made(run: Told) -> View:
    versions = ", ".join(f"{name} {number}" for name, number in run.about.versions.items())
    plan = run.plan
    params = {**plan.scenario.defaults, **plan.params}
    items: list[tuple[str, str]] = [
        ("run", run.id),
        ("started", f"{run.about.started:%Y-%m-%d %H:%M:%S} UTC"),
        ("scenario", plan.reference),
        ("parameters", ", ".join(f"{k}={v}" for k, v in params.items()) or "none"),
        ("load", load_in_words(plan)),
        ("seed", str(plan.seed)),
        ("machine", ", ".join(f"{k} {v}" for k, v in run.machine.items())),
        ("versions", versions),
        ("revision", run.about.revision or "none known"),
        ("generator", f"{run.driven.floor_ns:,.0f} ns an operation, {run.driven.cpu:.2f} s of CPU"),
    ]
    return View("load-made", "How it was measured", (Fields(tuple(items)),))


class _Scale:
    """A logarithmic axis of durations, as wide as what is shown needs."""

    def __init__(self, values: Sequence[int]) -> None:
        low = max(min(values, default=1), 1)
        high = max(max(values, default=10), low + 1)
        self._low, self._span = math.log10(low), max(math.log10(high) - math.log10(low), 1e-9)
        wanted = [
            nice * 10**decade
            for decade in range(int(self._low) - 1, int(self._low + self._span) + 2)
            for nice in ((1, 2, 5) if self._span < 2.5 else (1,))  # noqa: PLR2004 - decades alone suffice
            if low <= nice * 10**decade <= high
        ] or [low, high]
        self.ticks = tuple((self.at(value), time_in_words(value)) for value in wanted)

    def at(self, value: float) -> float:
        """Return the place of a duration in nanoseconds."""
        return (math.log10(max(value, 1)) - self._low) / self._span


def _edge(band: int) -> int:
    return round(10 ** (band / _BANDS))


def _banded(histogram: Histogram) -> dict[int, int]:
    slots, counts = histogram.nonzero()
    lowest = np.array([max(lowest_in(slot), 1) for slot in slots.tolist()])
    bands = np.floor(np.log10(lowest) * _BANDS + 1e-9).astype(int) if len(lowest) else lowest
    out: Counter[int] = Counter()
    for band, many in zip(bands.tolist(), counts.tolist(), strict=True):
        out[band] += many
    return dict(out)


def _nice(low: float, high: float) -> list[float]:
    """Return about six round numbers from *low* to *high*."""
    rough = max((high - low) / _TICKS, 1e-12)
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(nice * unit for nice in _NICE if nice * unit >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:g}"
