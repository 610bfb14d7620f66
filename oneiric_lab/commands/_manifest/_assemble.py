"""`manifest assemble PROPOSAL RESPONSE...`: signatures put together, as far as they have come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._ground import DRY_RUN, MANIFEST, out, trusting
from oneiric_lab.commands._types import FileType

if TYPE_CHECKING:
    from oneiric_lab.lab import Ground
    from oneiric_lab.trust import Assembly


@click.command("assemble")
@click.argument("proposal", type=FileType())
@click.argument("responses", metavar="[RESPONSE]...", type=FileType(), nargs=-1)
@MANIFEST
@trusting
@out("envelope")
@DRY_RUN
def command(
    proposal: str,
    responses: tuple[str, ...],
    *,
    manifest: str | None,
    known: Ground,
    out: str | None,
    dry_run: bool,
) -> Assembly:
    """Put each RESPONSE to PROPOSAL into the release's envelope, and say how far it is.

    A response that is late, edited, foreign or the second of a signer is refused with the
    reason. Can be asked again with those that come later; exit 1 while signers are missing.
    """
    from oneiric_lab.lab import assemble_files  # noqa: PLC0415 - `--help` needs none

    return assemble_files(
        proposal, responses, ground=known, manifest=manifest, out=out, write=not dry_run
    )
