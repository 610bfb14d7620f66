"""What a factory is given of the components that its candidate requires."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import ActivationError
from oneiric_lab.lifecycle import Lifecycle, Limits
from oneiric_lab.lifecycle._build import parameters_of
from oneiric_lab.registry import Candidate, Registry

if TYPE_CHECKING:
    from collections.abc import Callable


class Part:
    """Something that remembers what it was given and how it ended."""

    def __init__(self, name: str, log: list[str], **given: Any) -> None:
        self.name, self.log, self.given, self.is_open = name, log, given, True
        log.append(f"build {name}")

    def use(self) -> None:
        """Be used, which nothing that ended may be."""
        assert self.is_open, f"{self.name} was used after its end"
        for part in self.given.values():
            part.use()

    def close(self) -> None:
        """End; what it was given must still be there."""
        self.use()
        self.is_open = False
        self.log.append(f"close {self.name}")


def nothing() -> dict[str, Any]:
    """Take nothing."""
    return {}


class World:
    """A store, a desk that is given the store, and a shop that is given the desk."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.fails: set[str] = set()
        self.registry = Registry()
        for provider in ("old", "new"):
            self.add("adapter:store", provider, nothing)
        self.add("service:desk", "one", lambda *, store: {"store": store}, "adapter:store")
        self.add("service:desk", "two", lambda *, store: {"store": store}, "adapter:store")
        self.add("service:shop", "one", lambda *, desk: {"desk": desk}, "service:desk")
        self.life = Lifecycle(self.registry, limits=Limits(drain=0.2))

    def add(
        self, target: str, provider: str, given: Callable[..., dict[str, Any]], *requires: str
    ) -> None:
        """Add a candidate whose factory takes what *given* takes."""
        domain, key = target.split(":")
        name = f"{key} {provider}"

        def make(**needs: Any) -> Part:
            if name in self.fails:
                raise OSError("down")
            return Part(name, self.log, **given(**needs))

        make.__signature__ = inspect.signature(given)  # type: ignore[attr-defined]  # as a decorator does
        self.registry.add(
            Candidate(
                domain,
                key,
                provider,
                make,
                requires=dict.fromkeys(requires, ""),
                priority=int(provider in {"old", "one"}),
            )
        )

    async def closed(self, target: str) -> None:
        """Wait until nothing of *target* drains."""
        while self.life.slot_of(target).draining:
            await self.life.changed()

    def part(self, target: str) -> Part:
        """Return what is in force."""
        active = self.life.slot_of(target).active
        assert active is not None
        part: Part = active.instance
        return part


@pytest.fixture
def world() -> World:
    """Three components that are built on each other."""
    return World()


class TestParameters:
    def test_called_as_the_key(self) -> None:
        """A parameter with the name of a required key is given; others are not."""

        def make(settings: Any, database: Any, *, web_cache: Any, clock: Any = None) -> None:
            """Take two of three."""

        requires = {"adapter:database": "", "adapter:web-cache": "", "service:mail": ""}
        candidate = Candidate("service", "x", "y", make, requires=requires)

        assert parameters_of(candidate) == {
            "database": "adapter:database",
            "web_cache": "adapter:web-cache",
        }

    def test_two_of_one_key(self) -> None:
        """Where two domains have the key, the parameter names the domain as well."""

        def make(*, adapter_files: Any, service_files: Any, files: Any = None) -> None:
            """Take both."""

        requires = {"adapter:files": "", "service:files": ""}
        candidate = Candidate("service", "x", "y", make, requires=requires)

        assert parameters_of(candidate) == {
            "adapter_files": "adapter:files",
            "service_files": "service:files",
        }

    def test_settings_stay_settings(self) -> None:
        """A component that is called settings does not take their place."""

        def make(settings: Any) -> None:
            """Take settings."""

        candidate = Candidate("service", "x", "y", make, requires={"service:settings": ""})

        assert parameters_of(candidate) == {}


class TestGiven:
    def test_the_instance_in_force(self, world: World) -> None:
        """The first lease builds what is required, and hands it over."""

        async def main() -> None:
            async with world.life.lease("service", "shop") as shop:
                assert shop.given["desk"] is world.part("service:desk")
                assert shop.given["desk"].given["store"] is world.part("adapter:store")
            await world.life.aclose()

        asyncio.run(main())

        assert [
            *("build store old", "build desk one", "build shop one"),
            *("close shop one", "close desk one", "close store old"),
        ] == world.log

    def test_a_swap_builds_anew_who_was_given_it(self, world: World) -> None:
        """All of them move together, and what was in use ends from the top."""

        async def main() -> None:
            await world.life.activate("service", "shop")
            report = await world.life.swap("adapter", "store", provider="new", drain_timeout=1)

            assert (report.target, report.outcome) == ("adapter:store", "committed")
            world.part("service:shop").use()
            assert world.part("service:desk").given["store"].name == "store new"
            assert world.life.status("service", "shop").incarnation == 2

        asyncio.run(main())

        assert [
            *("build store new", "build desk one", "build shop one"),
            *("close shop one", "close desk one", "close store old"),
        ] == world.log[3:]

    def test_a_swap_of_the_middle_leaves_the_bottom(self, world: World) -> None:
        """Only who stands above is built anew."""

        async def main() -> None:
            await world.life.activate("service", "shop")
            await world.life.swap("service", "desk", provider="two", drain_timeout=1)

            assert world.life.status("adapter", "store").incarnation == 1
            assert world.part("service:shop").given["desk"].name == "desk two"

        asyncio.run(main())

    def test_who_cannot_be_built_anew_holds_all_back(self, world: World) -> None:
        """Nothing moves, and what was built is ended."""

        async def main() -> None:
            await world.life.activate("service", "shop")
            world.fails = {"shop one"}
            report = await world.life.swap("adapter", "store", provider="new")

            assert report.outcome == "refused"
            world.part("service:shop").use()
            assert world.part("adapter:store").name == "store old"
            assert world.life.status("service", "shop").last_error == "build: OSError: down"

        asyncio.run(main())

        assert world.log[-2:] == ["close desk one", "close store new"]

    def test_a_lease_keeps_all_below_it(self, world: World) -> None:
        """Who holds the shop may use the old store through it to the end."""

        async def main() -> None:
            async with world.life.lease("service", "shop") as shop:
                await world.life.swap("adapter", "store", provider="new")
                await asyncio.sleep(0.01)
                shop.use()
                assert shop.given["desk"].given["store"].name == "store old"
            await world.closed("adapter:store")

        asyncio.run(main())

        assert world.log[-3:] == ["close shop one", "close desk one", "close store old"]

    def test_a_rollback_too(self, world: World) -> None:
        """What was in force before is brought back under those who were given it."""

        async def main() -> None:
            await world.life.activate("service", "shop")
            await world.life.swap("adapter", "store", provider="new")
            report = await world.life.rollback("adapter", "store")

            assert report.outcome == "committed"
            world.part("service:shop").use()
            assert world.part("service:desk").given["store"].name == "store old"

        asyncio.run(main())

    def test_the_same_again_moves_nothing(self, world: World) -> None:
        """A swap to what is in force leaves those above it alone."""

        async def main() -> None:
            await world.life.activate("service", "shop")
            report = await world.life.swap("adapter", "store", provider="old")

            assert report.outcome == "coalesced"

        asyncio.run(main())

        assert len(world.log) == 3

    def test_force_builds_all_anew(self, world: World) -> None:
        """What is forced below is built anew above."""

        async def main() -> None:
            await world.life.activate("service", "shop")
            await world.life.swap("adapter", "store", force=True)

            assert world.life.status("service", "shop").incarnation == 2
            world.part("service:shop").use()

        asyncio.run(main())

    def test_a_drain_tells_who_holds_it(self, world: World) -> None:
        """What others were given is not closed under them."""

        async def main() -> None:
            await world.life.activate("service", "shop")
            report = await world.life.drain("adapter", "store", drain_timeout=0.01)

            assert report.why == "1 lease held after 0.01 s"
            (held,) = world.life.status("adapter", "store").draining
            assert held[3] == ("service:desk 1",)
            world.part("service:shop").use()

        asyncio.run(main())

    def test_what_comes_after_a_drain_is_given_to_all(self, world: World) -> None:
        """Who kept the drained one is built anew as soon as there is another."""

        async def main() -> None:
            await world.life.activate("service", "shop")
            await world.life.drain("adapter", "store", drain_timeout=0.01)
            await world.life.resume("adapter", "store")
            await world.life.activate("adapter", "store")
            await world.closed("adapter:store")

            world.part("service:shop").use()
            assert world.part("service:desk").given["store"] is world.part("adapter:store")
            assert world.part("service:shop").given["desk"] is world.part("service:desk")

        asyncio.run(main())

    def test_a_group_hands_over_what_comes_with_it(self, world: World) -> None:
        """Of two that are swapped together, one is given the other one's new instance."""

        async def main() -> None:
            await world.life.activate("service", "shop")
            reports = await world.life.swap_group({"adapter:store": "new", "service:desk": "two"})

            assert {r.target: r.outcome for r in reports} == dict.fromkeys(
                ("adapter:store", "service:desk", "service:shop"), "committed"
            )
            assert world.part("service:desk").name == "desk two"
            assert world.part("service:desk").given["store"].name == "store new"
            assert world.life.slot_of("service:shop").pin is None

        asyncio.run(main())

    def test_what_could_not_be_built_holds_nothing(self, world: World) -> None:
        """A factory that raises lets go of what it was given."""
        world.fails = {"desk one"}

        async def main() -> None:
            with pytest.raises(ActivationError, match="down"):
                await world.life.activate("service", "desk")

            assert world.life.status("adapter", "store").leases == 0

        asyncio.run(main())

    def test_an_instance_of_one_lease_holds_it_as_long(self, world: World) -> None:
        """A transient component lets go of what it was given when its lease ends."""
        world.registry.add(
            Candidate(
                "task",
                "count",
                "one",
                lambda *, store: Part("count", world.log, store=store),
                requires={"adapter:store": ""},
                lifetime="transient",
            )
        )

        async def main() -> None:
            async with world.life.lease("task", "count") as count:
                await world.life.swap("adapter", "store", provider="new")
                await asyncio.sleep(0.01)
                count.use()
            await world.closed("adapter:store")

        asyncio.run(main())

        assert world.log[-2:] == ["close count", "close store old"]

    def test_no_call_is_lost_while_the_bottom_is_swapped(self, world: World) -> None:
        """A hundred readers of the top never meet what has ended."""
        used = 0

        async def reader(stop: asyncio.Event) -> None:
            nonlocal used
            while not stop.is_set():
                async with world.life.lease("service", "shop") as shop:
                    await asyncio.sleep(0)
                    shop.use()
                    used += 1

        async def main() -> None:
            stop = asyncio.Event()
            await world.life.activate("service", "shop")
            readers = [asyncio.create_task(reader(stop)) for _ in range(100)]
            for number in range(40):
                target = ("adapter", "store") if number % 2 else ("service", "desk")
                report = await world.life.swap(*target, force=True)
                assert report.outcome == "committed"
                await asyncio.sleep(0)
            stop.set()
            await asyncio.gather(*readers)
            await world.life.aclose()

        asyncio.run(main())

        assert used > 100
        assert world.log.count("build store old") == world.log.count("close store old")
        assert world.log.count("build shop one") == world.log.count("close shop one")

    @pytest.mark.parametrize("steps", range(12))
    def test_cancelled_at_any_step_all_or_none_moved(self, world: World, steps: int) -> None:
        """Whenever the swap is cancelled, who is in force was given who is in force."""

        async def main() -> None:
            await world.life.activate("service", "shop")
            swap = asyncio.create_task(world.life.swap("adapter", "store", provider="new"))
            for _ in range(steps):
                await asyncio.sleep(0)
            swap.cancel()
            await asyncio.gather(swap, return_exceptions=True)

            world.part("service:shop").use()
            assert world.part("service:desk").given["store"] is world.part("adapter:store")
            await world.life.aclose()

        asyncio.run(main())

        built = sorted(line[6:] for line in world.log if line.startswith("build"))
        assert built == sorted(line[6:] for line in world.log if line.startswith("close"))
