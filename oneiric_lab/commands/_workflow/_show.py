"""`workflow show RUN`: one run with its nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts

from ._asked import RunType

if TYPE_CHECKING:
    from oneiric_lab.runtime import FlowRun


@click.command("show")
@click.argument("run", type=RunType())
@click.pass_context
def command(ctx: click.Context, run: str) -> FlowRun:
    """Show where RUN is, and what became of each node.

    Exit 1 where it failed or was interrupted, 130 where it was cancelled.
    """
    return parts(ctx).lab().workflows.show(run)
