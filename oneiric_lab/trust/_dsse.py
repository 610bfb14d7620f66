"""DSSE envelopes: a payload, what it is, and signatures that all cover both.

An envelope is one canonical JSON object (RFC 8785), as DSSE v1 has it
(github.com/secure-systems-lab/dsse, protocol.md and envelope.md):

    {"payload":"eyJf…","payloadType":"application/vnd.in-toto+json",
     "signatures":[{"keyid":"06e3…","sig":"kR2v…"}]}

What is signed is not the payload but its pre-authentication encoding, which keeps one kind of
document from being taken for another:

    PAE(type, payload) = "DSSEv1" SP len(type) SP type SP len(payload) SP payload

with lengths in bytes as ASCII decimals. We are stricter than DSSE: `keyid` is the hex SHA-256
of the SPKI and must be there, base64 has one spelling, no other member is taken (an envelope
has no word in which algorithm or key checks it), and the count of signatures is bounded.

Every signature gets a verdict; nobody stops at the threshold, so that a report shows who
signed, and what was tried.

Example:
    >>> pae("http://example.com/HelloWorld", b"hello world")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from oneiric_lab import canonical
from oneiric_lab.errors import InvalidSignatureError

from ._limits import Limits
from ._tree import Members, document

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ._keys import PublicKey
    from ._signers import Signer

Standing = Literal["good", "invalid", "unknown", "duplicate", "unsupported", "revoked"]
"""How one signature stands; only `good` counts."""

_LIMITS = Limits()
_WHAT = "an envelope"
_BASE64_AND_SHAPE = 2  # base64 takes 4/3; names, ids and signatures the rest


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return what is signed: the pre-authentication encoding of type and payload."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature, and the key that it says it is by."""

    keyid: str
    sig: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one signature.

    Attributes:
        keyid: The key that it says it is by.
        signer: The signer to whom the root gives that key, if any.
        state: How it stands; only `good` counts.
        why: The reason in a sentence, where it does not count.
    """

    keyid: str
    signer: str | None
    state: Standing
    why: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {"keyid": self.keyid, "signer": self.signer, "state": self.state, "why": self.why}


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload with its signatures. It is only what somebody says: nothing is verified yet.

    Attributes:
        payload: The bytes of the document.
        payload_type: What it is; signed together with it.
        signatures: As they stand.
    """

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...] = ()

    @classmethod
    def parse(
        cls, data: bytes, *, limits: Limits = _LIMITS, payload_bytes: int | None = None
    ) -> Envelope:
        """Return the envelope in *data*.

        Args:
            data: The bytes of the file.
            limits: How many signatures and bytes there may be.
            payload_bytes: Most bytes of the payload, where it is not `limits.envelope_bytes`.

        Raises:
            DocumentRefusedError: The bytes are no canonical envelope, or too many.
        """
        most = payload_bytes or limits.envelope_bytes
        return cls.from_members(
            document(data, what=_WHAT, limit=_BASE64_AND_SHAPE * most), limits, most
        )

    @classmethod
    def from_members(
        cls, tree: Members, limits: Limits = _LIMITS, payload_bytes: int | None = None
    ) -> Envelope:
        """Return the envelope whose members were read from a larger document.

        Raises:
            DocumentRefusedError: It is none.
        """
        most = payload_bytes or limits.envelope_bytes
        payload, kind = tree.base64("payload"), tree.text("payloadType")
        if len(payload) > most:
            tree.fail(f"{len(payload):,} bytes where at most {most:,} are read", "payload")
        signatures = []
        # The count comes first: 10,000 signatures would cost a second to refuse one by one.
        for item in tree.objects("signatures", most=limits.signatures):
            signatures.append(Signature(item.sha256("keyid"), item.base64("sig")))
            item.done()
        tree.done()
        return cls(payload, kind, tuple(signatures))

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of the payload, which is the document's digest: signatures may be added."""
        return hashlib.sha256(self.payload).hexdigest()

    @property
    def signed(self) -> bytes:
        """The bytes that signatures are of."""
        return pae(self.payload_type, self.payload)

    def tree(self) -> dict[str, object]:
        """Return the members as JSON has them."""
        return {
            "payload": canonical.base64_text(self.payload),
            "payloadType": self.payload_type,
            "signatures": [
                {"keyid": s.keyid, "sig": canonical.base64_text(s.sig)} for s in self.signatures
            ],
        }

    def encode(self) -> bytes:
        """Return the bytes of the file."""
        return canonical.encode(self.tree())

    def signed_by(self, *signers: Signer) -> Envelope:
        """Return the envelope with a signature of each of *signers*, by key id.

        A signer who signed before signs again; the former signature is replaced.
        """
        found = {signature.keyid: signature for signature in self.signatures}
        for signer in signers:
            keyid = signer.public_key.keyid
            found[keyid] = Signature(keyid, signer.sign(self.signed))
        return replace(self, signatures=tuple(found[keyid] for keyid in sorted(found)))

    def with_signature(self, signature: Signature) -> Envelope:
        """Return the envelope with a signature that was made elsewhere; nothing is checked."""
        found = {one.keyid: one for one in self.signatures} | {signature.keyid: signature}
        return replace(self, signatures=tuple(found[keyid] for keyid in sorted(found)))


def judge(
    envelope: Envelope,
    keys: Mapping[str, tuple[str, PublicKey]],
    *,
    revoked: Callable[[str, bytes], str | None] = lambda _keyid, _sig: None,
) -> tuple[Verdict, ...]:
    """Return a verdict for every signature of *envelope*.

    Args:
        envelope: What somebody says.
        keys: Key id to signer and key, of one role of a root that is trusted.
        revoked: Asked with key id and signature, returns why the key does not count.

    Returns:
        As many verdicts as there are signatures. The `good` ones are by distinct keys.
    """
    signed = envelope.signed
    seen: set[str] = set()
    out = []
    for signature in envelope.signatures:
        known = keys.get(signature.keyid)
        if known is None:
            out.append(
                Verdict(signature.keyid, None, "unknown", "the root names no such key for this")
            )
            continue
        signer, key = known
        state: Standing = "good"
        why = ""
        if signature.keyid in seen:
            # One signature twice, or two by one key (ECDSA has many for one message).
            state, why = "duplicate", "the key has signed already, and counts once"
        elif key.algorithm == "unsupported":
            state, why = "unsupported", "this version cannot check signatures of its algorithm"
        else:
            try:
                key.verify(signature.sig, signed)
            except InvalidSignatureError:
                state, why = "invalid", "it is not by this key, or not of these bytes"
            else:
                seen.add(signature.keyid)
                taken_back = revoked(signature.keyid, signature.sig)
                if taken_back is not None:
                    state, why = "revoked", taken_back
        out.append(Verdict(signature.keyid, signer, state, why))
    return tuple(out)


def good_signers(verdicts: tuple[Verdict, ...]) -> tuple[str, ...]:
    """Return the distinct signers with at least one good signature, in order.

    A root gives each key to one signer, so distinct signers have distinct keys.
    """
    return tuple(sorted({v.signer for v in verdicts if v.state == "good" and v.signer is not None}))
