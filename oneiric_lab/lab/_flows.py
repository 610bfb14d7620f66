"""The workflows of a lab: run, asked for, cancelled, resumed, forked."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import anyio
from anyio import to_thread

from oneiric_lab.errors import Fault, NoCandidateError, UsageError, WorkflowError
from oneiric_lab.runtime import (
    Order,
    Records,
    dag_of,
    fork_order,
    has_ended,
    host_of,
    json_value,
    new_run_id,
    other_payload,
    unknown_run,
)

from ._flow_engine import Engines
from ._flow_looks import FlowLooks
from ._flow_results import Triggered

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from contextlib import AbstractAsyncContextManager

    from oneiric_lab.jobs import Context, Job
    from oneiric_lab.runtime import Engine, FlowRun, RecordedRuns

    from ._flow_looks import Opened

R = TypeVar("R")

KEEP: Final = object()
"""The payload that a run had."""


class Workflows(FlowLooks):
    """Workflows of a lab: `await lab.workflows.run("nightly")`.

    Args:
        lab: The lab.

    Attributes:
        hooks: Functions that are called at the moments of runs in this process.
        tasks: Its tasks.
        engines: What runs them.
    """

    __slots__ = ("hooks",)

    def __init__(self, lab: Opened) -> None:
        self._lab = lab
        self.engines = Engines(lab, self._order)
        self.hooks, self.tasks = self.engines.hooks, self.engines.tasks

    def __repr__(self) -> str:
        return (
            "<Workflows: list, plan, run, trigger, enqueue, runs, show, diff, cancel, resume, "
            "fork, engine>"
        )

    # --- running ------------------------------------------------------------------------

    def run(
        self,
        name: str,
        payload: Any = None,
        *,
        dedup_key: str | None = None,
        durable: bool | None = None,
    ) -> Job[FlowRun]:
        """Run a workflow, and return the job at once.

        Its tasks run on the loop that the components of this lab belong to; where none has any
        yet, on that of the jobs. A durable run whose process ends, or whose job is cancelled, is
        interrupted and can be resumed; `cancel` ends it. Where another process is the host of
        the workspace, that one runs it.

        Args:
            name: Key of the workflow.
            payload: JSON; each task finds it in `context.input`.
            dedup_key: A second run with this key is the first one.
            durable: Whether it outlives its process; None is that it does where it can.

        Returns:
            A job that can be awaited; its result is the `FlowRun`, also of a run that failed.

        Raises:
            NoCandidateError: There is no such workflow, or nobody provides one of its tasks.
            WorkflowError: Its nodes cannot be read, or the payload is not what it may be.
        """
        do = self._ordered(name, payload, dedup_key, durable)

        async def work(ctx: Context) -> FlowRun:
            return await self.engines.at_home(do)

        return self._lab._jobs().submit(work, name=name)  # noqa: SLF001 - one house

    async def arun(
        self,
        name: str,
        payload: Any = None,
        *,
        dedup_key: str | None = None,
        durable: bool | None = None,
    ) -> FlowRun:
        """Run a workflow on the loop of the caller, and wait for its end.

        Args and errors are those of `run`.
        """
        return await self._ordered(name, payload, dedup_key, durable)()

    def run_here(
        self,
        name: str,
        payload: Any = None,
        *,
        dedup_key: str | None = None,
        durable: bool | None = None,
    ) -> FlowRun:
        """Run a workflow in this thread, which has no loop, and close its components at the end.

        Args and errors are those of `run`.
        """
        return self.alone(self._ordered(name, payload, dedup_key, durable))

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
        engine = self.engines.held
        if engine is None:
            raise UsageError(
                Fault(
                    "engine-closed",
                    "no engine of this workspace runs in this process",
                    fix="async with lab.workflows.engine(): ...",
                )
            )
        is_new = await self.engines.at_home(lambda: engine.start(order, run_id))
        return Triggered(run_id, name, is_new, engine.durable)

    def enqueue(
        self, name: str, payload: Any = None, *, dedup_key: str | None = None, delay: float = 0
    ) -> Triggered:
        """Ask for a durable run that the host begins as soon as it may, now or when it starts.

        It is on the disk when this returns. Other args and errors are those of `trigger`; no
        engine need be here.

        Args:
            name: Key of the workflow.
            payload: JSON; each task finds it in `context.input`.
            dedup_key: A second run with this key is the first one.
            delay: Seconds from now until it may begin.

        Raises:
            MissingExtraError: Without the extra `durable`.
        """
        order, run_id = self._order(name, payload), new_run_id(name, dedup_key)
        return self.enqueued(order, run_id, delay)

    def engine(self, *, durable: bool | None = None) -> AbstractAsyncContextManager[Engine]:
        """Hold the engine of this workspace for the time of the block: what a host does.

        Its tasks run on the loop that enters it. While it is held, `run` and `trigger` of this
        lab go through it, from any thread; `engine.counters.as_dict()` has plain numbers for a
        scrape. It takes what was enqueued, and goes on with runs whose process is gone. At the
        end nothing is taken on any more, and what goes on here is cancelled and cleaned up: a
        durable run is left to the next host.

        Args:
            durable: Whether runs outlive the process; None is that they do where they can.

        Raises:
            UsageError: It is held already.
            WorkflowError: Another process is the host, or this one is of another workspace.
        """
        return self.engines.hosting(durable=durable)

    async def cancel(self, run_id: str) -> FlowRun:
        """End a run: no node of it begins any more, and those that run are cancelled.

        Where another process runs it, that one ends it within a second.

        Raises:
            WorkflowError: There is no such run, or it has ended.
        """
        memory, held = self.engines.memory(), self.engines.held
        if memory.knows(run_id) or not self.durable:
            return await memory.cancel(run_id)
        if held is not None:
            return await self.engines.at_home(lambda: held.cancel(run_id))
        return await to_thread.run_sync(self._cancel_elsewhere, run_id)

    async def resume(self, run_id: str, *, accept_changes: bool = False) -> FlowRun:
        """Have a run go on that was interrupted or cancelled; what is recorded is not run again.

        Where no host runs, this process runs it and waits for its end.

        Args:
            run_id: Which.
            accept_changes: Whether it may go on though the code of its tasks changed.

        Raises:
            WorkflowError: There is no such run, it has ended, or it goes on already.
            CodeChangedError: Other code would do what is left of it; nothing was run.
        """

        async def go_on(engine: Any) -> FlowRun:
            await engine.resume(run_id, accept=accept_changes)
            found: FlowRun = await engine.wait(run_id)
            return found

        return await self._by_whoever_runs(
            go_on, partial(self._resume_elsewhere, run_id, accept_changes)
        )

    async def fork(self, run_id: str, nodes: Sequence[str] = (), *, payload: Any = KEEP) -> FlowRun:
        """Run a workflow anew from *nodes* on, in a run of its own; what is before is taken over.

        Its nodes are those of the run that it is forked from, its code is that of today.

        Args:
            run_id: The run that is forked.
            nodes: From where; none are those that are not done.
            payload: Another one than it had.

        Raises:
            WorkflowError: There is no such run or node, or nothing is left to run.
            NoCandidateError: Nobody provides one of its tasks.
        """
        run = await to_thread.run_sync(self.show, run_id)
        code = {task: self.tasks.code(task) for task in dag_of(run.dag).tasks}
        order = fork_order(run, nodes, code)
        if payload is not KEEP:
            order = replace(order, payload=self._given(payload))
        return await self._run(order, new_run_id(run.workflow), run.durable)

    # --- inside -------------------------------------------------------------------------

    def _given(self, payload: Any) -> Any:
        limit = self._lab.settings.workflows.max_bytes
        return json_value(payload, "the payload", limit=limit, secrets=self.tasks.secrets())

    def _order(self, name: str, payload: Any) -> Order:
        """Return a run of *name* that can be run.

        Raises:
            NoCandidateError: As `run` says.
            WorkflowError: As `run` says.
        """
        given, plan = self._given(payload), self.plan(name)
        if plan.faults:
            raise NoCandidateError(plan.faults)
        return Order(name, plan.dag, given, plan.code)

    def _ordered(
        self, name: str, payload: Any, dedup_key: str | None, durable: bool | None
    ) -> Callable[[], Coroutine[Any, Any, FlowRun]]:
        order, run_id = self._order(name, payload), new_run_id(name, dedup_key)
        return partial(self._run, order, run_id, self.durable if durable is None else durable)

    async def _run(self, order: Order, run_id: str, durable: bool) -> FlowRun:
        held = self.engines.held
        if not durable and (held is None or held.durable):
            return await self.engines.memory().run(order, run_id)

        async def through(engine: Engine) -> FlowRun:
            await engine.start(order, run_id)
            return await engine.wait(run_id)

        def by_whom() -> Coroutine[Any, Any, FlowRun]:
            return self._by_whoever_runs(
                through, lambda records, runs: self.enqueued(order, run_id).run_id
            )

        # An engine that another run holds is held by this one too, or it would end with that.
        return await (by_whom() if held is None else self.engines.at_home(by_whom))

    async def _by_whoever_runs(
        self,
        here: Callable[[Any], Coroutine[Any, Any, FlowRun]],
        elsewhere: Callable[[Records, RecordedRuns], str],
    ) -> FlowRun:
        """Run it in this process, or have the host of the workspace run it, and wait."""
        try:
            async with self.engines.borrowed() as engine:
                return await here(engine)
        except WorkflowError as error:
            if error.code != "engine-busy":
                raise

        def ask() -> str:
            with self.engines.reading() as read:
                assert read is not None, "it has a host"  # noqa: S101 - our own invariant
                return elsewhere(*read)

        run_id = await to_thread.run_sync(ask)
        while True:
            found = await to_thread.run_sync(self.show, run_id)
            if found.is_ended or found.state == "interrupted":
                return found
            await anyio.sleep(0.25)

    def enqueued(self, order: Order, run_id: str, delay: float = 0) -> Triggered:
        """Have the host run an order.

        Raises:
            WorkflowError: There is a run of that name with another payload.
            MissingExtraError: Without the extra `durable`.
        """
        database = self.engines.database
        database.make()
        records = Records(database, self.engines.application)
        try:
            known = records.row(run_id)
            if known is None:
                records.enqueue(run_id, order.as_dict(), self.engines.application, delay=delay)
            elif known.order is None or known.order.get("payload") != order.payload:
                raise other_payload(run_id)
        finally:
            records.close()
        # Of several machines nobody knows which is one.
        waits = database.path is not None and host_of(database.path) is None
        why = "no host runs now: the next one begins it" if waits else ""
        return Triggered(run_id, order.workflow, known is None, True, why)

    def _cancel_elsewhere(self, run_id: str) -> FlowRun:
        with self.engines.reading() as read:
            if read is None:
                raise unknown_run(run_id, ())
            records, runs = read
            found = runs.show(run_id)
            if found.is_ended:
                raise has_ended(run_id, found.state)
            records.cancel(run_id)
            return runs.show(run_id)

    def _resume_elsewhere(
        self, run_id: str, accept: bool, records: Records, runs: RecordedRuns
    ) -> str:
        accept = accept or self._lab.settings.workflows.code_changed == "accept"
        runs.resumable(run_id, self.tasks, accept=accept)
        records.resume(run_id, self.engines.application)
        return run_id

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
