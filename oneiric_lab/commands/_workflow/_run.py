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
@click.option("--in-memory", is_flag=True, help="Keep nothing of it; a crash ends it.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    key: str,
    *,
    payload: str | None,
    dedup_key: str | None,
    in_memory: bool,
) -> Result:
    """Run the workflow KEY and show what became of each node.

    Each node is recorded as it ends, where the extra `durable` is installed: a run whose process
    is killed, or is interrupted by Ctrl-C, goes on with workflow resume. Where the workspace has
    a host, that one runs it.

    Exit 0 done, 1 a node failed, 130 it was cancelled.
    """
    context = parts(ctx)
    given = payload_of(context, payload)
    durable = False if in_memory else None
    flows = context.lab().workflows
    if context.interaction.submit is not None:
        return flows.run(key, given, dedup_key=dedup_key, durable=durable)
    return flows.run_here(key, given, dedup_key=dedup_key, durable=durable)
