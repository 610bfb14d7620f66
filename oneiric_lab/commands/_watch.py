"""`watch`: follow the files of the workspace."""

from __future__ import annotations

import click

from ._context import Stream
from ._root import parts


@click.command("watch")
@click.option("--interval", default=0.5, show_default=True, help="Seconds between two looks.")
@click.pass_context
def command(ctx: click.Context, interval: float) -> Stream:
    """Load each change of the files, or say why the last good values stay; Ctrl-C ends it."""
    lab = parts(ctx).lab()
    return Stream("watch", lambda: lab.watch(interval=interval))
