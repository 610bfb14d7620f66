"""How a widget sees what changes of its lab: it looks a few times a second."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol
from weakref import ref

from oneiric_lab.errors import UsageError
from oneiric_lab.jobs import in_thread

if TYPE_CHECKING:
    from oneiric_lab.jobs import Context
    from oneiric_lab.lab import Lab

EVERY = 0.2
"""Seconds between two looks at what is new; a look compares numbers."""


class Looking(Protocol):
    """A widget that may look."""

    comm: Any

    def look(self) -> None:
        """Show how things stand now, where they are not as they were."""


def follow(lab: Lab[Any], widget: Looking, name: str) -> None:
    """Let *widget* look until the lab is closed, or it is."""
    this = ref(widget)

    async def followed(ctx: Context) -> None:
        while (shown := this()) is not None and shown.comm is not None:
            await in_thread(shown.look)
            del shown
            if ctx.is_cancelled:  # while it looked, which is not interrupted
                return
            await asyncio.sleep(EVERY)

    # A lab that was closed stands still, and can be looked at.
    with suppress(UsageError):
        lab.submit(followed, name=name)
