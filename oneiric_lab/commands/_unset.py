"""`unset PATH ...`: remove values from a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._root import parts
from ._types import LayerType, PathType

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("unset")
@click.argument("paths", nargs=-1, required=True, type=PathType())
@click.option(
    "--layer", metavar="LAYER", type=LayerType(), help="session, project, local, profile:NAME."
)
@click.option("--dry-run", is_flag=True, help="Show the plan only.")
@click.pass_context
def command(
    ctx: click.Context, paths: tuple[str, ...], layer: str | None, *, dry_run: bool
) -> Result:
    """Remove what a layer says of PATHS; what lower layers say is in force again."""
    context = parts(ctx)
    plan = context.lab().plan(unset=paths, layer=layer or context.interaction.layer)
    return plan if dry_run else plan.apply()
