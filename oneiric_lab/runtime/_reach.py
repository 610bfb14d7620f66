"""Actions: called with a payload, and with what they may ask of the program around them."""

from __future__ import annotations

import inspect
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import anyio

from oneiric_lab.errors import ActionError, Fault, OneiricError, UsageError

from ._retry import RetryPolicy, retry_of
from ._tallies import repeated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from oneiric_lab.registry import Candidate


class Reach(Protocol):
    """What an action may ask of the program that it runs in.

    An action that has a parameter `reach` is given one.
    """

    async def emit(
        self, topic: str, payload: Any, headers: Mapping[str, Any], *, wait: bool
    ) -> dict[str, Any]:
        """Emit an event; return `ok`, `event`, and `deliveries` where it waited."""

    async def schedule(self, task: str, payload: dict[str, Any], delay: float) -> dict[str, Any]:
        """Have a task run after so many seconds; return at least `task`, `run_id` and `delay`."""

    async def notify(self, adapter: str, message: str, facts: Mapping[str, Any]) -> bool:
        """Hand a message to a notifier; return whether it took it: all but False is a yes."""


@dataclass(frozen=True, slots=True)
class Calling:
    """How a component is called.

    Attributes:
        target: `domain:key`.
        provider: Name and version of who provides it.
        timeout: Seconds of one attempt; 0 is no limit.
        retry: How often it is tried.
        blocking: Whether it is called in a worker thread.
    """

    target: str
    provider: str = ""
    timeout: float = 0.0
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    blocking: bool = False

    @classmethod
    def of(cls, candidate: Candidate) -> Calling:
        """Return how *candidate* is called, as its entry in a manifest or its metadata say."""
        more = candidate.metadata
        entry = _table(more.get("entry"))
        seconds = {**_table(more.get("timeouts")), **_table(entry.get("timeouts"))}.get("call", 0)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
            raise UsageError(
                Fault(
                    "retry-policy",
                    f"{candidate.target} ({candidate.provider}): timeouts.call: expected seconds, "
                    f"got {seconds!r:.60}",
                    candidate.origin,
                )
            )
        retry = retry_of(entry.get("retry_policy") or more.get("retry_policy"))
        return cls(candidate.target, str(candidate), seconds, retry, candidate.blocking)


def _table(said: object) -> Mapping[str, Any]:
    return said if isinstance(said, Mapping) else {}


async def call(
    calling: Calling,
    lease: Callable[[], AbstractAsyncContextManager[Any]],
    payload: Any,
    reach: Reach,
    *,
    sleep: Callable[[float], Awaitable[object]] = anyio.sleep,
    lot: Callable[[], float] = random.random,
) -> tuple[Any, int]:
    """Call a component with *payload*; return what it returned, and how often it was tried.

    Args:
        calling: How.
        lease: Gives a lease of it, one for each attempt.
        payload: What it is given.
        reach: What it may ask, where it has a parameter of that name.
        sleep: Waits so many seconds.
        lot: Gives a number from 0 to 1.

    Raises:
        OneiricError: What it raised on purpose.
        ActionError: What it raised else, with that as the cause; or it took too long.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            async with lease() as instance:
                found = await _once(calling, instance, payload, reach)
            if attempt > 1:
                repeated("action", well=True)
            return found, attempt  # noqa: TRY300 - else would count what the lease's end raises
        except (Exception, SystemExit) as error:
            if attempt > 1:
                repeated("action", well=False)
            if attempt >= calling.retry.attempts or not _may_pass(error):
                raise
        await sleep(calling.retry.delay(attempt, lot()))


async def _once(calling: Calling, instance: Any, payload: Any, reach: Reach) -> Any:
    with anyio.move_on_after(calling.timeout or None) as scope:
        try:
            return await _answer(calling, instance, payload, reach)
        except OneiricError:
            raise
        except (Exception, SystemExit) as error:
            raise ActionError(
                Fault(
                    "action-failed",
                    f"{calling.target} ({calling.provider}): {type(error).__name__}: {error}",
                )
            ) from error
    assert scope.cancelled_caught, "nothing else leaves the block so"  # noqa: S101 - our own invariant
    raise ActionError(
        Fault(
            "action-timeout",
            f"{calling.target} ({calling.provider}) took longer than {calling.timeout:g} s",
            fix="raise its timeouts.call, or make it quicker",
        )
    )


async def _answer(calling: Calling, instance: Any, payload: Any, reach: Reach) -> Any:
    # The public project's actions have a method `execute`.
    function = instance if callable(instance) else getattr(instance, "execute", None)
    if function is None:
        raise ActionError(
            Fault(
                "action-failed",
                f"{calling.target} ({calling.provider}) cannot be called",
                fix="write def __call__(self, payload) into its class",
            )
        )
    more = {"reach": reach} if _takes_reach(_plain(function)) else {}
    if calling.blocking:
        from functools import partial  # noqa: PLC0415 - few block

        value = await anyio.to_thread.run_sync(
            partial(function, payload, **more), abandon_on_cancel=True
        )
    else:
        value = function(payload, **more)
    return await value if inspect.isawaitable(value) else value


def _plain(function: Any) -> Any:
    """Return what stands behind a method or an instance: one for all instances of a class."""
    if inspect.isroutine(function):
        return getattr(function, "__func__", function)
    return type(function).__call__


@lru_cache(maxsize=512)
def _takes_reach(function: Any) -> bool:
    # Asking for a signature takes longer than most actions.
    try:
        return "reach" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


def _may_pass(error: BaseException) -> bool:
    """Tell whether another attempt could end otherwise: a wrong payload stays wrong."""
    if isinstance(error, ActionError):
        return error.code in {"action-failed", "action-timeout"}
    return not isinstance(error, OneiricError)
