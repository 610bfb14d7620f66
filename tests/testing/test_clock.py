"""The clock that stands still."""

from __future__ import annotations

from oneiric_lab.testing import FakeClock


class TestFakeClock:
    """Moves only when it is told to."""

    def test_stands_still(self) -> None:
        """
        Two calls give the same moment.
        """
        clock = FakeClock(5.0)

        assert clock() == clock() == 5.0

    def test_advances_and_jumps_back(self) -> None:
        """
        A negative number is a clock that jumps back.
        """
        clock = FakeClock(100.0)
        clock.advance(2.5)
        clock.advance(-10)

        assert clock() == 92.5
