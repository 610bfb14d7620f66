"""Two sets of runs: what may be compared, and what comes of it.

Runs are compared where they differ in the parameters of the scenario alone. A run that was
cancelled, that its generator could not drive, or in which an invariant broke is left out by
name: its figures say nothing of the target. The verdicts are `_statistics`' own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from oneiric_lab.views import Cell, Column, Note, Result, Table, View

from ._comparable import changed, check_runs, doubts, kept
from ._distance import Distance, distance
from ._metrics import better, columns, metric_named, usual_metrics
from ._spelling import rounded
from ._statistics import ALPHA, FEWEST_RUNS, TONES, compare, percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from oneiric_lab.views import Block, Tone

    from ._comparable import LeftOut
    from ._objectives import Objective
    from ._run import Run
    from ._spelling import Kind
    from ._statistics import Comparison, Row, Verdict

BAND = 0.03
"""Largest change that counts as none, where no A/A test measured a larger one."""

SHAPE = 0.05
"""Share of all operations that must have moved before another shape is told."""

WIDEST = 0.25
"""Largest noise within which anything is called the same: beyond it the machine is too loud."""


class Band(Protocol):
    """What identical runs differ by: a `Floor`."""

    @property
    def bands(self) -> Mapping[str, float]:
        """The band that each metric needs."""

    def misfit(self, runs: Iterable[Run]) -> str:
        """Return why it says nothing of *runs*; empty where it does."""


class Shape(NamedTuple):
    """Responses of one operation that are distributed otherwise, though no quantile moved."""

    op: str
    distance: Distance


@dataclass(frozen=True, slots=True, repr=False)
class Compared(Result):
    """Two sets of runs and the verdict.

    Attributes:
        names: Of the base and of the other side.
        ids: Names of the runs of each that were compared.
        comparison: The rows, one per metric.
        kinds: What each metric is measured in.
        changed: What is under test, as name, base, other: parameters, versions, the commit.
        left_out: Runs that were not compared.
        warnings: What weakens the comparison.
        shapes: Operations of which the distribution changed though no quantile of it did.
        floor: How the machine's noise was taken into account, in words.
    """

    names: tuple[str, str]
    ids: tuple[tuple[str, ...], tuple[str, ...]]
    comparison: Comparison
    kinds: Mapping[str, Kind]
    changed: tuple[tuple[str, Any, Any], ...]
    left_out: tuple[LeftOut, ...]
    warnings: tuple[str, ...]
    shapes: tuple[Shape, ...]
    floor: str

    def __getitem__(self, metric: str) -> Row:
        """Return the row of *metric*; a KeyError names the nearest known one."""
        return self.comparison[metric]

    @property
    def runs(self) -> tuple[int, int]:
        """How many of each side were compared."""
        return len(self.ids[0]), len(self.ids[1])

    @property
    def verdict(self) -> Verdict:
        """Of all metrics together.

        `slower` where any is, else `faster` where any is. `inconclusive` where of the times
        none could be judged (of all metrics, where there are no times); else `same`.
        """
        said = {row.verdict for row in self.comparison.rows}
        if "slower" in said:
            return "slower"
        if "faster" in said:
            return "faster"
        rows = self.comparison.rows
        telling = [row for row in rows if self.kinds[row.metric] == "time"] or rows
        judged = any(row.verdict == "same" for row in telling)
        return "same" if judged else "inconclusive"

    @property
    def exit_code(self) -> int:
        """4 an invariant broke in a run, 3 inconclusive, 1 slower, else 0."""
        if any(run.broken for run in self.left_out):
            return 4
        return {"slower": 1, "inconclusive": 3}.get(self.verdict, 0)

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape; figures are in base units."""
        return {
            "verdict": self.verdict,
            "base": {"name": self.names[0], "runs": list(self.ids[0])},
            "other": {"name": self.names[1], "runs": list(self.ids[1])},
            "changed": [{"name": n, "base": a, "other": b} for n, a, b in self.changed],
            **self.comparison.as_dict(),
            "left_out": [run._asdict() for run in self.left_out],
            "warnings": list(self.warnings),
            "shapes": [
                {
                    "op": shape.op,
                    "share": shape.distance.share,
                    "at_ns": shape.distance.at_ns,
                    "p": shape.distance.p,
                }
                for shape in self.shapes
            ],
            "floor": self.floor,
            "exit_code": self.exit_code,
        }

    def view(self) -> View:
        """Return the verdict, what is under test, a row per metric, and what weakens it."""
        rows = self.comparison.rows
        counts = {name: sum(row.verdict == name for row in rows) for name in TONES}
        told = ", ".join(f"{many} {name}" for name, many in counts.items() if many)
        blocks: list[Block] = [
            Note(f"under test: {name} {a!r} → {b!r}", "info") for name, a, b in self.changed
        ]
        # What no run could say, such as a p99.9 of a hundred calls, is a line and no row.
        said = [row for row in rows if any(value is not None for value in row.medians)]
        silent = [row.metric for row in rows if row not in said]
        if said:
            blocks.append(_table(said, self.names, self.kinds))
        if silent:
            blocks.append(Note(f"n/a in every run: {', '.join(silent)}", "muted"))
        blocks += [
            Note(
                f"{shape.op}: another shape: no quantile of the response is called faster or "
                f"slower, but {percent(round(shape.distance.share, 2))} of all calls lie on the "
                f"other side of {rounded(shape.distance.at_ns / 1e9, 'time', 3)}",
                "warn",
            )
            for shape in self.shapes
        ]
        grouped: dict[tuple[str, str, bool], list[str]] = {}
        for run in self.left_out:
            grouped.setdefault((run.side, run.reason, run.broken), []).append(run.run)
        blocks += [
            Note(f"left out of {side}: {', '.join(runs)}: {reason}", "bad" if broken else "warn")
            for (side, reason, broken), runs in grouped.items()
        ]
        blocks += [Note(warning, "warn") for warning in self.warnings]
        blocks.append(Note(self.floor, "muted"))
        if said:
            blocks.append(_tests(said))
        tone: Tone = "bad" if self.exit_code == 4 else TONES[self.verdict]  # noqa: PLR2004 - an exit code
        title = f"{self.names[0]} → {self.names[1]}: {self.verdict}"
        if any(run.broken for run in self.left_out):
            title += ", and an invariant broke"
        facts = (f"{self.runs[0]} v {self.runs[1]} runs", told or "no metric")
        return View("load-compare", title, tuple(blocks), facts=facts, tone=tone)


def compare_runs(
    base: Sequence[Run],
    other: Sequence[Run],
    *,
    band: float = BAND,
    floor: Band | None = None,
    metrics: Iterable[str] = (),
    seed: int = 0,
    names: tuple[str, str] = ("base", "other"),
    warnings: Iterable[str] = (),
) -> Compared:
    """Compare two sets of runs: one value per run and metric, never the samples within.

    Args:
        base: Runs of one plan, six or more.
        other: Runs of the same plan, but for its parameters.
        band: Largest change that counts as none; a ratio less 1, so 0.03 is 3 %.
        floor: What identical runs differ by on this machine, from `aa`; where it is larger
            than *band* for a metric, it is taken.
        metrics: Which to compare, as objectives spell them; fewer need fewer runs. By
            default response p50, p99 and p99.9, service p50, rate and error rate of each
            operation.
        seed: Of the bootstrap.
        names: How the sides are called.
        warnings: What else weakens the comparison.

    Returns:
        The verdict. Runs that cannot be compared are left out and named.

    Raises:
        UsageError: A side has no run, a run stands on both sides, the plans differ in more
            than parameters, a metric is none, or the band cannot be.
        MissingExtraError: If numpy is not installed.
    """
    check_runs(base, other, names)
    chosen = [metric_named(name) for name in metrics]
    everything = (*base, *other)
    for metric in chosen:
        metric.check(dict.fromkeys(op for run in everything for op in run.recorded.ops))
    left_out: list[LeftOut] = []
    a, b = (kept(side, name, left_out) for side, name in zip((base, other), names, strict=True))
    chosen = chosen or usual_metrics((*a, *b))
    sides = columns(a, chosen), columns(b, chosen)
    for name in [name for name in sides[0] if name.endswith(".service.p50")]:
        # Where nobody waits for a turn both are one number, and must not count as two.
        twin = name.replace(".service.", ".response.")
        if not metrics and all(side[name] == side.get(twin) for side in sides):
            for side in sides:
                del side[name]
    warned = [*warnings, *doubts(a, b, names)]
    bands: dict[str, float] = {}
    words = f"changes within {percent(band)} count as none; no A/A test of this plan was at hand"
    if floor is not None:
        reason = floor.misfit((*a, *b))
        if reason:
            warned.append(f"the noise floor is not used: {reason}")
        else:
            bands = {name: max(band, own) for name, own in floor.bands.items()}
            words = "changes within what identical runs differ by count as none"
    found = compare(
        *sides,
        band=band,
        bands=bands,
        seed=seed,
        better={metric.name: better(metric) for metric in chosen if metric.name in sides[0]},
    )
    if bands:
        found = replace(found, rows=tuple(_too_loud(row, band) for row in found.rows))
    return Compared(
        names,
        (tuple(run.id for run in a), tuple(run.id for run in b)),
        found,
        {metric.name: metric.kind for metric in chosen},
        changed(base[0], other[0]),
        tuple(left_out),
        tuple(warned),
        _shapes(a, b, found, chosen, seed) if min(len(a), len(b)) >= FEWEST_RUNS else (),
        words,
    )


def _too_loud(row: Row, band: float) -> Row:
    """Take back that a metric is the same where that says nothing."""
    if row.verdict != "same" or row.band <= max(band, WIDEST):
        return row
    reason = f"identical runs differ by up to {percent(row.band)} here"
    return replace(row, verdict="inconclusive", reason=reason)


def _shapes(
    a: list[Run], b: list[Run], found: Comparison, metrics: list[Objective], seed: int
) -> tuple[Shape, ...]:
    """Return the operations that changed in shape alone."""
    said: dict[str, set[str]] = {}
    for metric in metrics:
        if metric.op is not None and metric.histogram == "response":
            said.setdefault(metric.op, set()).add(found[metric.name].verdict)
    out = []
    for op, verdicts in said.items():
        if verdicts & {"faster", "slower"}:
            continue
        sides = [
            [run.recorded.ops[op].measured.response for run in side if op in run.recorded.ops]
            for side in (a, b)
        ]
        apart = distance(sides[0], sides[1], seed=seed)
        if apart is not None and apart.share >= SHAPE and apart.p <= ALPHA:
            out.append(Shape(op, apart))
    return tuple(out)


def _table(rows: list[Row], names: tuple[str, str], kinds: Mapping[str, Kind]) -> Table:
    heads = ("metric", *names, "change", "95 % interval", "verdict", "why")
    right = (*names, "change", "95 % interval")
    return Table(
        tuple(Column(head, "right" if head in right else "left") for head in heads),
        tuple(
            (
                row.metric,
                *(_shown(value, kinds[row.metric]) for value in row.medians),
                _change(row.ratio),
                "-" if row.interval is None else " .. ".join(map(_signed, row.interval)),
                Cell(row.verdict, TONES[row.verdict]),
                Cell(row.reason, "muted"),
            )
            for row in rows
        ),
    )


def _tests(rows: list[Row]) -> Table:
    """Return what stands behind the verdicts."""
    heads = ("metric", "runs", "p", "adjusted p", "Cliff's delta", "band")
    return Table(
        tuple(Column(head, "left" if head == "metric" else "right") for head in heads),
        tuple(
            (
                row.metric,
                f"{row.runs[0]} v {row.runs[1]}",
                *(_number(value) for value in (row.p, row.adjusted, row.delta)),
                Cell(percent(row.band), value=row.band),
            )
            for row in rows
        ),
        caption="what stands behind it: exact Mann-Whitney, Holm over the metrics",
    )


def _shown(value: float | None, kind: Kind) -> Cell:
    return Cell("n/a", "muted") if value is None else Cell(rounded(value, kind, 4), value=value)


def _change(ratio: float | None) -> Cell:
    if ratio is None:
        return Cell("-", "muted")
    return Cell(_signed(ratio), value=ratio - 1)


def _signed(ratio: float) -> str:
    return f"{(ratio - 1) * 100:+.1f}%" if math.isfinite(ratio) else "from 0"


def _number(value: float | None) -> Cell:
    return Cell("-", "muted") if value is None else Cell(f"{value:.2g}", value=value)
