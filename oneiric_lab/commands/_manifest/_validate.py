"""`manifest validate FILE`: whether it is one, with every fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import FileType

if TYPE_CHECKING:
    from oneiric_lab.manifest import Validated


@click.command("validate")
@click.argument("file", type=FileType())
@click.pass_context
def command(ctx: click.Context, file: str) -> Validated:
    """Say all that is wrong with FILE, each fault at its line and column; exit 1 where any is.

    Takes TOML, YAML and JSON, of schema 1, 2 and 3. A *.oneiric.json must be canonical.
    """
    from oneiric_lab.manifest import validate  # noqa: PLC0415 - `--help` needs none

    return validate(file, done=parts(ctx).interaction.progress)
