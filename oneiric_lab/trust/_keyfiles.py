"""Files of keys: a private key, and its public half beside it for everybody.

`alice.pem` is PKCS#8, mode 0600, under a passphrase unless somebody said otherwise;
`alice.pem.pub` is the SPKI in PEM, which others are given. A folder can be listed without a
passphrase, by the public halves.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from oneiric_lab.errors import Fault, FileAccessError, KeyRefusedError, OneiricError, Origin
from oneiric_lab.files import ABSENT, check, read, write_atomic
from oneiric_lab.views import Cell, Fields, Note, Result, Table, View

from ._keys import PublicKey
from ._signers import MAX_KEY_BYTES, FileSigner

if TYPE_CHECKING:
    from ._signers import Passphrase

_PUBLIC = ".pub"
_PRIVATE = b"PRIVATE KEY-----"
_LOCKED = b"ENCRYPTED PRIVATE KEY-----"
_MOST = 1000


@dataclass(frozen=True, slots=True, repr=False)
class KeyFile(Result):
    """A key and the files that hold it.

    Attributes:
        key: The public half.
        file: The file that was asked for, as it was named.
        public: The file of the public half, where one was written.
        done: What was done, in a word; empty when it was only looked at.
    """

    key: PublicKey
    file: str
    public: str | None = None
    done: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {"file": self.file, "public_file": self.public, **self.key.as_dict()}

    def view(self) -> View:
        """Return the key, and what to do with which file."""
        rows = [("key id", self.key.keyid), ("algorithm", self.key.algorithm)]
        rows += [("words", self.key.words), ("public", self.key.base64), ("file", self.file)]
        notes: tuple[Note, ...] = ()
        if self.public is not None:
            rows.append(("public file", self.public))
            notes = (
                Note(f"give {self.public} to whoever makes the root, and compare the words aloud"),
            )
        title = f"{self.done or 'key'}: {self.file} {self.key.algorithm} {self.key.keyid[:16]}"
        return View("key-file", title, (Fields(tuple(rows)), *notes))


@dataclass(frozen=True, slots=True)
class Listed:
    """One file of a folder.

    Attributes:
        file: Its name.
        kind: `private`, `private, encrypted` or `public`.
        key: The key, where it can be read without a passphrase.
        fault: What is wrong with it, if anything.
    """

    file: str
    kind: str
    key: PublicKey | None
    fault: str | None


@dataclass(frozen=True, slots=True, repr=False)
class KeyFiles(Result):
    """The key files of a folder, by name."""

    folder: str
    files: tuple[Listed, ...]

    @property
    def exit_code(self) -> int:
        """1 where something is wrong with one of them."""
        return int(any(one.fault for one in self.files))

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "folder": self.folder,
            "keys": [
                {
                    "file": one.file,
                    "kind": one.kind,
                    "keyid": None if one.key is None else one.key.keyid,
                    "algorithm": None if one.key is None else one.key.algorithm,
                    "words": None if one.key is None else one.key.words,
                    "fault": one.fault,
                }
                for one in self.files
            ],
        }

    def view(self) -> View:
        """Return a row for each file."""
        rows = tuple(
            (
                one.file,
                one.kind,
                None if one.key is None else one.key.algorithm,
                None if one.key is None else one.key.keyid[:16],
                None if one.key is None else one.key.words,
                Cell(one.fault or "", "bad"),
            )
            for one in self.files
        )
        if not rows:
            title, blocks = "no key here", (Note("trust key new NAME.pem makes one"),)
            return View("key-files", f"keys of {self.folder}: {title}", blocks)
        columns = ("file", "kind", "algorithm", "key id", "words", "")
        title = f"{len(rows)} file" + ("" if len(rows) == 1 else "s")
        return View("key-files", f"keys of {self.folder}: {title}", (Table(columns, rows),))


def keep(
    signer: FileSigner, path: Path, *, passphrase: Passphrase | None, shown: str, done: str
) -> KeyFile:
    """Write *signer* to *path* and its public half beside it; both files are new.

    Raises:
        FileAccessError: One of them is there already, or cannot be written.
        PassphraseError: The passphrase is empty.
    """
    public, name = _beside(path), shown + _PUBLIC
    check(public, ABSENT, shown=name)
    # The private half first: a public one without it would be signed into a root in vain.
    signer.save(path, passphrase=passphrase, shown=shown)
    pem = signer.public_key.pem.encode()
    write_atomic(public, pem, expect=ABSENT, mode=0o644, shown=name)
    return KeyFile(signer.public_key, shown, name, done)


def look(path: Path, *, passphrase: Passphrase | None, shown: str) -> KeyFile:
    """Return the key in *path*, a public or a private one; the latter is opened.

    Raises:
        FileAccessError: The file cannot be read.
        KeyRefusedError: It holds no key, or one that must not be trusted.
        PassphraseError: It is encrypted and the passphrase does not open it.
    """
    data = read(path, shown=shown, limit=MAX_KEY_BYTES).data
    if _PRIVATE in data:
        return KeyFile(FileSigner.load(path, passphrase=passphrase, shown=shown).public_key, shown)
    return KeyFile(PublicKey.parse(data, origin=Origin("", shown)), shown)


def list_keys(folder: Path, *, shown: str) -> KeyFiles:
    """Return the files in *folder* that hold a key. No passphrase is asked for.

    Raises:
        FileAccessError: The folder cannot be read.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise FileAccessError(
            Fault("file-missing", f"cannot list {shown}: {error.strerror}", fix="name a folder")
        ) from error
    found = [one for path in paths[:_MOST] if (one := _listed(path)) is not None]
    return KeyFiles(shown, tuple(found))


def _listed(path: Path) -> Listed | None:
    try:
        data = read(path, shown=path.name, limit=MAX_KEY_BYTES).data
    except FileAccessError:
        return None
    if _LOCKED in data:
        return _private(path, "private, encrypted")
    if _PRIVATE in data:
        return _private(path, "private")
    if b"-----BEGIN PUBLIC KEY-----" not in data:
        return None
    try:
        return Listed(path.name, "public", PublicKey.parse(data), None)
    except KeyRefusedError as error:
        return Listed(path.name, "public", None, error.faults[0].message)


def _private(path: Path, kind: str) -> Listed:
    """Return a private key, with what its public half beside it says."""
    fault = None
    key = None
    try:
        if kind == "private":
            key = FileSigner.load(path, shown=path.name).public_key
        elif _beside(path).exists():
            FileSigner.guard(path, path.name)
            key = PublicKey.parse(read(_beside(path), limit=MAX_KEY_BYTES).data)
    except OneiricError as error:
        fault = error.faults[0].message
    return Listed(path.name, kind, key, fault)


def _beside(path: Path) -> Path:
    return Path(f"{path}{_PUBLIC}")
