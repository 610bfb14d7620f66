"""`lab.diff` of manifests: what a release would change in this workspace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import FileAccessError, UsageError
from oneiric_lab.lab import ValueDiff
from oneiric_lab.manifest import ManifestDiff, enter, open_manifest, pack
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from oneiric_lab import Lab

TEXT = """\
schema = 3
project = "shop"
channel = "stable"
version = {version}

[[entries]]
domain = "adapter"
key = "cache"
provider = "redis"
version = "2.{version}"
priority = {priority}
factory = "shop_redis:Cache"
"""
PROJECT = """\
[plugins]
packages = ["oneiric_lab.components"]
auto_load = false
allow_factories = ["shop_redis"]
"""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab[Any]:
    """Return a workspace with two caches and two authoring files; who asks stands elsewhere."""
    monkeypatch.chdir(tmp_path)
    place = Workspace(tmp_path / "w").project(PROJECT)
    for version, priority in ((1, -5), (2, 50)):
        text = TEXT.format(version=version, priority=priority)
        (tmp_path / "w" / f"v{version}.toml").write_text(text)
    return place.open()


class TestDiff:
    def test_authoring_files(self, lab: Lab[Any]) -> None:
        """
        The rules of the workspace decide who wins before and after.
        """
        found = lab.diff("v1.toml", "v2.toml")

        assert isinstance(found, ManifestDiff)
        assert found.impact is not None
        (winner,) = found.impact.winners
        assert (str(winner.new), winner.new_rule) == ("redis 2.2", "priority (50 > 0)")
        assert [risk.code for risk in found.risks] == ["winner-by-manifest", "priority-raised"]

    def test_packed_and_read_ones(self, lab: Lab[Any]) -> None:
        """
        Paths of packed manifests are taken, and manifests that were read.
        """
        pack("w/v1.toml")

        found = lab.diff(Path("v1.oneiric.json"), open_manifest("w/v2.toml"))

        assert found.old.version == 1
        assert found.new.version == 2

    def test_now_is_what_the_workspace_has(self, lab: Lab[Any]) -> None:
        """
        Before a release entered that is nothing, afterwards its entries.
        """
        first = lab.diff("now", Path("v1.toml"))
        assert [change.kind for change in first.entries] == ["added"]

        enter(lab.registry, open_manifest("w/v1.toml"), allowed=["shop_redis"])

        then = lab.diff("now", Path("v2.toml"))
        assert [(change.kind, change.step) for change in then.entries] == [("changed", "minor")]
        back = lab.diff(Path("v2.toml"), "now")
        assert [change.step for change in back.entries] == ["downgrade"]

    def test_nothing_enters(self, lab: Lab[Any]) -> None:
        """
        A question publishes nothing.
        """
        before = lab.registry.generation

        lab.diff("v1.toml", "v2.toml")

        assert lab.registry.generation == before

    def test_manifest_beside_a_configuration(self, lab: Lab[Any]) -> None:
        """
        They have nothing in common.
        """
        with pytest.raises(UsageError, match="is a configuration, and the other"):
            lab.diff("v1.toml", "profile:prod")

    def test_file_that_is_not_there(self, lab: Lab[Any]) -> None:
        """
        It is named as it is seen from here; one beside the workspace is none of its own.
        """
        Path("v3.toml").write_text(TEXT.format(version=3, priority=3))

        with pytest.raises(FileAccessError, match=r"no such file: w.v3\.toml"):
            lab.diff("v1.toml", "v3.toml")

    def test_paths_are_those_of_a_release_on_its_way(self, lab: Lab[Any]) -> None:
        """
        Whole ones are taken too, and bundles beside them.
        """
        pack("w/v2.toml")

        found = lab.diff(Path("v1.toml"), Path("v2.oneiric.json"))
        assert lab.diff(lab.root / "v1.toml", "v2.oneiric-bundle.json").risks == found.risks
        assert lab.release("v2.oneiric.json", previous="v1.toml").changes().risks == found.risks

    def test_configurations_as_before(self, lab: Lab[Any]) -> None:
        """
        Two configurations are compared value by value.
        """
        assert isinstance(lab.diff("now", "now"), ValueDiff)
