"""`task list`: the tasks of the workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts

if TYPE_CHECKING:
    from oneiric_lab.lab import Flows


@click.command("list")
@click.pass_context
def command(ctx: click.Context) -> Flows:
    """List the tasks that somebody provides, and who does."""
    return parts(ctx).lab().tasks.list()
