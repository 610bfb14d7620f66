"""`ui status`: what is wanted of components beside what is so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("status")
@click.pass_context
def command(ctx: click.Context) -> Result:
    """Show health, sync and activity of all components, and pause or resume one with a note."""
    from oneiric_lab.lab import widget  # noqa: PLC0415 - `--help` needs none

    make = widget("status").make
    found: Result = make(parts(ctx).lab())
    return found
