"""What a release would change in one workspace, without entering it."""

from __future__ import annotations

from typing import Any

from oneiric_lab.errors import Origin
from oneiric_lab.manifest import Manifest, ManifestDiff, diff, empty, held, read_candidates
from oneiric_lab.registry import Candidate, Choice, Registry, Rules

from .test_candidates import OK, manifest_with, registry_with
from .test_diff_risks import codes

ALLOWED = ("shop_redis",)


def workspace(*candidates: Candidate, select: str | None = None) -> Registry:
    """Return a registry with these candidates, and perhaps a selection for the cache."""
    choice = {"cache": Choice(select, Origin("project", "oneiric.toml", 3, 1))} if select else {}
    registry = Registry(
        rules=Rules(selections={"adapter": choice}, platform="linux", python="3.12.1")
    )
    registry.add(*candidates)
    return registry


def memory(**facts: Any) -> Candidate:
    """Return a candidate of the workspace's own."""
    return Candidate("adapter", "cache", "memory", "shop:Memory", "1.0", **facts)


def asked(old: dict[str, Any], new: dict[str, Any], registry: Registry) -> ManifestDiff:
    """Return the diff of two releases of one entry, as the workspace sees it."""
    a, b = manifest_with(old), manifest_with(new, version=2)
    return diff(a, b, registry=registry, allowed=ALLOWED)


class TestImpact:
    def test_winner_with_the_rules_that_decide(self) -> None:
        """
        Who provides a component before and after is told, each with the rule that decides.
        """
        found = asked({}, {"priority": 10}, workspace(memory()))

        assert found.impact is not None
        (winner,) = found.impact.winners
        assert (str(winner.old), str(winner.new)) == ("memory 1.0", "redis 2.1.0")
        assert winner.old_rule == "source (manual over manifest)"
        assert winner.new_rule == "priority (10 > 0)"
        assert codes(found) == ["winner-by-manifest", "priority-raised"]
        assert found.risks[0].new_at == ("entries", 0)

    def test_a_manifest_that_is_kept_as_bytes_is_compared_as_any(self) -> None:
        """
        Its entries are others each time; what they say, and where they stand, is not.
        """
        registry = workspace(memory())
        old, new = manifest_with({}), manifest_with({"key": "mail"}, {"priority": 10}, version=2)
        (one, _), (other, _) = (read_candidates(side.to_bytes()) for side in (old, new))
        assert isinstance(one, Manifest)
        assert isinstance(other, Manifest)

        found = diff(one, other, registry=registry, allowed=ALLOWED)

        assert str(found) == str(diff(old, new, registry=registry, allowed=ALLOWED))
        assert found.risks[0].new_at == ("entries", 1)

    def test_nothing_is_published(self) -> None:
        """
        Asking changes no registry.
        """
        registry = workspace(memory())
        before = registry.generation

        asked({}, {"priority": 10}, registry)

        assert registry.generation == before
        assert [str(c) for c in registry.current.candidates()] == ["memory 1.0"]

    def test_no_winner_changes(self) -> None:
        """
        A summary that changes is nobody else's business.
        """
        registry = workspace(memory())

        found = asked({}, {"factory": "shop_redis:Other"}, registry)

        assert found.impact is not None
        assert not found.impact.winners
        assert "goes on as before" in str(found)

    def test_other_content_of_the_same_winner(self) -> None:
        """
        A winner of the same name and version whose entry is another is told.
        """
        found = asked({}, {"factory": "shop_redis:Other"}, workspace())

        assert "redis 2.1.0, other content" in str(found)

    def test_component_lost(self) -> None:
        """
        A component that nothing would provide is told, with the reason.
        """
        found = asked({}, {"os_platform": ["win32"]}, workspace())

        assert "component-lost" in codes(found)
        assert "runs on win32" in str(found)

    def test_capability_that_a_handle_asks_for(self) -> None:
        """
        What somebody of this process asks for would be missed.
        """
        registry = workspace()
        handle = registry.handle("adapter", "cache", need="ttl")

        found = asked(
            {"capabilities": [{"name": "ttl"}, {"name": "kv"}]}, {"version": "3.0"}, registry
        )

        assert codes(found) == ["capability-needed", "capability-lost", "capability-lost"]
        assert "lacks `ttl`, which is asked for here" in found.risks[0].message
        assert handle.need == {"ttl"}

    def test_capability_of_a_component_that_others_require(self) -> None:
        """
        Whoever requires the component may need what it loses.
        """
        shop = Candidate("service", "shop", "own", "shop:Shop", requires={"adapter:cache": ""})

        found = asked({"capabilities": [{"name": "ttl"}]}, {"version": "3.0"}, workspace(shop))

        assert codes(found) == ["capability-needed", "capability-lost"]
        assert "own 0 requires adapter:cache" in found.risks[0].message

    def test_priority_over_the_selection(self) -> None:
        """
        An entry that nothing but the selection keeps out is told, with the selection's place.
        """
        registry = workspace(memory(priority=5), select="memory")

        found = asked({}, {"priority": 900}, registry)

        assert codes(found) == ["priority-over-selection", "priority-raised"]
        assert "would beat memory 1.0" in found.risks[0].message
        assert "oneiric.toml:3:1" in found.risks[0].message
        assert found.impact is not None
        assert not found.impact.winners

    def test_entry_that_moves_over_the_selection(self) -> None:
        """
        One that comes from another component is as new as one that was never there.
        """
        registry = workspace(memory(priority=5), select="memory")
        high = {"priority": 900}

        found = asked(high | {"key": "scratch"}, high, registry)

        assert "priority-over-selection" in codes(found)

    def test_selection_that_is_safe(self) -> None:
        """
        A lower priority, the selected one's own, and one that did not rise are no risk.
        """
        registry = workspace(memory(priority=5), select="memory")

        assert codes(asked({}, {"priority": 4}, registry)) == ["priority-raised"]
        assert not codes(asked({"priority": 900}, {"priority": 900}, registry))
        own = workspace(memory(), select="redis")
        assert codes(asked({}, {"priority": 900}, own)) == ["priority-raised"]

    def test_entries_that_may_not_win(self) -> None:
        """
        That no factory may run here is said before anybody wonders.
        """
        found = diff(manifest_with(), manifest_with({}, version=2), registry=workspace())

        assert found.impact is not None
        assert [(one.code, one.entries) for one in found.impact.refused] == [("factory", 1)]
        assert "1 of 1 entry may not win here: redis 2.1.0 names the factory" in str(found)

    def test_problems_that_come_and_go(self) -> None:
        """
        A selection that a release would break is a problem; one that it repairs is solved.
        """
        registry = workspace(select="redis")
        a, b = manifest_with(OK), manifest_with(version=2)

        broken = diff(a, b, registry=registry, allowed=ALLOWED)
        solved = diff(b, a, registry=registry, allowed=ALLOWED)

        assert broken.impact is not None
        assert [fault.code for fault in broken.impact.problems] == ["selection-unknown"]
        assert solved.impact is not None
        assert [fault.code for fault in solved.impact.solved] == ["selection-unknown"]
        assert "solved: selection for adapter:cache" in str(solved)

    def test_only_of_one_domain(self) -> None:
        """
        Winners of other domains are left out, too.
        """
        found = asked({}, {"priority": 10}, workspace(memory()))

        rest = found.only(domain="task").impact
        assert rest is not None
        assert not rest.winners


class TestHeld:
    def test_what_a_workspace_has_of_the_line(self) -> None:
        """
        Entries that entered before are those that a newer release is held against.
        """
        old = manifest_with({"priority": 1})
        registry = registry_with(old)
        new = manifest_with({"priority": 2}, version=2)

        have = held(registry, new)

        assert have.entries == old.entries
        assert codes(diff(have, new)) == ["priority-raised"]
        assert held(registry, manifest_with(channel="beta")).entries == ()
        assert empty(new).entries == ()

    def test_many_problems_are_counted(self) -> None:
        """
        A release that breaks much tells a few of it, and how many more there are.
        """
        keys = [f"k{n}" for n in range(8)]
        registry = Registry(rules=Rules(selections={"adapter": dict.fromkeys(keys, "redis")}))  # type: ignore[arg-type]  # a text is a choice, too
        full = manifest_with(*({"key": key} for key in keys))
        none = manifest_with(version=2)

        broken = diff(full, none, registry=registry, allowed=ALLOWED)
        solved = diff(none, full, registry=registry, allowed=ALLOWED)

        assert "3 more problems" in str(broken)
        assert "3 more are solved" in str(solved)
        assert broken.impact is not None
        assert len(broken.impact.as_dict()["problems"]) == 8  # type: ignore[arg-type]  # a list
