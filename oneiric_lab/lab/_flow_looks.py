"""What there is of workflows: which, of which nodes, and what became of their runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from oneiric_lab.errors import Fault, NoCandidateError, WorkflowError, did_you_mean
from oneiric_lab.runtime import FlowDiff, FlowPlan, FlowRuns

from ._flow_dags import dag_by
from ._flow_engine import Configured
from ._flow_results import Flows

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from oneiric_lab.jobs import Owner
    from oneiric_lab.registry import Candidate
    from oneiric_lab.runtime import Dag, FlowRun

    from ._flow_engine import Engines
    from ._flow_tasks import LabTasks


class Opened(Configured, Protocol):
    """The lab, as its workflows see it."""

    def running(self) -> Any:
        """Hold the lifecycle for the time of a block."""

    def wait_for(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do work on the loop of the components, and wait in another thread."""

    def _jobs(self) -> Owner: ...


class FlowLooks:
    """Workflows of a lab, to be looked at.

    Attributes:
        engines: What runs them.
        tasks: Its tasks.
    """

    __slots__ = ("_lab", "engines", "tasks")

    _lab: Opened
    engines: Engines
    tasks: LabTasks

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
        held = self.engines.held
        return self.engines.durable if held is None else held.durable

    def runs(
        self, *, workflow: str | None = None, states: tuple[str, ...] = (), limit: int = 50
    ) -> FlowRuns:
        """Return the runs that are known, the newest first.

        Args:
            workflow: Only those of this one.
            states: Only those in one of these states.
            limit: Most rows.
        """
        asked: dict[str, Any] = {"workflow": workflow, "states": states, "limit": limit}
        found = self.engines.memory().list(**asked)
        held = self.engines.held
        if held is not None and held.durable:
            found += held.list(**asked)
        elif held is None and self.engines.durable:
            with self.engines.reading() as read:
                found += () if read is None else read[1].list(**asked)
        rows = sorted(found, key=lambda run: run.started or 0, reverse=True)[:limit]
        return FlowRuns(tuple(rows), "" if rows else "workflow run KEY makes one")

    def show(self, run_id: str) -> FlowRun:
        """Return a run with all of its nodes.

        Raises:
            WorkflowError: There is no such run.
        """
        memory, held = self.engines.memory(), self.engines.held
        if memory.knows(run_id) or not self.durable:
            return memory.show(run_id)
        if held is not None:
            return held.show(run_id)
        with self.engines.reading() as read:
            return memory.show(run_id) if read is None else read[1].show(run_id)

    def diff(self, left: str, right: str) -> FlowDiff:
        """Return in what two runs differ: what they were given, who did it, what came of it.

        Raises:
            WorkflowError: There is no such run.
        """
        return FlowDiff(self.show(left), self.show(right))

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
