"""A change of settings alone: what runs with them is built anew, planned, and swapped."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from pydantic import BaseModel

from oneiric_lab.errors import ActivationError
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from oneiric_lab.lab import Lab

TARGET = "adapter:shelf"
SIZE = "adapters.settings.shelf.size"


class ShelfSettings(BaseModel):
    """Settings with a default."""

    size: int = 1


class Shelf:
    """What remembers its settings, and whether it was closed."""

    def __init__(self, settings: ShelfSettings) -> None:
        self.size, self.is_closed = settings.size, False

    def health(self) -> bool:
        """A shelf of no size is none."""
        return self.size > 0

    def close(self) -> None:
        """Remember."""
        self.is_closed = True


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """An empty workspace."""
    with Workspace() as made:
        yield made.project("[plugins]\nauto_load = false\n")


@pytest.fixture
def lab(workspace: Workspace) -> Lab[Any]:
    """The workspace, open, with a shelf, and a box that takes no settings."""
    lab = workspace.open()
    lab.component(TARGET, provider="wood", settings_model=ShelfSettings)(Shelf)
    lab.component("adapter:box", provider="dict")(lambda: {"a": 1})
    return lab


def run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run *work* in a loop, under a limit."""

    async def limited() -> Any:
        """Run under a limit of time."""
        with anyio.fail_after(30):
            return await work()

    return asyncio.run(limited())


def size(lab: Lab[Any]) -> int:
    """Return the size of what is in force."""
    return int(lab.lifecycle.handle("adapter", "shelf").current.size)


class TestSettingsAlone:
    def test_a_plan_names_the_component(self, lab: Lab[Any]) -> None:
        """
        Its provider stays, and the plan says that it is swapped because of its settings.
        """
        plan = lab.plan({SIZE: 2})

        assert plan.components == (
            {"target": TARGET, "old": "wood 0", "new": "wood 0", "why": "settings"},
        )
        assert "settings" in str(plan)
        assert lab.plan({"adapters.provider_settings.wood.size": 2}).components[0]["old"]
        assert not lab.plan({"adapters.settings.other.size": 2}).components

    def test_applying_swaps_it(self, lab: Lab[Any]) -> None:
        """
        The old one is closed, the new one has the new settings; the next lease gets it.
        """

        async def work() -> None:
            async with lab.running() as life:
                await life.activate("adapter", "shelf")
                old = life.handle("adapter", "shelf").current
                applied = await lab.plan({SIZE: 2}).aapply()
                assert [(r.target, r.outcome) for r in applied.swaps] == [(TARGET, "committed")]
                assert size(lab) == 2
                assert old.is_closed

        run(work)

    def test_what_is_not_healthy_with_them_is_refused(self, lab: Lab[Any]) -> None:
        """
        Neither the values nor the component change.
        """

        async def work() -> None:
            async with lab.running() as life:
                await life.activate("adapter", "shelf")
                with pytest.raises(ActivationError, match="health"):
                    await lab.plan({SIZE: 0}).aapply()
                assert size(lab) == 1
                assert not lab.settings.adapters.settings

        run(work)

    def test_other_words_for_the_same_build_nothing(self, lab: Lab[Any]) -> None:
        """
        A default that is written out is no change, nor is a table that no factory takes.
        """

        async def work() -> None:
            async with lab.running() as life:
                await life.activate("adapter", "shelf")
                await life.activate("adapter", "box")
                lab.plan({SIZE: 1, "adapters.settings.box.size": 3}).apply()
                assert await lab.reconcile() == []
                lab.plan({SIZE: "1"}).apply()
                assert await lab.reconcile() == []

        run(work)

    def test_what_is_pinned_is_built_anew_and_pinned_still(self, lab: Lab[Any]) -> None:
        """
        A program's own choice of a provider says nothing of its settings.
        """

        async def work() -> None:
            async with lab.running() as life:
                await life.swap("adapter", "shelf", provider="wood")
                lab.plan({SIZE: 4}).apply()
                assert "built anew soon" in str(lab.standing(TARGET))
                assert [r.outcome for r in await lab.reconcile()] == ["committed"]
                assert size(lab) == 4
                assert life.slot_of(TARGET).pin == "wood"

        run(work)

    def test_settings_that_the_model_refuses(self, lab: Lab[Any]) -> None:
        """
        The old one serves on, the status says why, and mending them swaps.
        """

        async def work() -> None:
            async with lab.running() as life:
                await life.activate("adapter", "shelf")
                lab.plan({SIZE: "wide"}).apply()
                assert [r.outcome for r in await lab.reconcile()] == ["failed"]
                assert await lab.reconcile() == []
                assert size(lab) == 1
                assert lab.standing(TARGET).exit_code == 1
                assert "size" in str(lab.standing(TARGET))
                lab.plan({SIZE: 5}).apply()
                await lab.reconcile()
                assert size(lab) == 5
                assert lab.standing(TARGET).exit_code == 0

        run(work)

    def test_a_swap_to_the_same_provider_takes_them(self, lab: Lab[Any]) -> None:
        """
        It is not what is in force already: that was made from other settings.
        """

        async def work() -> None:
            async with lab.running() as life:
                await life.activate("adapter", "shelf")
                lab.plan({SIZE: 6}).apply()
                report = await lab.swap(TARGET, "wood")
                assert getattr(report, "outcome", "") == "committed"
                assert (await life.swap("adapter", "shelf")).outcome == "coalesced"
                assert size(lab) == 6

        run(work)


class TestPaused:
    def test_changes_while_paused_take_effect_at_resume(self, lab: Lab[Any]) -> None:
        """
        What is paused is left alone; the first lease after it meets the last change (U8).
        """

        async def work() -> None:
            async with lab.running() as life:
                await life.activate("adapter", "shelf")
                await lab.pause(TARGET)
                for wanted in (2, 3):
                    applied = await lab.plan({SIZE: wanted}).aapply()
                    assert applied.behind == (TARGET,)
                    assert await lab.reconcile() == []
                assert size_of_active(lab) == 1
                assert "when it is resumed" in str(lab.standing(TARGET))
                assert lab.standing(TARGET).exit_code == 0
                await lab.resume(TARGET)
                async with life.lease("adapter", "shelf") as it:
                    assert it.size == 3

        run(work)

    def test_a_wish_of_another_process_to_resume(self, lab: Lab[Any], workspace: Workspace) -> None:
        """
        It swaps before leases begin, too; what cannot be swapped goes on as it was.
        """
        other = workspace.open()
        other.component(TARGET, provider="wood", settings_model=ShelfSettings)(Shelf)

        async def work() -> None:
            async with lab.running() as life:
                await life.activate("adapter", "shelf")
                for wanted, so in ((2, 2), (0, 2)):
                    other.desire(TARGET, "paused")
                    await lab.reconcile()
                    lab.plan({SIZE: wanted}).apply()
                    other.desire(TARGET, "running")
                    reports = await lab.reconcile()
                    assert [r.target for r in reports] == [TARGET]
                    assert size(lab) == so
                    assert life.status("adapter", "shelf").state == "active"

        run(work)


def size_of_active(lab: Lab[Any]) -> int:
    """Return the size of what is in force, though it is paused."""
    active = lab.lifecycle.slot_of(TARGET).active
    assert active is not None
    return int(active.instance.size)
