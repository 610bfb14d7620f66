"""The one way back: each risk by its name, and no part goes with another."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from oneiric_lab.errors import UsageError
from oneiric_lab.trust import RISKS, State, advance, forget, verify

if TYPE_CHECKING:
    from oneiric_lab.testing import ReleaseHouse

PARTS = {
    "rollback": ("channels", "legacy"),
    "revoked-keys": ("revocations",),
    "old-root": ("root", "anchor"),
    "clock": ("time",),
}


@pytest.fixture
def state(house: ReleaseHouse) -> State:
    """Return a state with two channels and every part."""
    state = State()
    for channel in ("beta", "stable"):
        release = house.release({"adapter:cache": "redis"}, channel=channel)
        report = verify(
            release.bundle, release.manifest, policy=house.policy, state=state, now=house.now
        )
        state = advance(state, report)
    return state


class TestForget:
    def test_every_risk_has_its_part(self) -> None:
        """
        No risk without a part, no part of a state without its risk.
        """
        assert PARTS.keys() == RISKS.keys()
        assert {part for parts in PARTS.values() for part in parts} == {*State.__dataclass_fields__}

    @pytest.mark.parametrize("count", range(5))
    def test_only_what_was_accepted(self, state: State, count: int) -> None:
        """
        Of all sets of risks: exactly their parts are gone, and the rest is as it was.
        """
        empty = State()
        for risks in combinations(RISKS, count):
            left = forget(state, risks)
            gone = {part for risk in risks for part in PARTS[risk]}

            for part in State.__dataclass_fields__:
                expected = empty if part in gone else state
                assert getattr(left, part) == getattr(expected, part), (risks, part)
            assert State.parse(left.encode()) == left

    def test_one_channel(self, state: State) -> None:
        """
        A channel may be forgotten without the others.
        """
        left = forget(state, ["rollback"], channels=["beta"])

        assert list(left.channels) == ["stable"]

    def test_an_older_release_after_it(self, house: ReleaseHouse, state: State) -> None:
        """
        It does what its name says: a release below the forgotten one is taken again.
        """
        old = house.release({"adapter:cache": "redis"}, version=1)
        newer = house.release({"adapter:cache": "redis"}, version=9)
        report = verify(
            newer.bundle, newer.manifest, policy=house.policy, state=state, now=house.now
        )
        state = advance(state, report)

        def ask(known: State) -> bool:
            return verify(
                old.bundle, old.manifest, policy=house.policy, state=known, now=house.now
            ).ok

        assert not ask(state)
        assert not ask(forget(state, ["revoked-keys", "old-root", "clock"]))
        assert ask(forget(state, ["rollback"]))

    @pytest.mark.parametrize(
        ("risks", "channels", "message"),
        [
            (["rolback"], [], "no risk is called 'rolback'"),
            (["clock"], ["beta"], "only together with the risk of a rollback"),
            (["rollback"], ["betta"], "nothing is remembered of channel 'betta'"),
        ],
    )
    def test_mistakes(
        self, state: State, risks: list[str], channels: list[str], message: str
    ) -> None:
        """
        What was asked wrongly forgets nothing.
        """
        with pytest.raises(UsageError, match=message):
            forget(state, risks, channels=channels)  # type: ignore[arg-type]  # on purpose
