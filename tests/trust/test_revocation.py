"""Revocation lists by themselves."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab import canonical
from oneiric_lab.errors import DocumentRefusedError
from oneiric_lab.testing import ReleaseHouse
from oneiric_lab.trust import Envelope, Limits, Revocations, Revoked, make_revocations
from oneiric_lab.trust._revocation import REASONS, REVOCATIONS_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable

AT = "2026-01-01T00:00:00Z"
DEFECTS: list[tuple[dict[str, Any], str]] = [
    ({"reason": "certificateHold"}, "expected one of unspecified, keyCompromise"),
    ({"reason": "removeFromCRL"}, "expected one of"),
    ({"reason": ["keyCompromise"]}, "expected one of"),
    ({"keyid": "0" * 63}, "64 hex digits"),
    ({"keyid": "G" * 64}, "hex digits"),
    ({"revoked_at": "2026-01-01"}, "a time such as"),
    ({"revoked_at": ["2026"]}, "a time such as"),
    ({"invalid_from": "2026-01-01T00:00:00"}, "a time"),
    ({"invalid_from": "2026-01-01T00:00:01Z"}, "only after it was revoked"),
    ({"note": "x"}, "expected keyid, reason"),
]


def reread(change: Callable[[dict[str, Any]], object]) -> Revocations:
    """Return what is read of a list of two keys in which *change* was made."""
    house = ReleaseHouse()
    house.revoke("bob")
    house.revoke("carol", by=["alice"])
    tree = json.loads(house.revocations.envelope.payload)
    change(tree)
    return Revocations.parse(Envelope(canonical.encode(tree), REVOCATIONS_TYPE))


class TestParse:
    """What is a list, and what is none."""

    def test_comes_back(self) -> None:
        """
        A list that was made is read again as the same.
        """
        house = ReleaseHouse()
        found = house.revoke("bob", reason="superseded", invalid_from=house.now)

        assert Revocations.parse(Envelope.parse(found.envelope.encode())) == found
        assert [one.reason for one in found.revoked.values()] == ["superseded"]

    @pytest.mark.parametrize(
        ("change", "message"), DEFECTS, ids=[f"{n} {m}" for n, (_, m) in enumerate(DEFECTS)]
    )
    def test_an_entry_with_a_defect(self, change: dict[str, Any], message: str) -> None:
        """
        Each member has one form, and reasons that take back are none.
        """
        with pytest.raises(DocumentRefusedError, match=message):
            reread(lambda tree: tree["revoked"][0].update(change))

    def test_entries_are_sorted_and_single(self) -> None:
        """
        A key stands once, and a list has one order.
        """
        for change in (
            lambda tree: tree["revoked"].reverse(),
            lambda tree: tree["revoked"].insert(0, tree["revoked"][0]),
        ):
            with pytest.raises(DocumentRefusedError, match="sorted by id, each once"):
                reread(change)

    def test_a_next_list_that_is_due_before_this_one(self) -> None:
        """
        Times go forward.
        """
        with pytest.raises(DocumentRefusedError, match="due before"):
            reread(lambda tree: tree.update(next_update="2025-01-01T00:00:00Z"))

    def test_without_an_end(self) -> None:
        """
        A list says when the next one is due.
        """
        with pytest.raises(DocumentRefusedError, match="a time such as"):
            reread(lambda tree: tree.update(next_update=None))

    def test_too_many(self) -> None:
        """
        The number of keys is bounded.
        """
        with pytest.raises(DocumentRefusedError, match="2 items where at most 1"):
            Revocations.parse(reread(lambda _: None).envelope, limits=Limits(revocations=1))

    def test_another_kind_of_envelope(self) -> None:
        """
        A root is no list.
        """
        with pytest.raises(DocumentRefusedError, match="expected an envelope of"):
            Revocations.parse(ReleaseHouse().root.envelope)

    @pytest.mark.parametrize("reason", REASONS)
    def test_every_reason(self, reason: Any) -> None:
        """
        The six reasons of RFC 5280 that leave a key revoked.
        """
        house = ReleaseHouse()

        assert house.revoke("bob", reason=reason).number == 2


class TestTakenBack:
    """Cumulative."""

    def test_what_takes_nothing_back(self) -> None:
        """
        More keys and earlier doubts are no way back.
        """
        found = reread(lambda _: None)
        before = dict.fromkeys(found.revoked, AT)

        assert found.taken_back({}) is None
        assert found.taken_back(before) is None
        assert found.taken_back(dict.fromkeys(found.revoked, "2026-05-01T00:00:00Z")) is None
        assert "leaves out" in str(found.taken_back({"0" * 64: AT}))
        assert "moves key" in str(
            found.taken_back(dict.fromkeys(found.revoked, "2025-05-01T00:00:00Z"))
        )


class TestSize:
    """Ten thousand keys."""

    def test_a_long_list(self) -> None:
        """
        A long list is read whole, and a key is found by its id.
        """
        house = ReleaseHouse()
        keys = [Revoked(f"{n:064x}", "unspecified", AT, AT) for n in range(10_000)]
        made = make_revocations(
            project="shop",
            epoch=1,
            number=1,
            issued_at=house.now,
            next_update=house.now + timedelta(days=1),
            revoked=reversed(keys),
        )

        assert made.revoked[f"{9_999:064x}"].reason == "unspecified"
        assert "list 1 of shop" in repr(made)
