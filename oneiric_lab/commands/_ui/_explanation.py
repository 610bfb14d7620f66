"""`ui explanation`: why a component is provided by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import ComponentType

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("explanation")
@click.argument("component", type=ComponentType())
@click.pass_context
def command(ctx: click.Context, component: str) -> Result:
    """Show the ranking of COMPONENT as a picture, and who would win if a few facts were others."""
    from oneiric_lab.lab import widget  # noqa: PLC0415 - `--help` needs none

    make = widget("explanation").make
    found: Result = make(parts(ctx).lab(), component)
    return found
