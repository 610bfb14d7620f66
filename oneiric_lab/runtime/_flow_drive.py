"""How an engine runs an order, whether it records or not."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ._counters import FlowCounters
from ._flow import AT_A_TIME, Flow
from ._flow_call import Caller
from ._flow_hooks import FlowHooks
from ._flow_run import NodeRun
from ._payload import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from ._dag import Node
    from ._engine import Order
    from ._flow_call import Tasks

    Record = Callable[[str, Callable[[], Awaitable[dict[str, Any]]]], Awaitable[dict[str, Any]]]
    """Node and what does it, to what is recorded of it: now, or before."""


@dataclass(frozen=True, slots=True)
class Driver:
    """What all runs of an engine have in common.

    Attributes:
        tasks: Who provides tasks.
        hooks: Called at the moments of runs.
        nodes: Nodes of one run that run at a time.
        limit: Most bytes of a result.
        secrets: Gives the texts that must be kept out of results.
        wall: Seconds since 1970.
        counters: Counted in.
    """

    tasks: Tasks
    hooks: FlowHooks = field(default_factory=FlowHooks)
    nodes: int = AT_A_TIME
    limit: int = MAX_BYTES
    secrets: Callable[[], Iterable[str]] = tuple
    wall: Callable[[], float] = time.time
    counters: FlowCounters = field(default_factory=FlowCounters)

    def flow(self, order: Order, run_id: str, record: Record | None = None) -> Flow:
        """Return a run of an order, which begins when it is driven.

        Args:
            order: What to run.
            run_id: Its name.
            record: Does a node, or returns what is recorded of it; None is that all is done now.
        """
        caller = Caller(
            self.tasks,
            run_id,
            order.workflow,
            order.payload,
            self.limit,
            wall=self.wall,
            secrets=self.secrets,
        )

        async def now(node: Node, found: Mapping[str, Any]) -> tuple[NodeRun, bool]:
            return await caller.call(node, found), True

        async def recorded(node: Node, found: Mapping[str, Any]) -> tuple[NodeRun, bool]:
            done: NodeRun | None = None

            async def do() -> dict[str, Any]:
                nonlocal done
                done = await caller.call(node, found)
                return done.as_dict()

            assert record is not None, "it was asked for"  # noqa: S101 - our own invariant
            said = await record(node.id, do)
            return (NodeRun.of(said), False) if done is None else (done, True)

        return Flow(
            order.dag,
            run_id,
            order.workflow,
            now if record is None else recorded,
            kept=order.kept,
            hooks=self.hooks,
            counters=self.counters,
            limit=self.nodes,
        )
