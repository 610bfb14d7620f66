"""`watch`: follow the files of the workspace."""

from __future__ import annotations

import click

from ._context import Stream
from ._root import parts
from ._types import Amount


@click.command("watch")
@click.option(
    "--interval",
    type=Amount(min=0, min_open=True),
    default=0.5,
    show_default=True,
    metavar="SECONDS",
    help="Between two looks.",
)
@click.pass_context
def command(ctx: click.Context, interval: float) -> Stream:
    """Load each change of the files, or say why the last good values stay; Ctrl-C ends it."""
    lab = parts(ctx).lab()
    return Stream("watch", lambda: lab.watch(interval=interval))
