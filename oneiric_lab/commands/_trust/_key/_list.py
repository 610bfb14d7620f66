"""`trust key list`: the keys of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._types import DirectoryType

if TYPE_CHECKING:
    from oneiric_lab.trust import KeyFiles


@click.command("list")
@click.argument("folder", type=DirectoryType(), default=".")
def command(folder: str) -> KeyFiles:
    """List the files in FOLDER that hold a key; exit 1 where something is wrong with one.

    No passphrase is asked for: an encrypted key is known by its public half beside it.
    """
    from oneiric_lab.trust import list_keys  # noqa: PLC0415 - `--help` needs none

    return list_keys(Path(folder), shown=folder)
