"""The nodes of a workflow, and which come before which: checked once, when it is loaded."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault, WorkflowError
from oneiric_lab.manifest import dag_faults

from ._retry import ONCE, RetryPolicy, retry_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from oneiric_lab.errors import Excerpt, Origin

    Path = tuple[str | int, ...]
    Place = Callable[[Path, bool], tuple[Origin | None, Excerpt | None]]
    """Path, and whether its key is meant, to where that stands."""


@dataclass(frozen=True, slots=True)
class Node:
    """One step of a workflow: a task with what it is given.

    Attributes:
        id: Its name within the workflow.
        task: Key of the task.
        depends_on: Nodes that end well before it begins.
        payload: What the task is given.
        retry: How often it is tried.
        timeout: Seconds for each attempt; 0 is no limit.
    """

    id: str
    task: str
    depends_on: tuple[str, ...] = ()
    payload: Mapping[str, Any] = field(default_factory=dict)
    retry: RetryPolicy = ONCE
    timeout: float = 0

    def as_dict(self) -> dict[str, Any]:
        """Return it as a manifest says it, without what is so where nobody says."""
        out: dict[str, Any] = {"id": self.id, "task": self.task}
        if self.depends_on:
            out["depends_on"] = list(self.depends_on)
        if self.payload:
            out["payload"] = dict(self.payload)
        if self.retry != ONCE:
            out["retry_policy"] = self.retry.as_dict()
        if self.timeout:
            out["timeout"] = self.timeout
        return out


@dataclass(frozen=True)
class Dag:
    """The nodes of a workflow.

    Attributes:
        nodes: Each behind all that it depends on; where that leaves a choice, as written.
        queue: Key of the queue that its runs wait in, or None.
    """

    nodes: tuple[Node, ...]
    queue: str | None = None

    @cached_property
    def by_id(self) -> dict[str, Node]:
        """Name to node."""
        return {node.id: node for node in self.nodes}

    @cached_property
    def dependents(self) -> dict[str, tuple[str, ...]]:
        """Name to the nodes that wait for it, in the order of `nodes`."""
        out: dict[str, list[str]] = {node.id: [] for node in self.nodes}
        for node in self.nodes:
            for before in dict.fromkeys(node.depends_on):
                out[before].append(node.id)
        return {name: tuple(after) for name, after in out.items()}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what it says: two with the same digest do the same."""
        text = json.dumps(self.as_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def tasks(self) -> tuple[str, ...]:
        """Keys of all tasks, each once."""
        return tuple(dict.fromkeys(node.task for node in self.nodes))

    def after(self, names: Iterable[str]) -> set[str]:
        """Return *names* and every node that waits for one of them, however far behind."""
        out: set[str] = set()
        left = list(names)
        while left:
            name = left.pop()
            if name not in out:
                out.add(name)
                left += self.dependents[name]
        return out

    def as_dict(self) -> dict[str, Any]:
        """Return it as a manifest says it."""
        out: dict[str, Any] = {"nodes": [node.as_dict() for node in self.nodes]}
        return out if self.queue is None else {**out, "queue": self.queue}


def _nowhere(path: Path, key: bool) -> tuple[Origin | None, Excerpt | None]:
    return None, None


def dag_of(said: object, *, path: Path = (), place: Place = _nowhere) -> Dag:
    """Return what a manifest or a configuration says as the nodes of a workflow.

    Args:
        said: `{"nodes": [{"id": ..., "task": ..., "depends_on": [...]}]}`, of which each node
            may have `payload`, `retry_policy` and `timeout`.
        path: Where it stands in its document.
        place: Gives the place of a path there, for the faults.

    Raises:
        WorkflowError: With everything that is wrong: unknown names, nodes that stand twice
            or that nobody knows, and circles, drawn.

    Example:
        >>> dag = dag_of({"nodes": [{"id": "b", "task": "t", "depends_on": ["a"]},
        ...                         {"id": "a", "task": "t"}]})
        >>> [node.id for node in dag.nodes]
        ['a', 'b']
    """
    if not isinstance(said, dict):
        raise WorkflowError(
            Fault(
                "invalid-value",
                f"expected a table with nodes, got {type(said).__name__}",
                place(path, False)[0],
                fix='write it as nodes = [{ id = "first", task = "KEY" }]',
            )
        )
    faults = dag_faults(said, path)
    if faults:
        raise WorkflowError(
            Fault(one.code, one.message, *place(one.path, one.key), fix=one.fix) for one in faults
        )
    nodes = {node["id"]: _node(node) for node in said["nodes"]}
    return Dag(tuple(_ordered(nodes)), said.get("queue"))


def lone(task: str, payload: Mapping[str, Any]) -> Dag:
    """Return the dag of one task, whose only node has its name."""
    return Dag((Node(task, task, payload=payload),))


def _node(said: Mapping[str, Any]) -> Node:
    return Node(
        said["id"],
        said["task"],
        tuple(dict.fromkeys(said.get("depends_on", ()))),
        said.get("payload", {}),
        retry_of(said.get("retry_policy")),
        said.get("timeout", 0),
    )


def _ordered(nodes: Mapping[str, Node]) -> Iterable[Node]:
    """Yield each node behind those it depends on; without recursion, a chain may be long."""
    done: set[str] = set()
    for first in nodes:
        left = [first]
        while left:
            name = left[-1]
            waiting = [n for n in nodes[name].depends_on if n not in done]
            if name in done or not waiting:
                left.pop()
                if name not in done:
                    done.add(name)
                    yield nodes[name]
            else:
                left += reversed(waiting)
