"""Syncing each source when it is due: one that is slow keeps no other one waiting."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from oneiric_lab.errors import OneiricError

from ._synced import SourceSynced, SyncReport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from oneiric_lab.remote import Fetcher

_PART = 0.1
"""The part of an interval that is drawn by lot: clients that began together come apart."""

_NOBODY = 60.0
"""Seconds until the settings are looked at again where they name no source."""


class Sync(Protocol):
    """What asks sources."""

    async def __call__(
        self,
        names: frozenset[str],
        *,
        fetcher: Fetcher | None,
        tell: Callable[[SourceSynced], object],
    ) -> object:
        """Ask these sources, and tell of each when it is done."""


class SyncLoop:
    """Which source is due when, which are being asked, and what came of those that are done.

    Args:
        sync: Asks sources.
        intervals: Gives the seconds between two syncs of each source, as the settings say now.
        every: Gives the seconds until settings at fault are tried again.
        clock: Gives seconds that never go back.
        sleep: Waits so many seconds.
        lot: Draws from 0 to 1, to spread the clients of one source.
        fetcher: See `Syncing.sync`.
    """

    def __init__(
        self,
        sync: Sync,
        *,
        intervals: Callable[[], dict[str, float]],
        every: Callable[[], float],
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
        lot: Callable[[], float],
        fetcher: Fetcher | None,
    ) -> None:
        self._sync, self._intervals, self._every = sync, intervals, every
        self._clock, self._sleep, self._lot, self._fetcher = clock, sleep, lot, fetcher
        self._due: dict[str, float] = {}
        self._asked: set[str] = set()
        self._told: asyncio.Queue[SyncReport] = asyncio.Queue()

    async def run(self) -> AsyncGenerator[SyncReport, None]:
        """Go on for as long as the caller listens.

        Yields:
            What came of a source, when it came.
        """
        news = asyncio.create_task(self._told.get())
        working: set[asyncio.Task[None]] = set()
        until: asyncio.Task[None] | None = None
        try:
            while True:
                intervals, now = self._intervals(), self._clock()
                free = [name for name in intervals if name not in self._asked]
                due = frozenset(name for name in free if self._due.get(name, 0.0) <= now)
                if due:
                    self._asked |= due
                    working.add(asyncio.create_task(self._ask(due)))
                later = [self._due[name] for name in free if name not in due]
                if later or not intervals:
                    seconds = min(later, default=now + _NOBODY) - now
                    until = asyncio.create_task(self._rest(max(0.05, seconds)))
                waits: set[asyncio.Task[Any]] = {news, *working, *filter(None, [until])}
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                # What comes of a source begins the wait anew: no sleep outlives its turn.
                if until is not None and not until.cancel():
                    until.result()
                until = None
                for ended in [one for one in working if one.done()]:
                    working.discard(ended)
                    ended.result()
                if news.done():
                    report, news = news.result(), asyncio.create_task(self._told.get())
                    yield report
        finally:
            left: set[asyncio.Task[Any]] = {news, *working, *filter(None, [until])}
            for one in left:
                one.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _rest(self, seconds: float) -> None:
        await self._sleep(seconds)

    async def _ask(self, names: frozenset[str]) -> None:
        """Ask these sources at once; whatever is wrong is told, and they are due again."""
        untold = {*names}

        def tell(found: SourceSynced) -> None:
            # From here on it may be asked again, before the others of this time are done.
            untold.discard(found.name)
            self._again(found.name, self._intervals().get(found.name, self._every()))
            self._told.put_nowait(SyncReport((found,)))

        try:
            await self._sync(names, fetcher=self._fetcher, tell=tell)
        except OneiricError as error:
            # The settings are at fault; they may be mended while we wait.
            self._told.put_nowait(
                SyncReport((SourceSynced("remote", "refused", faults=error.faults),))
            )
        for name in untold:
            self._again(name, self._every())

    def _again(self, name: str, interval: float) -> None:
        self._asked.discard(name)
        self._due[name] = self._clock() + interval * (1 + _PART * (2 * self._lot() - 1))
