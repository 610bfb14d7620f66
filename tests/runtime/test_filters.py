"""Which events a handler takes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.errors import UsageError
from oneiric_lab.runtime import Event, accepts

ORDER = Event(
    "order",
    {"total": 1, "paid": True, "lines": [{"sku": "a"}], "note": None, "a.b": 1},
    id="e1",
    headers={"tenant.name": "eu"},
)


def takes(**filter_: Any) -> bool:
    """Return whether ORDER passes one filter."""
    test = accepts([filter_])
    assert test is not None
    return test(ORDER)


class TestTests:
    """equals, any_of and exists at a path."""

    @pytest.mark.parametrize(
        ("filter_", "taken"),
        [
            ({"path": "payload.total", "equals": 1}, True),
            ({"path": "payload.total", "equals": 1.0}, True),
            ({"path": "payload.total", "equals": True}, False),
            ({"path": "payload.paid", "equals": True}, True),
            ({"path": "payload.paid", "equals": 1}, False),
            ({"path": "payload.lines.0.sku", "equals": "a"}, True),
            ({"path": "payload.lines.1.sku", "exists": True}, False),
            ({"path": "payload.lines.x", "exists": True}, False),
            ({"path": "payload.lines", "equals": [{"sku": "a"}]}, True),
            ({"path": "payload.lines", "equals": [{"sku": "b"}]}, False),
            ({"path": "payload.note", "equals": None}, True),
            ({"path": "payload.boat", "equals": None}, False),
            ({"path": "payload.note", "exists": True}, True),
            ({"path": "payload.boat", "exists": False}, True),
            ({"path": "payload.total.deeper", "exists": False}, True),
            ({"path": "payload.total", "any_of": [3, 1]}, True),
            ({"path": "payload.total", "any_of": []}, False),
            ({"path": "topic", "equals": "order"}, True),
            ({"path": "headers.event_id", "equals": "e1"}, True),
            ({"path": "headers.tenant.name", "equals": "eu"}, True),
            ({"path": "headers.correlation_id", "exists": False}, True),
            ({"path": "payload.total"}, True),
            ({"path": "payload.boat"}, False),
            ({"path": "payload.total", "any_of": [1, 2], "equals": 2}, False),
        ],
    )
    def test_decide_as_json_would(self, filter_: dict[str, Any], *, taken: bool) -> None:
        """Numbers are numbers, booleans are none, and what is absent equals nothing."""
        assert takes(**filter_) is taken

    @pytest.mark.parametrize(
        "filter_",
        [
            {"path": "payload.total", "value": 1},
            {"path": "payload.total", "one_of": [1]},
            {"path": "payload.total", "in": [1]},
        ],
    )
    def test_take_the_public_project_s_names(self, filter_: dict[str, Any]) -> None:
        """What upstream calls value, one_of and in means the same here."""
        assert takes(**filter_)

    def test_all_must_hold(self) -> None:
        """Filters are ANDed; none at all take everything."""
        one, other = {"path": "payload.total", "equals": 1}, {"path": "topic", "equals": "boat"}
        both = accepts([one, other])

        assert both is not None
        assert not both(ORDER)
        assert both(ORDER._replace(topic="boat"))
        assert accepts([]) is None

    @given(
        st.recursive(
            st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
            lambda v: st.lists(v) | st.dictionaries(st.text(), v),
        )
    )
    def test_everything_equals_itself(self, value: Any) -> None:
        """Whatever JSON can say, a filter for it finds it."""
        test = accepts([{"path": "payload.it", "equals": value}])

        assert test is not None
        assert test(Event("t", {"it": value}))
        assert not test(Event("t", {"it": [value]}))

    @pytest.mark.parametrize(
        "filters",
        [
            "payload.x",
            {"path": "payload.x"},
            ["payload.x"],
            [{}],
            [{"path": 7}],
            [{"path": "payload"}],
            [{"path": "order.total"}],
            [{"path": "payload.x", "equal": 1}],
            [{"path": "payload.x", "any_of": 1}],
            [{"path": "payload.x", "exists": 1}],
        ],
    )
    def test_what_is_no_filter_is_refused(self, filters: Any) -> None:
        """A filter that cannot be followed is an error where it is declared."""
        with pytest.raises(UsageError) as caught:
            accepts(filters)

        assert caught.value.code == "event-filter"

    def test_a_misspelt_test_is_told_with_the_nearest(self) -> None:
        """Who writes `equal` is told of `equals`."""
        with pytest.raises(UsageError, match="did you mean `equals`"):
            accepts([{"path": "payload.x", "equal": 1}])
