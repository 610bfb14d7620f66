"""A run: each node begins as soon as all that it depends on are done, and not a level later."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from oneiric_lab.lifecycle import nursery

from ._flow_hooks import FlowEvent
from ._flow_run import NodeRun
from ._spans import span

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from oneiric_lab.lifecycle import Nursery

    from ._counters import FlowCounters
    from ._dag import Dag, Node
    from ._flow_hooks import FlowHooks

    Step = Callable[[Node, Mapping[str, Any]], Awaitable[tuple[NodeRun, bool]]]
    """Does a node; returns what became of it, and whether it was done now or stood recorded."""

AT_A_TIME = 64
"""Nodes of one run that run at a time, where nobody says."""


class Flow:
    """One run of a dag, in the loop that drives it.

    What fails takes with it what depends on it, and nothing else: other branches end well, and
    their results need not be made again.

    Args:
        dag: The nodes.
        run_id: Name of the run.
        workflow: Key of the workflow.
        step: Does a node.
        kept: Nodes that are not run, since their results were taken over.
        hooks: Told of every moment.
        counters: Counted in.
        limit: Nodes that run at a time.

    Attributes:
        nodes: Name to what became of a node, of those that ended.
    """

    def __init__(
        self,
        dag: Dag,
        run_id: str,
        workflow: str,
        step: Step,
        *,
        kept: Mapping[str, NodeRun],
        hooks: FlowHooks,
        counters: FlowCounters,
        limit: int = AT_A_TIME,
    ) -> None:
        self.dag, self.run_id, self.workflow = dag, run_id, workflow
        self.nodes: dict[str, NodeRun] = {}
        self._step, self._kept, self._limit = step, kept, max(limit, 1)
        self._hooks, self._counters = hooks, counters
        self._results: dict[str, Any] = {}
        self._waits = {node.id: len(node.depends_on) for node in dag.nodes}
        self._ready: deque[Node] = deque(node for node in dag.nodes if not node.depends_on)
        self._busy = 0

    @property
    def failed(self) -> tuple[NodeRun, ...]:
        """Nodes that failed, in the order of the dag."""
        return tuple(
            found
            for node in self.dag.nodes
            if (found := self.nodes.get(node.id)) is not None and found.state == "failed"
        )

    def in_order(self) -> tuple[NodeRun, ...]:
        """Return what became of every node, in the order of the dag."""
        return tuple(
            self.nodes.get(node.id) or NodeRun(node.id, node.task) for node in self.dag.nodes
        )

    async def drive(self) -> bool:
        """Run it to its end, and return whether all of it is done.

        Whatever ends this block, no node of it goes on behind.
        """
        await self._tell("run_start")
        with span("run", workflow=self.workflow, run=self.run_id) as traced:
            async with nursery() as tasks:
                self._hire(tasks, len(self._ready))
            failed = self.failed
            traced.set(outcome="failed" if failed else "done")
        if failed:
            names = ", ".join(node.id for node in failed)
            await self._tell("run_error", why=f"failed: {names}")
        else:
            await self._tell("run_end")
        return not failed

    def _hire(self, tasks: Nursery, many: int) -> None:
        """Have so many more at work, as far as so many may."""
        for _ in range(min(many, self._limit - self._busy)):
            self._busy += 1
            tasks.start(self._work, tasks, name=self.run_id)

    async def _work(self, tasks: Nursery) -> None:
        """Do nodes for as long as one is ready: a chain of them needs one task, not one each."""
        try:
            while self._ready:
                await self._do(self._ready.popleft(), tasks)
        finally:
            self._busy -= 1

    async def _do(self, node: Node, tasks: Nursery) -> None:
        kept = self._kept.get(node.id)
        if kept is not None:
            await self._tell("node_skip", kept, "kept")
            self._ended(kept, tasks)
            return
        await self._tell("node_start", node=node.id)
        with span("node", workflow=self.workflow, run=self.run_id, node=node.id) as traced:
            found, is_new = await self._step(node, self._results)
            traced.set(outcome=found.state, attempts=found.attempts, replayed=not is_new)
        if is_new:
            self._counters.step(self.workflow, int((found.ms or 0) * 1e6), found.attempts)
        else:
            self._counters.replayed(self.workflow)
        if found.state == "failed":
            why = str((found.error or {}).get("message", ""))
            await self._tell("node_error" if is_new else "node_skip", found, why)
            await self._skip(node, found)
        elif is_new:
            await self._tell("node_end", found)
        else:
            await self._tell("node_skip", found, "recorded")
        self._ended(found, tasks)

    def _ended(self, found: NodeRun, tasks: Nursery) -> None:
        name = found.id
        self.nodes[name] = found
        if found.state == "failed":
            return
        self._results[name] = found.result
        for after in self.dag.dependents[name]:
            self._waits[after] -= 1
            if not self._waits[after]:
                self._ready.append(self.dag.by_id[after])
        # This worker goes on with one of them itself.
        self._hire(tasks, len(self._ready) - 1)

    async def _skip(self, node: Node, found: NodeRun) -> None:
        for name in self.dag.after([node.id]) - {node.id}:
            if name not in self.nodes:
                skipped = NodeRun(name, self.dag.by_id[name].task, "skipped")
                self.nodes[name] = skipped
                await self._tell("node_skip", skipped, f"{found.id} failed")

    async def _tell(
        self, moment: Any, detail: NodeRun | None = None, why: str = "", *, node: str = ""
    ) -> None:
        if self._hooks.calls.get(moment):
            name = node if detail is None else detail.id
            event = FlowEvent(moment, self.run_id, self.workflow, name, detail, why)
            await self._hooks.tell(event)
