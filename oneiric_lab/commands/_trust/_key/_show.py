"""`trust key show FILE`: which key that is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import FileType

if TYPE_CHECKING:
    from oneiric_lab.trust import KeyFile


@click.command("show")
@click.argument("file", type=FileType())
@click.pass_context
def command(ctx: click.Context, file: str) -> KeyFile:
    """Show the public half of the key in FILE: its id, and the words to read it aloud.

    FILE is a public key in PEM or base64, or a private one, for which the passphrase is asked.
    """
    from oneiric_lab.trust import look  # noqa: PLC0415 - `--help` needs none

    return look(Path(file), passphrase=parts(ctx).interaction.passphrase, shown=file)
