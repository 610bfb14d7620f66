"""What a candidate may be: facts, factories, decorators, descriptors."""

from __future__ import annotations

import sys
import types
from copy import copy
from dataclasses import fields, replace
from enum import StrEnum
from typing import Any

import pytest

from oneiric_lab.errors import (
    FactoryRefusedError,
    InvalidCandidateError,
    OneiricError,
    Origin,
    RegistryError,
    UsageError,
)
from oneiric_lab.registry import (
    Candidate,
    Refusal,
    Registry,
    Sparse,
    collect,
    component,
    declared,
    load_factory,
    read_descriptor,
    refuse_factory,
)


class TestFacts:
    @pytest.mark.parametrize(
        ("facts", "said"),
        [
            ({"domain": "adaptr"}, "did you mean `adapter`"),
            ({"key": "ca che"}, "key 'ca che' is no name"),
            ({"key": "cáche"}, "is no name"),
            ({"provider": ""}, "provider '' is no name"),
            ({"priority": 1001}, "expected a priority from -1000 to 1000, found 1001"),
            ({"priority": True}, "found True"),
            ({"priority": "1"}, "found '1'"),
            ({"stack_level": -101}, "expected a stack level from -100 to 100"),
            ({"capabilities": {"a b"}}, "capability 'a b' is no name"),
            ({"capabilities": {1}}, "capability 1 is no name"),
            ({"source": "plugn"}, "did you mean `plugin`"),
            ({"stability": "new"}, "unknown stability"),
            ({"lifetime": "request"}, "unknown lifetime"),
            ({"factory": 3}, "expected a factory, found 3"),
            ({"factory": "module.attr"}, "is no `module:attr`"),
            ({"settings_model": 3}, "expected a settings model, found 3"),
            ({"health": "check"}, "health check 'check' is no `module:attr`"),
            ({"version": "one"}, "version 'one' is none of PEP 440"),
            ({"python_version": "3"}, "is no version specifier"),
            ({"requires": "cache"}, "which is no component"),
            ({"requires": {"adapter:x": "two"}}, "is no version specifier"),
            ({"requires_dist": "boto3 >"}, "is no requirement"),
            ({"conflicts_with": "???"}, "is no requirement"),
        ],
    )
    def test_malformed(self, facts: dict[str, Any], said: str) -> None:
        """Each malformed fact is told in words, with the candidate's name."""
        good: dict[str, Any] = {"domain": "adapter", "key": "cache", "provider": "p"}
        with pytest.raises(InvalidCandidateError) as caught:
            Candidate(**{**good, **facts})
        assert said in str(caught.value)

    def test_all_at_once(self) -> None:
        """Several faults are told together."""
        with pytest.raises(InvalidCandidateError) as caught:
            Candidate("x", "y z", "", version="v?", priority=5000)
        assert len(caught.value.faults) == 5

    def test_requirements_in_every_form(self) -> None:
        """A text, several, or a mapping with versions."""
        for given in ("adapter:x>=2", ["adapter:x>=2"], {"adapter:x": ">=2"}):
            assert Candidate("task", "t", "p", requires=given).requires == {"adapter:x": ">=2"}  # type: ignore[arg-type]
        assert Candidate("task", "t", "p", requires=None).requires == {}  # type: ignore[arg-type]


class TestFactories:
    @pytest.mark.parametrize("name", ["os:system", "subprocess:run", "importlib.util:find_spec"])
    def test_never(self, name: str) -> None:
        """Some modules are never a factory, whoever allows them; nothing is imported."""
        assert refuse_factory(name, ["os", "subprocess", "importlib"]) is not None
        with pytest.raises(FactoryRefusedError):
            load_factory(Candidate("task", "t", "p", name))

    def test_prefixes(self) -> None:
        """A prefix allows the module and what is below it, and no namesake."""
        assert refuse_factory("shop.cache:make", ["shop."]) is None
        assert refuse_factory("shop:make", ["shop"]) is None
        assert refuse_factory("shopping:make", ["shop"]) is not None
        assert refuse_factory("any:thing", None) is None

    def test_loading(self) -> None:
        """A callable is itself; a text is imported; what cannot be is told."""
        assert load_factory(Candidate("task", "t", "p", dict)) is dict
        loaded = load_factory(Candidate("task", "t", "p", "collections:OrderedDict"))
        assert loaded.__name__ == "OrderedDict"
        for name in ("nowhere_x:make", "collections:nothing"):
            with pytest.raises(RegistryError) as caught:
                load_factory(Candidate("task", "t", "p", name))
            assert "cannot import" in str(caught.value)
        with pytest.raises(RegistryError) as caught:
            load_factory(Candidate("task", "t", "p", "string:digits"))
        assert "not callable" in str(caught.value)


class TestDecorator:
    def test_it_declares(self) -> None:
        """The function stays as it is, and a module's declarations are collected."""

        @component("adapter:cache", version="1.0")
        def memory() -> dict[str, int]:
            return {}

        assert memory() == {}
        found = declared(memory)
        assert (found.provider, found.version, found.source) == ("memory", "1.0", "manual")
        assert found.origin is not None
        assert found.origin.file == "test_candidates.py"
        module = types.ModuleType("m")
        module.memory = memory  # type: ignore[attr-defined]
        module.other = 1  # type: ignore[attr-defined]
        assert collect(module) == [found]

    def test_what_takes_no_attributes(self) -> None:
        """A builtin cannot be decorated, and the message says what to do."""
        with pytest.raises(InvalidCandidateError) as caught:
            component("adapter:cache")(dict)
        assert "decorate a function" in str(caught.value)

    def test_no_component(self) -> None:
        """A target without a domain is refused."""
        with pytest.raises(UsageError):
            component("cache")(lambda: 1)


GOOD = """\
schema = 1
[plugin]
name = "caches"
version = "2.0"
summary = "two caches"
defaults = "defaults.toml"
[[candidates]]
domain = "adapter"
key = "cache"
provider = "near"
factory = "caches.near:make"
"""


def read(text: str, **options: Any) -> Any:
    """Read a descriptor of the package `caches`."""
    given: dict[str, Any] = {"shown": "p.toml", "source": "plugin", "package": "caches"}
    return read_descriptor(text.encode(), **{**given, **options})


class TestDescriptor:
    def test_a_good_one(self) -> None:
        """Facts, places and the plugin's own words; nothing of it is imported."""
        found = read(GOOD)
        assert (found.name, found.version, found.defaults) == ("caches", "2.0", "defaults.toml")
        (candidate,) = found.candidates
        assert str(candidate.origin) == "p.toml:7:1"
        assert (candidate.version, candidate.source_name) == ("2.0", "caches")
        assert candidate.target == "adapter:cache"
        assert "caches" not in sys.modules
        assert read(GOOD.replace('defaults = "defaults.toml"\n', "")).defaults is None

    def test_a_factory_of_others_is_refused(self) -> None:
        """A descriptor may name its own package's factories, and those that are allowed."""
        other = GOOD.replace("caches.near:make", "elsewhere:make")
        (candidate,) = read(other).candidates
        assert candidate.refusals[0].code == "factory"
        assert str(candidate.refusals[0].origin) == "p.toml:11:11"
        (candidate,) = read(other, allowed=["elsewhere"]).candidates
        assert candidate.refusals == ()

    @pytest.mark.parametrize(
        ("key", "what"), [("settings_model", "settings model"), ("health", "health check")]
    )
    def test_other_code_of_others_is_refused_too(self, key: str, what: str) -> None:
        """
        A settings model and a health check run code, so they stand under the same rule.
        """
        other = f'{GOOD}\n{key} = "elsewhere:thing"\n'
        (candidate,) = read(other).candidates
        (refusal,) = candidate.refusals
        assert refusal.reason == f"names the {what} elsewhere:thing, which is not allowed"
        assert refusal.origin is not None
        assert refusal.origin.line == len(other.splitlines())
        assert read(other, allowed=["elsewhere"]).candidates[0].refusals == ()

    @pytest.mark.parametrize(
        ("old", "new", "place", "said"),
        [
            ("schema = 1", "schema = 2", "p.toml:1:10", "expected schema = 1"),
            ("schema = 1", "", "p.toml:1:1", "expected schema = 1"),
            ("schema = 1", "schema = 1\nplugins = 2", "p.toml:2:1", "did you mean `plugin`"),
            ("[plugin]", "[plug]", "p.toml:2:2", "unknown key: plug"),
            ('name = "caches"', 'nam = "x"', "p.toml:3:1", "did you mean `name`"),
            ('factory = "', 'factry = "', "p.toml:11:1", "did you mean `factory`"),
            ('provider = "near"\n', "", "p.toml:7:1", "missing value: candidates[0].provider"),
            ('key = "cache"', 'key = "ca che"', "p.toml:7:1", "is no name"),
            ("key =", "capabilities = 3\nkey =", "p.toml:9:16", "expected a list of strings"),
            ("key =", "capabilities = [3]\nkey =", "p.toml:9:16", "expected a list of strings"),
            ("key =", "requires = 3\nkey =", "p.toml:9:12", "[0].requires"),
            ('"caches.near:make"', "3", "p.toml:7:1", "expected a factory, found 3"),
            ("key =", "python_version = 3\nkey =", "p.toml:7:1", "python_version"),
            ("key =", "requires_secrets = 3\nkey =", "p.toml:7:1", "of the wrong kind"),
            ("key =", 'version = "x"\nkey =', "p.toml:7:1", "none of PEP 440"),
            ("key =", "version = 3\nkey =", "p.toml:7:1", "none of PEP 440"),
            ("[[candidates]]", "[candidates]", "p.toml:7:1", "expected an array of tables"),
            ("[plugin]", "[[plugin]]", "p.toml:2:3", "expected a table: plugin"),
            ("schema = 1", "schema = ", "p.toml:1:10", "not TOML"),
        ],
    )
    def test_one_defect_each(self, old: str, new: str, place: str, said: str) -> None:
        """Every defect is told in words, at its line and column."""
        with pytest.raises(OneiricError) as caught:
            read(GOOD.replace(old, new, 1))
        text = str(caught.value)
        assert said in text
        assert place in text


def test_names_are_one_text_each() -> None:
    """
    Candidates that share a name share its text: a large registry walks through less memory.
    """
    one, two = (Candidate("adapter", str(b"cache", "ascii"), str(b"p1", "ascii")) for _ in range(2))

    assert one.key is two.key
    assert one.provider is two.provider
    assert one.tie == two.tie == ("p1", "", "0")


def test_a_name_of_a_type_of_its_own_stays_what_it_is() -> None:
    """
    An enumeration's member names a key as its text does, and is no less a member.
    """
    Kinds = StrEnum("Kinds", {"CACHE": "cache"})  # noqa: N806 - a class
    found = Candidate("adapter", Kinds.CACHE, "p1")

    assert found.key is Kinds.CACHE


class TestSaysTheSame:
    def test_all_facts_count(self) -> None:
        """
        A descriptor that is read again gives others that say the same; one fact differs.
        """
        one, same = (Candidate("adapter", "cache", "memory", dict, "1.0") for _ in range(2))

        assert one.says_the_same(same)
        assert not one.says_the_same(Candidate("adapter", "cache", "memory", dict, "1.1"))


class Shelf:
    """Where the rest of candidates is; it counts how often it is asked."""

    def __init__(self, refusals: tuple[Refusal, ...] = ()) -> None:
        self.refusals, self.asked = refusals, 0

    def origin(self, number: int) -> Origin:
        """Return a place."""
        return Origin("manifest:shop", name=f"entries[{number}]")

    def facts(self, number: int) -> dict[str, Any]:
        """Return what decides nothing."""
        self.asked += 1
        return {
            "factory": f"shop.m{number}:Cache",
            "settings_model": "shop:Settings",
            "health": None,
            "lifetime": "transient",
            "blocking": True,
            "summary": "a cache",
            "refusals": self.refusals,
        }

    def metadata(self, number: int) -> dict[str, Any]:
        """Return the rest."""
        self.asked += 1
        return {"number": number}


def sparse(shelf: Shelf, number: int = 7, *, version: str = "1.0") -> Sparse:
    """Return a candidate of which little is here."""
    return Sparse.of(
        shelf,
        number,
        (
            "manifest",
            "shop",
            "adapter",
            "cache",
            "redis",
            version,
            5,
            None,
            frozenset({"kv"}),
            {"adapter:queue": ">=1"},
            (),
            (),
            ">=3.11",
            ("linux",),
            "beta",
            "new",
            ("password",),
        ),
        refused=bool(shelf.refusals),
    )


class TestSparse:
    """A candidate whose rest is read when somebody asks."""

    @pytest.mark.parametrize("refusals", [(), (Refusal("factory", "may not run"),)])
    def test_it_is_the_candidate_that_says_the_same(self, refusals: tuple[Refusal, ...]) -> None:
        """
        Every fact, what follows from them, and the copies that are made of it.
        """
        found = sparse(Shelf(refusals))

        made = Candidate(**{f.name: getattr(found, f.name) for f in fields(found) if f.init})

        assert all(getattr(made, f.name) == getattr(found, f.name) for f in fields(Candidate))
        assert found.says_the_same(made)
        assert made.says_the_same(found)
        assert repr(found).partition("(")[2] == repr(made).partition("(")[2]
        assert copy(found).says_the_same(found)
        raised = replace(found, priority=9)
        assert (raised.priority, raised.summary, raised.identity) == (9, "a cache", made.identity)

    def test_who_wins_is_decided_without_the_rest(self) -> None:
        """
        Names, numbers and conditions are there, and what refuses it is known to be.
        """
        shelf = Shelf((Refusal("factory", "may not run"),))
        registry = Registry(selections={"adapter": {"cache": "redis"}})

        registry.add(sparse(shelf), sparse(shelf, version="2.0"))

        assert registry.current.winner("adapter", "cache") is None
        assert shelf.asked == 0
        assert "may not run" in str(registry.explain("adapter", "cache"))
        assert shelf.asked == 2

    def test_what_was_read_is_kept(self) -> None:
        """
        Its facts at once, its metadata apart.
        """
        shelf = Shelf()
        found = sparse(shelf)

        assert [found.factory, found.summary, found.factory] == [
            "shop.m7:Cache",
            "a cache",
            "shop.m7:Cache",
        ]
        assert found.metadata is found.metadata
        assert shelf.asked == 2
        assert str(found.origin) == "entries[7]"

    def test_what_no_candidate_has_is_told_as_ever(self) -> None:
        """
        A name that nobody knows is no fact.
        """
        with pytest.raises(AttributeError, match="colour"):
            sparse(Shelf()).colour  # noqa: B018 - asking is the act
