"""`swap TARGET PROVIDER`: choose who provides a component."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._root import parts
from ._types import ComponentType, LayerType, ProviderType

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("swap")
@click.argument("target", type=ComponentType())
@click.argument("provider", type=ProviderType())
@click.option(
    "--layer", metavar="LAYER", type=LayerType(), help="session, project, local, profile:NAME."
)
@click.option("--why", default="", metavar="TEXT", help="For the history of a running session.")
@click.option("--dry-run", is_flag=True, help="Show the plan only.")
@click.pass_context
def command(
    ctx: click.Context, target: str, provider: str, layer: str | None, why: str, *, dry_run: bool
) -> Result:
    """Let PROVIDER provide TARGET (adapter:cache), here or in every process that watches.

    A selection in a layer is written; undo takes it back. Processes that run `lab.watch()`
    bring it into force within a second, and so does a kernel in which TARGET runs.
    """
    context = parts(ctx)
    lab, where = context.lab(), layer or context.interaction.layer
    plan = lab.plan_swap(target, provider, layer=where)
    if dry_run:
        return plan
    if where == "session" and lab.is_running(target):
        return context.interaction.work(
            "swap",
            lambda progress, cancelled: lab.wait_for(
                lab.swap(target, provider, why=why), cancelled
            ),
        )
    return plan.apply()
