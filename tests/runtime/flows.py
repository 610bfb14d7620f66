"""What tests of runs share: tasks that do as they are told, in memory."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import NoCandidateError
from oneiric_lab.runtime import Code, Dag, dag_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class Desk:
    """Tasks by key: each is a function of payload and context, or an object with `run`.

    Attributes:
        log: Every call, as `node#attempt`.
        held: Leases that were begun and did not end.
    """

    def __init__(self, **tasks: Any) -> None:
        self.tasks = tasks
        self.log: list[str] = []
        self.held = 0

    @asynccontextmanager
    async def lease(self, key: str) -> AsyncIterator[Any]:
        """Give the task, and count who has it."""
        self.held += 1
        try:
            yield self.tasks[key]
        finally:
            self.held -= 1

    def code(self, key: str) -> Code:
        """Return whose it is."""
        if key not in self.tasks:
            raise NoCandidateError(f"no candidate for task:{key}")
        return Code(f"{key} 1")

    def keys(self) -> list[str]:
        """Return all."""
        return sorted(self.tasks)

    def note(self, result: Callable[[Any], Any] = lambda context: context.node) -> Any:
        """Return a task that writes down its call and returns *result* of its context."""

        async def work(payload: Any, context: Any) -> Any:
            self.log.append(f"{context.node}#{context.attempt}")
            await asyncio.sleep(0)
            return result(context)

        return work


def dag(**nodes: Any) -> Dag:
    """Return a dag: each node by its name, with what it depends on, or with all it says."""
    said = []
    for name, what in nodes.items():
        more = what if isinstance(what, dict) else {"depends_on": what.split()}
        said.append({"id": name, "task": "note", **more})
    return dag_of({"nodes": said})
