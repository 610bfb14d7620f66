"""Runs in processes of their own: one, or several that share the load.

A generator in a thread of the kernel makes its loop late by hundreds of milliseconds, and is
made late by it. Workers have no listening port: one pipe goes to each, and scenario classes
that a notebook defines travel by value. Each worker sets up a scenario of its own; when the
last one is ready all begin at one instant, and what they counted adds up exactly.

What goes through a pipe: to the worker its job, then `start INSTANT`, `pause`, `resume` and
`cancel`; from the worker pairs of a word and a value: `ready`, `live`, then `done` or
`failed`. A pipe that closes ends the worker, so that a parent that was killed leaves none.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault, LoadError, MissingExtraError

from ._about import About
from ._crew import Ear, Foreman, Hand, check_workers, cluster_of, interrupts_to
from ._extra import need_numpy
from ._part import Part, part_of
from ._run import Run, judged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

    from ._figures import Snapshot
    from ._plan import Plan

_POLL = 0.05
_AHEAD_NS = 50_000_000
"""How far ahead the common start is set: a pipe brings it to all of them in less."""
_ENDING = 1.0
_ORPHANED = 10.0
_SAFE_PATH = "PYTHONSAFEPATH"
"""What keeps Python from putting the working folder into its path; any text does."""
_OURS = "oneiric-lab"


def run_apart(
    plan: Plan,
    *,
    live: Callable[[Snapshot], object] | None = None,
    cancelled: Callable[[], bool] | None = None,
    paused: Callable[[], bool] | None = None,
    workers: object = 1,
) -> Run:
    """Drive *plan* in processes of their own, and wait for them.

    Args:
        plan: What is asked; of its load and limits each worker has its share.
        live: Told four times a second of what happened since, in all workers.
        cancelled: Asked twenty times a second; once true, the run ends as partial.
        paused: Asked twenty times a second. While it is true nothing is begun, and what is
            in flight ends; the pause is no lag.
        workers: How many processes of this machine share the load; or a cluster of Dask:
            `dask` or `dask:4` for one of this machine that ends with the run,
            `dask://HOST:PORT` for one that runs, or a `distributed.Client`.

    Raises:
        MissingExtraError: Without the extra `load`, or `dask` for a cluster.
        LoadError: A process ended by itself, or the scenario's `setup` raised.
        UsageError: There are more workers than users, or their number is none; or the plan
            is that of a saved run, which brings no scenario.
    """
    need_numpy()
    plan.make()
    about = About.now()
    if (cluster := cluster_of(workers)) is not None:
        from ._dask import drive_on  # noqa: PLC0415 - of the extra `dask`

        return judged(plan, drive_on(cluster, plan, live, cancelled, paused), about)
    number = check_workers(plan, workers)
    try:
        import cloudpickle  # noqa: PLC0415 - of the extra `load`
    except ImportError:
        raise MissingExtraError("cloudpickle is not installed", extra="load") from None
    crew: list[_Hand] = []
    try:
        with _only_installed(), _interrupts_held():
            crew += (_Hand.hired(at, number) for at in range(number))
        for hand in crew:
            job = (plan, hand.number, number, live is not None)
            hand.tell(cloudpickle.dumps(job))
        foreman = Foreman(crew, live, cancelled, paused)
        with interrupts_to(foreman):
            parts = _follow(foreman)
    finally:
        for hand in crew:
            hand.pipe.close()
        until = time.monotonic() + _ENDING
        for hand in crew:
            hand.process.join(max(0.0, until - time.monotonic()))
        for hand in crew:
            if hand.process.is_alive():
                hand.process.kill()
                hand.process.join(5)
    return judged(plan, parts, about)


@dataclass(eq=False, kw_only=True)
class _Hand(Hand):
    """A worker in a process of this machine."""

    process: SpawnProcess
    pipe: Connection

    @classmethod
    def hired(cls, number: int, of: int) -> _Hand:
        # Not forked: the parent may have threads, and a kernel has.
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(there,), daemon=True)
        process.start()
        there.close()
        return cls(number=number, of=of, process=process, pipe=here)

    def tell(self, message: bytes) -> None:
        # The end of a process is told when its pipe is read.
        with contextlib.suppress(OSError):
            self.pipe.send_bytes(message)

    def gone(self) -> LoadError:
        """Return the error of a process that ended by itself."""
        self.process.join(5)
        return LoadError(
            Fault(
                "load-worker",
                f"the process of {self.name} ended by itself, with code {self.process.exitcode}",
                fix="look at what it printed; was it killed, or out of memory?",
            )
        )


def _follow(foreman: Foreman[_Hand]) -> list[Part]:
    """Start a crew together, and return what each brought once the last one has ended."""
    crew = foreman.crew
    while working := foreman.at_work:
        word = foreman.wish()
        heard = wait([hand.pipe for hand in working], _POLL)
        for hand in working:
            if word is not None:
                hand.tell(word.encode())
            if hand.pipe in heard:
                was_ready = hand.is_ready
                _hear(hand)
                if hand.is_ready > was_ready and all(one.is_ready for one in crew):
                    start = f"start {time.perf_counter_ns() + _AHEAD_NS}".encode()
                    for one in crew:
                        one.tell(start)
        foreman.show()
    return foreman.parts


def _hear(hand: _Hand) -> None:
    try:
        word, value = pickle.loads(hand.pipe.recv_bytes())  # noqa: S301 - of our own process
    except (EOFError, OSError):
        raise hand.gone() from None
    if word == "ready":
        hand.is_ready = True
    elif word == "live":
        hand.seen.append(value)
    elif word == "done":
        hand.part = value
    else:
        what, how = value
        raise LoadError(Fault("load-worker", f"{hand.name} failed: {what}", why=how))


@contextlib.contextmanager
def _only_installed() -> Iterator[None]:
    """Keep processes that begin from looking for modules in the working folder.

    A `multiprocessing.py` that somebody put there would run in place of Python's own, before
    they get the path of this process.
    """
    if _SAFE_PATH in os.environ:
        yield
        return
    os.environ[_SAFE_PATH] = _OURS
    try:
        yield
    finally:
        del os.environ[_SAFE_PATH]


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Keep Ctrl-C from processes that are not yet ready to ignore it; they take this over."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker  # noqa: PLC0415 - loaded with the processes

    # It begins with the first process, and then lets Ctrl-C through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# --- the worker's side ------------------------------------------------------------------


def _listen(pipe: Connection, ear: Ear) -> None:  # pragma: no cover - in another process
    """Take what comes until the pipe closes; then end the run, and soon the process."""
    try:
        while True:
            word, _, value = pipe.recv_bytes().decode().partition(" ")
            ear.hear(word, value)
    except (EOFError, OSError):
        ear.is_cancelled = True
    # The scenario ends what it began, if it does so soon.
    time.sleep(_ORPHANED)
    os._exit(1)


def _serve(pipe: Connection) -> None:  # pragma: no cover - in another process
    """Do the job that comes through *pipe*."""
    # Ctrl-C goes to all of them; who waits for the run says what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    if os.environ.get(_SAFE_PATH) == _OURS:
        del os.environ[_SAFE_PATH]  # what a scenario starts is its own affair
    import cloudpickle  # noqa: PLC0415 - see above

    try:
        job = pipe.recv_bytes()
    except EOFError:
        return  # who began this one was interrupted before it said what to do
    ear = Ear()
    threading.Thread(target=_listen, args=(pipe, ear), daemon=True).start()

    def say(word: str, value: Any) -> None:
        # Nobody may be there to hear it.
        with contextlib.suppress(OSError):
            pipe.send_bytes(pickle.dumps((word, value)))

    async def started() -> int | None:
        say("ready", None)
        return await ear.started()

    async def share(plan: Plan, number: int, of: int, wants_live: bool) -> Part:
        return await part_of(
            plan,
            number,
            of,
            start=started,
            live=(lambda since: say("live", since)) if wants_live else None,
            cancelled=lambda: ear.is_cancelled,
            paused=lambda: ear.is_paused,
        )

    try:
        plan, number, of, wants_live = cloudpickle.loads(job)
        with asyncio.Runner(loop_factory=plan.scenario.new_loop) as runner:
            part = runner.run(share(plan, number, of, wants_live))
    except Exception as error:  # noqa: BLE001 - told to who waits
        say("failed", (f"{type(error).__name__}: {error}", traceback.format_exc()))
    else:
        say("done", part)
    sys.stdout.flush()
    sys.stderr.flush()
