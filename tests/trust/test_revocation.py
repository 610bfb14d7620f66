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
DEFECTS: list[tuple[Any, str]] = [
    (["certificateHold", AT, AT], "expected one of unspecified, keyCompromise"),
    (["removeFromCRL", AT, AT], "expected one of"),
    ([["superseded"], AT, AT], "a list of"),
    (["superseded", "2026-01-01", AT], "a time such as"),
    (["superseded", AT, "2026-01-01T00:00:00"], "a time such as"),
    (["superseded", AT, None], "a list of"),
    (["superseded", AT, "2026-01-01T00:00:01Z"], "only after it was revoked"),
    (["superseded", AT], "a list of"),
    (["superseded", AT, AT, "note"], "a list of"),
    ({}, "a list of"),
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
    def test_an_entry_with_a_defect(self, change: Any, message: str) -> None:
        """
        Each part has one form, and reasons that take back are none.
        """
        keyid = ReleaseHouse.signer("bob").public_key.keyid

        with pytest.raises(DocumentRefusedError, match=rf"{message}.*\(at /revoked/{keyid}\)"):
            reread(lambda tree: tree["revoked"].update({keyid: change}))

    @pytest.mark.parametrize("keyid", ["0" * 63, "0" * 65, "G" + "0" * 63, "A" * 64, ""])
    def test_what_is_no_key_id(self, keyid: str) -> None:
        """
        A key is named by the SHA-256 of its SPKI in small hex.
        """
        with pytest.raises(DocumentRefusedError, match="64 hex digits"):
            reread(lambda tree: tree["revoked"].update({keyid: ["superseded", AT, AT]}))

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
        with pytest.raises(DocumentRefusedError, match="2 members where at most 1"):
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
