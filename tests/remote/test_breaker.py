"""The breaker of a host, by a clock that is told."""

from __future__ import annotations

import pytest

from oneiric_lab.errors import FetchError
from oneiric_lab.remote import Breaker, PassingError
from oneiric_lab.testing import FakeClock


def fail(breaker: Breaker, host: str = "a") -> None:
    """Let one request to *host* fail in a way that can pass."""
    with pytest.raises(PassingError), breaker.guard(host):
        raise PassingError("down")


class TestBreaker:
    """Closed, open, half open."""

    def test_it_opens_after_the_threshold_and_for_that_host_only(self) -> None:
        """
        While it is open no request goes out; another host is asked as before.
        """
        breaker = Breaker(2, 60, clock=FakeClock())
        fail(breaker)
        assert breaker.state("a") == "closed"
        fail(breaker)

        with pytest.raises(FetchError, match="2 times in a row"), breaker.guard("a"):
            pytest.fail("the block ran")
        with breaker.guard("b"):
            pass
        assert (breaker.state("a"), breaker.state("b")) == ("open", "closed")

    def test_half_open_one_request_goes_through(self) -> None:
        """
        A second one beside the probe is refused, and a success closes it.
        """
        clock = FakeClock()
        breaker = Breaker(1, 60, clock=clock)
        fail(breaker)
        clock.advance(60)

        with breaker.guard("a"), pytest.raises(FetchError, match="one request"), breaker.guard("a"):
            pytest.fail("a second probe ran")

        assert breaker.state("a") == "closed"

    def test_a_probe_that_fails_opens_it_for_as_long_again(self) -> None:
        """
        However high the threshold is.
        """
        clock = FakeClock()
        breaker = Breaker(3, 60, clock=clock)
        for _ in range(3):
            fail(breaker)
        clock.advance(60)
        fail(breaker)

        clock.advance(59)
        assert breaker.state("a") == "open"
        clock.advance(1)
        assert breaker.state("a") == "half-open"

    def test_a_probe_that_was_cancelled_says_nothing(self) -> None:
        """
        The next one goes through.
        """
        clock = FakeClock()
        breaker = Breaker(1, 60, clock=clock)
        fail(breaker)
        clock.advance(60)

        with pytest.raises(KeyboardInterrupt), breaker.guard("a"):
            raise KeyboardInterrupt
        with breaker.guard("a"):
            pass
        assert breaker.state("a") == "closed"

    def test_who_answers_no_is_well(self) -> None:
        """
        A refusal that cannot pass ends the row of failures.
        """
        breaker = Breaker(2, 60, clock=FakeClock())
        fail(breaker)
        with pytest.raises(FetchError), breaker.guard("a"):
            raise FetchError("404")
        fail(breaker)

        assert breaker.state("a") == "closed"
