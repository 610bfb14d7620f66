"""Random histories of swaps, leases, cancels and pauses on made-up time, and mutants.

The rules that hold after every step: one incarnation is in force; no lease sees one that is
closing; each instance is closed or aborted once; numbers never fall for a reader; a swap that
failed leaves what was in force; every call has one outcome; released leases end the drain.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from oneiric_lab.errors import OneiricError
from oneiric_lab.lifecycle import Limits, State
from oneiric_lab.lifecycle._slot import Slot

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = ("adapter", "cache")


def machine(
    world_of: Callable[[], Any],
    loop_of: Callable[[], Any],
    limits: Limits,
    modes: tuple[str, ...],
) -> Any:
    """Return the class of the machine; its parts come from fixtures."""

    class Swaps(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.loop = loop_of()
            self.world = world_of()
            self.life = self.world.life(limits=limits)
            self.swaps: list[tuple[asyncio.Task[Any], Any, Any]] = []
            self.leases: list[tuple[asyncio.Task[Any], asyncio.Event]] = []
            self.plain: list[tuple[Any, Any]] = []
            self.seen = 0
            self.turn(1)

        def turn(self, times: int) -> None:
            async def step() -> None:
                self.life.bind()
                for _ in range(times):
                    await asyncio.sleep(0)

            self.loop.run_until_complete(step())

        @property
        def slot(self) -> Slot:
            found: Slot = self.life.slot(*KEY)
            return found

        @rule(mode=st.sampled_from(modes), force=st.booleans())
        def swap(self, mode: str, force: bool) -> None:
            work = self.life.swap(*KEY, provider=mode, force=force)
            self._start(work)

        @rule()
        def rollback(self) -> None:
            self._start(self.life.rollback(*KEY))

        def _start(self, work: Any) -> None:
            self.swaps.append((self.loop.create_task(work), self.slot.active, None))

        @rule(which=st.integers(0, 50))
        def cancel(self, which: int) -> None:
            running = [task for task, *_ in self.swaps if not task.done()]
            if running:
                running[which % len(running)].cancel()

        @rule()
        def lease(self) -> None:
            found = self.slot.open
            if found is None:
                return
            assert found.state is State.active
            thing = found.__enter__()
            self.world.held.append(thing)
            self.plain.append((found, thing))

        @rule(which=st.integers(0, 50))
        def release(self, which: int) -> None:
            if self.plain:
                found, thing = self.plain.pop(which % len(self.plain))
                thing.use()
                self.world.held.remove(thing)
                found.__exit__()

        @rule()
        def lease_in_a_task(self) -> None:
            end = asyncio.Event()

            async def hold() -> None:
                try:
                    async with self.life.lease(*KEY) as thing:
                        self.world.held.append(thing)
                        try:
                            await end.wait()
                            thing.use()
                        finally:
                            self.world.held.remove(thing)
                except OneiricError:
                    return

            self.leases.append((self.loop.create_task(hold()), end))

        @rule(which=st.integers(0, 50), cancelled=st.booleans())
        def end_a_task(self, which: int, cancelled: bool) -> None:
            if self.leases:
                task, end = self.leases.pop(which % len(self.leases))
                task.cancel() if cancelled else end.set()

        @rule(resume=st.booleans())
        def pause_or_resume(self, resume: bool) -> None:
            self.turn(1)
            self.slot.resume() if resume else self.slot.pause("test", "")

        @rule()
        def drain(self) -> None:
            self._start(self.life.drain(*KEY, drain_timeout=3))

        @rule(times=st.integers(1, 6))
        def go_on(self, times: int) -> None:
            self.turn(times)

        @rule(seconds=st.sampled_from([0.5, 1.1, 2.5, 6.0]))
        def wait(self, seconds: float) -> None:
            self.loop.clock += seconds
            self.turn(4)

        @invariant()
        def nothing_is_wrong(self) -> None:
            assert not self.world.bad, self.world.bad
            for thing in self.world.held:
                assert thing.is_open, "a lease holds what has ended"
            for thing in self.world.made:
                assert thing.closed + thing.aborted <= 1, f"{thing.mode} ended twice"
            found = self.slot.active
            if found is not None:
                assert found.state is State.active
                assert found.number >= self.seen, "an older one came back into force"
                self.seen = found.number
                assert found.instance.is_open
                assert not found.retired
            if self.slot.paused is not None:
                assert self.slot.open is None
            for task, *_ in self.swaps:
                if task.done() and not task.cancelled():
                    assert task.exception() is None
                    assert task.result().outcome in {"committed", "coalesced", "failed", "refused"}

        def teardown(self) -> None:
            for found, thing in self.plain:
                self.world.held.remove(thing)
                found.__exit__()
            for _, end in self.leases:
                end.set()
            self.slot.resume()
            for _ in range(60):
                self.loop.clock += 3
                self.turn(6)
            try:
                assert all(task.done() for task, *_ in self.swaps), "a swap never ended"
                closing = self.loop.create_task(self.life.aclose())
                for _ in range(40):
                    self.loop.clock += 3
                    self.turn(6)
                assert closing.done()
                assert closing.result() == (), "a drain never ended"
                for thing in self.world.made:
                    assert thing.closed + thing.aborted == 1, f"{thing.mode} leaks"
                assert not self.world.bad, self.world.bad
            finally:
                for task in asyncio.all_tasks(self.loop):
                    task.cancel()
                self.turn(3)
                self.loop.close()

    return Swaps


def histories(made: Any, examples: int) -> None:
    """Run random histories until one breaks a rule, or *examples* did not."""
    run_state_machine_as_test(
        made,
        settings=settings(
            max_examples=examples,
            stateful_step_count=50,
            database=None,
            derandomize=True,
            print_blob=False,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture
def made(world: Any, virtual_loop: Any, limits: Limits) -> Any:
    """Return the class of the machine."""
    return machine(type(world), virtual_loop, limits, world.MODES)


@pytest.fixture
def narrow(world: Any, virtual_loop: Any, limits: Limits) -> Any:
    """Return the machine with few ways to go, which finds a mutant soon whatever its seed."""
    return machine(type(world), virtual_loop, limits, ("ok", "slow", "sick"))


def test_no_history_breaks_a_rule(made: Any) -> None:
    """
    Two hundred histories of fifty steps each.
    """
    histories(made, 200)


class _NoLock:
    async def __aenter__(self) -> None:
        """Let everybody in."""

    async def __aexit__(self, *_: object) -> None:
        """Let everybody out."""


async def _close_at_once(self: Slot, old: Any) -> None:
    await self.close(old)


async def _close_at_the_limit(self: Slot, old: Any) -> None:
    with anyio.move_on_after(self.life.limits.drain):
        while old.leases:  # noqa: ASYNC110 - a mutant need not be good
            await asyncio.sleep(0.1)
    await self.close(old)


async def _no_abort(self: Slot, next_: Any) -> None:
    next_.state = State.aborted


@pytest.mark.no_cover
class TestMutants:
    """A test of the test: each of these would go wrong in production, and is found."""

    def found(self, narrow: Any) -> None:
        """Run histories, of which one must break a rule."""
        with pytest.raises(Exception):  # noqa: B017, PT011 - which rule breaks first differs
            histories(narrow, 1000)

    def test_no_drain(self, narrow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        The old one is closed at once.
        """
        monkeypatch.setattr(Slot, "_reap", _close_at_once)
        self.found(narrow)

    def test_no_lock(self, narrow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Two swaps of one key run at a time.
        """
        before = Slot.__init__

        def unlocked(self: Slot, *given: Any) -> None:
            before(self, *given)
            self.lock = _NoLock()  # type: ignore[assignment]  # the mutant

        monkeypatch.setattr(Slot, "__init__", unlocked)
        self.found(narrow)

    def test_no_abort(self, narrow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        What was built and is not taken is forgotten.
        """
        monkeypatch.setattr(Slot, "abort", _no_abort)
        self.found(narrow)

    def test_close_at_the_limit(self, narrow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A stalled drain closes under its lease.
        """
        monkeypatch.setattr(Slot, "_reap", _close_at_the_limit)
        self.found(narrow)

    def test_rollback_to_a_closed_one(self, narrow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        The old instance comes back as it is.
        """
        prepare, retire, kept = Slot.prepare, Slot.retire, {}

        def keep(self: Slot, old: Any) -> None:
            kept[id(old.candidate)] = old.built
            retire(self, old)

        async def again(self: Slot, candidate: Any, **options: Any) -> Any:
            found = await prepare(self, candidate, **options)
            built = kept.get(id(candidate))
            if candidate is self.previous and built is not None:
                found.built, found.instance = built, built.instance
            return found

        monkeypatch.setattr(Slot, "retire", keep)
        monkeypatch.setattr(Slot, "prepare", again)
        self.found(narrow)
