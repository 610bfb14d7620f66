"""`event dead`: what could not be handled."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._payload import HERE, TopicType
from oneiric_lab.commands._root import parts
from oneiric_lab.errors import Fault, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneiric_lab.lab import PostList
    from oneiric_lab.views import Result

_ALL = 10_000


@click.command("dead")
@click.argument("number", type=int, required=False, metavar="[N]")
@click.option("--topic", type=TopicType(), metavar="TOPIC", help="Only of this topic.")
@click.option(
    "--limit",
    default=50,
    type=click.IntRange(1, _ALL),
    metavar="N",
    help="How many; 50 by default.",
)
@click.option("--retry", multiple=True, type=int, metavar="N", help="Hand it over again.")
@click.option("--forget", multiple=True, type=int, metavar="N", help="Forget it.")
@click.option("--all", "every", is_flag=True, help="With --topic or alone: retry all of them.")
@HERE
@click.pass_context
def command(
    ctx: click.Context,
    number: int | None,
    topic: str | None,
    limit: int,
    retry: tuple[int, ...],
    forget: tuple[int, ...],
    *,
    every: bool,
    here: bool,
) -> Result:
    """Show events that no handler could take, the newest first; of letter N also its payload.

    With --retry each is handed to its own handler again, by the host, or the next one where
    none runs; with --here in this process. One that fails again gets a new letter. Exit 1
    where one did.
    """
    from oneiric_lab.lab import drive  # noqa: PLC0415 - `--help` needs none

    if sum(map(bool, (number is not None, retry, forget, every))) > 1:
        raise UsageError(
            Fault("usage", "N, --retry, --forget and --all exclude each other", fix="event dead")
        )
    context = parts(ctx)
    room = context.lab().events
    if forget:
        return room.forget(*forget)
    numbers = [one.id for one in room.dead(topic=topic, limit=_ALL).rows] if every else [*retry]
    if here and (retry or every):
        lab = context.lab()
        return context.interaction.work(
            "event dead",
            lambda done, cancelled: drive(lab, lambda: room.retry(*numbers), cancelled),
        )
    if retry or every:
        posted = room.post_again(*numbers)

        def wait(_: object, cancelled: Callable[[], bool]) -> PostList:
            rows = tuple([room.posts.awaited(one, None, cancelled) for one in posted])
            return replace(room.posts.list(), rows=rows, asked=True)

        return context.interaction.work("event dead", wait)
    return room.dead(number, topic=topic, limit=limit)
