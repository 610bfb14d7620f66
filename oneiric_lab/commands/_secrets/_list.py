"""`secrets list`: the secrets that are referred to, and who has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts

if TYPE_CHECKING:
    from oneiric_lab.lab import SecretList


@click.command("list")
@click.pass_context
def command(ctx: click.Context) -> SecretList:
    """Show the secrets that values and components refer to, and who has them.

    A version is a keyed digest: the same value has the same version in all processes of the
    workspace. Exit code 1: one of them is nowhere.
    """
    return parts(ctx).lab().secrets.list()
