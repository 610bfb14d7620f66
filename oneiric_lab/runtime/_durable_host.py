"""DBOS in this process: it records each node once, and begins an interrupted run again."""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime  # noqa: TC003 - DBOS reads the annotations
from typing import TYPE_CHECKING, Any, Final

from ._dbos import FLOW, FORM, TICK, guard_records, hold, let_go, load, records_runs
from ._durable_records import attributes_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from ._durable_database import Database

    Drive = Callable[[str, dict[str, Any], "Recorder"], Awaitable[dict[str, Any]]]
    Tick = Callable[[dict[str, Any], str], Awaitable[dict[str, Any]]]

LOOK: Final = 5.0
"""Seconds between two looks for schedules that changed."""

BEGUN: Final = 100
"""How often a run is begun again before it is left alone: it may be what kills its process."""


class Recorder:
    """Runs the nodes of one execution of a run.

    Each node has a number that is drawn before the first one begins, so that it is found
    again though nodes end in another order next time.
    """

    __slots__ = ("_places",)

    def __init__(self, dbos: Any, names: Iterable[str]) -> None:
        self._places = {name: dbos.DBOS.reserve_step() for name in names}

    async def __call__(
        self, name: str, do: Callable[[], Awaitable[dict[str, Any]]]
    ) -> dict[str, Any]:
        """Return what is recorded of a node, or do it and record what it returns."""

        async def step() -> dict[str, Any]:
            return await do()

        found: dict[str, Any] = await self._places[name].run_async({"name": name}, step)
        return found


class Host:
    """DBOS in this process, for one workspace.

    Args:
        database: Where runs are recorded.
        application: Whose.
        executor: Name of this process.
        queue: What it listens to.
        drive: Runs an order.
        tick: Asks for the run of a schedule: what it says, and for which moment.
    """

    def __init__(
        self,
        database: Database,
        application: str,
        executor: str,
        queue: str,
        drive: Drive,
        tick: Tick,
    ) -> None:
        self._dbos = load()
        self._database, self._application, self._executor = database, application, executor
        self._queue, self._drive, self._tick = queue, drive, tick
        self._flow: Any = None
        self._engine: Any = None

    def launch(self) -> None:
        """Begin, in the thread of the loop that runs shall run on; it blocks for 0.1 s.

        Raises:
            WorkflowError: DBOS runs in this process already, or its database cannot be used.
        """
        path = self._database.path
        hold(self._dbos, self._database.url if path is None else str(path))
        try:
            self._begin()
        except Exception as error:
            self.end()
            raise self._database.unusable(error) from error

    def _begin(self) -> None:
        dbos, drive = self._dbos, self._drive
        self._engine = self._database.engine(20)
        config = {
            "name": self._application,
            "system_database_url": self._database.url,
            "system_database_engine": self._engine,
            "serializer": dbos.DBOSPortableJSONSerializer(),
            "application_version": f"{self._application}-{FORM}",
            "executor_id": self._executor,
            "enable_otlp": False,
            "scheduler_polling_interval_sec": LOOK,
            # Nothing listens to it on SQLite, but the end of DBOS waits for its next look.
            "notification_listener_polling_interval_sec": 0.05,
        }
        dbos.DBOS(config={k: v for k, v in config.items() if v is not None})

        async def flow(order: dict[str, Any]) -> dict[str, Any]:
            records_runs()
            run_id = dbos.DBOS.workflow_id
            recorder = Recorder(dbos, [node["id"] for node in order["dag"]["nodes"]])
            try:
                return await drive(run_id, order, recorder)
            except BaseExceptionGroup as group:
                # Who is cancelled, or lost the run to another process, raises it from a node.
                raise _first(group) from None

        async def tick(scheduled: datetime, said: dict[str, Any]) -> None:
            records_runs()
            # As a step: a host that is killed here asks for it once more, and for the same run.
            when = scheduled.isoformat()
            await dbos.DBOS.run_step_async({"name": "ask"}, self._tick, said, when)

        dbos.DBOS.workflow(name=TICK, max_recovery_attempts=BEGUN)(tick)
        self._flow = dbos.DBOS.workflow(name=FLOW, max_recovery_attempts=BEGUN)(flow)
        dbos.DBOS.listen_queues([self._queue])
        dbos.DBOS.launch()
        guard_records(dbos, dbos._dbos._get_dbos_instance()._sys_db.engine)  # noqa: SLF001 - no other way

    async def start(self, run_id: str, order: Mapping[str, Any]) -> None:
        """Begin a run on this loop, now."""
        dbos = self._dbos

        async def begin() -> None:
            with dbos.SetWorkflowID(run_id), dbos.SetWorkflowAttributes(attributes_of(order)):
                await dbos.DBOS.start_workflow_async(self._flow, order)

        # A run that is asked for by a node is no part of that node's run.
        loop = asyncio.get_running_loop()
        with self._database.usable():
            await loop.create_task(begin(), context=contextvars.Context())

    def cancelled(self, run_id: str) -> BaseException:
        """Return what a run raises that was cancelled, so that its end is not recorded again."""
        found: BaseException = self._dbos.error.DBOSWorkflowCancelledError(f"{run_id} is cancelled")
        return found

    def tells_lost(self, error: BaseException) -> bool:
        """Tell whether a run ended here since another process cancelled it, or goes on with it."""
        one = _first(error) if isinstance(error, BaseExceptionGroup) else error
        return isinstance(one, self._dbos.error.DBOSWorkflowConflictIDError)

    def end(self) -> None:
        """End, in a thread of its own; what still runs is begun again by the next host."""
        try:
            self._dbos.DBOS.destroy(destroy_registry=True)
            if self._engine is not None:
                self._engine.dispose()
        finally:
            let_go()

    @staticmethod
    def give_back(loop: asyncio.AbstractEventLoop) -> None:
        """Give a loop threads of its own again: DBOS lent it some that have ended."""
        loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the one that decides: not an error of a node's beside it."""
    for one in group.exceptions:
        if isinstance(one, BaseExceptionGroup):
            return _first(one)
        if not isinstance(one, Exception):
            return one
    return group.exceptions[0]
