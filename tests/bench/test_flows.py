"""Runs of workflows: 1,000 nodes in memory, and durable nodes beside what DBOS does alone."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.lifecycle import Lifecycle
from oneiric_lab.registry import Candidate, Registry
from oneiric_lab.runtime import Code, Dag, Database, DurableEngine, MemoryEngine, Order, dag_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

STEPS = 200


class Nothing:
    """A task that does nothing."""

    async def run(self) -> None:
        """Do nothing."""


class Tasks:
    """One task, leased from a lifecycle as a lab's are."""

    def __init__(self, life: Lifecycle) -> None:
        self._life = life

    def lease(self, key: str) -> Any:
        """Give the task."""
        return self._life.lease("task", key)

    def code(self, key: str) -> Code:
        """Return whose it is."""
        return Code("nothing 1")

    def keys(self) -> list[str]:
        """Return the only one."""
        return ["nothing"]


@asynccontextmanager
async def tasks() -> AsyncIterator[Tasks]:
    """Give tasks of a registry."""
    registry = Registry()
    registry.add(Candidate("task", "nothing", "nothing", Nothing))
    async with Lifecycle(registry) as life:
        yield Tasks(life)


def nodes(many: int, width: int) -> Dag:
    """Return so many nodes, each behind the one that stands *width* before it."""
    return dag_of(
        {
            "nodes": [
                {
                    "id": f"n{i}",
                    "task": "nothing",
                    "depends_on": [f"n{i - width}"] if i >= width else [],
                }
                for i in range(many)
            ]
        }
    )


@pytest.mark.parametrize("width", [1, 10, 1000])
def test_memory(benchmark: BenchmarkFixture, width: int) -> None:
    """1,000 nodes that do nothing, leases included."""
    dag = nodes(1000, width)
    with asyncio.Runner() as runner:
        held = tasks()
        engine = MemoryEngine(runner.run(held.__aenter__()))
        count = iter(range(1_000_000))
        benchmark.group = "workflow of 1,000 nodes, in memory"
        benchmark.extra_info["row"] = f"ours, {width} at a time"
        found = benchmark(lambda: runner.run(engine.run(Order("w", dag), f"w-{next(count)}")))
        assert found.ok
        runner.run(held.__aexit__(None, None, None))


def test_raw_dbos(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """A loop over steps that do nothing, as DBOS has it."""
    from dbos import DBOS, DBOSPortableJSONSerializer

    config: dict[str, Any] = {
        "name": "raw-dbos",
        "system_database_url": Database.file(tmp_path / "raw.db").url,
        "serializer": DBOSPortableJSONSerializer(),
        "log_level": "ERROR",
    }
    DBOS(config=config)  # type: ignore[arg-type]  # a plain dictionary

    async def work() -> dict[str, Any]:
        return {}

    @DBOS.workflow(name="raw")
    async def make_steps() -> None:
        for i in range(STEPS):
            await DBOS.run_step_async({"name": f"n{i}"}, work)

    DBOS.launch()
    try:
        benchmark.group = f"{STEPS} durable nodes in a row"
        benchmark.extra_info["row"] = "DBOS alone, as it comes"
        benchmark.pedantic(
            lambda: DBOS.start_workflow(make_steps).get_result(), rounds=5, warmup_rounds=1
        )
    finally:
        DBOS.destroy(destroy_registry=True)


def test_durable(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """The same number of nodes, each a leased task, in a chain; beside DBOS, round by round."""
    from dbos import DBOS

    dag = nodes(STEPS, 1)
    ours: list[float] = []
    alone: list[float] = []

    async def work_nothing() -> dict[str, Any]:
        return {}

    with asyncio.Runner() as runner:
        held = tasks()
        found = runner.run(held.__aenter__())
        engine = DurableEngine(found, Database.file(tmp_path / "ours.db"), "oneiric-bench")
        runner.run(engine.__aenter__())
        count = iter(range(1000))

        @DBOS.workflow(name="alone")
        async def make_steps() -> None:
            for i in range(STEPS):
                await DBOS.run_step_async({"name": f"n{i}"}, work_nothing)

        async def work_alone() -> None:
            await (await DBOS.start_workflow_async(make_steps)).get_result()

        def step() -> None:
            # Of the CPU: the disk of a shared machine is another one from round to round.
            begun = time.process_time()
            runner.run(work_alone())
            alone.append(time.process_time() - begun)

        async def work() -> bool:
            run_id = f"w-{next(count)}"
            begun = time.process_time()
            await engine.start(Order("w", dag, None, {"nothing": Code("nothing 1")}), run_id)
            ended = await engine.wait(run_id)
            ours.append(time.process_time() - begun)
            return ended.ok

        benchmark.group = f"{STEPS} durable nodes in a row"
        assert benchmark.pedantic(lambda: runner.run(work()), setup=step, rounds=9, warmup_rounds=1)
        share = median(alone[1:]) / median(ours[1:])
        benchmark.extra_info |= {
            "row": "ours",
            "each": sorted(ours[1:]),
            "beside": {"DBOS alone, our database": sorted(alone[1:])},
            "note": f"{share:.2f} x as many per second of CPU as DBOS alone",
        }
        runner.run(engine.__aexit__(None, None, None))
        runner.run(held.__aexit__(None, None, None))
