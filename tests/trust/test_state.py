"""What a client remembers, and that it never sinks."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from oneiric_lab import canonical
from oneiric_lab.errors import DocumentRefusedError
from oneiric_lab.testing import HouseRelease, ReleaseHouse
from oneiric_lab.trust import Report, State, advance, verify

CACHE = {"adapter:cache": "redis"}


def verified(house: ReleaseHouse, release: HouseRelease, state: State | None = None) -> Report:
    """Return the report of a release that holds."""
    report = verify(
        release.bundle,
        release.manifest,
        policy=house.policy,
        state=state or State(),
        now=house.now,
    )
    assert report.ok, report.failures
    return report


@pytest.fixture
def house() -> ReleaseHouse:
    """Three signers, two needed."""
    return ReleaseHouse()


class TestState:
    """The file."""

    def test_an_empty_one_comes_back(self) -> None:
        """
        A client that has seen nothing writes that.
        """
        assert State.parse(State().encode()) == State()
        assert repr(State()) == "<State: state: nothing was trusted yet>"

    def test_a_full_one_comes_back(self, house: ReleaseHouse) -> None:
        """
        Everything that is remembered is written and read.
        """
        house.rotate()
        state = advance(State(), verified(house, house.release(CACHE)))
        state = advance(state, verified(house, house.release(CACHE, channel="beta"), state))
        again = State.parse(state.encode())

        assert again == state
        assert again.anchor == house.roots[0].sha256
        assert again.root == house.root
        assert sorted(again.channels) == ["beta", "stable"]
        assert again.channels["stable"].order == (1, 1)
        assert again.time == house.now

    @pytest.mark.parametrize(
        "change",
        [
            {"type": "x"},
            {"anchor": None},
            {"anchor": "x"},
            {"root": None},
            {"root": {}},
            {"channels": []},
            {"channels": {"beta": {}}},
            {"revocations": 1},
            {"time": "yesterday"},
            {"checkpoint": {}},
            {"legacy": {"a": {}}},
            {"more": 1},
        ],
        ids=str,
    )
    def test_what_is_none(self, house: ReleaseHouse, change: dict[str, Any]) -> None:
        """
        A state that was edited into nonsense is refused, not half read.
        """
        tree = json.loads(advance(State(), verified(house, house.release(CACHE))).encode())

        with pytest.raises(DocumentRefusedError):
            State.parse(canonical.encode(tree | change))

    def test_a_release_under_the_wrong_channel(self, house: ReleaseHouse) -> None:
        """
        A channel remembers its own releases.
        """
        tree = json.loads(advance(State(), verified(house, house.release(CACHE))).encode())
        tree["channels"]["beta"] = tree["channels"]["stable"]

        with pytest.raises(DocumentRefusedError, match="a release of channel stable"):
            State.parse(canonical.encode(tree))


class TestAdvance:
    """Forward only."""

    def test_the_later_of_two_stays(self, house: ReleaseHouse) -> None:
        """
        Of two processes that verified at once, the later release is kept in either order.
        """
        first = verified(house, house.release(CACHE))
        house.wait(days=1)
        house.renew()
        house.rotate()
        second = verified(house, house.release(CACHE))
        forwards = advance(advance(State(), first), second)
        backwards = advance(advance(State(), second), first)

        assert forwards == backwards
        assert forwards.channels["stable"].order == (1, 2)
        assert forwards.root is not None
        assert forwards.root.version == 2
        assert forwards.revocations is not None
        assert forwards.revocations.number == 2
        assert forwards.time == house.now

    def test_twice_is_once(self, house: ReleaseHouse) -> None:
        """
        Committing one report again changes nothing.
        """
        report = verified(house, house.release(CACHE))
        state = advance(State(), report)

        assert advance(state, report) == state

    def test_the_anchor_is_the_first_root(self, house: ReleaseHouse) -> None:
        """
        What was pinned at the beginning is remembered when the root has moved on.
        """
        state = advance(State(), verified(house, house.release(CACHE)))
        house.rotate()
        release = house.release(CACHE)
        release = replace(release, bundle=replace(release.bundle, roots=(house.root.envelope,)))
        state = advance(state, verified(house, release, state))

        assert state.anchor == house.roots[0].sha256
        assert state.root == house.root
