"""Runs whose process is killed: each node is recorded once, and a next process ends the run."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import json
import multiprocessing
import multiprocessing.forkserver
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from oneiric_lab.runtime import Code, Database, Order, RecordedRuns, Records, dag_of

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("dbos", reason="needs pip install 'oneiric-lab[durable]'")

sys.path.insert(0, str(Path(__file__).parent))
FORK = multiprocessing.get_context("forkserver")
FORK.set_forkserver_preload(["flow_child"])
flow_child = importlib.import_module("flow_child")


@pytest.fixture(scope="module", autouse=True)
def _loaded() -> Iterator[None]:
    """Start the process that children are forked from, with what they need loaded.

    It takes no path of ours but by the environment (up to Python 3.12, what it is told is lost).
    """
    with pytest.MonkeyPatch.context() as patch:
        paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        patch.setenv("PYTHONPATH", os.pathsep.join(paths))
        multiprocessing.forkserver.ensure_running()
        yield


DAG = {
    "nodes": [
        {"id": "a", "task": "work"},
        {"id": "b", "task": "work", "depends_on": ["a"]},
        {"id": "c", "task": "work", "depends_on": ["a"]},
        {"id": "d", "task": "work", "depends_on": ["b", "c"]},
    ]
}
RUN = "w-1"


class Child:
    """A process that runs what `child.json` of its folder says, forked from one that is loaded.

    Args:
        folder: Its folder.
        said: What it is to do, see `flow_child`.
    """

    def __init__(self, folder: Path, **said: Any) -> None:
        self.folder = folder
        (folder / "child.json").write_text(json.dumps({"dag": DAG, "runs": [RUN], **said}))
        self._process = FORK.Process(target=flow_child.live, args=(str(folder),))
        self._process.start()
        self.pid = self._process.pid or 0

    def end(self) -> int:
        """Wait for its end, and return its exit code: less than nothing is a signal."""
        self._process.join(60)
        code = self._process.exitcode
        assert code is not None, "it hangs"
        return code

    def kill(self) -> None:
        """Kill it, and wait until it is gone."""
        self._process.kill()
        self.end()

    @property
    def runs(self) -> list[dict[str, Any]]:
        """What it said of its runs."""
        assert self.end() == 0, self.error
        return [json.loads(line) for line in (self.folder / "out").read_text().splitlines()]

    @property
    def error(self) -> str:
        """How it failed."""
        self.end()
        path = self.folder / "err"
        return path.read_text() if path.exists() else ""


def ended(folder: Path, **said: Any) -> dict[str, Any]:
    """Have a next process end the run, and return what it says of it."""
    return Child(folder, **{"runs": [], "wait": [RUN], **said}).runs[-1]


def calls(folder: Path) -> Counter[str]:
    """Return how often each node was called."""
    path = folder / "calls"
    lines = path.read_text().splitlines() if path.exists() else []
    keys = {line.split()[1] for line in lines}
    assert keys <= {f"{RUN}/{name}" for name in "abcd"}, "a key is the same at every attempt"
    return Counter(line.split()[0] for line in lines)


def recorded(folder: Path) -> Counter[str]:
    """Return how often each node is recorded; the file is whole."""
    with closing(sqlite3.connect(folder / "workflows.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = db.execute("SELECT function_name, serialization FROM operation_outputs").fetchall()
    assert {kind for _, kind in rows} <= {"portable_json"}, "nothing is a pickle"
    return Counter(name for name, _ in rows)


class TestKilledAtANode:
    @pytest.mark.parametrize("node", ["a", "b", "c", "d"])
    @pytest.mark.parametrize("when", ["before", "behind"])
    def test_what_is_recorded_does_not_run_again(
        self, tmp_path: Path, node: str, when: str
    ) -> None:
        """
        Killed before a task did its work or right behind it, the next process runs what is left.
        """
        assert Child(tmp_path, **{when: node}).end() == -signal.SIGKILL
        before = recorded(tmp_path)
        found = ended(tmp_path)

        assert found["state"] == "done"
        assert recorded(tmp_path) == dict.fromkeys("abcd", 1)
        many = calls(tmp_path)
        for name in "abcd":
            # Once, or again where its process ended before it was recorded.
            most = 1 if name in before else 2
            assert 1 <= many[name] <= most, (name, many)
        assert many[node] == (2 if when == "behind" else 1)

    def test_a_run_that_failed_stays_failed(self, tmp_path: Path) -> None:
        """
        Its other branches are recorded, and the next host leaves it alone.
        """
        found = ended(tmp_path, runs=[RUN], fails=["b"])
        again = ended(tmp_path)

        assert found == again
        assert {n["id"]: n["state"] for n in found["nodes"]} == {
            "a": "done",
            "b": "failed",
            "c": "done",
            "d": "skipped",
        }
        assert calls(tmp_path) == {"a": 1, "b": 1, "c": 1}


class TestUpstream:
    def test_u1_finished_nodes_do_not_run_again(self, tmp_path: Path) -> None:
        """
        Killed in the third node of three: upstream ran `t1 t2 t3 t1 t2 t3`, and never ended it.
        """
        chain = {
            "nodes": [
                {"id": "a", "task": "work"},
                {"id": "b", "task": "work", "depends_on": ["a"]},
                {"id": "c", "task": "work", "depends_on": ["b"]},
            ]
        }
        Child(tmp_path, dag=chain, before="c").end()
        found = ended(tmp_path)

        assert found["state"] == "done"
        names = [line.split()[0] for line in (tmp_path / "calls").read_text().splitlines()]
        assert names == ["a", "b", "c"]

    def test_u2_two_runs_of_one_workflow_are_two(self, tmp_path: Path) -> None:
        """
        Interrupted both, each goes on with what it had: upstream kept one for both.
        """
        Child(tmp_path, runs=["w-1", "w-2"], before="d").end()
        found = Child(tmp_path, runs=[], wait=["w-1", "w-2"]).runs

        assert [run["state"] for run in found] == ["done", "done"]
        assert recorded(tmp_path) == dict.fromkeys("abcd", 2)


class TestCodeChanged:
    def test_other_code_does_not_go_on_by_itself(self, tmp_path: Path) -> None:
        """
        The run is held and says so; where the configuration accepts it, it goes on.
        """
        Child(tmp_path, before="d").end()
        held = ended(tmp_path, code="other")
        found = ended(tmp_path, code="other", accept=True)

        assert held["state"] == "interrupted"
        assert "the code of task:work (child 1) changed since the run began" in held["why"]
        assert "--accept-changes" in held["why"]
        assert found["state"] == "done"
        assert found["nodes"][-1]["code"] == "other"

    def test_code_of_what_is_recorded_does_not_matter(self, tmp_path: Path) -> None:
        """
        Only what is left to run is asked for its code.
        """
        two = {
            "nodes": [
                {"id": "a", "task": "gone"},
                {"id": "b", "task": "work", "depends_on": ["a"]},
            ]
        }
        Child(tmp_path, dag=two, before="b").end()

        assert ended(tmp_path)["state"] == "done"


class TestScheduled:
    def test_what_was_put_off_outlives_its_host(self, tmp_path: Path) -> None:
        """
        Acknowledged by a host that is killed before its time, the next one begins it, once.
        """
        host = Child(tmp_path, runs=[], stays=60)
        until(lambda: any(tmp_path.glob("up-*")))
        database = Database.file(tmp_path / "workflows.db")
        records = Records(database, "oneiric-test")
        order = Order("w", dag_of(DAG), None, {"work": Code("child 1")})
        records.enqueue(RUN, order.as_dict(), "oneiric-test", delay=0.5)
        host.kill()
        assert host.error == "", "it was there until then"
        (row,) = RecordedRuns(records, lambda executor: False).list()
        records.close()

        assert row.state == "waiting"
        assert "it begins at" in row.why
        assert ended(tmp_path)["state"] == "done"
        assert calls(tmp_path) == dict.fromkeys("abcd", 1)

    def test_a_moment_of_a_schedule_is_asked_for_again(self, tmp_path: Path) -> None:
        """
        A host that is killed while it asks for the run of a moment leaves that to the next one.
        """
        often = {"tick": {"workflow": "w", "cron": "* * * * * *", "timezone": None, "payload": 3}}
        killed = Child(tmp_path, runs=[], stays=60, schedules=often, tick_kills=True)
        assert killed.end() == -signal.SIGKILL
        left = moments(tmp_path)
        assert "PENDING" in left.values()
        # The next host says no schedule any more: what it does is of the former one's moments.
        host = Child(tmp_path, runs=[], stays=60)
        until(lambda: set(moments(tmp_path).values()) == {"SUCCESS"}, 10)
        host.kill()

        assert len((tmp_path / "ticks").read_text().split()) == 1 + len(moments(tmp_path))


def moments(folder: Path) -> dict[str, str]:
    """Return the moments of schedules that were begun, and where each is."""
    with closing(sqlite3.connect(folder / "workflows.db")) as db:
        asked = "SELECT workflow_uuid, status FROM workflow_status WHERE name = 'oneiric.tick'"
        return dict(db.execute(asked).fetchall())


class TestTwoProcesses:
    def test_a_second_host_is_refused(self, tmp_path: Path) -> None:
        """
        By the name of the first one, though that is stopped; once it is gone, one is let in.
        """
        first = Child(tmp_path, waits="d")
        until((tmp_path / "waiting").exists)
        second = Child(tmp_path, runs=[])
        refused = second.error
        os.kill(first.pid, signal.SIGSTOP)
        third = Child(tmp_path, runs=[])
        stopped = third.error
        first.kill()

        assert second.end() == third.end() == 1
        assert f"process {first.pid} is the host" in refused
        # Liveness is a lock, not a clock.
        assert f"process {first.pid} is the host" in stopped
        assert ended(tmp_path)["state"] == "done"


def until(true: Any, seconds: float = 20) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


# --- every write ----------------------------------------------------------------------------

WORDS = {"ENOSPC": "database or disk is full", "EIO": "disk I/O error"}
needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None, reason="needs apt-get install strace"
)


def traced(folder: Path, *words: str, **said: Any) -> Child:
    """Run a child under strace, of which only calls on the database are seen."""
    (folder / "go").unlink(missing_ok=True)
    paths = [str(folder / name) for name in ("workflows.db", "workflows.db-wal")]
    found = Child(folder, gate=True, **said)
    seen = [arg for path in paths for arg in ("-P", path)]
    with subprocess.Popen(
        ["strace", "-f", "-p", str(found.pid), *seen, *words], stderr=subprocess.PIPE, text=True
    ) as trace:
        assert trace.stderr is not None
        line = trace.stderr.readline()
        assert "attached" in line, line
        (folder / "go").touch()
        found.end()
        trace.communicate(timeout=20)
    return found


class Change(NamedTuple):
    """What a system call did to a file.

    Attributes:
        file: Its name.
        data: What was written; None where it became shorter, or was removed.
        place: Where it was written, or how long it is then.
    """

    file: str
    data: bytes | None
    place: int

    def to(self, files: dict[str, bytes]) -> None:
        """Do it."""
        held = bytearray(files.get(self.file, b""))
        if self.data is None:
            held = held[: self.place]
        elif self.place < 0:
            held += self.data
        else:
            held += bytes(max(self.place - len(held), 0))
            held[self.place : self.place + len(self.data)] = self.data
        files[self.file] = bytes(held)


CALL = re.compile(
    r"\d+ +(?P<call>pwrite64|write|ftruncate|unlink)\("
    r'(?:\d+<(?P<path>[^>]+)>, )?(?:"(?P<text>(?:\\x[0-9a-f]{2})*)")?(?:, )?'
    r"(?P<first>\d+)?(?:, (?P<second>\d+))?"
)


def plain(text: str | None) -> bytes:
    """Return what strace shows with -xx."""
    return bytes.fromhex((text or "").replace("\\x", ""))


def changes(trace: Path) -> Iterator[Change]:
    """Yield what strace saw, in its order."""
    for line in trace.read_text().splitlines():
        found = CALL.match(line)
        if found is None:
            continue
        call, text = found["call"], plain(found["text"])
        path = Path((text if call == "unlink" else plain(found["path"])).decode())
        if call == "pwrite64":
            yield Change(path.name, text, int(found["second"]))
        elif call == "write":
            yield Change(path.name, text, -1)
        else:
            yield Change(path.name, None, int(found["first"] or 0))


@needs_strace
def test_killed_at_every_write(tmp_path: Path, empty: dict[str, bytes]) -> None:
    """
    Wherever a process is killed, the system has what it wrote until then: from each such state
    the file is whole, each node is recorded once, and the next process ends the run.
    """
    whole = laid_out(tmp_path / "whole", empty)
    (whole / "calls").touch()
    words = ("-y", "-xx", "-s", "70000", "-o", str(whole / "trace"))
    kinds = "trace=pwrite64,write,ftruncate,unlink"
    child = traced(whole, *words, "-P", str(whole / "calls"), "-e", kinds)
    assert child.runs[-1]["state"] == "done"
    made = list(changes(whole / "trace"))
    files = dict(empty)
    for change in made:
        change.to(files)
    assert files["workflows.db"] == (whole / "workflows.db").read_bytes(), "nothing was missed"

    def states() -> Iterator[tuple[int, Path, Counter[str]]]:
        held = dict(empty)
        for n, change in enumerate(made):
            change.to(held)
            # To look at a database ends its log: at another copy of it.
            looked = laid_out(tmp_path / "looked", held)
            before = recorded(looked)
            shutil.rmtree(looked)
            yield n, laid_out(tmp_path / str(n), held), before

    left = states()
    # Some at a time: each waits for its disk, most of the time.
    while some := list(itertools.islice(left, 3)):
        nexts = [Child(folder, wait=[RUN]) for _, folder, _ in some]
        for (n, folder, before), after in zip(some, nexts, strict=True):
            assert after.runs[-1]["state"] == "done", n
            assert recorded(folder) == dict.fromkeys("abcd", 1), n
            for name, times in calls(folder).items():
                assert 1 <= times <= (1 if name in before else 2), (n, name, times)
            shutil.rmtree(folder)


# --- a disk that fails ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the files of a database without runs."""
    folder = tmp_path_factory.mktemp("empty")
    assert Child(folder, runs=[]).end() == 0
    return {path.name: path.read_bytes() for path in folder.glob("workflows.db*")}


def laid_out(folder: Path, files: dict[str, bytes]) -> Path:
    """Return a folder with these files."""
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


@needs_strace
class TestDisk:
    @pytest.mark.parametrize("what", ["ENOSPC", "EIO"])
    @pytest.mark.parametrize(
        ("kind", "first"), [("pwrite64", 8), ("pwrite64", 20), ("pwrite64", 30), ("fdatasync", 1)]
    )
    def test_what_is_recorded_stays_and_the_rest_is_done_later(
        self, tmp_path: Path, empty: dict[str, bytes], what: str, kind: str, first: int
    ) -> None:
        """
        From some write of each thread on nothing can be written: the run says why it waits, or
        none was begun. When there is room again the next process ends it.
        """
        folder = laid_out(tmp_path / "run", empty)
        inject = f"inject={kind}:error={what}:when={first}+"
        child = traced(folder, "-o", "/dev/null", "-e", f"trace={kind}", "-e", inject)
        before, told = recorded(folder), child.error
        if child.end() == 0:
            (found,) = child.runs
            assert {n["id"] for n in found["nodes"] if n["state"] == "done"} <= {*before}
            assert found["state"] in {"interrupted", "waiting", "done"}, found
            assert found["why"] or found["state"] == "done"
            if found["state"] == "interrupted" and len(before) < 4:
                assert WORDS[what] in found["why"]
                assert "make its folder writable and its disk roomy" in found["why"]
        else:
            # Refused at the beginning: nothing was acknowledged.
            assert "the runs of this workspace cannot be used" in told
            assert WORDS[what] in told or kind == "fdatasync"
            assert not before
        called = calls(folder)
        again = ended(folder, runs=[RUN])

        assert again["state"] == "done"
        assert recorded(folder) == dict.fromkeys("abcd", 1)
        assert {name: calls(folder)[name] for name in before} == {n: called[n] for n in before}

    def test_its_own_host_goes_on_when_there_is_room(
        self, tmp_path: Path, empty: dict[str, bytes]
    ) -> None:
        """
        One write of each thread fails and the next ones do not: nothing is recorded as a failure,
        and the host that was there all the while ends the run.
        """
        folder = laid_out(tmp_path / "run", empty)
        inject = "inject=pwrite64:error=ENOSPC:when=20"
        words = ("-o", "/dev/null", "-e", "trace=pwrite64", "-e", inject)
        child = traced(folder, *words, until_done=True, look=0.1)

        assert child.runs[-1]["state"] == "done"
        assert recorded(folder) == dict.fromkeys("abcd", 1)
        assert set(calls(folder)) == {*"abcd"}

    @pytest.mark.skipif(os.getuid() != 0, reason="mounts a file system of its own")
    def test_a_file_system_that_is_full(self, tmp_path: Path, empty: dict[str, bytes]) -> None:
        """
        In the middle of a run; some room later the run is there and goes on.
        """
        small = tmp_path / "small"
        small.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(small)]
        if subprocess.run(words, capture_output=True, check=False).returncode != 0:
            pytest.skip("may not mount")
        try:
            for name, data in empty.items():
                (small / name).write_bytes(data)
            found = Child(tmp_path, within="small", fills="b").runs[-1]
            assert found["state"] == "interrupted"
            assert WORDS["ENOSPC"] in found["why"]
            (small / "filler").unlink()

            assert ended(tmp_path, within="small")["state"] == "done"
            assert recorded(small) == dict.fromkeys("abcd", 1)
        finally:
            subprocess.run(["umount", str(small)], check=True)


# --- Postgres -------------------------------------------------------------------------------


def postgres_programs() -> Path | None:
    """Return the folder of Debian's newest server, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of our own on 127.0.0.1, without rights, in a temporary folder."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip("needs apt-get install postgresql")
    pytest.importorskip("psycopg")
    folder = tmp_path_factory.mktemp("postgres")
    data = folder / "data"
    as_user: dict[str, Any] = {}
    if os.getuid() == 0:
        # It refuses to run as root.
        import pwd

        nobody = pwd.getpwnam("nobody")
        folder.chmod(0o777)
        for above in folder.parents:
            if above == Path("/tmp"):
                break
            above.chmod(above.stat().st_mode | 0o711)
        as_user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    environ = {**os.environ, "HOME": str(folder), "TZ": "UTC", "LC_ALL": "C"}
    port = free_port()
    words = [
        str(programs / "initdb"),
        "-D",
        str(data),
        "-U",
        "oneiric",
        "-A",
        "trust",
        "-N",
        "-E",
        "UTF8",
    ]
    subprocess.run(words, check=True, capture_output=True, env=environ, cwd=folder, **as_user)
    server = subprocess.Popen(
        [
            *(str(programs / "postgres"), "-D", str(data), "-p", str(port)),
            *("-h", "127.0.0.1", "-k", str(folder), "-c", "fsync=off"),
        ],
        env=environ,
        cwd=folder,
        stderr=subprocess.DEVNULL,
        **as_user,
    )
    url = f"postgresql://oneiric@127.0.0.1:{port}/runs"
    try:
        import psycopg

        address = f"host=127.0.0.1 port={port} user=oneiric dbname=postgres"

        def is_up() -> bool:
            try:
                psycopg.connect(address).close()
            except psycopg.OperationalError:
                return False
            return True

        until(is_up, 60)
        with psycopg.connect(address, autocommit=True) as db:
            db.execute("CREATE DATABASE runs")
        yield url
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)


def free_port() -> int:
    """Return a port that nobody has."""
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


class TestPostgres:
    def test_a_second_machine_takes_over(self, tmp_path: Path, postgres: str) -> None:
        """
        Two hosts share the work; when one is killed, the other ends its runs within seconds.
        """
        first, second = tmp_path / "first", tmp_path / "second"
        first.mkdir()
        second.mkdir()
        shared = {"url": postgres, "application": "oneiric-shared"}
        one = Child(first, waits="d", **shared)
        until((first / "waiting").exists)
        other = Child(second, runs=[], wait=[RUN], **shared)
        until(lambda: any(second.glob("up-*")))
        time.sleep(0.2)
        assert not (second / "out").exists(), "what is alive is not taken over"
        one.kill()

        assert other.runs[0]["state"] == "done"
        assert calls(first) == dict.fromkeys("abcd", 1)
        assert calls(second) == {"d": 1}

    def test_a_restart_goes_on(self, tmp_path: Path, postgres: str) -> None:
        """
        As with the file: what is recorded does not run again.
        """
        shared = {"url": postgres, "application": "oneiric-restart", "runs": ["w-2"]}
        first = Child(tmp_path, before="d", **shared)
        assert first.end() == -signal.SIGKILL, first.error

        assert ended(tmp_path, **{**shared, "runs": [], "wait": ["w-2"]})["state"] == "done"
        assert len((tmp_path / "calls").read_text().splitlines()) == 4

    def test_applications_do_not_see_each_other(self, tmp_path: Path, postgres: str) -> None:
        """
        Though they share a database.
        """
        Child(tmp_path, url=postgres, application="oneiric-one", before="a", runs=["w-one"]).end()
        found = Child(tmp_path, url=postgres, application="oneiric-two", runs=[], wait=["w-one"])

        assert "no run is called w-one" in found.error

    def test_a_server_that_is_away_is_told_without_its_password(self, tmp_path: Path) -> None:
        """
        What is wrong, where, and what to do.
        """
        url = f"postgresql://oneiric:hunter2@127.0.0.1:{free_port()}/runs"
        found = Child(tmp_path, url=url).error.rpartition("WorkflowError")[2]

        assert "the runs of this workspace cannot be used" in found
        assert "start the server" in found
        assert "hunter2" not in found

    def test_a_workspace_names_its_server(self, tmp_path: Path, postgres: str) -> None:
        """
        By one setting: it runs there, and every process reads there.
        """
        from oneiric_lab.testing import Workspace

        workspace = Workspace(tmp_path).secret("runs", postgres)
        workspace.project(
            """
            app.name = "Post Gres"
            plugins.auto_load = false
            workflows.database_url = "${secret:runs}"
            [workflows.dags.w]
            nodes = [{ id = "a", task = "t" }, { id = "b", task = "t", depends_on = ["a"] }]
            """
        )
        lab = workspace.open()
        lab.component("task:t", provider="here")(lambda: lambda: "done")
        waiting = lab.workflows.enqueue("w", 1, dedup_key="k")
        found = lab.workflows.run_here("w")

        assert found.ok
        assert lab.workflows.engines.application == "oneiric-post-gres"
        rows = lab.workflows.runs(workflow="w").rows
        assert {row.id: row.state for row in rows} == {found.id: "done", waiting.run_id: "waiting"}
        assert lab.workflows.show(found.id).results == {"a": "done", "b": "done"}

        async def host() -> Any:
            async with lab.running(), lab.workflows.engine() as engine:
                assert engine.show(found.id).ok
                return await engine.wait(waiting.run_id)

        assert asyncio.run(host()).ok
        assert not (tmp_path / ".oneiric" / "workflows.db").exists()
