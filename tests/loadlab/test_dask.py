"""Runs on a cluster of Dask: a real one, of this machine, that ends with the test."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import TYPE_CHECKING, Any, ClassVar

import psutil
import pytest

from oneiric_lab.errors import LoadError, UsageError
from oneiric_lab.loadlab import Plan, Scenario, closed, constant, invariant, op, run_apart

from .test_worker import replayed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from random import Random

distributed = pytest.importorskip("distributed")


def scenario() -> type[Scenario]:
    """Return a class that only this process knows, as a notebook's."""

    class Local(Scenario):
        defaults: ClassVar[Mapping[str, Any]] = {"place": "", "do": ""}

        async def setup(self) -> None:
            """Fail where it is asked to."""
            if self.p.do == "fail":
                raise ValueError("no setup today")

        @op()
        async def read(self, rng: Random) -> None:
            """End the process where it is asked to, once."""
            await asyncio.sleep(0)
            if self.p.do == "kill":
                try:
                    os.mkdir(f"{self.p.place}/first")  # noqa: PTH102 - no path in a coroutine
                except FileExistsError:
                    return
                os.kill(os.getpid(), signal.SIGKILL)

        @invariant
        def says_where_it_was(self) -> bool | str:
            """Bring home the process."""
            return str(os.getpid()) if self.p.do == "tell" else True

    return Local


def children() -> set[int]:
    """Return the processes that this one has, at any depth."""
    return {child.pid for child in psutil.Process().children(recursive=True)}


def only_trackers(pids: set[int]) -> bool:
    """Return whether these are Python's own trackers of semaphores, which stay to the end."""
    return all("resource_tracker" in " ".join(psutil.Process(pid).cmdline()) for pid in pids)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Give the client of a cluster that the user has."""
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            silence_logs=50,
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as found,
    ):
        yield found


class TestCluster:
    def test_of_this_machine(self) -> None:
        """
        It begins and ends with the run; what both workers counted adds up bit by bit.
        """
        before = children()
        plan = Plan(scenario(), {"do": "tell"}, constant(201, 1), raw_limit=1000)
        heard: set[str] = set()

        def live(_: Any) -> None:
            for process in (psutil.Process(), *map(psutil.Process, children() - before)):
                heard.update(c.laddr.ip for c in process.net_connections() if c.status == "LISTEN")

        found = run_apart(plan, workers="dask:2", live=live)

        assert found.recorded.ops["read"].measured.statuses == {"ok": found.driven.offered}
        assert found.driven.offered == 201
        assert found.recorded.ops == replayed(found.recorded).ops
        assert len({said for _, said in found.broken}) == 2
        assert str(os.getpid()) not in dict(found.broken).values()
        assert found.machine["workers"] == "dask"
        assert heard == {"127.0.0.1"}
        assert float(found.machine["start_error_ms"]) >= 0
        assert only_trackers(children() - before)

    def test_of_a_client(self, client: Any) -> None:
        """
        One that the user has goes on afterwards; each of its workers has a share.
        """
        seen: list[Any] = []
        found = run_apart(
            Plan(scenario(), load=constant(400, 1.5)), workers=client, live=seen.append
        )
        assert [worker.offered for worker in found.workers] == [300, 300]
        assert seen[-1].ops["read"].total > 300
        assert client.submit(int, "7").result(timeout=30) == 7

    def test_by_address(self, client: Any) -> None:
        """
        A cluster that runs somewhere is reached by host and port.
        """
        address = client.scheduler.address.removeprefix("tcp://")
        found = run_apart(
            Plan(scenario(), load=closed(1, duration=0.2)), workers=f"dask://{address}"
        )
        # One user cannot be shared.
        assert len(found.workers) == 1
        assert found.recorded.ops["read"].measured.ended > 10

    def test_is_paused_and_cancelled(self, client: Any) -> None:
        """
        What is wished reaches all of its workers.
        """
        state: dict[str, float] = {}

        def live(snapshot: Any) -> None:
            state.setdefault("begun", time.monotonic())
            if snapshot.paused:
                state.setdefault("paused", time.monotonic())

        found = run_apart(
            Plan(scenario(), load=constant(100, 60)),
            workers=client,
            live=live,
            paused=lambda: "begun" in state,
            cancelled=lambda: time.monotonic() > state.get("paused", 1e12) + 0.3,
        )
        assert found.exit_code == 130
        assert all(worker.paused > 0 for worker in found.workers)

    def test_a_setup_that_raises(self, client: Any) -> None:
        """
        It is told by the worker's number, with where it was raised.
        """
        with pytest.raises(LoadError, match=r"worker [12] of 2 failed: ValueError: no setup today"):
            run_apart(Plan(scenario(), {"do": "fail"}, constant(100, 5)), workers=client)

    def test_a_worker_that_is_killed(self, tmp_path: Path) -> None:
        """
        The run ends, the work is not begun again, and nothing stays.
        """
        before = children()
        plan = Plan(scenario(), {"do": "kill", "place": str(tmp_path)}, constant(100, 60))
        with pytest.raises(LoadError, match=r"worker \d of 2 is gone from the cluster"):
            run_apart(plan, workers="dask:2")
        assert only_trackers(children() - before)


class TestMisuse:
    @pytest.mark.parametrize(
        ("workers", "words"),
        [
            ("dask:0", "from 1 to 256, got 0"),
            ("dask:2", "2 workers for 1 user"),
            ("dask:many", "names no cluster"),
            ("dask://nowhere", "names no cluster"),
        ],
    )
    def test_names_that_are_none(self, workers: str, words: str) -> None:
        """
        Told before anything is started, with what can be written.
        """
        with pytest.raises(UsageError, match=words):
            run_apart(Plan(scenario(), load=closed(1)), workers=workers)

    def test_nobody_answers(self) -> None:
        """
        A cluster that is not there is told as such.
        """
        with pytest.raises(LoadError, match=r"no cluster of Dask answers at 127\.0\.0\.1:1"):
            run_apart(Plan(scenario(), load=closed(1)), workers="dask://127.0.0.1:1")
