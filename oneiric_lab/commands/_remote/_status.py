"""`remote status`: the last good release of each source, and how the last syncs ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts

if TYPE_CHECKING:
    from oneiric_lab.lab import RemoteStatus


@click.command("status")
@click.pass_context
def command(ctx: click.Context) -> RemoteStatus:
    """Show the last good release of each source, its age, and how the last syncs ended.

    Nothing is asked. Exit 0 all fresh, 1 where a source fails or never had any, 3 where the
    last good release is too old.
    """
    return standing(ctx)


def standing(ctx: click.Context) -> RemoteStatus:
    """Return how the sources of the workspace stand."""
    return parts(ctx).lab().remote_status()
