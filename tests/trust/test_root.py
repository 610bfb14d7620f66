"""Roots: what contradicts itself is none, and keys have one owner."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab import canonical
from oneiric_lab.errors import DocumentRefusedError, KeyRefusedError, UntrustedError
from oneiric_lab.testing import ReleaseHouse
from oneiric_lab.trust import (
    Envelope,
    Requirement,
    Role,
    Root,
    check_signed,
    extend,
    make_root,
    sign_root,
)
from oneiric_lab.trust._keys import _ED25519
from oneiric_lab.trust._requirements import row_for
from oneiric_lab.trust._root import ROOT_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable

ROW = Requirement(2, expiry=True, lifetime_days=90)
Tree = dict[str, Any]


def reread(change: Callable[[Tree], object]) -> Root:
    """Return what is read of a house's root in which *change* was made."""
    tree = json.loads(ReleaseHouse().root.envelope.payload)
    change(tree)
    return Root.parse(Envelope(canonical.encode(tree), ROOT_TYPE))


def key(raw: bytes) -> Tree:
    """Return a key of a root, with the id that it really has."""
    import hashlib

    spki = _ED25519 + raw
    return {"keyid": hashlib.sha256(spki).hexdigest(), "public": canonical.base64_text(spki)}


DEFECTS: list[tuple[Callable[[Tree], object], str]] = [
    (lambda t: t.update(type="oneiric-root/v2"), "at /type"),
    (lambda t: t.update(version=0), "at least 1"),
    (lambda t: t.update(version=True), "an integer"),
    (lambda t: t.update(epoch="1"), "at /epoch"),
    (lambda t: t.update(more=1), "'more' is not known"),
    (lambda t: t.pop("min_schema"), "'min_schema' is missing"),
    (lambda t: t.update(project="a/b"), "a name"),
    (lambda t: t.update(project="shop\n"), "a name"),
    (lambda t: t.update(expires_at="2020-01-01T00:00:00Z"), "expires before"),
    (lambda t: t.update(issued_at="2026-01-01T00:00:00"), "a time such as"),
    (lambda t: t["roles"].pop("release"), "'release' is missing"),
    (lambda t: t["roles"].update(admin=t["roles"]["root"]), "'admin' is not known"),
    (lambda t: t["roles"]["root"].update(threshold=4), "4 signers are needed and 3"),
    (lambda t: t["roles"]["root"].update(threshold=0), "at least 1"),
    (lambda t: t["roles"]["root"]["signers"].update(eve=["*"]), "no signer is called"),
    (lambda t: t["roles"]["release"]["signers"].update(bob=["adapter"]), "globs such as"),
    (lambda t: t["roles"]["release"]["signers"].update(bob=["a:[x]"]), "globs such as"),
    (lambda t: t["signers"].update(alice=[]), "a signer without a key"),
    (lambda t: t["signers"].update({"../x": []}), "a signer's name"),
    (lambda t: t["signers"]["bob"][0].update(keyid="0" * 64), "a key says it is"),
    (lambda t: t["signers"].update(bob=t["signers"]["alice"]), "is alice's already"),
    (lambda t: t["signers"]["bob"].append(t["signers"]["bob"][0]), "is bob's already"),
    (lambda t: t["requirements"].clear(), "asks nothing of any schema"),
    (lambda t: t["requirements"].update({"03": t["requirements"]["3"]}), "schema's number"),
    (lambda t: t["requirements"].update({"9" * 5000: 1}), "schema's number"),
    (lambda t: t["requirements"]["3"].update(threshold=4), "asks for 4 signers"),
    (lambda t: t["requirements"]["3"].update(lifetime_days=0), "days of at least 1"),
    (lambda t: t["requirements"]["3"].update(expiry=False), "without an expiry"),
    (lambda t: t["requirements"]["3"].update(post_quantum="yes"), "off, accept or"),
    (lambda t: t.update(min_schema=2), "no row says what schema 2"),
]


class TestParse:
    """What is a root, and what is none."""

    def test_comes_back(self) -> None:
        """
        A root that was made is read again as the same.
        """
        root = ReleaseHouse().root

        assert Root.parse(Envelope.parse(root.envelope.encode())) == root

    @pytest.mark.parametrize(
        ("change", "message"),
        DEFECTS,
        ids=[f"{number} {message}" for number, (_, message) in enumerate(DEFECTS)],
    )
    def test_what_contradicts_itself(self, change: Callable[[Tree], object], message: str) -> None:
        """
        Each defect is refused and named.
        """
        with pytest.raises(DocumentRefusedError, match=message):
            reread(change)

    @pytest.mark.parametrize(
        ("raw", "code"),
        [
            ((1).to_bytes(32, "little"), "key-low-order"),
            (bytes(32), "key-low-order"),
            (b"\xff" * 32, "key-encoding"),
            ((2).to_bytes(32, "little"), "key-off-curve"),
            (bytes(31), "key-form"),
        ],
    )
    def test_a_key_that_must_not_be_trusted(self, raw: bytes, code: str) -> None:
        """
        Whoever signed the root: a weak key in it is refused, and its owner is named.
        """
        with pytest.raises(KeyRefusedError, match="signer bob in the root") as caught:
            reread(lambda t: t["signers"].update(bob=[key(raw)]))

        assert caught.value.code == code

    def test_another_kind_of_envelope(self) -> None:
        """
        A list of revocations is no root.
        """
        with pytest.raises(DocumentRefusedError, match="expected an envelope of"):
            Root.parse(ReleaseHouse().revocations.envelope)

    def test_shows_who_may_what(self) -> None:
        """
        The view names roles, keys with their words, and what is asked.
        """
        root = ReleaseHouse(scopes={"bob": ["adapter:*"]}).root
        shown = str(root)

        assert repr(root) == "<Root: root 1 of shop, epoch 1>"
        assert "adapter:*" in shown
        assert root.signers["carol"][0].words in shown
        assert root.as_dict()["sha256"] == root.sha256


class TestRequirements:
    """A table that only tightens."""

    LOOSER: dict[str, Any] = {  # noqa: RUF012 - read only
        "threshold": 1,
        "lifetime_days": 91,
        "expiry": False,
        "digests": False,
        "log": False,
        "witnesses": 0,
        "provenance": False,
        "post_quantum": "off",
    }
    FULL = Requirement(2, True, 90, True, True, 2, True, "accept")

    def made(self, low: Requirement, high: Requirement) -> Root:
        """Return a root with a row for schema 3 and one for schema 4."""
        house = ReleaseHouse()
        return make_root(
            project="shop",
            issued_at=house.now,
            expires_at=None,
            signers=house.root.signers,
            roles=house.root.roles,
            requirements={4: high, 3: low},
        )

    @pytest.mark.parametrize("name", sorted(LOOSER))
    def test_no_later_schema_asks_for_less(self, name: str) -> None:
        """
        Each demand by itself may not sink from one schema to the next.
        """
        parts = {name: self.LOOSER[name]} | ({"lifetime_days": None} if name == "expiry" else {})

        with pytest.raises(
            DocumentRefusedError, match=f"schema 4 asks less than schema 3: .*{name}"
        ):
            self.made(self.FULL, replace(self.FULL, **parts))

        assert self.made(replace(self.FULL, **parts), self.FULL).requirements[4] == self.FULL

    def test_a_row_holds_until_the_next(self) -> None:
        """
        A schema without a row of its own is asked what the one below is asked.
        """
        table = {3: ROW, 5: self.FULL}

        assert [row_for(table, n) for n in (2, 3, 4, 5, 9)] == [
            None,
            ROW,
            ROW,
            self.FULL,
            self.FULL,
        ]

    def test_tightening_takes_the_more_of_both(self) -> None:
        """
        Of a row and further demands, each one is the tighter.
        """
        demands = {"threshold": 1, "lifetime_days": 30, "digests": True, "post_quantum": "require"}

        assert ROW.tightened(demands) == Requirement(
            2, expiry=True, lifetime_days=30, digests=True, post_quantum="require"
        )


class TestRole:
    """Scopes."""

    def test_many_stars_do_not_take_long(self) -> None:
        """
        A glob made to backtrack is answered at once.
        """
        import time

        role = Role({"eve": ("*a" * 40 + ":*",)}, 1)
        began = time.process_time()

        assert role.covers("eve", ["a" * 5000 + "!"]) is not None
        assert time.process_time() - began < 2

    @pytest.mark.parametrize("scope", ["*", "*:*"])
    def test_everything(self, scope: str) -> None:
        """
        Who may sign for everything is not asked entry by entry.
        """
        assert Role({"alice": ("adapter:x", scope)}, 1).covers("alice", ["service:y"]) is None

    def test_a_stranger_covers_nothing(self) -> None:
        """
        A signer who is none of the role may sign for nothing.
        """
        assert Role({}, 1).covers("eve", ["adapter:x"]) == {"adapter:x"}

    def test_a_glob_fits_as_a_whole(self) -> None:
        """
        A dot is a dot, and nothing may stand before or behind.
        """
        role = Role({"bob": ("adapter:a.b",)}, 1)

        assert role.covers("bob", ["adapter:a.b"]) is None
        assert role.covers("bob", ["adapter:axb", "xadapter:a.b", "adapter:a.bx", "adapter:a.b\n"])


class TestExtend:
    """The chain by itself."""

    def test_leads_to_the_newest(self) -> None:
        """
        The steps are counted, and roots below the trusted one are passed over.
        """
        house = ReleaseHouse()
        house.rotate()
        house.rotate()
        envelopes = [root.envelope for root in house.roots]

        assert extend(house.roots[0], envelopes).root == house.root
        assert extend(house.roots[1], envelopes).steps == 1
        assert extend(house.roots[2], envelopes).steps == 0
        assert extend(house.roots[0], []).root == house.roots[0]

    def test_backwards_is_no_order(self) -> None:
        """
        A chain with the newest root first is none.
        """
        house = ReleaseHouse()
        house.rotate()
        house.rotate()

        with pytest.raises(UntrustedError, match="each is one more"):
            extend(house.roots[0], [root.envelope for root in reversed(house.roots)])

    def test_signatures_may_be_added_later(self) -> None:
        """
        A root that is signed step by step is one root.
        """
        house = ReleaseHouse()
        part = house.rotate(by=["alice"])
        with pytest.raises(UntrustedError, match="signed by alice"):
            check_signed(part, house.roots[0])
        whole = sign_root(part, house.signers["carol"])

        check_signed(whole, house.roots[0])
        assert whole.sha256 == part.sha256

    def test_a_revoked_signer_leaves_by_the_next_root(self) -> None:
        """
        The next root is signed by those who stay, when they are enough.
        """
        house = ReleaseHouse()
        stay = {n: k for n, k in house.root.signers.items() if n != "bob"}
        roles = {n: Role(dict.fromkeys(stay, ("*",)), 2) for n in ("root", "release", "revocation")}
        house.wait(days=1)
        root = house.rotate(signers=stay, roles=roles, by=["alice", "carol"])

        assert extend(house.roots[0], [root.envelope]).root.validity.issued_at == (
            house.roots[0].validity.issued_at + timedelta(days=1)
        )
