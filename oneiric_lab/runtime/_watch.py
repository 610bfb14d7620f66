"""A watch: parts that follow something, each in a task of its own, and one stream of what they do.

What is followed stays followed though nobody reads the stream: the oldest news are dropped
then, and what they told is in force all the same.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Generic, Self, TypeVar

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
    from types import TracebackType

    Part = Callable[["Callable[[E], None]"], Coroutine[Any, Any, None]]

E = TypeVar("E")

KEPT: Final = 1000
"""News that wait for a reader; then the oldest is dropped for a new one."""


class Watch(Generic[E]):
    """Parts that run together until one of them ends, and an iterator over what they tell.

    `async with watch:` runs them in the background; `async for event in watch:` alone runs them
    for as long as it is iterated. What one of them raises ends all, and is raised to whoever
    iterates, or at the end of the block.

    Args:
        parts: Coroutine functions; each is given what takes an event from it.

    Example:
        >>> import asyncio
        >>> async def count(tell):
        ...     for number in range(3):
        ...         tell(number)
        >>> async def main():
        ...     return [number async for number in Watch(count)]
        >>> asyncio.run(main())
        [0, 1, 2]
    """

    def __init__(self, *parts: Part[E]) -> None:
        self.dropped = 0
        """News that no reader was there for."""
        self._parts = parts
        self._tasks: list[asyncio.Task[None]] = []
        self._events: deque[E] = deque()
        self._news = asyncio.Event()
        self._reader: AsyncGenerator[E, None] | None = None
        self._error: BaseException | None = None
        self._ended = False

    @property
    def is_running(self) -> bool:
        """Whether its parts run."""
        return bool(self._tasks) and not self._ended

    def _tell(self, event: E) -> None:
        if len(self._events) == KEPT:
            self._events.popleft()
            self.dropped += 1
        self._events.append(event)
        self._news.set()

    def _begin(self) -> None:
        if not self._tasks:
            loop = asyncio.get_running_loop()
            for part in self._parts:
                name = f"oneiric watch {getattr(part, '__name__', 'part')}"
                task = loop.create_task(part(self._tell), name=name)
                task.add_done_callback(self._part_ended)
                self._tasks.append(task)

    def _part_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and self._error is None:
            self._error = task.exception()
        self._ended = True
        self._news.set()

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            with anyio.CancelScope(shield=True):
                await asyncio.wait(self._tasks)
        error, self._error = self._error, None
        if error is not None:
            raise error

    async def __aenter__(self) -> Self:
        self._begin()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End all parts, and wait until they have ended.

        Raises:
            Exception: What a part raised, where nobody was told of it yet.
        """
        if self._reader is not None:
            await self._reader.aclose()
        await self._end()

    def __aiter__(self) -> AsyncIterator[E]:
        return self._read()

    async def __anext__(self) -> E:
        """Return the next event."""
        if self._reader is None:
            self._reader = self._read()
        return await anext(self._reader)

    async def _read(self) -> AsyncGenerator[E, None]:
        mine = not self._tasks
        self._begin()
        try:
            while True:
                while self._events:
                    yield self._events.popleft()
                if self._ended:
                    break
                self._news.clear()
                await self._news.wait()
        finally:
            if mine or self._ended:
                await self._end()
