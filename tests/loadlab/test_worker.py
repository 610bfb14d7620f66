"""Runs in processes of their own, alone or several that share the load."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import psutil
import pytest

from oneiric_lab.errors import LoadError, UsageError
from oneiric_lab.loadlab import (
    Plan,
    Scenario,
    closed,
    constant,
    invariant,
    op,
    poisson,
    run_apart,
    scenario_named,
)
from oneiric_lab.loadlab._parts import STATUSES
from oneiric_lab.loadlab._recorder import Recorder
from oneiric_lab.loadlab._schedule import schedule

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from oneiric_lab.loadlab._recorded import Recorded


class Shared(Scenario):
    """Writes down which process it is in, and does what it is told there."""

    defaults: ClassVar[Mapping[str, Any]] = {"place": "", "do": "", "loop": ""}

    async def setup(self) -> None:
        """Write down the process."""
        self.draws: list[float] = []
        if self.p.place:
            (Path(self.p.place) / f"{os.getpid()}.pid").touch()

    @op()
    async def read(self, rng: Random) -> None:
        """Draw, and end the process where this is the first one to be asked."""
        self.draws.append(rng.random())
        if self.p.do == "kill" and self.is_first():
            os.kill(os.getpid(), signal.SIGKILL)
        if self.p.do == "leave" and self.is_first():
            raise SystemExit(7)

    @invariant
    def says_what_was_drawn(self) -> bool | str:
        """Bring home what was drawn first."""
        return f"{self.draws[0]:.9f}" if self.p.do == "draw" else True

    @invariant
    def holds_but_in_one(self) -> bool | str:
        """Break in the first worker that is asked."""
        return self.p.do != "break" or not self.is_first()

    def is_first(self) -> bool:
        """Return whether no other process was here."""
        try:
            (Path(self.p.place) / "first").mkdir()
        except FileExistsError:
            return False
        return True


def pids(place: Path) -> list[int]:
    """Return the workers that were set up."""
    return sorted(int(found.stem) for found in place.glob("*.pid"))


def gone(place: Path, within: float = 15) -> bool:
    """Return whether no worker lives, at last."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        if not any(
            psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
            for pid in pids(place)
        ):
            return True
        time.sleep(0.05)
    return False


def replayed(recorded: Recorded) -> Recorded:
    """Return what one recorder says of every operation that *recorded* has a row of."""
    raw = recorded.raw
    assert raw is not None
    one = Recorder(clock=lambda: 0, raw_limit=recorded.raw_limit)
    columns = raw.columns
    for intended, lag, service, number, status in zip(
        *(columns[c].tolist() for c in ("t_intended_ns", "lag_ns", "service_ns", "op", "status")),
        strict=True,
    ):
        assert STATUSES[status] == "ok"
        begun = intended + lag
        one.op(raw.names[number]).record((intended, begun, begun + service))
    return one.result()


def here(body: str = "pass") -> type[Scenario]:
    """Return a class that only this process knows, as a notebook's."""

    class Local(Scenario):
        async def setup(self) -> None:
            """Fail where it is asked to."""
            if body == "fail":
                raise ValueError("no setup today")

        @op()
        async def read(self, rng: Random) -> None:
            """End the process where it is asked to."""
            if body == "kill":
                os.kill(os.getpid(), signal.SIGKILL)

    return Local


def test_a_class_of_a_notebook_is_driven_elsewhere() -> None:
    """
    It travels by value; what comes back is a run like any other, with its plan.
    """
    plan = Plan(here(), load=closed(2, duration=0.3), objectives=("read.rate > 1/s",))
    seen: list[Any] = []
    found = run_apart(plan, live=seen.append)
    assert found.plan is plan
    assert found.recorded.ops["read"].measured.ended > 100
    assert found.judged[0].met
    assert seen


def test_it_is_cancelled() -> None:
    """
    What was done until then comes back as partial.
    """
    kind, _ = scenario_named("swap-under-readers")
    found = run_apart(Plan(kind, load=closed(10, duration=60)), cancelled=lambda: True)
    assert found.exit_code == 130


@pytest.mark.parametrize(
    ("body", "words"), [("fail", "ValueError: no setup today"), ("kill", "with code -9")]
)
def test_one_that_ends_badly(body: str, words: str) -> None:
    """
    A setup that raises, and a worker that is killed, are told as such.
    """
    with pytest.raises(LoadError, match=words):
        run_apart(Plan(here(body), load=closed(1, duration=5)))


class TestSeveral:
    @pytest.mark.parametrize("load", [constant(301, 1), poisson(300, 1)])
    def test_the_sum_is_what_one_would_have_counted(self, load: Any) -> None:
        """
        One recorder that is given every row of two workers has the same counts, bit by bit.
        """
        plan = Plan(Shared, load=load, raw_limit=10_000, seed=3)
        found = run_apart(plan, workers=2)

        assert found.recorded.ops == replayed(found.recorded).ops
        assert found.recorded.raw == replayed(found.recorded).raw
        assert len(found.workers) == 2
        assert found.driven.offered == sum(worker.offered for worker in found.workers)
        assert found.recorded.ops["read"].measured.statuses == {"ok": found.driven.offered}

    def test_every_token_is_offered_by_one_of_them(self) -> None:
        """
        Together they have the schedule of the whole.
        """
        plan = Plan(Shared, load=constant(301, 0.5), raw_limit=10_000)
        raw = run_apart(plan, workers=3).recorded.raw
        assert raw is not None
        whole = np.concatenate(list(schedule(plan.load)))
        assert raw.columns["t_intended_ns"].tolist() == whole.tolist()

    def test_users_draw_the_same_however_many_workers(self) -> None:
        """
        Each user keeps its number, and so its stream.
        """
        plan = Plan(Shared, {"do": "draw"}, closed(2, duration=0.05), seed=5)
        alone = [dict(run_apart(plan.but(load=closed(1, duration=0.05))).broken)]
        both = run_apart(plan, workers=2).broken
        assert [name for name, _ in both] == [
            "says_what_was_drawn (worker 1)",
            "says_what_was_drawn (worker 2)",
        ]
        assert both[0][1] == alone[0]["says_what_was_drawn"]
        assert both[0][1] != both[1][1]

    def test_an_invariant_must_hold_in_each(self, tmp_path: Path) -> None:
        """
        One worker in which it is broken breaks the run.
        """
        plan = Plan(Shared, {"do": "break", "place": str(tmp_path)}, closed(2, duration=0.1))
        found = run_apart(plan, workers=2)
        assert found.exit_code == 4
        assert len(found.broken) == 1
        assert found.broken[0][0].startswith("holds_but_in_one (worker ")

    def test_who_looks_sees_the_sum(self) -> None:
        """
        One snapshot for all, with what all have done.
        """
        seen: list[Any] = []
        plan = Plan(Shared, load=constant(400, 1.2))
        run_apart(plan, workers=2, live=seen.append)
        assert 2 <= len(seen) <= 6
        assert seen[-1].ops["read"].total > 300
        rates = [sum(snapshot.ops["read"].rates.values()) for snapshot in seen]
        assert 300 < sum(rates) / len(rates) < 500

    @pytest.mark.parametrize(("do", "code"), [("kill", -9), ("leave", 7)])
    def test_one_that_dies_ends_the_run(self, tmp_path: Path, do: str, code: int) -> None:
        """
        It is named, and the others do not linger.
        """
        plan = Plan(Shared, {"do": do, "place": str(tmp_path)}, closed(3, duration=60))
        with pytest.raises(LoadError, match=rf"worker \d of 3 ended by itself, with code {code}"):
            run_apart(plan, workers=3)
        assert len(pids(tmp_path)) == 3
        assert gone(tmp_path)

    def test_is_cancelled(self) -> None:
        """
        All of them bring what they have.
        """
        seen: list[Any] = []
        found = run_apart(
            Plan(Shared, load=constant(100, 60)),
            workers=2,
            live=seen.append,
            cancelled=lambda: bool(seen),
        )
        assert found.exit_code == 130
        assert found.recorded.ops["read"].measured.ended > 0

    @pytest.mark.parametrize(
        ("workers", "words"),
        [
            (0, "from 1 to 256, got 0"),
            (True, "got True"),
            ("two", "got 'two'"),
            (300, "got 300"),
            (4, "4 workers for 3 users"),
        ],
    )
    def test_a_number_that_cannot_be(self, workers: Any, words: str) -> None:
        """
        It is refused before any process is started.
        """
        with pytest.raises(UsageError, match=words):
            run_apart(Plan(Shared, load=closed(3)), workers=workers)


SCRIPT = """
import sys
from oneiric_lab.loadlab import Plan, constant, run_apart
from tests.loadlab.test_worker import Shared

if __name__ == "__main__":
    plan = Plan(Shared, {"place": sys.argv[1]}, constant(100, 60))
    seen = []
    found = run_apart(plan, workers=2, live=lambda now: print("live", flush=True))
    print(found.to_json())
    sys.exit(found.exit_code)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
class TestParent:
    def begin(self, place: Path) -> subprocess.Popen[str]:
        """Start a run in another process, and return once it drives."""
        script = place / "drives.py"
        script.write_text(SCRIPT)
        process = subprocess.Popen(
            [sys.executable, str(script), str(place)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            start_new_session=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "live\n"
        assert len(pids(place)) == 2
        return process

    def test_one_that_is_killed_leaves_none(self, tmp_path: Path) -> None:
        """
        Workers end when nobody is left who waits for them.
        """
        with self.begin(tmp_path) as process:
            process.kill()
        assert gone(tmp_path)

    @pytest.mark.parametrize("safe", [{}, {"PYTHONSAFEPATH": "1"}])
    def test_the_folder_brings_no_module(self, tmp_path: Path, safe: dict[str, str]) -> None:
        """
        A worker runs nothing that somebody put into the working folder.
        """
        (tmp_path / "multiprocessing.py").write_text("raise SystemExit('ran')\n")
        # Of the interpreter's own first place only: there is none where it is told to be safe.
        first = "import sys; sys.path[:1] = filter(None, sys.path[:1])"
        code = f"{first}; from oneiric_lab.cli import main; sys.exit(main())"
        words = ["load", "run", "resolve-storm", "--users", "1", "--duration", "200ms", "--no-save"]

        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), **safe},
            check=False,
        )

        assert done.stderr == ""
        assert "ResolveStorm" in done.stdout

    def test_an_interrupt_while_they_begin(self, tmp_path: Path) -> None:
        """
        Ctrl-C ends the run and not a worker that still imports: that would be its fault.
        """
        process = subprocess.Popen(
            [sys.executable, "-m", "oneiric_lab", "load", "run", "swap-under-readers"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            start_new_session=True,
        )

        def is_worker(child: psutil.Process) -> bool:
            with contextlib.suppress(psutil.Error):
                return any("spawn_main" in word for word in child.cmdline())
            return False

        while not any(map(is_worker, psutil.Process(process.pid).children())):
            assert process.poll() is None
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)

        assert (process.returncode, errors) == (130, "")

    def test_an_interrupt_keeps_what_there_is(self, tmp_path: Path) -> None:
        """
        Ctrl-C goes to all of them; the run is told as partial.
        """
        with self.begin(tmp_path) as process:
            os.killpg(process.pid, signal.SIGINT)
            out, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (130, "")
        kept = json.loads(out[out.index("{") :])
        assert kept["partial"] is True
        assert kept["operations"][0]["ok"] > 0
        assert gone(tmp_path)
