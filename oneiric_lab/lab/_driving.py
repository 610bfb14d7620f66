"""Doing something that awaits from where nothing may: a shell's verb, a job's thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ._lab import Lab


def drive(
    lab: Lab[Any],
    work: Callable[[], Coroutine[Any, Any, Any]],
    cancelled: Callable[[], bool] = lambda: False,
) -> Any:
    """Do *work* and return what came of it.

    Where a loop of this process runs the components of *lab*, it is done there; else a loop of
    its own runs them for that time, and closes them afterwards.

    Args:
        lab: The workspace.
        work: Returns the coroutine.
        cancelled: Asked often where another loop does it; once true, it is cancelled there.

    Raises:
        UsageError: This is the thread of the loop that the components belong to.
    """
    if lab.is_running():
        return lab.wait_for(work(), cancelled)
    import anyio  # noqa: PLC0415 - only who has no loop pays

    async def alone() -> Any:
        async with lab.running():
            return await work()

    return anyio.run(alone)
