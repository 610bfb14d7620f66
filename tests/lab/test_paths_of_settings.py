"""Relative paths in settings: they begin at the workspace, wherever the process stands."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab import Lab
from oneiric_lab.commands import Interaction, run
from oneiric_lab.components import SqliteCacheSettings
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = """
[plugins]
auto_load = false
packages = ["oneiric_lab.components"]

[adapters.selections]
cache = "sqlite"

[adapters.settings.cache]
path = {path!r}

[secrets]
provider = "directory"

[adapters.provider_settings.directory]
path = "kept"
"""


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty folder that is not the workspace."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


def workspace(tmp_path: Path, path: str = "data/cache.db") -> Lab[Any]:
    """Return a workspace whose cache is a file."""
    folder = tmp_path / "shop"
    folder.mkdir()
    return Workspace(folder).project(PROJECT.format(path=path)).open()


def lease(lab: Lab[Any]) -> bool:
    """Build the cache, and say whether a second look at its settings finds others."""

    async def main() -> bool:
        async with lab.running() as life, life.lease("adapter", "cache") as cache:
            cache.set("boat", b"paper")
            return life.slot("adapter", "cache").why_anew() != ""

    return asyncio.run(main())


class TestPaths:
    def test_a_relative_one_begins_at_the_workspace(self, tmp_path: Path, elsewhere: Path) -> None:
        """
        Its component is built there once, and not anew for a path that means the same.
        """
        lab = workspace(tmp_path)

        assert not lease(lab)
        assert (lab.root / "data" / "cache.db").exists()
        assert list(elsewhere.iterdir()) == []

    def test_an_absolute_one_and_memory_are_what_they_are(
        self, tmp_path: Path, elsewhere: Path
    ) -> None:
        """
        Only what is relative is placed.
        """
        lease(workspace(tmp_path, str(tmp_path / "there.db")))
        assert (tmp_path / "there.db").exists()

        assert SqliteCacheSettings(path="data/cache.db").path == "data/cache.db"
        assert SqliteCacheSettings().path == ":memory:"

    def test_what_has_the_secrets_is_built_there_too(self, tmp_path: Path, elsewhere: Path) -> None:
        """
        Though it is built beside the lifecycle.
        """
        lab = workspace(tmp_path)
        (lab.root / "kept").mkdir()
        (lab.root / "kept" / "token").write_text("t-1")

        assert lab.keeping.ask("token") == "t-1"

    def test_a_verb_for_a_workspace_elsewhere(self, elsewhere: Path) -> None:
        """
        `-C` names the sample; its files are made in it, and none where the shell stands.
        """
        root = Lab.sample().root
        run(["-C", str(root), "allow"], Interaction())

        run(["-C", str(root), "task", "run", "report"], Interaction())

        assert (root / "data" / "shop.db").exists()
        assert list(elsewhere.iterdir()) == []
