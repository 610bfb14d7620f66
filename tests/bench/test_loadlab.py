"""What the load generator itself costs."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from random import Random
from typing import TYPE_CHECKING

import pytest

from oneiric_lab.loadlab import Plan, Scenario, closed, constant, op, run, scenario_named
from oneiric_lab.loadlab._drive import Drive
from oneiric_lab.loadlab._recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_benchmark.fixture import BenchmarkFixture

OPEN = 200_000


class Nothing(Scenario):
    """One operation that does nothing."""

    @op()
    async def nothing(self, rng: Random) -> None:
        """Do nothing."""


async def awaited(many: int) -> float:
    """Return the CPU seconds of an operation that a bare loop awaits."""
    work, rng = Nothing().nothing, Random(0)
    begun = time.process_time()
    for _ in range(many):
        await work(rng)
    return (time.process_time() - begun) / many


@pytest.mark.parametrize(
    ("row", "plan"),
    [
        ("closed load, one operation", Plan(Nothing, load=closed(50, duration=1))),
        (
            "open load at 200,000 a second, one operation",
            Plan(Nothing, load=constant(OPEN, 1)),
        ),
    ],
)
def test_the_generator(benchmark: BenchmarkFixture, row: str, plan: Plan) -> None:
    """The whole run by its own CPU time, divided by the operations that it did.

    By turns with the operation alone, which tells how fast the machine was just then.
    """
    costs: list[float] = []
    alone: list[float] = []

    def drive() -> None:
        alone.append(asyncio.run(awaited(100_000)))
        recorder = Recorder()
        driven = asyncio.run(Drive(plan, Nothing(), recorder).run())
        done = recorder.result().ops["nothing"].measured.statuses["ok"]
        assert plan.offered in (None, done)
        costs.append(driven.cpu / done)

    benchmark.group = "generator"
    benchmark.pedantic(drive, rounds=6)
    # Rounds differ in how many operations they did, so the figure is made here.
    benchmark.extra_info |= {"row": row, "each": sorted(costs)}
    benchmark.extra_info["beside"] = {f"{row}, awaited alone": sorted(alone)}


# --- http: the same server, which is a process of its own, and as many connections -------------

CONNECTIONS = 50
SECONDS = 2

SERVER = """
import sys
from oneiric_lab.testing import LoopbackServer
with LoopbackServer() as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""

LOCUST = """
import json, sys, time
import locust  # patches asyncio, sockets and threads, so it has a process of its own
import gevent
from locust.env import Environment

class User(locust.FastHttpUser):
    host = sys.argv[1].rstrip("/")

    @locust.task
    def call(self):
        self.client.get("/")

environment = Environment(user_classes=[User])
runner = environment.create_local_runner()
runner.start(int(sys.argv[2]), spawn_rate=1000)
gevent.sleep(1)
total = environment.stats.total
before, cpu = total.num_requests, time.process_time()
gevent.sleep(float(sys.argv[3]))
done, cpu = total.num_requests - before, time.process_time() - cpu
failed = total.num_failures
runner.quit()
print(json.dumps({"done": done, "cpu": cpu, "failed": failed}))
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server that says `ok`; its CPU time is its own."""
    command = (sys.executable, "-c", SERVER)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as server:  # type: ignore[call-overload]  # pipes
        yield server.stdout.readline().strip()
        server.stdin.close()


def http_scenario(url: str) -> float:
    """Return the CPU seconds of a call by the scenario, its recording included."""
    kind, _ = scenario_named("http")
    plan = Plan(kind, {"url": url}, closed(CONNECTIONS, duration=SECONDS))
    with asyncio.Runner(loop_factory=kind.new_loop) as runner:
        found = runner.run(run(plan))
    part = found.recorded.ops["call"].measured
    assert found.exit_code == 0
    assert part.statuses == {"ok": part.ended}
    return float(found.driven.cpu / part.ended)


def locust_user(url: str) -> float:
    """Return the CPU seconds of a call by locust, its import and its start not counted."""
    words = (sys.executable, "-c", LOCUST, url, str(CONNECTIONS), str(SECONDS))
    said = subprocess.run(words, check=True, text=True, stdout=subprocess.PIPE).stdout
    found = json.loads(said.splitlines()[-1])
    assert not found["failed"]
    return float(found["cpu"] / found["done"])


def test_http(benchmark: BenchmarkFixture, url: str) -> None:
    """One call over a kept connection, by the CPU time of the process that makes it; by turns."""
    ours, peer = "the scenario http", "locust, FastHttpUser"
    costs: dict[str, list[float]] = {ours: [], peer: []}

    def turns() -> None:
        costs[ours].append(http_scenario(url))
        costs[peer].append(locust_user(url))

    benchmark.group = "http"
    benchmark.pedantic(turns, rounds=5)
    benchmark.extra_info |= {
        "row": ours,
        "each": sorted(costs[ours]),
        "beside": {peer: sorted(costs[peer])},
        "note": "; ".join(
            f"{row}: {1 / min(each):,.0f} calls a CPU second" for row, each in costs.items()
        ),
    }
