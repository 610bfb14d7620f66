"""Publishing: batches, generations, handles, overviews."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from oneiric_lab.errors import NoCandidateError, RegistryError, UsageError
from oneiric_lab.registry import Candidate, Choice, Registry, Rules


def cache(provider: str, **facts: Any) -> Candidate:
    """Return a candidate for adapter:cache."""
    return Candidate("adapter", "cache", provider, dict, **facts)


class TestPublish:
    def test_a_batch_is_one_generation(self) -> None:
        """Many changes publish once; a batch inside a batch publishes nothing."""
        registry = Registry()
        with registry.batch():
            registry.add(cache("a"))
            with registry.batch():
                registry.add(cache("b"))
                registry.withdraw(candidate=cache("a"))
            registry.configure(Rules(default_priority=3))
            assert registry.generation == 0
        assert registry.generation == 1
        assert registry.resolve("adapter", "cache").provider == "b"
        with registry.batch():
            pass
        assert registry.generation == 1

    def test_a_batch_that_fails(self) -> None:
        """Nothing of a batch that raises is published, then or later."""
        registry = Registry()

        def fail_inside() -> None:
            with registry.batch():
                registry.add(cache("a"))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail_inside()
        registry.add(cache("b"))
        assert [c.provider for c in registry.current.candidates()] == ["b"]

    def test_the_same_identity_replaces(self) -> None:
        """Adding an identity again takes the place of the former one."""
        registry = Registry()
        registry.add(cache("a", priority=1), cache("b"))
        registry.add(cache("a", priority=-1))
        assert registry.resolve("adapter", "cache").provider == "b"
        assert len(list(registry.current.candidates("adapter", "cache"))) == 2
        assert list(registry.current.candidates("task")) == []
        assert list(registry.current.candidates("adapter", "queue")) == []

    def test_withdraw(self) -> None:
        """A source goes as a whole; one that is not there changes nothing."""
        registry = Registry()
        registry.add(cache("a", source_name="x"), cache("b", source_name="y"))
        registry.add(Candidate("task", "t", "a", dict, source_name="x"))
        assert registry.withdraw(source_name="nobody") == 0
        assert registry.generation == 2
        assert registry.withdraw(source_name="x") == 2
        assert registry.current.keys() == ["adapter:cache"]
        assert registry.current.keys("task") == []
        with pytest.raises(UsageError):
            registry.withdraw()

    def test_withdraw_what_waits(self) -> None:
        """Within a batch, what was just added goes too."""
        registry = Registry()
        with registry.batch():
            registry.add(cache("a", source_name="x"), cache("b", source_name="x"))
            assert registry.withdraw(source_name="x") == 2
        assert registry.current.keys() == []

    def test_generations_are_compared(self) -> None:
        """The last 32 can be; a difference names target, both winners and the rule."""
        registry = Registry()
        registry.add(cache("a"))
        registry.add(cache("b", priority=1))
        diff = registry.diff(1, 2)
        assert diff.as_dict() == {
            "old": 1,
            "new": 2,
            "components": [
                {"target": "adapter:cache", "old": "a 0", "new": "b 0", "why": "priority (1 > 0)"}
            ],
        }
        assert "adapter:cache" in str(diff)
        assert registry.diff(2, 2).as_dict()["components"] == []
        assert "0 components differ" in str(registry.diff(2, 2))
        registry.configure(Rules(selections={"adapter": {"cache": Choice("none")}}))
        (change,) = registry.diff(2, 3).changes
        assert change["new"] is None
        for _ in range(40):
            registry.add(cache("a"))
        with pytest.raises(UsageError) as caught:
            registry.diff(1, 2)
        assert "generations" in str(caught.value)

    def test_preview_publishes_nothing(self) -> None:
        """A preview answers all questions and changes none."""
        registry = Registry()
        registry.add(cache("a", source_name="x"))
        after = registry.preview(add=[cache("b", priority=1)])
        assert after.resolve("adapter", "cache").provider == "b"
        gone = registry.preview(withdraw="x")
        with pytest.raises(NoCandidateError):
            gone.resolve("adapter", "cache")
        assert registry.resolve("adapter", "cache").provider == "a"
        assert registry.generation == 1

    def test_what_was_previewed_is_published_as_it_is(self) -> None:
        """A generation that was judged becomes the one in force, and handles follow it."""
        registry = Registry()
        registry.add(cache("a"))
        handle = registry.handle("adapter", "cache")
        other = registry.handle("adapter", "queue")
        judged = registry.preview(add=[cache("b", priority=1)])

        assert registry.publish(judged)
        assert registry.current is judged
        assert handle.candidate is not None
        assert handle.candidate.provider == "b"
        assert other.candidate is None
        assert registry.diff(1, 2).changes

    def test_a_preview_of_the_past_is_not_published(self) -> None:
        """What was judged beside other candidates, or while a batch waits, is to be judged anew."""
        registry = Registry()
        judged = registry.preview(add=[cache("a")])
        with registry.batch():
            assert not registry.publish(judged)
        registry.add(cache("b"))

        assert not registry.publish(judged)
        assert [c.provider for c in registry.current.candidates()] == ["b"]

    def test_a_distribution_is_looked_up_once_a_publish(self) -> None:
        """Ten candidates that need it ask once, and the next publish asks anew."""
        asked: list[str] = []
        there: dict[str, str] = {}

        def installed(name: str) -> str | None:
            asked.append(name)
            return there.get(name)

        registry = Registry(installed=installed)
        registry.add(*(cache(f"p{n}", requires_dist=[f"boto3>={n % 2}"]) for n in range(10)))
        assert asked == ["boto3"]
        assert registry.current.winner("adapter", "cache") is None
        there["boto3"] = "1.34"
        registry.add(cache("p10", requires_dist=["boto3>=1"]))
        assert asked == ["boto3"] * 2
        assert registry.current.winner("adapter", "cache") is not None

    def test_readers_never_see_half_a_batch(self) -> None:
        """While a writer swaps two candidates together, a reader sees both or neither."""
        registry = Registry()
        registry.add(cache("old"), Candidate("task", "t", "old", dict))
        wrong: list[str] = []
        done = threading.Event()

        def read() -> None:
            while not done.is_set():
                generation = registry.current
                seen = {
                    generation.resolve("adapter", "cache").provider,
                    generation.resolve("task", "t").provider,
                }
                if len(seen) != 1:
                    wrong.append(str(seen))

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for name in ("new", "old") * 200:
            with registry.batch():
                for candidate in list(registry.current.candidates()):
                    registry.withdraw(candidate=candidate)
                registry.add(cache(name))
                registry.add(Candidate("task", "t", name, dict))
        done.set()
        for thread in threads:
            thread.join()
        assert wrong == []


class TestQuestions:
    def test_a_handle_follows(self) -> None:
        """A handle's slot is written at every publish that concerns it."""
        registry = Registry()
        handle = registry.handle("adapter", "cache", need="kv")
        assert handle.candidate is None
        assert repr(handle) == "<Handle: adapter:cache -> nothing>"
        registry.add(cache("a", capabilities="kv"), cache("b", priority=9))
        assert repr(handle) == "<Handle: adapter:cache -> a 0>"
        registry.add(Candidate("task", "t", "p", dict))
        registry.configure(Rules(quarantined={cache("a").identity: "x"}))
        assert handle.candidate is None

    def test_wishes_of_every_kind(self) -> None:
        """Sets, lists, tuples, texts and generators ask the same; asking again is a lookup."""
        registry = Registry()
        one = cache("a", capabilities={"kv", "ttl"})
        registry.add(one, cache("b", priority=9))
        for _ in range(2):
            assert registry.resolve("adapter", "cache", {"kv"}) is one
            assert registry.resolve("adapter", "cache", ["kv", "ttl"]) is one
            assert registry.resolve("adapter", "cache", frozenset({"kv"})) is one
            assert registry.resolve("adapter", "cache", "kv") is one
            assert registry.resolve("adapter", "cache", (c for c in ("kv",))) is one
            assert registry.resolve("adapter", "cache", None, "kv") is one
            assert registry.resolve("adapter", "cache", None, None, iter(["kv"])) is one
        with pytest.raises(NoCandidateError):
            registry.resolve("adapter", "nothing", "kv")
        with pytest.raises(NoCandidateError):
            registry.resolve("adapter", "nothing", None, "kv")

    def test_many_wishes_are_forgotten(self) -> None:
        """Memory stays bounded where wishes are generated."""
        registry = Registry()
        registry.add(cache("a", capabilities={f"c{i}" for i in range(600)}))
        for i in range(600):
            assert registry.resolve("adapter", "cache", f"c{i}").provider == "a"

    def test_the_listing(self) -> None:
        """All candidates with their states, winners first."""
        registry = Registry(
            rules=Rules(
                strict=True,
                quarantined={cache("d").identity: "ImportError: x"},
                selections={"task": {"t": Choice("b")}},
            )
        )
        registry.add(cache("a", priority=1), cache("b"), cache("c", enabled_by="f"), cache("d"))
        registry.add(*(Candidate("task", "s", name, dict) for name in "ab"))
        registry.add(Candidate("task", "t", "a", dict))
        rows = registry.current.as_dict()["components"]
        assert isinstance(rows, list)
        assert [(r["component"], r["provider"], r["state"]) for r in rows] == [
            ("adapter:cache", "a", "active"),
            ("adapter:cache", "b", "shadowed"),
            ("adapter:cache", "c", "rejected"),
            ("adapter:cache", "d", "quarantined"),
            ("task:s", "a", "shadowed"),
            ("task:s", "b", "shadowed"),
            ("task:t", "a", "shadowed"),
        ]
        assert "strict" in rows[4]["reason"] or "names" in rows[4]["reason"]
        assert "3 components, 7 candidates" in str(registry.current)

    def test_the_shape_of_an_explanation(self) -> None:
        """`explain DOMAIN:KEY --json` has these keys and no others."""
        registry = Registry(selections={"adapter": {"cache": "a"}})
        registry.add(
            cache("a", version="2.1.0", capabilities="kv", source="package", source_name="shop"),
            cache("b", enabled_by="off"),
        )
        found = registry.explain("adapter", "cache", prefer="kv")
        assert found.as_dict() == {
            "target": "adapter:cache",
            "winner": {
                "provider": "a",
                "version": "2.1.0",
                "source": "package",
                "source_name": "shop",
            },
            "decided_by": "only candidate",
            "ambiguous": False,
            "generation": 1,
            "ranking": [
                {
                    "rank": 1,
                    "provider": "a",
                    "version": "2.1.0",
                    "score": {
                        "selected": 1,
                        "preferred": 1,
                        "priority": 0,
                        "stack_level": 0,
                        "source_rank": 2,
                        "version": "2.1.0",
                    },
                    "state": "active",
                    "source": "package",
                    "source_name": "shop",
                    "origin": None,
                }
            ],
            "rejected": [
                {
                    "provider": "b",
                    "version": "0",
                    "code": "disabled",
                    "reason": "is disabled: the flag `off` is off",
                    "reasons": [
                        {
                            "code": "disabled",
                            "reason": "is disabled: the flag `off` is off",
                            "origin": None,
                        }
                    ],
                    "source": "manual",
                    "source_name": "",
                    "origin": None,
                }
            ],
        }
        assert "1/1" in str(found)
        assert registry.explain("adapter", "cache", "tx").as_dict()["winner"] is None
        registry.configure(Rules(selections={"adapter": {"cache": Choice("c")}}))
        lost = registry.explain("adapter", "cache")
        assert [row["state"] for row in lost.as_dict()["ranking"]] == ["shadowed"]  # type: ignore[attr-defined]  # a list of rows
        assert "names unknown provider `c`" in str(lost)


class TestWhyNot:
    def test_what_no_configuration_can(self) -> None:
        """A marker or a quarantine is answered with the reason."""
        registry = Registry()
        registry.add(cache("a"), cache("b", python_version="<3"))
        answer = registry.why_not("adapter", "cache", "b")
        assert answer.changes is None
        assert "no change of the configuration" in str(answer)
        assert registry.why_not("adapter", "cache", "a").already
        assert "already" in str(registry.why_not("adapter", "cache", "a"))
        with pytest.raises(NoCandidateError):
            registry.why_not("adapter", "cache", "c")

    def test_flag_version_and_selection_together(self) -> None:
        """All that stands against it is answered by one change."""
        registry = Registry(rules=Rules(constraints={"adapter": {"cache": Choice("<2")}}))
        registry.add(cache("a", priority=9), cache("b", version="2", enabled_by="f"))
        answer = registry.why_not("adapter", "cache", "b")
        assert answer.as_dict()["changes"] == {
            "flags.f": True,
            "adapters.constraints.cache": "==2",
            "adapters.selections.cache": "b",
        } or answer.as_dict()["changes"] == {"flags.f": True, "adapters.constraints.cache": "==2"}
        assert "--set 'flags.f=true'" in str(answer)

    def test_selected_already(self) -> None:
        """Where it is selected, only what refuses it must change."""
        registry = Registry(selections={"adapter": {"cache": "b"}})
        registry.add(cache("a"), cache("b", enabled_by="f"))
        assert registry.why_not("adapter", "cache", "b").changes == {"flags.f": True}
        registry.add(cache("b", enabled_by="f", requires={"task:gone": ""}))
        assert registry.why_not("adapter", "cache", "b").changes is None

    def test_a_bad_selection_stands_in_the_way(self) -> None:
        """The selection of an unknown provider is named, and replaced."""
        registry = Registry(selections={"adapter": {"cache": "redsi"}})
        registry.add(cache("redis"), cache("memory"))
        answer = registry.why_not("adapter", "cache", "redis")
        assert answer.changes == {"adapters.selections.cache": "redis"}
        assert "unknown provider" in answer.because[0]

    def test_what_another_needs(self) -> None:
        """A change that takes a component from somebody else is not offered."""
        registry = Registry()
        registry.add(
            cache("a", version="2", priority=1),
            cache("b", version="1"),
            Candidate("service", "s", "p", dict, requires={"adapter:cache": ">=2"}),
        )
        answer = registry.why_not("adapter", "cache", "b")
        assert answer.changes is None
        assert "requires adapter:cache>=2" in str(answer)


class TestRules:
    @pytest.mark.parametrize(
        "rules",
        [
            {"stack_order": ("a:x",)},
            {"stack_order": ("a:2000",)},
            {"stack_order": (":5",)},
            {"constraints": {"adapter": {"cache": "one"}}},
        ],
    )
    def test_malformed(self, rules: dict[str, Any]) -> None:
        """A stack order or a constraint that is none is refused."""
        with pytest.raises(RegistryError):
            Rules(**rules)
