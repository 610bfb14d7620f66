"""`ui explorer`: all candidates as a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("explorer")
@click.argument("words", nargs=-1)
@click.option("--sort", metavar="COLUMN", help="-priority sorts the greatest first.")
@click.pass_context
def command(ctx: click.Context, words: tuple[str, ...], sort: str | None) -> Result:
    """Show the candidates of the workspace that hold all WORDS, and why each wins or does not."""
    from oneiric_lab.lab import widget  # noqa: PLC0415 - `--help` needs none

    make = widget("explorer").make
    found: Result = make(parts(ctx).lab(), " ".join(words), sort=sort)
    return found
