"""Recorded runs as people see them: where each is, and what became of its nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from oneiric_lab.errors import CodeChangedError, Fault, NoCandidateError, WorkflowError

from ._dag import dag_of
from ._engine import FORMAT, Order
from ._flow_errors import has_ended, unknown_run
from ._flow_run import FlowRun, NodeRun, begins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ._dag import Dag
    from ._durable_records import Records, Row
    from ._flow_call import Code, Tasks
    from ._flow_run import State

STATES: Final[Mapping[str, State]] = {
    "ENQUEUED": "waiting",
    "DELAYED": "waiting",
    "PENDING": "running",
    "SUCCESS": "done",
    "ERROR": "failed",
    "CANCELLED": "cancelled",
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": "stuck",
}

_INTERRUPTED: Final = "the process that ran it is gone; the next host goes on with it"
_STUCK: Final = "it was begun again so often that it is left alone: workflow resume tries it again"


class RecordedRuns:
    """Recorded runs, to be looked at.

    Args:
        runs: Where they are recorded.
        is_alive: Tells whether an executor is alive.
        held: Run to why nobody goes on with it by itself.
    """

    def __init__(
        self,
        runs: Records,
        is_alive: Callable[[str], bool],
        held: Mapping[str, str] | None = None,
    ) -> None:
        self._runs, self._is_alive = runs, is_alive
        self._held = {} if held is None else held

    def row(self, run_id: str) -> Row:
        """Return a run as it is recorded.

        Raises:
            WorkflowError: There is no such run, or a newer release asked for it.
        """
        found = self._runs.row(run_id)
        if found is None:
            raise unknown_run(run_id, [row.id for row in self._runs.rows(limit=200)])
        version = (found.order or {}).get("format")
        if version != FORMAT:
            raise WorkflowError(
                Fault(
                    "run-newer",
                    f"expected a run of format {FORMAT}, got {version}: {run_id}",
                    why="another release of Oneiric Lab asked for it",
                    fix="pip install --upgrade oneiric-lab",
                )
            )
        return found

    def is_ended(self, run_id: str) -> bool:
        """Tell whether a run has ended, without what it was asked for.

        Raises:
            WorkflowError: There is no such run.
        """
        rows = self._runs.rows(workflow_ids=[run_id]) or [self.row(run_id)]
        return self._short(rows[0], {}).is_ended

    def show(self, run_id: str) -> FlowRun:
        """Return a run with its nodes; see `Engine`."""
        row = self.row(run_id)
        assert row.order is not None, "the format was looked at"  # noqa: S101 - our own invariant
        dag, order = dag_of(row.order["dag"]), row.order
        recorded = {name: NodeRun.of(said) for name, said in self._runs.nodes(run_id).items()}
        recorded |= {said["id"]: NodeRun.of(said) for said in order["kept"]}
        nodes = tuple(_nodes(dag, recorded))
        found = self._short(row, {})
        return replace(
            found,
            payload=order["payload"],
            nodes=nodes,
            forked=order["forked"],
            dag=order["dag"],
            code=order["code"],
            # What failed is said by its node.
            why="" if any(node.state == "failed" for node in nodes) else found.why,
        )

    def _short(self, row: Row, alive: dict[str, bool]) -> FlowRun:
        state, why = STATES[row.status], row.why
        if state == "running":
            if row.executor not in alive:
                alive[row.executor] = self._is_alive(row.executor)
            if row.id in self._held or not alive[row.executor]:
                state, why = "interrupted", self._held.get(row.id, _INTERRUPTED)
        elif state == "stuck":
            why = _STUCK
        elif state == "waiting" and row.id in self._held:
            why = self._held[row.id]
        elif row.status == "DELAYED" and row.due_ms is not None:
            why = f"{begins(row.due_ms / 1000)}, where a host runs then"
        return FlowRun(
            row.id,
            str(row.attributes.get("workflow") or row.id.rsplit("-", 3)[0]),
            state,
            durable=True,
            started=row.created_ms / 1000,
            ended=None if row.ended_ms is None else row.ended_ms / 1000,
            forked=row.attributes.get("forked"),
            why=why,
        )

    def resumable(self, run_id: str, tasks: Tasks, *, accept: bool) -> Row:
        """Return a run that can be begun again.

        Raises:
            WorkflowError: It has ended, or somebody runs it.
            CodeChangedError: Other code would do what is left of it, and *accept* is not said.
        """
        row = self.row(run_id)
        state = self._short(row, {}).state
        if state in {"done", "failed"}:
            raise has_ended(run_id, state)
        if state == "running":
            raise WorkflowError(
                Fault(
                    "run-active",
                    f"the run {run_id} goes on in the process {row.executor}",
                    fix=f"workflow show {run_id}",
                )
            )
        if not accept and (faults := self.changes(row, tasks)):
            raise CodeChangedError(faults)
        return row

    def changes(self, row: Row, tasks: Tasks) -> list[Fault]:
        """Return what code would do what is left of a run, where it is other than it was."""
        assert row.order is not None, "it was loaded"  # noqa: S101 - our own invariant
        order = Order.of(row.order)
        recorded: set[str] | None = None
        out: list[Fault] = []
        for task, began in order.code.items():
            now, why = _now(tasks, task)
            if now is not None and now == began:
                continue
            if recorded is None:
                recorded = {*self._runs.nodes(row.id), *order.kept}
            left = [n.id for n in order.dag.nodes if n.task == task and n.id not in recorded]
            if left:
                out.append(_changed(row.id, task, began, now, left, why))
        return out

    def list(
        self, *, workflow: str | None = None, states: Iterable[str] = (), limit: int = 50
    ) -> tuple[FlowRun, ...]:
        """Return runs; see `Engine`."""
        wanted = frozenset(states)
        asked: dict[str, Any] = {}
        if workflow is not None:
            asked["workflow_id_prefix"] = f"{workflow}-"
        if wanted:
            shown = wanted | ({"running"} if "interrupted" in wanted else set())
            asked["status"] = [name for name, state in STATES.items() if state in shown]
        alive: dict[str, bool] = {}
        out: list[FlowRun] = []
        offset, page = 0, max(limit, 50)
        while len(out) < limit:
            rows = self._runs.rows(limit=page, offset=offset, **asked)
            for row in rows:
                run = self._short(row, alive)
                if workflow in {None, run.workflow} and (not wanted or run.state in wanted):
                    out.append(run)
            if len(rows) < page:
                break
            offset += page
        return tuple(out[:limit])


def _now(tasks: Tasks, task: str) -> tuple[Code | None, str]:
    try:
        return tasks.code(task), ""
    except NoCandidateError as error:
        return None, error.faults[0].message


def _changed(
    run_id: str, task: str, began: Code, now: Code | None, left: list[str], why: str
) -> Fault:
    if now is None:
        what = f"task:{task} by {began.provider} has no provider any more"
    elif now.provider != began.provider:
        what = f"task:{task} would be done by {now.provider}, it began with {began.provider}"
    else:
        what = f"the code of task:{task} ({now.provider}) changed since the run began"
    return Fault(
        "code-changed",
        f"{what}: {run_id}",
        why=why or f"it would do {', '.join(left)}; what is recorded was done by the former code",
        fix=f"put the former code back; or workflow resume {run_id} --accept-changes; "
        f"or workflow fork {run_id}, which runs what is left in a run of its own",
    )


def _nodes(dag: Dag, recorded: Mapping[str, NodeRun]) -> Iterable[NodeRun]:
    failed = [name for name, node in recorded.items() if node.state == "failed"]
    behind = dag.after(failed) - {*failed}
    for node in dag.nodes:
        state: Any = "skipped" if node.id in behind else "waiting"
        yield recorded.get(node.id) or NodeRun(node.id, node.task, state)


def fork_order(run: FlowRun, nodes: Iterable[str], code: Mapping[str, Code]) -> Order:
    """Return an order that takes over what a run has, and runs *nodes* and what is behind anew.

    Args:
        run: With its nodes.
        nodes: From where; none are those that are not done.
        code: Whose code shall run.

    Raises:
        WorkflowError: There is no such node, or nothing is left to run.
    """
    from oneiric_lab.errors import did_you_mean  # noqa: PLC0415 - few forks are wrong

    dag = dag_of(run.dag)
    chosen = list(nodes) or [node.id for node in run.nodes if node.state not in {"done", "kept"}]
    unknown = [name for name in chosen if name not in dag.by_id]
    if unknown:
        raise WorkflowError(
            Fault(
                "unknown-node",
                f"the run {run.id} has no node {unknown[0]}",
                fix=did_you_mean(unknown[0], dag.by_id),
            )
        )
    if not chosen:
        raise WorkflowError(
            Fault(
                "nothing-left",
                f"all nodes of the run {run.id} are done",
                fix=f"say from where: workflow fork {run.id} --from {dag.nodes[0].id}",
            )
        )
    anew = dag.after(chosen)
    kept = {
        node.id: replace(node, state="kept")
        for node in run.nodes
        if node.id not in anew and node.state in {"done", "kept"}
    }
    first = [node.id for node in dag.nodes if node.id in chosen]
    forked = {"run": run.id, "nodes": first}
    return Order(run.workflow, dag, run.payload, code, kept, forked)
