"""What a registry counts of its questions."""

from __future__ import annotations

import pytest

from oneiric_lab.errors import NoCandidateError, SelectionError
from oneiric_lab.registry import Candidate, Choice, Refusal, Registry, Rules, states


class TestQuestions:
    """How often a registry was asked, and how that ended."""

    def test_questions_without_an_answer_are_counted_always(self) -> None:
        """
        Nobody provides one, a selection denies another; answers are not counted.
        """
        registry = Registry(selections={"adapter": {"cache": "redsi"}})
        registry.add(Candidate("adapter", "cache", "redis"), Candidate("service", "mail", "smtp"))

        registry.resolve("service", "mail")
        for _ in range(2):
            with pytest.raises(NoCandidateError):
                registry.resolve("service", "post")
        with pytest.raises(SelectionError):
            registry.resolve("adapter", "cache")

        assert registry.counts.misses == {"service": 2}
        assert registry.counts.denied == {"adapter": 1}
        assert registry.counts.hits is None

    def test_answers_are_counted_where_that_was_asked_for(self) -> None:
        """
        From then on each answer counts once, by domain, and the first of many is timed.
        """
        registry = Registry()
        registry.add(Candidate("adapter", "cache", "redis", capabilities=frozenset({"ttl"})))
        registry.resolve("adapter", "cache")
        registry.count()
        registry.count()

        for need in (None, "ttl", None):
            assert registry.resolve("adapter", "cache", need).provider == "redis"
        with pytest.raises(NoCandidateError):
            registry.resolve("adapter", "cash")

        counts = registry.counts
        assert (counts.hits, counts.misses) == ({"adapter": 3}, {"adapter": 1})
        assert counts.sampled == {"adapter": 1}
        assert counts.sampled_ns["adapter"] > 0


class TestStates:
    """How many candidates stand how."""

    def test_they_are_those_of_the_listing(self) -> None:
        """
        Counting without sorting finds what the listing of all candidates shows.
        """
        registry = Registry(
            rules=Rules(
                selections={"adapter": {"queue": Choice("b")}},
                constraints={"adapter": {"index": Choice("<2")}},
                flags={"on": True},
            )
        )
        registry.add(
            Candidate("adapter", "cache", "a"),
            Candidate("adapter", "cache", "b"),
            Candidate("adapter", "queue", "a"),
            Candidate("adapter", "queue", "b", stability="experimental"),
            Candidate("adapter", "queue", "c", stability="experimental"),
            Candidate("adapter", "index", "a", version="1.0"),
            Candidate("adapter", "index", "b", version="2.0"),
            Candidate("service", "mail", "a", enabled_by="on"),
            Candidate("service", "mail", "b", enabled_by="off"),
            Candidate("service", "mail", "c", refusals=(Refusal("trust", "is not trusted"),)),
        )
        sick = Candidate("service", "mail", "d")
        registry.add(sick)
        rules = registry.current.rules
        registry.configure(
            Rules(
                selections=rules.selections,
                constraints=rules.constraints,
                flags=rules.flags,
                quarantined={sick.identity: "boom"},
            )
        )
        shown: dict[tuple[str, str], int] = {}
        for stand in registry.current.stands():
            labels = stand.target.partition(":")[0], stand.state
            shown[labels] = shown.get(labels, 0) + 1

        assert states(registry.current) == shown
        assert shown["service", "quarantined"] == 1
