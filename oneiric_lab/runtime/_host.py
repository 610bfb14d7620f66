"""A process that holds parts up until it is told to stop, and then lets them end in order.

    starting ──► ready ◄──► reloading
        │          │
        └──────────┴──► draining ──► stopped

Each part lives in a task of its own: it is entered there, and left there. Told to stop, the
host is not ready from that moment on, waits for what is in flight, ends its parts in reverse
order and is gone within ten seconds; told twice, it is gone at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections import deque
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import anyio

from oneiric_lab.errors import OneiricError, logger
from oneiric_lab.views import Fields, Note, Result, View

from ._notify import Notify

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
    from contextlib import AbstractAsyncContextManager
    from types import FrameType

    from oneiric_lab.views import Block

State = Literal["starting", "ready", "reloading", "draining", "stopped"]
STATES: Final = ("starting", "ready", "reloading", "draining", "stopped")

DRAIN: Final = 8.0
END: Final = 9.5
"""Seconds after which a host that was told to stop is ended: a manager kills it at ten."""

_LAG_EVERY: Final = 0.25
_LAG_KEPT: Final = 10.0
_GRACE: Final = 0.5
_MOST: Final = 60.0

LOG: Final = "oneiric_lab.host"


async def _nothing() -> None:
    """Do nothing."""


@dataclass(slots=True)
class Part:
    """One thing that a host holds up.

    Attributes:
        name: In one word.
        about: What it does here, in one line of the first screen.
        open: Gives what is entered when it begins, and left when it ends.
        drain: Waits until what is in flight has ended; cancelled at the limit.
        why_off: Why it does not begin; empty where it does.
        state: `waiting`, `up`, `failing`, `ended`, or `off`.
        error: What went wrong last.
    """

    name: str
    about: str
    open: Callable[[], AbstractAsyncContextManager[object]]
    drain: Callable[[], Awaitable[object]] = _nothing
    why_off: str = ""
    state: str = "waiting"
    error: str = ""

    def __post_init__(self) -> None:
        if self.why_off:
            self.state = "off"


@dataclass(frozen=True, slots=True, repr=False)
class Ended(Result):
    """How a host ended.

    Attributes:
        by: What told it to stop: `SIGTERM`, `SIGINT`, or a word of the program's.
        seconds: That it was up.
        stopped_in: Seconds from there to its end.
        left: Parts that did not end by themselves, and what was still in flight.
    """

    by: str
    seconds: float
    stopped_in: float
    left: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """130 where a user ended it, else 0; what was in flight is resumed by the next one."""
        return 130 if self.by == "SIGINT" else 0

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "by": self.by,
            "seconds": round(self.seconds, 3),
            "stopped_in": round(self.stopped_in, 3),
            "left": list(self.left),
        }

    def view(self) -> View:
        """Return it in a few lines."""
        blocks: list[Block] = [
            Fields((("told by", self.by), ("ended in", f"{self.stopped_in:.1f} s")))
        ]
        blocks += [Note(f"not ended by itself: {text}", "warn") for text in self.left]
        return View("ended", f"stopped after {self.seconds:.0f} s", tuple(blocks))


@dataclass(slots=True)
class _Life:
    """The task of one part."""

    part: Part
    end: asyncio.Event
    up: asyncio.Future[None]
    task: asyncio.Task[None] | None = None


@dataclass
class Host:
    """Holds parts up; see the module.

    Attributes:
        parts: In the order in which they begin.
        reload: Called by SIGHUP, and by `ask_reload`.
        drain: Seconds for what is in flight.
        end: Seconds from the word to stop until the process is ended, whatever hangs.
        notify: The service manager.
        state: Where it is.
    """

    parts: Sequence[Part]
    reload: Callable[[], Awaitable[object]] = _nothing
    drain: float = DRAIN
    end: float = END
    notify: Notify = field(default_factory=lambda: Notify({}))
    state: State = "starting"
    _lags: deque[tuple[float, float]] = field(default_factory=deque)
    _lives: list[_Life] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop | None = None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _again: asyncio.Event = field(default_factory=asyncio.Event)
    _by: str = ""
    _told_at: float = 0.0
    _code: int | None = None

    # --- questions ----------------------------------------------------------------------

    @property
    def lag(self) -> float:
        """Greatest delay of the loop within the last ten seconds."""
        since = time.monotonic() - _LAG_KEPT
        return max((lag for at, lag in list(self._lags) if at >= since), default=0.0)

    @property
    def is_up(self) -> bool:
        """Whether all parts began and it was not told to stop."""
        return self.state in {"ready", "reloading"}

    # --- orders, from any thread ------------------------------------------------------------

    def stop(self, by: str = "stop") -> None:
        """Tell it to stop."""
        if not self._by:
            self._by, self._told_at = by, time.monotonic()
            if self.state in {"ready", "reloading", "starting"}:
                # At once and not when the loop turns: a probe must see it.
                self.state = "draining"
        self._call(self._stop.set)

    def ask_reload(self) -> None:
        """Tell it to read what it was made from again."""
        self._call(self._again.set)

    def _call(self, do: Callable[[], object]) -> None:
        if self._loop is None:
            do()
            return
        with suppress(RuntimeError):  # the loop is closed: it ended already
            self._loop.call_soon_threadsafe(do)

    # --- the course of things ---------------------------------------------------------------

    async def serve(self, up: Callable[[], object] = lambda: None) -> Ended:
        """Begin all parts, go on until told to stop, and end them.

        Args:
            up: Called when all parts are up.

        Raises:
            OneiricError: A part could not begin; those before it were ended.
            Exception: See above.
        """
        self._loop = asyncio.get_running_loop()
        log, began = logger(LOG), time.monotonic()
        helpers = [asyncio.create_task(work()) for work in (self._measure, self._tell_alive)]
        left: list[str] = []
        try:
            for part in self.parts:
                if part.state == "off" or self._stop.is_set():
                    continue
                await self._begin(part)
                log.debug("part up", extra={"part": part.name})
            if not self._stop.is_set():
                self.state = "ready"
                self._lags.clear()  # what its start blocked is over
                log.info("ready", extra={"seconds": round(time.monotonic() - began, 3)})
                self.notify.ready("ready")
                up()
                await self._go_on()
        except asyncio.CancelledError:
            self.stop("cancelled")
            raise
        finally:
            try:
                # A cancel scope of anyio would cancel each await of it anew.
                with anyio.CancelScope(shield=True):
                    left = await self._wind_down()
            finally:
                for helper in helpers:
                    helper.cancel()
                self.state = "stopped"
        now = time.monotonic()
        told = self._told_at or now
        ended = Ended(self._by, told - began, now - told, tuple(left))
        self._code = ended.exit_code
        return ended

    async def _begin(self, part: Part) -> None:
        loop = asyncio.get_running_loop()
        life = _Life(part, asyncio.Event(), loop.create_future())
        self._lives.append(life)
        life.task = asyncio.create_task(self._live(life), name=f"oneiric {part.name}")
        stop = asyncio.create_task(self._stop.wait())
        try:
            either: set[asyncio.Future[Any]] = {life.up, stop}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()
        if life.up.done():
            await life.up  # raises what kept it from beginning
        # Else it was told to stop meanwhile: the end of things cancels it.

    async def _live(self, life: _Life) -> None:
        part = life.part
        try:
            async with part.open():
                part.state = "up"
                if not life.up.done():
                    life.up.set_result(None)
                await life.end.wait()
        except BaseException as error:
            part.error = _line(error)
            if not life.up.done():
                if isinstance(error, asyncio.CancelledError):
                    life.up.cancel()
                    raise
                part.state = "failing"
                life.up.set_exception(error)
                return
            if isinstance(error, asyncio.CancelledError):
                raise
            part.state = "failing"
            logger(LOG).exception("part failed", extra={"part": part.name})
            # A host without one of its parts is not what was asked for.
            self.stop(f"failure of {part.name}")
        finally:
            if part.state == "up":
                part.state = "ended"

    async def _go_on(self) -> None:
        while not self._stop.is_set():
            waits = [asyncio.create_task(e.wait()) for e in (self._stop, self._again)]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in waits:
                    one.cancel()
            if self._again.is_set() and not self._stop.is_set():
                self._again.clear()
                await self._reload()

    async def _reload(self) -> None:
        log = logger(LOG)
        self.state = "reloading"
        self.notify.reloading()
        status = "ready"
        try:
            await self.reload()
            log.info("reloaded")
        except OneiricError as error:
            status = "ready; the last reload was refused"
            log.error("reload refused", extra={"error": str(error.faults[0].message)})  # noqa: TRY400 - the fault says it all
        except Exception:
            status = "ready; the last reload failed"
            log.exception("reload failed")
        if not self._by:
            self.state = "ready"
            self.notify.ready(status)

    async def _wind_down(self) -> list[str]:
        """Drain, then end the parts in reverse order; return what did not end by itself."""
        log = logger(LOG)
        self.stop("end")
        self.state = "draining"
        self.notify.stopping(f"draining, told by {self._by}")
        log.info("draining", extra={"by": self._by})
        until = self._told_at + self.drain
        left = []
        drains = {
            asyncio.create_task(_awaited(life.part.drain)): life.part
            for life in self._lives
            if life.part.state == "up"
        }
        if drains:
            done, pending = await asyncio.wait(drains, timeout=max(0.0, until - time.monotonic()))
            left += [f"{drains[task].name}: still in flight" for task in pending]
            left += [
                f"{drains[task].name}: {_line(error)}"
                for task in done
                if (error := task.exception()) is not None
            ]
            for task in pending:
                task.cancel()
            if pending:
                await asyncio.wait(pending, timeout=_GRACE)
        for life in reversed(self._lives):
            if life.task is None or life.task.done():
                continue
            if life.up.done() and not life.up.cancelled():
                life.end.set()
            else:
                life.task.cancel()  # it is still beginning
            # Each may take what the limit leaves, but one that hangs must not eat it all.
            rest = max(_GRACE, self._told_at + self.end - _GRACE - time.monotonic())
            _, pending = await asyncio.wait({life.task}, timeout=rest / 2)
            if pending:
                life.task.cancel()
                await asyncio.wait({life.task}, timeout=_GRACE)
                left.append(f"{life.part.name}: cancelled")
            elif life.part.state == "failing":
                left.append(f"{life.part.name}: {life.part.error}")
        if left:
            log.warning("not all ended by itself", extra={"left": left})
        log.info("stopped")
        return left

    async def _measure(self) -> None:
        while True:
            due = time.monotonic() + _LAG_EVERY
            await asyncio.sleep(_LAG_EVERY)
            now = time.monotonic()
            self._lags.append((now, max(0.0, now - due)))
            while self._lags and self._lags[0][0] < now - _LAG_KEPT:
                self._lags.popleft()

    async def _tell_alive(self) -> None:
        if self.notify.watchdog is None:
            return
        while True:
            self.notify.alive()
            await asyncio.sleep(self.notify.watchdog / 2)

    # --- signals ----------------------------------------------------------------------------

    @contextmanager
    def signals(self, *, last: bool = False) -> Iterator[None]:
        """Obey SIGTERM, SIGINT and SIGHUP for the time of the block; main thread only.

        A plain handler and not the loop's: it begins the countdown though the loop is busy.

        Args:
            last: Whether the process ends with the block: the countdown goes on behind it, since
                a thread that hangs would keep the interpreter from ending.
        """
        known: dict[int, Any] = {}
        timers: list[threading.Timer] = []

        def end(number: int, frame: FrameType | None) -> None:
            if self._by and timers:
                os.write(2, b"told twice: ended at once\n")
                os._exit(128 + number)
            timer = threading.Timer(self.end, self._overdue)
            timer.daemon = True
            timers.append(timer)
            timer.start()
            self.stop(signal.Signals(number).name)

        def again(number: int, frame: FrameType | None) -> None:
            self.ask_reload()

        wanted = {"SIGTERM": end, "SIGINT": end, "SIGHUP": again}
        for name, do in wanted.items():
            if hasattr(signal, name):  # Windows has no SIGHUP
                number = getattr(signal, name)
                known[number] = signal.signal(number, do)
        try:
            yield
        finally:
            for timer in () if last else timers:
                timer.cancel()
                timer.join()
            for number, before in known.items():
                signal.signal(number, before)

    def _overdue(self) -> None:
        if self._code is None:
            os.write(2, b"did not end in time: ended now\n")
        os._exit(1 if self._code is None else self._code)


async def _awaited(do: Callable[[], Awaitable[object]]) -> None:
    await do()


def _line(error: BaseException) -> str:
    if isinstance(error, OneiricError):
        return error.faults[0].message
    return f"{type(error).__name__}: {error}".rstrip(": ")


@asynccontextmanager
async def looping(
    part: Callable[[], Part | None],
    work: Callable[[], Awaitable[object]],
    *,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> AsyncIterator[None]:
    """Do *work* for the time of the block, again and again: whatever it raises, it goes on.

    Waits 1, 2, 4 … 60 seconds after a failure. *work* that returns is over.

    Args:
        part: Gives whose work it is, to say how it goes there.
        work: Goes on for as long as all is well.
        sleep: Waits.
    """

    async def go_on() -> None:
        wait = 1.0
        while True:
            began = time.monotonic()
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - a loop must outlive what nobody thought of
                found = part()
                name = "" if found is None else found.name
                if found is not None:
                    found.state, found.error = "failing", _line(error)
                logger(LOG).exception("part failed, and goes on", extra={"part": name})
                wait = 1.0 if time.monotonic() - began > _MOST else wait
                await sleep(wait)
                wait = min(_MOST, wait * 2)
                if found is not None:
                    found.state = "up"
            else:
                return

    task = asyncio.create_task(go_on())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
