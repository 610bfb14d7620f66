"""From a registry to a manifest and back, and what an entry would come to."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from oneiric_lab.canonical import encode
from oneiric_lab.errors import NoCandidateError
from oneiric_lab.manifest import (
    candidates_of,
    enter,
    entry_of,
    explain_entry,
    export,
    pack,
    read_manifest,
)
from oneiric_lab.registry import Candidate, Registry

if TYPE_CHECKING:
    from pathlib import Path


class Cache:
    """A factory with a name."""


class Settings:
    """A settings model with a name."""


def registry_of(*candidates: Candidate) -> Registry:
    """Return a registry with these candidates."""
    registry = Registry()
    registry.add(*candidates)
    return registry


FULL = Candidate(
    "adapter",
    "cache",
    "redis",
    "shop_redis:Cache",
    version="2.1.0",
    priority=10,
    stack_level=2,
    capabilities=frozenset({"ttl", "kv"}),
    requires={"adapter:queue": ">=1"},
    requires_dist=("redis>=5",),
    conflicts_with=("aioredis",),
    python_version=">=3.11",
    os_platform=("linux",),
    stability="experimental",
    enabled_by="new_cache",
    settings_model="shop_redis:Settings",
    health="shop_redis:is_well",
    requires_secrets=("password",),
    lifetime="transient",
    blocking=True,
    source="package",
    source_name="shop",
    summary="A cache.",
    metadata={"tier": 1},
)


class TestExport:
    """Candidates as entries."""

    def test_what_is_exported_comes_back_the_same(self, folder: Path) -> None:
        """
        Packed and read again, the candidate says what it said.
        """
        export(registry_of(FULL).current, project="shop").write(folder / "shop.toml")

        (found,) = candidates_of(pack("shop.toml").manifest, allowed=["shop_redis"])

        for name in FULL.__dataclass_fields__:
            if name not in {"source", "source_name", "source_rank", "origin", "metadata", "tie"}:
                before, after = getattr(FULL, name), getattr(found, name)
                assert before[:4] == after[:4] if name == "identity" else before == after, name
        assert found.metadata["tier"] == 1

    def test_what_is_the_default_is_not_said(self) -> None:
        """
        An entry says what people would write.
        """
        assert entry_of(Candidate("adapter", "cache", "m", "a:b")) == {
            "domain": "adapter",
            "key": "cache",
            "provider": "m",
            "version": "0",
            "factory": "a:b",
        }

    def test_a_callable_is_named_where_it_has_a_name(self) -> None:
        """
        A class of a module does; a lambda, and what stands inside a function, have none.
        """

        def inside() -> None:
            """Stand inside."""

        named = Candidate("adapter", "cache", "a", Cache, settings_model=Settings)
        assert entry_of(named) is not None
        assert entry_of(named)["factory"] == f"{__name__}:Cache"  # type: ignore[index]  # just seen
        assert entry_of(named)["settings_model"] == f"{__name__}:Settings"  # type: ignore[index]  # see above
        for factory in (lambda: None, inside, ""):
            found = export(
                registry_of(Candidate("adapter", "cache", "a", factory)).current, project="p"
            )
            assert found.document["entries"] == []
            assert "no name that another process could import" in str(found)

    def test_sources_and_winners(self) -> None:
        """
        Manifests are left out unless they are asked for; so are those that lose.
        """
        low = Candidate("adapter", "cache", "memory", "a:b")
        other = Candidate("adapter", "mail", "m", "a:c", source="manifest", source_name="x/y")
        current = registry_of(low, FULL, other).current

        def keys(**options: Any) -> list[str]:
            entries = export(current, project="p", **options).document["entries"]
            return [f"{e['key']} {e['provider']}" for e in entries]

        assert keys() == ["cache memory", "cache redis"]
        assert keys(sources=["manifest"]) == ["mail m"]
        assert keys(winners=True, sources=["manual", "package"]) == ["cache memory"]

    def test_one_identity_is_one_entry(self) -> None:
        """
        Two sources that offer the same provider in the same version are told.
        """
        found = export(
            registry_of(
                Candidate("adapter", "cache", "m", "a:b", source_name="one"),
                Candidate("adapter", "cache", "m", "a:c", source_name="two"),
            ).current,
            project="p",
        )

        assert len(found.document["entries"]) == 1
        assert "two offers the same provider and version" in str(found)
        assert found.as_dict()["left_out"]

    def test_metadata_that_json_has_not_are_left_out(self) -> None:
        """
        And that is told.
        """
        found = export(
            registry_of(Candidate("adapter", "a", "b", "c:d", metadata={"x": object()})).current,
            project="p",
        )

        assert "metadata" not in found.document["entries"][0]
        assert "they hold what JSON has not" in str(found)

    def test_entries_of_a_manifest_come_back_as_they_were(self, whole: dict[str, Any]) -> None:
        """
        What only an entry can say is not lost on the way through a registry.
        """
        registry = Registry()
        enter(registry, read_manifest(encode(whole)))

        found = export(registry.current, project="shop", version=7, sources=["manifest"])

        by_key = {entry["key"]: entry for entry in whole["entries"]}
        assert {e["key"]: e for e in found.document["entries"]} == by_key

    def test_both_formats_hold_the_same(self, folder: Path) -> None:
        """
        TOML by default, YAML by the file's name.
        """
        found = export(registry_of(FULL).current, project="shop")

        assert tomllib.loads(found.text()) == found.document
        found.write(folder / "a.yaml")
        assert yaml.safe_load((folder / "a.yaml").read_text()) == found.document
        assert "schema = 3" in str(found)
        assert "manifest pack" in str(found.write(folder / "a.toml"))


class TestExplainEntry:
    """What an entry says, and what it would come to."""

    def test_all_that_it_says_is_shown(self, whole: dict[str, Any]) -> None:
        """
        Each fact with its name, defaults among them.
        """
        manifest = read_manifest(encode(whole))

        text = str(explain_entry(manifest, "event:placed"))

        for part in ("shop:on_placed", "event.topics", "order.placed", "exclusive", "stable"):
            assert part in text
        cache = str(explain_entry(manifest, "adapter:cache"))
        assert "capability" in cache
        assert "requires.adapter:secrets  any" in cache
        assert explain_entry(manifest, "workflow:ship").as_dict()["before"] is None

    def test_who_would_provide_it(self, whole: dict[str, Any]) -> None:
        """
        Beside who does now; nothing enters.
        """
        entry = {"domain": "adapter", "key": "cache", "provider": "r", "version": "1"}
        whole["entries"] = [entry | {"factory": "a:b", "priority": 5}]
        manifest = read_manifest(encode(whole))
        registry = registry_of(Candidate("adapter", "cache", "memory", "a:b"))

        may = explain_entry(manifest, "adapter:cache", registry=registry, allowed=["a"])
        may_not = explain_entry(manifest, "adapter:cache", registry=registry)
        alone = explain_entry(manifest, "adapter:cache", registry=Registry())

        assert "r 1 would provide it in place of memory 0" in str(may)
        assert "memory 0 would go on providing it" in str(may_not)
        assert "not allowed" in str(may_not)
        assert "nothing would provide it" in str(alone)
        assert registry.generation == 1
        assert may.as_dict()["after"] != may.as_dict()["before"]

    def test_an_unknown_one_is_told_with_the_nearest(self, whole: dict[str, Any]) -> None:
        """
        By the components that the manifest has.
        """
        with pytest.raises(NoCandidateError, match="did you mean `adapter:cache`"):
            explain_entry(read_manifest(encode(whole)), "adapter:cahce")

    def test_addresses_are_links_of_the_web_only(self, whole: dict[str, Any]) -> None:
        """
        The page of an entry is a link; its text cannot be one of another kind.
        """
        html = explain_entry(read_manifest(encode(whole)), "adapter:cache").to_html()

        assert 'href="https://docs.example.com:8443/cache?page=1"' in html
        assert "javascript:" not in html
