"""Which engine runs the workflows of a lab, and who reads what it recorded."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager, contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast

import anyio

from oneiric_lab.errors import Fault, UsageError, logger
from oneiric_lab.runtime import FlowHooks, MemoryEngine

from ._flow_tasks import LabTasks, Offers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

    from oneiric_lab.config import Settings
    from oneiric_lab.runtime import (
        Database,
        DurableEngine,
        Engine,
        Order,
        RecordedRuns,
        Records,
    )
    from oneiric_lab.store import Store

R = TypeVar("R")

FILE: Final = "workflows.db"


class Configured(Offers, Protocol):
    """The lab, as its engines see it."""

    settings: Settings
    store: Store


class Engines:
    """The engines of one lab: at most one of them is entered at a time.

    Args:
        lab: The lab.
        order_of: Makes the order that a schedule asks for.

    Attributes:
        hooks: Called at the moments of runs, whichever engine runs them.
        tasks: Who provides tasks.
        held: The engine that is entered now.
        home: The loop that entered it.
    """

    def __init__(self, lab: Configured, order_of: Callable[[str, Any], Order]) -> None:
        self._lab, self._order_of = lab, order_of
        self.hooks = FlowHooks()
        self.tasks = LabTasks(lab)
        self.held: Engine | None = None
        self.home: asyncio.AbstractEventLoop | None = None
        self._memory: MemoryEngine | None = None
        self._hold: _Hold | None = None

    # --- which --------------------------------------------------------------------------

    @property
    def durable(self) -> bool:
        """Whether runs outlive the process: the extra is there, and nobody switched it off."""
        wanted = self._lab.settings.runtime_paths.workflow_checkpoints_enabled
        return wanted and find_spec("dbos") is not None

    @property
    def application(self) -> str:
        """Whose runs they are, in a database that several share."""
        name = re.sub(r"[^a-z0-9_-]+", "-", self._lab.settings.app.name.lower()).strip("-")
        return f"oneiric-{name or 'lab'}"[:200]

    @property
    def database(self) -> Database:
        """Where they are recorded: the server that the configuration names, or a file."""
        from oneiric_lab.runtime import Database as Place  # noqa: PLC0415 - of durable runs only

        url = self._lab.settings.workflows.database_url
        if url is not None:
            return Place(url.reveal())
        said = self._lab.settings.runtime_paths.workflow_checkpoints_path
        path = self._lab.store.path.with_name(FILE) if said is None else self._lab.root / said
        return Place.file(path)

    def memory(self) -> MemoryEngine:
        """Return the one engine in memory, whose runs are known for as long as the lab is."""
        if self._memory is None:
            said = self._lab.settings.workflows
            self._memory = MemoryEngine(
                self.tasks,
                hooks=self.hooks,
                nodes=said.nodes_at_a_time,
                limit=said.max_bytes,
                secrets=self.tasks.secrets,
            )
        return self._memory

    def made(self, *, is_host: bool) -> DurableEngine:
        """Return a durable engine, not entered."""
        from oneiric_lab.runtime import DurableEngine as Made  # noqa: PLC0415 - see above

        said = self._lab.settings.workflows
        return Made(
            self.tasks,
            self.database,
            self.application,
            hooks=self.hooks,
            nodes=said.nodes_at_a_time,
            limit=said.max_bytes,
            at_a_time=said.runs_at_a_time,
            accept=said.code_changed == "accept",
            is_host=is_host,
            schedules=self._schedules(),
            order_of=self._order_of,
            secrets=self.tasks.secrets,
        )

    def _schedules(self) -> dict[str, dict[str, Any]]:
        said = self._lab.settings.workflows.schedules
        return {name: one.model_dump() for name, one in said.items()}

    async def follow(self) -> None:
        """Have the host here ask for what the configuration says by now.

        Raises:
            WorkflowError: A schedule is said wrongly; those that were in force before it stay.
        """
        held = self.held
        if held is not None and held.durable:
            await self.at_home(lambda: cast("DurableEngine", held).follow(self._schedules()))

    # --- entered ------------------------------------------------------------------------

    @asynccontextmanager
    async def hosting(self, *, durable: bool | None) -> AsyncIterator[Engine]:
        """Hold the engine for the time of the block: what a host does.

        Raises:
            UsageError: One is held already.
        """
        if self.held is not None:
            raise UsageError(
                Fault(
                    "engine-held",
                    "the engine of this workspace is held in this process already",
                    fix="trigger and run go through it",
                )
            )
        chosen = self.durable if durable is None else durable
        engine: Engine = self.made(is_host=True) if chosen else self.memory()
        clocks = self._lab.settings.workflows.schedules
        if clocks and not chosen:
            logger(__name__).warning(
                "nothing is asked for by the clock (%s): runs are in memory here, and a schedule "
                "needs durable ones",
                ", ".join(sorted(clocks)),
            )
        async with engine:
            self.held, self.home = engine, asyncio.get_running_loop()
            try:
                yield engine
            finally:
                self.held = self.home = None

    @asynccontextmanager
    async def borrowed(self) -> AsyncIterator[Engine]:
        """Hold a durable engine for one run, together with others that do so on this loop.

        Raises:
            WorkflowError: Another process is the host, or this one is of another workspace.
        """
        if self.held is not None and self._hold is None:
            yield self.held
            return
        hold = self._hold
        if hold is None:
            hold = self._hold = _Hold(self.made(is_host=False))
        hold.users += 1
        try:
            engine = await asyncio.shield(hold.ready)
            self.held, self.home = engine, asyncio.get_running_loop()
            yield engine
        finally:
            hold.users -= 1
            if not hold.users:
                self._hold = self.held = self.home = None
                with anyio.CancelScope(shield=True):
                    await hold.end()

    async def at_home(self, do: Callable[[], Coroutine[Any, Any, R]]) -> R:
        """Do it on the loop of the engine, or of the components, or here."""
        return await at(self.home or self._lab.lifecycle.known_loop(), do)

    # --- read ---------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[tuple[Records, RecordedRuns] | None]:
        """Give what is recorded to be looked at; None where nothing is yet.

        Raises:
            WorkflowError: It cannot be read.
        """
        from oneiric_lab.runtime import (  # noqa: PLC0415 - see above
            Alive,
            RecordedRuns,
            Records,
            host_alive,
        )

        database = self.database
        if database.path is not None and not database.path.exists():
            yield None
            return
        if database.path is None:
            database.make()
        records = Records(database, self.application)
        alive: Alive | None = None
        try:
            if database.path is not None:
                is_alive = host_alive(database.path)
            else:
                alive = Alive(database, self.application)
                is_alive = alive.is_alive
            yield records, RecordedRuns(records, is_alive)
        finally:
            records.close()
            if alive is not None:
                alive.close()


class _Hold:
    """An engine that is entered by a task of its own, and left when nobody uses it any more."""

    def __init__(self, engine: DurableEngine) -> None:
        loop = asyncio.get_running_loop()
        self.users = 0
        self.ready: asyncio.Future[DurableEngine] = loop.create_future()
        self._leave = asyncio.Event()
        self._task = loop.create_task(self._live(engine), name="oneiric engine")

    async def _live(self, engine: DurableEngine) -> None:
        try:
            async with engine:
                self.ready.set_result(engine)
                await self._leave.wait()
        except Exception as error:
            if self.ready.done():
                raise
            self.ready.set_exception(error)

    async def end(self) -> None:
        """Leave the engine, and wait until it has ended."""
        self._leave.set()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.result()


async def at(loop: asyncio.AbstractEventLoop | None, do: Callable[[], Coroutine[Any, Any, R]]) -> R:
    """Do it on *loop*, wherever the caller is."""
    if loop is None or loop is asyncio.get_running_loop():
        return await do()
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(do(), loop))
