"""`history`: what was changed, by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._root import parts

if TYPE_CHECKING:
    from oneiric_lab.lab import History


@click.command("history")
@click.option(
    "--limit",
    default=20,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Most entries.",
)
@click.pass_context
def command(ctx: click.Context, limit: int) -> History:
    """Show what was changed, the newest first."""
    return parts(ctx).lab().history(limit)
