"""`action:workflow.notify`: a message to the notifiers that its route names."""

from __future__ import annotations

import asyncio
import random
import string
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, field_validator

from oneiric_lab.components._settings import ComponentSettings
from oneiric_lab.errors import OneiricError, did_you_mean
from oneiric_lab.runtime import RetryPolicy

from ._payload import Payload, action_fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from oneiric_lab.runtime import Reach


class Route(ComponentSettings):
    """Where messages of one kind go."""

    adapter: str = "notify.log"
    """Key of the notifier, an adapter."""
    target: str = ""
    """Whom the notifier shall tell, where it can tell several."""
    channel: str = ""
    """Travels along, for who receives it."""
    title: str = ""
    """Of messages that have none; `$workflow` and other facts of the context stand in it."""
    include_context: bool = True
    """Whether the message's context travels along."""
    extra_payload: dict[str, Any] = Field(default_factory=dict)
    """Facts that always travel along."""
    attempts: Annotated[int, Field(ge=1, le=100)] = 3
    """In all, where the notifier does not take it."""
    base_delay: Annotated[float, Field(ge=0, le=3600)] = 0.5
    """Seconds before the second; it doubles from there."""
    max_delay: Annotated[float, Field(ge=0, le=3600)] = 30
    """The longest wait, in seconds."""

    @field_validator("title")
    @classmethod
    def _is_template(cls, text: str) -> str:
        if not string.Template(text).is_valid():
            raise ValueError("a `$` stands before a name, or is written `$$`")
        return text

    @property
    def retry(self) -> RetryPolicy:
        """How often it is tried."""
        return RetryPolicy(self.attempts, self.base_delay, self.max_delay)


class NotifySettings(ComponentSettings):
    """Settings of `action:workflow.notify`."""

    routes: dict[str, Route] = Field(default_factory=lambda: {"default": Route()})
    """Name to route; a message that names none goes by `default`."""


class _NotifyPayload(Payload):
    message: Annotated[str, Field(min_length=1, max_length=20_000)]
    """What is to be told."""
    title: str | None = None
    """In a line; that of the route by default."""
    route: str = "default"
    """Which way."""
    level: str = "info"
    """How grave it is, in a word."""
    context: dict[str, Any] = Field(default_factory=dict)
    """Facts: the workflow, the run, whatever is to be known."""


class Notify:
    """Sends a message by its route, and tries again where the notifier does not take it.

    A notifier is called with the message and its facts, and returns whether it was taken.

    Args:
        settings: The routes.
        sleep: Waits so many seconds.
        lot: Gives a number from 0 to 1.
    """

    payload_model = _NotifyPayload

    def __init__(
        self,
        settings: NotifySettings | None = None,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        lot: Callable[[], float] = random.random,
    ) -> None:
        self._routes = (settings or NotifySettings()).routes
        self._sleep, self._lot = sleep, lot

    async def __call__(self, payload: object, reach: Reach) -> dict[str, Any]:
        """Return `ok`, `route`, `adapter`, `attempts`, and `why` where it was not taken.

        Raises:
            UsageError: The payload is none.
            ActionError: There is no such route.
            NoCandidateError: There is no such notifier.
        """
        said = _NotifyPayload.of(payload)
        route = self._routes.get(said.route)
        if route is None:
            known = ", ".join(sorted(self._routes)) or "none is configured"
            raise action_fault(
                "action-route",
                f"no route {said.route!r}",
                fix=did_you_mean(said.route, self._routes) or f"known: {known}",
            )
        facts = self._facts(said, route)
        told = {"route": said.route, "adapter": route.adapter}
        attempt = 0
        while True:
            attempt += 1
            why = await self._try(reach, route.adapter, said.message, facts)
            if not why:
                return {"ok": True, **told, "attempts": attempt}
            if attempt >= route.retry.attempts:
                return {"ok": False, **told, "attempts": attempt, "why": why}
            await self._sleep(route.retry.delay(attempt, self._lot()))

    @staticmethod
    async def _try(reach: Reach, adapter: str, message: str, facts: dict[str, Any]) -> str:
        """Return why it was not taken, or nothing."""
        try:
            taken = await reach.notify(adapter, message, facts)
        except OneiricError as error:
            if error.code in {"no-candidate", "secret", "secret-missing"}:
                raise  # another attempt is none the wiser
            return error.faults[0].message
        except Exception as error:  # noqa: BLE001 - notifiers raise what they like
            return f"{type(error).__name__}: {error}"
        return "" if taken is not False else "the notifier did not take it"

    @staticmethod
    def _facts(said: _NotifyPayload, route: Route) -> dict[str, Any]:
        context = {str(name): value for name, value in said.context.items()}
        title = said.title or string.Template(route.title).safe_substitute(context)
        facts: dict[str, Any] = {**route.extra_payload, "level": said.level}
        named = {"title": title, "target": route.target, "channel": route.channel}
        facts.update({name: value for name, value in named.items() if value})
        if route.include_context and context:
            facts["context"] = context
        return facts
