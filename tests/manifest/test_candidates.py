"""Entries in a registry: every condition holds there, and a release leaves as a whole."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.canonical import encode
from oneiric_lab.errors import CanonicalError, ManifestError, NoCandidateError
from oneiric_lab.manifest import (
    Manifest,
    candidates_of,
    candidates_of_legacy,
    enter,
    entered,
    parse_legacy,
    read_candidates,
    read_legacy,
    read_manifest,
)
from oneiric_lab.registry import Candidate, Registry, Rules

if TYPE_CHECKING:
    from collections.abc import Callable

OK: dict[str, Any] = {
    "domain": "adapter",
    "key": "cache",
    "provider": "redis",
    "version": "2.1.0",
    "factory": "shop_redis:Cache",
}

ODD = st.sampled_from(
    (
        *("", "-", ".", "%", "a", "é", "a b", "a\n", "1.0", "1.0.0rc1", "x", ">=1", "==1.*", "a:b"),
        *("os:F", "shop.x:Y", "shop:", "redis>=1", "redis; 1", "adapter:cache", "flag:x", "linux"),
        *("app", "transient", "beta", 0, 1, -1, 1000, 1001, True, None, 0.5),
    )
)
ODD_FACTS = (
    *("domain", "key", "provider", "version", "factory", "priority", "stack_level"),
    *("requires", "requires_dist", "conflicts_with", "python_version", "os_platform"),
    *("stability", "enabled_by", "settings_model", "health", "requires_secrets", "lifetime"),
    *("blocking", "summary"),
)


def manifest_with(*entries: dict[str, Any], version: int = 1, channel: str = "stable") -> Manifest:
    """Return a manifest of these entries, each a change of one that is right."""
    tree = {
        "schema": 3,
        "project": "shop",
        "channel": channel,
        "version": version,
        "entries": [OK | entry for entry in entries],
    }
    return read_manifest(encode(tree))


def registry_with(manifest: Manifest, *, allowed: tuple[str, ...] = ("shop_redis",)) -> Registry:
    """Return a registry that the manifest entered, on Linux with Python 3.12."""
    registry = Registry(
        rules=Rules(
            platform="linux",
            python="3.12.1",
            installed={"redis": "5.1"}.get,
        )
    )
    enter(registry, manifest, allowed=allowed)
    return registry


class TestCandidatesOf:
    """One entry, one candidate."""

    def test_every_fact_is_carried_over(self, whole: dict[str, Any]) -> None:
        """
        What a candidate has a name for is the same there; the rest is in the entry.
        """
        manifest = read_manifest(encode(whole), name="shop.oneiric.json")

        found = candidates_of(manifest, allowed=["shop_redis", "shop"])[0]

        entry = whole["entries"][0]
        assert found.target == "adapter:cache"
        assert (found.provider, found.version, found.factory) == (
            "redis",
            "2.1.0",
            entry["factory"],
        )
        assert (found.priority, found.stack_level) == (10, -1)
        assert found.capabilities == {"kv", "ttl"}
        assert dict(found.requires) == entry["requires"]
        assert found.requires_dist == tuple(entry["requires_dist"])
        assert found.conflicts_with == tuple(entry["conflicts_with"])
        assert found.python_version == ">=3.11"
        assert found.os_platform == ("linux", "darwin", "freebsd14")
        assert (found.stability, found.enabled_by) == ("beta", "new_cache")
        assert found.settings_model == "shop_redis:Settings"
        assert found.health == "shop_redis:is_well"
        assert found.requires_secrets == ("redis_password",)
        assert (found.lifetime, found.blocking) == ("app", True)
        assert (found.source, found.source_name) == ("manifest", "shop/stable")
        assert found.summary == entry["summary"]
        assert found.metadata["entry"] == entry
        assert found.metadata["tags"] == ["a", "b"]
        assert found.refusals == ()
        assert str(found.origin) == "shop.oneiric.json, entries[0]"

    @given(
        st.fixed_dictionaries(
            {},
            optional={
                name: st.one_of(ODD, st.lists(ODD, max_size=2), st.dictionaries(ODD, ODD))
                for name in ODD_FACTS
            },
        )
    )
    def test_what_the_schema_takes_a_candidate_takes(self, facts: dict[str, Any]) -> None:
        """
        The registry need not judge an entry again: the schema is no looser than it is.
        """
        try:
            manifest = manifest_with(facts)
        except (ManifestError, CanonicalError):
            return
        found = candidates_of(manifest, allowed=["shop_redis"])[0]
        said = {one.name: getattr(found, one.name) for one in fields(Candidate) if one.init}

        assert all(
            getattr(Candidate(**said), one.name) == getattr(found, one.name)
            for one in fields(Candidate)
        )

    @pytest.mark.parametrize(
        ("allowed", "refused"),
        [
            ((), True),
            (("shop",), True),
            (("shop_redis",), False),
            (("shop_redis:Cache",), True),
            (("other", "shop_redis."), False),
        ],
    )
    def test_nothing_runs_that_is_not_allowed(
        self, allowed: tuple[str, ...], refused: bool
    ) -> None:
        """
        By default nothing; a prefix is a whole module's name.
        """
        registry = registry_with(manifest_with({}), allowed=allowed)

        explained = registry.explain("adapter", "cache")

        assert (explained.winner is None) is refused
        if refused:
            assert "which is not allowed" in str(explained)
            with pytest.raises(NoCandidateError):
                registry.resolve("adapter", "cache")

    @pytest.mark.parametrize("module", ["os", "subprocess", "builtins", "importlib.util"])
    def test_some_modules_never_run(self, module: str) -> None:
        """
        Whoever allows them.
        """
        manifest = manifest_with({"factory": f"{module}:x"})

        assert registry_with(manifest, allowed=(module,)).explain("adapter", "cache").winner is None

    @pytest.mark.parametrize(
        ("name", "what"), [("settings_model", "settings model"), ("health", "health check")]
    )
    def test_other_code_is_code_too(self, name: str, what: str) -> None:
        """
        It is imported, so it must be allowed as a factory must.
        """
        for code in ("os.path:join", "other:thing"):
            explained = registry_with(manifest_with({name: code})).explain("adapter", "cache")

            assert explained.winner is None
            assert f"names the {what} {code}" in str(explained)

    @pytest.mark.parametrize(
        ("fact", "reason"),
        [
            ({"python_version": ">=3.13"}, "needs Python >=3.13, this is 3.12.1"),
            ({"python_version": ">=3.12"}, None),
            ({"os_platform": ["win32", "darwin"]}, "runs on win32, darwin, this is linux"),
            ({"os_platform": ["linux"]}, None),
            ({"requires_dist": ["boto3"]}, "needs the distribution boto3, which is not installed"),
            ({"requires_dist": ["redis>=6"]}, "needs redis>=6, installed is 5.1"),
            ({"requires_dist": ["redis>=5"]}, None),
            ({"requires_dist": ["boto3; sys_platform == 'nowhere'"]}, None),
            ({"conflicts_with": ["redis"]}, "conflicts with the installed redis 5.1"),
            ({"conflicts_with": ["redis<5"]}, None),
            ({"stability": "experimental"}, "is experimental and not selected"),
            ({"stability": "beta"}, None),
            ({"enabled_by": "new_cache"}, "the flag `new_cache` is off"),
            ({"requires": {"adapter:queue": ">=1"}}, "adapter:queue"),
        ],
    )
    def test_every_condition_holds_in_the_registry(
        self, fact: dict[str, Any], reason: str | None
    ) -> None:
        """
        What an entry asks of its surroundings decides, and is told.
        """
        explained = registry_with(manifest_with(fact)).explain("adapter", "cache")

        if reason is None:
            assert explained.winner is not None
        else:
            assert explained.winner is None
            assert reason in str(explained)


class TestReadCandidates:
    """A manifest and its candidates in one reading, of which the bytes are kept."""

    def test_it_says_what_two_readings_say(self, whole: dict[str, Any]) -> None:
        """
        The manifest is the same, and so is each candidate in every fact.
        """
        data, allowed = encode(whole), ["shop_redis"]

        manifest, found = read_candidates(data, name="m", allowed=allowed)

        held = read_manifest(data, name="m")
        assert isinstance(manifest, Manifest)
        assert manifest.document() == held.document()
        assert (manifest.digest, manifest.to_bytes()) == (held.digest, data)
        assert str(manifest) == str(held)
        assert manifest.by_identity() == held.by_identity()
        for one, other in zip(found, candidates_of(held, allowed=allowed), strict=True):
            assert one.says_the_same(other)
            assert one.metadata["entry"] is one.metadata["entry"]

    def test_another_is_shown_the_entries_by_the_way(self, whole: dict[str, Any]) -> None:
        """
        With the document that they stand in, which is sound.
        """
        shown: list[Any] = []
        read_candidates(encode(whole), take=lambda *run: shown.append(run))

        assert shown == [({**whole, "entries": []}, 0, whole["entries"])]

    def test_without_a_name_it_is_known_by_its_line_and_version(self) -> None:
        """
        As people are shown the place of an entry.
        """
        tree = {"schema": 3, "project": "shop", "channel": "c", "version": 2, "entries": [OK]}

        _, (found,) = read_candidates(encode(tree))

        assert str(found.origin) == "shop/c 2, entries[0]"

    def test_no_entries_are_no_candidates(self, whole: dict[str, Any]) -> None:
        """
        A release may withdraw all that there was.
        """
        manifest, found = read_candidates(encode({**whole, "entries": []}))

        assert (len(manifest.entries), found) == (0, [])

    def test_what_the_whole_tree_clears_up_is_read_by_it(
        self, whole: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Two identities may have one hash; then the document is looked at as a whole.
        """
        data = encode(whole)
        held = read_manifest(data)
        monkeypatch.setattr("oneiric_lab.manifest._validate.hash", lambda _: 1, raising=False)

        manifest, found = read_candidates(data)

        assert manifest.as_dict() == read_manifest(data).as_dict() == held.as_dict()
        assert [one.provider for one in found] == [e["provider"] for e in whole["entries"]]

    def test_one_of_an_older_schema_is_read_whole(self) -> None:
        """
        Its entries are shown as schema 3 would say them.
        """
        data = b'{"entries":[{"domain":"adapter","factory":"shop:C","key":"k","provider":"p"}]}'
        shown: list[Any] = []

        old, (found,) = read_candidates(
            data, name="old.json", legacy=True, take=lambda *run: shown.append(run)
        )

        assert old.name == "old.json"
        assert old.as_dict() == parse_legacy(data, name="old.json").as_dict()
        assert (found.provider, found.version) == ("p", "0")
        assert [(first, [e["key"] for e in entries]) for _, first, entries in shown] == [(0, ["k"])]


class TestEnter:
    """A release in a registry."""

    def test_a_newer_one_takes_the_place_of_the_older(self) -> None:
        """
        One generation, in which entries that left are gone.
        """
        registry = registry_with(manifest_with({}, {"key": "queue"}))
        before = registry.generation

        number = enter(
            registry, manifest_with({"version": "3.0"}, version=2), allowed=["shop_redis"]
        )

        assert number == before + 1 == registry.generation
        assert registry.current.keys() == ["adapter:cache"]
        assert registry.resolve("adapter", "cache").version == "3.0"
        assert "adapter:queue" in str(registry.diff(before, number))

    def test_other_sources_and_channels_stay(self) -> None:
        """
        What the workspace and another channel offer is none of its business.
        """
        registry = registry_with(manifest_with({}))
        registry.add(Candidate("adapter", "files", "local", "shop:x", source_name="shop"))
        enter(registry, manifest_with({"key": "mail"}, channel="beta"), allowed=["shop_redis"])

        enter(registry, manifest_with(version=2))

        assert registry.current.keys() == ["adapter:files", "adapter:mail"]

    def test_a_preview_publishes_nothing(self) -> None:
        """
        What would be in force is shown, and nothing changes.
        """
        registry = registry_with(manifest_with({}, {"key": "queue"}))
        before = registry.generation

        after = entered(registry, manifest_with({"key": "mail"}), allowed=["shop_redis"])

        assert after.keys() == ["adapter:mail"]
        assert registry.generation == before
        assert registry.current.keys() == ["adapter:cache", "adapter:queue"]

    def test_a_fault_on_the_way_changes_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        The whole batch is dropped.
        """
        registry = registry_with(manifest_with({}))
        before = registry.current

        def fail(*candidates: Candidate) -> None:
            raise RuntimeError

        monkeypatch.setattr(registry, "add", fail)
        with pytest.raises(RuntimeError):
            enter(registry, manifest_with({"key": "mail"}))

        assert registry.current is before


class TestLegacyCandidates:
    """Entries of schema 1 and 2."""

    @pytest.fixture
    def old(self, folder: Path) -> Callable[[str], list[Candidate]]:
        """Return what reads entries of an older manifest as candidates."""

        def read(entries: str) -> list[Candidate]:
            (folder / "old.yaml").write_text(f"source: shop\nentries:\n{entries}")
            legacy = read_legacy(Path("old.yaml"))
            return candidates_of_legacy(legacy, "shop/old", allowed=["shop_redis"])

        return read

    def test_they_mean_what_they_meant(self, old: Callable[[str], list[Candidate]]) -> None:
        """
        Names are those of schema 3; a version that nobody said is 0.
        """
        (found,) = old(
            "- {domain: adapter, key: cache, provider: redis, factory: 'shop_redis:Cache',"
            " priority: 5, capabilities: [kv], requires: ['redis>=5'], os_platform: [windows],"
            " uri: 'https://a.example/x', timeout_seconds: 3}\n"
        )

        assert (found.version, found.priority) == ("0", 5)
        assert found.capabilities == {"kv"}
        assert found.requires_dist == ("redis>=5",)
        assert found.os_platform == ("win32",)
        assert found.metadata["entry"]["timeouts"] == {"call": 3}
        assert found.metadata["entry"]["artifact"] == {"uri": "https://a.example/x"}
        assert found.refusals == ()
        assert found.source_name == "shop/old"

    def test_what_schema_3_does_not_take_is_refused_and_told(
        self, old: Callable[[str], list[Candidate]]
    ) -> None:
        """
        The candidate is there with its names, and never wins.
        """
        (found,) = old(
            "- {domain: adapter, key: cache, provider: redis, factory: 'shop_redis:Cache',"
            " priority: 5000}\n"
        )
        registry = Registry()
        registry.add(found)

        explained = registry.explain("adapter", "cache")

        assert explained.winner is None
        assert "is not what schema 3 takes: expected a number of at most 1000" in str(explained)

    def test_a_factory_that_is_code_never_runs(self, old: Callable[[str], list[Candidate]]) -> None:
        """
        Its text is not even kept as a factory.
        """
        (found,) = old(
            "- {domain: adapter, key: cache, provider: redis, factory: 'os:system(1)'}\n"
        )

        assert found.factory == ""
        assert {refusal.code for refusal in found.refusals} == {"factory", "manifest"}
