"""`workflow run KEY`: run a workflow, and wait for its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._payload import PAYLOAD, KeyType, payload_of
from oneiric_lab.commands._root import parts

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("run")
@click.argument("key", type=KeyType("workflow"))
@PAYLOAD
@click.option("--dedup-key", metavar="TEXT", help="A second run with this key is the first one.")
@click.pass_context
def command(ctx: click.Context, key: str, payload: str | None, dedup_key: str | None) -> Result:
    """Run the workflow KEY and show what became of each node.

    Exit 0 done, 1 a node failed, 130 it was cancelled.
    """
    context = parts(ctx)
    given = payload_of(context, payload)
    flows = context.lab().workflows
    if context.interaction.submit is not None:
        return flows.run(key, given, dedup_key=dedup_key)
    return flows.run_here(key, given, dedup_key=dedup_key)
