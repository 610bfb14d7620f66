"""`secrets rotate [ID]`: have every process look for a secret anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import SecretType

if TYPE_CHECKING:
    from oneiric_lab.lab import Rotated


@click.command("rotate")
@click.argument("id", metavar="[ID]", required=False, type=SecretType())
@click.pass_context
def command(ctx: click.Context, id: str | None) -> Rotated:
    """Look for one secret, or all of them, anew, in every process that listens.

    What is built with one that changed is swapped, health-checked; the old value serves what
    still drains. The new value is put where its provider has it: no verb takes one. Exit
    code 1: one could not be had.
    """
    return parts(ctx).lab().secrets.rotate(id)
