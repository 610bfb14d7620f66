"""`diff A B`: two effective configurations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._root import parts

if TYPE_CHECKING:
    from oneiric_lab.lab import ValueDiff


@click.command("diff")
@click.argument("left")
@click.argument("right")
@click.pass_context
def command(ctx: click.Context, left: str, right: str) -> ValueDiff:
    """Compare `now`, `profile:prod`, `profile:prod+eu`; exit 1 where they differ."""
    return parts(ctx).lab().diff(left, right)
