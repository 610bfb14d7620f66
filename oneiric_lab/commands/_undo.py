"""`undo`: take the last written change back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._root import parts

if TYPE_CHECKING:
    from oneiric_lab.lab import Applied


@click.command("undo")
@click.pass_context
def command(ctx: click.Context) -> Applied:
    """Give the files of the last change their exact former bytes."""
    return parts(ctx).lab().undo()
