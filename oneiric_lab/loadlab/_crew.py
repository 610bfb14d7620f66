"""Workers that share a run, wherever they are: what they are told, and what is seen of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from oneiric_lab.errors import Fault, UsageError

from ._shapes import Closed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ._figures import Since, Snapshot
    from ._part import Part
    from ._plan import Plan

MOST_WORKERS: Final = 256
"""Workers of one run."""


def check_workers(plan: Plan, workers: object) -> int:
    """Return a number of workers that can share *plan*.

    Raises:
        UsageError: There is none, too many, or more than users.
    """
    if (
        not isinstance(workers, int)
        or isinstance(workers, bool)
        or not 1 <= workers <= MOST_WORKERS
    ):
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
    return workers


@dataclass(eq=False)
class Hand:
    """A worker, as it is seen from where the run was asked for."""

    number: int
    of: int
    is_ready: bool = False
    part: Part | None = None
    seen: list[Since] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"worker {self.number + 1} of {self.of}" if self.of > 1 else "the run"


H = TypeVar("H", bound=Hand)


class Foreman(Generic[H]):
    """Knows what is wished of a crew, and shows what it does.

    Args:
        crew: In the order of their numbers.
        live: Told what happened since, in all of them.
        cancelled: Whether the run is to end.
        paused: Whether it is to pause.
    """

    def __init__(
        self,
        crew: Sequence[H],
        live: Callable[[Snapshot], object] | None,
        cancelled: Callable[[], bool] | None,
        paused: Callable[[], bool] | None,
    ) -> None:
        self.crew, self._live = crew, live
        self._is_cancelled, self._is_paused = cancelled, paused
        self._stopped = self._told_stop = self._told_pause = False

    @property
    def at_work(self) -> list[H]:
        """Those that have not brought their part."""
        return [hand for hand in self.crew if hand.part is None]

    @property
    def parts(self) -> list[Part]:
        """What each brought, in their order."""
        return [hand.part for hand in self.crew if hand.part is not None]

    def interrupt(self) -> None:
        """Take a Ctrl-C: the first keeps what there is, the second does not wait for it."""
        if self._stopped:
            raise KeyboardInterrupt
        self._stopped = True

    def wish(self) -> str | None:
        """Return what is to be told to all of them now: `cancel`, `pause` or `resume`."""
        if self._told_stop:
            return None
        if self._stopped or (self._is_cancelled is not None and self._is_cancelled()):
            self._told_stop = True
            return "cancel"
        if self._is_paused is not None and self._is_paused() != self._told_pause:
            self._told_pause = not self._told_pause
            return "pause" if self._told_pause else "resume"
        return None

    def show(self) -> None:
        """Tell who looks, once every worker that still drives has said something."""
        from ._figures import in_a_row, snapshot_of  # noqa: PLC0415 - brings numpy

        driving = self.at_work
        if self._live is None or not driving or not all(hand.seen for hand in driving):
            return
        snapshot = snapshot_of([in_a_row(hand.seen) for hand in self.crew if hand.seen])
        for hand in self.crew:
            hand.seen.clear()
        self._live(snapshot)


@contextlib.contextmanager
def interrupts_to(foreman: Foreman[H]) -> Iterator[None]:
    """Give Ctrl-C to *foreman*: as an exception it could come in the middle of a message."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda *_: foreman.interrupt())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Ear:
    """What a worker was told, set by the thread that hears it and read by the one that drives."""

    def __init__(self) -> None:
        self.start: int | None = None
        self.is_cancelled = self.is_paused = False

    def hear(self, word: str, value: str = "") -> None:
        """Take one word: `start` with an instant, `pause`, `resume` or `cancel`."""
        if word == "start":
            self.start = int(value)
        elif word == "cancel":
            self.is_cancelled = True
        elif word in {"pause", "resume"}:
            self.is_paused = word == "pause"

    async def started(self) -> int | None:
        """Wait for the instant at which all begin."""
        while self.start is None and not self.is_cancelled:  # noqa: ASYNC110 - set by a thread
            await asyncio.sleep(0.005)
        return self.start


def cluster_of(workers: object) -> object | None:
    """Return what of *workers* names a cluster of Dask or is its client; None for a number."""
    if isinstance(workers, str) and workers.partition(":")[0] == "dask":
        return workers
    # Whoever has a client has imported its library: it is not imported to look.
    return workers if type(workers).__module__.partition(".")[0] == "distributed" else None
