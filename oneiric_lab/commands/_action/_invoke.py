"""`action invoke KEY`: call an action."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._payload import PAYLOAD, KeyType, payload_of
from oneiric_lab.commands._root import parts

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("invoke")
@click.argument("key", type=KeyType("action"))
@PAYLOAD
@click.pass_context
def command(ctx: click.Context, key: str, payload: str | None) -> Result:
    """Call the action KEY with a payload, and show what it returns.

    Exit 1 where it failed, or says `"ok": false` itself.
    """
    from oneiric_lab.lab import drive  # noqa: PLC0415 - `--help` needs none

    context = parts(ctx)
    lab, said = context.lab(), payload_of(context, payload)
    return context.interaction.work(
        "action invoke",
        lambda done, cancelled: drive(lab, lambda: lab.actions.invoke(key, said), cancelled),
    )
