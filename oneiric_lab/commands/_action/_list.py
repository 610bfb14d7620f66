"""`action list`: the actions of the workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts

if TYPE_CHECKING:
    from oneiric_lab.lab import Actions


@click.command("list")
@click.pass_context
def command(ctx: click.Context) -> Actions:
    """Show the actions of the workspace, and who provides each."""
    return parts(ctx).lab().actions.list()
