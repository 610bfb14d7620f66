"""`workflow diff LEFT RIGHT`: in what two runs differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts

from ._asked import RunType

if TYPE_CHECKING:
    from oneiric_lab.runtime import FlowDiff


@click.command("diff")
@click.argument("left", type=RunType())
@click.argument("right", type=RunType())
@click.pass_context
def command(ctx: click.Context, left: str, right: str) -> FlowDiff:
    """Show in what two runs differ: what they were given, whose code did it, what came of it.

    Exit 1 where they differ.
    """
    return parts(ctx).lab().workflows.diff(left, right)
