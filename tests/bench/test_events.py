"""Events to 1, 10 and 100 handlers, beside calling those handlers in a loop.

Handlers are components: each event takes a lease of each.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.lifecycle import Lifecycle
from oneiric_lab.registry import Candidate, Registry
from oneiric_lab.runtime import Events

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from pytest_benchmark.fixture import BenchmarkFixture

CALLS = 20_000


class Handler:
    """Counts."""

    count = 0

    async def handle(self, event: object) -> None:
        """Count one."""
        self.count += 1


async def by_hand(handlers: int) -> None:
    """Await each handler for each event; nothing else."""
    found = [Handler() for _ in range(handlers)]
    for n in range(CALLS // handlers):
        for one in found:
            await one.handle({"n": n})


async def by_queue(handlers: int) -> None:
    """Emit into queues and wait until all is handled."""
    registry = Registry()
    with registry.batch():
        for n in range(handlers):
            facts = {"topics": ["t"]}
            registry.add(Candidate("event", f"h{n}", "x", Handler, metadata=facts))
    async with Lifecycle(registry) as life:
        events = Events(life)
        async with events.running():
            for n in range(CALLS // handlers):
                await events.emit("t", {"n": n})
            await events.drain(60)
        handled = events.snapshot()["deliveries"]["t"]["handled"]
        assert handled == CALLS // handlers * handlers


ROWS: dict[Callable[[int], Coroutine[Any, Any, None]], str] = {
    by_hand: "awaiting each handler",
    by_queue: "emit, queues, leases, counters",
}


@pytest.mark.parametrize("handlers", [1, 10, 100])
@pytest.mark.parametrize("how", list(ROWS))
def test_handler_calls(
    benchmark: BenchmarkFixture, how: Callable[[int], Coroutine[Any, Any, None]], handlers: int
) -> None:
    """One call of a handler, queues, leases and counters included."""
    benchmark.group = f"events {handlers}"
    benchmark.extra_info |= {"row": ROWS[how], "calls": CALLS}
    benchmark.pedantic(lambda: asyncio.run(how(handlers)), rounds=5, warmup_rounds=1)
