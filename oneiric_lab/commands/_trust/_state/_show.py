"""`trust state show`: what was trusted last."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import FileType

if TYPE_CHECKING:
    from oneiric_lab.lab import Remembered


@click.command("show")
@click.option("--out", type=FileType(), metavar="FILE", help="Write it as a file for --state.")
@click.pass_context
def command(ctx: click.Context, *, out: str | None) -> Remembered:
    """Show what this workspace has trusted last, below which nothing is accepted.

    Per channel schema, epoch and version; the root, the revocation list and the last time. Exit
    0 also where something has expired: it is told.
    """
    from oneiric_lab.files import ABSENT, write_atomic  # noqa: PLC0415 - `--help` needs none

    found = remembered(ctx)
    if out is not None:
        write_atomic(Path(out), found.state.encode(), expect=ABSENT, mode=0o600, shown=out)
    return found


def remembered(ctx: click.Context) -> Remembered:
    """Return what the workspace has trusted last, with what will soon be too old."""
    from oneiric_lab.lab import Remembered, trusted_state  # noqa: PLC0415 - see above
    from oneiric_lab.trust import ageing  # noqa: PLC0415 - see above

    state = trusted_state(parts(ctx).lab().store)
    return Remembered(state, ageing(state, datetime.now(UTC)))
