"""`workflow plan KEY`: what a run would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._payload import KeyType
from oneiric_lab.commands._root import parts

if TYPE_CHECKING:
    from oneiric_lab.runtime import FlowPlan


@click.command("plan")
@click.argument("key", type=KeyType("workflow"))
@click.pass_context
def command(ctx: click.Context, key: str) -> FlowPlan:
    """Show the nodes of the workflow KEY, what comes after what, and who would do it.

    Exit 1 where it cannot be run.
    """
    return parts(ctx).lab().workflows.plan(key)
