"""Load runs of a lab: a job at once, a process of its own, and what is left of it."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import (
    JobCancelledError,
    LoadError,
    MissingExtraError,
    StoreError,
    UsageError,
)
from oneiric_lab.lab import Lab, LoadJob
from oneiric_lab.lab import _load as loads
from oneiric_lab.loadlab import About, Run, Runs, Scenario, closed, labelled, op

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from random import Random

LIMIT = 60.0
"""Seconds after which something that should happen is a failure; none takes that long."""


class Readers(Scenario):
    """Reads, and failures at a rate of their own."""

    @op()
    async def read(self, rng: Random) -> None:
        """Wait."""
        await asyncio.sleep(0.001)

    @op(rate=20)
    async def fail(self, rng: Random) -> None:
        """Fail."""
        raise ValueError("<b>on purpose</b>")


class Never(Scenario):
    """A setup that fails."""

    async def setup(self) -> None:
        """Fail."""
        raise RuntimeError("no setup today")

    @op()
    async def read(self, rng: Random) -> None:
        """Do nothing."""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab[Any]]:
    """Return an open workspace, closed afterwards."""
    (tmp_path / "oneiric.toml").write_text("")
    with Lab.open(tmp_path, environ={}) as lab:
        yield lab


def until(job: LoadJob, stage: str) -> None:
    """Wait until a job is where it should come to."""
    end = time.monotonic() + LIMIT
    while job.stage != stage:
        assert time.monotonic() < end, job.stage
        assert not job.is_ended, job
        time.sleep(0.01)


class TestRun:
    def test_a_job_at_once_and_a_run_in_the_end(self, lab: Lab[Any]) -> None:
        """
        The job is there while its process begins; what it saw and what it measured agree.
        """
        before = {t.name for t in threading.enumerate()}
        begun = time.monotonic()
        job = lab.load.run(Readers, users=5, duration="1s", seed=3)
        assert time.monotonic() - begun < 0.5
        assert (job.stage, repr(job)) == ("waiting", "<LoadJob: load Readers: waiting>")
        assert "oneiric-lab" not in before

        until(job, "running")
        assert 0 < job.course.at < 1.2
        assert "in flight" in str(job)
        run = job.result(LIMIT)

        assert isinstance(run, Run)
        assert run.plan.seed == 3
        assert (job.stage, job.state) == ("ended", "done")
        assert run.recorded.ops["read"].measured.ended > 100
        assert len(run.frame()) == 2
        assert sum(job.course.frame()["bad"] > 0) > 0
        assert str(job).startswith(str(run).splitlines()[0])
        assert "rate over time" in str(job)
        assert job.as_dict()["stage"] == "ended"

    def test_cancelled_it_keeps_what_there_is(self, lab: Lab[Any]) -> None:
        """
        Soon after, not at the end of the plan: a run that says it is partial.
        """
        job = lab.load.run(Readers, duration=600)
        until(job, "running")
        asked = time.monotonic()
        assert job.cancel()
        assert job.stage == "cancelling"
        run = job.result(LIMIT)

        assert time.monotonic() - asked < 20
        assert (job.stage, run.exit_code) == ("cancelled", 130)
        assert run.recorded.ops["read"].measured.ended > 10
        assert not job.cancel()

    def test_cancelled_before_it_began(self, lab: Lab[Any]) -> None:
        """
        There is nothing to keep: who waits is told so, or gets a run without operations.
        """
        job = lab.load.run(Readers, duration=600)
        job.cancel()
        try:
            assert job.result(LIMIT).exit_code == 130
        except JobCancelledError as error:
            assert error.exit_code == 130  # noqa: PT017 - one or the other, by the clock

        assert job.stage == "cancelled"

    def test_is_awaited(self, lab: Lab[Any]) -> None:
        """
        A kernel's own loop waits for it, and goes on meanwhile.
        """

        async def cell() -> tuple[Run, int]:
            job = lab.load.run("resolve-storm", users=1, duration="0.2s")
            turns = 0
            while not job.is_ended:
                turns += 1
                await asyncio.sleep(0.005)
            return await job, turns

        run, turns = asyncio.run(cell())
        assert run.recorded.ops["resolve"].measured.ended > 0
        assert turns > 10

    def test_is_kept_where_it_is_asked_to_be(self, lab: Lab[Any], tmp_path: Path) -> None:
        """
        In the workspace, or in a folder; else nothing is written.
        """
        options: dict[str, Any] = {"users": 1, "duration": "0.1s"}
        plain = lab.load.run(Readers, **options).result(LIMIT)
        assert (plain.path, len(lab.load.runs)) == (None, 0)
        here = lab.load.run(Readers, save=True, **options).result(LIMIT)
        there = lab.load.run(Readers, save=tmp_path / "kept", **options).result(LIMIT)

        assert lab.load.runs.open().as_dict() == here.as_dict()
        assert there.path is not None
        assert there.path.parent == tmp_path / "kept"

    def test_one_that_cannot_be_kept_is_not_lost(
        self, lab: Lab[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        What was measured is the result all the same, and the display says what went wrong.
        """

        def full(*_: Any) -> Path:
            raise StoreError("no space left on the device")

        monkeypatch.setattr(Runs, "save", full)
        job = lab.load.run(Readers, users=1, duration="0.1s", save=True)

        assert job.result(LIMIT).path is None
        assert job.problem is not None
        assert "not kept: no space left" in str(job)

    def test_one_that_fails(self, lab: Lab[Any]) -> None:
        """
        A setup that raises fails the job, whose display says why.
        """
        job = lab.load.run(Never)
        with pytest.raises(LoadError, match="no setup today"):
            job.result(LIMIT)

        assert job.stage == "failed"
        assert "no setup today" in str(job)

    def test_misuse_is_told_at_once(self, lab: Lab[Any]) -> None:
        """
        What cannot be driven starts neither thread nor process.
        """
        with pytest.raises(UsageError, match="is no scenario"):
            lab.load.run(int)  # type: ignore[arg-type]  # on purpose
        assert lab.load.jobs == ()
        assert lab._owner is None

    def test_without_the_extra(self, lab: Lab[Any], monkeypatch: pytest.MonkeyPatch) -> None:
        """
        What is not installed is told with the command that brings it.
        """
        monkeypatch.setattr(loads, "find_spec", lambda name: None)
        with pytest.raises(MissingExtraError, match=r"oneiric-lab\[load\]"):
            lab.load.run(Readers)

    def test_the_last_ones_are_remembered(
        self, lab: Lab[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Jobs of a lab are found again, the newest last, and not all that ever were.
        """
        monkeypatch.setattr(loads, "run_apart", lambda plan, **_: os.getpid())
        started = [lab.load.run(Readers) for _ in range(loads.KEPT + 1)]
        for job in started:
            job.result(LIMIT)

        assert list(lab.load.jobs) == started[1:]


class TestClose:
    def test_ends_the_jobs_and_their_thread(self, tmp_path: Path) -> None:
        """
        A block that ends cancels what runs; questions are answered afterwards, runs refused.
        """
        (tmp_path / "oneiric.toml").write_text("[server]\nport = 1\n")
        with Lab.open(tmp_path, environ={}) as lab:
            assert lab._owner is None
            job = lab.load.run(Readers, duration=600)
            until(job, "running")

        assert job.stage == "cancelled"
        assert not any(t.name == "oneiric-lab" and t.is_alive() for t in threading.enumerate())
        assert lab.value("server.port") == 1
        with pytest.raises(UsageError, match="open the lab anew"):
            lab.load.run(Readers)

    def test_of_a_lab_that_ran_nothing(self, tmp_path: Path) -> None:
        """
        There is nothing to end, however often.
        """
        (tmp_path / "oneiric.toml").write_text("")
        lab = Lab.open(tmp_path, environ={})
        lab.close()
        lab.close()


class TestPlan:
    def test_is_what_would_be_driven(self, lab: Lab[Any]) -> None:
        """
        A plan is made without being driven, and can be given back.
        """
        plan = lab.load.plan(Readers, users=3, duration=1)

        assert lab.load.plan(plan) == plan
        assert lab.load.jobs == ()


class TestScenarios:
    def test_each_can_be_named(self, lab: Lab[Any]) -> None:
        """
        What is listed is what `plan` and `run` take by name, with its usual load.
        """
        rows = lab.load.scenarios().rows
        names = [row.name for row in rows]

        assert "swap-under-readers" in names
        row = rows[names.index("swap-under-readers")]
        assert lab.load.plan(row.name).load == closed(row.users, duration="10s")


class TestComparing:
    def test_by_names_jobs_and_runs(self, lab: Lab[Any]) -> None:
        """
        Each side is what a person has at hand; what cannot be compared is refused.
        """
        plan = lab.load.plan(Readers, users=1, duration="0.2s", warmup="0s")
        first, second, third = (lab.load.run(plan, save=keep) for keep in (True, True, False))
        kept = first.result(LIMIT).id
        second.result(LIMIT)

        found = lab.load.compare(kept, third)
        assert found.names == (kept, "other")
        assert found.verdict == "inconclusive"
        both = lab.load.compare([kept, second], third.result(LIMIT), metrics=["read.rate"])
        assert both.runs == (2, 1)
        assert list(both.kinds) == ["read.rate"]
        with pytest.raises(UsageError, match="share runs"):
            lab.load.compare(kept, first)
        with pytest.raises(UsageError, match="expected runs, found none"):
            lab.load.compare([], third)
        with pytest.raises(UsageError, match="no-such"):
            lab.load.compare("no-such", third)

    def test_what_there_is_to_compare_with(self, lab: Lab[Any]) -> None:
        """
        Former runs of the same scenario and load: those of this lab, and those that were kept.
        """
        plan = lab.load.plan(Readers, users=1, duration="0.2s", warmup="0s")
        kept = lab.load.run(plan, save=True)
        lab.load.run(plan.but(duration=0.3, load=closed(1, duration=0.3))).result(LIMIT)
        lab.load.run("resolve-storm", users=1, duration="0.2s", warmup="0s").result(LIMIT)
        kept.result(LIMIT)
        job = lab.load.run(plan)
        name = kept.result().id
        assert lab.load.former(job) == {name: 1}
        own = job.result(LIMIT).id
        for _ in range(2):
            lab.load.runs.save(labelled(replace(job.result(), about=About.now()), "before"))
        again = lab.load.run(plan)
        assert lab.load.former(again) == {"before": 2, own: 1, name: 1}
        assert lab.load.compare(own, again).names == (own, "other")
