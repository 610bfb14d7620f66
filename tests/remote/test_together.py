"""Several processes on one workspace: what one syncs, all that watch have."""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from oneiric_lab.errors import SelectionError
from oneiric_lab.lab import Lab, Moved, SyncReport
from oneiric_lab.testing import MemoryRemote, ReleaseHouse

if TYPE_CHECKING:
    from pathlib import Path

CACHE = "adapter:cache"


class Place:
    """A workspace that several labs open, each as a process of its own would."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.remote = folder, MemoryRemote()
        self.house = ReleaseHouse(now=dt.datetime.now(dt.UTC).replace(microsecond=0))
        self.trust()
        self.write("")

    def trust(self, more: str = "") -> None:
        """Write the policy."""
        pin = self.house.root.sha256
        (self.folder / "trust.toml").write_text(f'root = "sha256:{pin}"\n{more}')

    def write(self, more: str) -> None:
        """Write the configuration."""
        url = self.remote.url("shop.oneiric.json")
        (self.folder / "oneiric.toml").write_text(
            f'[remote]\nenabled = true\nmanifest_url = "{url}"\n'
            f'[plugins]\nallow_factories = ["collections"]\nauto_load = false\n{more}'
        )

    def offer(self, provider: str, data: bytes | None = None, **options: Any) -> None:
        """Publish a release of a cache, which is a class of `collections`."""
        entry: dict[str, Any] = {
            "domain": "adapter",
            "key": "cache",
            "provider": provider,
            "version": "1.0.0",
            "factory": f"collections:{provider}",
            # No other cache comes before it.
            "priority": 1000,
        }
        if data is not None:
            self.remote.files[f"{provider}.whl"] = data
            sha256 = hashlib.sha256(data).hexdigest()
            entry["artifact"] = {"uri": f"{provider}.whl", "sha256": sha256, "size": len(data)}
        self.remote.publish(self.house.release([entry], **options))

    def open(self) -> Lab[Any]:
        """Open the workspace."""
        return Lab.open(self.folder, environ={}, trusted=True)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A workspace and its source."""
    return Place(tmp_path)


def winner(lab: Lab[Any]) -> str | None:
    """Return who provides the cache."""
    found = lab.registry.current.winner("adapter", "cache")
    return None if found is None else found.provider


class TestCatchUp:
    """The store is the truth."""

    def test_what_another_process_synced_enters(self, place: Place) -> None:
        """
        Verified anew, as one generation; nobody is asked, and a second look does nothing.
        """
        here, there = place.open(), place.open()
        place.offer("Counter")
        there.sync(fetcher=place.remote)
        asked, number = len(place.remote.asked), here.registry.generation

        assert here.catch_up()
        assert not here.catch_up()
        assert (winner(here), here.registry.generation) == ("Counter", number + 1)
        assert len(place.remote.asked) == asked

    def test_who_watches_swaps_to_it_within_a_second(self, place: Place) -> None:
        """
        A component that runs goes over to the new release by the lifecycle.
        """
        place.offer("OrderedDict")
        here, there = place.open(), place.open()
        there.sync(fetcher=place.remote)

        told: list[Any] = []

        async def main() -> tuple[list[str], float]:
            seen: list[str] = []
            async with here.running() as life, anyio.create_task_group() as tasks:

                async def watch() -> None:
                    async for event in here.watch():
                        told.append(event)  # noqa: PERF401 - looked at while it goes on

                tasks.start_soon(watch)
                await _until(lambda: winner(here) == "OrderedDict")
                async with life.lease("adapter", "cache") as cache:
                    seen.append(type(cache).__name__)
                place.offer("Counter")
                await there.async_sync(fetcher=place.remote)
                start = time.monotonic()
                await _until(lambda: life.status("adapter", "cache").provider == "Counter")
                took = time.monotonic() - start
                async with life.lease("adapter", "cache") as cache:
                    seen.append(type(cache).__name__)
                await _until(lambda: any(isinstance(event, Moved) for event in told))
                tasks.cancel_scope.cancel()
            return seen, took

        seen, took = anyio.run(main)

        assert seen == ["OrderedDict", "Counter"]
        # Half a second to the next look, and room for a machine that is busy.
        assert took < 3
        came = [one for event in told if isinstance(event, SyncReport) for one in event.sources]
        assert [(one.outcome, one.release) for one in came] == [
            ("entered", "shop stable 1"),
            ("entered", "shop stable 2"),
        ]
        assert came[1].generation == here.registry.generation

    def test_who_only_looks_has_it_too_and_is_told_why_one_does_not_enter(
        self, place: Place
    ) -> None:
        """
        A watch that swaps nothing tells what entered, what was refused, and what left.
        """
        place.offer("OrderedDict")
        here, there = place.open(), place.open()
        there.sync(fetcher=place.remote)

        async def main() -> list[Any]:
            told: list[Any] = []
            async for event in here.watch(acts=False):
                if not isinstance(event, SyncReport):
                    continue
                told.append(event)
                if len(told) == 1:
                    # Nothing is awaited: the watch sees both at once.
                    place.offer("Counter")
                    there.sync(fetcher=place.remote)
                    place.trust('project = "another"\n')
                elif len(told) == 2:
                    (place.folder / "oneiric.toml").write_text("[remote]\nenabled = true\n")
                else:
                    break
            return told

        told = anyio.run(main)

        assert [one.outcome for event in told for one in event.sources] == [
            "entered",
            "refused",
            "withdrawn",
        ]
        assert [event.ok for event in told] == [True, False, True]

    @pytest.mark.parametrize("fails", [False, True])
    def test_what_runs_here_is_swapped_by_the_sync_itself(
        self, place: Place, *, fails: bool
    ) -> None:
        """
        A swap that fails leaves the old one in force: the release has entered, and the report
        says why it is not so everywhere. A dry run tells what would be swapped.
        """
        place.offer("OrderedDict")
        lab = place.open()

        async def main() -> tuple[Any, Any, str]:
            await lab.async_sync(fetcher=place.remote)
            async with lab.running() as life:
                await life.activate("adapter", "cache")
                # A UserString cannot be made of nothing.
                place.offer("UserString" if fails else "Counter")
                planned = await lab.async_sync(dry_run=True, fetcher=place.remote)
                done = await lab.async_sync(fetcher=place.remote)
                return planned, done, life.status("adapter", "cache").provider

        planned, done, provider = anyio.run(main)

        new = "UserString" if fails else "Counter"
        [move] = planned.sources[0].components
        assert (move["target"], move["old"], move["new"]) == (
            CACHE,
            "OrderedDict 1.0.0",
            f"{new} 1.0.0",
        )
        assert f"{new} 1.0.0" in planned.to_text()
        [swap] = done.swaps
        assert (done.sources[0].outcome, swap.ok, done.ok) == ("entered", not fails, not fails)
        assert provider == ("OrderedDict" if fails else "Counter")
        assert CACHE in done.to_text()
        assert winner(lab) == new

    def test_what_does_not_enter_here_is_told_once_and_the_last_good_stays(
        self, place: Place
    ) -> None:
        """
        Two processes need not trust alike: a policy may have been tightened meanwhile.
        """
        place.offer("OrderedDict")
        here, there = place.open(), place.open()
        there.sync(fetcher=place.remote)
        here.catch_up()
        place.offer("Counter")
        there.sync(fetcher=place.remote)
        place.trust('project = "another"\n')

        assert not here.catch_up()
        told = [f.message for f in here.problems if "does not enter" in f.message]
        assert len(told) >= 1
        assert not here.catch_up()
        assert [f.message for f in here.problems if "does not enter" in f.message] == told
        assert winner(here) == "OrderedDict"

        place.trust()
        assert here.catch_up()
        assert winner(here) == "Counter"
        assert not [f for f in here.problems if "does not enter" in f.message]

    def test_a_source_that_is_taken_out_is_withdrawn(self, place: Place) -> None:
        """
        A process that watches has what a new one would have.
        """
        place.offer("Counter")
        here = place.open()
        here.sync(fetcher=place.remote)
        (place.folder / "oneiric.toml").write_text(
            "[remote]\nenabled = true\n[plugins]\nauto_load = false\n"
        )
        here.reload()

        assert here.catch_up()
        assert winner(here) == winner(place.open()) is None

    def test_a_workspace_without_sources_has_nothing_to_catch_up(self, place: Place) -> None:
        """
        Nothing is read for it.
        """
        (place.folder / "oneiric.toml").write_text("[remote]\nenabled = false\n")

        assert not place.open().catch_up()

    def test_two_that_sync_at_once_agree(self, place: Place) -> None:
        """
        Each has the newest release afterwards, and the attempts of both are remembered.
        """
        labs = [place.open() for _ in range(4)]
        for number, provider in enumerate(("Counter", "OrderedDict", "ChainMap")):
            place.offer(provider)

            async def main() -> None:
                async with anyio.create_task_group() as tasks:
                    for lab in labs:
                        tasks.start_soon(partial(lab.async_sync, fetcher=place.remote))

            anyio.run(main)
            assert [winner(lab) for lab in labs] == [provider] * 4
            attempts = labs[0].remote_status().sources[0].attempts
            assert len(attempts) == 4 * (number + 1)
            assert not [one for one in attempts if one.code]


class TestArtifact:
    """Handed out by path."""

    def test_the_file_of_who_wins(self, place: Place) -> None:
        """
        Whole, or none.
        """
        place.offer("Counter", b"wheel")
        lab = place.open()
        lab.sync(fetcher=place.remote)

        path = lab.artifact(CACHE)
        assert path is not None
        assert path.read_bytes() == b"wheel"
        assert lab.artifact(CACHE, "Counter") == path
        with pytest.raises(SelectionError, match="unknown provider"):
            lab.artifact(CACHE, "deque")
        path.chmod(0o644)
        path.write_bytes(b"weevil")
        assert lab.artifact(CACHE) is None

    def test_a_component_without_one(self, place: Place) -> None:
        """
        Is no error.
        """
        place.offer("Counter")
        lab = place.open()
        lab.sync(fetcher=place.remote)

        assert lab.artifact(CACHE) is None


async def _until(ready: Any) -> None:
    with anyio.fail_after(10):
        while not ready():  # noqa: ASYNC110 - what another process does has no event here
            await anyio.sleep(0.01)
