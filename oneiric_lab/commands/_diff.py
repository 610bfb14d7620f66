"""`diff A B`: two effective configurations, or two manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._root import parts
from ._types import SideType

if TYPE_CHECKING:
    from oneiric_lab.lab import ValueDiff
    from oneiric_lab.manifest import ManifestDiff


@click.command("diff")
@click.argument("left", type=SideType())
@click.argument("right", type=SideType())
@click.pass_context
def command(ctx: click.Context, left: str, right: str) -> ValueDiff | ManifestDiff:
    """Compare `now`, `profile:prod`, `profile:prod+eu`, `git:HEAD~3`; exit 1 where they differ.

    Two manifests (`a.oneiric.json`, `b.toml`) are compared as `manifest diff` does it; `now` is
    what the workspace has of one.
    """
    context = parts(ctx)
    return context.lab().diff(*context.sides(left, right))
