"""Durable runs, in one process: recorded once, found again, ended by whoever asks."""

from __future__ import annotations

import asyncio
import base64
import math
import pickle
import re
import sqlite3
import time
from collections import Counter
from contextlib import closing, suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oneiric_lab.errors import CodeChangedError, UsageError, WorkflowError
from oneiric_lab.runtime import (
    Code,
    Database,
    DurableEngine,
    Engine,
    FlowRun,
    MemoryEngine,
    Order,
    RecordedRuns,
    Records,
    dag_of,
    fork_order,
    host_alive,
)
from oneiric_lab.runtime._dbos import fails_of_disk, know_subsec

from .flows import Desk, dag
from .test_dag import dags

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

pytest.importorskip("dbos", reason="needs pip install 'oneiric-lab[durable]'")

CODE = {"note": Code("note 1")}
QUEUE = "oneiric-test"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a database without runs: to make one takes half a second."""
    made = Database.file(tmp_path_factory.mktemp("empty") / "workflows.db")
    made.make()
    made.checkpoint(whole=True)
    assert made.path is not None
    return made.path.read_bytes()


def laid_out(folder: Path, empty: bytes) -> Database:
    """Return a database without runs in a folder."""
    folder.mkdir()
    found = Database.file(folder / "workflows.db")
    assert found.path is not None
    found.path.write_bytes(empty)
    return found


@pytest.fixture
def database(tmp_path: Path, empty: bytes) -> Database:
    """Return a database without runs."""
    return laid_out(tmp_path / ".oneiric", empty)


@pytest.fixture
def unmade(tmp_path: Path) -> Database:
    """Return a file that nobody has made yet."""
    return Database.file(tmp_path / ".oneiric" / "workflows.db")


def desk_of(**tasks: Any) -> Desk:
    """Return a desk with the task of every node."""
    desk = Desk(**tasks)
    desk.tasks.setdefault("note", desk.note())
    return desk


def host(
    database: Database,
    desk: Desk,
    do: Callable[[DurableEngine], Coroutine[Any, Any, Any]],
    **options: Any,
) -> Any:
    """Do it with a host of the database, on a loop of its own."""

    async def main() -> Any:
        async with DurableEngine(desk, database, "oneiric-test", every=0.05, **options) as engine:
            return await do(engine)

    return asyncio.run(main())


async def ran(engine: Engine, order: Order, run_id: str = "w-1") -> FlowRun:
    """Run an order to its end."""
    await engine.start(order, run_id)
    return await engine.wait(run_id)


def test_an_older_sqlite_knows_parts_of_a_second() -> None:
    """What DBOS asks of SQLite from Python 3.12 on, where it is not there; nothing else changes."""
    with closing(sqlite3.connect(":memory:")) as connection:
        know_subsec(connection)
        asked = "SELECT unixepoch('subsec'), unixepoch('1970-01-02'), unixepoch('no time')"
        now, day, none = connection.execute(asked).fetchone()
        connection.execute("CREATE TABLE t (n, at INTEGER NOT NULL DEFAULT (unixepoch('subsec')))")
        connection.execute("INSERT INTO t (n) VALUES (1)")
        ((_, at),) = connection.execute("SELECT * FROM t")
    know_subsec(object())  # of another database

    assert abs(now - time.time()) < 60
    assert abs(at - now) < 60
    assert (day, none) == (86_400, None)


class TestRecords:
    def test_what_is_kept_is_json_and_others_may_not_read_it(self, unmade: Database) -> None:
        """
        Nothing in the file is a pickle.
        """
        database = unmade
        order = Order("w", dag(a="", b="a"), {"day": "é"}, CODE)
        host(database, desk_of(), lambda engine: ran(engine, order))

        assert database.path is not None
        assert database.path.stat().st_mode & 0o077 == 0
        with closing(sqlite3.connect(database.path)) as db:
            kinds = set(db.execute("SELECT serialization FROM workflow_status").fetchall())
            kinds |= set(db.execute("SELECT serialization FROM operation_outputs").fetchall())
            dump = "\n".join(db.iterdump())
            assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert kinds == {("portable_json",)}
        assert '"payload":{"day":"é"}' in dump

    def test_a_next_host_has_them_and_runs_nothing_again(self, database: Database) -> None:
        """
        Ended runs stay as they are, and are listed.
        """
        desk = desk_of()
        order = Order("w", dag(a="", b="a"), 7, CODE)
        first = host(database, desk, lambda engine: ran(engine, order))

        async def look(engine: DurableEngine) -> tuple[FlowRun, ...]:
            assert not await engine.start(order, "w-1")
            with pytest.raises(WorkflowError, match="another payload"):
                await engine.start(Order("w", order.dag, 8), "w-1")
            assert engine.show("w-1").as_dict() == first.as_dict()
            assert not engine.list(workflow="other")
            assert not engine.list(states=["failed"])
            return engine.list(workflow="w", states=["done"])

        (row,) = host(database, desk, look)
        assert row.id == "w-1"
        assert row.durable
        assert desk.log == ["a#1", "b#1"]

    def test_what_was_left_goes_on(self, database: Database) -> None:
        """
        A host that ends leaves its runs to the next one; hooks and counters tell what was kept.
        """
        begun = asyncio.Event()

        async def wait() -> None:
            begun.set()
            await asyncio.sleep(60)

        order = Order("w", dag(a="", b={"task": "slow", "depends_on": ["a"]}, c="b"), None, CODE)
        desk = desk_of(slow=wait)

        async def leave(engine: DurableEngine) -> None:
            await engine.start(order, "w-1")
            await begun.wait()
            assert engine.show("w-1").state == "running"
            assert engine.counters.as_dict()["active"] == {"w": 1}

        host(database, desk, leave)
        desk.tasks["slow"] = desk.tasks["note"]
        told: list[str] = []

        async def go_on(engine: DurableEngine) -> tuple[FlowRun, dict[str, Any]]:
            for moment in ("node_skip", "node_end"):
                engine.hooks.on(moment, lambda event: told.append(f"{event.node} {event.why}"))
            return await engine.wait("w-1"), engine.counters.as_dict()

        found, counted = host(database, desk, go_on)
        assert found.ok
        assert desk.log == ["a#1", "b#1", "c#1"]
        assert told == ["a recorded", "b ", "c "]
        assert counted["replays"] == {"w": 1}
        assert counted["runs"] == {("w", "done"): 1}

    def test_a_failed_run_says_why(self, database: Database) -> None:
        """
        What failed is recorded too, and a fork runs what is left.
        """

        async def fail() -> None:
            raise OSError("the van is stuck")

        desk = desk_of(fail=fail)
        what = dag(a="", b={"task": "fail", "depends_on": ["a"]}, c="b", d="a")

        async def both(engine: DurableEngine) -> tuple[FlowRun, FlowRun]:
            failed = await ran(engine, Order("w", what, 1, {**CODE, "fail": Code("fail 1")}))
            desk.tasks["fail"] = desk.tasks["note"]
            fork = fork_order(failed, [], (failed.code and CODE) or CODE)
            return failed, await ran(engine, fork, "w-2")

        failed, fork = host(database, desk, both)
        assert failed.state == "failed"
        assert failed.exit_code == 1
        assert "OSError: the van is stuck" in str(failed)
        assert [n.state for n in failed.nodes] == ["done", "failed", "skipped", "done"]
        assert fork.ok
        assert {n.id: n.state for n in fork.nodes} == {
            "a": "kept",
            "b": "done",
            "c": "done",
            "d": "kept",
        }
        assert fork.forked == {"run": "w-1", "nodes": ["b", "c"]}

    def test_an_order_of_a_newer_release_is_not_misread(self, database: Database) -> None:
        """
        It is refused, and stays.
        """
        database.make()
        records = Records(database, "oneiric-test")
        order = {**Order("w", dag(a=""), None, CODE).as_dict(), "format": 9}
        records.enqueue("w-1", order, "nobody")
        try:
            with pytest.raises(WorkflowError, match="expected a run of format 1, got 9"):
                RecordedRuns(records, lambda executor: False).show("w-1")
        finally:
            records.close()

    @pytest.mark.parametrize("table", ["operation_outputs", "workflow_input"])
    def test_a_pickle_is_not_read(self, database: Database, tmp_path: Path, table: str) -> None:
        """
        Somebody who may write to the database runs no code here, nor in a host.
        """
        canary = tmp_path / "canary"
        desk = desk_of()
        order = Order("w", dag(a=""), None, CODE)
        host(database, desk, lambda engine: ran(engine, order))
        assert database.path is not None
        bad = base64.b64encode(pickle.dumps(Touch(str(canary)))).decode()
        with closing(sqlite3.connect(database.path)) as db:
            if table == "operation_outputs":
                kind, said = "operation_outputs", "output"
            else:
                kind, said = "workflow_status", "inputs"
            db.execute(f"UPDATE {table} SET {said} = ?", (bad,))
            db.execute(f"UPDATE {kind} SET serialization = 'py_pickle'")
            db.execute("UPDATE workflow_status SET status = 'ENQUEUED', queue_name = ?", (QUEUE,))
            db.commit()
        records = Records(database, "oneiric-test")
        with suppress(WorkflowError, TypeError, AttributeError):
            RecordedRuns(records, lambda executor: False).show("w-1")
        records.close()

        async def wait(engine: DurableEngine) -> None:
            await asyncio.sleep(0.5)

        with suppress(WorkflowError, TypeError, AttributeError):
            host(database, desk, wait)
        assert not canary.exists()


class Touch:
    """What makes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.path, "w")


class TestCancel:
    def test_here(self, database: Database) -> None:
        """
        Its nodes are cancelled at once, the others never begin; resume takes it back.
        """
        begun = asyncio.Event()
        cleaned: list[str] = []

        async def wait() -> None:
            begun.set()
            try:
                await asyncio.sleep(60)
            finally:
                cleaned.append("cleaned")

        desk = desk_of(slow=wait)
        order = Order("w", dag(a={"task": "slow"}, b="a"), None, {**CODE, "slow": Code("slow 1")})

        async def end(engine: DurableEngine) -> tuple[FlowRun, FlowRun]:
            await engine.start(order, "w-1")
            await begun.wait()
            with pytest.raises(WorkflowError, match="goes on in the process"):
                await engine.resume("w-1")
            cancelled = await engine.cancel("w-1")
            with pytest.raises(WorkflowError, match="has ended: cancelled"):
                await engine.cancel("w-1")
            assert cleaned == ["cleaned"]
            assert desk.held == 0
            desk.tasks["slow"] = desk.tasks["note"]
            await engine.resume("w-1")
            return cancelled, await engine.wait("w-1")

        cancelled, found = host(database, desk, end)
        assert cancelled.state == "cancelled"
        assert found.ok
        assert desk.log == ["a#1", "b#1"]

    def test_from_another_process(self, database: Database) -> None:
        """
        Its host notices within a second or two.
        """
        begun = asyncio.Event()

        async def wait() -> None:
            begun.set()
            await asyncio.sleep(60)

        async def end(engine: DurableEngine) -> FlowRun:
            await engine.start(Order("w", dag(a={"task": "slow"}, b="a")), "w-1")
            await begun.wait()
            other = Records(database, "oneiric-test")
            await asyncio.to_thread(other.cancel, "w-1")
            other.close()
            found = await engine.wait("w-1")
            assert engine.counters.as_dict()["runs"] == {("w", "cancelled"): 1}
            return found

        assert host(database, desk_of(slow=wait), end).state == "cancelled"

    def test_a_run_that_was_taken_back_may_be_interrupted(self, database: Database) -> None:
        """
        That it was cancelled once is over: the next host goes on with it.
        """
        begun = asyncio.Event()

        async def wait() -> None:
            begun.set()
            await asyncio.sleep(60)

        order = Order("w", dag(a={"task": "slow"}), None, {"slow": Code("slow 1")})

        async def leave(engine: DurableEngine) -> None:
            await engine.start(order, "w-1")
            await begun.wait()
            await engine.cancel("w-1")
            begun.clear()
            await engine.resume("w-1")
            await begun.wait()

        host(database, desk_of(slow=wait), leave)
        with closing(Records(database, "oneiric-test")) as records:
            left = RecordedRuns(records, lambda executor: False)
            assert [run.id for run in left.list(states=["interrupted"])] == ["w-1"]
            assert left.list(states=["cancelled", "running"]) == ()
        desk = desk_of()
        desk.tasks["slow"] = desk.tasks["note"]
        assert host(database, desk, lambda engine: engine.wait("w-1")).ok

    def test_one_that_finds_out_by_itself_is_counted_as_cancelled(self, database: Database) -> None:
        """
        Between two nodes, before its host has looked.
        """
        begun, gate = asyncio.Event(), asyncio.Event()

        async def wait() -> None:
            begun.set()
            await gate.wait()

        async def end(engine: DurableEngine) -> FlowRun:
            await engine.start(Order("w", dag(a={"task": "slow"}, b="a")), "w-1")
            await begun.wait()
            with closing(Records(database, "oneiric-test")) as other:
                await asyncio.to_thread(other.cancel, "w-1")
            gate.set()
            found = await engine.wait("w-1")
            assert engine.counters.as_dict()["runs"] == {("w", "cancelled"): 1}
            return found

        desk = desk_of(slow=wait)
        assert host(database, desk, end).state == "cancelled"
        assert desk.log == []


class TestOneEngine:
    def test_a_second_workspace_of_the_process_is_refused(
        self, database: Database, tmp_path: Path
    ) -> None:
        """
        By a clear error, and the first one goes on; when that has ended, it is let in.
        """
        other = Database.file(tmp_path / "other" / "workflows.db")

        async def both(engine: DurableEngine) -> FlowRun:
            with pytest.raises(WorkflowError, match="this process runs durable workflows already"):
                async with DurableEngine(desk_of(), other, "oneiric-other"):
                    pass
            return await ran(engine, Order("w", dag(a=""), None, CODE))

        assert host(database, desk_of(), both).ok
        assert host(other, desk_of(), lambda e: ran(e, Order("w", dag(a=""), None, CODE))).ok

    def test_dbos_of_the_program_itself_is_left_alone(self, database: Database) -> None:
        """
        Who uses it for something else keeps it.
        """
        from dbos import DBOS

        DBOS(config={"name": "theirs", "system_database_url": "sqlite:///:memory:"})
        try:
            with pytest.raises(WorkflowError, match="another part of this program"):
                host(database, desk_of(), lambda engine: ran(engine, Order("w", dag(a=""))))
        finally:
            DBOS.destroy(destroy_registry=True)

    def test_a_second_host_of_the_workspace_is_refused(self, database: Database) -> None:
        """
        By the number of the first one's process.
        """

        async def second(engine: DurableEngine) -> bool:
            assert database.path is not None
            with pytest.raises(WorkflowError, match="is the host of this workspace's runs"):
                async with DurableEngine(desk_of(), database, "oneiric-test"):
                    pass
            return host_alive(database.path)(engine.executor)

        assert host(database, desk_of(), second)
        assert database.path is not None
        assert not host_alive(database.path)("anybody-1-abc")

    def test_the_loop_has_its_threads_back(self, database: Database) -> None:
        """
        DBOS lends it some for as long as it runs.
        """

        async def main() -> int:
            async with DurableEngine(desk_of(), database, "oneiric-test") as engine:
                await ran(engine, Order("w", dag(a=""), None, CODE))
                tasks = len(asyncio.all_tasks())
            assert len(asyncio.all_tasks()) <= tasks
            with pytest.raises(UsageError, match="takes no orders"):
                engine.show("w-1")
            return await asyncio.to_thread(lambda: 7)

        assert asyncio.run(main()) == 7


class TestQueue:
    def test_what_is_enqueued_is_run_by_the_host(self, database: Database) -> None:
        """
        Also what was enqueued before there was one.
        """
        database.make()
        records = Records(database, "oneiric-test")
        order = Order("w", dag(a=""), 5, CODE).as_dict()
        records.enqueue("w-1", order, "oneiric-test")
        records.enqueue("w-1", order, "oneiric-test")
        records.close()

        found = host(database, desk_of(), lambda engine: engine.wait("w-1"))
        assert found.ok
        assert found.payload == 5

    def test_who_runs_one_thing_takes_nothing_else(self, database: Database) -> None:
        """
        A shell's own run neither begins what waits nor goes on with what was interrupted.
        """
        database.make()
        records = Records(database, "oneiric-test")
        records.enqueue("w-0", Order("w", dag(a=""), None, CODE).as_dict(), "oneiric-test")
        desk = desk_of()

        async def one(engine: DurableEngine) -> FlowRun:
            await ran(engine, Order("w", dag(a=""), None, CODE))
            await asyncio.sleep(0.2)
            return engine.show("w-0")

        waiting = host(database, desk, one, is_host=False)
        records.close()
        assert waiting.state == "waiting"
        assert desk.log == ["a#1"]


DAILY = {"workflow": "w", "cron": "0 3 * * *", "timezone": "Europe/Berlin", "payload": 3}


def order_of(workflow: str, payload: Any) -> Order:
    """Return the order of a schedule."""
    return Order(workflow, dag(a=""), payload, CODE)


def asked_by_clock(database: Database) -> list[str]:
    """Return the moments of schedules that were begun, in the form of DBOS."""
    assert database.path is not None
    with closing(sqlite3.connect(database.path)) as db:
        found = db.execute("SELECT workflow_uuid FROM workflow_status WHERE name = 'oneiric.tick'")
        return sorted(row[0] for row in found)


def last_looked_at(database: Database, moment: str) -> None:
    """Have the schedules been looked after at another time."""
    assert database.path is not None
    with closing(sqlite3.connect(database.path)) as db:
        db.execute("UPDATE workflow_schedules SET last_fired_at = ?", (moment,))
        db.commit()


class TestPutOff:
    def test_the_host_begins_it_when_it_is_due(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Not before, and without DBOS having looked; what is due later is left alone.
        """
        begun: list[float] = []
        begin_due = Records.begin_due

        def spy(records: Records) -> None:
            begun.append(time.time())
            begin_due(records)

        monkeypatch.setattr(Records, "begin_due", spy)
        with closing(Records(database, "oneiric-test")) as records:

            async def story(engine: DurableEngine) -> list[str]:
                for name, delay in (("w-1", 0.7), ("w-2", 1.4), ("w-3", 3600)):
                    order = Order("w", dag(a=""), name, CODE).as_dict()
                    await asyncio.to_thread(records.enqueue, name, order, QUEUE, delay=delay)
                    if name == "w-1":
                        due = records.rows(workflow_ids=[name])[0].due_ms
                await engine.wait("w-1")
                await engine.wait("w-2")
                assert due is not None
                assert begun
                assert begun[0] >= due / 1000
                return [engine.show(name).state for name in ("w-1", "w-2", "w-3")]

            assert host(database, desk_of(), story) == ["done", "done", "waiting"]
        assert len(begun) <= 2

    def test_what_is_overdue_is_not_asked_for_again_and_again(self, database: Database) -> None:
        """
        It may be another application's: only what will be due counts.
        """
        now = time.time()
        assert database.first_due(now) == math.inf
        with closing(Records(database, "oneiric-other")) as records:
            for delay in (0.001, 60, 3600):
                order = Order("w", dag(a=""), delay, CODE).as_dict()
                records.enqueue(f"w-{delay}", order, "oneiric-other", delay=delay)

        assert 59 < database.first_due(now + 5) - now < 90
        assert database.first_due(now + 4000) == math.inf


class TestSchedules:
    def test_a_host_follows_what_is_said(self, database: Database) -> None:
        """
        A schedule that is new while it runs asks for runs; one that nobody says any more does not.
        """
        said = {**DAILY, "cron": "* * * * * *", "timezone": None}

        async def follow(engine: DurableEngine) -> FlowRun:
            done = asyncio.Event()
            engine.hooks.on("run_end", lambda event: done.set())
            await engine.follow({"tick": said})
            await done.wait()
            await engine.follow({})
            return await engine.wait(engine.list()[0].id)

        assert host(database, desk_of(), follow, order_of=order_of).payload == 3
        assert database.path is not None
        with closing(sqlite3.connect(database.path)) as db:
            assert db.execute("SELECT count(*) FROM workflow_schedules").fetchone() == (0,)

    def test_a_schedule_that_is_none_is_told(self, database: Database) -> None:
        """
        When the host begins.
        """
        said = {"tick": {**DAILY, "cron": "every day"}}
        with pytest.raises(WorkflowError, match=r"schedules\.tick is no schedule"):
            host(database, desk_of(), lambda engine: engine.wait("w"), schedules=said)

    def test_the_last_moment_without_a_host_is_made_up_for(self, database: Database) -> None:
        """
        One run for all that were missed, and once; a new schedule has missed nothing.
        """
        desk = desk_of()

        async def wait(engine: DurableEngine) -> None:
            done = asyncio.Event()
            engine.hooks.on("run_end", lambda event: done.set())
            await done.wait()

        async def leave(engine: DurableEngine) -> None:
            return None

        options: dict[str, Any] = {"order_of": order_of, "schedules": {"tick": DAILY}}
        host(database, desk, leave, **options)
        assert asked_by_clock(database) == []
        last_looked_at(database, "2026-01-02T12:00:00+00:00")
        host(database, desk, wait, **options)
        (moment,) = asked_by_clock(database)
        assert re.fullmatch(r"sched-tick-20..-..-..T03:00:00\+0[12]:00", moment)
        host(database, desk, leave, **options)

        assert asked_by_clock(database) == [moment]
        assert desk.log == ["a#1"]

    @pytest.mark.parametrize("change", [{"catch_up": False}, {"cron": "0 4 * * *"}])
    def test_what_is_not_made_up_for(self, database: Database, change: dict[str, Any]) -> None:
        """
        A schedule that does not want it, and moments of one that said others then.
        """

        async def leave(engine: DurableEngine) -> None:
            return None

        host(database, desk_of(), leave, schedules={"tick": DAILY})
        last_looked_at(database, "2026-01-02T12:00:00+00:00")
        host(database, desk_of(), leave, schedules={"tick": {**DAILY, **change}})

        assert asked_by_clock(database) == []


class TestCodeChanged:
    def test_resume_refuses_until_it_is_accepted(self, database: Database) -> None:
        """
        It says which node would be done by whom, and what the choices are.
        """
        begun = asyncio.Event()

        async def wait() -> None:
            begun.set()
            await asyncio.sleep(60)

        what = dag(a="", b={"task": "slow", "depends_on": ["a"]})
        order = Order("w", what, None, {**CODE, "slow": Code("slow 0", "x")})
        desk = desk_of(slow=wait)

        async def leave(engine: DurableEngine) -> None:
            await engine.start(order, "w-1")
            await begun.wait()

        host(database, desk, leave)
        desk.tasks["slow"] = desk.tasks["note"]

        async def go_on(engine: DurableEngine) -> FlowRun:
            held = await engine.wait("w-1")
            assert held.state == "interrupted"
            assert "would be done by slow 1, it began with slow 0" in held.why
            assert engine.list(states=["interrupted"])[0].id == "w-1"
            with pytest.raises(CodeChangedError) as caught:
                await engine.resume("w-1")
            assert "it would do b" in str(caught.value)
            del desk.tasks["slow"]
            with pytest.raises(CodeChangedError, match="has no provider any more"):
                await engine.resume("w-1")
            desk.tasks["slow"] = desk.tasks["note"]
            await engine.resume("w-1", accept=True)
            return await engine.wait("w-1")

        assert host(database, desk, go_on).ok


class TestDisk:
    @pytest.mark.parametrize(
        ("error", "is_it"),
        [
            (SimpleNamespace(sqlite_errorcode=sqlite3.SQLITE_FULL), True),
            (SimpleNamespace(sqlite_errorcode=sqlite3.SQLITE_IOERR_FSYNC), True),
            (SimpleNamespace(sqlite_errorcode=sqlite3.SQLITE_BUSY), False),
            (SimpleNamespace(sqlite_errorcode=sqlite3.SQLITE_CONSTRAINT_UNIQUE), False),
            (SimpleNamespace(sqlstate="53100"), True),
            (SimpleNamespace(sqlstate="23505"), False),
            (OSError(), False),
        ],
    )
    def test_what_comes_of_the_disk(self, error: Any, is_it: bool) -> None:
        """
        Of SQLite and of Postgres, by their codes; a lock or a row that is there are not of it.
        """
        assert fails_of_disk(error) is is_it

    def test_a_run_that_has_no_room_waits_and_goes_on(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        The failure of the disk is nobody's result: its host goes on when there is room.
        """
        monkeypatch.setattr("oneiric_lab.runtime._durable_engine.LOOK", 0.05)
        most = [1]

        async def ask(engine: DurableEngine) -> tuple[FlowRun, FlowRun]:
            import sqlalchemy
            from dbos._dbos import _get_dbos_instance

            def bound(connection: Any, *given: Any) -> None:
                # No less than it has: nothing that needs another page can be written.
                connection.execute(f"PRAGMA max_page_count = {most[0]}")

            sqlalchemy.event.listen(_get_dbos_instance()._sys_db.engine, "checkout", bound)
            await engine.start(Order("w", dag(a="", b="a"), None, CODE), "w-1")
            held = await engine.wait("w-1")
            most[0] = 1 << 30
            while not (found := await engine.wait("w-1")).is_ended:  # noqa: ASYNC110 - its host begins it again
                await asyncio.sleep(0.02)
            return held, found

        held, found = host(database, desk_of(note=lambda: "x" * 200_000), ask)
        assert held.state == "interrupted"
        assert "cannot be used: database or disk is full; make its folder writable" in held.why
        assert found.ok
        assert database.path is not None
        with closing(sqlite3.connect(database.path)) as db:
            rows = db.execute("SELECT function_name, error FROM operation_outputs").fetchall()
        assert rows == [("a", None), ("b", None)]

    def test_what_cannot_be_written_is_not_begun(self, database: Database) -> None:
        """
        Who asks is told why, and what to do; nothing of it is left.
        """

        async def ask(engine: DurableEngine) -> None:
            assert database.path is not None
            with closing(sqlite3.connect(database.path)) as db:
                # As a file system that went read-only: SQLite refuses each write.
                db.execute(
                    "CREATE TRIGGER no BEFORE INSERT ON workflow_status BEGIN "
                    "SELECT RAISE(FAIL, 'database or disk is full'); END"
                )
                db.commit()
            with pytest.raises(WorkflowError, match="cannot be used: database or disk is full"):
                await engine.start(Order("w", dag(a=""), None, CODE), "w-1")
            assert engine.list() == ()

        host(database, desk_of(), ask)


class TestModel:
    @given(data=st.data())
    @settings(max_examples=60)
    def test_random_dags_with_random_faults_in_memory(self, data: st.DataObject) -> None:
        """
        Each node is recorded once, in order; what fails takes with it what depends on it, and
        nothing else.
        """
        self.check(data, None)

    @given(data=st.data())
    @settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_random_dags_with_random_faults_and_interruptions(
        self, tmp_path: Path, empty: bytes, data: st.DataObject
    ) -> None:
        """
        By the same model, a run that was interrupted anywhere ends as if it had not been.
        """
        self.check(data, laid_out(tmp_path / f"{time.monotonic_ns()}", empty))

    def check(self, data: st.DataObject, database: Database | None) -> None:
        """Run a random dag, and compare what became of it with what the model says."""
        what = dag_of(data.draw(dags(7)))
        names = [node.id for node in what.nodes]
        fails = data.draw(st.sets(st.sampled_from(names), max_size=2))
        flaky = data.draw(st.sets(st.sampled_from(names), max_size=2))
        stops = data.draw(st.lists(st.sampled_from(names), max_size=2, unique=True))
        for node in what.nodes:
            object.__setattr__(node, "task", "note")
            object.__setattr__(node, "retry", type(node.retry)(attempts=2))
        done: list[str] = []
        left = [] if database is None else list(stops)
        gone: list[asyncio.Event] = []

        async def work(payload: Any, context: Any) -> list[str]:
            name = context.node
            assert set(what.by_id[name].depends_on) <= {*done}
            if name in left:
                # Its process ends before it did its work.
                left.remove(name)
                gone[-1].set()
                await asyncio.sleep(60)
            if name in fails or (name in flaky and context.attempt == 1):
                raise OSError(name)
            done.append(name)
            return sorted(context.results)

        order = Order("w", what, None, CODE)
        desk = Desk(note=work)
        if database is None:
            found = asyncio.run(MemoryEngine(desk).run(order, "w-1"))
        else:
            found = self.through(database, desk, order, gone)

        behind = {name for one in fails for name in what.after([one]) - {one}}
        expected = {
            name: "skipped" if name in behind else "failed" if name in fails else "done"
            for name in names
        }
        assert {node.id: node.state for node in found.nodes} == expected
        assert found.state == ("failed" if fails else "done")
        ran = [name for name in names if expected[name] == "done"]
        # Once, and again at most once for each host that ended before it was recorded.
        assert set(done) == set(ran)
        assert max(Counter(done).values(), default=0) <= 1 + (len(stops) if database else 0)
        if database is not None and database.path is not None:
            with closing(sqlite3.connect(database.path)) as db:
                recorded = db.execute("SELECT function_name FROM operation_outputs").fetchall()
            assert sorted(recorded) == sorted((n,) for n in names if n not in behind)
        assert all(
            node.result == sorted(what.by_id[node.id].depends_on)
            for node in found.nodes
            if node.state == "done"
        )

    @staticmethod
    def through(database: Database, desk: Desk, order: Order, gone: list[asyncio.Event]) -> FlowRun:
        """Run it through as many hosts as it takes."""

        async def until_gone(engine: DurableEngine) -> FlowRun | None:
            # Of this loop, set by whatever ends this host.
            gone.append(asyncio.Event())
            await engine.start(order, "w-1")
            end = asyncio.create_task(engine.wait("w-1"))
            stop = asyncio.create_task(gone[-1].wait())
            await asyncio.wait([end, stop], return_when=asyncio.FIRST_COMPLETED)
            stop.cancel()
            if end.done():
                return end.result()
            end.cancel()
            return None

        for _ in range(4):
            found: FlowRun | None = host(database, desk, until_gone)
            if found is not None:
                return found
        raise AssertionError("it never ends")


def test_u16_the_store_keeps_its_connection(database: Database) -> None:
    """
    A node costs a few milliseconds of CPU: upstream connected anew for every write.
    """
    chain = {
        "nodes": [
            {"id": f"n{i}", "task": "note", "depends_on": [f"n{i - 1}"] if i else []}
            for i in range(60)
        ]
    }
    opened: list[str] = []
    original = sqlite3.connect

    def counted(*given: Any, **options: Any) -> Any:
        opened.append(str(given[0]))
        return original(*given, **options)

    async def work(engine: DurableEngine) -> int:
        await ran(engine, Order("w", dag(a=""), None, CODE), "w-0")
        sqlite3.connect = counted
        try:
            await ran(engine, Order("w", dag_of(chain), None, CODE))
        finally:
            sqlite3.connect = original
        return len(opened)

    assert host(database, desk_of(), work) <= 12
