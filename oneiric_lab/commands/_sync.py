"""`sync`: bring what the sources of manifests have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.errors import Fault, UsageError

from ._context import Stream
from ._root import parts

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("sync")
@click.option("--dry-run", is_flag=True, help="Fetch and judge, and change nothing.")
@click.option("--watch", is_flag=True, help="Go on, each source at its interval.")
@click.pass_context
def command(ctx: click.Context, *, dry_run: bool, watch: bool) -> Result | Stream:
    """Bring what the sources of the table `remote` have: verified, whole, or not at all.

    Where anything is wrong nothing changes, and the last good release stays in force. Exit 0
    all in force, 1 where something was refused or not reached, 3 where it is only too old.
    """
    if dry_run and watch:
        raise UsageError(
            Fault("usage", "--dry-run and --watch exclude each other", fix="sync --dry-run")
        )
    context = parts(ctx)
    lab = context.lab()
    if watch:
        return Stream("sync", lab.keep_synced)
    return context.interaction.work("sync", lambda done, cancelled: lab.sync(dry_run=dry_run))
