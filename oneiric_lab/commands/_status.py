"""`status [TARGET]`: what is wanted of components beside what is so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._root import parts
from ._types import ComponentType

if TYPE_CHECKING:
    from oneiric_lab.lab import Standing


@click.command("status")
@click.argument("target", required=False, type=ComponentType())
@click.pass_context
def command(ctx: click.Context, target: str | None) -> Standing:
    """Show what is wanted of components beside what each listening process says is so.

    Exit code 1: a process differs from what is wanted, as for a moment after a change, or is
    not well: failed, stalled or unhealthy.
    """
    return parts(ctx).lab().standing(target)
