"""`workflow list`: the workflows of the workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts

if TYPE_CHECKING:
    from oneiric_lab.lab import Flows


@click.command("list")
@click.pass_context
def command(ctx: click.Context) -> Flows:
    """List the workflows, who provides them, and how many nodes they have."""
    return parts(ctx).lab().workflows.list()
