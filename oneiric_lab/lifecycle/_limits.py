"""How long each step of a component's life may take."""

from __future__ import annotations

import math
from asyncio import get_running_loop
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from anyio import CancelScope

from oneiric_lab.errors import Fault, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

Policy = Literal["wait", "force", "refuse"]
"""What happens at the limit of a drain: wait on, close under the lease, or wait on and refuse
further swaps of the key."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Time limits in seconds; 0 is none.

    Attributes:
        build: Of a factory.
        health: Of a health check.
        hook: Of each hook.
        cleanup: Of closing or aborting an instance.
        drain: Until a drain counts as stalled.
        draining: Most incarnations of one key that drain at a time; a swap beyond is refused.
        policy: What happens when a drain stalls.
        fall: Bad answers in a row of a health check that make a component unhealthy.
        rise: Good answers in a row that make it healthy again.
    """

    build: float = 30
    health: float = 5
    hook: float = 5
    cleanup: float = 10
    drain: float = 30
    draining: int = 16
    policy: Policy = "wait"
    fall: int = 3
    rise: int = 2

    def __post_init__(self) -> None:
        """Refuse what is no time.

        Raises:
            UsageError: A limit is negative or no number, or there is no such policy.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "policy":
                if value not in {"wait", "force", "refuse"}:
                    raise UsageError(
                        Fault(
                            "usage",
                            f"no policy {value!r} for stalled drains",
                            fix='policy is "wait", "force" or "refuse"',
                        )
                    )
            elif not isinstance(value, int | float) or math.isnan(value) or value < 0:
                raise UsageError(
                    Fault(
                        "usage",
                        f"limit {field.name}: expected seconds, got {value!r}",
                        fix=f"{field.name}=30; 0 is no limit",
                    )
                )


async def called(seconds: float, call: Callable[..., Any], *args: Any) -> Any:
    """Return what *call* gives; what it leaves to await is awaited within *seconds*.

    Raises:
        TimeoutError: It took longer.
    """
    value = call(*args)
    return await within(seconds, value) if hasattr(value, "__await__") else value


async def within(seconds: float, work: Any) -> Any:
    """Return what the awaitable *work* gives; 0 seconds is no limit.

    Raises:
        TimeoutError: It took longer.
    """
    with CancelScope(deadline=get_running_loop().time() + seconds if seconds else math.inf):
        return await work
    raise TimeoutError(f"took longer than {seconds:g} s")
