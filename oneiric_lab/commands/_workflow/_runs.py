"""`workflow runs`: the runs that are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._payload import KeyType
from oneiric_lab.commands._root import parts

if TYPE_CHECKING:
    from oneiric_lab.runtime import FlowRuns

STATES = ("waiting", "running", "interrupted", "done", "failed", "cancelled", "stuck")


@click.command("runs")
@click.argument("key", required=False, type=KeyType("workflow"))
@click.option(
    "--state", "states", multiple=True, type=click.Choice(STATES), help="Only those in it."
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="Most.",
)
@click.pass_context
def command(ctx: click.Context, key: str | None, states: tuple[str, ...], limit: int) -> FlowRuns:
    """List the runs of all workflows, or of KEY, the newest first.

    Durable runs stay; those in memory are known to their own process only.
    """
    return parts(ctx).lab().workflows.runs(workflow=key, states=states, limit=limit)
