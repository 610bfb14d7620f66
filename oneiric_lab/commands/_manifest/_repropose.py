"""`manifest repropose FILE... --from N`: the way back from a bad release."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._ground import (
    DAYS,
    DRY_RUN,
    ENDLESS,
    signing,
)
from oneiric_lab.commands._types import FileType

if TYPE_CHECKING:
    from oneiric_lab.lab import Ground, Proposed
    from oneiric_lab.trust import Root


@click.command("repropose")
@click.argument("files", metavar="MANIFEST...", type=FileType(), nargs=-1, required=True)
@click.option(
    "--from",
    "source",
    type=click.IntRange(1),
    metavar="N",
    required=True,
    help="Version of the release that shall return.",
)
@click.option(
    "--version",
    type=click.IntRange(1),
    metavar="N",
    help="Of the new release; one more than the highest.",
)
@signing
@DAYS
@ENDLESS
@click.option(
    "--out", type=FileType(), metavar="FILE", help="The new manifest; PROJECT-CHANNEL-N by default."
)
@DRY_RUN
def command(
    files: tuple[str, ...],
    *,
    source: int,
    version: int | None,
    root: Root,
    known: Ground,
    days: float | None,
    no_expiry: bool,
    out: str | None,
    dry_run: bool,
) -> Proposed:
    """Write the entries of release N as a manifest of a higher version, and propose it.

    Versions only grow, so a former release returns as a new one. Each MANIFEST is one of the
    channel's releases; the one of version N and the last one must be among them.
    """
    from oneiric_lab.lab import repropose_files  # noqa: PLC0415 - `--help` needs none

    return repropose_files(
        files,
        source=source,
        root=root,
        ground=known,
        version=version,
        days=days,
        expires=not no_expiry,
        out=out,
        write=not dry_run,
    )
