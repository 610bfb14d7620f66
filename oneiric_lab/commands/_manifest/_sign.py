"""`manifest sign MANIFEST`: a release, where one signer is enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._ground import (
    DAYS,
    DRY_RUN,
    ENDLESS,
    KEY,
    PREVIOUS,
    out,
    signer_in,
    signing,
)
from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import FileType

if TYPE_CHECKING:
    from oneiric_lab.lab import Ground
    from oneiric_lab.trust import Root
    from oneiric_lab.views import Result


@click.command("sign")
@click.argument("manifest", type=FileType())
@KEY
@signing
@PREVIOUS
@DAYS
@ENDLESS
@out("envelope")
@DRY_RUN
@click.pass_context
def command(
    ctx: click.Context,
    manifest: str,
    *,
    key: str,
    root: Root,
    known: Ground,
    previous: str | None,
    days: float | None,
    no_expiry: bool,
    out: str | None,
    dry_run: bool,
) -> Result:
    """Sign MANIFEST alone, and write the release's envelope.

    Only where the root asks for one signer; else propose it. --dry-run shows what would be
    signed, and asks for no passphrase.
    """
    from oneiric_lab.lab import propose_file, sign_file  # noqa: PLC0415 - `--help` needs none

    around = {
        "root": root,
        "ground": known,
        "days": days,
        "expires": not no_expiry,
        "previous": previous,
    }
    shown = propose_file(manifest, write=False, **around)  # type: ignore[arg-type] # names and values of both
    if dry_run:
        return shown
    signer = signer_in(parts(ctx), key)
    return sign_file(manifest, signer, out=out, **around)  # type: ignore[arg-type] # see above
