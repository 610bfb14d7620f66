"""`freeze [FILE]`: values and winners as they are now, in one file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.lab import LOCK

from ._root import parts

if TYPE_CHECKING:
    from oneiric_lab.lab import Frozen


@click.command("freeze")
@click.argument("file", required=False, default=LOCK)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 where it no longer matches.")
@click.pass_context
def command(ctx: click.Context, file: str, *, check: bool) -> Frozen:
    """Write values and winners to a lock file, oneiric.lock.json by default.

    Secrets are references in it. Lab.from_lock opens it without reading any layer;
    diff file:oneiric.lock.json now compares it.
    """
    lab = parts(ctx).lab()
    return lab.check_lock(file) if check else lab.freeze(file)
