"""Emitting from within a handler, which was built without knowing whose it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault, UsageError

from ._inbox import AT_WORK, EMITTING

if TYPE_CHECKING:
    from ._event import Event
    from ._inbox import Post


async def emit(topic: str, payload: object = None, **headers: Any) -> Event:
    """Emit an event where the handler that calls this has its own events from.

    It does as `Events.emit` does; the event that is handled is its cause.

    Args:
        topic: What happened.
        payload: Plain JSON data.
        headers: As `Events.emit` takes them.

    Raises:
        UsageError: No handler runs here, or it is no event.
    """
    return await _post().emit(topic, payload, **headers)


def emit_sync(topic: str, payload: object = None, **headers: Any) -> Event:
    """Do as `emit` does, from a handler that is declared to block.

    Args:
        topic: What happened.
        payload: Plain JSON data.
        headers: As `Events.emit` takes them.

    Raises:
        UsageError: No handler runs here, it does not block, or it is no event.
    """
    return _post().emit_sync(topic, payload, **headers)


def _post() -> Post:
    inbox = AT_WORK.get()
    if inbox is None:
        raise UsageError(
            Fault(
                "events-closed",
                "no handler of events runs here",
                fix="in a program: await lab.events.emit(...)",
            )
        )
    return inbox.post


def being_handled() -> Event | None:
    """Return the event whose handler runs here; None outside of handlers."""
    return EMITTING.get()
