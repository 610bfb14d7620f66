"""`secrets status [ID]`: which versions processes hold, how old, and the last rotations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import SecretType

if TYPE_CHECKING:
    from oneiric_lab.lab import SecretStanding


@click.command("status")
@click.argument("id", metavar="[ID]", required=False, type=SecretType())
@click.pass_context
def command(ctx: click.Context, id: str | None) -> SecretStanding:
    """Show which versions of secrets the listening processes hold, and who rotated them.

    Exit code 1: a secret is missing, or its provider is down.
    """
    return parts(ctx).lab().secrets.status(id)
