"""One piece of long work, as its callers see it from any thread."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Literal, TypeVar

from oneiric_lab.errors import JobCancelledError, OneiricError, UsageError, logger
from oneiric_lab.views import Block, Cell, CellLike, Fields, Note, Result, View

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Generator

T = TypeVar("T")

State = Literal["waiting", "running", "done", "failed", "cancelled"]
"""Where a job is; it ends in one of the last three and stays there."""

INTERVAL: Final = 0.05
"""Seconds between two notices of one job: 20 a second are as many as an eye can use."""

_TONES: Final = {"done": "ok", "failed": "bad", "cancelled": "warn"}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is.

    Attributes:
        done: Units done.
        total: Units in all; None when nobody knows.
        note: What is being done.
    """

    done: float
    total: float | None = None
    note: str = ""

    def __str__(self) -> str:
        """Render as `3 of 10: note`."""
        count = f"{self.done:g}" if self.total is None else f"{self.done:g} of {self.total:g}"
        return f"{count}: {self.note}" if self.note else count

    def as_dict(self) -> dict[str, object]:
        """Return `done`, `total` and `note`."""
        return {"done": self.done, "total": self.total, "note": self.note}


class Context:
    """What the work itself is given: a way to tell how far it is."""

    __slots__ = ("_job",)

    def __init__(self, job: Job[object]) -> None:
        self._job = job

    def progress(self, done: float, total: float | None = None, note: str = "") -> None:
        """Tell how far the work is; cheap, and right from any thread."""
        self._job.advance(Progress(done, total, note))

    @property
    def is_cancelled(self) -> bool:
        """Whether the caller wants no result any more; for work in a thread of its own."""
        return self._job.cancel_requested


class Job(Result, Generic[T]):
    """Work that runs outside the caller's thread.

    `await job` and `job.result()` give what the work returned, or raise what it raised.
    To end such a wait is not to end the job: that is what `cancel` is for.

    Attributes:
        name: What people call it.
    """

    def __init__(
        self, name: str, loop: asyncio.AbstractEventLoop, clock: Callable[[], float]
    ) -> None:
        self.name = name
        self._loop = loop
        self._clock = clock
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._state: State = "waiting"
        self._progress: Progress | None = None
        self._value: T | None = None
        self._error: BaseException | None = None
        self._cancel_requested = False
        self._task: asyncio.Task[None] | None = None
        self._callbacks: list[Callable[[Job[T]], object]] = []
        self._on_end: list[Callable[[], object]] = []
        self._last = clock() - INTERVAL
        self._notice_is_due = False

    # --- questions ----------------------------------------------------------------------

    @property
    def state(self) -> State:
        """Where it is."""
        return self._state

    @property
    def progress(self) -> Progress | None:
        """What the work told last, or None."""
        return self._progress

    @property
    def error(self) -> BaseException | None:
        """What the work raised, or None."""
        return self._error

    @property
    def cancel_requested(self) -> bool:
        """Whether `cancel` was called before the end."""
        return self._cancel_requested

    @property
    def is_ended(self) -> bool:
        """Whether nothing more will happen."""
        return self._ended.is_set()

    def result(self, timeout: float | None = None) -> T:
        """Wait for the end and return what the work returned.

        Args:
            timeout: Seconds to wait; None waits for as long as it takes.

        Raises:
            JobCancelledError: It was cancelled.
            TimeoutError: It still runs; it is not cancelled by that.
            UsageError: Called by another job, which would stop both: await it there.
        """
        if not self.is_ended and self._runs_here():
            raise UsageError(
                f"result() of job {self.name} was called where the job itself runs",
                fix="await the job",
            )
        if not self._ended.wait(timeout):
            raise TimeoutError(f"job {self.name} still runs after {timeout:g} s")
        return self._outcome()

    def __await__(self) -> Generator[object, None, T]:
        """Wait on the running asyncio loop, which may be another than the job's."""
        return self._wait().__await__()

    async def _wait(self) -> T:
        import asyncio  # noqa: PLC0415 - who awaits has it

        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def wake() -> None:
            _call(loop, ended.set)

        with self._lock:
            if self.is_ended:
                ended.set()
            else:
                self._on_end.append(wake)
        await ended.wait()
        return self._outcome()

    def _outcome(self) -> T:
        if self._state == "cancelled":
            raise JobCancelledError(f"job {self.name} was cancelled", fix="run it again")
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # set at the end, whatever T is

    def _runs_here(self) -> bool:
        import asyncio  # noqa: PLC0415 - the job's loop has loaded it

        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

    # --- orders -------------------------------------------------------------------------

    def cancel(self) -> bool:
        """Ask the work to end; return whether there was anything to end.

        The work may clean up, and may even finish: `state` tells.
        """
        with self._lock:
            if self.is_ended:
                return False
            self._cancel_requested = True
        _call(self._loop, self._cancel_now)
        return True

    def subscribe(self, callback: Callable[[Job[T]], object]) -> Callable[[], None]:
        """Call *callback* with this job when it moved and when it ended.

        At most 20 times a second, and once at the end, at once. It runs on the thread of
        the work (or, for a job that ended, here), so it must only enqueue. One that raises
        is logged and not called again.

        Returns:
            A function that ends the subscription.
        """
        with self._lock:
            live = not self.is_ended
            if live:
                self._callbacks.append(callback)
        if not live:
            callback(self)
        return lambda: self._drop(callback)

    # --- the side of the owner ----------------------------------------------------------

    def start(self, work: Callable[[Context], Awaitable[T]]) -> asyncio.Task[None]:
        """Start the work; on the job's loop only."""
        self._task = self._loop.create_task(self.run(work), name=self.name)
        return self._task

    async def run(self, work: Callable[[Context], Awaitable[T]]) -> None:
        """Do the work and keep how it ended; nothing that it raises gets out."""
        import asyncio  # noqa: PLC0415 - loaded by the loop

        if self._cancel_requested:
            self._end("cancelled")
            return
        self._state = "running"
        self._notice_soon()
        try:
            value = await work(Context(self))  # type: ignore[arg-type]  # a context asks for no T
        except asyncio.CancelledError:
            self._end("cancelled")
        except BaseException as error:  # noqa: BLE001 - SystemExit too must not end the loop
            self._end("failed", error=error)
        else:
            self._end("done", value)

    def advance(self, progress: Progress) -> None:
        """Keep how far the work is, and tell who listens when it is time."""
        if self.is_ended:
            return
        self._progress = progress
        self._notice_soon()

    def _cancel_now(self) -> None:
        # A task that did not begin would be cancelled without a trace; `run` looks first.
        if self._task is not None and self._state == "running":
            self._task.cancel()

    def _end(
        self, state: State, value: T | None = None, error: BaseException | None = None
    ) -> None:
        with self._lock:
            self._state, self._value, self._error = state, value, error
            self._task = None  # frees what the work held
            self._ended.set()
        # Who awaits it goes on when all who look at it were told.
        self._tell()
        self._callbacks = []
        for wake in self._on_end:
            wake()

    def _notice_soon(self) -> None:
        if self._notice_is_due:
            return
        self._notice_is_due = True
        _call(self._loop, self._tick)

    def _tick(self) -> None:
        wait = min(self._last + INTERVAL - self._clock(), INTERVAL)
        if wait > 0:
            self._loop.call_later(wait, self._tell)
        else:
            self._tell()

    def _tell(self) -> None:
        self._notice_is_due = False
        self._last = self._clock()
        for callback in list(self._callbacks):
            try:
                callback(self)
            except Exception:  # noqa: BLE001 - it must not end the job
                logger(__name__).exception("a callback of job %s failed", self.name)
                self._drop(callback)

    def _drop(self, callback: Callable[[Job[T]], object]) -> None:
        with self._lock:
            self._callbacks = [kept for kept in self._callbacks if kept != callback]

    # --- display ------------------------------------------------------------------------

    def as_dict(self) -> dict[str, object]:
        """Return `job`, `state`, `progress`, `error`, and what the work returned in `result`."""
        error: object = None
        if isinstance(self._error, OneiricError):
            error = self._error.as_dict()["error"]
        elif self._error is not None:
            error = {"code": "error", "message": _said(self._error)}
        value = self._value
        return {
            "job": self.name,
            "state": self._state,
            "progress": None if self._progress is None else self._progress.as_dict(),
            "error": error,
            "result": value.as_dict() if isinstance(value, Result) else value,
        }

    def view(self) -> View:
        """Return the state, how far it is and why it failed; then the result's own view."""
        tone = _TONES.get(self._state, "info")
        items: list[tuple[str, CellLike]] = [
            ("state", Cell(self._state, tone))  # type: ignore[arg-type]  # the table holds tones
        ]
        if self._progress is not None:
            items.append(("progress", str(self._progress)))
        blocks: list[Block] = [Fields(tuple(items))]
        if isinstance(self._error, OneiricError):
            blocks += self._error.view().blocks
        elif self._error is not None:
            blocks.append(Note(_said(self._error), "bad"))
        if isinstance(self._value, Result):
            blocks += self._value.view().blocks
        title = f"{self.name}: {self._state}"
        return View("job", title, tuple(blocks), summary=title, tone=tone)  # type: ignore[arg-type]  # see above


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _call(loop: asyncio.AbstractEventLoop, function: Callable[[], object]) -> None:
    try:
        loop.call_soon_threadsafe(function)
    except RuntimeError:
        # The loop is closed: nobody there listens any more.
        return
