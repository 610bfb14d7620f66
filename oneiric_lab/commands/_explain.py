"""`explain TARGET`: why a value or a component is what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.errors import Fault, UsageError

from ._root import parts
from ._types import CapabilityType, ProviderType, TargetType

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("explain")
@click.argument("target", type=TargetType())
@click.option(
    "--need",
    multiple=True,
    metavar="CAP",
    type=CapabilityType(),
    help="A capability the winner must have.",
)
@click.option(
    "--need-any",
    multiple=True,
    metavar="CAP",
    type=CapabilityType(),
    help="One of these it must have.",
)
@click.option(
    "--prefer",
    multiple=True,
    metavar="CAP",
    type=CapabilityType(),
    help="A capability that only ranks.",
)
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
        if ":" not in target:
            raise UsageError(
                Fault(
                    "bad-target",
                    f"--why-not asks about a component, and {target} is a value",
                    fix=f"explain {target}, or explain DOMAIN:KEY --why-not {why_not}",
                )
            )
        return lab.why_not(target, why_not, layer=context.interaction.layer)
    return lab.explain(target, need=need or None, need_any=need_any or None, prefer=prefer or None)
