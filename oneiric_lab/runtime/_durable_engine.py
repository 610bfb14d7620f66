"""The durable engine: each node is recorded once, and an interrupted run goes on.

A node is called at least once: a process may end after a task did its work and before that is
recorded. What is recorded is never run again, and nothing is recorded twice: who lost a run to
another process cannot record for it any more.
"""

from __future__ import annotations

import asyncio
import math
import os
import socket
import time
from contextlib import AsyncExitStack, ExitStack, suppress
from datetime import timedelta
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final, Self

import anyio
from anyio import to_thread

from oneiric_lab.errors import UsageError, WorkflowError, logger

from ._changed import Changed
from ._dbos import database_error
from ._durable_alive import Alive
from ._durable_host import Host
from ._durable_lock import take
from ._durable_records import Records
from ._durable_view import RecordedRuns
from ._engine import Order
from ._flow import AT_A_TIME
from ._flow_drive import Driver
from ._flow_errors import engine_closed, has_ended, other_payload
from ._flow_hooks import FlowHooks
from ._flow_run import new_run_id
from ._payload import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from types import TracebackType

    from ._durable_database import Database
    from ._durable_host import Recorder
    from ._durable_records import Row
    from ._flow import Flow
    from ._flow_call import Tasks
    from ._flow_run import FlowRun

LOOK: Final = 2.5
"""Seconds between two looks for runs that nobody goes on with."""

CANCELLED: Final = 1.0
"""Seconds between two looks for runs that another process cancelled."""

DUE: Final = 0.5
"""Seconds between two looks whether a run was put off; each asks two files for their times."""

LATE: Final = timedelta(seconds=15)
"""How late DBOS may ask for the run of a moment: a tenth of the wait, ten seconds at most."""

_TICK: Final = 0.002
"""Seconds by which two clocks may differ when a sleep ends."""

LOG_BYTES: Final = 4 * 1024 * 1024
"""Of the log of SQLite, from which on the host copies it back into the file."""


class FlowFailedError(Exception):
    """What a run raises that failed, so that its end is recorded so."""


class DurableEngine:
    """Runs orders so that they outlive the process.

    Args:
        tasks: Who provides tasks.
        database: Where runs are recorded.
        application: Whose runs; several applications may share a database.
        hooks: Called at the moments of runs.
        nodes: Nodes of one run that run at a time.
        limit: Most bytes of a result.
        at_a_time: Runs from the queue that go on at a time.
        accept: Whether interrupted runs go on by themselves though their code changed.
        is_host: Whether it takes orders from the queue and interrupted runs; one that does not
            runs only what it is given here.
        every: Seconds between two looks into the queue.
        schedules: Name to what a host asks for by the clock, see `Clock`.
        order_of: Makes the order that a schedule asks for, of workflow and payload.
        secrets: Gives the texts that must be kept out of results.
    """

    durable = True

    def __init__(
        self,
        tasks: Tasks,
        database: Database,
        application: str,
        *,
        hooks: FlowHooks | None = None,
        nodes: int = AT_A_TIME,
        limit: int = MAX_BYTES,
        at_a_time: int = 16,
        accept: bool = False,
        is_host: bool = True,
        every: float = 0.2,
        schedules: Mapping[str, Mapping[str, Any]] | None = None,
        order_of: Callable[[str, Any], Order] | None = None,
        secrets: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self.hooks = hooks or FlowHooks()
        self._driver = Driver(tasks, self.hooks, nodes, limit, secrets)
        self.counters = self._driver.counters
        self.executor = f"{socket.gethostname()}-{os.getpid()}-{token_hex(3)}"
        self.held: dict[str, str] = {}
        self._tasks = tasks
        self._database, self._application, self._accept = database, application, accept
        self._is_host = is_host
        self._schedules, self._order_of = schedules or {}, order_of
        self._queue = application if is_host else f"{application}.{self.executor}"
        self._at_a_time, self._every = at_a_time, every
        self._host = Host(
            database, application, self.executor, self._queue, self._drive, self._tick
        )
        self._runs: Records | None = None
        self._alive: Alive | None = None
        self._view: RecordedRuns | None = None
        self._active: dict[str, tuple[anyio.CancelScope, asyncio.Event]] = {}
        self._cancelled: set[str] = set()
        # Runs that nobody went on with at the last look.
        self._left: set[str] = set()
        # Orders of this process, which need not be read from their records.
        self._begun: dict[str, Order] = {}
        self._changed, self._due = Changed(*database.files), math.inf
        self._exit = AsyncExitStack()
        self._is_open = False

    def __repr__(self) -> str:
        where = "Postgres" if self._database.path is None else self._database.path.name
        return f"<DurableEngine: {where}>"

    # --- its life -----------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Begin; see `Engine`.

        Raises:
            WorkflowError: Another process is the host, this one has an engine already, or the
                runs cannot be used.
            MissingExtraError: Without the extra `durable`.
        """
        async with AsyncExitStack() as stack:
            if self._database.path is not None:
                held = stack.enter_context(ExitStack())
                await to_thread.run_sync(take, held, self._database.path)
            await to_thread.run_sync(self._database.make)
            self._runs = await to_thread.run_sync(Records, self._database, self._application)
            stack.callback(self._runs.close)
            if self._database.path is None:
                self._alive = await to_thread.run_sync(Alive, self._database, self._application)
                stack.callback(self._alive.close)
                await to_thread.run_sync(self._alive.hold, self.executor)
            self._view = RecordedRuns(self._runs, self._is_alive, self.held)
            # Before DBOS begins: it looks for new queues once a second only.
            await to_thread.run_sync(self._open_queue)
            # In the loop's own thread: DBOS then runs nodes on this loop.
            self._host.launch()
            stack.push_async_callback(self._end)
            if self._is_host:
                await to_thread.run_sync(self._take_up)
            loop = asyncio.get_running_loop()
            looks = [(self._look, LOOK), (self._end_cancelled, CANCELLED)]
            if self._is_host and self._database.path is not None:
                looks.append((self._begin_due, DUE))
            for look, seconds in looks:
                keeper = loop.create_task(_again(look, seconds), name="oneiric runs")
                stack.push_async_callback(_stop, keeper)
            self._exit = stack.pop_all()
        self._is_open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End; what goes on is left to the next host."""
        self._is_open = False
        with anyio.CancelScope(shield=True):
            await self._exit.aclose()

    async def _end(self) -> None:
        for scope, _ in list(self._active.values()):
            scope.cancel()
        for _, over in list(self._active.values()):
            await over.wait()
        assert self._runs is not None, "it was entered"  # noqa: S101 - our own invariant
        if not self._is_host:
            with suppress(Exception):  # an empty queue that stays does no harm
                await to_thread.run_sync(self._runs.forget_queue, self._queue)
        await to_thread.run_sync(self._host.end)
        self._host.give_back(asyncio.get_running_loop())
        with suppress(Exception):  # the next host does it as well
            await to_thread.run_sync(lambda: self._database.checkpoint(whole=True))

    def _open_queue(self) -> None:
        assert self._runs is not None, "it was entered"  # noqa: S101 - our own invariant
        if self._is_host:
            self._runs.clock.set(self._schedules)
        self._runs.open_queue(self._queue, at_a_time=self._at_a_time, every=self._every)

    async def _end_cancelled(self) -> None:
        """End runs here that another process cancelled: one question for all of them."""
        assert self._runs is not None, "it was entered"  # noqa: S101 - our own invariant
        # As they are now: one that is cancelled and resumed meanwhile has a new scope.
        active = dict(self._active)
        if not active:
            return
        for run_id in await to_thread.run_sync(self._runs.cancelled, active):
            self._cancelled.add(run_id)
            active[run_id][0].cancel()

    async def _begin_due(self) -> None:
        """Begin what was put off when it is due; SQLite only, whose files tell of a new one."""
        assert self._runs is not None, "it was entered"  # noqa: S101 - our own invariant
        if self._changed():
            self._due = await to_thread.run_sync(self._database.first_due, time.time())
        while (left := self._due - time.time()) <= DUE:
            await anyio.sleep(max(left, 0) + _TICK)
            await to_thread.run_sync(self._runs.begin_due)
            # One that is due and did not begin is another application's, or waits for DBOS.
            self._due = await to_thread.run_sync(self._database.first_due, time.time())

    async def _look(self) -> None:
        """Look after the log of SQLite, and after runs that nobody goes on with."""
        active = {*self._active, *self._begun}
        await to_thread.run_sync(self._go_on_here, active)
        await to_thread.run_sync(self._look_after)

    def _go_on_here(self, active: set[str]) -> None:
        """Begin runs of this process again whose records could not be written.

        Args:
            active: Runs that go on here. One that is not among them at two looks is no longer
                on its way there, or on its way to its end.
        """
        assert self._runs is not None, "it was entered"  # noqa: S101 - our own invariant
        rows = self._runs.rows(status=["PENDING"], executor_id=self.executor)
        rows += [row for row in self._runs.ticks() if row.executor == self.executor]
        left = {row.id for row in rows} - active
        for run_id in left & self._left:
            self.held.setdefault(run_id, "what became of it could not be recorded: it goes on")
            try:
                self._runs.resume(run_id, self._queue)
            except WorkflowError as error:
                self.held[run_id] = _held(error)
        self._left = left

    def _look_after(self) -> None:
        if self._is_host:
            assert self._runs is not None, "it was entered"  # noqa: S101 - our own invariant
            self._runs.clock.make_up(self._schedules, LATE)
        if self._alive is not None:
            self._alive.hold(self.executor)
            if self._is_host:
                self._take_up()
        path = self._database.path
        if path is not None:
            log = path.with_name(f"{path.name}-wal")
            if log.exists() and log.stat().st_size > LOG_BYTES:
                self._database.checkpoint()

    def _take_up(self) -> None:
        """Have runs of processes that are gone begun again, where their code is what it was."""
        assert self._runs is not None, "it was entered"  # noqa: S101 - our own invariant
        rows = self._runs.rows(status=["PENDING", "ENQUEUED"], with_order=True)
        rows += self._runs.ticks()
        gone: dict[str, list[Row]] = {}
        for row in rows:
            executor = row.executor
            if row.status == "ENQUEUED":
                # Of the private queue of a process that ran one thing.
                executor = (row.queue or "").removeprefix(f"{self._application}.")
                if executor == row.queue:
                    continue
            if executor != self.executor:
                gone.setdefault(executor, []).append(row)
        for executor, left in gone.items():
            with ExitStack() as held:
                if self._alive is not None:
                    leave = self._alive.take_from(executor)
                    if leave is None:
                        continue
                    held.callback(leave)
                    # What another host took a moment ago is not of this executor any more.
                    names = [row.id for row in left]
                    now = self._runs.rows(workflow_ids=names, with_order=True)
                    now += self._runs.ticks()
                    left[:] = [row for row in now if _of(row, executor)]
                for row in left:
                    self._go_on(row)

    def _go_on(self, row: Row) -> None:
        assert self._runs is not None, "it was entered"  # noqa: S101 - our own invariant
        assert self._view is not None, "it was entered"  # noqa: S101 - our own invariant
        try:
            # A moment of a schedule has no order: it asks for one.
            free = self._accept or row.order is None
            faults = [] if free else self._view.changes(row, self._tasks)
        except WorkflowError as error:
            faults = list(error.faults)
        if faults:
            if row.id not in self.held:
                logger(__name__).warning("a run is held: %s", faults[0].message)
            self.held[row.id] = f"{faults[0].message}; {faults[0].fix}"
            return
        self.held.pop(row.id, None)
        self._runs.resume(row.id, self._queue)

    def _is_alive(self, executor: str) -> bool:
        if executor == self.executor:
            return True
        return self._alive is not None and self._alive.is_alive(executor)

    # --- orders -------------------------------------------------------------------------

    async def start(self, order: Order, run_id: str) -> bool:
        """Begin a run; see `Engine`."""
        runs, _ = self._opened()
        known = await to_thread.run_sync(runs.row, run_id)
        if known is not None:
            if known.order is None or known.order.get("payload") != order.payload:
                raise other_payload(run_id)
            return False
        self._begun[run_id] = order
        try:
            await self._host.start(run_id, order.as_dict())
        except BaseException:
            self._begun.pop(run_id, None)
            raise
        return True

    async def wait(self, run_id: str) -> FlowRun:
        """Wait for the end of a run; see `Engine`. One that is held is not waited for."""
        _, view = self._opened()
        wait = 0.005
        while True:
            active = self._active.get(run_id)
            if active is not None:
                await active[1].wait()
                wait = 0.005
            if await to_thread.run_sync(view.is_ended, run_id) or run_id in self.held:
                return await to_thread.run_sync(view.show, run_id)
            await anyio.sleep(wait)
            wait = min(wait * 2, 0.25)

    async def cancel(self, run_id: str) -> FlowRun:
        """End a run; see `Engine`."""
        runs, view = self._opened()
        found = await to_thread.run_sync(view.show, run_id)
        if found.is_ended:
            raise has_ended(run_id, found.state)
        await to_thread.run_sync(runs.cancel, run_id)
        self.held.pop(run_id, None)
        active = self._active.get(run_id)
        if active is not None:
            self._cancelled.add(run_id)
            active[0].cancel()
            await active[1].wait()
        return await to_thread.run_sync(view.show, run_id)

    async def resume(self, run_id: str, *, accept: bool = False) -> None:
        """Have a run go on that was interrupted, cancelled, or is held.

        Args:
            run_id: Which.
            accept: Whether it may go on though its code changed.

        Raises:
            WorkflowError: There is no such run, it has ended, or it goes on already.
            CodeChangedError: Other code would do what is left of it.
        """
        runs, view = self._opened()

        def again() -> None:
            view.resumable(run_id, self._tasks, accept=accept or self._accept)
            self.held.pop(run_id, None)
            runs.resume(run_id, self._queue)

        await to_thread.run_sync(again)

    async def follow(self, schedules: Mapping[str, Mapping[str, Any]]) -> None:
        """Take schedules in place of those that were in force; those of a host alone count.

        Raises:
            WorkflowError: One is said wrongly.
        """
        runs, _ = self._opened()
        if self._is_host and schedules != self._schedules:
            await to_thread.run_sync(runs.clock.set, schedules)
            self._schedules = schedules

    def show(self, run_id: str) -> FlowRun:
        """Return a run; see `Engine`."""
        return self._opened()[1].show(run_id)

    def list(
        self, *, workflow: str | None = None, states: Iterable[str] = (), limit: int = 50
    ) -> tuple[FlowRun, ...]:
        """Return runs; see `Engine`."""
        return self._opened()[1].list(workflow=workflow, states=states, limit=limit)

    # --- inside -------------------------------------------------------------------------

    def _opened(self) -> tuple[Records, RecordedRuns]:
        if not self._is_open or self._runs is None or self._view is None:
            raise engine_closed()
        return self._runs, self._view

    async def _tick(self, said: dict[str, Any], when: str) -> dict[str, Any]:
        """Ask for the run of a schedule; called by DBOS, once or again for one moment."""
        assert self._runs is not None, "it was entered"  # noqa: S101 - our own invariant
        if self._order_of is None:
            raise UsageError("this engine knows no workflows by name")
        order = self._order_of(said["workflow"], said["payload"])
        run_id = new_run_id(order.workflow, f"{said['name']} {when}")
        await to_thread.run_sync(self._runs.enqueue, run_id, order.as_dict(), self._queue)
        return {"run": run_id}

    async def _drive(self, run_id: str, said: dict[str, Any], record: Recorder) -> dict[str, Any]:
        """Run an order here; called by DBOS, also for what another process began."""
        order = self._begun.pop(run_id, None) or Order.of(said)
        flow = self._driver.flow(order, run_id, record)
        scope, over = anyio.CancelScope(), asyncio.Event()
        self._active[run_id] = scope, over
        self.held.pop(run_id, None)
        self.counters.began(run_id, order.workflow)
        outcome: str | None = None
        try:
            with scope:
                outcome = "done" if await flow.drive() else "failed"
            if outcome is None and run_id in self._cancelled:
                outcome = "cancelled"
            return self._settled(run_id, outcome, flow)
        except BaseException as error:
            broken = database_error(error)
            if broken is not None:
                # What a node did is not recorded, which is no end: it is done again.
                self.held[run_id] = _held(self._database.unusable(broken))
                logger(__name__).error("the run %s is held: %s", run_id, broken)
                raise asyncio.CancelledError from error
            if self._host.tells_lost(error) and await self._is_cancelled(run_id):
                outcome = "cancelled"
            raise
        finally:
            self._cancelled.discard(run_id)
            self.counters.ended(run_id, outcome)
            del self._active[run_id]
            over.set()

    async def _is_cancelled(self, run_id: str) -> bool:
        assert self._runs is not None, "it was entered"  # noqa: S101 - our own invariant
        return bool(await to_thread.run_sync(self._runs.cancelled, [run_id]))

    def _settled(self, run_id: str, outcome: str | None, flow: Flow) -> dict[str, Any]:
        """Return or raise what DBOS records of the end of a run."""
        if outcome is None:
            # Nothing: it is begun again by the next host.
            raise asyncio.CancelledError
        if outcome == "cancelled":
            raise self._host.cancelled(run_id)
        if outcome == "failed":
            raise FlowFailedError("failed: " + ", ".join(node.id for node in flow.failed))
        return {"state": outcome}


def _held(error: WorkflowError) -> str:
    """Return why a run waits whose records cannot be written."""
    fault = error.faults[0]
    return f"{fault.message}; {fault.fix}, then its host goes on, or workflow resume"


def _of(row: Row, executor: str) -> bool:
    """Tell whether a run is still left behind by an executor."""
    if row.status == "PENDING":
        return row.executor == executor
    return row.status == "ENQUEUED" and (row.queue or "").endswith(f".{executor}")


async def _again(look: Callable[[], Awaitable[None]], seconds: float) -> None:
    while True:
        await anyio.sleep(seconds)
        try:
            await look()
        except Exception as error:  # noqa: BLE001 - a server that is away comes back
            logger(__name__).warning("runs cannot be looked after: %s", error)


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
