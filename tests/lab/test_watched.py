"""What a watch follows besides values: descriptors, packages, and manifests of this machine."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from oneiric_lab.errors import NotAllowedError, RegistryError
from oneiric_lab.lab import SyncReport, allow, code_modules
from oneiric_lab.lab._watching import manifests, reloaded, silent_because
from oneiric_lab.testing import ReleaseHouse, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path

    from oneiric_lab.lab import Lab

HEAD = 'schema = 1\n[plugin]\nname = "pack"\nversion = "1.0"\n'
ROW = '[[candidates]]\ndomain = "adapter"\nkey = "shelf"\nprovider = "{}"\npriority = {}\n'
FACTORY = "oneiric_lab.components:MemoryCache"
PROJECT = (
    '[plugins]\nauto_load = false\npackages = ["pack"]\n'
    'allow_factories = ["oneiric_lab.components"]\n'
)


def descriptor(*providers: str) -> str:
    """Return a descriptor with these providers, the later ones above."""
    rows = [ROW.format(name, at) for at, name in enumerate(providers)]
    return HEAD + "".join(f'{row}factory = "{FACTORY}"\n' for row in rows)


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """A workspace with a package of one provider."""
    with Workspace() as made:
        made.project(PROJECT).file("pack/__init__.py", "")
        yield made.file("pack/oneiric-plugin.toml", descriptor("wood"))


def run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run *work* in a loop, under a limit."""

    async def limited() -> Any:
        """Run under a limit of time."""
        with anyio.fail_after(30):
            return await work()

    return asyncio.run(limited())


async def first(lab: Lab[Any], kind: type[Any], do: Callable[[], object]) -> Any:
    """Do something once the watch looks, and return the first event of a kind."""
    async with lab.watch(interval=0.1) as watch:
        while not lab.watching.mode:  # noqa: ASYNC110 - nothing tells
            await anyio.sleep(0.01)
        do()
        async for event in watch:
            if isinstance(event, kind):
                return event
    return None


class TestDescriptors:
    def test_a_descriptor_that_changes(self, workspace: Workspace) -> None:
        """
        Its new provider wins and is swapped to; who says the same stays who it is.
        """
        lab = workspace.open()
        before = lab.registry.resolve("adapter", "shelf")

        async def work() -> None:
            from oneiric_lab.lab import Moved

            async with lab.running() as life:
                await life.activate("adapter", "shelf")
                moved = await first(
                    lab,
                    Moved,
                    lambda: workspace.file("pack/oneiric-plugin.toml", descriptor("wood", "steel")),
                )
                assert [r.provider for r in moved.swaps] == ["steel"]

        run(work)
        held = {c.provider: c for c in lab.registry.current.candidates("adapter", "shelf")}
        assert set(held) == {"wood", "steel"}
        assert held["wood"] is before

    def test_a_bad_one_changes_nothing(self, workspace: Workspace) -> None:
        """
        Neither values nor candidates: all of it or nothing.
        """
        lab = workspace.open()
        workspace.project(PROJECT + "[server]\nport = 1\n")
        workspace.file("pack/oneiric-plugin.toml", "schema = 9\n")

        with pytest.raises(RegistryError):
            lab.reload(descriptors=True)
        assert "server" not in lab.snapshot.tree
        assert lab.registry.resolve("adapter", "shelf").provider == "wood"

    def test_packages_that_come_and_go(self, workspace: Workspace) -> None:
        """
        By the table alone; what a program declared stays.
        """
        lab = workspace.open()
        lab.component("adapter:own", provider="mine")(dict)
        workspace.file("more/__init__.py", "")
        workspace.file("more/oneiric-plugin.toml", descriptor("steel").replace("pack", "more"))
        workspace.project(PROJECT.replace('["pack"]', '["more"]'))
        lab.reload()

        assert [c.provider for c in lab.registry.current.candidates()] == ["mine", "steel"]

    def test_code_that_was_not_allowed(self, workspace: Workspace) -> None:
        """
        A file that is edited cannot let more code run than was allowed.
        """
        environ = {"ONEIRIC_STATE_DIR": str(workspace.path / "state")}
        lab = workspace.open(environ=environ)
        allow(workspace.path, code_modules(lab.snapshot), environ)
        lab = workspace.open(environ=environ, trusted=False)
        workspace.file("evil/__init__.py", "").file("evil/oneiric-plugin.toml", descriptor("x"))
        workspace.project(PROJECT.replace('["pack"]', '["pack", "evil"]'))

        with pytest.raises(NotAllowedError):
            lab.reload()
        assert [c.provider for c in lab.registry.current.candidates()] == ["wood"]


class TestManifests:
    def test_one_of_this_machine_is_synced_when_it_changes(self, workspace: Workspace) -> None:
        """
        Manifest and bundle, and the policy that judges them.
        """
        house = ReleaseHouse(now=dt.datetime.now(dt.UTC).replace(microsecond=0))
        release = house.release({"adapter:cache": "redis"})
        url = (workspace.path / "server/shop.oneiric.json").as_uri()
        remote = {
            "enabled": True,
            "manifest_url": url,
            "allow_file_uris": True,
            "allowed_file_uri_roots": ["server"],
        }
        workspace.local({"remote": remote})
        workspace.file("trust.toml", f'root = "sha256:{house.root.sha256}"\n')
        lab = workspace.open()

        def publish() -> None:
            workspace.file("server/shop.oneiric-bundle.json", release.bundle.encode())
            workspace.file("server/shop.oneiric.json", release.manifest)

        async def work() -> SyncReport:
            async with lab.watch(interval=0.1) as watch:
                while not lab.watching.mode:  # noqa: ASYNC110 - nothing tells
                    await anyio.sleep(0.01)
                publish()
                async for event in watch:
                    if isinstance(event, SyncReport) and event.ok:
                        return event
            raise AssertionError

        assert run(work).sources[0].outcome == "entered"
        assert [c.provider for c in lab.registry.current.candidates("adapter", "cache")] == [
            "redis"
        ]
        names = {path.name for path in manifests(lab.snapshot)}
        assert names == {"shop.oneiric.json", "shop.oneiric-bundle.json", "trust.toml"}

    def test_none(self, workspace: Workspace) -> None:
        """
        Nothing is followed that is not enabled, or elsewhere.
        """
        assert list(manifests(workspace.open().snapshot)) == []
        url = "https://example.org/a.oneiric.json"
        workspace.local({"remote": {"enabled": True, "sources": {"a": {"url": url}}}})
        assert list(manifests(workspace.open().snapshot)) == []


class TestSilence:
    def test_a_network_file_system(self, workspace: Workspace) -> None:
        """
        It tells of no change that another machine makes.
        """
        lab = workspace.open()

        def network(path: Path) -> bool:
            return path == workspace.path

        assert "network file system" in silent_because(lab.snapshot, network=network)
        assert silent_because(lab.snapshot, network=lambda path: False) == ""


class TestFaults:
    def test_what_nobody_foresaw(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        The watch lives, and the text, which may hold a value, is told by its kind only.
        """
        lab = workspace.open()

        def reload(**_: object) -> None:
            raise RuntimeError("s3cr3t")

        monkeypatch.setattr(type(lab), "reload", property(lambda lab: reload))
        event = reloaded(lab, frozenset())
        assert not event.ok
        assert event.faults[0].code == "reload-failed"
        assert "s3cr3t" not in str(event)


class TestFallen:
    def test_without_notices(self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        It is told once, by an event and a record, and files are followed by looking.
        """
        from oneiric_lab.lab import Fallen, Reloaded

        def none_left(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("watchfiles.awatch", none_left)
        lab = workspace.open()
        told: list[Any] = []

        async def work() -> None:
            async with lab.watch(interval=0.1) as watch:
                told.append(await anext(watch))
                workspace.project(PROJECT + "[server]\nport = 2\n")
                told.append(await anext(watch))
                assert lab.watching.mode == "poll"

        run(work)
        assert [type(event) for event in told] == [Fallen, Reloaded]
        assert "No space left on device" in str(told[0])
        assert told[0].as_dict()["mode"] == "poll"
        assert lab.watching.counts()["fallbacks"] == 1
        assert lab.value("server.port") == 2

    def test_a_sync_that_cannot_begin(self, workspace: Workspace) -> None:
        """
        Its faults are told, and the watch lives.
        """
        url = (workspace.path / "shop.oneiric.json").as_uri()
        said = {"enabled": True, "manifest_url": url, "sources": {"default": {"url": url}}}
        workspace.local({"remote": said})
        lab = workspace.open()

        async def work() -> Any:
            async with lab.watch(interval=0.1) as watch:
                while not lab.watching.mode:  # noqa: ASYNC110 - nothing tells
                    await anyio.sleep(0.01)
                workspace.file("shop.oneiric.json", "{}")
                async for event in watch:
                    if not event.ok:
                        return event
            return None

        assert isinstance(run(work), SyncReport)
