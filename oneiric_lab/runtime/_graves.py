"""Dead letters on their way to where they are kept: written in batches, in a worker thread."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from oneiric_lab.errors import OneiricError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from oneiric_lab.store import DeadLetter

_MANY: Final = 1000
"""Letters that may wait to be written before who makes more of them waits too."""

_LONGEST: Final = 10_000
"""Letters that wait while nothing can be written; beyond, the oldest are lost, and counted."""

_PATIENCE: Final = 1.0
"""Seconds between two tries where nothing can be written."""

_log = logging.getLogger("oneiric_lab.events")


class Graves:
    """Letters that wait to be written.

    Args:
        keep: Writes a batch; it may block, and is called in a worker thread. None forgets all.

    Attributes:
        lost: Letters that could not be kept.
        problem: Why the last batch could not be written, or empty.
    """

    def __init__(self, keep: Callable[[Sequence[DeadLetter]], object] | None) -> None:
        self.lost = 0
        self.problem = ""
        self._keep = keep
        self._waiting: list[DeadLetter] = []
        self._some: asyncio.Event | None = None
        self._less: asyncio.Event | None = None
        # One batch at a time, so that letters are kept in their order.
        self._writing: asyncio.Lock | None = None

    def add(self, letter: DeadLetter) -> Awaitable[None] | None:
        """Let a letter wait; what is returned is awaited where too many do."""
        if self._keep is None:
            return None
        self._waiting.append(letter)
        if len(self._waiting) > _LONGEST:
            self._waiting.pop(0)
            self.lost += 1
        if self._some is not None:
            self._some.set()
        # Where nothing can be written, waiting would stop every handler.
        if len(self._waiting) < _MANY or self.problem or self._some is None:
            return None
        self._less = self._less or asyncio.Event()
        return self._room(self._less)

    @staticmethod
    async def _room(less: asyncio.Event) -> None:
        await less.wait()

    async def work(self) -> None:
        """Write what waits, until cancelled."""
        self._some = asyncio.Event()
        try:
            while True:
                if not self._waiting:
                    self._some.clear()
                    await self._some.wait()
                if not await self._write():
                    await asyncio.sleep(_PATIENCE)
        finally:
            self._some = None
            if self._less is not None:
                self._less.set()

    async def flush(self) -> bool:
        """Write what waits now and return whether it is; where that fails it goes on to wait."""
        return self._keep is None or await self._write()

    async def close(self) -> None:
        """Write what still waits; what cannot be written is lost, and told."""
        if self._waiting and not await self._write():
            self.lost += len(self._waiting)
            _log.error("%d dead letters are lost: %s", len(self._waiting), self.problem)
            self._waiting.clear()

    async def _write(self) -> bool:
        from anyio import CancelScope, to_thread  # noqa: PLC0415 - most events are handled

        assert self._keep is not None, "nothing waits without"  # noqa: S101 - our own invariant
        self._writing = self._writing or asyncio.Lock()
        batch: list[DeadLetter] = []
        try:
            with CancelScope(shield=True):
                async with self._writing:
                    batch, self._waiting = self._waiting, []
                    if batch:
                        await to_thread.run_sync(self._keep, batch)
        except Exception as error:  # noqa: BLE001 - whoever keeps them raises what they like
            why = error.faults[0].message if isinstance(error, OneiricError) else repr(error)
            if not self.problem:
                _log.error("dead letters cannot be kept: %s", why)
            self.problem = why
            self._waiting = [*batch, *self._waiting]
            extra = max(0, len(self._waiting) - _LONGEST)
            del self._waiting[:extra]
            self.lost += extra
            return False
        else:
            self.problem = ""
            return True
        finally:
            if self._less is not None:
                self._less.set()
                self._less = None
