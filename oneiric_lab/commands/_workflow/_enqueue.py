"""`workflow enqueue KEY`: ask the host for a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._payload import PAYLOAD, KeyType, payload_of
from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import Amount

if TYPE_CHECKING:
    from oneiric_lab.lab import Triggered


@click.command("enqueue")
@click.argument("key", type=KeyType("workflow"))
@PAYLOAD
@click.option("--dedup-key", metavar="TEXT", help="A second run with this key is the first one.")
@click.option("--delay", type=Amount(min=0), default=0, metavar="SECONDS", help="Not before then.")
@click.pass_context
def command(
    ctx: click.Context, /, key: str, *, payload: str | None, dedup_key: str | None, delay: float
) -> Triggered:
    """Ask for a run of KEY and do not wait for it: the host begins it as soon as it may.

    It is recorded when this returns, and waits for the next host where none runs.
    """
    context = parts(ctx)
    given = payload_of(context, payload)
    return context.lab().workflows.enqueue(key, given, dedup_key=dedup_key, delay=delay)
