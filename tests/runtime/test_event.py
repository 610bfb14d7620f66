"""An event on its way: what it is made of, and how JSON says it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.errors import UsageError
from oneiric_lab.runtime import Event

PAYLOADS = st.none() | st.booleans() | st.integers() | st.lists(st.text(max_size=3), max_size=3)
TEXT = st.sampled_from(["order", "paid", "e7", "Boot", "紙の舟", "2026"])


class TestEvent:
    """Topic, payload and headers."""

    def test_json_has_the_public_names(self) -> None:
        """Ids, source and time are headers, as upstream writes them; what is empty is left out."""
        event = Event("order", {"n": 1}, "a1", "shop", 0.5, causation="z9", headers={"k": 2})

        assert event.as_dict() == {
            "topic": "order",
            "payload": {"n": 1},
            "headers": {
                "k": 2,
                "event_id": "a1",
                "source": "shop",
                "version": "1.0.0",
                "timestamp": "1970-01-01T00:00:00.500000Z",
                "causation_id": "z9",
            },
        }

    @given(TEXT, PAYLOADS, TEXT, st.floats(1, 4e9), st.dictionaries(st.just("x"), PAYLOADS))
    def test_what_json_says_comes_back(
        self, topic: str, payload: Any, name: str, at: float, headers: dict[str, Any]
    ) -> None:
        """An event survives its way through JSON, times to the microsecond."""
        event = Event(topic, payload, name, name, round(at, 3), name, name, "2", headers)

        found = Event.from_dict(json.loads(json.dumps(event.as_dict())))

        assert found._replace(at=0) == event._replace(at=0)
        assert found.at == pytest.approx(event.at, abs=1e-5)

    def test_headers_are_asked_for_by_their_public_names(self) -> None:
        """Own ones and others alike; what is empty is as good as absent."""
        event = Event("order", id="a1", headers={"tenant": "eu"})

        assert event.header("event_id") == "a1"
        assert event.header("tenant") == "eu"
        assert event.header("correlation_id", "none") == "none"
        assert event.header("boat", 7) == 7

    @pytest.mark.parametrize(
        "said",
        [
            None,
            [],
            {"payload": 1},
            {"topic": ""},
            {"topic": "a\nb"},
            {"topic": "x" * 201},
            {"topic": 7},
            {"topic": "a", "headers": []},
            {"topic": "a", "headers": {"timestamp": "soon"}},
        ],
    )
    def test_what_is_no_event_is_refused(self, said: object) -> None:
        """Hostile JSON becomes an error with a code, never an event."""
        with pytest.raises(UsageError) as caught:
            Event.from_dict(said)

        assert caught.value.code == "event"
