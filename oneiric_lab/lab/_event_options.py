"""What the table `events.options` says, with the places where it says it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from oneiric_lab.errors import Fault, InvalidConfigError, UnknownPathError, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneiric_lab.config import Snapshot
    from oneiric_lab.registry import Candidate
    from oneiric_lab.runtime import EventOptions


def options_in(snapshot: Snapshot) -> EventOptions:
    """Return the options of events.

    Raises:
        InvalidConfigError: With every value that is none, and its place.
    """
    from oneiric_lab.runtime import options_of  # noqa: PLC0415 - who only asks handles no events

    try:
        return options_of(snapshot.settings.events.options)
    except UsageError as error:
        faults = [
            _placed(snapshot, fault.message.partition(":")[0], fault) for fault in error.faults
        ]
    raise InvalidConfigError(faults)


def event_faults(snapshot: Snapshot, winners: Mapping[str, Candidate]) -> tuple[Fault, ...]:
    """Return what is wrong with the options, and with what handlers say that they listen to.

    Args:
        snapshot: The configuration.
        winners: Who provides each component.
    """
    handlers = {one.key: one for one in winners.values() if one.domain == "event"}
    if not handlers and not snapshot.settings.events.options:
        return ()
    from oneiric_lab.runtime import listener_of  # noqa: PLC0415 - most workspaces end above

    try:
        options = options_in(snapshot)
    except InvalidConfigError as error:
        return error.faults
    faults: list[Fault] = []
    for one in handlers.values():
        try:
            listener_of(one, options)
        except UsageError as error:
            faults += error.faults
    for name in options.handlers:
        if name not in handlers:
            path = f"events.options.handlers.{name}"
            fault = Fault(
                "event-handler",
                f"{path}: no component is called event:{name}",
                fix=did_you_mean(name, handlers) or "a function of a program may be",
                severity="warning",
            )
            faults.append(_placed(snapshot, path, fault))
    return tuple(faults)


def _placed(snapshot: Snapshot, path: str, fault: Fault) -> Fault:
    try:
        return replace(fault, origin=snapshot.origin(path))
    except UnknownPathError:
        return fault
