"""`trust key import FILE`: a private key that was made elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import FileType

from ._ask import new_passphrase

if TYPE_CHECKING:
    from oneiric_lab.trust import KeyFile


@click.command("import")
@click.argument("file", type=FileType())
@click.option("--out", type=FileType(), metavar="FILE", required=True, help="Where to.")
@click.option("--no-passphrase", is_flag=True, help="Whoever can read the file can sign.")
@click.pass_context
def command(ctx: click.Context, file: str, *, out: str, no_passphrase: bool) -> KeyFile:
    """Take the private key in FILE over, and write it and its public half as `key new` does.

    FILE is PEM (PKCS#8 or SEC 1), or 32 bytes in base64 as upstream signs with. It stays where
    it is: remove it, when the new one was tried.
    """
    from oneiric_lab.files import read  # noqa: PLC0415 - `--help` needs none
    from oneiric_lab.trust import FileSigner, keep  # noqa: PLC0415 - see above

    ask_old = parts(ctx).interaction.passphrase
    signer = FileSigner.parse(read(Path(file), shown=file).data, passphrase=ask_old, shown=file)
    with new_passphrase(ask_old, none=no_passphrase) as ask:
        return keep(signer, Path(out), passphrase=ask, shown=out, done="imported")
