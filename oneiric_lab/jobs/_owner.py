"""The one loop that jobs run on, and the way to do without it."""

from __future__ import annotations

import atexit
import threading
import time
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from oneiric_lab.errors import UsageError

from ._job import Context, Job

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable
    from types import TracebackType

T = TypeVar("T")
J = TypeVar("J", bound=Job[Any])


class Owner:
    """Runs jobs on one event loop in one thread, which the first job starts.

    The thread never keeps a program alive: at its end, what still runs is cancelled.
    Blocking work belongs into `anyio.to_thread.run_sync`, or all jobs wait for it.

    Args:
        name: Name of the thread.
        clock: Monotonic seconds; paces the notices.
    """

    def __init__(
        self, *, name: str = "oneiric-lab", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._clock = clock
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._jobs: dict[Job[Any], asyncio.Task[None]] = {}
        self._closed = False
        self._patience = 5.0

    @property
    def jobs(self) -> tuple[Job[Any], ...]:
        """Those that run, in the order in which they were submitted."""
        return tuple(self._jobs)

    @overload
    def submit(
        self, work: Callable[[Context], Awaitable[T]], *, name: str | None = None
    ) -> Job[T]: ...

    @overload
    def submit(
        self,
        work: Callable[[Context], Awaitable[Any]],
        *,
        name: str | None = None,
        make: Callable[[str, asyncio.AbstractEventLoop, Callable[[], float]], J],
    ) -> J: ...

    def submit(
        self,
        work: Callable[[Context], Awaitable[Any]],
        *,
        name: str | None = None,
        make: Callable[[str, asyncio.AbstractEventLoop, Callable[[], float]], Job[Any]] = Job,
    ) -> Job[Any]:
        """Run *work* on the owner's loop and return its job at once.

        Args:
            work: `async def work(ctx)`, which may call `ctx.progress(done, total, note)`.
            name: What people call it; by default the function's own name.
            make: Makes the job, for work that shows more of itself than a plain one does.

        Raises:
            UsageError: The owner was closed.
        """
        with self._lock:
            if self._closed:
                raise UsageError(
                    "jobs were closed; nothing more is started", fix="open the lab anew"
                )
            loop = self._started()
            job = make(name or _name(work), loop, self._clock)
            loop.call_soon_threadsafe(self._start, job, work)
        return job

    def close(self, timeout: float = 5.0) -> tuple[Job[Any], ...]:
        """Cancel what runs and wait for it; return the jobs that would not end in time.

        Called by a job, it cancels and does not wait.
        """
        atexit.unregister(self.close)
        with self._lock:
            self._closed = True
            thread, loop, stop = self._thread, self._loop, self._stop
        if thread is None or loop is None or stop is None or not thread.is_alive():
            return ()
        self._patience = timeout
        try:
            loop.call_soon_threadsafe(stop.set)
        except RuntimeError:
            return ()  # closed a moment ago
        if thread is not threading.current_thread():
            thread.join(timeout)
        return tuple(job for job in self.jobs if not job.is_ended)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _start(self, job: Job[T], work: Callable[[Context], Awaitable[T]]) -> None:
        self._jobs[job] = task = job.start(work)
        task.add_done_callback(lambda _: self._jobs.pop(job))

    def _started(self) -> asyncio.AbstractEventLoop:
        # A process that was forked has the object but not the thread.
        if self._loop is not None and self._thread is not None and self._thread.is_alive():
            return self._loop
        import asyncio  # noqa: PLC0415 - 30 ms; who submits no job does not pay

        ready = threading.Event()

        async def live() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            ready.set()
            await self._stop.wait()
            for job in self.jobs:
                job.cancel()
            if self._jobs:
                await asyncio.wait(self._jobs.values(), timeout=self._patience)

        self._jobs = {}
        self._thread = threading.Thread(
            target=lambda: asyncio.run(live()), name=self._name, daemon=True
        )
        self._thread.start()
        ready.wait()
        # At the end of the program jobs are cancelled while they can still clean up.
        atexit.register(self.close, 1.0)
        return self._loop  # type: ignore[return-value]  # set by `live`


def run_inline(
    work: Callable[[Context], Awaitable[T]],
    *,
    name: str | None = None,
    on_change: Callable[[Job[T]], object] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Do the work of a job here and now, on a loop of its own, and return its result.

    Args:
        work: As for `Owner.submit`.
        name: What people call it.
        on_change: Called as by `Job.subscribe`.
        clock: Monotonic seconds; paces the notices.

    Raises:
        JobCancelledError: It was interrupted (exit 130 in a shell).
        UsageError: A loop runs in this thread already.
    """
    import asyncio  # noqa: PLC0415 - see Owner

    async def live() -> Job[T]:
        job: Job[T] = Job(name or _name(work), asyncio.get_running_loop(), clock)
        if on_change is not None:
            job.subscribe(on_change)
        await job.start(work)
        return job

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(live()).result()
    raise UsageError("a loop runs in this thread already", fix="await Owner().submit(...) instead")


def _name(work: object) -> str:
    return getattr(work, "__name__", "job")
