"""Tasks that end with the block that started them."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


class Nursery:
    """Starts named tasks, at most so many at a time."""

    def __init__(self, group: Any, limiter: Any) -> None:
        self._group, self._limiter = group, limiter
        self._running: dict[int, str] = {}
        self._count = 0

    @property
    def running(self) -> tuple[str, ...]:
        """Names of the tasks that did not end yet, in the order of their start."""
        return tuple(self._running.values())

    def start(
        self, work: Callable[..., Awaitable[object]], *args: object, name: str | None = None
    ) -> None:
        """Start `work(*args)`; beyond the limit it waits for another one's end."""
        self._count += 1
        number = self._count
        shown = name or str(getattr(work, "__name__", "task"))
        self._running[number] = shown

        async def run() -> None:
            try:
                if self._limiter is None:
                    await work(*args)
                else:
                    async with self._limiter:
                        await work(*args)
            finally:
                del self._running[number]

        self._group.start_soon(run, name=shown)

    def cancel(self) -> None:
        """Cancel what runs; the block waits for its end."""
        self._group.cancel_scope.cancel()


@asynccontextmanager
async def nursery(
    *,
    limit: int | None = None,
    timeout: float = 0,  # noqa: ASYNC109 - of the block, not of a call
) -> AsyncIterator[Nursery]:
    """Open a block whose tasks have all ended when it ends, whatever ended it.

    Args:
        limit: Most tasks that run at a time.
        timeout: Seconds for the whole block; 0 is none.

    Raises:
        TimeoutError: The time was over; every task was cancelled and waited for.
        ExceptionGroup: Tasks raised; the others were cancelled and waited for.
    """
    import anyio  # noqa: PLC0415 - only who runs tasks pays

    with anyio.fail_after(timeout or math.inf):
        async with anyio.create_task_group() as group:
            yield Nursery(group, None if limit is None else anyio.CapacityLimiter(limit))
