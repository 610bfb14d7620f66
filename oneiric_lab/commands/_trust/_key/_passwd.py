"""`trust key passwd FILE`: another passphrase for the same key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import FileType

from ._ask import new_passphrase

if TYPE_CHECKING:
    from oneiric_lab.trust import KeyFile


@click.command("passwd")
@click.argument("file", type=FileType())
@click.option("--no-passphrase", is_flag=True, help="Whoever can read the file can sign.")
@click.pass_context
def command(ctx: click.Context, file: str, *, no_passphrase: bool) -> KeyFile:
    """Write the private key in FILE anew under another passphrase; the key stays the same.

    The file holds the old bytes or the new ones at every moment. Copies that were made before
    are still opened by the old passphrase.
    """
    from oneiric_lab.trust import FileSigner, KeyFile  # noqa: PLC0415 - `--help` needs none

    old = parts(ctx).interaction.passphrase
    with new_passphrase(old, none=no_passphrase) as new:
        signer = FileSigner.change_passphrase(Path(file), old=old, new=new, shown=file)
    return KeyFile(signer.public_key, file, done="locked anew" if not no_passphrase else "opened")
