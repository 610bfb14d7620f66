"""The next revocation list: cumulative, by its role, and never by a key that it revokes."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.errors import (
    RevokedKeyError,
    ThresholdError,
    UnknownKeyError,
    UntrustedError,
    UsageError,
)
from oneiric_lab.testing import ReleaseHouse
from oneiric_lab.trust import (
    ListStanding,
    Revocations,
    Revoked,
    RootDraft,
    State,
    check_list_follows,
    countersign_list,
    keys_of,
    list_quorum,
    make_revocations,
    next_list,
    reason_name,
    verify,
)

if TYPE_CHECKING:
    from oneiric_lab.trust import Root


def made(
    house: ReleaseHouse,
    before: Revocations | None,
    *revoked: Revoked,
    root: Root | None = None,
) -> Revocations:
    """Return the next list of the house."""
    due = house.now + timedelta(days=30)
    return next_list(root or house.root, before, revoked, issued_at=house.now, next_update=due)


def stolen(house: ReleaseHouse, name: str, since: str = "2026-01-01T00:00:00Z") -> Revoked:
    """Return what is said of the key of *name*."""
    (key,) = house.root.signers[name]
    return Revoked(key.keyid, "keyCompromise", "2026-01-01T00:00:00Z", since)


class TestNextList:
    """Making it."""

    def test_the_first(self, house: ReleaseHouse) -> None:
        """
        Without one before it, it is list 1 of the root's epoch.
        """
        listed = made(house, None)

        assert (listed.number, listed.epoch, dict(listed.revoked)) == (1, 1, {})

    def test_it_is_cumulative(self, house: ReleaseHouse) -> None:
        """
        What was said before is said again, word by word.
        """
        one = made(house, None, stolen(house, "bob"))
        two = made(house, one, stolen(house, "carol"))

        assert two.number == 2
        assert two.taken_back({k: r.invalid_from for k, r in one.revoked.items()}) is None
        assert {**one.revoked}.items() <= two.revoked.items()

    def test_an_earlier_time(self, house: ReleaseHouse) -> None:
        """
        Since when a key is doubted may move to an earlier time, and not to a later one.
        """
        one = made(house, None, stolen(house, "bob"))
        early = stolen(house, "bob", "2025-12-01T00:00:00Z")
        two = made(house, one, early)

        assert [r.invalid_from for r in two.revoked.values()] == ["2025-12-01T00:00:00Z"]
        with pytest.raises(UsageError, match="revoked already, from 2025-12-01"):
            made(house, two, stolen(house, "bob"))

    def test_a_recovery_keeps_what_was_taken(self, house: ReleaseHouse) -> None:
        """
        A new epoch numbers anew; it gives no key back.
        """
        before = made(house, made(house, None), stolen(house, "bob"))
        house.rotate(epoch=2)
        listed = made(house, before)

        assert (listed.epoch, listed.number) == (2, 1)
        assert listed.revoked == before.revoked

    @pytest.mark.parametrize("parts", [{"project": "till"}, {"epoch": 2}], ids=str)
    def test_a_list_of_elsewhere(self, house: ReleaseHouse, parts: dict[str, Any]) -> None:
        """
        Another project's, and one of an epoch to come, are none to go on from.
        """
        said: dict[str, Any] = {"project": "shop", "epoch": 1} | parts
        due = house.now + timedelta(days=1)
        other = make_revocations(number=1, issued_at=house.now, next_update=due, **said)

        with pytest.raises(UntrustedError, match="a list of"):
            made(house, other)

    @given(st.lists(st.lists(st.integers(0, 5), max_size=4), max_size=6))
    def test_nothing_ever_comes_back(self, steps: list[list[int]]) -> None:
        """
        Along any chain of lists numbers grow by one and the revoked keys only grow.
        """
        house = ReleaseHouse()
        listed = made(house, None)
        at = "2026-01-01T00:00:00Z"
        for step in steps:
            known = set(listed.revoked)
            keys = {f"{number:064x}" for number in step} - known
            following = made(house, listed, *(Revoked(k, "superseded", at, at) for k in keys))
            assert following.number == listed.number + 1
            assert set(following.revoked) == known | keys
            check_list_follows(following, listed, house.root)
            listed = following


class TestKeysOf:
    """Whom somebody means."""

    def test_a_signer(self, house: ReleaseHouse) -> None:
        """
        By name: all keys of the signer.
        """
        draft = RootDraft.of(house.root)
        second = ReleaseHouse.signer("second").public_key
        root = draft.with_keys("bob", *draft.signers["bob"], second).root(issued_at=house.now)

        assert keys_of(root, "bob") == tuple(key.keyid for key in root.signers["bob"])
        assert len(keys_of(root, "bob")) == 2

    def test_a_key(self, house: ReleaseHouse) -> None:
        """
        By its first digits where they are enough, or whole, also one that the root never had.
        """
        (key,) = house.root.signers["bob"]

        assert keys_of(house.root, key.keyid[:8]) == (key.keyid,)
        assert keys_of(house.root, key.keyid) == (key.keyid,)
        assert keys_of(house.root, "ab" * 32) == ("ab" * 32,)

    @pytest.mark.parametrize("text", ["bop", "", "ab", "0123456789", "AB" * 32, "*"])
    def test_nobody(self, house: ReleaseHouse, text: str) -> None:
        """
        What names nobody is refused, not passed over.
        """
        with pytest.raises(UsageError):
            keys_of(house.root, text)

    def test_a_reason(self) -> None:
        """
        The two reasons that take a revocation back are none here.
        """
        assert reason_name("keyCompromise") == "keyCompromise"
        for bad in ("removeFromCRL", "certificateHold", "lost"):
            with pytest.raises(UsageError):
                reason_name(bad)


class TestCheckListFollows:
    """What may stand behind what."""

    def test_a_lower_number(self, house: ReleaseHouse) -> None:
        """
        Neither the same number nor a lower one.
        """
        one = made(house, None)
        two = made(house, one)

        for listed in (one, two):
            with pytest.raises(UntrustedError, match="is not behind"):
                check_list_follows(listed, two, house.root)

    def test_unrevoking_by_omission(self, house: ReleaseHouse) -> None:
        """
        A list that leaves a key out takes it back, and is refused.
        """
        before = made(house, None, stolen(house, "bob"))
        due = house.now + timedelta(days=30)
        listed = make_revocations(
            project="shop", epoch=1, number=2, issued_at=house.now, next_update=due
        )

        with pytest.raises(UntrustedError, match="leaves out key"):
            check_list_follows(listed, before, house.root)
        with pytest.raises(UntrustedError, match="leaves out key"):
            countersign_list(listed, house.root, before, house.signers["alice"])

    def test_another_epoch(self, house: ReleaseHouse) -> None:
        """
        A list of before the recovery is none after it.
        """
        before = made(house, None)
        house.rotate(epoch=2)

        with pytest.raises(UntrustedError, match="epoch 1"):
            check_list_follows(before, None, house.root)


class TestCountersignList:
    """One signature more."""

    def test_of_all_groups_only_those_of_two_honest(self, house: ReleaseHouse) -> None:
        """
        Complete is what two of the role have signed whose keys still count, and verify agrees.
        """
        before = house.revocations
        listed = made(house, before, stolen(house, "bob"))
        release = house.release({"adapter:cache": "redis"}, by=["alice", "carol"])
        for count in range(4):
            for names in combinations(house.signers, count):
                envelope = listed.envelope.signed_by(*(house.signers[name] for name in names))
                signed = Revocations.parse(envelope)
                complete = list_quorum(signed, house.root, before).is_complete
                house.revocations = signed
                bundle = house.bundle(release.statement, ["alice", "carol"])
                report = verify(
                    bundle,
                    release.manifest,
                    policy=house.policy,
                    state=State(),
                    now=house.now,
                )

                assert complete == ({"alice", "carol"} <= set(names)), names
                assert (report.check("revocations").state == "passed") == complete, names

    def test_its_own_victim(self, house: ReleaseHouse) -> None:
        """
        The key that is revoked signs neither this list nor the next.
        """
        one = made(house, None, stolen(house, "bob"))
        with pytest.raises(RevokedKeyError):
            countersign_list(one, house.root, None, house.signers["bob"])
        two = made(house, one)
        with pytest.raises(RevokedKeyError):
            countersign_list(two, house.root, one, house.signers["bob"])

    def test_a_stranger(self, house: ReleaseHouse) -> None:
        """
        A list that signs itself by a key of its own is signed by nobody.
        """
        listed = made(house, None)
        mallory = ReleaseHouse.signer("mallory")

        with pytest.raises(UnknownKeyError, match="signs no list"):
            countersign_list(listed, house.root, None, mallory)
        forged = Revocations.parse(listed.envelope.signed_by(mallory))
        assert list_quorum(forged, house.root).signed == ()

    def test_a_root_without_the_role(self, house: ReleaseHouse) -> None:
        """
        Where nobody may revoke, no list can be signed.
        """
        roles = {name: role for name, role in house.root.roles.items() if name != "revocation"}
        house.rotate(roles=roles)
        listed = made(house, None)

        with pytest.raises(UntrustedError, match="nobody may take keys back"):
            list_quorum(listed, house.root)
        with pytest.raises(UnknownKeyError, match="is of nobody"):
            countersign_list(listed, house.root, None, house.signers["alice"])


class TestListStanding:
    """What is shown."""

    def test_what_is_new(self, house: ReleaseHouse) -> None:
        """
        New keys are told from those of before, by signer.
        """
        one = made(house, None, stolen(house, "bob"))
        two = made(house, one, stolen(house, "carol"))
        standing = ListStanding(two, house.root, one, house.now)

        assert [r.keyid for r in standing.new] == [house.root.signers["carol"][0].keyid]
        rows = [line.split() for line in standing.to_text().splitlines()]
        assert any(row[:2] == ["new", "carol"] for row in rows)
        assert any(row[0] == "bob" for row in rows if row)

    def test_what_follows(self, house: ReleaseHouse) -> None:
        """
        Roles that have too few signers left, and root keys that still sign, are told.
        """
        listed = made(house, None, stolen(house, "bob"), stolen(house, "carol"))
        codes = [w.code for w in ListStanding(listed, house.root, None, house.now).warnings]

        assert codes == ["root-key-revoked", "role-stopped", "role-stopped", "role-stopped"]

    def test_it_grows_old(self, house: ReleaseHouse) -> None:
        """
        A week before the next is due it is told.
        """
        standing = ListStanding(house.revocations, house.root, None, house.now + timedelta(days=25))

        assert [w.code for w in standing.warnings] == ["revocations-age"]
        assert "trust crl new" in standing.to_text(width=300)

    def test_incomplete(self, house: ReleaseHouse) -> None:
        """
        What the threshold has not signed is not published.
        """
        standing = ListStanding(made(house, None), house.root, None, house.now)

        with pytest.raises(ThresholdError, match="signed by 0 of 2"):
            standing.require_complete()
        assert "no key is revoked" in standing.to_text()
        assert standing.as_dict()["complete"] is False
        ListStanding(house.revocations, house.root, None, house.now).require_complete()
