"""`event list`: who listens to what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts

if TYPE_CHECKING:
    from oneiric_lab.lab import Listeners


@click.command("list")
@click.pass_context
def command(ctx: click.Context) -> Listeners:
    """Show who listens to what, in the order in which they get an event.

    In a kernel, functions of the program stand there too, with what each has in its queue.
    Exit 1 where what a component says of its topics cannot be understood.
    """
    return parts(ctx).lab().events.list()
