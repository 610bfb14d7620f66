"""`manifest cosign PROPOSAL`: what one signer answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._ground import (
    DRY_RUN,
    KEY,
    MANIFEST,
    PREVIOUS,
    out,
    signer_in,
    trusting,
)
from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import FileType

if TYPE_CHECKING:
    from oneiric_lab.lab import Ground, Signed


@click.command("cosign")
@click.argument("proposal", type=FileType())
@KEY
@MANIFEST
@trusting
@PREVIOUS
@out("response")
@DRY_RUN
@click.pass_context
def command(
    ctx: click.Context,
    proposal: str,
    *,
    key: str,
    manifest: str | None,
    known: Ground,
    previous: str | None,
    out: str | None,
    dry_run: bool,
) -> Signed:
    """Sign what PROPOSAL says of the manifest on this machine, and write one response file.

    The manifest is hashed here. Give the --root, --policy or --state that you trust: without
    them the root in the proposal is believed. --dry-run shows all of it before anything is
    signed, and asks for no passphrase.
    """
    from oneiric_lab.lab import cosign_file  # noqa: PLC0415 - `--help` needs none

    around = {"ground": known, "manifest": manifest, "previous": previous}
    shown = cosign_file(proposal, None, **around)  # type: ignore[arg-type] # names and values of both
    if dry_run:
        return shown
    # The passphrase comes last: nobody unlocks a key for what is refused anyway.
    signer = signer_in(parts(ctx), key)
    return cosign_file(proposal, signer, out=out, **around)  # type: ignore[arg-type] # see above
