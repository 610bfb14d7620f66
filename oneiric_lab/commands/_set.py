"""`set PATH=VALUE ...`: write values to a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._root import parts
from ._types import LayerType, SetType

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("set")
@click.argument("changes", nargs=-1, required=True, metavar="PATH=VALUE...", type=SetType())
@click.option(
    "--layer", metavar="LAYER", type=LayerType(), help="session, project, local, profile:NAME."
)
@click.option("--dry-run", is_flag=True, help="Show the plan only.")
@click.pass_context
def command(
    ctx: click.Context, changes: tuple[str, ...], layer: str | None, *, dry_run: bool
) -> Result:
    """Write values; comments and layout of the file stay, and undo takes it back."""
    context = parts(ctx)
    plan = context.lab().plan(changes, layer=layer or context.interaction.layer)
    return plan if dry_run else plan.apply()
