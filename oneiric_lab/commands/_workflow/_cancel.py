"""`workflow cancel RUN`: end a run."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts

from ._asked import RunType, done_here

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("cancel")
@click.argument("run", type=RunType())
@click.pass_context
def command(ctx: click.Context, run: str) -> Result:
    """End RUN: no node of it begins any more, and those that run are cancelled.

    Where another process runs it, that one ends it within a second. Exit 130.
    """
    context = parts(ctx)
    flows = context.lab().workflows
    return done_here(context, f"cancel {run}", partial(flows.cancel, run))
