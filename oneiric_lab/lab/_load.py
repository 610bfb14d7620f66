"""Load runs of a lab: each a job, which is there at once while a process of its own works."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from os import fspath
from typing import TYPE_CHECKING, Any, Final

from oneiric_lab.errors import MissingExtraError, OneiricError
from oneiric_lab.jobs import Job, in_thread
from oneiric_lab.loadlab import (
    Course,
    Run,
    Runs,
    check_workers,
    plan_for,
    rates_of,
    run_apart,
    scenarios,
)
from oneiric_lab.views import Cell, CellLike, Fields, Note, View

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from os import PathLike
    from pathlib import Path

    from oneiric_lab.errors import Fault
    from oneiric_lab.jobs import Context, Owner
    from oneiric_lab.loadlab import Plan, Scenario, Scenarios
    from oneiric_lab.loadlab._figures import Snapshot
    from oneiric_lab.views import Block

KEPT: Final = 8
"""Jobs that a lab remembers: each holds its whole run."""


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
        plan: What was asked.
        course: What was seen of it so far.
    """

    def __init__(
        self,
        name: str,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float],
        *,
        course: Course,
        orders: _Orders,
    ) -> None:
        super().__init__(name, loop, clock)
        self._orders = orders
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
            work, name=name, make=partial(LoadJob, course=course, orders=orders)
        )
        self._jobs.append(job)
        return job

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
