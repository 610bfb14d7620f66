"""`workflow resume RUN`: have a run go on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts

from ._asked import RunType, done_here

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("resume")
@click.argument("run", type=RunType())
@click.option("--accept-changes", is_flag=True, help="Though the code of its tasks changed.")
@click.pass_context
def command(ctx: click.Context, run: str, *, accept_changes: bool) -> Result:
    """Go on with RUN, which was interrupted or cancelled, and wait for its end.

    Nodes that are recorded are not run again. Where the code of what is left changed since it
    began, nothing is run, exit 1.
    """
    context = parts(ctx)
    flows = context.lab().workflows
    do = partial(flows.resume, run, accept_changes=accept_changes)
    return done_here(context, f"resume {run}", do)
