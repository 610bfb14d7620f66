"""Public keys: what one is, how it is named, and which are refused.

A key travels as DER SubjectPublicKeyInfo (SPKI, RFC 5280 §4.1.2.7), in base64 where the
document is JSON. Its **key id** is the hex SHA-256 of that DER. It is computed whenever a
key is loaded and never believed: whoever writes another id beside a key is refused, so one
key cannot stand under two names. The algorithm is what the SPKI says; no envelope, no
configuration and no caller has a say in it.

Two algorithms can sign: Ed25519 (RFC 8032) and ECDSA over P-256 with SHA-256. A key of
another algorithm is carried in a root for those who understand it, and counts for nothing
here. Refused are, at import and at every load of a root or a policy:

- DER that is not the one encoding of its key: a compressed point, a longer length;
- an Ed25519 point that is not on the curve, or whose y is not below 2^255 - 19;
- the fourteen encodings of the eight Ed25519 points of low order: with the identity as key,
  one constant signature fits every message, and `cryptography` 50 accepts it;
- a P-256 point that is not on the curve.

Example:
    >>> key = PublicKey.parse("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    >>> key.algorithm, key.keyid[:16]
    ('ed25519', '06e3fd8fda29bb60')
    >>> key.words
    'birog-zukaz tomon-rotob potin-jijut vimiv-tosap'
"""

from __future__ import annotations

import binascii
import hashlib
from base64 import b64decode, b64encode
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Literal

from oneiric_lab.errors import Fault, InvalidSignatureError, KeyRefusedError
from oneiric_lab.views import Fields, Result, View

from . import _crypto
from ._words import words

if TYPE_CHECKING:
    from oneiric_lab.errors import Origin

Algorithm = Literal["ed25519", "p256", "unsupported"]

_ED25519 = bytes.fromhex("302a300506032b6570032100")
_P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
# What only the two encodings above may hold: their algorithm identifiers.
_OURS = (bytes.fromhex("06032b6570"), bytes.fromhex("06082a8648ce3d030107"))
_RAW_BYTES = 32
_MOST_BYTES = 8192
"""No SPKI of a signature scheme in sight is longer (ML-DSA-87: 2,614 bytes)."""

# RFC 8032 §5.1: the field, the curve's d, and the y of the points whose order divides eight.
_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_Y8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_LOW_ORDER = frozenset({0, 1, _P - 1, _Y8, _P - _Y8})


@dataclass(frozen=True, repr=False)
class PublicKey(Result):
    """A key that was checked when it was made; equal keys have equal bytes.

    Make one by `from_spki`, `from_raw` or `parse`, which refuse what must not be trusted.

    Attributes:
        spki: DER SubjectPublicKeyInfo.
        algorithm: `unsupported` for one that this version cannot check.
        keyid: Hex SHA-256 of *spki*.
    """

    spki: bytes
    algorithm: Algorithm
    keyid: str

    @classmethod
    def from_spki(cls, spki: bytes, *, origin: Origin | None = None) -> PublicKey:
        """Return the key in DER *spki*.

        Args:
            spki: The bytes, as they stand.
            origin: Where they stand, for the message.

        Raises:
            KeyRefusedError: They are no key, or a key that must not be trusted.
        """
        try:
            return _checked(spki)
        except KeyRefusedError as error:
            if origin is None:
                raise
            fault = error.faults[0]
            raise KeyRefusedError(
                Fault(fault.code, fault.message, origin, why=fault.why, fix=fault.fix)
            ) from None

    @classmethod
    def from_raw(cls, raw: bytes, *, origin: Origin | None = None) -> PublicKey:
        """Return the Ed25519 key of 32 raw bytes.

        Raises:
            KeyRefusedError: The bytes are no such key, or one that must not be trusted.
        """
        if len(raw) != _RAW_BYTES:
            raise KeyRefusedError(
                Fault(
                    "key-form",
                    f"expected {_RAW_BYTES} bytes of a raw Ed25519 key, found {len(raw)}",
                    origin,
                    fix="give the key as PEM (-----BEGIN PUBLIC KEY-----)",
                )
            )
        return cls.from_spki(_ED25519 + raw, origin=origin)

    @classmethod
    def parse(cls, text: str | bytes, *, origin: Origin | None = None) -> PublicKey:
        """Return the key in *text*: PEM, base64 of SPKI, or raw base64 of Ed25519 as upstream.

        Raises:
            KeyRefusedError: It is no key, or one that must not be trusted.
        """
        data = text.encode("ascii", "replace") if isinstance(text, str) else text
        data = data.strip()
        if data.startswith(b"-----BEGIN "):
            if b"PRIVATE KEY" in data:
                raise KeyRefusedError(
                    Fault(
                        "key-private",
                        "expected a public key, found a private one",
                        origin,
                        fix="keep it to yourself, and give away what `trust key show` prints",
                    )
                )
            spki = _crypto.spki_of_pem(data)
            if spki is None:
                raise KeyRefusedError(
                    Fault(
                        "key-form",
                        "this PEM holds no public key",
                        origin,
                        fix="write it by: openssl pkey -in KEY.pem -pubout",
                    )
                )
            return cls.from_spki(spki, origin=origin)
        try:
            raw = b64decode(data, validate=True)
        except binascii.Error:
            raw = b""
        # Lax base64 would give one key many spellings.
        if not raw or b64encode(raw) != data:
            raise KeyRefusedError(
                Fault(
                    "key-form",
                    "expected a public key as PEM or in base64",
                    origin,
                    fix="write it by: openssl pkey -in KEY.pem -pubout",
                )
            )
        if len(raw) == _RAW_BYTES:
            return cls.from_raw(raw, origin=origin)
        return cls.from_spki(raw, origin=origin)

    @cached_property
    def words(self) -> str:
        """The key id as eight words, to be compared by voice."""
        return words(bytes.fromhex(self.keyid))

    @cached_property
    def base64(self) -> str:
        """The SPKI in base64, as documents hold it."""
        return b64encode(self.spki).decode()

    @property
    def pem(self) -> str:
        """The key as PEM."""
        return _crypto.pem("PUBLIC KEY", self.spki).decode()

    @cached_property
    def _handle(self) -> _crypto.Public | None:
        return None if self.algorithm == "unsupported" else _crypto.public(self.spki)

    def verify(self, signature: bytes, data: bytes) -> None:
        """Return when *signature* of *data* is by this key.

        Raises:
            InvalidSignatureError: It is not, or the algorithm is not one of ours.
        """
        handle = self._handle
        if handle is None:
            raise InvalidSignatureError(
                Fault(
                    "unsupported-algorithm",
                    f"key {self.keyid[:16]}… is of an algorithm that this version cannot check",
                    fix="use a key of Ed25519 or P-256",
                )
            )
        if not _crypto.verifies(handle, signature, data):
            raise InvalidSignatureError(
                Fault(
                    "invalid-signature",
                    f"the signature is not by key {self.keyid[:16]}…, or not of these bytes",
                    fix="get the bytes and the signature anew from where they were published",
                )
            )

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "keyid": self.keyid,
            "algorithm": self.algorithm,
            "words": self.words,
            "public": self.base64,
        }

    def view(self) -> View:
        """Return the key and how to read it aloud."""
        return View(
            "key",
            f"key {self.keyid[:16]} {self.algorithm}",
            (
                Fields(
                    (
                        ("key id", self.keyid),
                        ("algorithm", self.algorithm),
                        ("words", self.words),
                        ("public", self.base64),
                    )
                ),
            ),
        )


@lru_cache(maxsize=4096)
def _checked(spki: bytes) -> PublicKey:
    """Return the key in *spki*; a key is checked once a process."""
    algorithm = _algorithm(spki)
    if algorithm == "ed25519":
        _guard_ed25519(spki[len(_ED25519) :])
    elif algorithm == "p256" and _crypto.public(spki) is None:
        raise KeyRefusedError(
            Fault(
                "key-off-curve",
                "the P-256 point is not on the curve",
                fix="have the key generated anew",
            )
        )
    return PublicKey(spki, algorithm, hashlib.sha256(spki).hexdigest())


def _algorithm(spki: bytes) -> Algorithm:
    """Return the algorithm of *spki*, which must be the one DER of its key."""
    if spki.startswith(_ED25519) and len(spki) == len(_ED25519) + 32:
        return "ed25519"
    if spki.startswith(_P256) and len(spki) == len(_P256) + 64:
        return "p256"
    head = _head(spki)
    if head is None:
        raise KeyRefusedError(
            Fault(
                "key-form",
                "expected a DER SubjectPublicKeyInfo, found other bytes",
                fix="write it by: openssl pkey -in KEY.pem -pubout -outform DER | base64 -w0",
            )
        )
    if any(identifier in head for identifier in _OURS):
        # A second encoding of one key would be a second key id.
        raise KeyRefusedError(
            Fault(
                "key-encoding",
                "the key is not encoded in the one form of its algorithm",
                why="a point of P-256 is written uncompressed, lengths are minimal",
                fix="write it by: openssl ec -pubin -conv_form uncompressed",
            )
        )
    return "unsupported"


def _head(spki: bytes) -> bytes | None:
    """Return the AlgorithmIdentifier of DER that looks like an SPKI, or None."""
    if len(spki) > _MOST_BYTES:
        return None
    outer = _tlv(spki, 0, 0x30)
    if outer is None or outer[1] != len(spki):
        return None
    inner = _tlv(spki, outer[0], 0x30)
    if inner is None:
        return None
    bits = _tlv(spki, inner[1], 0x03)
    if bits is None or bits[1] != len(spki) or bits[0] == bits[1]:
        return None
    head = spki[inner[0] : inner[1]]
    return head if head[:1] == b"\x06" else None


def _tlv(data: bytes, at: int, tag: int) -> tuple[int, int] | None:
    """Return start and end of the content of the element *tag* at *at*, if it fits there."""
    if data[at : at + 1] != bytes([tag]) or len(data) < at + 2:
        return None
    size, start = data[at + 1], at + 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(data[at + 2 : start], "big")
    return (start, start + size) if start + size <= len(data) else None


def _guard_ed25519(raw: bytes) -> None:
    """Refuse what RFC 8032 §5.1.3 would not decode, and what has low order."""
    number = int.from_bytes(raw, "little")
    y = number & (2**255 - 1)
    if y >= _P:
        raise KeyRefusedError(
            Fault(
                "key-encoding",
                "the Ed25519 key is not in canonical form: y is not below 2^255 - 19",
                fix="have the key generated anew",
            )
        )
    if y in _LOW_ORDER:
        raise KeyRefusedError(
            Fault(
                "key-low-order",
                "the Ed25519 key is a point of low order",
                why="signatures that fit many messages can be made for it by anybody",
                fix="have the key generated anew; whoever made this one meant no good",
            )
        )
    u, v = (y * y - 1) % _P, (_D * y * y + 1) % _P
    # Euler: u/v has a square root, the x of the point, when its (p-1)/2-th power is 1.
    if pow(u * v, (_P - 1) // 2, _P) != 1:
        raise KeyRefusedError(
            Fault(
                "key-off-curve",
                "the Ed25519 key is no point of the curve",
                fix="have the key generated anew",
            )
        )
