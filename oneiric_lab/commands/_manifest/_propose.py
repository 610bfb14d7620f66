"""`manifest propose MANIFEST`: what the signers are asked to sign."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._ground import (
    DAYS,
    DRY_RUN,
    ENDLESS,
    PREVIOUS,
    out,
    signing,
    time_of,
)
from oneiric_lab.commands._types import FileType

if TYPE_CHECKING:
    from oneiric_lab.lab import Ground, Proposed
    from oneiric_lab.trust import Root


@click.command("propose")
@click.argument("manifest", type=FileType())
@signing
@PREVIOUS
@DAYS
@ENDLESS
@click.option("--not-before", metavar="TIME", help="From when it holds; at once by default.")
@out("proposal")
@DRY_RUN
def command(
    manifest: str,
    *,
    root: Root,
    known: Ground,
    previous: str | None,
    days: float | None,
    no_expiry: bool,
    not_before: str | None,
    out: str | None,
    dry_run: bool,
) -> Proposed:
    """Freeze what will be signed of MANIFEST: its digest and its times, in one proposal file.

    What would never be verified is refused now. The proposal and the manifest go to the signers;
    they compare the words of the digest aloud.
    """
    from oneiric_lab.lab import propose_file  # noqa: PLC0415 - `--help` needs none

    return propose_file(
        manifest,
        root=root,
        ground=known,
        days=days,
        expires=not no_expiry,
        not_before=None if not_before is None else time_of(not_before, "--not-before"),
        previous=previous,
        out=out,
        write=not dry_run,
    )
