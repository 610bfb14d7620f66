"""The tasks of a lab, each run alone: now, or later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyio import to_thread

from oneiric_lab.runtime import Order, TaskRun, call_task, json_value, lone, new_run_id

from ._flow_results import Flows, Scheduled

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from oneiric_lab.jobs import Context, Job

    from ._flow_looks import Opened
    from ._flows import Workflows


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
        return "<Tasks: list, run, schedule>"

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
            return await self._flows.engines.at_home(do)

        return self._lab._jobs().submit(work, name=f"task {key}")  # noqa: SLF001 - one house

    def run_here(self, key: str, payload: Mapping[str, Any] | None = None) -> TaskRun:
        """Run a task in this thread, which has no loop, and close its components at the end."""
        return self._flows.alone(self._asked(key, payload))

    async def schedule(
        self, key: str, payload: Mapping[str, Any] | None = None, *, delay: float = 0
    ) -> Scheduled:
        """Have a task run later, once: `await lab.tasks.schedule("remind", delay=3600)`.

        Where runs are durable it is recorded before this returns, as a run of one node that the
        host of the workspace begins at its time, or when it starts; the runs
        of `lab.workflows` show it. Otherwise this process does it, and forgets it with itself.

        Args:
            key: Of the task.
            payload: What it is given.
            delay: Seconds from now until it begins.

        Raises:
            NoCandidateError: Nobody provides it.
            WorkflowError: The payload is not what it may be.
        """
        flows = self._flows
        code = flows.tasks.code(key)
        given = self._given(payload)
        order = Order(f"task:{key}", lone(key, given), None, {key: code})
        run_id = new_run_id(order.workflow)
        if flows.durable:
            found = await to_thread.run_sync(flows.enqueued, order, run_id, delay)
            return Scheduled(key, run_id, delay, True, found.why)
        memory = flows.engines.memory()

        async def later() -> None:
            memory.later(order, run_id, delay)

        await flows.engines.at_home(later)
        return Scheduled(key, run_id, delay, False, "in memory: it is gone when its process ends")

    def _given(self, payload: Mapping[str, Any] | None) -> Any:
        limit = self._lab.settings.workflows.max_bytes
        secrets = self._flows.tasks.secrets()
        return json_value(dict(payload or {}), "the payload", limit=limit, secrets=secrets)

    def _asked(
        self, key: str, payload: Mapping[str, Any] | None
    ) -> Callable[[], Coroutine[Any, Any, TaskRun]]:
        tasks = self._flows.tasks
        tasks.code(key)
        given = self._given(payload)

        async def do() -> TaskRun:
            run_id = new_run_id(key)
            return TaskRun(await call_task(tasks, key, given, run_id, secrets=tasks.secrets))

        return do
