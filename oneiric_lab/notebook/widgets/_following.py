"""How a widget sees what changes of its lab: it looks a few times a second."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from weakref import ref

from oneiric_lab.errors import UsageError
from oneiric_lab.jobs import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneiric_lab.jobs import Context
    from oneiric_lab.lab import Lab

EVERY = 0.2
"""Seconds between two looks at what is new; a look compares numbers."""


class Looking(Protocol):
    """A widget that may look."""

    comm: Any

    def look(self) -> None:
        """Show how things stand now, where they are not as they were."""


W = TypeVar("W", bound=Looking)


def follow(
    lab: Lab[Any], widget: W, name: str, *, last: Callable[[W], object] | None = None
) -> None:
    """Let *widget* look until the lab is closed, or it is.

    Args:
        lab: Whose job it is.
        widget: Who looks: not before its cell had the time to show it.
        name: Of the job.
        last: Called with the widget when the job is cancelled, or cannot begin.
    """
    this = ref(widget)

    async def followed(ctx: Context) -> None:
        while not ctx.is_cancelled:  # while it looked, which is not interrupted
            try:
                await asyncio.sleep(EVERY)
            except asyncio.CancelledError:
                if last is not None and (shown := this()) is not None:
                    last(shown)
                raise
            shown = this()
            if shown is None or shown.comm is None:
                return
            await in_thread(shown.look)
            del shown

    try:
        lab.submit(followed, name=name)
    except UsageError:  # a lab that was closed stands still, and can be looked at
        if last is not None:
            last(widget)
