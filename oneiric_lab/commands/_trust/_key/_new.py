"""`trust key new FILE`: a key of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import FileType

from ._ask import new_passphrase

if TYPE_CHECKING:
    from oneiric_lab.trust import KeyFile


@click.command("new")
@click.argument("file", type=FileType())
@click.option(
    "--algorithm",
    type=click.Choice(("ed25519", "p256")),
    default="ed25519",
    help="Of the key; ed25519.",
)
@click.option("--no-passphrase", is_flag=True, help="Whoever can read the file can sign.")
@click.pass_context
def command(ctx: click.Context, file: str, *, algorithm: Any, no_passphrase: bool) -> KeyFile:
    """Make a key, write it to FILE, and its public half to FILE.pub.

    FILE is PKCS#8 and can be read by nobody else; neither file may be there. The passphrase is
    asked for twice.
    """
    from oneiric_lab.trust import FileSigner, keep  # noqa: PLC0415 - `--help` needs none

    signer = FileSigner.generate(algorithm)
    with new_passphrase(parts(ctx).interaction.passphrase, none=no_passphrase) as ask:
        return keep(signer, Path(file), passphrase=ask, shown=file, done="made")
