"""`activity [TARGET]`: what was done to components."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._root import parts
from ._types import ComponentType

if TYPE_CHECKING:
    from oneiric_lab.lab import Deeds


@click.command("activity")
@click.argument("target", required=False, type=ComponentType())
@click.option(
    "--limit",
    default=20,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Most rows.",
)
@click.pass_context
def command(ctx: click.Context, target: str | None, limit: int) -> Deeds:
    """Show what processes did to components, and what was wanted, the newest first."""
    return parts(ctx).lab().activity(target, limit=limit)
