"""`manifest textconv FILE`: what git compares line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._types import FileType

if TYPE_CHECKING:
    from oneiric_lab.manifest import Lines


@click.command("textconv")
@click.argument("file", type=FileType())
def command(file: str) -> Lines:
    """Print the manifest FILE as lines, one for each value, for git to compare.

    A file that is no manifest is printed as it stands, with the reason above it.
    """
    from oneiric_lab.manifest import as_lines  # noqa: PLC0415 - `--help` needs none

    return as_lines(file)
