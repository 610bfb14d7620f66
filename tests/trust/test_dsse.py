"""Envelopes: one spelling, and a verdict for every signature."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab import canonical
from oneiric_lab.errors import DocumentRefusedError
from oneiric_lab.trust import Envelope, FileSigner, Signature, judge, pae
from oneiric_lab.trust._dsse import good_signers

if TYPE_CHECKING:
    from oneiric_lab.trust import PublicKey

ALICE, BOB, EVE = (FileSigner.from_seed(bytes([n]) * 32) for n in range(3))
KIND = "application/vnd.in-toto+json"


def keys(**signers: FileSigner) -> dict[str, tuple[str, PublicKey]]:
    """Return what a root says: key id to signer and key."""
    return {one.public_key.keyid: (name, one.public_key) for name, one in signers.items()}


BOTH = keys(alice=ALICE, bob=BOB)


def tree(**other: Any) -> dict[str, Any]:
    """Return the members of an envelope by alice, but for *other*."""
    return Envelope(b"{}", KIND).signed_by(ALICE).tree() | other


class TestPae:
    """What signatures are of."""

    def test_the_vector_of_dsse(self) -> None:
        """
        The example of DSSE's protocol.md.
        """
        assert (
            pae("http://example.com/HelloWorld", b"hello world")
            == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        )

    @given(st.text(), st.binary(), st.text(), st.binary())
    def test_two_documents_have_two_encodings(
        self, kind: str, payload: bytes, other: str, more: bytes
    ) -> None:
        """
        No type and payload encode as another type and payload.
        """
        same = (kind, payload) == (other, more)

        assert (pae(kind, payload) == pae(other, more)) is same

    def test_lengths_are_of_bytes(self) -> None:
        """
        A letter of two bytes counts twice.
        """
        assert pae("é", b"") == "DSSEv1 2 é 0 ".encode()


class TestEnvelope:
    """The file."""

    @given(st.binary(max_size=100), st.lists(st.binary(max_size=80), max_size=5))
    def test_comes_back(self, payload: bytes, sigs: list[bytes]) -> None:
        """
        What is written is read again.
        """
        signatures = tuple(Signature(hashlib.sha256(s).hexdigest(), s) for s in sigs)
        envelope = Envelope(payload, KIND, signatures)

        assert Envelope.parse(envelope.encode()) == envelope

    @pytest.mark.parametrize(
        ("other", "message"),
        [
            ({"payload": "e30"}, "base64"),
            ({"payload": "e30=\n"}, "base64"),
            ({"payload": "e31="}, "base64"),
            ({"payload": None}, "base64"),
            ({"payloadType": 1}, "a text"),
            ({"signatures": {}}, "a list"),
            ({"signatures": [1]}, r"at /signatures/0"),
            ({"signatures": [{"keyid": "0" * 64}]}, "'sig' is missing"),
            ({"signatures": [{"keyid": "A" * 64, "sig": ""}]}, "64 hex digits"),
            ({"signatures": [{"keyid": "0" * 64, "sig": "", "alg": "none"}]}, "'alg'"),
            ({"algorithm": "none"}, "'algorithm' is not known"),
        ],
    )
    def test_what_is_none(self, other: dict[str, Any], message: str) -> None:
        """
        Lax base64, other kinds, and members that are not ours are refused where they stand.
        """
        with pytest.raises(DocumentRefusedError, match=message):
            Envelope.parse(canonical.encode(tree(**other)))

    @pytest.mark.parametrize("missing", ["payload", "payloadType", "signatures"])
    def test_nothing_may_be_missing(self, missing: str) -> None:
        """
        Each of the three members is needed.
        """
        parts = tree()
        del parts[missing]

        with pytest.raises(DocumentRefusedError, match=f"{missing!r} is missing"):
            Envelope.parse(canonical.encode(parts))

    @pytest.mark.parametrize("data", [b"", b"[]", b"null", b'{"a":1', b"\xff", b'{"a":1,"a":1}'])
    def test_what_is_no_object(self, data: bytes) -> None:
        """
        Other bytes are refused.
        """
        with pytest.raises(DocumentRefusedError):
            Envelope.parse(data)

    def test_ten_thousand_signatures(self) -> None:
        """
        The count is refused before any of them is looked at.
        """
        many = [{"keyid": "0" * 64, "sig": ""}] * 9_999 + [{"nonsense": True}]

        with pytest.raises(DocumentRefusedError, match="10,000 items where at most 64"):
            Envelope.parse(canonical.encode(tree(signatures=many)), payload_bytes=10_000_000)

    def test_too_large(self) -> None:
        """
        A payload above the limit is not decoded, however well it is signed.
        """
        large = Envelope(bytes(300_000), KIND).signed_by(ALICE)

        with pytest.raises(DocumentRefusedError, match="at most"):
            Envelope.parse(large.encode())

    def test_signs_anew_in_place(self) -> None:
        """
        A signer has one signature; those of others stay, in the order of key ids.
        """
        envelope = Envelope(b"{}", KIND).signed_by(ALICE).signed_by(BOB, ALICE)

        assert [s.keyid for s in envelope.signatures] == sorted(
            [ALICE.public_key.keyid, BOB.public_key.keyid]
        )

    def test_the_digest_is_that_of_the_payload(self) -> None:
        """
        Another signature does not make another document.
        """
        one = Envelope(b"{}", KIND)

        assert one.sha256 == one.signed_by(ALICE).sha256 == hashlib.sha256(b"{}").hexdigest()


class TestJudge:
    """Verdicts."""

    def states(self, envelope: Envelope, **known: Any) -> list[str]:
        """Return the states of the verdicts, in order."""
        return [v.state for v in judge(envelope, BOTH, **known)]

    def test_every_signature_has_one(self) -> None:
        """
        Nobody stops at the first good or bad one.
        """
        envelope = Envelope(b"{}", KIND).signed_by(ALICE, BOB, EVE)
        found = {v.keyid: (v.signer, v.state) for v in judge(envelope, BOTH)}

        assert found == {
            ALICE.public_key.keyid: ("alice", "good"),
            BOB.public_key.keyid: ("bob", "good"),
            EVE.public_key.keyid: (None, "unknown"),
        }

    def test_one_signature_twice(self) -> None:
        """
        The same signature in two places counts once.
        """
        envelope = Envelope(b"{}", KIND).signed_by(ALICE)
        twice = replace(envelope, signatures=envelope.signatures * 2)

        assert self.states(twice) == ["good", "duplicate"]
        assert good_signers(judge(twice, BOTH)) == ("alice",)

    def test_two_signatures_by_one_key(self) -> None:
        """
        ECDSA has many signatures for one message; a key counts once.
        """
        signer = FileSigner.generate("p256")
        envelope = Envelope(b"{}", KIND)
        made = tuple(
            Signature(signer.public_key.keyid, signer.sign(envelope.signed)) for _ in range(2)
        )
        assert made[0] != made[1]
        verdicts = judge(replace(envelope, signatures=made), keys(alice=signer))

        assert [v.state for v in verdicts] == ["good", "duplicate"]

    def test_a_broken_signature_in_front_takes_nothing_away(self) -> None:
        """
        Who puts rubbish under a key id before the real signature does not hide it.
        """
        envelope = Envelope(b"{}", KIND).signed_by(ALICE)
        keyid = ALICE.public_key.keyid
        spoiled = replace(envelope, signatures=(Signature(keyid, bytes(64)), *envelope.signatures))

        assert self.states(spoiled) == ["invalid", "good"]

    def test_a_signature_under_another_key_id(self) -> None:
        """
        The key id says which key checks it; another one's does not fit.
        """
        envelope = Envelope(b"{}", KIND).signed_by(ALICE)
        renamed = Signature(BOB.public_key.keyid, envelope.signatures[0].sig)

        assert self.states(replace(envelope, signatures=(renamed,))) == ["invalid"]

    @pytest.mark.parametrize("other", [b"", b"{} ", b"[]"])
    def test_other_payload(self, other: bytes) -> None:
        """
        A signature is of its payload.
        """
        envelope = Envelope(b"{}", KIND).signed_by(ALICE)

        assert self.states(replace(envelope, payload=other)) == ["invalid"]

    def test_other_type(self) -> None:
        """
        A signature is of its type as well: a root is never taken for a release.
        """
        envelope = Envelope(b"{}", KIND).signed_by(ALICE)

        assert self.states(replace(envelope, payload_type="text/plain")) == ["invalid"]

    def test_an_algorithm_that_nobody_here_knows(self, unsupported: PublicKey) -> None:
        """
        It counts for nothing and takes nothing away from the others.
        """
        envelope = Envelope(b"{}", KIND).signed_by(ALICE)
        envelope = envelope.with_signature(Signature(unsupported.keyid, bytes(2420)))
        known = BOTH | {unsupported.keyid: ("dora", unsupported)}
        found = {v.signer: v.state for v in judge(envelope, known)}

        assert found == {"alice": "good", "dora": "unsupported"}

    def test_a_revoked_key(self) -> None:
        """
        Who is asked about revocations has the last word on a good signature.
        """
        envelope = Envelope(b"{}", KIND).signed_by(ALICE, BOB)
        asked: list[str] = []

        def revoked(keyid: str, signature: bytes) -> str | None:
            asked.append(keyid)
            return "gone" if keyid == BOB.public_key.keyid else None

        verdicts = judge(envelope, BOTH, revoked=revoked)

        assert {v.signer: (v.state, v.why) for v in verdicts} == {
            "alice": ("good", ""),
            "bob": ("revoked", "gone"),
        }
        assert sorted(asked) == sorted(BOTH)
