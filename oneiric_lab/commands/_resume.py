"""`resume TARGET`: let leases begin again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._pause import options, want

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("resume")
@options
@click.pass_context
def command(ctx: click.Context, target: str, why: str, *, dry_run: bool) -> Result:
    """Take a pause or a drain of TARGET back, in every process that watches."""
    return want(
        ctx, target, "running", lambda lab: lab.resume(target, why=why), why=why, dry_run=dry_run
    )
