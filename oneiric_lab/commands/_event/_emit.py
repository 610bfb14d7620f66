"""`event emit TOPIC`: hand an event to its handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._payload import HEADERS, PAYLOAD, TopicType, headers_of, payload_of
from oneiric_lab.commands._root import parts

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("emit")
@click.argument("topic", type=TopicType())
@PAYLOAD
@HEADERS
@click.pass_context
def command(
    ctx: click.Context, topic: str, payload: str | None, headers: tuple[str, ...]
) -> Result:
    """Hand an event to every handler that takes TOPIC, and wait until all are done with it.

    The handlers run in this process: those of the workspace, built for this one event. Exit 0
    all handled it, 1 where nobody took it or one failed; `event dead` shows what failed.
    """
    from oneiric_lab.lab import drive, sent  # noqa: PLC0415 - `--help` needs none

    context = parts(ctx)
    lab = context.lab()
    said, more = payload_of(context, payload), headers_of(headers)
    return context.interaction.work(
        "event emit",
        lambda done, cancelled: drive(
            lab, lambda: sent(lab.events.dispatch, topic, said, more), cancelled
        ),
    )
