"""The workflows of a lab: planned, run, looked at; and its tasks, which run alone as well."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from oneiric_lab.errors import Fault, NoCandidateError, UsageError, WorkflowError, did_you_mean
from oneiric_lab.runtime import (
    FlowDiff,
    FlowHooks,
    FlowPlan,
    FlowRuns,
    MemoryEngine,
    Order,
    TaskRun,
    call_task,
    json_value,
    new_run_id,
)
from oneiric_lab.views import Cell, Note, Result, Table, View

from ._flow_dags import dag_by
from ._flow_tasks import LabTasks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
    from pathlib import Path

    from oneiric_lab.config import Settings, Snapshot
    from oneiric_lab.jobs import Context, Job, Owner
    from oneiric_lab.lifecycle import Lifecycle
    from oneiric_lab.registry import Candidate, Registry
    from oneiric_lab.runtime import Dag, Engine, FlowRun
    from oneiric_lab.store import Store
    from oneiric_lab.views import Block


R = TypeVar("R")


class Opened(Protocol):
    """The lab, as its workflows see it."""

    root: Path
    registry: Registry
    snapshot: Snapshot
    settings: Settings
    store: Store

    @property
    def lifecycle(self) -> Lifecycle:
        """What runs of it in this process."""

    def running(self) -> Any:
        """Hold the lifecycle for the time of a block."""

    def wait_for(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do work on the loop of the components, and wait in another thread."""

    def _jobs(self) -> Owner: ...


@dataclass(frozen=True, slots=True, repr=False)
class Triggered(Result):
    """A run that was asked for.

    Attributes:
        run_id: Its name.
        workflow: Key of the workflow.
        is_new: False where a run of the same key was there already.
        durable: Whether it outlives its process.
    """

    run_id: str
    workflow: str
    is_new: bool
    durable: bool

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "run": self.run_id,
            "workflow": self.workflow,
            "new": self.is_new,
            "durable": self.durable,
        }

    def view(self) -> View:
        """Return the name of the run."""
        what = "asked for" if self.is_new else "was asked for already"
        return View("workflow-asked", f"{self.workflow}: {what}: {self.run_id}")


@dataclass(frozen=True, slots=True, repr=False)
class Flows(Result):
    """The workflows of a workspace.

    Attributes:
        rows: Key, provider, and the nodes or None, or the error that keeps them from being read.
        is_task: Whether these are tasks instead.
    """

    rows: tuple[tuple[str, Candidate, Dag | WorkflowError | None], ...]
    is_task: bool = False

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        rows = [
            {
                "key": key,
                "provider": candidate.provider,
                "version": candidate.version,
                "summary": candidate.summary,
                **({} if self.is_task else {"nodes": len(dag.nodes) if _is_dag(dag) else None}),  # type: ignore[union-attr]  # told by `_is_dag`
            }
            for key, candidate, dag in self.rows
        ]
        return {"tasks" if self.is_task else "workflows": rows}

    def view(self) -> View:
        """Return one row for each."""
        noun = "task" if self.is_task else "workflow"
        many = len(self.rows)
        title = f"{many} {noun}{'s' * (many != 1)}"
        if not self.rows:
            fix = f"a candidate of the domain {noun} is one: explain, list --domain {noun}"
            return View(f"{noun}s", title, (Note(fix, "info"),))
        if self.is_task:
            rows = tuple((k, str(c), c.summary or None) for k, c, _ in self.rows)
            return View("tasks", title, (Table(("task", "provider", "summary"), rows),))
        more: list[Block] = [
            Note("\n".join(fault.lines()), "bad")
            for _, _, dag in self.rows
            if isinstance(dag, WorkflowError)
            for fault in dag.faults
        ]
        cells = tuple((k, str(c), _nodes(dag), c.summary or None) for k, c, dag in self.rows)
        return View(
            "workflows", title, (Table(("workflow", "provider", "nodes", "summary"), cells), *more)
        )


def _is_dag(dag: object) -> bool:
    return dag is not None and not isinstance(dag, WorkflowError)


def _nodes(dag: Dag | WorkflowError | None) -> Cell:
    if dag is None:
        return Cell("code, no nodes", "muted")
    if isinstance(dag, WorkflowError):
        return Cell("cannot be read", "bad")
    return Cell(str(len(dag.nodes)), value=len(dag.nodes))


class Workflows:
    """Workflows of a lab: `await lab.workflows.run("nightly")`.

    Args:
        lab: The lab.

    Attributes:
        hooks: Functions that are called at the moments of runs in this process.
        tasks: Its tasks.
    """

    __slots__ = ("_engine", "_home", "_lab", "_memory", "hooks", "tasks")

    def __init__(self, lab: Opened) -> None:
        self._lab = lab
        self.hooks = FlowHooks()
        self.tasks = LabTasks(lab)
        self._memory: MemoryEngine | None = None
        self._engine: Engine | None = None
        self._home: asyncio.AbstractEventLoop | None = None

    def __repr__(self) -> str:
        return "<Workflows: list, plan, run, trigger, runs, show, diff, cancel, engine>"

    # --- questions ----------------------------------------------------------------------

    def list(self) -> Flows:
        """Return the workflows of the workspace, with what they are made of."""
        rows: list[tuple[str, Candidate, Dag | WorkflowError | None]] = []
        for candidate in self._lab.registry.current.winners().values():
            if candidate.domain == "workflow":
                found: Dag | WorkflowError | None
                try:
                    found = dag_by(candidate, self._lab.snapshot)
                except WorkflowError as error:
                    found = error
                rows.append((candidate.key, candidate, found))
        return Flows(tuple(sorted(rows, key=lambda row: row[0])))

    def plan(self, name: str) -> FlowPlan:
        """Return the nodes of a workflow, who would do them, and what is wrong.

        Raises:
            NoCandidateError: There is no such workflow.
            WorkflowError: Its nodes cannot be read, or it has none.
        """
        candidate, dag = self._found(name)
        code, faults = {}, []
        for task in dag.tasks:
            try:
                code[task] = self.tasks.code(task)
            except NoCandidateError as error:
                fault = error.faults[0]
                fix = fault.fix or did_you_mean(task, self.tasks.keys())
                where = ", ".join(node.id for node in dag.nodes if node.task == task)
                message = f"{fault.message}, for the node {where}"
                faults.append(Fault("no-task", message, candidate.origin, why=fault.why, fix=fix))
        return FlowPlan(name, str(candidate), dag, code, tuple(faults), self.durable)

    @property
    def durable(self) -> bool:
        """Whether runs outlive the process that asked for them."""
        return False

    def runs(
        self, *, workflow: str | None = None, states: tuple[str, ...] = (), limit: int = 50
    ) -> FlowRuns:
        """Return the runs that are known here, the newest first.

        Args:
            workflow: Only those of this one.
            states: Only those in one of these states.
            limit: Most rows.
        """
        found = self._runner().list(workflow=workflow, states=states, limit=limit)
        return FlowRuns(found, "" if found else "workflow run KEY makes one")

    def show(self, run_id: str) -> FlowRun:
        """Return a run with all of its nodes.

        Raises:
            WorkflowError: There is no such run.
        """
        return self._runner().show(run_id)

    def diff(self, left: str, right: str) -> FlowDiff:
        """Return in what two runs differ: what they were given, who did it, what came of it.

        Raises:
            WorkflowError: There is no such run.
        """
        return FlowDiff(self.show(left), self.show(right))

    # --- running ------------------------------------------------------------------------

    def run(self, name: str, payload: Any = None, *, dedup_key: str | None = None) -> Job[FlowRun]:
        """Run a workflow, and return the job at once.

        Its tasks run on the loop that the components of this lab belong to; where none has any
        yet, on that of the jobs.

        Args:
            name: Key of the workflow.
            payload: JSON; each task finds it in `context.input`.
            dedup_key: A second run with this key is the first one.

        Returns:
            A job that can be awaited and cancelled; its result is the `FlowRun`, also of a
            run that failed.

        Raises:
            NoCandidateError: There is no such workflow, or nobody provides one of its tasks.
            WorkflowError: Its nodes cannot be read, or the payload is not what it may be.
        """
        order, run_id = self._order(name, payload), new_run_id(name, dedup_key)

        async def work(ctx: Context) -> FlowRun:
            return await self._at_home(partial(self._run, order, run_id))

        return self._lab._jobs().submit(work, name=run_id)  # noqa: SLF001 - one house

    async def arun(
        self, name: str, payload: Any = None, *, dedup_key: str | None = None
    ) -> FlowRun:
        """Run a workflow on the loop of the caller, and wait for its end.

        To cancel the caller is to cancel the run. Args and errors are those of `run`.
        """
        return await self._run(self._order(name, payload), new_run_id(name, dedup_key))

    def run_here(self, name: str, payload: Any = None, *, dedup_key: str | None = None) -> FlowRun:
        """Run a workflow in this thread, which has no loop, and close its components at the end.

        Args and errors are those of `run`.
        """
        order, run_id = self._order(name, payload), new_run_id(name, dedup_key)
        return self.alone(partial(self._run, order, run_id))

    async def trigger(
        self, name: str, payload: Any = None, dedup_key: str | None = None
    ) -> Triggered:
        """Ask for a run and do not wait for it: what an HTTP trigger or an event handler does.

        The engine of this process must have been entered, see `engine`; from any of its loops.

        Args:
            name: Key of the workflow.
            payload: JSON; each task finds it in `context.input`.
            dedup_key: A second run with this key is the first one, for as long as that is known.

        Raises:
            NoCandidateError: There is no such workflow, or nobody provides one of its tasks.
            WorkflowError: Its nodes cannot be read, the payload is not what it may be, or the
                key was used with another payload.
            UsageError: No engine was entered in this process.
        """
        order, run_id = self._order(name, payload), new_run_id(name, dedup_key)
        engine = self._entered()
        is_new = await self._at_engine(lambda: engine.start(order, run_id))
        return Triggered(run_id, name, is_new, engine.durable)

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Engine]:
        """Hold the engine of this workspace for the time of the block: what a host does.

        Its tasks run on the loop that enters it. While it is held, `run` and `trigger` of this
        lab go through it, from any thread; `engine.counters.as_dict()` has plain numbers for a
        scrape. At the end nothing is taken on any more, and what goes on here is cancelled and
        cleaned up.

        Raises:
            UsageError: It is held already.
        """
        if self._engine is not None:
            raise UsageError(
                Fault(
                    "engine-held",
                    "the engine of this workspace is held in this process already",
                    fix="trigger and run go through it",
                )
            )
        async with self._made() as engine:
            self._engine, self._home = engine, asyncio.get_running_loop()
            try:
                yield engine
            finally:
                self._engine = self._home = None

    async def cancel(self, run_id: str) -> FlowRun:
        """End a run: no node of it begins any more, and those that run are cancelled.

        Raises:
            WorkflowError: There is no such run, or it has ended.
        """
        engine = self._runner()
        return await self._at_engine(lambda: engine.cancel(run_id))

    # --- inside -------------------------------------------------------------------------

    def _found(self, name: str) -> tuple[Candidate, Dag]:
        candidate = self._lab.registry.resolve("workflow", name)
        dag = dag_by(candidate, self._lab.snapshot)
        if dag is None:
            raise WorkflowError(
                Fault(
                    "no-nodes",
                    f"workflow:{name} by {candidate} is code, it has no nodes to run",
                    candidate.origin,
                    fix=f"say them in [workflows.dags.{name}], or in the metadata of the candidate",
                )
            )
        return candidate, dag

    def _order(self, name: str, payload: Any) -> Order:
        """Return a run of *name* that can be run.

        Raises:
            NoCandidateError: As `run` says.
            WorkflowError: As `run` says.
        """
        limit = self._lab.settings.workflows.max_bytes
        given = json_value(payload, "the payload", limit=limit)
        plan = self.plan(name)
        if plan.faults:
            raise NoCandidateError(plan.faults)
        return Order(name, plan.dag, given, plan.code)

    def _made(self) -> Engine:
        return self._in_memory()

    def _in_memory(self) -> MemoryEngine:
        if self._memory is None:
            said = self._lab.settings.workflows
            self._memory = MemoryEngine(
                self.tasks, hooks=self.hooks, nodes=said.nodes_at_a_time, limit=said.max_bytes
            )
        return self._memory

    def _runner(self) -> Engine:
        return self._engine or self._in_memory()

    def _entered(self) -> Engine:
        if self._engine is None:
            raise UsageError(
                Fault(
                    "engine-closed",
                    "no engine of this workspace runs in this process",
                    fix="async with lab.workflows.engine(): ...",
                )
            )
        return self._engine

    async def _run(self, order: Order, run_id: str) -> FlowRun:
        engine = self._engine
        if engine is None:
            return await self._in_memory().run(order, run_id)

        async def through() -> FlowRun:
            await engine.start(order, run_id)
            return await engine.wait(run_id)

        return await self._at_engine(through)

    async def _at_engine(self, do: Callable[[], Coroutine[Any, Any, R]]) -> R:
        return await _at(self._home, do)

    async def _at_home(self, do: Callable[[], Coroutine[Any, Any, R]]) -> R:
        """Do it on the loop that the components belong to, where there is one."""
        return await _at(self._lab.lifecycle.known_loop(), do)

    def alone(self, do: Callable[[], Coroutine[Any, Any, R]]) -> R:
        """Do it and wait in this thread, which has no loop.

        Where a loop has components of this lab, it is done there; else on a loop of its own,
        which closes all that it used.
        """
        if self._lab.lifecycle.known_loop() is not None:
            found: R = self._lab.wait_for(do())
            return found

        async def live() -> R:
            async with self._lab.running():
                return await do()

        return asyncio.run(live())


async def _at(
    loop: asyncio.AbstractEventLoop | None, do: Callable[[], Coroutine[Any, Any, R]]
) -> R:
    if loop is None or loop is asyncio.get_running_loop():
        return await do()
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(do(), loop))


class LoneTasks:
    """Tasks of a lab, each run alone: `await lab.tasks.run("report")`.

    Args:
        lab: The lab.
        flows: Its workflows, whose loop tasks run on.
    """

    __slots__ = ("_flows", "_lab")

    def __init__(self, lab: Opened, flows: Workflows) -> None:
        self._lab, self._flows = lab, flows

    def __repr__(self) -> str:
        return "<Tasks: list, run>"

    def list(self) -> Flows:
        """Return the tasks of the workspace that somebody provides."""
        winners = self._lab.registry.current.winners().values()
        found = sorted((c for c in winners if c.domain == "task"), key=lambda c: c.key)
        return Flows(tuple((c.key, c, None) for c in found), is_task=True)

    def run(self, key: str, payload: Mapping[str, Any] | None = None) -> Job[TaskRun]:
        """Run a task once, outside of any workflow, and return the job at once.

        Nothing is recorded of it. The job's result tells what it returned, also where it failed.

        Raises:
            NoCandidateError: Nobody provides it.
            WorkflowError: The payload is not what it may be.
        """
        do = self._asked(key, payload)

        async def work(ctx: Context) -> TaskRun:
            return await self._flows._at_home(do)  # noqa: SLF001 - one house

        return self._lab._jobs().submit(work, name=f"task {key}")  # noqa: SLF001 - one house

    def run_here(self, key: str, payload: Mapping[str, Any] | None = None) -> TaskRun:
        """Run a task in this thread, which has no loop, and close its components at the end."""
        return self._flows.alone(self._asked(key, payload))

    def _asked(
        self, key: str, payload: Mapping[str, Any] | None
    ) -> Callable[[], Coroutine[Any, Any, TaskRun]]:
        tasks = self._flows.tasks
        tasks.code(key)
        limit = self._lab.settings.workflows.max_bytes
        given = json_value(dict(payload or {}), "the payload", limit=limit)

        async def do() -> TaskRun:
            run_id = new_run_id(key)
            return TaskRun(await call_task(tasks, key, given, run_id))

        return do
