"""`rollback TARGET`: choose whom the last swap replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._root import parts
from ._types import ComponentType, LayerType

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("rollback")
@click.argument("target", type=ComponentType())
@click.option(
    "--layer",
    metavar="LAYER",
    type=LayerType(),
    help="Where it was chosen; by default where it was last.",
)
@click.option("--dry-run", is_flag=True, help="Show the plan only.")
@click.pass_context
def command(ctx: click.Context, target: str, layer: str | None, *, dry_run: bool) -> Result:
    """Choose for TARGET who was chosen before, by the history of the layer.

    A kernel in which TARGET runs brings back what its last swap replaced.
    """
    context = parts(ctx)
    lab = context.lab()
    if layer is None and context.interaction.layer == "session":
        layer = "session"
    if layer == "session" and not dry_run and lab.is_running(target):
        return context.interaction.work(
            "rollback",
            lambda progress, cancelled: lab.wait_for(lab.rollback(target), cancelled),
        )
    plan = lab.plan_rollback(target, layer=layer)
    return plan if dry_run else plan.apply()
