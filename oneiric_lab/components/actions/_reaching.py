"""`action:event.dispatch` and `action:task.schedule`: what only the program around can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from oneiric_lab.components._settings import ComponentSettings

from ._payload import Payload, action_fault

if TYPE_CHECKING:
    from oneiric_lab.runtime import Reach


class DispatchSettings(ComponentSettings):
    """Settings of `action:event.dispatch`."""

    topics: tuple[str, ...] = ()
    """Topics that may be emitted; empty is any."""


class _DispatchPayload(Payload):
    topic: str
    """What happened."""
    payload: Any = None
    """What it carries."""
    headers: dict[str, Any] = Field(default_factory=dict)
    """`source`, `correlation_id` and others that travel with it."""
    wait: bool = True
    """Whether to wait for the handlers, and say what became of it."""
    dry_run: bool = False
    """Whether to say only what would be emitted."""


class Dispatch:
    """Hands an event to its handlers."""

    payload_model = _DispatchPayload

    def __init__(self, settings: DispatchSettings | None = None) -> None:
        self._topics = (settings or DispatchSettings()).topics

    async def __call__(self, payload: object, reach: Reach) -> dict[str, Any]:
        """Return `ok`, `event`, and `deliveries` where it waited.

        Raises:
            UsageError: The payload is none.
            ActionError: This topic may not be emitted.
        """
        said = _DispatchPayload.of(payload)
        if self._topics and said.topic not in self._topics:
            known = ", ".join(self._topics)
            raise action_fault(
                "action-refused", f"topic {said.topic!r} may not be emitted: {known}"
            )
        if said.dry_run:
            event = {"topic": said.topic, "payload": said.payload, "headers": said.headers}
            return {"ok": True, "dry_run": True, "event": event}
        return await reach.emit(said.topic, said.payload, said.headers, wait=said.wait)


class ScheduleSettings(ComponentSettings):
    """Settings of `action:task.schedule`."""

    tasks: tuple[str, ...] = ()
    """Keys of tasks that may be scheduled; empty is any."""
    max_delay: Annotated[float, Field(ge=0, le=31_536_000)] = 86_400
    """Most seconds until a task begins."""


class _SchedulePayload(Payload):
    task: str
    """Key of the task."""
    payload: dict[str, Any] = Field(default_factory=dict)
    """What it is given."""
    delay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0
    """Seconds until it begins."""


class Schedule:
    """Has a task run later: recorded where runs are durable, else in this process only."""

    payload_model = _SchedulePayload

    def __init__(self, settings: ScheduleSettings | None = None) -> None:
        self._settings = settings or ScheduleSettings()

    async def __call__(self, payload: object, reach: Reach) -> dict[str, Any]:
        """Return `task`, `run_id`, `delay`, `durable`, and `why` it may not come to that.

        Raises:
            UsageError: The payload is none.
            ActionError: This task may not be scheduled, or not so late.
            NoCandidateError: There is no such task.
        """
        said = _SchedulePayload.of(payload)
        allowed, most = self._settings.tasks, self._settings.max_delay
        if allowed and said.task not in allowed:
            known = ", ".join(allowed)
            raise action_fault(
                "action-refused", f"task {said.task!r} may not be scheduled: {known}"
            )
        if said.delay > most:
            raise action_fault("action-refused", f"delay: at most {most:g} s, got {said.delay:g}")
        return await reach.schedule(said.task, said.payload, said.delay)
