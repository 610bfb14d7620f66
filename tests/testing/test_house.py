"""The release house: what it makes is real."""

from __future__ import annotations

from oneiric_lab.testing import ReleaseHouse
from oneiric_lab.trust import State, advance, verify


class TestReleaseHouse:
    """An in-memory house of releases."""

    def test_two_houses_sign_the_same_bytes(self) -> None:
        """
        Keys come from names and the clock stands still, so every run is the same.
        """
        one, two = (ReleaseHouse().release({"adapter:cache": "redis"}) for _ in range(2))

        assert one.bundle.encode() == two.bundle.encode()
        assert one.manifest == two.manifest

    def test_a_story(self) -> None:
        """
        Releases, a rotation, a revocation and a new epoch, each trusted by a client behind.
        """
        house, state = ReleaseHouse(), State()
        for day in range(6):
            if day == 1:
                house.rotate()
            if day == 2:
                house.revoke("carol")
            if day == 4:
                house.renew(days=60)
            if day == 5:
                house.rotate(epoch=2)
            house.wait(days=9)
            release = house.release({"adapter:cache": "redis"})
            report = verify(
                release.bundle,
                release.manifest,
                policy=house.policy,
                state=state,
                now=house.now,
            )
            assert report.ok, report.failures
            state = advance(state, report)

        assert state.channels["stable"].order == (2, 1)
        assert len(house.releases) == 6

    def test_whole_entries_and_other_members(self) -> None:
        """
        A manifest may have entries of one's own, and another channel or schema.
        """
        house = ReleaseHouse()
        entry = {"domain": "task", "key": "mail", "provider": "smtp"}
        release = house.release([entry], channel="beta", schema=4)

        assert (release.statement.channel, release.statement.schema) == ("beta", 4)
        assert b'"provider":"smtp"' in release.manifest
