"""One change at a time, and the risks that it is: no other, and no fewer."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.canonical import encode
from oneiric_lab.manifest import RISKS, Manifest, ManifestDiff, diff, read_manifest
from oneiric_lab.manifest._diff_rank_risks import Passing

ARTIFACT = {"uri": "https://cdn.example.com/redis.whl", "sha256": "ab" * 32, "size": 10}
CACHE: dict[str, Any] = {
    "domain": "adapter",
    "key": "cache",
    "provider": "redis",
    "version": "2.1.0",
    "factory": "shop_redis:Cache",
    "artifact": ARTIFACT,
    "priority": 10,
    "capabilities": [
        {
            "name": "kv",
            "security": {
                "signature_required": True,
                "encryption": "tls",
                "classification": "internal",
                "scopes": ["read", "write"],
                "audience": ["shop"],
            },
        },
        {"name": "ttl"},
    ],
    "owner": "Platform",
    "requires_secrets": ["password"],
    "settings_model": "shop_redis:Settings",
    "health": "shop_redis:is_well",
    "timeouts": {"call": 5},
    "side_effect_free": False,
    "requires": {"adapter:queue": ">=1,<3"},
    "requires_dist": ["redis>=5"],
    "conflicts_with": ["adapter:legacy"],
    "python_version": ">=3.11",
    "os_platform": ["linux"],
    "stability": "stable",
    "enabled_by": "new_cache",
    "license": "MIT",
}
QUEUE: dict[str, Any] = {
    "domain": "adapter",
    "key": "queue",
    "provider": "list",
    "version": "1.0",
    "factory": "shop_queue:Queue",
    "artifact": ARTIFACT | {"uri": "https://files.example.com/queue.whl"},
}
ABSENT = object()


def ranked(members: list[Ranked]) -> list[dict[str, Any]]:
    """Return entries of one component with these providers and priorities."""
    return [
        {"provider": provider, "version": f"{place}", "priority": rank}
        for place, (provider, rank) in enumerate(members)
    ]


Ranked = tuple[str, int]
members = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 4)), max_size=7)


def release(*entries: dict[str, Any], version: int = 7, **header: Any) -> Manifest:
    """Return a manifest of these entries."""
    tree = {
        "schema": 3,
        "project": "shop",
        "channel": "stable",
        "version": version,
        "entries": [*entries],
    }
    return read_manifest(encode(tree | header))


def changed(entry: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy of *entry* with one value another, or gone."""
    out = deepcopy(entry)
    *above, last = path.split(".")
    node: Any = out
    for step in above:
        node = node[int(step)] if isinstance(node, list) else node[step]
    name: Any = int(last) if isinstance(node, list) else last
    if value is ABSENT:
        del node[name]
    else:
        node[name] = value
    return out


def codes(found: ManifestDiff) -> list[str]:
    """Return the codes of its risks, in their order."""
    return [risk.code for risk in found.risks]


CASES: list[tuple[str, Any, list[str]]] = [
    ("artifact.sha256", "cd" * 32, ["artifact-without-step"]),
    ("artifact.size", 11, ["artifact-without-step"]),
    ("artifact.uri", "https://cdn.example.com/other.whl", []),
    ("artifact.uri", "https://CDN.example.com:443/redis.whl", []),
    ("artifact.uri", "https://cdn.example.com:8443/redis.whl", ["new-host"]),
    ("artifact.uri", "https://evil.example.org/redis.whl", ["new-host"]),
    ("artifact.uri", "https://files.example.com/redis.whl", ["source-changed"]),
    ("artifact.uri", "dist/redis.whl", ["source-changed"]),
    ("artifact.uri", "http://cdn.example.com/redis.whl", ["source-unencrypted"]),
    ("artifact", ABSENT, ["artifact-unpinned"]),
    ("version", "2.2.0", []),
    ("version", "2.0.9", ["downgrade"]),
    ("version", "2.1.0rc1", ["downgrade"]),
    ("version", "2.2.0rc1", ["less-stable"]),
    ("factory", "shop_redis:Other", ["factory-changed"]),
    ("settings_model", "shop_redis:Other", ["code-changed"]),
    ("settings_model", ABSENT, []),
    ("health", "shop_redis:other", ["code-changed"]),
    ("health", ABSENT, ["health-dropped"]),
    ("priority", 9, []),
    ("priority", 11, ["priority-raised"]),
    ("stack_level", 1, ["priority-raised"]),
    ("stack_level", -1, []),
    ("capabilities.1", ABSENT, ["capability-lost"]),
    ("capabilities", ABSENT, ["capability-lost", "capability-lost"]),
    ("capabilities.1.name", "expiry", ["capability-lost"]),
    ("capabilities.1.description", "They expire.", []),
    ("capabilities.0.security.auth_required", False, ["security-weaker"]),
    ("capabilities.0.security.auth_required", True, []),
    ("capabilities.0.security.signature_required", ABSENT, ["security-weaker"]),
    ("capabilities.0.security.encryption", "none", ["security-weaker"]),
    ("capabilities.0.security.classification", ABSENT, ["security-weaker"]),
    ("capabilities.0.security.scopes", ["read"], ["security-weaker"]),
    ("capabilities.0.security.scopes", ["write", "read"], []),
    ("capabilities.0.security.scopes", ["read", "write", "admin"], []),
    ("capabilities.0.security.audience", ["shop", "guests"], ["security-weaker"]),
    ("capabilities.0.security.audience", [], ["security-weaker"]),
    ("capabilities.0.security", ABSENT, ["security-weaker"] * 5),
    ("capabilities.0.security.notes", "None.", []),
    ("requires.adapter:queue", ">=1", ["requirement-loosened"]),
    ("requires.adapter:queue", "", ["requirement-loosened"]),
    ("requires.adapter:queue", ">=1.5,<3", []),
    ("requires", ABSENT, ["requirement-loosened"]),
    ("requires", {"adapter:queue": ">=1,<3", "adapter:secrets": ""}, []),
    ("requires_dist", ["redis>=4"], ["requirement-loosened"]),
    ("requires_dist", ["Redis >=5,<9"], []),
    ("requires_dist", ["redis>=5; python_version < '3.12'"], ["requirement-loosened"]),
    ("requires_dist", ABSENT, ["requirement-loosened"]),
    ("requires_dist", ["redis>=5", "hiredis"], ["new-dependency"]),
    ("conflicts_with", ["adapter:legacy", "aioredis"], []),
    ("conflicts_with", ABSENT, ["conflict-dropped"]),
    ("python_version", ">=3.10", ["platform-widened"]),
    ("python_version", ">=3.12", []),
    ("python_version", ABSENT, ["platform-widened"]),
    ("os_platform", ["linux", "darwin"], ["platform-widened"]),
    ("os_platform", ABSENT, ["platform-widened"]),
    ("os_platform", [], ["platform-widened"]),
    ("requires_secrets", ["password", "token"], ["secret-required"]),
    ("requires_secrets", ABSENT, []),
    ("enabled_by", ABSENT, ["gate-dropped"]),
    ("enabled_by", "other", ["gate-dropped"]),
    ("stability", "beta", ["less-stable"]),
    ("stability", ABSENT, []),
    ("side_effect_free", True, ["repeatable"]),
    ("side_effect_free", ABSENT, []),
    ("timeouts.call", 0, ["limit-dropped"]),
    ("timeouts.call", 9, []),
    ("timeouts", {"build": 0}, []),
    ("owner", "Somebody", ["owner-changed"]),
    ("owner", ABSENT, ["owner-changed"]),
    ("license", "GPL-3.0-only", ["license-changed"]),
    ("summary", "A cache.", []),
    ("metadata", {"factory": "os:system"}, []),
    ("x-team", "Platform", []),
]
ADDED: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    ({"artifact": ARTIFACT}, []),
    ({"artifact": ARTIFACT | {"uri": "https://evil.example.org/a.whl"}}, ["new-host"]),
    (
        {"artifact": ARTIFACT | {"uri": "http://cdn.example.com/a.whl"}},
        ["source-unencrypted"],
    ),
    ({"requires_secrets": ["password"]}, []),
    ({"requires_secrets": ["token"]}, ["secret-required"]),
    ({"key": "cache", "priority": 10}, []),
    ({"key": "cache", "priority": 11}, ["priority-overtakes"]),
    ({"key": "cache", "priority": 10, "stack_level": 1}, ["priority-overtakes"]),
]


class TestRisks:
    @pytest.mark.parametrize(
        ("path", "value", "wanted"), CASES, ids=lambda v: "absent" if v is ABSENT else str(v)[:40]
    )
    def test_one_change_is_these_risks(self, path: str, value: Any, wanted: list[str]) -> None:
        """
        One value that changes is the risks that it is, and no other.
        """
        old = release(CACHE, QUEUE)
        new = release(changed(CACHE, path, value), QUEUE, version=8)

        found = diff(old, new)

        assert wanted == codes(found)
        assert [change.target for change in found.entries] == ["adapter:cache"]

    @pytest.mark.parametrize(("facts", "wanted"), ADDED, ids=str)
    def test_new_entries_are_looked_at(self, facts: dict[str, Any], wanted: list[str]) -> None:
        """
        A new entry is a risk where its host or its secret is new, or where it takes over.
        """
        new: dict[str, Any] = {
            "domain": "adapter",
            "key": "lock",
            "provider": "disk",
            "version": "1",
            "factory": "shop:Lock",
        }

        found = diff(release(CACHE, QUEUE), release(CACHE, QUEUE, new | facts, version=8))

        assert wanted == codes(found)

    def test_every_kind_has_a_case(self) -> None:
        """
        No code stands in the table that nothing here, or in the tests of a workspace, reaches.
        """
        seen = {code for *_, wanted in (*CASES, *ADDED) for code in wanted}
        of_release = {"release-downgrade", "release-line"}
        of_components = {"component-removed", "requirement-unmet"}
        of_workspaces = {
            "priority-over-selection",
            "winner-by-manifest",
            "component-lost",
            "capability-needed",
        }

        assert {kind.code for kind in RISKS} == seen | of_release | of_components | of_workspaces

    def test_lower_and_equal_versions_of_a_release(self) -> None:
        """
        Clients refuse a release that goes back, and one version with two contents.
        """
        lower = diff(release(CACHE, version=8), release(CACHE, version=7))
        equal = diff(release(CACHE), release(CACHE | {"summary": "x"}))

        turned = diff(release(CACHE, QUEUE), release(QUEUE, CACHE))

        assert codes(lower) == codes(equal) == codes(turned) == ["release-downgrade"]
        assert "goes back to 7" in lower.risks[0].message
        assert "two contents" in equal.risks[0].message
        assert "two contents" in turned.risks[0].message

    @pytest.mark.parametrize("name", ["project", "channel"])
    def test_another_line_of_releases(self, name: str) -> None:
        """
        Versions of two lines are not compared; that they are two is told.
        """
        found = diff(release(CACHE, version=8), release(CACHE, version=7, **{name: "other"}))

        assert codes(found) == ["release-line"]

    def test_component_that_others_require(self) -> None:
        """
        An entry whose requirement left the manifest is told, beside what left.
        """
        found = diff(release(CACHE, QUEUE), release(CACHE, version=8))

        assert codes(found) == ["requirement-unmet", "component-removed"]
        assert found.risks[0].new_at == ("entries", 0, "requires", "adapter:queue")
        assert found.risks[1].old_at == ("entries", 1)

    def test_another_provider_is_left(self) -> None:
        """
        A component with a provider left is not gone.
        """
        other = QUEUE | {"provider": "disk"}

        assert not codes(diff(release(QUEUE, other), release(other, version=8)))

    def test_moved_component_is_gone_from_its_place(self) -> None:
        """
        Whoever asks for the old key finds nothing, and is told the new one.
        """
        found = diff(release(QUEUE), release(QUEUE | {"key": "jobs"}, version=8))

        assert codes(found) == ["component-removed"]
        assert found.risks[0].target == "adapter:queue"
        assert "it is adapter:jobs now" in found.risks[0].message

    def test_moved_entry_is_new_where_it_comes_to(self) -> None:
        """
        One that outranks those of another component takes it over, though its number stays.
        """
        high = QUEUE | {"key": "scratch", "provider": "disk", "priority": 900}
        other = high | {"key": "queue"}

        found = diff(release(QUEUE, high), release(QUEUE, other, version=8))
        renamed = diff(release(QUEUE, other), release(QUEUE, other | {"provider": "d"}, version=8))

        assert codes(found) == ["priority-overtakes", "component-removed"]
        assert found.risks[0].message == (
            "it comes from adapter:scratch, and with priority 900 it ranks above list 1.0"
        )
        assert not codes(renamed)

    def test_capability_that_stands_twice(self) -> None:
        """
        A second one of a name that asks for less is told, and so is what all of them lack; one
        that asks for what the former one did is not.
        """
        strong = {"name": "kv", "security": {"signature_required": True, "scopes": ["read"]}}
        weak = {"name": "kv", "security": {"scopes": ["read"]}}

        def told(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[str]:
            sides = [CACHE | {"capabilities": some} for some in (old, new)]
            found = diff(release(sides[0]), release(sides[1], version=8))
            return [risk.message for risk in found.risks]

        assert told([strong], [strong, weak]) == ["`kv` has signature_required no more"]
        assert told([strong, weak], [weak, weak]) == []
        assert (
            told([strong, weak], [{"name": "kv"}] * 2)
            == [
                "`kv` has signature_required no more",
                "`kv` asks for the scope read no more",
            ]
            * 2
        )
        assert told([strong, strong], [{"name": "ttl"}]) == ["it has no `kv` any longer"]

    def test_raise_above_another_provider(self) -> None:
        """
        Passing another provider is graver than being raised.
        """
        slow = QUEUE | {"provider": "disk", "priority": 5}
        lifted = QUEUE | {"priority": 6}

        found = diff(release(QUEUE, slow), release(lifted, slow, version=8))

        assert codes(found) == ["priority-overtakes"]
        assert "it ranks above disk 1.0" in found.risks[0].message

    @given(members=members, raised=members)
    def test_who_is_passed_is_as_it_was_told_of_each(
        self, members: list[Ranked], raised: list[Ranked]
    ) -> None:
        """
        Of many entries of one component each passes those that stood at or above it, and stand
        below it now.
        """
        old, new = ranked(members), ranked(raised)
        passing = Passing(old, new)
        for was in (None, *old):
            for now in new:
                if was is not None and was["priority"] >= now["priority"]:
                    continue
                above = {
                    e["provider"]: e["priority"]
                    for e in old
                    if was is None or e["priority"] >= was["priority"]
                }
                passed = [
                    e
                    for e in new
                    if e["provider"] != now["provider"]
                    and e["priority"] < now["priority"] > above.get(e["provider"], 99)
                ]
                rank = None if was is None else (was["priority"], 0)
                found = passing.passed(rank, (now["priority"], 0), now["provider"])
                assert found == (passed[0] if passed else None, len(passed))

    def test_a_number_that_is_said_now_is_no_raise(self) -> None:
        """
        A priority of 0 is what holds where nobody says one.
        """
        said = QUEUE | {"priority": 0, "stack_level": 0}

        assert not codes(diff(release(QUEUE), release(said, version=8)))
        assert not codes(diff(release(said), release(QUEUE, version=8)))

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ({}, {"priority": 5}, "its priority went from 0 to 5"),
            (
                {"priority": 5},
                {"priority": 5, "stack_level": 5},
                "its stack level went from 0 to 5",
            ),
            ({"priority": 5}, {"priority": 6, "stack_level": -1}, "its priority went from 5 to 6"),
        ],
    )
    def test_what_was_raised_is_told(
        self, old: dict[str, int], new: dict[str, int], said: str
    ) -> None:
        """
        The number that decides, as it was and as it is.
        """
        found = diff(release(QUEUE | old), release(QUEUE | new, version=8))

        assert [risk.message for risk in found.risks] == [said]

    def test_more_than_one_is_passed(self) -> None:
        """
        All that were passed are counted.
        """
        slow = [QUEUE | {"provider": name, "priority": 5} for name in ("disk", "tape")]

        found = diff(release(QUEUE, *slow), release(QUEUE | {"priority": 6}, *slow, version=8))

        assert "above disk 1.0 and 1 more" in found.risks[0].message

    def test_first_manifest_of_a_line_names_no_new_host(self) -> None:
        """
        Where there was no entry before, every host would be new.
        """
        assert not codes(diff(release(), release(CACHE | {"requires_secrets": []}, version=8)))

    def test_gravest_first(self) -> None:
        """
        Risks stand in the order of the table.
        """
        new = changed(changed(CACHE, "owner", "Somebody"), "artifact.sha256", "cd" * 32)

        found = diff(release(CACHE, QUEUE), release(new, QUEUE, version=8))

        assert codes(found) == ["artifact-without-step", "owner-changed"]

    def test_grave_kinds_stand_first(self) -> None:
        """
        The table is the order of display, so what is grave comes before what is not.
        """
        tones = [kind.tone for kind in RISKS]

        assert tones == sorted(tones)
        assert len({kind.code for kind in RISKS}) == len(RISKS)
