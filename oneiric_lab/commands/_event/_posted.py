"""`event posted`: what the store keeps for the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts
from oneiric_lab.errors import Fault, UsageError

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("posted")
@click.argument("number", type=int, required=False, metavar="[N]")
@click.option(
    "--limit",
    default=50,
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="How many; 50 by default.",
)
@click.option("--forget", multiple=True, type=int, metavar="N", help="Take it out of the store.")
@click.pass_context
def command(ctx: click.Context, number: int | None, limit: int, forget: tuple[int, ...]) -> Result:
    """Show events that were posted for the host, the newest first: those that wait, and the
    last 1,000 that its handlers are done with; of post N what became of it.
    """
    if number is not None and forget:
        raise UsageError(
            Fault("usage", "N and --forget exclude each other", fix=f"event posted {number}")
        )
    posts = parts(ctx).lab().events.posts
    if forget:
        return posts.forget(*forget)
    return posts.list(limit) if number is None else posts.show(number)
