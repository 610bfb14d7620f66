"""The only door to DBOS, which records each node once and begins an interrupted run again.

What is kept is JSON, never a pickle. DBOS is one instance per process, a second one silently
uses the settings of the first; so this door lets one in and refuses the next.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - DBOS reads the annotations
from typing import TYPE_CHECKING, Any, Final

from oneiric_lab.errors import Fault, MissingExtraError, WorkflowError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    Step = Callable[[str, Callable[[], Awaitable[dict[str, Any]]]], Awaitable[dict[str, Any]]]
    Drive = Callable[[str, dict[str, Any], "Recorder"], Awaitable[dict[str, Any]]]
    Tick = Callable[[dict[str, Any], str], Awaitable[dict[str, Any]]]

FLOW: Final = "oneiric.flow"
TICK: Final = "oneiric.tick"
FORM: Final = "1"
"""Of how a run is recorded; code that changed is found by our own digests."""

BEGUN: Final = 100
"""How often a run is begun again before it is left alone: it may be what kills its process."""

_lock = threading.Lock()
_held: list[str] = []
_reading = contextvars.ContextVar("oneiric_reads_runs", default=False)


@dataclass(frozen=True, slots=True)
class Database:
    """Where runs are kept.

    Attributes:
        url: As SQLAlchemy writes it.
        path: The file, of SQLite.
    """

    url: str
    path: Path | None = None

    @classmethod
    def file(cls, path: Path) -> Database:
        """Return a SQLite file."""
        return cls(f"sqlite:///{path}", path)

    def engine(self, connections: int) -> Any:
        """Return a pool of connections that wait for each other and do not checkpoint.

        Two connections that copy the log back into the file at one moment can damage it
        (sqlite.org/wal.html, the WAL-reset bug, up to 3.51.2): one connection of the host does,
        see `checkpoint`. For Postgres there is none: DBOS makes its own.
        """
        if self.path is None:
            return None
        import sqlalchemy  # noqa: PLC0415 - comes with DBOS

        made = sqlalchemy.create_engine(self.url, pool_size=connections, max_overflow=0)

        @sqlalchemy.event.listens_for(made, "connect")
        def settle(connection: Any, record: Any) -> None:
            connection.isolation_level = "IMMEDIATE"
            for pragma in ("busy_timeout=30000", "foreign_keys=ON", "wal_autocheckpoint=0"):
                connection.execute(f"PRAGMA {pragma}")

        return made

    def checkpoint(self, *, whole: bool = False) -> None:
        """Copy the log of SQLite back into its file; only the host may."""
        import sqlite3  # noqa: PLC0415 - of the durable engine only

        if self.path is None:
            return
        connection = sqlite3.connect(self.path, timeout=5)
        try:
            connection.execute(f"PRAGMA wal_checkpoint({'TRUNCATE' if whole else 'PASSIVE'})")
        finally:
            connection.close()

    def make(self) -> None:
        """Make what is not there yet.

        Raises:
            WorkflowError: It cannot be made, or reached.
        """
        dbos = load()
        if self.path is not None:
            import sqlite3  # noqa: PLC0415 - see above

            from oneiric_lab.store import make_folder  # noqa: PLC0415 - see above

            make_folder(self.path.parent)
            # It holds payloads and results, which others must not read.
            self.path.touch(mode=0o600)
            connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
            try:
                # Each record is on the disk before it counts: `synchronous` stays at FULL.
                connection.execute("PRAGMA journal_mode = WAL")
            finally:
                connection.close()
        try:
            dbos.DBOS.migrate(self.url)
        except Exception as error:
            raise self.unusable(error) from error

    def unusable(self, error: Exception) -> WorkflowError:
        """Return the error of a database that cannot be used, without its password."""
        if self.path is not None:
            shown, fix = f".oneiric/{self.path.name}", "make its folder writable and its disk roomy"
        else:
            from sqlalchemy import make_url  # noqa: PLC0415 - see above

            shown = make_url(self.url).render_as_string(hide_password=True)
            fix = "start the server, or mend workflows.database_url"
        said = str(getattr(error, "orig", None) or error).strip().splitlines()
        return WorkflowError(
            Fault(
                "runs-unusable",
                f"the runs of this workspace cannot be used: {said[0] if said else error!r}",
                why=f"they are kept in {shown}",
                fix=fix,
            )
        )


@dataclass(frozen=True, slots=True)
class Row:
    """A run as it is recorded.

    Attributes:
        id: Of the run.
        status: As DBOS calls it.
        executor: Who began it last.
        queue: The queue that it waits in, or waited in.
        order: What was asked for, where it was loaded.
        why: Why it failed.
        created_ms: When it was asked for.
        ended_ms: When it ended.
        attributes: What it is found by.
    """

    id: str
    status: str
    executor: str
    queue: str | None
    order: Mapping[str, Any] | None
    why: str
    created_ms: int
    ended_ms: int | None
    attributes: Mapping[str, Any]


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

        options = {"name": name, "preemptible": True}
        found: dict[str, Any] = await self._places[name].run_async(options, step)
        return found


class Records:
    """Runs as they are recorded, for any process: to look, to ask for one, to end one.

    Args:
        database: Where they are.
        application: Whose; several may share a database.
    """

    def __init__(self, database: Database, application: str) -> None:
        dbos = load()
        serializer = dbos.DBOSPortableJSONSerializer()
        try:
            self._client = dbos.DBOSClient(
                system_database_url=database.url,
                system_database_engine=database.engine(5),
                serializer=serializer,
                application_name=application,
                retry_connection_errors=False,
            )
        except Exception as error:
            raise database.unusable(error) from error
        self._database, self._application = database, application

    def close(self) -> None:
        """Close the connections."""
        self._client.destroy()

    def rows(self, *, with_order: bool = False, **options: Any) -> list[Row]:
        """Return runs, the newest first; options as DBOS's `list_workflows` takes them."""
        with _as_json():
            found = self._client.list_workflows(
                name=FLOW,
                application_name=self._application,
                sort_desc=True,
                load_input=with_order,
                load_output=False,
                **options,
            )
        return [_row(one) for one in found]

    def row(self, run_id: str) -> Row | None:
        """Return one run with its order, or None."""
        found = self.rows(workflow_ids=[run_id], with_order=True)
        return found[0] if found else None

    def nodes(self, run_id: str) -> dict[str, dict[str, Any]]:
        """Return what is recorded of the nodes of a run."""
        with _as_json():
            steps = self._client.list_workflow_steps(run_id)
        return {one["function_name"]: one["output"] for one in steps if one["output"] is not None}

    def enqueue(self, run_id: str, order: Mapping[str, Any], queue: str) -> None:
        """Have a run begun by the host as soon as it may; one of that name stays as it is."""
        self._client.enqueue(
            {
                "workflow_name": FLOW,
                "queue_name": queue,
                "workflow_id": run_id,
                "app_version": f"{self._application}-{FORM}",
                "attributes": _attributes(order),
            },
            order,
        )

    def cancel(self, run_id: str) -> None:
        """Record that a run is cancelled; its host ends what it does within a second."""
        self._client.cancel_workflow(run_id)

    def resume(self, run_id: str, queue: str) -> None:
        """Have a run begun again; what is recorded of it is not run again."""
        self._client.resume_workflow(run_id, queue_name=queue)

    def forget_queue(self, queue: str) -> None:
        """Forget a queue that nobody listens to any more."""
        self._client.delete_queue(queue)


class Alive:
    """The sign that an executor is alive: a lock of Postgres that ends with its connection.

    Args:
        database: Postgres.
        application: Whose executors.
    """

    def __init__(self, database: Database, application: str) -> None:
        import sqlalchemy  # noqa: PLC0415 - comes with DBOS

        url = sqlalchemy.make_url(database.url).set(drivername="postgresql+psycopg")
        self._engine = sqlalchemy.create_engine(
            url, pool_size=1, max_overflow=1, isolation_level="AUTOCOMMIT"
        )
        self._text = sqlalchemy.text
        self._application = application
        self._own: Any = None

    def hold(self, executor: str) -> None:
        """Show that *executor* is alive, again where the connection was lost."""
        if self._own is not None:
            try:
                self._own.execute(self._text("SELECT 1"))
            except Exception:  # noqa: BLE001 - whatever it was, the lock went with it
                self._own.invalidate()
                self._own = None
            else:
                return
        self._own = self._engine.connect()
        self._ask("pg_advisory_lock", self._own, executor)

    def take_from(self, executor: str) -> Callable[[], None] | None:
        """Return what ends the hold of an executor that is gone; None where it is alive.

        While it is held nobody else takes its runs.
        """
        connection = self._engine.connect()
        if not self._ask("pg_try_advisory_lock", connection, executor):
            connection.close()
            return None

        def leave() -> None:
            self._ask("pg_advisory_unlock", connection, executor)
            connection.close()

        return leave

    def close(self) -> None:
        """Show it no more."""
        if self._own is not None:
            self._own.close()
        self._engine.dispose()

    def is_alive(self, executor: str) -> bool:
        """Tell whether an executor shows that it is alive."""
        asked = self._text(
            "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 "
            "AND ((classid::bigint << 32) | objid::bigint) = hashtextextended(:name, 0))"
        )
        with self._engine.connect() as connection:
            found = connection.execute(asked, {"name": self._name(executor)}).scalar()
        return bool(found)

    def _name(self, executor: str) -> str:
        return f"oneiric {self._application} {executor}"

    def _ask(self, what: str, connection: Any, executor: str) -> Any:
        asked = self._text(f"SELECT {what}(hashtextextended(:name, 0))")
        return connection.execute(asked, {"name": self._name(executor)}).scalar()


class Host:
    """DBOS in this process, for one workspace.

    Args:
        database: Where runs are recorded.
        application: Whose.
        executor: Name of this process.
        queue: What it listens to.
        drive: Runs an order.
        tick: Asks for the run of a schedule: what it says, and for which moment.
        at_a_time: Runs from the queue that go on at a time.
        every: Seconds between two looks into the queue.
    """

    def __init__(
        self,
        database: Database,
        application: str,
        executor: str,
        queue: str,
        drive: Drive,
        tick: Tick,
        *,
        at_a_time: int,
        every: float,
    ) -> None:
        self._dbos = load()
        self._database, self._application, self._executor = database, application, executor
        self._queue, self._drive, self._tick = queue, drive, tick
        self._at_a_time, self._every = at_a_time, every
        self._flow: Any = None
        self._ticks: Any = None
        self._engine: Any = None

    def launch(self) -> None:
        """Begin, in the thread of the loop that runs shall run on; it blocks for 0.1 s.

        Raises:
            WorkflowError: DBOS runs in this process already, or its database cannot be used.
        """
        dbos = self._dbos
        with _lock:
            theirs = getattr(dbos._dbos, "_dbos_global_instance", None)  # noqa: SLF001 - it tells nobody else
            if _held or theirs is not None:
                raise taken(_held[0] if _held else "another part of this program")
            _held.append(
                self._database.url if self._database.path is None else str(self._database.path)
            )
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
            "notification_listener_polling_interval_sec": 1.0,
        }
        dbos.DBOS(config={k: v for k, v in config.items() if v is not None})

        async def flow(order: dict[str, Any]) -> dict[str, Any]:
            run_id = dbos.DBOS.workflow_id
            recorder = Recorder(dbos, [node["id"] for node in order["dag"]["nodes"]])
            try:
                return await drive(run_id, order, recorder)
            except BaseExceptionGroup as group:
                # Who is cancelled, or lost the run to another process, raises it from a node.
                raise _first(group) from None

        async def tick(scheduled: datetime, said: dict[str, Any]) -> None:
            # As a step: a host that is killed here asks for it once more, and for the same run.
            when = scheduled.isoformat()
            await dbos.DBOS.run_step_async({"name": "ask"}, self._tick, said, when)

        self._ticks = dbos.DBOS.workflow(name=TICK, max_recovery_attempts=BEGUN)(tick)
        self._flow = dbos.DBOS.workflow(name=FLOW, max_recovery_attempts=BEGUN)(flow)
        dbos.DBOS.listen_queues([self._queue])
        dbos.DBOS.launch()

    def listen(self) -> None:
        """Begin to take runs from the queue; not in the thread of a loop."""
        self._dbos.DBOS.register_queue(
            self._queue,
            worker_concurrency=self._at_a_time,
            polling_interval_sec=self._every,
            on_conflict="always_update",
        )

    def schedule(self, schedules: Mapping[str, Mapping[str, Any]]) -> None:
        """Have runs asked for by the clock, and forget schedules that nobody says any more.

        Args:
            schedules: Name to `workflow`, `cron`, `timezone` and `payload`.

        Raises:
            WorkflowError: One is said wrongly.
        """
        dbos = self._dbos
        for known in dbos.DBOS.list_schedules():
            if known["workflow_name"] == TICK and known["schedule_name"] not in schedules:
                dbos.DBOS.delete_schedule(known["schedule_name"])
        for name, said in schedules.items():
            entry = {
                "schedule_name": name,
                "workflow_fn": self._ticks,
                "schedule": said["cron"],
                "cron_timezone": said.get("timezone"),
                "context": {"name": name, "workflow": said["workflow"], "payload": said["payload"]},
            }
            try:
                dbos.DBOS.apply_schedules([entry])
            except dbos.error.DBOSException as error:
                raise WorkflowError(
                    Fault(
                        "bad-schedule",
                        f"workflows.schedules.{name} is no schedule: {error}",
                        fix='write cron = "0 3 * * *", and timezone = "Europe/Berlin"',
                    )
                ) from error

    async def start(self, run_id: str, order: Mapping[str, Any]) -> None:
        """Begin a run on this loop, now."""
        dbos = self._dbos

        async def begin() -> None:
            with dbos.SetWorkflowID(run_id), dbos.SetWorkflowAttributes(_attributes(order)):
                await dbos.DBOS.start_workflow_async(self._flow, order)

        # A run that is asked for by a node is no part of that node's run.
        loop = asyncio.get_running_loop()
        await loop.create_task(begin(), context=contextvars.Context())

    def cancelled(self, run_id: str) -> BaseException:
        """Return what a run raises that was cancelled, so that its end is not recorded again."""
        found: BaseException = self._dbos.error.DBOSWorkflowCancelledError(f"{run_id} is cancelled")
        return found

    def tells_cancelled(self, error: BaseException) -> bool:
        """Tell whether a run ended since somebody cancelled it, in this process or another."""
        one = _first(error) if isinstance(error, BaseExceptionGroup) else error
        return isinstance(one, self._dbos.error.DBOSWorkflowCancelledError)

    def end(self) -> None:
        """End, in a thread of its own; what still runs is begun again by the next host."""
        try:
            self._dbos.DBOS.destroy(destroy_registry=True)
            if self._engine is not None:
                self._engine.dispose()
        finally:
            with _lock:
                _held.clear()

    @staticmethod
    def give_back(loop: asyncio.AbstractEventLoop) -> None:
        """Give a loop threads of its own again: DBOS lent it some that have ended."""
        loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))


def load() -> Any:
    """Return DBOS, quiet: what it logs goes where the program's other records go.

    Raises:
        MissingExtraError: It is not installed.
    """
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    try:
        import dbos  # noqa: PLC0415 - half a second, of who asks for durable runs
        import dbos._dbos  # noqa: PLC0415 - see `Host.launch`
        import dbos._serialization  # noqa: PLC0415 - see `_refuse_pickles`
    except ImportError as error:
        raise MissingExtraError(
            "durable workflows need DBOS, which is not installed", extra="durable"
        ) from error
    _refuse_pickles(dbos._serialization.DBOSDefaultSerializer)  # noqa: SLF001 - see there
    return dbos


def _refuse_pickles(default: Any) -> None:
    """Have no record unpickled where we read: DBOS reads each as the record itself says.

    Whoever may write to a shared database could run code in every host otherwise. A program's
    own use of DBOS is left as it is.
    """
    original = default.deserialize
    if getattr(original, "is_ours", False):
        return

    def deserialize(text: str) -> Any:
        if _held or _reading.get():
            raise WorkflowError(
                Fault(
                    "record-refused",
                    "a record of a run is a pickle, which is not read",
                    why="Oneiric Lab writes JSON; another program wrote this one",
                    fix="look who else writes to the database of the runs",
                )
            )
        return original(text)

    deserialize.is_ours = True  # type: ignore[attr-defined]  # told by it next time
    default.deserialize = deserialize


@contextmanager
def _as_json() -> Iterator[None]:
    token = _reading.set(True)
    try:
        yield
    finally:
        _reading.reset(token)


def taken(by: str) -> WorkflowError:
    """Return the error of a process that has a durable engine already."""
    return WorkflowError(
        Fault(
            "engine-taken",
            f"this process runs durable workflows already: {by}",
            why="DBOS is one instance per process, and a second one would use the first one's",
            fix="run the other workspace in a process of its own, or enqueue what its host runs",
        )
    )


def _attributes(order: Mapping[str, Any]) -> dict[str, Any]:
    return {"workflow": order["workflow"], "forked": order["forked"]}


def _row(one: Any) -> Row:
    order = None
    if one.input is not None and one.input["args"]:
        order = one.input["args"][0]
    error = one.error
    return Row(
        one.workflow_id,
        one.status,
        one.executor_id or "",
        one.queue_name,
        order,
        "" if error is None else str(error),
        one.created_at or 0,
        one.completed_at,
        one.attributes or {},
    )


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the one that decides: not an error of a node's beside it."""
    for one in group.exceptions:
        if isinstance(one, BaseExceptionGroup):
            return _first(one)
        if not isinstance(one, Exception):
            return one
    return group.exceptions[0]


__all__ = ["Alive", "Database", "Host", "Recorder", "Records", "Row", "load", "taken"]
