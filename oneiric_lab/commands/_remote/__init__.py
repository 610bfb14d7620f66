"""`remote`: where manifests come from, and how that goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._group import Group

if TYPE_CHECKING:
    from oneiric_lab.lab import RemoteStatus

VERBS: dict[str, str] = {
    "status": "Show the last good release of each source, and how the last syncs ended.",
}
"""Verb to its one line of help."""


@click.command("remote", cls=Group, package=__name__, verbs=VERBS, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> RemoteStatus | None:
    """Show where manifests come from, and how that goes.

    Without a verb the status is shown.
    """
    if ctx.invoked_subcommand is not None:
        return None
    from ._status import standing  # noqa: PLC0415 - `--help` needs none

    return standing(ctx)
