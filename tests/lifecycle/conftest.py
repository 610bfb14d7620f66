"""A loop whose time is made up, and components that remember what was done to them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.lifecycle import Lifecycle, Limits
from oneiric_lab.registry import Candidate, Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

LIMITS = Limits(build=5, health=2, hook=2, cleanup=1, drain=4)


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop that never waits: where nothing is ready, its clock jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = 0.0
        selector: Any = self._selector  # type: ignore[attr-defined]  # of CPython's loop
        poll = selector.select

        def select(timeout: float | None = None) -> Any:
            events = poll(0 if timeout is not None else None)
            if not events and timeout:
                self.clock += timeout
            return events

        selector.select = select

    def time(self) -> float:
        """Return the made-up time."""
        return self.clock


class Thing:
    """A component that tells the world what was done to it."""

    def __init__(self, world: World, mode: str) -> None:
        self.world, self.mode = world, mode
        self.closed = self.aborted = 0
        world.made.append(self)

    @property
    def is_open(self) -> bool:
        """Whether it may be used."""
        return not self.closed and not self.aborted

    def use(self) -> str:
        """Do what a component is for."""
        if not self.is_open:
            self.world.bad.append(f"{self.mode} was used after its end")
        return self.mode

    async def health(self) -> Any:
        """Answer as the mode says."""
        if self.mode == "sickslow":
            await asyncio.sleep(1)
        if self.mode == "sickhang":
            await asyncio.sleep(99)
        return not self.mode.startswith("sick")

    async def aclose(self) -> None:
        """End, in the way that the mode says."""
        self.closed += 1
        if self.world.holds(self):
            # Not raised: who closes would take it for a failing cleanup.
            self.world.bad.append(f"{self.mode} was closed under a lease")
        if self.mode == "badclose":
            raise OSError("closing failed")
        if self.mode == "slowclose":
            await asyncio.sleep(99)

    def abort(self) -> None:
        """End without having been in force."""
        self.aborted += 1


class World:
    """All things that were made, and who holds them."""

    MODES = (
        "ok",
        "fine",
        "slow",
        "hang",
        "boom",
        "sick",
        "sickslow",
        "sickhang",
        "badclose",
        "slowclose",
    )

    def __init__(self) -> None:
        self.made: list[Thing] = []
        self.held: list[Thing] = []
        self.bad: list[str] = []

    def holds(self, thing: Thing) -> bool:
        """Tell whether a lease holds *thing*."""
        return any(thing is held for held in self.held)

    def factory(self, mode: str) -> Callable[[], Any]:
        """Return the factory of a mode."""

        async def make() -> Thing:
            if mode == "boom":
                raise ValueError("boom")
            if mode == "slow":
                await asyncio.sleep(1)
            if mode == "hang":
                await asyncio.sleep(99)
            return Thing(self, mode)

        return make

    def registry(self) -> Registry:
        """Return a registry with one provider for each mode; `ok` wins."""
        registry = Registry()
        registry.add(
            *(
                Candidate("adapter", "cache", mode, self.factory(mode), priority=-n)
                for n, mode in enumerate(self.MODES)
            )
        )
        return registry

    def life(self, **options: Any) -> Lifecycle:
        """Return a lifecycle over all modes."""
        return Lifecycle(self.registry(), **{"limits": LIMITS, **options})


def run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run *work* on a loop of made-up time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work())


@pytest.fixture
def world() -> World:
    """Things that remember."""
    return World()


@pytest.fixture(name="run")
def run_fixture() -> Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]:
    """Return what runs a coroutine function on made-up time."""
    return run


@pytest.fixture
def virtual_loop() -> type[VirtualLoop]:
    """Return the class of the loop."""
    return VirtualLoop


@pytest.fixture
def limits() -> Limits:
    """Return the limits of these tests."""
    return LIMITS
