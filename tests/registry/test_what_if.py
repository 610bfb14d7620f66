"""Who would win if a few facts were others."""

from __future__ import annotations

from typing import Any

import pytest

from oneiric_lab.errors import NoCandidateError, UsageError
from oneiric_lab.registry import Candidate, Registry, Rules
from oneiric_lab.registry._what_if import labels


def candidate(domain: str, key: str, provider: str, factory: Any = "", **facts: Any) -> Candidate:
    """Return a candidate, with its facts as people write them."""
    return Candidate(domain, key, provider, factory, **facts)


def registry(**rules: Any) -> Registry:
    """Return a registry in which redis wins by its priority."""
    made = Registry(rules=Rules(**rules))
    made.add(
        candidate("adapter", "cache", "redis", priority=10, capabilities="kv"),
        candidate("adapter", "cache", "memory", "json:loads", capabilities={"kv", "ttl"}),
        candidate("adapter", "cache", "dynamo", priority=99, enabled_by="cloud"),
        candidate("service", "shop", "own", requires="adapter:cache"),
    )
    return made


class TestLabels:
    def test_the_shortest_name_that_is_its_own(self) -> None:
        """
        The version is named where it must be, the source where even that is not enough.
        """
        facts = [("a", "1", "x"), ("b", "1", "x"), ("b", "2", "x"), ("b", "2", "y")]
        found = labels([candidate("task", "t", p, version=v, source_name=s) for p, v, s in facts])

        assert list(found) == ["a", "b 1", "b 2 (x)", "b 2 (y)"]


class TestWhatIf:
    @pytest.mark.parametrize(
        ("facts", "winner", "decided"),
        [
            ({}, "redis", "priority (10 > 0)"),
            ({"select": "memory"}, "memory", "selection"),
            ({"priority": {"memory": 11}}, "memory", "priority (11 > 10)"),
            ({"flags": {"cloud": True}}, "dynamo", "priority (99 > 10)"),
            ({"need": "ttl"}, "memory", "only candidate"),
            ({"need_any": ["ttl"]}, "memory", "only candidate"),
            ({"prefer": ["ttl"]}, "memory", "preferred capabilities (1 > 0)"),
        ],
    )
    def test_who_would_win(self, facts: dict[str, Any], winner: str, decided: str) -> None:
        """
        Each fact changes the answer as it would change the winner, and nothing is changed.
        """
        made = registry()
        before = made.current
        found = made.what_if("adapter", "cache", **facts)

        assert (found.winner.provider if found.winner else None, found.decided_by) == (
            winner,
            decided,
        )
        assert made.current is before

    def test_a_selection_can_be_taken_away(self) -> None:
        """
        None is no selection; left out, it stays.
        """
        made = registry(selections={"adapter": {"cache": "memory"}})

        assert made.what_if("adapter", "cache").decided_by == "selection"
        assert made.what_if("adapter", "cache", select=None).decided_by == "priority (10 > 0)"

    def test_a_provider_of_several_versions(self) -> None:
        """
        The provider names all of them, provider and version one.
        """
        made = registry()
        made.add(candidate("adapter", "cache", "redis", version="2", priority=3))
        both = made.what_if("adapter", "cache", priority={"redis": -1})
        one = made.what_if("adapter", "cache", priority={"redis 2": 50})

        assert both.decided_by == "priority (0 > -1)"
        assert str(one.winner) == "redis 2"

    def test_nobody_would(self) -> None:
        """
        A selection of whom there is not leaves it without a winner, with the reason.
        """
        found = registry().what_if("adapter", "cache", select="redsi")

        assert found.winner is None
        assert found.problem is not None
        assert "unknown provider" in found.problem.message

    def test_misuse(self) -> None:
        """
        Unknown components and candidates are told with the nearest name, wrong numbers too.
        """
        made = registry()
        with pytest.raises(NoCandidateError, match="did you mean `adapter:cache`"):
            made.what_if("adapter", "cachs")
        with pytest.raises(NoCandidateError, match="did you mean `redis`"):
            made.what_if("adapter", "cache", priority={"redsi": 1})
        for wrong in (1001, True, "9"):
            with pytest.raises(UsageError, match="expected a priority from -1000 to 1000"):
                made.what_if("adapter", "cache", priority={"redis": wrong})  # type: ignore[dict-item]  # wrong on purpose
