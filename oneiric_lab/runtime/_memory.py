"""The engine that forgets: runs of this process, kept for as long as it lives."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Self

import anyio

from oneiric_lab.errors import logger

from ._flow import AT_A_TIME
from ._flow_drive import Driver
from ._flow_errors import engine_closed, has_ended, other_payload, unknown_run
from ._flow_hooks import FlowHooks
from ._flow_run import FlowRun, NodeRun, begins
from ._payload import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable
    from types import TracebackType

    from ._engine import Order
    from ._flow import Flow
    from ._flow_call import Tasks

KEPT: Final = 100
"""Runs that ended and are still told of."""


@dataclass(slots=True)
class _Live:
    """A run of this process."""

    order: Order
    asked: float
    due: float | None = None
    began: float | None = None
    ended: float | None = None
    state: Any = "waiting"
    flow: Flow | None = None
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    loop: asyncio.AbstractEventLoop | None = None
    over: Future[None] = field(default_factory=Future)


class MemoryEngine:
    """Runs orders in this process, and forgets them with it.

    Args:
        tasks: Who provides tasks.
        hooks: Called at the moments of runs.
        nodes: Nodes of one run that run at a time.
        limit: Most bytes of a result.
        wall: Seconds since 1970.
        secrets: Gives the texts that must be kept out of results.

    Example:
        >>> import anyio
        >>> from oneiric_lab.runtime import MemoryEngine, Order, dag_of
        >>> MemoryEngine.durable
        False
    """

    durable = False

    def __init__(
        self,
        tasks: Tasks,
        *,
        hooks: FlowHooks | None = None,
        nodes: int = AT_A_TIME,
        limit: int = MAX_BYTES,
        wall: Callable[[], float] = time.time,
        secrets: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self.hooks = hooks or FlowHooks()
        self._driver = Driver(tasks, self.hooks, nodes, limit, secrets, wall)
        self.counters, self._wall = self._driver.counters, wall
        self._runs: dict[str, _Live] = {}
        self._going: set[asyncio.Task[None]] = set()
        self._is_open = False

    def __repr__(self) -> str:
        return f"<MemoryEngine: {len(self._runs)} runs, in memory>"

    async def __aenter__(self) -> Self:
        """Take orders from here on."""
        self._is_open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cancel what goes on, and wait until nothing does."""
        self._is_open = False
        for run in list(self._runs.values()):
            _cancel(run)
        with anyio.CancelScope(shield=True):
            await self.drained()

    async def start(self, order: Order, run_id: str) -> bool:
        """Begin a run; see `Engine`."""
        if not self._is_open:
            raise engine_closed()
        run = self._asked(order, run_id)
        if run is None:
            return False
        self._go(run_id, self._drive(run_id, run))
        return True

    def later(self, order: Order, run_id: str, delay: float) -> None:
        """Run an order on this loop after so many seconds, whether the engine was entered or not.

        Nobody waits for it: where it fails, the log tells.
        """
        run = self._asked(order, run_id)
        if run is not None:
            run.due = self._wall() + delay
            self._go(run_id, self._drive_later(run_id, run, delay))

    async def drained(self) -> None:
        """Wait until nothing goes on or is put off; without an end where that goes on for ever."""
        while self._going:
            await asyncio.wait(set(self._going))

    def _go(self, run_id: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name=run_id)
        self._going.add(task)
        task.add_done_callback(self._going.discard)

    async def run(self, order: Order, run_id: str) -> FlowRun:
        """Run an order here and now, whether the engine was entered or not.

        To cancel the caller is to cancel the run.
        """
        run = self._asked(order, run_id)
        if run is not None:
            await self._drive(run_id, run)
        return self.show(run_id)

    def _asked(self, order: Order, run_id: str) -> _Live | None:
        """Return a new run, or None where there is one of that name."""
        known = self._runs.get(run_id)
        if known is None:
            self._runs[run_id] = run = _Live(order, self._wall())
            return run
        if known.order.payload != order.payload:
            raise other_payload(run_id)
        return None

    async def wait(self, run_id: str) -> FlowRun:
        """Wait for the end of a run; see `Engine`."""
        # Whoever waits, on whatever loop: to end the wait is not to end the run.
        await asyncio.shield(asyncio.wrap_future(self._run(run_id).over))
        return self.show(run_id)

    async def cancel(self, run_id: str) -> FlowRun:
        """End a run; see `Engine`."""
        run = self._run(run_id)
        if run.over.done():
            raise has_ended(run_id, run.state)
        _cancel(run)
        return await self.wait(run_id)

    def knows(self, run_id: str) -> bool:
        """Tell whether it has a run of this name."""
        return run_id in self._runs

    def show(self, run_id: str) -> FlowRun:
        """Return a run; see `Engine`."""
        run = self._run(run_id)
        order = run.order
        nodes = (
            tuple(NodeRun(node.id, node.task) for node in order.dag.nodes)
            if run.flow is None
            else run.flow.in_order()
        )
        return replace(
            self._short(run_id, run),
            payload=order.payload,
            nodes=nodes,
            dag=order.dag.as_dict(),
            code={name: code.as_dict() for name, code in order.code.items()},
        )

    def list(
        self, *, workflow: str | None = None, states: Iterable[str] = (), limit: int = 50
    ) -> tuple[FlowRun, ...]:
        """Return runs; see `Engine`."""
        wanted = frozenset(states)
        found = [
            self._short(run_id, run)
            for run_id, run in reversed(list(self._runs.items()))
            if workflow in {None, run.order.workflow} and (not wanted or run.state in wanted)
        ]
        return tuple(found[:limit])

    # --- inside -------------------------------------------------------------------------

    async def _drive_later(self, run_id: str, run: _Live, delay: float) -> None:
        await self._drive(run_id, run, delay)
        failed = () if run.flow is None else run.flow.failed
        for node in failed:
            why = (node.error or {}).get("message", "")
            logger(__name__).error("%s of %s failed: %s", node.id, run_id, why)

    async def _drive(self, run_id: str, run: _Live, delay: float = 0) -> None:
        run.flow = self._driver.flow(run.order, run_id)
        run.loop = asyncio.get_running_loop()
        outcome = "cancelled"
        try:
            with run.scope:
                await anyio.sleep(delay)
                run.began, run.state = self._wall(), "running"
                self.counters.began(run_id, run.order.workflow)
                outcome = "done" if await run.flow.drive() else "failed"
        finally:
            run.ended, run.state = self._wall(), outcome
            if run.began is not None:
                self.counters.ended(run_id, outcome)
            run.over.set_result(None)
            self._forget()

    def _forget(self) -> None:
        over = [run_id for run_id, run in self._runs.items() if run.over.done()]
        for run_id in over[: max(len(over) - KEPT, 0)]:
            del self._runs[run_id]

    def _run(self, run_id: str) -> _Live:
        try:
            return self._runs[run_id]
        except KeyError:
            raise unknown_run(run_id, self._runs) from None

    def _short(self, run_id: str, run: _Live) -> FlowRun:
        return FlowRun(
            run_id,
            run.order.workflow,
            run.state,
            started=run.asked if run.began is None else run.began,
            ended=run.ended,
            forked=run.order.forked,
            why=begins(run.due) if run.state == "waiting" and run.due is not None else "",
        )


def _cancel(run: _Live) -> None:
    """Cancel a run on its own loop; one that did not begin finds its scope cancelled."""
    if run.loop is None or run.loop is _running_loop():
        run.scope.cancel()
    elif not run.over.done():
        with suppress(RuntimeError):  # its loop is closed, and the run is over
            run.loop.call_soon_threadsafe(run.scope.cancel)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
