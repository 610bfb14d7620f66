"""`trust state`: what this workspace has trusted last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._group import Group

if TYPE_CHECKING:
    from oneiric_lab.lab import Remembered

VERBS: dict[str, str] = {
    "show": "Show what was trusted last.",
    "reset": "Forget a part of it, by the name of its risk.",
}
"""Verb to its one line of help."""


@click.command("state", cls=Group, package=__name__, verbs=VERBS, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> Remembered | None:
    """Show what this workspace has trusted last, below which nothing is accepted.

    Without a verb it is shown.
    """
    if ctx.invoked_subcommand is not None:
        return None
    from ._show import remembered  # noqa: PLC0415 - `--help` needs none

    return remembered(ctx)
