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
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault, LoadError, MissingExtraError, UsageError

from ._about import About
from ._part import Part, part_of
from ._run import Run, judged
from ._shapes import Closed, need_numpy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

    from ._plan import Plan
    from ._recorder import Since, Snapshot

_POLL = 0.05
_AHEAD_NS = 50_000_000
"""How far ahead the common start is set: a pipe brings it to all of them in less."""
_ENDING = 1.0
_ORPHANED = 10.0
MOST_WORKERS = 256


def run_apart(
    plan: Plan,
    *,
    live: Callable[[Snapshot], object] | None = None,
    cancelled: Callable[[], bool] | None = None,
    paused: Callable[[], bool] | None = None,
    workers: int = 1,
) -> Run:
    """Drive *plan* in processes of their own, and wait for them.

    Args:
        plan: What is asked; of its load and limits each worker has its share.
        live: Told four times a second of what happened since, in all workers.
        cancelled: Asked twenty times a second; once true, the run ends as partial.
        paused: Asked twenty times a second. While it is true nothing is begun, and what is
            in flight ends; the pause is no lag.
        workers: How many processes share the load.

    Raises:
        MissingExtraError: Without the extra `load`.
        LoadError: A process ended by itself, or the scenario's `setup` raised.
        UsageError: There are more workers than users, or their number is none; or the plan
            is that of a saved run, which brings no scenario.
    """
    need_numpy()
    check_workers(plan, workers)
    plan.make()
    about = About.now()
    try:
        import cloudpickle  # noqa: PLC0415 - of the extra `load`
    except ImportError:
        raise MissingExtraError("cloudpickle is not installed", extra="load") from None
    crew: list[_Hand] = []
    try:
        with _interrupts_held():
            crew += (_Hand.hired(number, workers) for number in range(workers))
        for hand in crew:
            job = (plan, hand.number, workers, live is not None)
            hand.tell(cloudpickle.dumps(job))
        foreman = _Foreman(crew, live, cancelled, paused)
        with _interrupts_to(foreman):
            parts = foreman.follow()
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


def check_workers(plan: Plan, workers: int) -> None:
    """Refuse a number of workers that cannot share *plan*.

    Raises:
        UsageError: There is none, too many, or more than users.
    """
    given: object = workers
    if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= MOST_WORKERS:
        raise UsageError(
            Fault(
                "usage",
                f"workers: expected a whole number from 1 to {MOST_WORKERS}, got {workers!r}",
                fix=f"workers={os.cpu_count() or 1}, one for each processor",
            )
        )
    load = plan.load
    if isinstance(load, Closed) and load.users < workers:
        raise UsageError(
            Fault(
                "usage",
                f"{workers} workers for {load.users} user{'s' * (load.users != 1)}",
                why="each worker drives at least one of the users",
                fix=f"workers={load.users}, or more users",
            )
        )


@dataclass(eq=False)
class _Hand:
    """A worker, as the parent sees it."""

    number: int
    of: int
    process: SpawnProcess
    pipe: Connection
    is_ready: bool = False
    part: Part | None = None
    seen: list[Since] = field(default_factory=list)

    @classmethod
    def hired(cls, number: int, of: int) -> _Hand:
        # Not forked: the parent may have threads, and a kernel has.
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(there,), daemon=True)
        process.start()
        there.close()
        return cls(number, of, process, here)

    @property
    def name(self) -> str:
        return f"worker {self.number + 1} of {self.of}" if self.of > 1 else "the run"

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


class _Foreman:
    """Starts a crew together, passes on what is asked, and gathers what it brings."""

    def __init__(
        self,
        crew: list[_Hand],
        live: Callable[[Snapshot], object] | None,
        cancelled: Callable[[], bool] | None,
        paused: Callable[[], bool] | None,
    ) -> None:
        self._crew, self._live = crew, live
        self._is_cancelled, self._is_paused = cancelled, paused
        self._stopped = self._told_stop = self._told_pause = False

    def follow(self) -> list[Part]:
        """Return what each brought, in their order, once the last one has ended."""
        while any(hand.part is None for hand in self._crew):
            self._pass_on()
            heard = wait([hand.pipe for hand in self._crew if hand.part is None], _POLL)
            for hand in self._crew:
                if hand.pipe in heard:
                    self._hear(hand)
            self._show()
        return [hand.part for hand in self._crew if hand.part is not None]

    def interrupt(self) -> None:
        """Take a Ctrl-C: the first keeps what there is, the second does not wait for it."""
        if self._stopped:
            raise KeyboardInterrupt
        self._stopped = True

    def _pass_on(self) -> None:
        if self._told_stop:
            return
        if self._stopped or (self._is_cancelled is not None and self._is_cancelled()):
            self._told_stop = True
            self._tell(b"cancel")
        elif self._is_paused is not None and self._is_paused() != self._told_pause:
            self._told_pause = not self._told_pause
            self._tell(b"pause" if self._told_pause else b"resume")

    def _tell(self, message: bytes) -> None:
        for hand in self._crew:
            if hand.part is None:
                hand.tell(message)

    def _hear(self, hand: _Hand) -> None:
        try:
            word, value = pickle.loads(hand.pipe.recv_bytes())  # noqa: S301 - of our own process
        except (EOFError, OSError):
            raise hand.gone() from None
        if word == "ready":
            hand.is_ready = True
            if all(one.is_ready for one in self._crew):
                self._tell(f"start {time.perf_counter_ns() + _AHEAD_NS}".encode())
        elif word == "live":
            hand.seen.append(value)
        elif word == "done":
            hand.part = value
        else:
            what, how = value
            raise LoadError(Fault("load-worker", f"{hand.name} failed: {what}", why=how))

    def _show(self) -> None:
        """Tell who looks, once every worker that still drives has said something."""
        from ._recorder import in_a_row, snapshot_of  # noqa: PLC0415 - brings numpy

        driving = [hand for hand in self._crew if hand.part is None]
        if self._live is None or not driving or not all(hand.seen for hand in driving):
            return
        snapshot = snapshot_of([in_a_row(hand.seen) for hand in self._crew if hand.seen])
        for hand in self._crew:
            hand.seen.clear()
        self._live(snapshot)


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Keep Ctrl-C from processes that are not yet ready to ignore it; they take this over."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _interrupts_to(foreman: _Foreman) -> Iterator[None]:
    """Give Ctrl-C to *foreman*: as an exception it could come in the middle of a message."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda *_: foreman.interrupt())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


# --- the worker's side ------------------------------------------------------------------


class _Ear:  # pragma: no cover - in another process
    """What the parent said, heard in a thread that waits for it."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.start: int | None = None
        self.is_cancelled = self.is_paused = False

    def listen(self) -> None:
        """Take what comes until the pipe closes; then end the run, and soon the process."""
        try:
            while True:
                word, _, value = self._pipe.recv_bytes().partition(b" ")
                if word == b"start":
                    self.start = int(value)
                elif word == b"cancel":
                    self.is_cancelled = True
                else:
                    self.is_paused = word == b"pause"
        except (EOFError, OSError):
            self.is_cancelled = True
        # The scenario ends what it began, if it does so soon.
        time.sleep(_ORPHANED)
        os._exit(1)

    async def started(self) -> int | None:
        """Wait for the instant at which all begin."""
        while self.start is None and not self.is_cancelled:  # noqa: ASYNC110 - set by a thread
            await asyncio.sleep(0.005)
        return self.start


def _serve(pipe: Connection) -> None:  # pragma: no cover - in another process
    """Do the job that comes through *pipe*."""
    # Ctrl-C goes to all of them; who waits for the run says what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    import cloudpickle  # noqa: PLC0415 - see above

    job = pipe.recv_bytes()
    ear = _Ear(pipe)
    threading.Thread(target=ear.listen, daemon=True).start()

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
