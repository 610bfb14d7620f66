"""The sample's release: it packs, explains itself, and its first one migrates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.lab import Lab, copy_sample
from oneiric_lab.manifest import enter, explain_entry, migrate, pack, validate

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """Return the folder of the release in a copy of the sample."""
    return copy_sample(tmp_path / "shop") / "release"


@pytest.fixture
def lab() -> Lab[Any]:
    """Return the sample workspace, open."""
    return Lab.sample()


class TestRelease:
    """What stands in `release/`."""

    def test_it_packs(self, release: Path) -> None:
        """
        With the digest of the file beside it.
        """
        found = pack(release / "shop.toml")

        assert found.manifest.source_name == "shop/stable"
        assert found.manifest.entries[0]["artifact"]["uri"] == "files/rates-3.2.0.json"
        assert validate(found.file).ok

    def test_it_changes_who_provides_the_rates_where_it_may(
        self, release: Path, lab: Lab[Any]
    ) -> None:
        """
        By default none of its factories runs; allowed, it goes by the same rules as all.
        """
        manifest = pack(release / "shop.toml").manifest
        registry = lab.registry

        shut = explain_entry(manifest, "task:reindex", registry=registry)
        free = explain_entry(manifest, "task:reindex", registry=registry, allowed=["shop"])

        assert shut.before is not None
        assert shut.after is not None
        assert free.after is not None
        assert shut.after.winner == shut.before.winner
        assert free.after.winner is not None
        assert str(free.after.winner) == "changed 1.0.0"

    def test_it_enters_and_leaves(self, release: Path, lab: Lab[Any]) -> None:
        """
        Once it is withdrawn the workspace is as it was.
        """
        manifest = pack(release / "shop.toml").manifest
        before = {str(c) for c in lab.registry.current.candidates()}

        enter(lab.registry, manifest, allowed=["shop"])
        assert {str(c) for c in lab.registry.current.candidates()} > before
        lab.registry.withdraw(source_name=manifest.source_name)

        assert {str(c) for c in lab.registry.current.candidates()} == before

    def test_the_first_one_migrates(self, release: Path) -> None:
        """
        A factory of another system and the names of secrets are left to people.
        """
        found = migrate(release / "first.yaml")

        assert found.of == 1
        assert [step.path for step in found.decisions] == [
            "entries[1].factory",
            "entries[1].metadata.requires_secrets",
        ]
        assert found.document["entries"][0]["artifact"]["size"] == 27
