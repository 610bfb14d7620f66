"""What signs: a protocol of two names, and the signer whose key is in a file.

    class Signer(Protocol):
        public_key: PublicKey
        def sign(self, data: bytes, /) -> bytes: ...

Tokens (PKCS#11), key services and machines behind an air gap are signers of their own;
whoever has these two names can sign. What comes back is 64 bytes for Ed25519, and DER for
P-256, over exactly the bytes that were given.

A private key is kept as PKCS#8 in PEM, mode 0600, encrypted (PBES2 with scrypt and
AES-256-CBC, which openssl reads) unless the caller says `passphrase=None`. A passphrase
comes from a callable that is given what it is asked for; it is not kept, and stands in no
message and in no frame of a traceback.
"""

from __future__ import annotations

import os
import stat
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Literal, NoReturn, Protocol

from oneiric_lab.errors import Fault, KeyRefusedError, Origin, PassphraseError
from oneiric_lab.files import ABSENT, digest, read, write_atomic

from . import _crypto
from ._keys import PublicKey

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Passphrase = Callable[[str], str]
    """Called with the prompt, returns the passphrase; `getpass.getpass` is one."""

MAX_KEY_BYTES = 64 * 1024
_SEED_BYTES = 32


class Signer(Protocol):
    """Whatever can sign: a file, a token, a service, a person behind an air gap."""

    @property
    def public_key(self) -> PublicKey:
        """The public half, by which the signature will be checked."""
        ...

    def sign(self, data: bytes, /) -> bytes:
        """Return the signature of *data*."""
        ...


class FileSigner:
    """A private key in memory, from a file or just generated.

    It cannot be pickled, copied into a message or shown: `repr` has the key id only.

    Example:
        >>> signer = FileSigner.generate()
        >>> signer.public_key.verify(signer.sign(b"release"), b"release")
    """

    __slots__ = ("_key", "_public")

    def __init__(self, key: _crypto.Private) -> None:
        self._key = key
        self._public = PublicKey.from_spki(_crypto.spki_of_private(key))

    @classmethod
    def generate(cls, algorithm: _crypto.Algorithm = "ed25519") -> FileSigner:
        """Return a signer with a new key, which is nowhere but in memory until it is saved."""
        return cls(_crypto.generate(algorithm))

    @classmethod
    def from_seed(cls, seed: bytes) -> FileSigner:
        """Return the Ed25519 signer of 32 bytes; the same bytes give the same key.

        For tests and tutorials: a seed in a source file is no secret.

        Raises:
            KeyRefusedError: The seed has another length.
        """
        if len(seed) != _SEED_BYTES:
            raise KeyRefusedError(
                Fault("key-form", f"expected a seed of {_SEED_BYTES} bytes, found {len(seed)}")
            )
        return cls(_crypto.from_seed(seed))

    @classmethod
    def parse(
        cls, data: bytes, *, passphrase: Passphrase | None = None, shown: str = "the key"
    ) -> FileSigner:
        """Return the signer of a private key in PKCS#8 PEM, or raw base64 as upstream has it.

        Args:
            data: The bytes of the file.
            passphrase: Asked once when the key is encrypted, with a prompt.
            shown: What the prompt and messages call it.

        Raises:
            PassphraseError: It is encrypted and the passphrase does not open it.
            KeyRefusedError: It is no private key of a known kind.
        """
        found = _opened(data, passphrase, shown)
        origin = Origin("", file=shown)
        if found == "locked":
            raise PassphraseError(
                Fault(
                    "passphrase-needed",
                    f"{shown} is encrypted, and nobody was there to ask for the passphrase",
                    origin,
                    fix="run this in a terminal or a notebook; in a program pass passphrase=",
                )
            )
        if found == "wrong":
            raise PassphraseError(
                Fault(
                    "passphrase-wrong",
                    f"the passphrase does not open {shown}",
                    origin,
                    fix="try again; a key without its passphrase is lost, and leaves the root",
                )
            )
        if found is None:
            raise KeyRefusedError(
                Fault(
                    "key-form",
                    f"{shown} holds no private key of Ed25519 or P-256",
                    origin,
                    fix="write it as PKCS#8: openssl pkcs8 -topk8 -in OLD.pem -out KEY.pem",
                )
            )
        return cls(found)

    @classmethod
    def load(
        cls, path: Path, *, passphrase: Passphrase | None = None, shown: str | None = None
    ) -> FileSigner:
        """Return the signer whose key is in the file *path*.

        Raises:
            FileAccessError: The file cannot be read.
            KeyRefusedError: Others may read the file, or it is no private key.
            PassphraseError: It is encrypted and the passphrase does not open it.
        """
        name = shown or str(path)
        data = read(path, shown=name, limit=MAX_KEY_BYTES).data
        cls.guard(path, name)
        return cls.parse(data, passphrase=passphrase, shown=name)

    @staticmethod
    def guard(path: Path, shown: str) -> None:
        """Return when nobody else may read *path*; Windows has no modes to look at.

        Raises:
            KeyRefusedError: Others may.
        """
        mode = stat.S_IMODE(path.stat().st_mode)
        if os.name == "posix" and mode & 0o077:
            raise KeyRefusedError(
                Fault(
                    "key-exposed",
                    f"others may read {shown} (mode {mode:04o})",
                    Origin("", file=shown),
                    why="a private key that others could read is no longer one",
                    fix=f"chmod 600 {shown}",
                )
            )

    def save(self, path: Path, *, passphrase: Passphrase | None, shown: str | None = None) -> None:
        """Write the key to a new file *path*, mode 0600, whole or not at all.

        Args:
            path: A file that is not there yet; a key is never written over another one.
            passphrase: Asked for the new passphrase; None writes it unencrypted.
            shown: The path as people are shown it.

        Raises:
            PassphraseError: The new passphrase is empty.
            FileAccessError: The file is there, or cannot be written.
        """
        name = shown or str(path)
        write_atomic(
            path, _sealed(self._key, passphrase, name), expect=ABSENT, mode=0o600, shown=name
        )

    @classmethod
    def change_passphrase(
        cls,
        path: Path,
        *,
        old: Passphrase | None,
        new: Passphrase | None,
        shown: str | None = None,
    ) -> FileSigner:
        """Write the key in *path* anew under another passphrase, and return its signer.

        The file holds the old bytes or the new ones at every moment.

        Raises:
            PassphraseError: *old* does not open it, or the new one is empty.
            FileAccessError: The file changed meanwhile, or cannot be written.
        """
        name = shown or str(path)
        before = read(path, shown=name, limit=MAX_KEY_BYTES).data
        signer = cls.load(path, passphrase=old, shown=name)
        sealed = _sealed(signer._key, new, name)  # noqa: SLF001 - of this very class
        write_atomic(path, sealed, expect=digest(before), shown=name)
        return signer

    @property
    def public_key(self) -> PublicKey:
        """The public half."""
        return self._public

    def sign(self, data: bytes, /) -> bytes:
        """Return the signature of *data*."""
        return _crypto.sign(self._key, data)

    def __repr__(self) -> str:
        """Return algorithm and key id."""
        return f"<FileSigner: {self._public.algorithm} {self._public.keyid[:16]}>"

    def __reduce__(self) -> NoReturn:
        """Refuse: a private key does not travel between processes by accident."""
        raise TypeError("a signer holds a private key and cannot be pickled")


def _sealed(key: _crypto.Private, passphrase: Passphrase | None, name: str) -> bytes:
    sealed = _asked_and_sealed(key, passphrase, name)
    if sealed is None:
        raise PassphraseError(
            Fault(
                "passphrase-empty",
                "the new passphrase is empty",
                Origin("", file=name),
                fix="give one of several words, or say that the key shall be unencrypted",
            )
        )
    return sealed


# The two functions below hold a passphrase in a local variable. They raise nothing of ours:
# a notebook that shows the variables of each frame (`%xmode Verbose`) finds none in a frame
# that is still there.


def _opened(
    data: bytes, passphrase: Passphrase | None, shown: str
) -> _crypto.Private | Literal["locked", "wrong"] | None:
    if not data.lstrip().startswith(b"-----BEGIN "):
        return _raw(data)
    found = _crypto.from_pem(data, None)
    if found != "locked" or passphrase is None:
        return found
    return _crypto.from_pem(data, passphrase(f"Passphrase of {shown}: "))


def _asked_and_sealed(
    key: _crypto.Private, passphrase: Passphrase | None, name: str
) -> bytes | None:
    if passphrase is None:
        return _crypto.to_pem(key, None)
    secret = passphrase(f"New passphrase for {name}: ")
    return _crypto.to_pem(key, secret) if secret else None


def _raw(data: bytes) -> _crypto.Private | None:
    """Return the Ed25519 key of 32 bytes in base64, the form that upstream's signing takes."""
    text = data.strip()
    try:
        seed = b64decode(text, validate=True)
    except ValueError:
        return None
    if len(seed) != _SEED_BYTES or b64encode(seed) != text:
        return None
    return _crypto.from_seed(seed)
