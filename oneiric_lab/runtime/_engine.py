"""What an engine is: it runs orders, and tells what became of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self

from ._dag import Dag, dag_of
from ._flow_run import NodeRun

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from ._counters import FlowCounters
    from ._flow_call import Code
    from ._flow_hooks import FlowHooks
    from ._flow_run import FlowRun

FORMAT = 1
"""Of an order as it is kept; a newer one is refused by an older release."""


@dataclass(frozen=True, slots=True)
class Order:
    """A run that is asked for: everything that decides about it, so that it can be resumed.

    Attributes:
        workflow: Key of the workflow.
        dag: Its nodes.
        payload: What the run is given.
        code: Task to whose code it shall run.
        kept: Nodes whose result is taken over from another run, as they were recorded.
        forked: The run that it was forked from, and the nodes from which on it runs anew.
    """

    workflow: str
    dag: Dag
    payload: Any = None
    code: Mapping[str, Code] = field(default_factory=dict)
    kept: Mapping[str, NodeRun] = field(default_factory=dict)
    forked: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape, in which it is kept."""
        return {
            "format": FORMAT,
            "workflow": self.workflow,
            "dag": self.dag.as_dict(),
            "payload": self.payload,
            "code": {name: code.as_dict() for name, code in self.code.items()},
            "kept": [node.as_dict() for node in self.kept.values()],
            "forked": None if self.forked is None else dict(self.forked),
        }

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Order:
        """Return the order that was kept."""
        from ._flow_call import Code  # noqa: PLC0415 - a cycle otherwise

        kept = [NodeRun.of(node) for node in said["kept"]]
        return cls(
            said["workflow"],
            dag_of(said["dag"]),
            said["payload"],
            {name: Code(**code) for name, code in said["code"].items()},
            {node.id: node for node in kept},
            said["forked"],
        )


class Engine(Protocol):
    """Runs orders for as long as it is entered: `async with engine: ...`.

    The loop that enters it owns it, and its tasks run there. Entering takes up what a process
    that is gone left behind; leaving takes no more on, cancels what goes on here, waits for its
    nodes to clean up, and leaves the runs to be resumed where they are durable.

    Attributes:
        durable: Whether runs outlive the process.
        counters: Plain numbers of what happened here; read them at a scrape, from any thread.
        hooks: Functions that are called at the moments of runs.
    """

    durable: bool
    counters: FlowCounters
    hooks: FlowHooks

    async def __aenter__(self) -> Self:
        """Begin."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End."""

    async def start(self, order: Order, run_id: str) -> bool:
        """Begin a run as soon as it may, and return at once.

        Args:
            order: What to run.
            run_id: Its name; a run of that name that is there already is that one.

        Returns:
            Whether it is a new one.

        Raises:
            WorkflowError: There is one of that name with another payload.
        """

    async def wait(self, run_id: str) -> FlowRun:
        """Wait until a run has ended, and return what became of it.

        Raises:
            WorkflowError: There is no such run.
        """

    async def cancel(self, run_id: str) -> FlowRun:
        """End a run: no node of it begins any more, and those that run are cancelled.

        Raises:
            WorkflowError: There is no such run, or it has ended.
        """

    def show(self, run_id: str) -> FlowRun:
        """Return a run with all of its nodes; from any thread.

        Raises:
            WorkflowError: There is no such run.
        """

    def list(
        self, *, workflow: str | None = None, states: Iterable[str] = (), limit: int = 50
    ) -> tuple[FlowRun, ...]:
        """Return runs without their nodes, the newest first; from any thread."""
