"""Jobs: seen while they run, awaited, cancelled; and the loop that owns them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from oneiric_lab.errors import Fault, JobCancelledError, StoreError, UsageError
from oneiric_lab.jobs import Context, Job, Owner, Progress, run_inline
from oneiric_lab.testing import FakeClock
from oneiric_lab.views import Result, Text, View

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[2]
LIMIT = 20.0
"""Seconds after which something that should happen is a failure; none takes that long."""


@pytest.fixture
def owner() -> Iterator[Owner]:
    """An owner that is closed at the end, and had nothing left to wait for."""
    with Owner() as owner:
        yield owner


class Gate:
    """Work that begins, waits until it is let through, and returns 7."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self._open = threading.Event()

    async def __call__(self, ctx: Context) -> int:
        """Do it."""
        self.begun.set()
        while not self._open.is_set():  # noqa: ASYNC110 - opened from another thread
            await asyncio.sleep(0.001)
        return 7

    def open(self) -> None:
        """Let the work through."""
        self._open.set()


async def seven(ctx: Context) -> int:
    """Return 7 at once."""
    return 7


async def boom(ctx: Context) -> int:
    """Fail."""
    raise ZeroDivisionError("boom")


class TestResult:
    """How a caller gets what the work returned."""

    def test_of_a_thread(self, owner: Owner) -> None:
        """
        The result comes to who waits, and comes again to who asks again.
        """
        job = owner.submit(seven)

        assert job.result(LIMIT) == 7
        assert job.result() == 7
        assert (job.name, job.state, job.error) == ("seven", "done", None)

    def test_time_limit_leaves_it_running(self, owner: Owner) -> None:
        """
        Who waits too long gets a TimeoutError; the job goes on.
        """
        gate = Gate()
        job = owner.submit(gate, name="slow")
        with pytest.raises(TimeoutError, match=r"job slow still runs after 0\.01 s"):
            job.result(0.01)
        gate.open()

        assert job.result(LIMIT) == 7

    def test_failure_is_raised_as_it_was(self, owner: Owner) -> None:
        """
        What the work raised is raised to who waits, and the next job is not touched by it.
        """
        job = owner.submit(boom)
        with pytest.raises(ZeroDivisionError, match="boom") as caught:
            job.result(LIMIT)

        assert job.state == "failed"
        assert caught.value is job.error
        assert owner.submit(seven).result(LIMIT) == 7

    @pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
    def test_what_ends_a_program_ends_only_the_job(
        self, owner: Owner, error: BaseException
    ) -> None:
        """
        SystemExit and KeyboardInterrupt in the work fail the job, and the loop lives on.
        """

        async def leave(ctx: Context) -> None:
            raise error

        with pytest.raises(type(error)):
            owner.submit(leave).result(LIMIT)

        assert owner.submit(seven).result(LIMIT) == 7

    def test_waiting_inside_is_refused(self, owner: Owner) -> None:
        """
        A job that waits for another by blocking would stop both; it is told to await.
        """
        gate = Gate()
        other = owner.submit(gate)

        async def wait(ctx: Context) -> int:
            return other.result()

        with pytest.raises(UsageError) as caught:
            owner.submit(wait).result(LIMIT)
        gate.open()

        assert caught.value.faults[0].fix == "await the job"
        assert other.result(LIMIT) == 7

    def test_no_state_is_kept_of_the_work(self, owner: Owner) -> None:
        """
        A job that ended holds neither its task nor who listened.
        """
        job = owner.submit(seven)
        job.subscribe(lambda _: None)
        job.result(LIMIT)
        owner.close()

        assert job._task is None
        assert job._callbacks == []
        assert owner.jobs == ()


class TestKind:
    """Jobs that show more of themselves."""

    def test_is_made_by_who_submits(self, owner: Owner) -> None:
        """
        The job that comes back is the one that was made, and runs like any other.
        """

        class Told(Job[int]):
            """A job with a colour."""

            color = "red"

        job = owner.submit(seven, make=Told)

        assert (job.result(LIMIT), job.name, job.color) == (7, "seven", "red")


class TestAwait:
    """Waiting on another loop, as a kernel's."""

    def test_from_another_loop(self, owner: Owner) -> None:
        """
        A loop in another thread awaits a job while it goes on with its own work.
        """
        gate = Gate()
        job = owner.submit(gate)

        async def kernel() -> tuple[int, int]:
            waiting = asyncio.ensure_future(wait(job))
            await asyncio.sleep(0.01)
            gate.open()
            return await asyncio.wait_for(waiting, LIMIT), await job

        assert asyncio.run(kernel()) == (7, 7)

    def test_from_another_job(self, owner: Owner) -> None:
        """
        A job may await another of the same owner.
        """

        async def both(ctx: Context) -> int:
            return await owner.submit(seven) + 1

        assert owner.submit(both).result(LIMIT) == 8

    def test_failure_is_raised(self, owner: Owner) -> None:
        """
        Awaiting a job that failed raises what it raised.
        """
        with pytest.raises(ZeroDivisionError):
            asyncio.run(wait(owner.submit(boom)))

    def test_giving_up_leaves_it_running(self, owner: Owner) -> None:
        """
        A wait that is cancelled, its loop closed since, does not cancel the job.
        """
        gate = Gate()
        job = owner.submit(gate)

        async def give_up() -> None:
            await asyncio.wait_for(wait(job), 0.01)

        with pytest.raises(TimeoutError):
            asyncio.run(give_up())
        gate.open()

        assert job.result(LIMIT) == 7


async def wait(job: Job[int]) -> int:
    """Await a job where a coroutine is asked for."""
    return await job


class TestCancel:
    """Ending a job before its end."""

    def test_running(self, owner: Owner) -> None:
        """
        A running job is cancelled where it waits; who waits for it is told by its own error.
        """
        gate = Gate()
        job = owner.submit(gate, name="slow")
        gate.begun.wait(LIMIT)

        assert job.cancel()
        with pytest.raises(JobCancelledError) as caught:
            job.result(LIMIT)
        assert caught.value.exit_code == 130
        assert str(caught.value) == "error: job slow was cancelled\n  help: run it again"
        assert (job.state, job.cancel()) == ("cancelled", False)

    def test_before_it_began(self, owner: Owner) -> None:
        """
        A job that waits for its turn never begins.
        """
        began = threading.Event()

        async def first(ctx: Context) -> Job[None]:
            job = owner.submit(second)
            job.cancel()
            return job

        async def second(ctx: Context) -> None:
            began.set()

        job = owner.submit(first).result(LIMIT)

        with pytest.raises(JobCancelledError):
            job.result(LIMIT)
        assert not began.is_set()

    def test_work_may_finish_all_the_same(self, owner: Owner) -> None:
        """
        Work that catches the cancel and returns is done: what it returned is not lost.
        """
        begun = threading.Event()

        async def stubborn(ctx: Context) -> tuple[str, bool]:
            begun.set()
            try:
                await asyncio.sleep(LIMIT)
            except asyncio.CancelledError:
                return "partial", ctx.is_cancelled
            raise AssertionError

        job = owner.submit(stubborn)
        begun.wait(LIMIT)
        job.cancel()

        assert job.result(LIMIT) == ("partial", True)
        assert job.state == "done"

    def test_twice(self, owner: Owner) -> None:
        """
        A second cancel reaches work that is cleaning up, and one that ended meanwhile nothing.
        """
        cleaning = threading.Event()

        async def clean_up(ctx: Context) -> None:
            try:
                await asyncio.sleep(LIMIT)
            finally:
                cleaning.set()
                await asyncio.sleep(LIMIT)

        job = owner.submit(clean_up)
        while job.state != "running":
            time.sleep(0.001)
        job.cancel()
        cleaning.wait(LIMIT)
        job.cancel()

        with pytest.raises(JobCancelledError):
            job.result(LIMIT)

    def test_order_that_comes_too_late(self) -> None:
        """
        An order that was given before the end and arrives after it changes nothing.
        """

        async def work(ctx: Context) -> int:
            ctx._job.cancel()
            return 7

        assert run_inline(work) == 7


class TestSubscribe:
    """Being told, not too often, and always of the end."""

    def test_at_most_twenty_a_second(self) -> None:
        """
        Of ten thousand steps in one second by the clock, about twenty and the end are told.
        """
        clock = FakeClock(0.0)
        seen: list[tuple[str, float]] = []

        async def work(ctx: Context) -> None:
            # Its timers too go by the clock that is made up.
            asyncio.get_running_loop().time = clock  # type: ignore[method-assign]
            for step in range(1, 10_001):
                clock.advance(0.0001)
                ctx.progress(step, 10_000)
                if step % 10 == 0:
                    await asyncio.sleep(0)

        def note(job: Job[None]) -> None:
            seen.append((job.state, job.progress.done if job.progress else 0))

        run_inline(work, on_change=note, clock=clock)

        assert 20 <= len(seen) <= 23
        assert seen[-1] == ("done", 10_000)

    def test_the_last_step_before_a_silence_is_told(self, owner: Owner) -> None:
        """
        A step that came too soon after another is told later, not dropped.
        """
        told = threading.Event()
        gate = Gate()

        async def work(ctx: Context) -> int:
            ctx.progress(1)
            await asyncio.sleep(0.005)
            ctx.progress(2)
            return await gate(ctx)

        def note(job: Job[int]) -> None:
            if job.progress == Progress(2):
                told.set()

        job = owner.submit(work)
        job.subscribe(note)

        assert told.wait(LIMIT)
        assert job.state == "running"
        gate.open()

    def test_steps_of_a_worker_thread(self, owner: Owner) -> None:
        """
        Work in a thread of its own tells how far it is, and callbacks run on the owner's.
        """
        threads: set[str] = set()

        async def work(ctx: Context) -> None:
            def count() -> None:
                for step in range(1000):
                    ctx.progress(step, 1000, "counting")

            await anyio.to_thread.run_sync(count)

        job = owner.submit(work)
        job.subscribe(lambda _: threads.add(threading.current_thread().name))
        job.result(LIMIT)
        owner.close()

        assert Progress(999, 1000, "counting") == job.progress
        assert threads <= {"oneiric-lab", "MainThread"}

    def test_one_that_raises_is_not_called_again(
        self, owner: Owner, caplog: pytest.LogCaptureFixture
    ) -> None:
        """
        A callback's own error is logged once; the job and the other callbacks go on.
        """
        gate = Gate()
        ends: list[str] = []
        job = owner.submit(gate)

        def fail(job: Job[int]) -> None:
            raise ZeroDivisionError

        job.subscribe(fail)
        job.subscribe(lambda job: ends.append(job.state))
        gate.begun.wait(LIMIT)
        gate.open()
        job.result(LIMIT)
        owner.close()

        assert len(caplog.records) == 1
        assert ends[-1] == "done"

    def test_unsubscribe(self, owner: Owner) -> None:
        """
        Who unsubscribed is not told any more; to do so twice is fine.
        """
        gate = Gate()
        seen: list[str] = []
        job = owner.submit(gate)
        gate.begun.wait(LIMIT)
        end = job.subscribe(lambda job: seen.append(job.state))
        end()
        end()
        gate.open()
        job.result(LIMIT)
        owner.close()

        assert "done" not in seen

    def test_after_the_end(self, owner: Owner) -> None:
        """
        Who subscribes to a job that ended is told so at once.
        """
        job = owner.submit(seven)
        job.result(LIMIT)
        seen: list[str] = []
        job.subscribe(lambda job: seen.append(job.state))

        assert seen == ["done"]

    def test_a_step_after_the_end_is_nothing(self, owner: Owner) -> None:
        """
        A thread that outlived its job moves it no more, its loop closed or not.
        """
        kept: list[Context] = []

        async def work(ctx: Context) -> None:
            kept.append(ctx)

        job = owner.submit(work)
        job.result(LIMIT)
        owner.close()
        kept[0].progress(5)

        assert job.progress is None


class TestOwner:
    """The thread: lazy, one, closed, forked, and never in the way of the end."""

    def test_no_job_no_thread(self) -> None:
        """
        An owner that was given no job has no thread, and closes.
        """
        before = threading.active_count()
        owner = Owner()

        assert before == threading.active_count()
        assert owner.close() == ()

    def test_one_thread(self, owner: Owner) -> None:
        """
        All jobs run on one thread.
        """

        async def where(ctx: Context) -> int:
            return threading.get_ident()

        assert len({owner.submit(where).result(LIMIT) for _ in range(5)}) == 1

    def test_close_cancels_what_runs(self) -> None:
        """
        Closing cancels, lets the work clean up, and refuses what comes after.
        """
        owner = Owner()
        cleaned = threading.Event()
        begun = threading.Event()

        async def work(ctx: Context) -> None:
            begun.set()
            try:
                await asyncio.sleep(LIMIT)
            finally:
                await asyncio.sleep(0)
                cleaned.set()

        job = owner.submit(work)
        begun.wait(LIMIT)

        assert owner.close() == ()
        assert (job.state, cleaned.is_set()) == ("cancelled", True)
        assert owner.close() == ()
        with pytest.raises(UsageError):
            owner.submit(seven)

    def test_close_tells_what_would_not_end(self) -> None:
        """
        A job that blocks the loop is named, and closing does not wait for it for ever.
        """
        owner = Owner()
        release, begun = threading.Event(), threading.Event()

        async def block(ctx: Context) -> None:
            begun.set()
            release.wait(LIMIT)

        job = owner.submit(block)
        begun.wait(LIMIT)
        left = owner.close(0.05)
        release.set()

        assert left == (job,)
        assert job.result(LIMIT) is None

    def test_close_by_a_job(self) -> None:
        """
        A job may close its owner; it is cancelled at its next wait.
        """
        owner = Owner()

        async def work(ctx: Context) -> None:
            owner.close()
            await asyncio.sleep(LIMIT)

        with pytest.raises(JobCancelledError):
            owner.submit(work).result(LIMIT)

    def test_close_while_the_loop_ends(self) -> None:
        """
        Closing a loop that closed a moment ago is no error.
        """
        owner = Owner()
        owner.submit(seven).result(LIMIT)
        owner.close()
        owner._thread = threading.current_thread()

        assert owner.close() == ()

    @pytest.mark.parametrize("work", ["watch", "thread"])
    def test_a_program_ends_though_it_did_not_close(self, work: str) -> None:
        """
        A program whose jobs still run, worker threads included, ends at its end.
        """
        program = (
            "import asyncio, sys, threading, time, anyio\n"
            "from oneiric_lab.jobs import Owner\n"
            "begun = threading.Event()\n"
            "async def thread(ctx):\n"
            "    await anyio.to_thread.run_sync(time.sleep, 0.01)\n"
            "    await watch(ctx)\n"
            "async def watch(ctx):\n"
            "    try:\n"
            "        begun.set()\n"
            "        await asyncio.sleep(1000)\n"
            "    finally: print('cleaned', flush=True)\n"
            "owner = Owner()\n"
            "owner.submit(globals()[sys.argv[1]])\n"
            "begun.wait()\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, work],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=True,
        )

        assert done.stderr == ""
        assert done.stdout == "cleaned\n"

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="only on systems that fork")
    def test_in_a_forked_process(self) -> None:
        """
        A process forked from one with an owner gets a thread of its own at its first job.
        """
        program = (
            "import os\n"
            "from oneiric_lab.jobs import Owner\n"
            "async def work(ctx): return os.getpid()\n"
            "owner = Owner()\n"
            "assert owner.submit(work).result(20) == os.getpid()\n"
            "child = os.fork()\n"
            "assert owner.submit(work).result(20) == os.getpid()\n"
            "owner.close()\n"
            "if child: assert os.waitpid(child, 0)[1] == 0\n"
        )
        done = subprocess.run(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=LIMIT * 2,
            check=False,
        )

        assert (done.returncode, done.stderr) == (0, "")

    def test_a_thread_that_ended_is_started_anew(self) -> None:
        """
        An owner whose thread is gone, as after a fork, starts another for the next job.
        """
        owner = Owner()
        owner.submit(seven).result(LIMIT)
        owner.close()
        owner._closed = False

        assert owner.submit(seven).result(LIMIT) == 7
        assert owner.close() == ()


class TestRunInline:
    """The same work where the caller stands."""

    def test_result_and_notices(self) -> None:
        """
        The result is returned and the end is told, in the caller's own thread.
        """
        seen: list[tuple[str, bool]] = []
        main = threading.current_thread()

        result = run_inline(
            seven,
            on_change=lambda job: seen.append((job.name, threading.current_thread() is main)),
        )

        assert result == 7
        assert set(seen) == {("seven", True)}

    def test_failure(self) -> None:
        """
        What the work raises is raised.
        """
        with pytest.raises(ZeroDivisionError):
            run_inline(boom)

    def test_inside_a_loop(self) -> None:
        """
        Where a loop runs already, an owner is named as the way.
        """

        async def kernel() -> None:
            run_inline(seven)

        with pytest.raises(UsageError, match="a loop runs in this thread already"):
            asyncio.run(kernel())

    def test_interrupt(self) -> None:
        """
        Ctrl-C cancels the work, which cleans up, and the error says 130 to a shell.
        """
        cleaned: list[bool] = []

        async def work(ctx: Context) -> None:
            signal.raise_signal(signal.SIGINT)
            try:
                await asyncio.sleep(LIMIT)
            finally:
                cleaned.append(True)

        with pytest.raises(JobCancelledError):
            run_inline(work)

        assert cleaned == [True]


class Answer(Result):
    """A result that says something."""

    def view(self) -> View:
        """Return one line."""
        return View("answer", "an answer", (Text("forty-two"),))

    def as_dict(self) -> dict[str, object]:
        """Return the number."""
        return {"answer": 42}


class TestDisplay:
    """How a job looks in each of its states."""

    def test_waiting(self) -> None:
        """
        A job that did not begin says so, the same everywhere.
        """
        loop = asyncio.new_event_loop()
        job: Job[int] = Job("sync", loop, FakeClock())
        loop.close()

        assert repr(job) == "<Job: sync: waiting>"
        assert job.as_dict() == {
            "job": "sync",
            "state": "waiting",
            "progress": None,
            "error": None,
            "result": None,
        }

    def test_done_shows_its_result(self) -> None:
        """
        A job that is done shows how far it came and the view of what it returned.
        """

        async def work(ctx: Context) -> Answer:
            ctx.progress(3, 10, "counting")
            return Answer()

        job = ended(work)

        assert "3 of 10: counting" in str(job)
        assert "forty-two" in str(job)
        assert job.as_dict()["result"] == {"answer": 42}
        assert job.as_dict()["progress"] == {"done": 3, "total": 10, "note": "counting"}

    def test_failed_shows_why(self) -> None:
        """
        An error of ours is shown with all that it says, another by its type and text.
        """

        async def ours(ctx: Context) -> None:
            raise StoreError(Fault("store", "no room", fix="make room"))

        assert "make room" in str(ended(ours))
        assert {"code": "store", "fix": "make room"}.items() <= _error(ended(ours)).items()
        assert "ZeroDivisionError: boom" in str(ended(boom))
        assert _error(ended(boom)) == {"code": "error", "message": "ZeroDivisionError: boom"}

    @pytest.mark.parametrize(
        ("progress", "text"),
        [(Progress(3), "3"), (Progress(0.5, 2), "0.5 of 2"), (Progress(1, note="x"), "1: x")],
    )
    def test_progress(self, progress: Progress, text: str) -> None:
        """
        Progress says what is known of it and no more.
        """
        assert text == str(progress)


def ended(work: Any) -> Job[Any]:
    """Return the job of *work*, ended."""
    jobs: list[Job[Any]] = []
    with suppress(ZeroDivisionError, StoreError):
        run_inline(work, on_change=jobs.append)
    return jobs[-1]


def _error(job: Job[Any]) -> dict[str, object]:
    error = job.as_dict()["error"]
    assert isinstance(error, dict)
    return error
