"""Reading and writing the documents of trust, each as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from oneiric_lab.commands._ground import root_in
from oneiric_lab.errors import Fault, FileAccessError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneiric_lab.files import FileData
    from oneiric_lab.trust import Envelope, PublicKey, Root


def read_root(name: str) -> Root:
    """Return the root in the file *name*, whoever has signed it.

    Raises:
        FileAccessError: It cannot be read.
        DocumentRefusedError: It is no root.
    """
    from oneiric_lab.trust import Limits  # noqa: PLC0415 - `--help` needs none

    return root_in(name, Limits())


def read_envelope(name: str, *, most: int | None = None) -> tuple[Envelope, FileData]:
    """Return the envelope in the file *name*, and its bytes as they stand.

    Args:
        name: The file.
        most: Most bytes of its payload, where that is not the common limit.
    """
    from oneiric_lab.files import read  # noqa: PLC0415 - see above
    from oneiric_lab.trust import Envelope, Limits  # noqa: PLC0415 - see above

    limit = 2 * (most or Limits().envelope_bytes)
    data = read(Path(name), shown=name, limit=limit)
    return Envelope.parse(data.data, payload_bytes=most), data


def beside(name: str, stem: str, number: int) -> str:
    """Return the name of the document of another number, in the folder of *name*."""
    return str(Path(name).parent / f"{stem}.{number}.json")


def before_of(name: str, stem: str, number: int, given: str | None) -> str | None:
    """Return the file of the document before: the *given* one, or the one beside *name*."""
    if given is not None or number == 1:
        return given
    found = beside(name, stem, number - 1)
    return found if Path(found).exists() else None


def read_key(name: str) -> PublicKey:
    """Return the public key in the file *name*.

    Raises:
        FileAccessError: It cannot be read.
        KeyRefusedError: It is none, or one that must not be trusted.
    """
    from oneiric_lab.errors import Origin  # noqa: PLC0415 - see above
    from oneiric_lab.files import read  # noqa: PLC0415 - see above
    from oneiric_lab.trust import PublicKey  # noqa: PLC0415 - see above

    return PublicKey.parse(read(Path(name), shown=name, limit=65_536).data, origin=Origin("", name))


def below(folder: Path) -> Callable[[str], bytes]:
    """Return what reads a file of a key by its name in *folder*."""
    from oneiric_lab.files import read  # noqa: PLC0415 - see above

    return lambda name: read(folder / name, shown=name, limit=65_536).data


def write_new(name: str, data: bytes) -> None:
    """Write a document to a new file: one that is signed is never written over.

    Raises:
        FileAccessError: The file is there, or cannot be written.
    """
    from oneiric_lab.files import ABSENT, write_atomic  # noqa: PLC0415 - see above

    try:
        write_atomic(Path(name), data, expect=ABSENT, mode=0o644, shown=name)
    except FileAccessError as error:
        if error.faults[0].code != "file-exists":
            raise
        fault = error.faults[0]
        raise FileAccessError(
            Fault(fault.code, fault.message, fault.origin, fix="name another by --out FILE")
        ) from None


def pairs(option: str, values: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return NAME and VALUE of each `NAME=VALUE`.

    Raises:
        UsageError: One has no `=`, or nothing beside it.
    """
    out = []
    for value in values:
        name, equals, rest = value.partition("=")
        if not (name and equals and rest):
            raise UsageError(
                Fault("usage", f"{option} wants NAME=VALUE, got {value!r}", fix=_EXAMPLES[option])
            )
        out.append((name, rest))
    return out


_EXAMPLES = {
    "--signer": "--signer alice=alice.pem.pub",
    "--add": "--add dave=dave.pem.pub --grant dave=root,release",
    "--replace": "--replace alice=new.pem.pub",
    "--grant": "--grant dave=root,release",
    "--withdraw": "--withdraw bob=release",
    "--scope": "--scope bob=adapter:*,service:*",
    "--threshold": "--threshold release=3",
}
