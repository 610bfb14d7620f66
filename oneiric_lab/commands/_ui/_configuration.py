"""`ui configuration`: effective values as a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("configuration")
@click.pass_context
def command(ctx: click.Context) -> Result:
    """Show the effective values of the workspace, what every layer says, and change them."""
    from oneiric_lab.lab import widget  # noqa: PLC0415 - `--help` needs none

    make = widget("configuration").make
    found: Result = make(parts(ctx).lab())
    return found
