"""`ui diff`: what differs between two manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import FileType

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("diff")
@click.argument("left", type=FileType())
@click.argument("right", type=FileType())
@click.pass_context
def command(ctx: click.Context, left: str, right: str) -> Result:
    """Show what differs between the manifests LEFT and RIGHT, and what it does here.

    Each is a manifest, the bundle of a release beside its manifest, or `now`.
    """
    from oneiric_lab.lab import widget  # noqa: PLC0415 - `--help` needs none

    make, context = widget("diff").make, parts(ctx)
    found: Result = make(context.lab(), *context.sides(left, right))
    return found
