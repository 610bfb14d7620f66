"""`workflow fork RUN`: run it anew from a node on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from oneiric_lab.commands._payload import PAYLOAD, payload_of
from oneiric_lab.commands._root import parts

from ._asked import RunType, done_here

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("fork")
@click.argument("run", type=RunType())
@click.option(
    "--from", "nodes", multiple=True, metavar="NODE", help="From where; else what is not done."
)
@PAYLOAD
@click.pass_context
def command(ctx: click.Context, run: str, nodes: tuple[str, ...], payload: str | None) -> Result:
    """Run what RUN did anew from a node on, in a run of its own, with the code of today.

    What that node does not wait for is taken over, and not run again.
    """
    context = parts(ctx)
    flows = context.lab().workflows
    more: dict[str, Any] = {} if payload is None else {"payload": payload_of(context, payload)}
    return done_here(context, f"fork {run}", partial(flows.fork, run, nodes, **more))
