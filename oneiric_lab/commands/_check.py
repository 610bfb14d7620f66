"""`check`: whether the workspace is sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._root import parts

if TYPE_CHECKING:
    from oneiric_lab.lab import Check


@click.command("check")
@click.option("--all-profiles", is_flag=True, help="Check every profile and named combination.")
@click.pass_context
def command(ctx: click.Context, *, all_profiles: bool) -> Check:
    """Say whether layers and components are sound; exit 2 where they are not."""
    return parts(ctx).lab().check(all_profiles=all_profiles)
