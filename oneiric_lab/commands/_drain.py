"""`drain TARGET`: close a component when its last lease ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._pause import options, want

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("drain")
@options
@click.pass_context
def command(ctx: click.Context, target: str, why: str, *, dry_run: bool) -> Result:
    """Pause TARGET in every process that watches, and close it when its last lease ends."""
    return want(
        ctx, target, "draining", lambda lab: lab.drain(target, why=why), why=why, dry_run=dry_run
    )
