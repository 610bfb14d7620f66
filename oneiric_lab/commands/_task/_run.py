"""`task run KEY`: run a task once, outside of any workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._payload import PAYLOAD, KeyType, payload_of
from oneiric_lab.commands._root import parts
from oneiric_lab.errors import Fault, UsageError

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("run")
@click.argument("key", type=KeyType("task"))
@PAYLOAD
@click.pass_context
def command(ctx: click.Context, key: str, payload: str | None) -> Result:
    """Run the task KEY once and show what it returns; nothing is recorded of it.

    Exit 1 where it failed.
    """
    context = parts(ctx)
    given = payload_of(context, payload)
    if not isinstance(given, dict | None):
        raise UsageError(
            Fault("usage", "the payload of a task is a table", fix="--payload '{\"day\": 1}'")
        )
    lab = context.lab()
    if context.interaction.submit is not None:
        return lab.tasks.run(key, given)
    return lab.tasks.run_here(key, given)
