"""Random handlers, policies, pauses and swaps against one rule: each event ends once.

Whatever happens, every event that `emit` took ends at every handler that took it exactly once:
handled, a dead letter, or dropped by the policy that says so. Nothing is lost, nothing twice.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oneiric_lab.lifecycle import Lifecycle
from oneiric_lab.registry import Candidate, Registry
from oneiric_lab.runtime import Event, EventOptions, Events

if TYPE_CHECKING:
    from oneiric_lab.store import DeadLetter

HANDLERS = st.lists(
    st.fixed_dictionaries(
        {
            "how": st.sampled_from(["quick", "slow", "raises", "flaky", "hangs", "emits"]),
            "max_concurrency": st.integers(1, 3),
            "queue_size": st.integers(1, 4),
            "overflow": st.sampled_from(["block", "drop-oldest", "dead-letter"]),
            "attempts": st.integers(1, 3),
        }
    ),
    min_size=1,
    max_size=4,
)
STEPS = st.lists(
    st.sampled_from(["emit", "emit", "emit", "burst", "pause", "resume", "swap", "turn", "cancel"]),
    max_size=25,
)


class Handler:
    """One that does as it is told, and writes down what it handled."""

    def __init__(self, name: str, said: dict[str, Any], world: World) -> None:
        self.name, self.said, self.world = name, said, world

    async def handle(self, event: Event) -> None:
        """Take an event in its own way."""
        how, number = self.said["how"], event.payload
        self.world.tries[self.name, number] += 1
        if how == "raises" or (how == "flaky" and self.world.tries[self.name, number] < 2):
            raise ValueError(number)
        if how == "slow":
            await asyncio.sleep(0)
        if how == "hangs" and number % 3 == 0:
            await asyncio.sleep(60)
        if how == "emits" and number < 1000:
            await self.world.emit(number + 1000)
        self.world.handled[self.name, number] += 1


class World:
    """The events of one example."""

    def __init__(self, handlers: list[dict[str, Any]]) -> None:
        self.handlers = handlers
        self.tries: Counter[tuple[str, int]] = Counter()
        self.handled: Counter[tuple[str, int]] = Counter()
        self.emitted: Counter[int] = Counter()
        self.dead: list[DeadLetter] = []

    async def emit(self, number: int) -> None:
        """Emit an event, and count it, also where who emits it is cancelled."""
        self.emitted[number] += 1
        await self.events.emit("t", number)

    async def play(self, steps: list[str]) -> None:
        """Do *steps*, then end."""
        registry = Registry()
        for n, said in enumerate(self.handlers):
            facts = {name: said[name] for name in ("max_concurrency",)}
            metadata = {
                "topics": ["t"],
                **facts,
                "timeouts": {"call": 0.02},
                "retry_policy": {"attempts": said["attempts"]},
            }
            for provider in "ab":
                registry.add(
                    Candidate(
                        "event",
                        f"h{n}",
                        provider,
                        lambda n=n, said=said: Handler(f"h{n}", said, self),
                        metadata=metadata,
                    )
                )
        own = {
            f"h{n}": {"queue_size": said["queue_size"], "overflow": said["overflow"]}
            for n, said in enumerate(self.handlers)
        }
        options = EventOptions(drain_timeout=0.2, handlers=own)
        async with Lifecycle(registry) as life:
            self.events = Events(life, options=options, keep=self.dead.extend)
            async with self.events.running():
                await self._steps(steps, life)

    async def _steps(self, steps: list[str], life: Lifecycle) -> None:
        number = 0
        tasks: list[asyncio.Task[None]] = []
        for n, step in enumerate(steps):
            key = f"h{n % len(self.handlers)}"
            if step in {"emit", "burst"}:
                for _ in range(1 if step == "emit" else 6):
                    number += 1
                    tasks.append(asyncio.create_task(self.emit(number)))
                    if step == "emit":
                        await asyncio.sleep(0)
            elif step == "pause":
                await life.pause("event", key)
            elif step == "resume":
                await life.resume("event", key)
            elif step == "swap":
                await life.swap("event", key, provider="ab"[n % 2])
            elif step == "cancel" and tasks:
                await asyncio.sleep(0)
                tasks[-1].cancel()
            else:
                await asyncio.sleep(0.001)
        for n in range(len(self.handlers)):
            await life.resume("event", f"h{n}")
        await asyncio.wait([*tasks, asyncio.create_task(asyncio.sleep(0))], timeout=5)
        assert all(task.done() for task in tasks), "an emit waits for ever"


class TestEachEventEndsOnce:
    """The rule."""

    @given(HANDLERS, STEPS)
    @settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
    def test_whatever_happens(self, handlers: list[dict[str, Any]], steps: list[str]) -> None:
        """What was emitted is what was handled, what is dead and what was dropped."""
        world = World(handlers)
        asyncio.run(world.play(steps))

        dead = Counter((one.handler, one.event["payload"]) for one in world.dead)
        counts = world.events.snapshot()["deliveries"].get("t", Counter())
        for n, said in enumerate(handlers):
            name = f"h{n}"
            for number, times in world.emitted.items():
                ends = world.handled[name, number] + dead[name, number]
                assert ends <= times, (name, number)
                if said["overflow"] != "drop-oldest":
                    assert ends == times, (name, number, said)
        total = sum(world.emitted.values()) * len(handlers)
        assert counts["handled"] + counts["dead"] + counts["dropped"] == total
        assert counts["handled"] == sum(world.handled.values())
        assert counts["dead"] == len(world.dead)
