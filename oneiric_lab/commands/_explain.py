"""`explain TARGET`: why a value or a component is what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._root import parts
from ._types import ProviderType, TargetType

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("explain")
@click.argument("target", type=TargetType())
@click.option("--need", multiple=True, metavar="CAP", help="A capability the winner must have.")
@click.option("--need-any", multiple=True, metavar="CAP", help="One of these it must have.")
@click.option("--prefer", multiple=True, metavar="CAP", help="A capability that only ranks.")
@click.option(
    "--why-not", metavar="PROVIDER", type=ProviderType(), help="Say what would let PROVIDER win."
)
@click.pass_context
def command(
    ctx: click.Context,
    target: str,
    need: tuple[str, ...],
    need_any: tuple[str, ...],
    prefer: tuple[str, ...],
    why_not: str | None,
) -> Result:
    """Say why TARGET (server.port, adapter:cache) is what it is."""
    context = parts(ctx)
    lab = context.lab()
    if why_not:
        return lab.why_not(target, why_not, layer=context.interaction.layer)
    return lab.explain(target, need=need or None, need_any=need_any or None, prefer=prefer or None)
