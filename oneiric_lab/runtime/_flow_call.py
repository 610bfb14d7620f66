"""One node: its task is leased, called, tried again, and what comes of it is checked."""

from __future__ import annotations

import inspect
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Protocol

import anyio
from anyio import to_thread

from oneiric_lab.errors import (
    Fault,
    NoCandidateError,
    OneiricError,
    TaskFailedError,
    WorkflowError,
    did_you_mean,
)

from ._dag import Node
from ._flow_run import NodeRun
from ._payload import MAX_BYTES, json_value
from ._tallies import repeated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator


@dataclass(frozen=True, slots=True)
class Code:
    """Whose code a task is.

    Attributes:
        provider: Its name and version, as in `csv 1.2.0`.
        digest: SHA-256 of its source, or empty where nobody can tell.
    """

    provider: str
    digest: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the JSON shape."""
        return {"provider": self.provider, "digest": self.digest}


class Tasks(Protocol):
    """The tasks that there are: in a lab, the candidates of the domain `task`."""

    def lease(self, key: str) -> Any:
        """Return what `async with` makes a lease of: the instance in force."""

    def code(self, key: str) -> Code:
        """Return whose code runs, without running it.

        Raises:
            NoCandidateError: Nobody provides it.
        """

    def keys(self) -> Iterable[str]:
        """Return all tasks that somebody provides."""


class Results(Mapping[str, Any]):
    """What the nodes returned that a node depends on; each look gives a copy of its own."""

    __slots__ = ("_found", "_names")

    def __init__(self, found: Mapping[str, Any], names: tuple[str, ...]) -> None:
        self._found, self._names = found, names

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            fix = did_you_mean(name, self._names) or "it depends on nothing"
            raise KeyError(f"no node {name!r} among depends_on; {fix}")
        return json_value(self._found[name], name, limit=1 << 62)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True, slots=True)
class TaskContext:
    """What a task may know beside its payload.

    Attributes:
        run_id: The run that it is part of.
        workflow: Key of the workflow; empty for a task that runs alone.
        node: Its node.
        idempotency_key: The same at every attempt, also after a crash, and of no other node or
            run: what a task hands to a system that must not do a thing twice.
        attempt: From 1, in this process.
        input: What the run was given.
        results: What the nodes returned that it depends on.
    """

    run_id: str
    workflow: str
    node: str
    idempotency_key: str
    attempt: int = 1
    input: Any = None
    results: Mapping[str, Any] = field(default_factory=lambda: Results({}, ()))


@dataclass(frozen=True, slots=True)
class Caller:
    """How the nodes of one run are called.

    Attributes:
        tasks: Who provides them.
        run_id: Of the run.
        workflow: Of the run.
        input: What the run was given.
        limit: Most bytes of a result.
        draw: Gives a number from 0 to 1, by lot.
        sleep: Waits between two attempts.
        clock: Nanoseconds that never go back.
        wall: Seconds since 1970.
        secrets: Gives the texts that must be kept out of what is recorded.
    """

    tasks: Tasks
    run_id: str
    workflow: str = ""
    input: Any = None
    limit: int = MAX_BYTES
    draw: Callable[[], float] = random.random
    sleep: Callable[[float], Awaitable[object]] = anyio.sleep
    clock: Callable[[], int] = time.perf_counter_ns
    wall: Callable[[], float] = time.time
    secrets: Callable[[], Iterable[str]] = tuple

    async def call(self, node: Node, found: Mapping[str, Any]) -> NodeRun:
        """Do a node, as often as it may be tried; what its task raises is in what is returned.

        Args:
            node: Which.
            found: What the nodes before it returned.
        """
        tasks, retry = self.tasks, node.retry
        started, begun = self.wall(), self.clock()
        attempt, code, result, error = 0, Code(""), None, None
        while True:
            attempt += 1
            try:
                code = tasks.code(node.task)
                async with tasks.lease(node.task) as instance:
                    said = TaskContext(
                        self.run_id,
                        self.workflow,
                        node.id,
                        f"{self.run_id}/{node.id}",
                        attempt,
                        self.input,
                        Results(found, node.depends_on),
                    )
                    returned = await _invoke(instance, node, said)
                result = None
                if returned is not None:
                    what, hidden = f"the result of {node.id}", self.secrets()
                    result = json_value(returned, what, limit=self.limit, secrets=hidden)
                error = None
            except Exception as failure:  # noqa: BLE001 - whatever a task raises is its answer
                error = failure
            if attempt > 1:
                repeated("node", well=error is None)
            if error is None or attempt >= retry.attempts or not _may_pass(error):
                break
            await self.sleep(retry.delay(attempt, self.draw()))
        return NodeRun(
            node.id,
            node.task,
            "done" if error is None else "failed",
            result,
            None if error is None else _said(error, self.secrets()),
            attempt,
            started,
            (self.clock() - begun) / 1e6,
            code.provider,
            code.digest,
        )


async def call_task(
    tasks: Tasks,
    key: str,
    payload: Mapping[str, Any],
    run_id: str,
    *,
    secrets: Callable[[], Iterable[str]] = tuple,
    **options: Any,
) -> NodeRun:
    """Run one task alone, outside of any workflow.

    Args:
        tasks: Who provides it.
        key: Of the task.
        payload: What it is given.
        run_id: Where its idempotency key comes from.
        secrets: Gives the texts that must be kept out of what is shown.
        options: `retry=` and `timeout=` as a `Node` has them.
    """
    node = Node(key, key, payload=json_value(payload, "the payload"), **options)
    return await Caller(tasks, run_id, secrets=secrets).call(node, {})


async def _invoke(instance: Any, node: Node, said: TaskContext) -> Any:
    call = getattr(instance, "run", None)
    if not callable(call):
        call = instance
    if not callable(call):
        raise TaskFailedError(
            Fault(
                "no-task",
                f"task:{node.task} has no method run, and cannot be called itself",
                fix="write def run(self, payload, context) into its class",
            )
        )
    # Each attempt has a payload of its own: a task may change what it was given.
    payload = json_value(node.payload, "the payload") if node.payload else {}
    many, is_async = _shape(call)
    given = (payload, said)[:many]
    if not node.timeout:
        return await _answer(call, given, is_async, abandon=False)
    with anyio.move_on_after(node.timeout) as scope:
        return await _answer(call, given, is_async, abandon=True)
    assert scope.cancelled_caught, "nothing else leaves the block so"  # noqa: S101 - our own
    raise TaskFailedError(
        Fault(
            "task-timeout",
            f"task:{node.task} took longer than {node.timeout:g} s: {node.id}",
            why=None if is_async else "what it does in a thread cannot be stopped, and goes on",
            fix="raise the timeout of the node, or make the task quicker",
        )
    )


async def _answer(call: Any, given: tuple[Any, ...], is_async: bool, *, abandon: bool) -> Any:
    if is_async:
        return await call(*given)
    found = await to_thread.run_sync(partial(call, *given), abandon_on_cancel=abandon)
    return await found if inspect.isawaitable(found) else found


def _shape(call: Any) -> tuple[int, bool]:
    """Return how many arguments by position it takes, and whether it is a coroutine's."""
    function = getattr(call, "__func__", None)
    if function is not None:
        many, is_async = _shape_of(function)
        return many - 1, is_async
    if inspect.isfunction(call) or inspect.isbuiltin(call):
        return _shape_of(call)
    inside = type(call).__call__
    if inspect.isfunction(inside):
        many, is_async = _shape_of(inside)
        return many - 1, is_async
    return _shape_of.__wrapped__(call)


@lru_cache(maxsize=4096)
def _shape_of(function: Any) -> tuple[int, bool]:
    try:
        kinds = [p.kind for p in inspect.signature(function).parameters.values()]
    except ValueError:  # a builtin that tells nothing of itself
        return 1, False
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return 3, inspect.iscoroutinefunction(function)
    by_position = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    return sum(k in by_position for k in kinds), inspect.iscoroutinefunction(function)


def _may_pass(error: Exception) -> bool:
    """Tell whether another attempt could end otherwise."""
    if isinstance(error, TaskFailedError):
        return error.code != "no-task"
    return not isinstance(error, NoCandidateError | WorkflowError)


def _said(error: Exception, secrets: Iterable[str]) -> dict[str, Any]:
    if isinstance(error, OneiricError):
        return {"code": error.code, "message": error.faults[0].message}
    text = str(error).encode(errors="replace").decode()
    for secret in secrets:
        text = text.replace(secret, "(a secret)")
    kind = type(error).__name__
    return {"code": "task-failed", "message": f"{kind}: {text[:2000]}" if text else kind}
