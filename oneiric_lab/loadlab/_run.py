"""A run: driven, recorded, judged."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from oneiric_lab.files import near, write_atomic
from oneiric_lab.views import Cell, Note, Result, Table, View, frame_of

from ._about import About
from ._drive import total
from ._export import export, format_of
from ._extra import need_numpy
from ._part import part_of
from ._tables import table as table_of
from ._verdict import Figures, limit_of_all
from ._warmup import SHORTEST, warmup_of
from ._words import time_in_words, verdict_in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from oneiric_lab.views import Block, CellLike
    from oneiric_lab.views._frames import DataFrame

    from ._drive import Driven
    from ._figures import Snapshot
    from ._objectives import Judged
    from ._part import Part
    from ._parts import PhaseResult
    from ._plan import Plan
    from ._recorded import Recorded
    from ._verdict import LimitedBy

_SHOWN = 5
"""Kinds of errors that a person is shown."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Run(Result):
    """What a run measured, and whether it holds.

    Attributes:
        plan: What was asked.
        recorded: Histograms, counters and series of each operation.
        driven: What the generator saw of itself.
        limited_by: What kept it from more.
        judged: Each objective with its figure.
        broken: Invariants that do not hold, with what is wrong.
        machine: Where it ran.
        workers: What the generator of each worker saw of itself; `driven` is their sum.
        about: Its name, when it began, and what it was made with.
        path: The folder that holds it, where it was saved or read; not compared.
        warmup: Seconds at the start that were kept apart.
        steady: Whether a steady part was found; None where it was not looked for.
    """

    plan: Plan
    recorded: Recorded
    driven: Driven
    limited_by: LimitedBy
    judged: tuple[Judged, ...]
    broken: tuple[tuple[str, str], ...]
    machine: dict[str, str]
    workers: tuple[Driven, ...] = ()
    about: About = field(default_factory=About.now)
    path: Path | None = None
    warmup: float = 0.0
    steady: bool | None = None

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Return the run that was saved in folder *path*; nothing of it is imported.

        Its plan tells of the scenario without bringing its class.

        Raises:
            FileAccessError: There is none, or it cannot be read.
            ParseError: It is damaged, was altered, or is of another version.
            MissingExtraError: Without the extra `load`.
        """
        from ._saved import read_parts  # noqa: PLC0415 - brings pydantic

        folder = Path(path)
        parts = read_parts(folder)
        return cls(
            parts.plan,
            parts.recorded,
            parts.driven,
            cast("LimitedBy", parts.limited_by),
            parts.judged,
            parts.broken,
            parts.machine,
            parts.workers,
            parts.about,
            folder,
            parts.warmup,
            parts.steady,
        )

    def save(self, folder: str | Path) -> Path:
        """Write the run to a folder of its own below *folder*, and return that one.

        It is named by the run's `id`, so that saving twice gives one folder. It holds
        `run.json` and `run.npz`, and is whole or not there.

        Raises:
            UsageError: It is larger than what is read back.
            FileAccessError: It cannot be written.
        """
        from ._saved import write  # noqa: PLC0415 - brings pydantic

        shape = json.loads(self.to_json(indent=None))
        return write(Path(folder), self.id, shape, self.recorded, (self.driven, *self.workers))

    def frame(self, table: str = "operations") -> DataFrame:
        """Return one table of the run as a pandas frame (needs the `notebook` extra).

        Args:
            table: `operations`, `series` (one row a second), `errors`, or `raw` (one row an
                operation, where the plan kept them by `raw_limit`).

        Raises:
            UsageError: There is no such table, or the run kept no raw rows.
            ImportError: pandas is not installed.
        """
        return frame_of(table_of(self.recorded, table))

    def export(self, path: str | Path, format: str | None = None, *, table: str = "series") -> Path:
        """Write the run for others to read, and return the file.

        Args:
            path: The file; replaced as a whole.
            format: `html`, `junit`, `parquet`, `csv` or `json`; by default what the file's
                name ends with, where `.xml` is `junit`.
            table: Of CSV and Parquet, as of `frame`.

        Raises:
            UsageError: There is no such form or table, or the run kept no raw rows.
            MissingExtraError: Parquet without the extra `parquet`.
            FileAccessError: It cannot be written.
        """
        file = Path(path)
        # Where it is kept is of no use to others.
        told = replace(self, path=None)
        write_atomic(file, export(told, format or format_of(file), table=table))
        return file

    @property
    def id(self) -> str:
        """The run's name, unique, in the order of time."""
        return self.about.id

    def __eq__(self, other: object) -> bool:
        """Tell whether all that is saved of both is equal."""
        if not isinstance(other, Run):
            return NotImplemented
        return self._compared() == other._compared()

    __hash__ = None  # type: ignore[assignment]  # histograms are no key

    def _compared(self) -> tuple[object, ...]:
        # Parameters as JSON knows them: a file gives a list where a tuple was.
        asked = json.loads(json.dumps(self.plan.as_dict(), default=str))
        counted = (self.recorded, self.driven, self.workers)
        said = (self.limited_by, self.judged, self.broken)
        return asked, *counted, *said, self.warmup, self.steady, self.machine, self.about

    @property
    def is_valid(self) -> bool:
        """Whether the generator kept up: what it could not send says nothing of the target."""
        return not self.limited_by.startswith("generator")

    @property
    def exit_code(self) -> int:
        """130 cancelled, 4 an invariant is broken, 3 invalid, 1 an objective missed, else 0."""
        if self.driven.cancelled:
            return 130
        if self.broken:
            return 4
        if not self.is_valid:
            return 3
        return 0 if all(judged.met for judged in self.judged) else 1

    def invariants(self) -> list[tuple[str, str | None]]:
        """Return each invariant with what is wrong, None where it holds; by worker if broken."""
        out: list[tuple[str, str | None]] = []
        for name in self.plan.scenario.invariants():
            wrong = [pair for pair in self.broken if pair[0].partition(" (worker ")[0] == name]
            out += wrong or [(name, None)]
        return out

    def errors(self) -> list[tuple[str, str, int, str]]:
        """Return operation, kind, count and first text of what failed, the most frequent first."""
        found = [
            (name, kind, count, result.examples[kind].text if kind in result.examples else "")
            for name, result in self.recorded.ops.items()
            for kind, count in result.measured.errors.items()
        ]
        return sorted(found, key=lambda row: -row[2])

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape; times in nanoseconds."""
        return {
            **self.about.as_dict(),
            "saved": None if self.path is None else str(self.path),
            "plan": self.plan.as_dict(),
            "machine": dict(self.machine),
            "offered": self.driven.offered,
            "wall_s": self.driven.wall,
            "cpu_s": self.driven.cpu,
            "floor_ns": self.driven.floor_ns,
            "warmup": {
                "asked": self.plan.warmup,
                "seconds": self.warmup,
                "steady": self.steady,
            },
            "limited_by": self.limited_by,
            "valid": self.is_valid,
            "partial": self.driven.cancelled,
            "paused_s": self.driven.paused,
            "pauses": [[p.begin / 1e9, p.end / 1e9] for p in self.recorded.pauses],
            "workers": [_worker(driven) for driven in self.workers],
            "operations": [dict(row) for row in self.recorded.rows().ops],
            "errors": [
                {"op": name, "kind": kind, "count": count, "example": example}
                for name, kind, count, example in self.errors()
            ],
            "objectives": [judged.as_dict() for judged in self.judged],
            "invariants": [{"name": name, "wrong": wrong} for name, wrong in self.invariants()],
            "exit_code": self.exit_code,
        }

    def view(self) -> View:
        """Return one row for each operation, then what was judged."""
        rows: list[tuple[CellLike, ...]] = []
        seconds = self.driven.measured(self.warmup)
        for name, result in self.recorded.ops.items():
            part = result.measured
            bad = sum(part.errors.values())
            rows.append(
                (
                    name,
                    f"{part.ended:,}",
                    f"{part.ended / seconds:,.0f}/s",
                    Cell(f"{bad:,}", "bad" if bad else "plain"),
                    *(_shown(part, q) for q in (0.5, 0.99, 0.999)),
                    time_in_words(part.response.max),
                )
            )
        heads = ("operation", "ended", "rate", "errors", "p50", "p99", "p99.9", "max")
        blocks: list[Block] = [Table(heads, tuple(rows))]
        failed = self.errors()
        blocks += [
            Note(f"{name}: {count:,} {kind}, such as: {example}", "warn")
            for name, kind, count, example in failed[:_SHOWN]
        ]
        if len(failed) > _SHOWN:
            blocks.append(Note(f"and {len(failed) - _SHOWN} more kinds of errors", "warn"))
        blocks += [Note(str(j), "ok" if j.met else "bad") for j in self.judged]
        blocks += [Note(f"broken: {name}: {wrong}", "bad") for name, wrong in self.broken]
        if not self.is_valid:
            blocks.append(
                Note(f"invalid: limited by {self.limited_by}; it says nothing of the target", "bad")
            )
        elif self.limited_by != "none":
            blocks.append(Note(f"limited by {self.limited_by}", "warn"))
        if self.steady:
            blocks.append(Note(f"steady from {self.warmup:g} s on; what came before is apart"))
        elif self.steady is False:
            blocks.append(
                Note("no steady state was seen: the figures are of the whole run", "warn")
            )
        if self.recorded.pauses:
            many = len(self.recorded.pauses)
            shown = f"paused {self.driven.paused:.1f} s"
            blocks.append(Note(shown if many == 1 else f"{shown} in {many} pauses", "info"))
        if self.path is not None:
            blocks.append(Note(f"kept in {near(self.path)}", "info"))
        title = f"load {self.plan.name}: {verdict_in_words(self.exit_code)}"
        return View("load-run", title, tuple(blocks), tone="ok" if not self.exit_code else "bad")


async def run(
    plan: Plan,
    *,
    live: Callable[[Snapshot], object] | None = None,
    cancelled: Callable[[], bool] | None = None,
    paused: Callable[[], bool] | None = None,
) -> Run:
    """Drive *plan* in this process, on the running loop, and judge it.

    Args:
        plan: What is asked.
        live: Told four times a second of what happened since.
        cancelled: Asked a hundred times a second; once true, the run ends as partial.
        paused: Asked a hundred times a second. While it is true nothing is begun, and what
            is in flight ends; the schedule stands still, so that the pause is no lag.

    Raises:
        MissingExtraError: Without numpy, of the extra `load`.
        Exception: Whatever the scenario's `setup` raised.
    """
    need_numpy()
    from ._figures import snapshot_of  # noqa: PLC0415 - brings numpy

    about = About.now()
    told = None if live is None else lambda since: live(snapshot_of([since]))
    part = await part_of(plan, live=told, cancelled=cancelled, paused=paused)
    return judged(plan, [part], about)


def judged(plan: Plan, parts: Sequence[Part], about: About) -> Run:
    """Return the run that *parts* make, each the share of one worker."""
    from ._merge import merge  # noqa: PLC0415 - brings numpy

    driven = total([part.driven for part in parts])
    recorded = merge(part.recorded for part in parts) if len(parts) > 1 else parts[0].recorded
    each = [(part.recorded, part.driven) for part in parts]
    warmup, steady = plan.given_warmup, None
    if plan.warmup == "auto" and min(plan.length, driven.wall) >= SHORTEST:
        found = warmup_of(recorded, min(plan.length + driven.paused, driven.wall))
        warmup, steady = float(found or 0), found is not None
        if found:
            recorded = recorded.warm_until(found)
            each = [(part.recorded.warm_until(found), part.driven) for part in parts]
    figures = Figures(plan, recorded, driven, warmup)
    several = len(parts) > 1
    return Run(
        plan,
        recorded,
        driven,
        limit_of_all(plan, each, recorded, driven),
        tuple(objective.judge(figures) for objective in plan.objectives),  # type: ignore[union-attr]  # parsed by the plan
        tuple(
            (f"{name} (worker {number})" if several else name, wrong)
            for number, part in enumerate(parts, 1)
            for name, wrong in part.broken
        ),
        parts[0].machine,
        tuple(part.driven for part in parts),
        about,
        warmup=warmup,
        steady=steady,
    )


def _worker(driven: Driven) -> dict[str, object]:
    used = driven.used
    return {
        "offered": driven.offered,
        "wall_s": driven.wall,
        "cpu_s": driven.cpu,
        "cpu_share": driven.busy,
        "floor_ns": driven.floor_ns,
        "rss_start_bytes": used.rss_start_bytes,
        "rss_end_bytes": used.rss_end_bytes,
        "switched_out": used.switched_out,
        "gc_pauses": used.collections,
        "gc_ns": used.collected_ns,
        "gc_longest_ns": used.collected_longest_ns,
    }


def _shown(part: PhaseResult, q: float) -> str:
    return time_in_words(part.response.quantile(q)) if part.response.enough_for(q) else "n/a"
