"""Quarantine of what cannot be imported, and following files with the last good values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from oneiric_lab.errors import UsageError
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

DESCRIPTOR = """\
schema = 1
[plugin]
name = "pack"
version = "1.0"
[[candidates]]
domain = "adapter"
key = "shelf"
provider = "broken"
priority = 10
factory = "pack.broken:make"
[[candidates]]
domain = "adapter"
key = "shelf"
provider = "sound"
factory = "pack.sound:make"
"""


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """A workspace whose package offers a broken and a sound cache."""
    with Workspace() as made:
        made.project('[plugins]\npackages = ["pack"]\n[server]\nport = 1\n')
        made.file("pack/__init__.py", "").file("pack/oneiric-plugin.toml", DESCRIPTOR)
        made.file("pack/broken.py", "import a_module_that_is_missing\n")
        yield made.file("pack/sound.py", "def make():\n    return {}\n")


class TestProbe:
    def test_quarantine_and_recovery(self, workspace: Workspace) -> None:
        """Who cannot be imported loses its place, in later sessions too, until it can."""
        lab = workspace.open()
        assert lab.registry.resolve("adapter", "shelf").provider == "broken"
        told: list[tuple[int, int, str]] = []
        found = lab.probe("adapter:shelf", done=lambda *said: told.append(said))
        assert [(c.provider, r.kind) for c, r in found.rows] == [
            ("broken", "import-error"),
            ("sound", "ok"),
        ]
        assert [(done, total) for done, total, _ in told] == [(1, 2), (2, 2)]
        assert found.exit_code == 1
        assert "a_module_that_is_missing" in str(found)
        assert lab.registry.resolve("adapter", "shelf").provider == "sound"
        again = workspace.open()
        assert "is quarantined: ModuleNotFoundError" in str(again.explain("adapter:shelf"))
        workspace.file("pack/broken.py", "def make():\n    return {}\n")
        healed = again.probe(provider="broken")
        assert [c.provider for c in healed.released] == ["broken"]
        assert "out of quarantine" in str(healed)
        assert healed.as_dict()["released"] == ["adapter:shelf broken 1.0"]
        assert workspace.open().registry.resolve("adapter", "shelf").provider == "broken"

    def test_a_plan_keeps_it(self, workspace: Workspace) -> None:
        """A change of values does not let a quarantined candidate back in."""
        lab = workspace.open()
        lab.probe()
        plan = lab.plan({"server.port": 2})
        assert not plan.components
        plan.apply()
        assert lab.registry.resolve("adapter", "shelf").provider == "sound"

    @pytest.mark.parametrize("timeout", [0, -1, float("nan")])
    def test_a_limit_that_is_none(self, workspace: Workspace, timeout: float) -> None:
        """Nobody is put into quarantine for a limit that nobody could keep."""
        lab = workspace.open()
        before = lab.registry.current.rules.quarantined

        with pytest.raises(UsageError, match="more than 0 seconds"):
            lab.probe(timeout=timeout)

        assert lab.registry.current.rules.quarantined == before

    def test_cancelled(self, workspace: Workspace) -> None:
        """What was not tried is neither quarantined nor released."""
        found = workspace.open().probe(cancelled=lambda: True)
        assert {r.kind for _, r in found.rows} == {"cancelled"}
        assert workspace.open().registry.resolve("adapter", "shelf").provider == "broken"

    def test_where_nothing_can_be_kept(self, workspace: Workspace) -> None:
        """Without a store the quarantine holds in this process, and says so."""
        lab = workspace.open()
        workspace.file(".oneiric", "in the way")
        found = lab.probe()
        assert found.notice is not None
        assert found.notice.severity == "warning"
        assert lab.registry.resolve("adapter", "shelf").provider == "sound"

    def test_a_damaged_store_still_opens(self, workspace: Workspace) -> None:
        """Damage is a warning of the workspace."""
        workspace.file(".oneiric/state.db", b"no database" * 1000)
        lab = workspace.open()
        assert lab.registry.resolve("adapter", "shelf").provider == "broken"
        assert lab.problems


class TestWatch:
    def test_the_last_good_stays(self, workspace: Workspace) -> None:
        """A good edit is in force, a bad one is told, the next good one is in force again."""
        workspace.project("[server]\nport = 1\n")
        lab = workspace.open()
        seen: list[Any] = []

        async def follow() -> None:
            stop = anyio.Event()
            edits = iter(["[server]\nport = 2\n", "[server]\nport = \n", "[server]\nport = 3\n"])
            with anyio.fail_after(30):
                async with anyio.create_task_group() as tasks:

                    async def read() -> None:
                        async for event in lab.watch(interval=0.05, stop=stop):
                            seen.append(event)
                            text = next(edits, None)
                            if text is None:
                                stop.set()
                            else:
                                workspace.project(text)

                    tasks.start_soon(read)
                    await anyio.sleep(0.2)
                    workspace.project(next(edits))

        anyio.run(follow)
        assert [event.ok for event in seen] == [True, False, True]
        assert seen[0].files == ("oneiric.toml",)
        assert [(v.path, v.old, v.new) for v in seen[0].values] == [("server.port", 1, 2)]
        assert "the last good configuration stays" in str(seen[1])
        assert [(v.old, v.new) for v in seen[2].values] == [(2, 3)]
        assert "server.port" in str(seen[2])
        assert lab.value("server.port") == 3
        assert seen[1].as_dict()["ok"] is False

    def test_files_that_are_not_there_yet(self, workspace: Workspace) -> None:
        """A new local file, an explicit file and a policy are followed too."""
        from oneiric_lab.lab._following import followed

        workspace.file("more.toml", "").policy("[server]\nport = 1\n").secret("s", "x")
        lab = workspace.open(config=[workspace.path / "more.toml"])
        names = {path.name for path in followed(lab.snapshot)}
        assert {"oneiric.local.toml", ".env", "more.toml", "policy.toml", "s"} <= names

    def test_a_component_changes(self, workspace: Workspace) -> None:
        """A selection written to a file swaps the component."""
        lab = workspace.open()

        async def follow() -> Any:
            events = lab.watch(interval=0.05)
            with anyio.fail_after(30):
                async with anyio.create_task_group() as tasks:

                    async def write() -> None:
                        await anyio.sleep(0.2)
                        workspace.local('[adapters.selections]\nshelf = "sound"\n')

                    tasks.start_soon(write)
                    event = await anext(events)
                    await events.aclose()
            return event

        event = anyio.run(follow)
        assert [(c["old"], c["new"]) for c in event.components] == [("broken 1.0", "sound 1.0")]
        assert "sound" in str(event)
