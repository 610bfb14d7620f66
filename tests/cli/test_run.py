"""`oneiric-lab run` as a process: signals, probes, other processes, a real Prometheus."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from oneiric_lab.cli import main
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCHEMAS = Path(__file__).parents[2] / "docs" / "reference" / "schemas"
COMMAND = [sys.executable, "-m", "oneiric_lab"]
CANARY = "canary-3f1a-of-the-host"
PROJECT = """
[plugins]
auto_load = false
modules = ["shopcode"]

[runtime_supervisor]
http_token = "${secret:host-token}"

[runtime_paths]
workflow_checkpoints_enabled = false

[workflows]
runs_at_a_time = 200

[workflows.dags.nightly]
nodes = [{ id = "a", task = "nap" }, { id = "b", task = "nap", depends_on = ["a"] }]
"""
DURABLE = "[runtime_paths]\nworkflow_checkpoints_enabled = true\n"
"""Runs outlive their process only where a test is about that: it costs a second each."""

CODE = """
import asyncio, logging
from pathlib import Path
from oneiric_lab.registry import component

@component("task:nap", provider="bed", version="1.0")
class Nap:
    async def run(self, payload, context):
        said = context.input or {}
        secret = Path(__file__).parent / "secrets" / "host-token"
        logging.getLogger("shop").info("napping with %s", secret.read_text())
        flag = Path(__file__).parent / "flag"
        if said.get("once") and not flag.exists():
            flag.touch()
            await asyncio.sleep(3600)
        await asyncio.sleep(said.get("seconds", 0))
        return "slept"

@component("event:seen", provider="book", metadata={"topics": ["order"]})
class Seen:
    def handle(self, event):
        with (Path(__file__).parent / "seen").open("a") as book:
            book.write(event.payload["number"])
"""
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Process:
    """A host in a process of its own."""

    def __init__(self, folder: Path, *words: str, **environ: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [*COMMAND, "-C", str(folder), "--json", "run", "--port", "0", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environ},
        )
        self.err: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.url = ""

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.err.extend(self.process.stderr)

    def up(self) -> dict[str, Any]:
        """Wait for the first screen, and return it."""
        assert self.process.stdout is not None
        timer = threading.Timer(30, self.process.kill)
        timer.start()
        line = self.process.stdout.readline()
        timer.cancel()
        assert line, "".join(self.err)
        screen: dict[str, Any] = json.loads(line)
        self.url = screen["url"] or ""
        return screen

    def ask(self, path: str, body: object = None, token: str = CANARY) -> tuple[int, str]:
        """Return status and body of a request; a body makes it an order."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data)
        request.add_header("Content-Type", "application/json")
        request.add_header("Authorization", f"Bearer {token}")
        try:
            with _NO_PROXY.open(request, timeout=15) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def tell(self, number: int) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def end(self, seconds: float = 20) -> tuple[int, str]:
        """Wait for its end; return exit code and the rest of what it printed."""
        assert self.process.stdout is not None
        code = self.process.wait(seconds)
        self._reader.join()
        return code, self.process.stdout.read()

    def close(self) -> None:
        """End it, however it is."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def logs(self) -> list[dict[str, Any]]:
        """Return what it logged so far."""
        return [json.loads(line) for line in self.err if line.startswith("{")]


def verb(folder: Path, *words: str) -> tuple[int, Any]:
    """Return exit code and JSON of a verb, in this process: another one than the host's."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main(["-C", str(folder), "--json", *words])
    return code, json.loads(out.getvalue())


def fits(name: str, found: object) -> None:
    """Hold what was printed against its published schema."""
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(found)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace with a workflow, a token, and code that may run."""
    workspace = Workspace(tmp_path).project(PROJECT).file("shopcode.py", CODE)
    workspace.secret("host-token", CANARY)
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["-C", str(tmp_path), "allow"]) == 0
    return tmp_path


@pytest.fixture
def host(folder: Path) -> Iterator[Callable[..., Process]]:
    """Return what starts a host of the workspace; it is ended with the test."""
    made: list[Process] = []

    def start(*words: str, **environ: str) -> Process:
        made.append(Process(folder, *words, **environ))
        return made[-1]

    yield start
    for one in made:
        one.close()


class TestLife:
    def test_from_the_first_screen_to_the_end(
        self, host: Callable[..., Process], folder: Path
    ) -> None:
        """
        It listens on this machine only, tells other processes, reloads, and SIGTERM ends it by 0.
        """
        one = host()
        screen = one.up()
        status, metrics = one.ask("/metrics")
        healthy = verb(folder, "health")
        numbers = verb(folder, "metrics")
        second = verb(folder, "run", "--port", "0")
        one.ask("/workflows/nightly/runs", {})
        emitted = verb(folder, "event", "emit", "order", "--payload", '{"number": "o-17"}')
        (folder / "oneiric.local.toml").write_text("[")
        one.tell(signal.SIGHUP)
        _until(lambda: "reload refused" in "".join(one.err))
        degraded = verb(folder, "health")
        one.tell(signal.SIGTERM)
        code, rest = one.end()
        logs = verb(folder, "logs", "--match", "napping")

        assert screen["url"].startswith("http://127.0.0.1:")
        assert status == 200
        assert (healthy[0], healthy[1]["ready"]) == (0, True)
        assert f"process {screen['pid']}" in numbers[1]["whose"]
        assert (emitted[0], emitted[1]["deliveries"][0]["handler"]) == (0, "seen")
        assert str(screen["pid"]) in emitted[1]["host"]
        assert (folder / "seen").read_text() == "o-17"
        assert second[0] == 2
        assert second[1]["error"]["code"] == "host-running"
        assert str(screen["pid"]) in second[1]["error"]["message"]
        found = {c["name"]: c["standing"] for c in degraded[1]["checks"]}
        assert (degraded[0], found["configuration"]) == (0, "degraded")
        assert code == 0
        assert json.loads(rest)["by"] == "SIGTERM"
        events = [row["event"] for row in one.logs()]
        assert events.index("ready") < events.index("draining")
        assert events[-1] == "stopped"
        assert logs[1]["records"]
        fits("host", screen)
        fits("host-ended", json.loads(rest))
        fits("health", healthy[1])
        fits("health", degraded[1])
        fits("metrics", numbers[1])
        fits("logs", logs[1])
        for row in one.logs():
            fits("log-record", row)
        kept = [p.read_bytes() for p in (folder / ".oneiric").rglob("*") if p.is_file()]
        everything = "".join(one.err) + rest + metrics + json.dumps([healthy, numbers, logs])
        assert CANARY not in everything
        assert CANARY.encode() not in b"".join(kept)
        assert not (folder / ".oneiric" / "host.json").exists()

    def test_a_host_that_was_killed_leaves_room(
        self, host: Callable[..., Process], folder: Path
    ) -> None:
        """
        kill -9, and the next one begins.
        """
        one = host()
        one.up()
        one.tell(signal.SIGKILL)
        one.end()
        code, screen = verb(folder, "run", "--port", "0", "--dry-run")

        assert (code, screen["problems"]) == (0, [])
        assert verb(folder, "health", "--host")[0] == 1

    def test_told_while_it_starts_it_ends(self, tmp_path: Path) -> None:
        """
        At any moment of the start: by our word, or by the signal where Python itself starts.
        """
        waits = {0.4: "early", 0.9: "late"}
        for name in waits.values():
            (tmp_path / name).mkdir()
            Workspace(tmp_path / name).project("[plugins]\nauto_load = false\n")
        began = time.monotonic()
        hosts = {wait: Process(tmp_path / name, "--no-http") for wait, name in waits.items()}
        try:
            for wait, one in hosts.items():
                time.sleep(max(0.0, began + wait - time.monotonic()))
                one.tell(signal.SIGTERM)
            for one in hosts.values():
                assert one.end()[0] in {0, -signal.SIGTERM}
                assert "Traceback" not in "".join(one.err)
        finally:
            for one in hosts.values():
                one.close()


class TestTerm:
    def test_a_hundred_runs_in_flight_end_first(
        self, host: Callable[..., Process], folder: Path
    ) -> None:
        """
        Not ready at once, no order is taken any more, all runs are done, exit 0 within ten seconds.
        """
        (folder / "oneiric.local.toml").write_text(DURABLE)
        one = host()
        one.up()
        order = {"seconds": 0.6}
        with ThreadPoolExecutor(20) as pool:
            began = list(pool.map(lambda _: one.ask("/workflows/nightly/runs", order), range(100)))
        told = time.monotonic()
        one.tell(signal.SIGTERM)
        deadline = time.monotonic() + 2
        seen: set[int] = set()
        with contextlib.suppress(OSError):
            while 503 not in seen and time.monotonic() < deadline:
                seen.add(one.ask("/readyz")[0])
        refused = one.ask("/workflows/nightly/runs", order)[0]
        metrics = one.ask("/metrics")[1]
        code, rest = one.end()

        assert {status for status, _ in began} == {202}
        assert 503 in seen
        assert refused == 503
        assert 'oneiric_lab_host_state{state="draining"} 1' in metrics
        assert (code, json.loads(rest)["left"]) == (0, [])
        assert time.monotonic() - told < 10

    def test_what_does_not_end_is_left_for_the_next_one(
        self, host: Callable[..., Process], folder: Path
    ) -> None:
        """
        At the limit of the drain it is told, the exit is 0, and the next host ends the run.
        """
        limit = "[runtime_supervisor]\ndrain_timeout = 0.5\n"
        (folder / "oneiric.local.toml").write_text(DURABLE + limit)
        one = host()
        one.up()
        status, body = one.ask("/workflows/nightly/runs", {"once": True})
        assert status == 202, body
        path = f"/workflows/nightly/runs/{json.loads(body)['run']}"
        _until((folder / "flag").exists)
        one.tell(signal.SIGTERM)
        code, rest = one.end()
        other = host()
        other.up()
        _until(lambda: json.loads(other.ask(path)[1]).get("state") == "done")

        assert code == 0
        assert "workflows: still in flight" in json.loads(rest)["left"]

    def test_told_twice_it_is_gone_at_once(self, host: Callable[..., Process]) -> None:
        """
        By the signal's own code, though a run would go on for an hour.
        """
        one = host()
        one.up()
        one.ask("/workflows/nightly/runs", {"seconds": 3600})
        one.tell(signal.SIGTERM)
        _until(lambda: "draining" in "".join(one.err))
        one.tell(signal.SIGTERM)
        code, _ = one.end(5)

        assert code == 128 + signal.SIGTERM
        assert "told twice: ended at once" in "".join(one.err)

    def test_a_thread_that_hangs_does_not_keep_it(self) -> None:
        """
        The countdown goes on behind the last line of the host.
        """
        code = (
            "import asyncio, threading, time\n"
            "from oneiric_lab.runtime import Host\n"
            "async def main():\n"
            "    host = Host([], drain=0.1, end=1.0)\n"
            "    with host.signals(last=True):\n"
            "        asyncio.get_running_loop().run_in_executor(None, time.sleep, 3600)\n"
            "        await host.serve(lambda: print('up', flush=True))\n"
            "asyncio.run(main())\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
            process.send_signal(signal.SIGTERM)

            assert process.wait(10) == 0

    def test_a_loop_that_is_stuck_does_not_keep_it(self) -> None:
        """
        The countdown ends it, and says that it was no orderly end.
        """
        code = (
            "import asyncio, time\n"
            "from oneiric_lab.runtime import Host\n"
            "async def main():\n"
            "    host = Host([], drain=0.1, end=0.5)\n"
            "    with host.signals(last=True):\n"
            "        def stuck():\n"
            "            print('up', flush=True)\n"
            "            for _ in range(3600): time.sleep(1)\n"
            "        await host.serve(stuck)\n"
            "asyncio.run(main())\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline() == "up\n"
            process.send_signal(signal.SIGTERM)

            assert process.wait(10) == 1
            assert "did not end in time" in process.stderr.read()


class TestManager:
    def test_systemd_hears_each_step(self, host: Callable[..., Process], tmp_path: Path) -> None:
        """
        Ready, alive, reloading and ready again, stopping, by NOTIFY_SOCKET.
        """
        address = str(tmp_path / "notify.sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(address)
            manager.settimeout(15)
            one = host("--no-http", NOTIFY_SOCKET=address, WATCHDOG_USEC="200000")

            def until(word: str) -> list[str]:
                heard = [manager.recv(4096).decode()]
                while word not in heard[-1]:
                    heard.append(manager.recv(4096).decode())
                return heard

            until("READY=1")
            assert "WATCHDOG=1" in until("WATCHDOG=1")
            one.tell(signal.SIGHUP)
            assert "MONOTONIC_USEC=" in until("RELOADING=1")[-1]
            until("READY=1")
            # Ctrl-C is told by the exit code, as of any command that its user ended.
            one.tell(signal.SIGINT)
            assert "SIGINT" in until("STOPPING=1")[-1]
            assert one.end()[0] == 130


class TestPrometheus:
    def test_a_real_one_scrapes_and_answers(
        self, host: Callable[..., Process], tmp_path: Path
    ) -> None:
        """
        Debian's Prometheus takes the target as up, and a query finds what was counted.
        """
        binary = shutil.which("prometheus")
        if binary is None:
            if os.environ.get("ONEIRIC_CI"):
                pytest.fail("prometheus is missing: apt-get install prometheus")
            pytest.skip("prometheus is not installed (Debian: prometheus)")
        with socket.socket() as free, socket.socket() as other:
            free.bind(("127.0.0.1", 0))
            other.bind(("127.0.0.1", 0))
            place, port = (f"127.0.0.1:{free.getsockname()[1]}", other.getsockname()[1])
        target = f"127.0.0.1:{port}"
        # Both begin at once.
        one = host("--port", str(port))
        (tmp_path / "prometheus.yml").write_text(
            "global: {scrape_interval: 250ms, scrape_timeout: 250ms}\n"
            "scrape_configs:\n"
            "  - job_name: oneiric-lab\n"
            f"    static_configs: [{{targets: ['{target}']}}]\n"
        )
        with subprocess.Popen(
            [
                binary,
                f"--config.file={tmp_path / 'prometheus.yml'}",
                f"--storage.tsdb.path={tmp_path / 'tsdb'}",
                f"--web.listen-address={place}",
                "--log.level=error",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as server:
            try:
                one.up()
                one.ask("/workflows/nightly/runs", {})
                asked = 'up{job="oneiric-lab"}', 'oneiric_lab_run_completed_total{outcome="done"}'
                found = [_query(place, query, server) for query in asked]
            finally:
                server.terminate()
                server.wait(10)

        assert found == ["1", "1"]


def _until(so: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < deadline, "it did not come so"
        time.sleep(0.05)


def _query(place: str, query: str, server: subprocess.Popen[str]) -> str:
    """Return the first value of a query, once there is one that is not 0."""
    path = "/api/v1/query?" + urllib.parse.urlencode({"query": query})
    deadline = time.monotonic() + 15
    value = ""
    while value in {"", "0"}:
        assert time.monotonic() < deadline, (query, value)
        assert server.poll() is None, server.stderr and server.stderr.read()
        time.sleep(0.05)
        with contextlib.suppress(OSError):
            with _NO_PROXY.open(f"http://{place}{path}", timeout=5) as answer:
                rows = json.load(answer)["data"]["result"]
            value = str(rows[0]["value"][1]) if rows else ""
    return value
