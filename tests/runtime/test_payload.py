"""What goes into a node and comes out: JSON, of a size, without secrets."""

from __future__ import annotations

import datetime as dt
import enum
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.config import Secret, SecretRef
from oneiric_lab.errors import WorkflowError
from oneiric_lab.runtime import json_value

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc\0é"), inner),
    max_leaves=20,
)


class Colour(enum.IntEnum):
    """A number that is more than a number."""

    RED = 1


def deep(levels: int) -> Any:
    """Return lists in lists."""
    out: Any = 1
    for _ in range(levels):
        out = [out]
    return out


class TestJsonValue:
    @given(JSON)
    def test_json_stays_as_it_is(self, value: Any) -> None:
        """
        What JSON has a form for comes back equal, and as another object.
        """
        assert json_value(value, "it") == value == json.loads(json.dumps(value))

    @pytest.mark.parametrize(
        ("wrong", "where"),
        [
            (object(), "object"),
            ({"a": [1, {2}]}, "at a[1]"),
            ({1: 2}, "a key of type int"),
            (float("nan"), "nan"),
            (b"x", "bytes"),
            (2**63, "64 bits"),
            ([2**400], "64 bits"),
            ("\ud800", "surrogate"),
            (dt.date(2026, 1, 1), "date"),
            (Colour.RED, "Colour"),
            (deep(65), "64 levels"),
            (deep(100_000), "64 levels"),
        ],
        ids=[
            "object",
            "set",
            "key",
            "nan",
            "bytes",
            "whole",
            "large",
            "half",
            "date",
            "enum",
            "deep",
            "deeper",
        ],
    )
    def test_what_json_has_no_form_for_is_refused(self, wrong: Any, where: str) -> None:
        """
        With its place; nothing is written by its str.
        """
        with pytest.raises(WorkflowError, match="expected JSON") as caught:
            json_value(wrong, "the result of a")

        assert where in str(caught.value)
        assert "the result of a" in str(caught.value)

    @pytest.mark.parametrize("wrap", [lambda ref: ref, Secret], ids=["reference", "secret"])
    def test_a_secret_is_refused(self, wrap: Any) -> None:
        """
        Before anything of it is revealed.
        """
        ref = SecretRef("api_key", lambda: pytest.fail("it was revealed"))

        with pytest.raises(WorkflowError, match="secret:api_key") as caught:
            json_value({"key": wrap(ref)}, "the payload")

        assert caught.value.code == "secret-refused"

    def test_what_is_too_large_is_refused(self) -> None:
        """
        The limit counts bytes, not letters.
        """
        assert json_value("é" * 4, "it", limit=10) == "é" * 4

        with pytest.raises(WorkflowError, match="at most 10 bytes of JSON, got 12"):
            json_value("é" * 5, "it", limit=10)
