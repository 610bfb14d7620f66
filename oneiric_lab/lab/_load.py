"""Load runs of a lab: each a job, which is there at once while a process of its own works."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from itertools import islice
from os import fspath
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from oneiric_lab.errors import MissingExtraError, OneiricError
from oneiric_lab.jobs import Job, in_thread
from oneiric_lab.loadlab import (
    Course,
    Floor,
    Run,
    Runs,
    check_workers,
    compare_runs,
    load_in_words,
    plan_for,
    rates_of,
    run_apart,
    scenarios,
    set_named,
)
from oneiric_lab.views import Cell, CellLike, Fields, Note, View

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence
    from os import PathLike
    from pathlib import Path

    from oneiric_lab.errors import Fault
    from oneiric_lab.jobs import Context, Owner
    from oneiric_lab.loadlab import Compared, Plan, Scenario, Scenarios
    from oneiric_lab.loadlab._figures import Snapshot
    from oneiric_lab.views import Block

KEPT: Final = 8
"""Jobs that a lab remembers: each holds its whole run."""
_LOOKED_AT: Final = 100
"""Kept runs that are looked at for one to compare with: each is a file that is read."""


@dataclass(slots=True)
class _Orders:
    """What a job and its work say to each other; one bit or one reference, by one thread each."""

    hold: bool = False
    problem: Fault | None = None


class LoadJob(Job[Run]):
    """A load run that goes on in a process of its own.

    To cancel it is to end the run and keep what there is: `result()` is then a run that
    says it is partial, where it had begun.

    Attributes:
        loads: Where it was started.
        plan: What was asked.
        course: What was seen of it so far.
    """

    def __init__(
        self,
        name: str,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float],
        *,
        loads: Loads,
        course: Course,
        orders: _Orders,
    ) -> None:
        super().__init__(name, loop, clock)
        self._orders = orders
        self.loads = loads
        self.plan: Plan = course.plan
        self.course = course

    @property
    def problem(self) -> Fault | None:
        """Why the run could not be kept where it was asked to be; None where all is well."""
        return self._orders.problem

    @property
    def stage(self) -> str:
        """Where the run is, in one word.

        It is `waiting` until its process has begun, then `running`, `paused` or `cancelling`,
        and in the end `ended`, `cancelled` or `failed`.
        """
        if self.state == "done":
            run = self.result()
            return "cancelled" if run.driven.cancelled else "ended"
        if self.is_ended:
            return self.state
        if self.cancel_requested:
            return "cancelling"
        if not self.course.ticks:
            return "waiting"
        return "paused" if self.course.ticks[-1].paused else "running"

    def pause(self) -> bool:
        """Begin no more operations until it is resumed; return whether there was a run to pause.

        What is in flight ends, and the schedule stands still: a pause is no lag. `stage` says
        so as soon as the run has told it.
        """
        self._orders.hold = True
        return not self.is_ended

    def resume(self) -> bool:
        """Go on where it was paused; return whether there was a run to resume."""
        self._orders.hold = False
        return not self.is_ended

    def as_dict(self) -> dict[str, object]:
        """Return the job's own shape, the stage, and the plan."""
        return {**super().as_dict(), "stage": self.stage, "plan": self.plan.as_dict()}

    def view(self) -> View:
        """Return how far it is and what the last tick told; once it ended, its run."""
        if self.state == "done":
            found = self.result().view()
            # Of the run, and of how it went: both are in a notebook whose kernel is gone.
            more: list[Block] = [self.course.sparks()] if self.course.ticks else []
            if self.problem is not None:
                more.append(Note(f"not kept: {self.problem.message}", "bad"))
            return replace(found, blocks=(*found.blocks, *more))
        if self.is_ended:
            return super().view()
        title = f"{self.name}: {self.stage}"
        items: list[tuple[str, CellLike]] = [("state", Cell(self.stage, "info"))]
        blocks: list[Block] = []
        if self.course.ticks:
            length, left = self.plan.length, self.course.left
            items.append(("progress", f"{length - left:.1f} of {length:g} s, {left:.0f} s left"))
            blocks.append(self.course.latest())
        return View("load-job", title, (Fields(tuple(items)), *blocks), summary=title, tone="info")


Side: TypeAlias = "LoadJob | Run | str | Sequence[LoadJob | Run | str]"
"""Runs that are compared, as people name them."""


class Loads:
    """Load runs: `lab.load.run("swap-under-readers", users=100)`.

    Args:
        owner: Gives the owner of their jobs, asked when the first one is started.
        root: The workspace that keeps its runs.

    Attributes:
        runs: Those that were kept in the workspace.
    """

    __slots__ = ("_jobs", "_owner", "runs")

    def __init__(self, owner: Callable[[], Owner], root: Path | None = None) -> None:
        self._owner = owner
        self.runs = Runs() if root is None else Runs.of(root)
        self._jobs: deque[LoadJob] = deque(maxlen=KEPT)

    def __repr__(self) -> str:
        return "<Loads: run, plan, scenarios, runs, jobs>"

    @property
    def jobs(self) -> tuple[LoadJob, ...]:
        """The last jobs, those that ended included, in the order in which they were started."""
        return tuple(self._jobs)

    def scenarios(self) -> Scenarios:
        """Return the scenarios that come with us, with their parameters and usual load."""
        return scenarios()

    def plan(self, what: Plan | type[Scenario] | str, **options: Any) -> Plan:
        """Return the plan that `run` would drive.

        Args:
            what: A plan, a scenario, or the name of one that comes with us.
            options: `users=` or `rate=`, attributes of a `Plan`, parameters of the scenario.

        Raises:
            UsageError: One of them cannot be.
        """
        return plan_for(what, **options)

    def run(
        self,
        what: Plan | type[Scenario] | str,
        *,
        workers: object = 1,
        save: Runs | str | PathLike[str] | bool | None = None,
        **options: Any,
    ) -> LoadJob:
        """Drive *what* in a process of its own, and return the job at once.

        Args:
            what: A plan, a scenario, which may be a class of a notebook, or the name of one
                that comes with us.
            workers: How many processes share the load, or the cluster that does, as
                `run_apart` takes it.
            save: Where to keep the run: True is `runs`, else a folder. If it cannot be kept,
                `LoadJob.problem` says why and the result is the run all the same.
            options: As `plan` takes them.

        Returns:
            A job that can be awaited, watched and cancelled; its result is the `Run`.

        Raises:
            UsageError: The plan cannot be, or the lab was closed.
            MissingExtraError: Without the extra `load`.
        """
        plan = plan_for(what, **options)
        if isinstance(workers, int):
            check_workers(plan, workers)  # a cluster is looked for by the job
        _need_extra()
        course, orders, kept = Course(plan), _Orders(), self._kept_in(save)

        async def work(ctx: Context) -> Run:
            def live(tick: Snapshot) -> None:
                course.add(tick)
                ctx.progress(plan.length - course.left, plan.length, rates_of(tick))

            def drive() -> Run:
                run = run_apart(
                    plan,
                    live=live,
                    cancelled=lambda: ctx.is_cancelled,
                    paused=lambda: orders.hold,
                    workers=workers,
                )
                if kept is None:
                    return run
                try:
                    return replace(run, path=kept.save(run))
                except OneiricError as error:
                    orders.problem = error.faults[0]
                    return run

            return await in_thread(drive)

        name = f"load {plan.name}"
        job = self._owner().submit(
            work, name=name, make=partial(LoadJob, loads=self, course=course, orders=orders)
        )
        self._jobs.append(job)
        return job

    def compare(self, base: Side, other: Side, **options: Any) -> Compared:
        """Return whether *other* is faster or slower than *base*, or the same.

        Args:
            base: A job, which is waited for, or its run; the name of the run of a job, or of
                kept runs, as `load compare` takes it; or several of these.
            other: The same, of one plan with *base* but for its parameters.
            options: As `compare_runs` takes them. Where no `floor` is given, what `load aa`
                found of this plan is taken.

        Raises:
            UsageError: There is no such run, or these cannot be compared.
            ParseError: A kept run is damaged.
        """
        a, b = self._runs_of(base), self._runs_of(other)
        names = tuple(
            side if isinstance(side, str) else name
            for name, side in (("base", base), ("other", other))
        )
        floor = Floor.find(self.runs.folder, a[0]) if a else None
        return compare_runs(a, b, **{"names": names, "floor": floor, **options})

    def _runs_of(self, side: Side) -> list[Run]:
        if isinstance(side, str):
            mine = [run for run in self._ended() if run.id == side]
            return mine or set_named(self.runs, side)
        if isinstance(side, LoadJob):
            return [side.result()]
        return [side] if isinstance(side, Run) else [r for one in side for r in self._runs_of(one)]

    def _ended(self) -> list[Run]:
        """Return the runs of the jobs that are done, the newest first."""
        return [job.result() for job in reversed(self._jobs) if job.state == "done"]

    def former(self, job: LoadJob) -> dict[str, int]:
        """Return what *job* can be compared with: names as `compare` takes them, and how many runs.

        They are runs of the same scenario and load: of this lab's jobs, and of those that were
        kept the newest 100 are looked at. The newest come first; runs with a label are one.
        """

        def driven(plan: Plan) -> tuple[str, str]:
            return plan.name, load_in_words(plan)

        wanted, own = driven(job.plan), job.result().id if job.state == "done" else ""
        mine = [(run.id, "") for run in self._ended() if driven(run.plan) == wanted]
        kept = [
            (one.id, one.label)
            for one in islice(self.runs, _LOOKED_AT)
            if (one.scenario, one.load) == wanted
        ]
        # One that a job has and that was kept is there once, under its label.
        found = {**dict(mine), **dict(kept)}
        found.pop(own, None)
        return dict(Counter(found[name] or name for name in sorted(found, reverse=True)))

    def _kept_in(self, save: Runs | str | PathLike[str] | bool | None) -> Runs | None:
        if save is None or save is False:
            return None
        runs = self.runs if save is True else save if isinstance(save, Runs) else Runs(fspath(save))
        # Told now, and not when all is measured and nothing can be kept.
        runs.make()
        return runs


def _need_extra() -> None:
    # Looked for and not imported: who waits for the cell does not pay.
    for name in ("numpy", "cloudpickle"):
        if find_spec(name) is None:
            raise MissingExtraError(f"{name} is not installed", extra="load")
