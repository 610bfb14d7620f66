"""What a handler listens to: as a manifest, a plugin, a program and the options say it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.errors import UsageError
from oneiric_lab.registry import Candidate
from oneiric_lab.runtime import Calling, EventOptions, RetryPolicy, listener_of, options_of

ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.sampled_from(["", "a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["path", "call", "attempts", "topics", "equals", "payload.x"]), inner
        )
    ),
    max_leaves=5,
)

ENTRY: dict[str, Any] = {
    "event": {
        "topics": ["order-placed", "order-paid", "order-paid"],
        "max_concurrency": 3,
        "filters": [{"path": "payload.total", "exists": True}],
        "priority": 7,
        "fanout_policy": "exclusive",
    },
    "retry_policy": {"attempts": 4, "base_delay": 0.5},
    "timeouts": {"call": 2.5},
}


def told(metadata: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Return what a component with this metadata listens to."""
    candidate = Candidate("event", "mailer", "smtp", dict, metadata=metadata)
    return listener_of(candidate, options_of(options)).as_dict()


class TestFacts:
    """Where a component's facts come from."""

    def test_an_entry_of_a_manifest_says_all(self) -> None:
        """Schema 3 has topics, filters, priority, fan-out, concurrency, retries and time."""
        found = told({"entry": ENTRY})

        assert found["topics"] == ["order-placed", "order-paid"]
        assert found["filters"] == [{"path": "payload.total", "exists": True}]
        assert (found["priority"], found["fanout_policy"]) == (7, "exclusive")
        assert (found["max_concurrency"], found["timeout"]) == (3, 2.5)
        assert found["retry_policy"]["attempts"] == 4

    def test_the_public_project_s_flat_names_say_the_same(self) -> None:
        """Its manifests of schema 2 leave topics and the like in the metadata."""
        flat = {
            "topics": ["order-placed", "order-paid"],
            "max_concurrency": 3,
            "filters": ENTRY["event"]["filters"],
            "event_priority": 7,
            "fanout_policy": "exclusive",
            "retry_policy": ENTRY["retry_policy"],
            "timeouts": ENTRY["timeouts"],
        }

        assert told(flat) == told({"entry": ENTRY})

    def test_without_a_topic_the_key_is_it(self) -> None:
        """`event:mailer` listens to `mailer`; all else is what the options say."""
        found = told({})

        assert found["topics"] == ["mailer"]
        assert (found["max_concurrency"], found["queue_size"], found["overflow"]) == (
            1,
            1000,
            "block",
        )
        assert (found["timeout"], found["deadline"]) == (30, 300)

    def test_options_speak_where_a_handler_does_not(self) -> None:
        """What the handler says itself stands; `handlers.KEY` speaks of one alone."""
        own = {"event": {"max_concurrency": 2}}
        said: dict[str, Any] = {
            "max_concurrency": 9,
            "queue_size": 50,
            "handlers": {"mailer": {"overflow": "dead-letter", "queue_size": 5}},
        }

        found = told(own, **said)

        assert (found["max_concurrency"], found["queue_size"]) == (2, 5)
        assert found["overflow"] == "dead-letter"
        assert EventOptions().of("anybody").queue_size == 1000

    def test_retries_may_be_a_policy_already(self) -> None:
        """A program hands over the object itself."""
        assert told({"retry_policy": RetryPolicy(2).as_dict()})["retry_policy"]["attempts"] == 2

    @pytest.mark.parametrize(
        ("metadata", "code"),
        [
            ({"topics": []}, "event"),
            ({"topics": [""]}, "event"),
            ({"topics": [7]}, "event"),
            ({"fanout_policy": "all"}, "event"),
            ({"event_priority": "high"}, "event"),
            ({"filters": [{"path": "x"}]}, "event-filter"),
            ({"filters": "payload.x"}, "event-filter"),
            ({"max_concurrency": 0}, "event-options"),
            ({"timeouts": {"call": -1}}, "event-options"),
            ({"retry_policy": {"attempts": 0}}, "retry-policy"),
        ],
    )
    def test_a_fault_names_the_component(self, metadata: dict[str, Any], code: str) -> None:
        """What cannot be followed is told with whose it is."""
        with pytest.raises(UsageError, match=r"event:mailer \(smtp\)") as caught:
            told(metadata)

        assert caught.value.code == code

    @pytest.mark.parametrize(
        "options",
        [
            {"queue_size": 0},
            {"overflow": "explode"},
            {"quue_size": 5},
            {"handlers": {"mailer": {"queue_size": -1}}},
            {"handlers": {"mailer": 7}},
            {"deadline": float("inf")},
        ],
    )
    def test_wrong_options_are_told_by_their_path(self, options: dict[str, Any]) -> None:
        """Every fault names the value in the table of the configuration."""
        with pytest.raises(UsageError, match=r"events\.options\.") as caught:
            options_of(options)

        assert caught.value.code == "event-options"

    @given(
        st.dictionaries(
            st.sampled_from(
                [
                    *("topics", "filters", "event", "entry", "event_priority", "timeouts"),
                    *("retry_policy", "fanout_policy", "max_concurrency"),
                ]
            ),
            ODD,
        ),
        st.sampled_from([None, "event", "entry"]),
    )
    def test_whatever_is_said_is_understood_or_refused(
        self, said: dict[str, Any], inside: str | None
    ) -> None:
        """A plugin's descriptor may hold anything: an error of ours, never one of Python's."""
        metadata = said if inside is None else {inside: said}
        candidate = Candidate("event", "mailer", "smtp", dict, metadata=metadata)

        for ask in (lambda: listener_of(candidate, EventOptions()), lambda: Calling.of(candidate)):
            with suppress(UsageError):
                ask()
        with suppress(UsageError):
            options_of(said)
