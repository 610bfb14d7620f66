"""`event emit TOPIC`: hand an event to its handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._payload import (
    HEADERS,
    HERE,
    PAYLOAD,
    WAIT,
    TopicType,
    headers_of,
    payload_of,
)
from oneiric_lab.commands._root import parts

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("emit")
@click.argument("topic", type=TopicType())
@PAYLOAD
@HEADERS
@WAIT
@HERE
@click.pass_context
def command(
    ctx: click.Context,
    topic: str,
    payload: str | None,
    headers: tuple[str, ...],
    *,
    seconds: float | None,
    here: bool,
) -> Result:
    """Hand an event to the handlers of the workspace's host, and wait until they are done.

    It is kept in the store until then: a host that is killed hands it over again when it is
    back, and where none runs the next one does. With --here the handlers run in this process,
    built for this one event. Exit 0 all handled it, or it is kept; 1 nobody took it or one
    failed (`event dead` shows it), or it took longer than --wait.
    """
    from oneiric_lab.lab import drive  # noqa: PLC0415 - `--help` needs none

    context = parts(ctx)
    lab = context.lab()
    events = lab.events
    event = events.made(topic, payload_of(context, payload), headers_of(headers))
    if here:
        return context.interaction.work(
            "event emit",
            lambda done, cancelled: drive(lab, lambda: events.hand_over(event), cancelled),
        )
    posted = events.posts.add(event)
    if not posted.host or seconds == 0:
        return posted
    return context.interaction.work(
        "event emit", lambda done, cancelled: events.posts.awaited(posted, seconds, cancelled)
    )
