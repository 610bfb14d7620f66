"""How often a call is tried, and how long is waited between."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.errors import UsageError
from oneiric_lab.runtime import RetryPolicy, retry_of


class TestRetryPolicy:
    """Pure data and one sum."""

    def test_a_wait_doubles_up_to_the_longest(self) -> None:
        """1, 2, 4 seconds, and never more than is allowed."""
        policy = RetryPolicy(10, 1, 5, 0)

        assert [policy.delay(n, 0) for n in (1, 2, 3, 4, 400)] == [1, 2, 4, 5, 5]

    @given(
        st.integers(1, 1000),
        st.floats(0, 1e6),
        st.none() | st.floats(0, 1e6),
        st.floats(0, 1),
        st.integers(1, 10_000),
        st.floats(0, 1),
    )
    def test_a_wait_is_never_negative_nor_too_long(
        self, attempts: int, base: float, most: float | None, jitter: float, failed: int, lot: float
    ) -> None:
        """Whatever is said and drawn, it is a number of seconds that can be slept."""
        wait = RetryPolicy(attempts, base, most, jitter).delay(failed, lot)

        assert 0 <= wait <= (31_536_000 if most is None else most)

    def test_the_public_project_s_names_mean_the_same(self) -> None:
        """Manifests of upstream say max_attempts, initial_delay, max_backoff, backoff_jitter."""
        said = {
            "max_attempts": 3,
            "initial_delay": 0.5,
            "max_backoff": 2,
            "backoff_jitter": 0,
            "x-note": "",
        }

        assert retry_of(said) == RetryPolicy(3, 0.5, 2, 0)
        assert retry_of(None) == retry_of({}) == RetryPolicy()
        assert retry_of(retry_of(said).as_dict()) == RetryPolicy(3, 0.5, 2, 0)
        assert "max_delay" not in RetryPolicy().as_dict()

    @pytest.mark.parametrize(
        "said",
        [
            {"attempts": 0},
            {"attempts": 1.5},
            {"attempts": True},
            {"attempts": "3"},
            {"base_delay": -1},
            {"base_delay": float("nan")},
            {"max_delay": float("inf")},
            {"jitter": 2},
            {"tries": 3},
        ],
    )
    def test_what_cannot_be_is_refused(self, said: dict[str, Any]) -> None:
        """Numbers out of range and unknown names are errors where they are declared."""
        with pytest.raises(UsageError) as caught:
            retry_of(said)

        assert caught.value.code == "retry-policy"
