"""`list [DOMAIN]`: components and their candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._root import parts
from ._types import DomainType

if TYPE_CHECKING:
    from oneiric_lab.registry import Listing


@click.command("list")
@click.argument("domain", required=False, type=DomainType())
@click.pass_context
def command(ctx: click.Context, domain: str | None) -> Listing:
    """List all candidates, or those of DOMAIN, with their states."""
    return parts(ctx).lab().candidates(domain)
