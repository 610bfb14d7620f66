"""Blocking work as the work of a job."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


async def in_thread(do: Callable[[], T]) -> T:
    """Do blocking work in a thread, and wait for its end though the job is cancelled.

    Such work asks `Context.is_cancelled` and returns what there is: a job that was
    cancelled so is done, and what it has is not lost.
    """
    from anyio import to_thread  # noqa: PLC0415 - who has no such work does not pay

    task = asyncio.ensure_future(to_thread.run_sync(do))
    while True:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.done():  # the loop itself ends
                raise
