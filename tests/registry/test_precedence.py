"""Who wins, rule by rule, and what is said of those who do not."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.errors import (
    AmbiguousError,
    NoCandidateError,
    Origin,
    RequirementError,
    SelectionError,
)
from oneiric_lab.registry import Candidate, Choice, Refusal, Registry, Rules

if TYPE_CHECKING:
    import random

HERE = Origin("project", "oneiric.toml", 12, 9)
THERE = Origin("project", "oneiric.toml", 14, 11)


def cache(provider: str, **facts: Any) -> Candidate:
    """Return a candidate for adapter:cache."""
    return Candidate("adapter", "cache", provider, dict, **facts)


def registry(*candidates: Candidate, **rules: Any) -> Registry:
    """Return a registry with these candidates under these rules."""
    made = Registry(rules=Rules(**rules))
    made.add(*candidates)
    return made


def refused(candidate: Candidate, need: Any = None, **rules: Any) -> list[tuple[str, str]]:
    """Return codes and reasons against the only candidate."""
    found = registry(candidate, **rules).explain("adapter", "cache", need)
    return [(r.code, r.reason) for out in found.rejected for r in out.refusals]


class TestOrder:
    @pytest.mark.parametrize(
        ("stronger", "weaker", "rules", "wish", "decided"),
        [
            ({}, {"priority": 9}, {"selections": {"adapter": {"cache": "a"}}}, {}, "selection"),
            (
                {"capabilities": "kv"},
                {"priority": 9},
                {},
                {"prefer": "kv"},
                "preferred capabilities (1 > 0)",
            ),
            (
                {"capabilities": {"kv", "ttl"}},
                {"capabilities": "kv", "priority": 9},
                {},
                {"need_any": ["kv", "ttl"]},
                "preferred capabilities (2 > 1)",
            ),
            ({"priority": 1}, {"stack_level": 9}, {}, {}, "priority (1 > 0)"),
            (
                {"source_name": "late"},
                {"source_name": "early"},
                {"stack_order": ("early", "late")},
                {},
                "priority (20 > 10)",
            ),
            ({}, {"priority": 4}, {"default_priority": 5}, {}, "priority (5 > 4)"),
            ({"stack_level": 1}, {"source": "manual"}, {}, {}, "stack level (1 > 0)"),
            (
                {"source": "package"},
                {"source": "plugin", "version": "9"},
                {},
                {},
                "source (package over plugin)",
            ),
            ({"version": "1.10"}, {"version": "1.9"}, {}, {}, "version (1.10 > 1.9)"),
        ],
    )
    def test_each_rule_in_turn(
        self,
        stronger: dict[str, Any],
        weaker: dict[str, Any],
        rules: dict[str, Any],
        wish: dict[str, Any],
        decided: str,
    ) -> None:
        """An earlier rule beats all later ones, and is named with its values."""
        defaults = {"source": "plugin"}
        made = registry(
            cache("a", **{**defaults, **stronger}), cache("b", **{**defaults, **weaker}), **rules
        )
        found = made.explain("adapter", "cache", **wish)
        assert found.winner is not None
        assert (found.winner.provider, found.decided_by) == ("a", decided)
        assert not found.ambiguous
        assert made.resolve("adapter", "cache", **wish) is found.winner

    @pytest.mark.parametrize(
        ("one", "two", "decided"),
        [
            (cache("a"), cache("b"), "name (a before b)"),
            (cache("a", source_name="x"), cache("a", source_name="y"), "source name (x before y)"),
            (
                cache("a", version="1.0"),
                cache("a", version="1.0.0"),
                "spelling of the version (1.0 before 1.0.0)",
            ),
        ],
    )
    def test_only_names(self, one: Candidate, two: Candidate, decided: str) -> None:
        """Where only names decide, it is said; strict rules make it an error."""
        found = registry(two, one).explain("adapter", "cache")
        assert found.ambiguous
        assert found.winner is one
        assert found.decided_by == decided
        assert "ambiguous: only names decided" in str(found)
        with pytest.raises(AmbiguousError):
            registry(one, two, strict=True).resolve("adapter", "cache")

    def test_one_alone(self) -> None:
        """A lone candidate wins without a contest."""
        assert registry(cache("a")).explain("adapter", "cache").decided_by == "only candidate"


class TestRefusals:
    def test_their_order(self) -> None:
        """All reasons are kept, in the fixed order."""
        one = cache(
            "a",
            version="3",
            enabled_by="beta",
            stability="experimental",
            python_version=">=4",
            os_platform="plan9",
            requires_dist=["boto3>=2"],
            conflicts_with=["pytest", "adapter:queue"],
            refusals=(Refusal("trust", "is not signed"),),
        )
        found = refused(
            one,
            "tx",
            quarantined={one.identity: "ImportError"},
            installed={"boto3": "1.0", "pytest": "9"}.get,
            constraints={"adapter": {"cache": "<3"}},
            python="3.11.1",
            platform="linux",
        )
        assert found == [
            ("quarantined", "is quarantined: ImportError"),
            ("trust", "is not signed"),
            ("disabled", "is disabled: the flag `beta` is off"),
            ("experimental", "is experimental and not selected"),
            ("marker", "needs Python >=4, this is 3.11.1"),
            ("marker", "runs on plan9, this is linux"),
            ("distribution", "needs boto3>=2, installed is 1.0"),
            ("conflict", "conflicts with the installed pytest 9"),
            ("version", "is outside `<3`"),
            ("capability", "lacks `tx`"),
        ]

    @pytest.mark.parametrize(
        ("facts", "rules"),
        [
            ({"enabled_by": "beta"}, {"flags": {"beta": True}}),
            (
                {"stability": "experimental"},
                {"selections": {"adapter": {"cache": "a"}}},
            ),
            ({"python_version": ">=3.11"}, {"python": "3.12.0rc1"}),
            ({"os_platform": ["linux", "darwin"]}, {"platform": "darwin"}),
            ({"requires_dist": "boto3; python_version < '3'"}, {"installed": {}.get}),
            ({"conflicts_with": "boto3<2"}, {"installed": {"boto3": "2"}.get}),
            ({"conflicts_with": "boto3; python_version < '3'"}, {"installed": {"boto3": "1"}.get}),
            ({"requires_dist": "pytest>=8"}, {}),
            ({"version": "2.0rc1"}, {"constraints": {"adapter": {"cache": ">=1"}}}),
        ],
    )
    def test_what_is_fulfilled(self, facts: dict[str, Any], rules: dict[str, Any]) -> None:
        """A condition that holds refuses nobody."""
        assert refused(cache("a", **facts), **rules) == []

    def test_a_distribution_that_is_missing(self) -> None:
        """The environment's own metadata are asked by default."""
        ((code, reason),) = refused(cache("a", requires_dist="a-distribution-of-nobody"))
        assert code == "distribution"
        assert "which is not installed" in reason

    def test_needs(self) -> None:
        """One of several needs is enough for need_any; all are for need."""
        one = cache("a", capabilities={"kv"})
        assert refused(one, {"kv"}) == []
        found = registry(one).explain("adapter", "cache", need_any={"tx", "ttl"})
        assert found.rejected[0].refusals[0].code == "capability"
        assert found.exit_code == 1


class TestSelection:
    def test_unknown(self) -> None:
        """A selection that nobody answers is an error at its place, with the nearest name."""
        made = registry(
            cache("memory"),
            cache("redis"),
            selections={"adapter": {"cache": Choice("redsi", HERE)}},
        )
        with pytest.raises(SelectionError) as caught:
            made.resolve("adapter", "cache")
        assert str(caught.value) == (
            "error: selection for adapter:cache names unknown provider `redsi`\n"
            "  --> oneiric.toml:12:9\n"
            "  help: did you mean `redis`? known: memory, redis"
        )

    def test_refused(self) -> None:
        """Another is never taken in place of the one that was asked for."""
        made = registry(
            cache("memory"),
            cache("redis", enabled_by="beta"),
            selections={"adapter": {"cache": Choice("redis", HERE)}},
        )
        with pytest.raises(SelectionError) as caught:
            made.resolve("adapter", "cache")
        assert "the flag `beta` is off" in str(caught.value)

    def test_of_nothing(self) -> None:
        """A selection for a component that nobody offers is a problem with the nearest."""
        made = registry(cache("a"), selections={"adapter": {"cahce": "a"}})
        (problem,) = made.current.problems()
        assert problem.code == "selection-unknown"
        assert "adapter:cache" in str(problem)


class TestNobody:
    def test_what_everybody_lacks(self) -> None:
        """The error names each candidate, what it lacks, and what would help."""
        made = registry(
            cache("redis", version="2.1.0", source="plugin", source_name="shop-redis"),
            cache("memory", version="3.0.0", capabilities={"ttl", "tx"}),
            cache("dynamo", version="1.2.0", capabilities={"ttl", "tx"}),
            cache("beta", version="1", capabilities={"ttl", "tx"}, enabled_by="b"),
            cache("wild", version="1", capabilities={"ttl", "tx"}, stability="experimental"),
            cache("two", version="9", stability="experimental"),
            constraints={"adapter": {"cache": Choice("<3", THERE)}},
            quarantined={("adapter", "cache", "dynamo", "1.2.0", ""): "ModuleNotFoundError: boto3"},
        )
        with pytest.raises(NoCandidateError) as caught:
            made.resolve("adapter", "cache", {"ttl", "tx"})
        text = str(caught.value)
        assert text.startswith("error: no candidate for adapter:cache with {ttl, tx}\n")
        assert "redis 2.1.0 lacks `ttl`" in text
        assert "(plugin shop-redis)" in text
        assert "memory 3.0.0 is outside `<3`" in text
        assert "(constraint, oneiric.toml:14:11)" in text
        assert "dynamo 1.2.0 is quarantined: ModuleNotFoundError: boto3" in text
        assert "install boto3" in text
        assert "relax `<3` (would select memory 3.0.0)" in text
        assert "set flags.b = true (would select beta 1)" in text
        assert "select wild to accept it as experimental" in text

    def test_nothing_was_declared(self) -> None:
        """An unknown component is told with the nearest."""
        with pytest.raises(NoCandidateError) as caught:
            registry(cache("a")).resolve("adapter", "cash")
        assert "did you mean `adapter:cache`" in str(caught.value)

    def test_a_constraint_without_place(self) -> None:
        """A constraint of a program has no line."""
        with pytest.raises(NoCandidateError) as caught:
            registry(cache("a", version="2"), constraints={"adapter": {"cache": "<2"}}).resolve(
                "adapter", "cache"
            )
        assert "(constraint)" in str(caught.value)


def split(text: str) -> tuple[str, str]:
    """Return component and versions of `service:b>=2`."""
    name, mark, wanted = text.partition(">")
    return name, mark + wanted


def needs(key: str, *requires: str, provider: str = "p", **facts: Any) -> Candidate:
    """Return a service that requires others."""
    return Candidate(
        "service", key, provider, dict, requires=dict(split(r) for r in requires), **facts
    )


class TestRequirements:
    def test_a_chain(self) -> None:
        """The error says what is missing at the end, and all that is lost with it."""
        made = registry(needs("a", "service:b"), needs("b", "service:c"), needs("c", "service:d"))
        with pytest.raises(RequirementError) as caught:
            made.resolve("service", "a")
        text = str(caught.value)
        assert "no candidate for service:d" in text
        for lost in ("service:c", "service:b", "service:a"):
            assert lost in text

    def test_many_are_lost(self) -> None:
        """A long chain names some and counts the rest."""
        keys = "abcdefgh"
        made = registry(*(needs(x, f"service:{y}") for x, y in itertools.pairwise(keys)))
        with pytest.raises(RequirementError) as caught:
            made.resolve("service", "a")
        assert "and 3 more" in str(caught.value)

    def test_a_version(self) -> None:
        """A winner of the wrong version is named with what is wanted."""
        made = registry(needs("a", "service:b>=2"), needs("b", version="1"))
        with pytest.raises(RequirementError) as caught:
            made.resolve("service", "a")
        assert "requires service:b>=2, found p 1" in str(caught.value)

    def test_a_cycle_is_drawn(self) -> None:
        """Whoever is asked, the circle starts there; who leads into it is told too."""
        made = registry(needs("a", "service:b"), needs("b", "service:a"), needs("c", "service:a"))
        with pytest.raises(RequirementError) as caught:
            made.resolve("service", "b")
        assert "service:b -> service:a -> service:b" in str(caught.value)
        with pytest.raises(RequirementError) as caught:
            made.resolve("service", "c")
        assert "form a cycle" in str(caught.value)
        assert "service:c" in str(caught.value)
        with pytest.raises(RequirementError):
            registry(needs("a", "service:a")).resolve("service", "a")
        wish = registry(needs("a", "service:a", capabilities="kv"))
        assert wish.explain("service", "a", "kv").problem is not None

    def test_two_circles_that_meet(self) -> None:
        """Each member is told a circle that it is part of."""
        made = registry(
            needs("a", "service:b"),
            needs("b", "service:a", "service:c"),
            needs("c", "service:b", "service:a"),
        )
        for key in "abc":
            problem = made.explain("service", key).problem
            assert problem is not None
            assert problem.code == "requirement-cycle"
            assert f"service:{key}" in problem.message

    def test_it_heals(self) -> None:
        """When what was missing comes, all that waited for it is there again."""
        made = registry(needs("a", "service:b"), needs("b", "service:c"))
        assert made.current.winners() == {}
        made.add(needs("c"))
        assert set(made.current.winners()) == {"service:a", "service:b", "service:c"}
        assert made.explain("service", "a").problem is None
        made.withdraw(candidate=made.resolve("service", "c"))
        assert made.current.winners() == {}

    def test_conflicts(self) -> None:
        """Two winners that cannot stand beside each other are a problem of both names."""
        made = registry(needs("a", conflicts_with="service:b"), needs("b"))
        (problem,) = made.current.problems()
        assert problem.code == "conflict"
        assert registry(needs("a", conflicts_with="service:z")).current.problems() == []

    def test_a_component_that_nobody_can_provide(self) -> None:
        """It is no problem until it is asked for; a requirement that fails is one."""
        made = registry(cache("a", enabled_by="b"))
        assert made.current.problems() == []
        both = registry(cache("a", enabled_by="b"), cache("b", enabled_by="b"), strict=True)
        assert both.current.problems() == []
        (problem,) = registry(needs("a", "service:b")).current.problems()
        assert problem.code == "requirement-missing"


facts = st.fixed_dictionaries(
    {
        "provider": st.sampled_from("abc"),
        "version": st.sampled_from(["1", "1.0", "2"]),
        "priority": st.sampled_from([None, 0, 1]),
        "stack_level": st.sampled_from([None, 1]),
        "source": st.sampled_from(["manual", "package", "plugin", "manifest"]),
        "source_name": st.sampled_from(["x", "y"]),
        "capabilities": st.sets(st.sampled_from(["kv", "ttl"])),
        "enabled_by": st.sampled_from([None, "on", "off"]),
        "stability": st.sampled_from(["stable", "experimental"]),
    }
)


def distinct(rows: list[dict[str, Any]]) -> list[Candidate]:
    """Return the candidates of *rows*, one for each identity."""
    made = [cache(**row) for row in rows]
    return list({c.identity: c for c in made}.values())


class TestProperties:
    @given(st.lists(facts, max_size=8), st.randoms(use_true_random=False), st.booleans())
    def test_order_never_counts(
        self, rows: list[dict[str, Any]], shuffle: random.Random, kv: bool
    ) -> None:
        """Any order of additions gives the same explanation; its winner is resolve's."""
        candidates = distinct(rows)
        rules: dict[str, Any] = {"flags": {"on": True}}
        one = registry(*candidates, **rules)
        shuffle.shuffle(candidates)
        two = Registry(rules=Rules(**rules))
        for candidate in candidates:
            two.add(candidate)
        need = "kv" if kv else None
        a, b = (r.explain("adapter", "cache", need).as_dict() for r in (one, two))
        a.pop("generation"), b.pop("generation")
        assert a == b
        winner = one.explain("adapter", "cache", need).winner
        for _ in range(2):
            try:
                assert one.resolve("adapter", "cache", need) is winner
            except NoCandidateError:
                assert winner is None

    @given(st.lists(facts, min_size=1, max_size=8))
    def test_withdraw_and_add_back(self, rows: list[dict[str, Any]]) -> None:
        """Taking a source out and putting it back changes nothing."""
        candidates = distinct(rows)
        made = registry(*candidates)
        before = made.explain("adapter", "cache").as_dict()
        gone = [c for c in candidates if c.source_name == "x"]
        assert made.withdraw(source_name="x") == len(gone)
        made.add(*gone)
        after = made.explain("adapter", "cache").as_dict()
        assert {**after, "generation": 0} == {**before, "generation": 0}

    @given(st.lists(facts, min_size=1, max_size=6), st.sampled_from("abc"))
    def test_why_not_keeps_its_word(self, rows: list[dict[str, Any]], provider: str) -> None:
        """With the changes that it names, the provider wins."""
        made = registry(*distinct(rows), constraints={"adapter": {"cache": "<2"}})
        try:
            answer = made.why_not("adapter", "cache", provider)
        except NoCandidateError:
            return
        if answer.changes is None:
            assert answer.because
            return
        rules = made.current.rules
        flags, selections = (
            dict(rules.flags),
            {"adapter": dict(rules.selections.get("adapter", {}))},
        )
        constraints = {"adapter": dict(rules.constraints["adapter"])}
        for path, value in answer.changes.items():
            if path.startswith("flags."):
                flags[path.removeprefix("flags.")] = bool(value)
            elif ".selections." in path:
                selections["adapter"]["cache"] = Choice(str(value))
            else:
                constraints["adapter"]["cache"] = Choice(str(value))
        after = made.preview(
            rules=Rules(flags=flags, selections=selections, constraints=constraints)
        )
        assert after.resolve("adapter", "cache").provider == provider
