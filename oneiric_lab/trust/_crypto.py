"""The one door to `cryptography`: raw bytes in, raw bytes or a verdict out.

Nothing here decides whom to trust. `cryptography` is imported inside the functions, since a
program that only looks at a policy or a state never needs it. Errors leave this module as
None or False: no exception of another library carries a passphrase or a key away with it.
"""

from __future__ import annotations

import hashlib
import os
from base64 import b64encode
from textwrap import wrap
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
    Public = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey

Algorithm = Literal["ed25519", "p256"]

# scrypt with these takes 16 MiB, the most that openssl reads, and 0.2 s for each guess.
# `cryptography` itself would write PBKDF2 with 2,048 rounds, far below what OWASP asks for.
_SCRYPT_COST, _SCRYPT_BLOCK, _SCRYPT_PARALLEL = 1 << 14, 8, 5
_SCRYPT_MEMORY = 64 * 1024 * 1024
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_SCRYPT = bytes.fromhex("06092b06010401da47040b")
_AES_256_CBC = bytes.fromhex("060960864801650304012a")


# --- public keys ------------------------------------------------------------------------


def public(spki: bytes) -> Public | None:
    """Return the key that the DER SubjectPublicKeyInfo *spki* holds, or None."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519  # noqa: PLC0415 - see above

    try:
        key = serialization.load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm):
        return None
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    return None


def spki_of_pem(data: bytes) -> bytes | None:
    """Return the DER SubjectPublicKeyInfo in a PEM text, or None."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - see above

    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def verifies(key: Public, signature: bytes, data: bytes) -> bool:
    """Tell whether *signature* of *data* is by *key*."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - see above

    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        else:
            key.verify(signature, data)
    except InvalidSignature:
        return False
    return True


# --- private keys -----------------------------------------------------------------------


def generate(algorithm: Algorithm) -> Private:
    """Return a new private key."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519  # noqa: PLC0415 - see above

    if algorithm == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1())


def from_seed(seed: bytes) -> Private:
    """Return the Ed25519 key of a 32-byte *seed*, which is the whole private key."""
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 - see above

    return ed25519.Ed25519PrivateKey.from_private_bytes(seed)


def from_pem(data: bytes, secret: str | None) -> Private | Literal["locked", "wrong"] | None:
    """Return the private key in PKCS#8 PEM.

    `locked` when it needs a passphrase and none was given, `wrong` when the passphrase does
    not open it, None when it is no key of a known kind.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519  # noqa: PLC0415 - see above

    encrypted = b"ENCRYPTED" in data
    if encrypted and secret is None:
        return "locked"
    try:
        key = serialization.load_pem_private_key(
            data, secret.encode() if encrypted and secret is not None else None
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "wrong" if encrypted else None
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    return None


def to_pem(key: Private, secret: str | None) -> bytes:
    """Return *key* as PKCS#8 PEM, encrypted by *secret* where one is given."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - see above

    plain = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    if secret is None:
        return pem("PRIVATE KEY", plain)
    return pem("ENCRYPTED PRIVATE KEY", _encrypted(plain, secret.encode()))


def spki_of_private(key: Private) -> bytes:
    """Return the DER SubjectPublicKeyInfo of the public half of *key*."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - see above

    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def sign(key: Private, data: bytes) -> bytes:
    """Return the signature of *data*: 64 bytes of Ed25519, or ECDSA with SHA-256 in DER."""
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - see above

    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(hashes.SHA256()))
    return key.sign(data)


# --- PKCS#8, encrypted ------------------------------------------------------------------


def _encrypted(plain: bytes, secret: bytes) -> bytes:
    """Return EncryptedPrivateKeyInfo (RFC 5958) by PBES2 with scrypt (RFC 7914 §7.1)."""
    from cryptography.hazmat.primitives.ciphers import (  # noqa: PLC0415 - see above
        Cipher,
        algorithms,
        modes,
    )

    salt, start = os.urandom(16), os.urandom(16)
    key = hashlib.scrypt(
        secret,
        salt=salt,
        n=_SCRYPT_COST,
        r=_SCRYPT_BLOCK,
        p=_SCRYPT_PARALLEL,
        maxmem=_SCRYPT_MEMORY,
        dklen=32,
    )
    pad = 16 - len(plain) % 16
    cipher = Cipher(algorithms.AES256(key), modes.CBC(start)).encryptor()
    sealed = cipher.update(plain + bytes([pad]) * pad) + cipher.finalize()
    kdf = _sequence(
        _SCRYPT,
        _sequence(
            _der(0x04, salt),
            _integer(_SCRYPT_COST),
            _integer(_SCRYPT_BLOCK),
            _integer(_SCRYPT_PARALLEL),
        ),
    )
    scheme = _sequence(_AES_256_CBC, _der(0x04, start))
    return _sequence(_sequence(_PBES2, _sequence(kdf, scheme)), _der(0x04, sealed))


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:  # noqa: PLR2004 - X.690 §8.1.3: short lengths are one byte
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _sequence(*parts: bytes) -> bytes:
    return _der(0x30, b"".join(parts))


def _integer(value: int) -> bytes:
    # One bit more: the highest bit of a DER integer is its sign.
    return _der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def pem(label: str, data: bytes) -> bytes:
    """Return *data* as PEM (RFC 7468)."""
    lines = "\n".join(wrap(b64encode(data).decode(), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n".encode()
