"""The live chart of a load run.

A tick goes to the browser as a short list, at most four times a second and 1 KB each; a view
that was opened later, or missed one, asks for all that there were.

    [number, seconds, window, phase, in flight, [operation, …], [response, service, lag], paused]

An operation is `[rate, bad, p50, p99 of the response, of the service, of the lag]`, rates a
second and times in µs, null where there is none; the last three are where latencies lie, a
letter for each band, of the operations that the load drives.
"""

from __future__ import annotations

from dataclasses import replace
from math import log2
from string import ascii_lowercase, digits
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

import traitlets

from oneiric_lab.errors import Fault, UsageError, did_you_mean
from oneiric_lab.loadlab._course import bad_rate, joined
from oneiric_lab.views import Note, View, clean

from ._base import Widget
from ._told import told_view

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneiric_lab.lab import LoadJob
    from oneiric_lab.loadlab import Course, Run
    from oneiric_lab.loadlab._figures import Live, Snapshot
    from oneiric_lab.views import Tone

METRICS: Final = ("response", "service", "lag")
MOST_TICKS: Final = 300
"""Ticks that a view gets which is opened later; there are no more pixels."""
MOST_OPERATIONS: Final = 8
"""Operations that a tick tells of: it may take 1 KB."""

_LEVELS = digits + ascii_lowercase


class LoadChart(Widget):
    """A load run while it goes on: rate, quantiles, where latencies lie, and what happens.

    Its buttons call `job.cancel()`, `job.pause()` and `job.resume()`; its choice of a former
    run calls `lab.load.compare(...)`.

    Attributes:
        job: The run.
        metric: Whose quantiles are drawn.
        operation: Of which operation.
    """

    name = "load"

    plan = traitlets.Dict().tag(sync=True)
    stage = traitlets.Unicode("waiting").tag(sync=True)
    past = traitlets.Any(None, allow_none=True).tag(
        sync=True, to_json=lambda _, widget: widget.whole()
    )
    end = traitlets.Instance(dict, allow_none=True).tag(sync=True)
    metric = traitlets.Enum(METRICS, "response").tag(sync=True)
    operation = traitlets.Unicode("").tag(sync=True)

    def __init__(self, job: LoadJob) -> None:
        self.job = job
        operations = job.plan.scenario.operations()
        # What the load drives comes first: a tick has room for a few only.
        ordered = sorted(operations, key=lambda o: o.rate is not None)[:MOST_OPERATIONS]
        self._names = tuple(o.name for o in ordered)
        self._driven = frozenset(o.name for o in operations if o.rate is None)
        self._sent = job.course.count
        self._former: dict[str, int] = {}
        super().__init__(
            plan={
                "name": job.name,
                "length": job.plan.length,
                # Where it is to be found from what was measured, nobody knows it yet.
                "warmup": job.plan.given_warmup,
                "operations": [{"name": o.name, "event": o.rate is not None} for o in ordered],
            },
            operation=self._names[0] if self._names else "",
        )
        job.subscribe(self._follow)

    @traitlets.validate("operation")
    def _known(self, proposal: Any) -> str:
        name: str = proposal["value"]
        if name not in self._names:
            raise traitlets.TraitError(f"no operation {name!r} in {self.job.name}")
        return name

    # --- the job's side: any thread -------------------------------------------------------

    def _follow(self, _: object) -> None:
        """Send what is new: ticks as messages, the stage and the end as state."""
        job, course = self.job, self.job.course
        count, ticks = course.count, course.ticks
        fresh = ticks[len(ticks) - (count - self._sent) :] if count > self._sent else []
        for number, tick in enumerate(fresh, count - len(fresh) + 1):
            self.send({"tick": self.packed(number, tick)})
        self._sent = count
        if job.is_ended:
            self.end = self._ending()
        self.stage = job.stage

    def whole(self) -> dict[str, object]:
        """Return all ticks so far, neighbours joined where there are many."""
        course = self.job.course
        count, ticks = course.count, thinned(course)
        first = count - len(ticks) + 1
        return {
            "count": count,
            "ticks": [self.packed(number, tick) for number, tick in enumerate(ticks, first)],
        }

    def packed(self, number: int, tick: Snapshot) -> list[object]:
        """Return *tick* as it travels."""
        shown = [tick.ops.get(name) for name in self._names]
        driven = [live for name, live in tick.ops.items() if name in self._driven]
        return [
            number,
            round(tick.at, 2),
            round(tick.window, 3),
            int(tick.phase == "measured"),
            tick.in_flight,
            [[] if live is None else _figures(live) for live in shown],
            [_bands(driven, metric) for metric in METRICS],
            int(tick.paused),
        ]

    def _ending(self) -> dict[str, object]:
        view = self.job.view()
        notes = [(block.tone, block.text) for block in view.blocks if isinstance(block, Note)]
        if self.job.state == "done":
            notes += _well(self.job.result())
        return {
            "count": self.job.course.count,
            "title": clean(view.title),
            "tone": view.tone,
            "notes": [[tone, clean(text, lines=True)] for tone, text in notes],
        }

    # --- the buttons ----------------------------------------------------------------------

    def do_cancel(self) -> None:
        """End the run, and keep what there is."""
        self.job.cancel()

    def do_pause(self) -> None:
        """Begin no more operations."""
        self.job.pause()

    def do_resume(self) -> None:
        """Go on."""
        self.job.resume()

    def do_former(self) -> None:
        """Tell what the run can be compared with."""
        self._former = self.job.loads.former(self.job)
        rows = [
            [name, f"{clean(name)} ({count} run{'s' * (count > 1)})"]
            for name, count in self._former.items()
        ]
        self.send({"former": rows})

    def told_compare(self, said: Mapping[str, Any]) -> None:
        """Compare a former run with this one, and show what comes of it."""
        name = said.get("with")
        # A name may also be that of a folder: only what was offered is looked at.
        if isinstance(name, str) and name in self._former:
            found = self.job.loads.compare(name, self.job)
            self.send({"compared": told_view(found.view())})

    def do_whole(self) -> None:
        """Send all ticks so far."""
        self.send({"whole": self.whole()})

    # --- the snapshot ---------------------------------------------------------------------

    def as_dict(self) -> dict[str, object]:
        """Return that of the job."""
        return self.job.as_dict()

    def view(self) -> View:
        """Return that of the job; while it runs, with what becomes of this picture."""
        found = self.job.view()
        if self.job.is_ended:
            return found
        note = Note("as it was when this was shown; the live chart needs the kernel", "info")
        return replace(found, blocks=(*found.blocks, note))


def chart_of(job: LoadJob, *, metric: str | None = None, operation: str | None = None) -> LoadChart:
    """Return the one chart of *job*: views of it share what they show."""
    if metric is not None and metric not in METRICS:
        raise UsageError(Fault("usage", f"no metric {metric!r}", fix=did_you_mean(metric, METRICS)))
    names = [o.name for o in job.plan.scenario.operations()]
    if operation is not None and operation not in names:
        raise UsageError(
            Fault("usage", f"no operation {operation!r}", fix=did_you_mean(operation, names))
        )
    found = _charts.get(id(job))
    if found is None:
        found = _charts[id(job)] = LoadChart(job)
    found.metric = metric or found.metric
    found.operation = operation or found.operation
    return found


# A chart holds its job, so that no other one has its number meanwhile.
_charts: WeakValueDictionary[int, LoadChart] = WeakValueDictionary()


def _well(run: Run) -> list[tuple[Tone, str]]:
    """Return what is well with a run, which its own view takes for granted."""
    found: list[tuple[Tone, str]] = []
    if run.is_valid:
        found.append(("ok", "the measurement is valid"))
    names = [name.replace("_", " ") for name in run.plan.scenario.invariants()]
    if names and not run.broken:
        found.append(("ok", f"invariants hold: {', '.join(names)}"))
    return found


def _figures(live: Live) -> list[float | None]:
    bad = bad_rate(live)
    times = (live.p50, live.p99, *live.service, *live.lag)
    return [
        _short(sum(live.rates.values())),
        _short(bad),
        *(None if ns is None else _short(ns / 1000) for ns in times),
    ]


def _short(number: float) -> float:
    """Return *number* with four digits, which is all that a pixel shows."""
    value = float(f"{number:.4g}")
    return int(value) if value.is_integer() else value


def _bands(lives: list[Live], metric: str) -> str:
    """Return a letter for each band: nothing is `0`, and each doubling two letters more."""
    rows = [live.bands[metric] for live in lives if metric in live.bands]
    totals = [sum(column) for column in zip(*rows, strict=True)]
    levels = (1 + int(2 * log2(total)) if total else 0 for total in totals)
    return "".join(_LEVELS[min(level, len(_LEVELS) - 1)] for level in levels)


def thinned(course: Course) -> list[Snapshot]:
    """Return the ticks of *course*, neighbours joined until they are few enough."""
    ticks = list(course.ticks)
    while len(ticks) > MOST_TICKS:
        odd = ticks[len(ticks) // 2 * 2 :]
        pairs = zip(ticks[::2], ticks[1::2], strict=False)
        ticks = [*(joined(*pair) for pair in pairs), *odd]
    return ticks
