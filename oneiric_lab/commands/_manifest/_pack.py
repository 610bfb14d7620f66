"""`manifest pack FILE`: the form that is signed, with digests and sizes filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import FileType

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("pack")
@click.argument("file", type=FileType())
@click.option("--out", metavar="FILE", type=FileType(), help="Where to; NAME.oneiric.json.")
@click.option("--dry-run", is_flag=True, help="Show what would be written.")
@click.pass_context
def command(ctx: click.Context, file: str, *, out: str | None, dry_run: bool) -> Result:
    """Write FILE, TOML or YAML of schema 3, as canonical JSON (RFC 8785).

    An artifact that is named by its `path`, below the folder of FILE, gets its digest and its
    size. Nothing is written where anything is wrong; all faults are told.
    """
    from oneiric_lab.manifest import build, pack  # noqa: PLC0415 - `--help` needs none

    progress = parts(ctx).interaction.progress
    return build(file, done=progress) if dry_run else pack(file, out, done=progress)
