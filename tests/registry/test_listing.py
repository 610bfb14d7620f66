"""Listings: what of them is asked for, and in which order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oneiric_lab.errors import UsageError
from oneiric_lab.registry import Candidate, Choice, Listing, Registry, Rules


def candidate(domain: str, key: str, provider: str, factory: Any = "", **facts: Any) -> Candidate:
    """Return a candidate, with its facts as people write them."""
    return Candidate(domain, key, provider, factory, **facts)


def listing(**rules: Any) -> Listing:
    """Return candidates of two components."""
    registry = Registry(rules=Rules(**rules))
    registry.add(
        candidate("adapter", "cache", "redis", dict, version="1.10", priority=10, source="plugin"),
        candidate("adapter", "cache", "memory", "no_such:x", version="1.9", capabilities="kv"),
        candidate("adapter", "cache", "dynamo", "json:loads", priority=99, enabled_by="cloud"),
        candidate("service", "mail", "smtp", capabilities={"kv", "ttl"}, priority=10),
    )
    return registry.current.listing()


def providers(found: Listing) -> list[object]:
    """Return who is left, in their order."""
    return [row["provider"] for row in found.rows]


class TestListing:
    def test_a_row_for_each_candidate(self) -> None:
        """
        Winners stand first within each component, who is out last, with the reason.
        """
        found = listing()

        assert len(found) == 4
        assert [(r["provider"], r["state"], r["rank"], r["code"]) for r in found.rows] == [
            ("redis", "active", 1, "loaded"),
            ("memory", "shadowed", 2, "unprobed"),
            ("dynamo", "rejected", None, "loaded"),
            ("smtp", "active", 1, ""),
        ]
        assert found.rows[2]["reason"] == "is disabled: the flag `cloud` is off"

    def test_who_is_first_and_does_not_win(self) -> None:
        """
        The first one of a component without a winner says why.
        """
        found = listing(selections={"adapter": {"cache": "redsi"}})

        assert found.rows[0]["state"] == "shadowed"
        assert "names unknown provider `redsi`" in str(found.rows[0]["reason"])

    def test_of_one_domain(self) -> None:
        """
        Other domains are left out.
        """
        registry = Registry()
        registry.add(candidate("adapter", "a", "x"), candidate("task", "b", "y"))

        assert providers(registry.current.listing("task")) == ["y"]
        stands = registry.current.stands("adapter", ["a", "nobody"])
        assert [stand.target for stand in stands] == ["adapter:a"]

    def test_the_first_ones(self) -> None:
        """
        What a view leaves out is counted.
        """
        table: Any = listing().view(1).blocks[0]

        assert (len(table.rows), table.more) == (1, 3)
        assert providers(listing().first(2)) == ["redis", "memory"]

    @settings(max_examples=50)
    @given(most=st.integers(0, 30), domain=st.sampled_from([None, "adapter", "task", "event"]))
    def test_a_beginning(self, most: int, domain: str | None) -> None:
        """
        Listing the first ones only gives the same rows, and says of how many.
        """
        registry = Registry(rules=Rules(selections={"task": {"t1": Choice("nobody")}}))
        registry.add(
            *(
                candidate("task", f"t{n % 5}", f"p{n}", enabled_by="no" if n % 4 else None)
                for n in range(12)
            ),
            *(candidate("adapter", f"a{n % 3}", f"p{n}") for n in range(8)),
        )
        whole = registry.current.listing(domain)
        begun = registry.current.listing(domain, most)

        assert begun.rows == whole.rows[:most]
        assert begun.view().title == whole.view().title
        assert begun.view(2) == whole.view(2) or most < 2
        assert begun.of == (
            None if len(whole) <= most else (len(set(whole.columns["component"])), len(whole))
        )
        assert begun.where(state="active", sort="-rank").of is None


class TestWhere:
    @pytest.mark.parametrize(
        ("text", "asked", "left"),
        [
            ("", {}, ["redis", "memory", "dynamo", "smtp"]),
            ("CACHE reD", {}, ["redis"]),
            ("flag", {}, ["dynamo"]),
            ("10", {}, ["redis"]),
            ("", {"state": "active"}, ["redis", "smtp"]),
            (
                "",
                {"state": ["active", "rejected"], "priority": (10, 99)},
                ["redis", "dynamo", "smtp"],
            ),
            ("", {"rank": (1, 9)}, ["redis", "memory", "smtp"]),
            ("", {"rank": None}, ["dynamo"]),
            ("", {"capabilities": "kv"}, ["memory", "smtp"]),
            ("", {"capabilities": ["ttl", "tls"]}, ["smtp"]),
            ("", {"priority": {0}}, ["memory"]),
            ("", {"sort": "-priority"}, ["dynamo", "redis", "smtp", "memory"]),
            ("", {"sort": "version", "component": "adapter:cache"}, ["dynamo", "memory", "redis"]),
            ("", {"sort": "rank"}, ["dynamo", "redis", "smtp", "memory"]),
        ],
    )
    def test_what_is_left(self, text: str, asked: dict[str, Any], left: list[str]) -> None:
        """
        Each word and each column narrows; what is equal keeps its order.
        """
        assert providers(listing().where(text, **asked)) == left

    @pytest.mark.parametrize("asked", [{"stat": "x"}, {"sort": "-stat"}])
    def test_an_unknown_column(self, asked: dict[str, str]) -> None:
        """
        The nearest one is told.
        """
        with pytest.raises(UsageError, match="did you mean `state`"):
            listing().where(**asked)
