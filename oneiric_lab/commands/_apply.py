"""`apply [FILE|-]`: do what a plan shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._plan import make_plan, options

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("apply")
@options
@click.option("--dry-run", is_flag=True, help="Show the plan only.")
@click.pass_context
def command(
    ctx: click.Context,
    file: str | None,
    sets: tuple[str, ...],
    unset: tuple[str, ...],
    layer: str | None,
    *,
    dry_run: bool,
) -> Result:
    """Do what `plan` with the same arguments shows, all of it or nothing."""
    plan = make_plan(ctx, file, sets, unset, layer)
    return plan if dry_run else plan.apply()
