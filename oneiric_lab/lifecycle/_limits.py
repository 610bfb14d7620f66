"""How long each step of a component's life may take."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal

from oneiric_lab.errors import Fault, UsageError

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


def deadline(seconds: float, now: float) -> float:
    """Return when a limit of *seconds* that starts at *now* ends; never for 0."""
    return now + seconds if seconds else math.inf
