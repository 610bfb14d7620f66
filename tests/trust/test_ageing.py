"""Warnings before something is too old, and after."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from oneiric_lab.trust import State, advance, ageing, ageing_list, ageing_root, make_root, verify

if TYPE_CHECKING:
    from oneiric_lab.testing import ReleaseHouse


@pytest.fixture
def state(house: ReleaseHouse) -> State:
    """Return what is remembered of a first release, a list and a root."""
    release = house.release({"adapter:cache": "redis"})
    report = verify(
        release.bundle, release.manifest, policy=house.policy, state=State(), now=house.now
    )
    return advance(State(), report)


def after(house: ReleaseHouse, **time: float) -> datetime:
    """Return the moment so long after the house began."""
    return house.now + timedelta(**time)


class TestAgeingRoot:
    """A root, and the keys in it."""

    @pytest.mark.parametrize(
        ("days", "told"),
        [
            (334.9, None),
            (335, "expires in 30 days"),
            (364, "expires in 1 day"),
            (364.5, "expires in 12 hours"),
            (364.99, "expires in less than an hour"),
            (365, "expired less than an hour ago"),
            (400, "expired 35 days ago"),
        ],
    )
    def test_thirty_days_before(self, house: ReleaseHouse, days: float, told: str | None) -> None:
        """
        It is told from thirty days before, in days, with the time and what to do.
        """
        fault = ageing_root(house.root, after(house, days=days))

        if told is None:
            assert fault is None
            return
        assert fault is not None
        assert fault.message == f"root 1 of shop {told}, at 2027-01-01T00:00:00Z"
        assert (fault.code, fault.severity) == ("root-expiry", "warning")
        assert "trust root rotate root.1.json" in str(fault.fix)

    def test_a_short_life(self, house: ReleaseHouse) -> None:
        """
        What lives for nine days is not warned of from its first.
        """
        house.rotate(days=9)

        assert ageing_root(house.root, after(house, days=5.9)) is None
        assert ageing_root(house.root, after(house, days=6)) is not None

    def test_no_end(self, house: ReleaseHouse) -> None:
        """
        A root without an end never expires.
        """
        root = make_root(
            project="shop",
            issued_at=house.now,
            expires_at=None,
            signers=house.root.signers,
            roles=house.root.roles,
            requirements=house.root.requirements,
        )

        assert ageing_root(root, after(house, days=9999)) is None


class TestAgeingList:
    """A revocation list."""

    def test_seven_days_before(self, house: ReleaseHouse) -> None:
        """
        The next list is asked for a week before it is due, and when it is overdue.
        """
        soon = ageing_list(house.revocations, after(house, days=23))
        late = ageing_list(house.revocations, after(house, days=31))

        assert ageing_list(house.revocations, after(house, days=22.9)) is None
        assert soon is not None
        assert "goes stale in 7 days" in soon.message
        assert late is not None
        assert "went stale 1 day ago" in late.message


class TestAgeing:
    """All that is remembered."""

    def test_nothing_yet(self, house: ReleaseHouse) -> None:
        """
        An empty state has nothing to be warned of, and a fresh one neither.
        """
        assert ageing(State(), house.now) == ()

    def test_everything(self, house: ReleaseHouse, state: State) -> None:
        """
        Root, list and release, each by its code.
        """
        assert ageing(state, house.now) == ()
        assert [fault.code for fault in ageing(state, after(house, days=90))] == [
            "revocations-age",
            "expiry",
        ]
        assert [fault.code for fault in ageing(state, after(house, days=400))] == [
            "root-expiry",
            "revocations-age",
            "expiry",
        ]

    def test_a_clock_that_was_set_back(self, house: ReleaseHouse, state: State) -> None:
        """
        A clock behind the last trusted time is told: it makes everything look fresh.
        """
        assert [fault.code for fault in ageing(state, after(house, days=-1))] == ["clock"]
