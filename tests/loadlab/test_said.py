"""A load shape in one line: what it says is the shape, and what it cannot say is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.errors import UsageError
from oneiric_lab.loadlab import closed, constant, load_said, poisson, ramp, stages, think

if TYPE_CHECKING:
    from oneiric_lab.loadlab._shapes import Constant, Poisson, Ramp

rates = st.integers(1, 10**6)
times = st.integers(1, 3600)


@st.composite
def pieces(draw: st.DrawFn) -> tuple[str, Constant | Ramp | Poisson]:
    """Return a piece of an open load, as text and as a shape."""
    rate, to, time = draw(rates), draw(rates), draw(times)
    said: list[tuple[str, Constant | Ramp | Poisson]] = [
        (f"{rate}/s for {time}s", constant(rate, time)),
        (f"{rate}/s to {to}/s  for {time}s", ramp(rate, to, time)),
        (f"{rate}/s at random for {time}s", poisson(rate, time)),
    ]
    return draw(st.sampled_from(said))


class TestLoadSaid:
    @given(st.lists(pieces(), min_size=1, max_size=4))
    def test_pieces_follow_one_another(
        self, said: list[tuple[str, Constant | Ramp | Poisson]]
    ) -> None:
        """
        Each is the shape that it says, in the order of the text.
        """
        shapes = [shape for _, shape in said]
        found = load_said(", ".join(text for text, _ in said))

        assert found == (shapes[0] if len(shapes) == 1 else stages(*shapes))

    @pytest.mark.parametrize(
        ("text", "shape"),
        [
            ("1 user", closed(1)),
            ("50 users for 10s", closed(50, duration=10)),
            ("5 users thinking 20ms", closed(5, think="20ms")),
            ("5 users thinking about 20ms", closed(5, think=think.exp("20ms"))),
            (
                "5 users thinking 10ms to 50ms for 1min",
                closed(5, think=think.uniform("10ms", "50ms"), duration="1min"),
            ),
            ("60/min for 90s", constant(1, 90)),
            ("10_000 users", closed(10_000)),
        ],
    )
    def test_users_and_units(self, text: str, shape: object) -> None:
        """
        Users think as they are told; times and rates have their units.
        """
        assert load_said(text) == shape

    @pytest.mark.parametrize(
        ("text", "wrong"),
        [
            ("", "found ''"),
            ("500/s", "found '500/s'"),
            ("500/s for", "found '500/s for'"),
            ("500/s for 10s,", "found ''"),
            ("500/s to 900/s at random for 1s", "a constant rate"),
            ("5 users, 500/s for 10s", "two runs"),
            ("5 users thinking about 1ms to 2ms", "mean of all"),
            ("0 users", "from 1"),
            ("5_ users", "5_ users"),
            (f"{'9' * 5000} users", "999"),
            ("5 users for never", "never"),
            ("fast for 10s", "fast"),
            ("500/s for 10s; rm", "10s;"),
            ("5 users thinking 50ms to 10ms", "low and then high"),
        ],
    )
    def test_what_says_no_load(self, text: str, wrong: str) -> None:
        """
        The fault quotes the piece and says what is wrong with it.
        """
        with pytest.raises(UsageError) as caught:
            load_said(text)
        assert wrong in str(caught.value)
