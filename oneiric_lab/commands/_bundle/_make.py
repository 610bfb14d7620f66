"""`bundle make ENVELOPE`: what is published beside the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._ground import (
    AT,
    DRY_RUN,
    MANIFEST,
    REVOCATIONS,
    ground,
    out,
    root_in,
)
from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import FileType

if TYPE_CHECKING:
    from oneiric_lab.lab import Bundled


@click.command("make")
@click.argument("envelope", type=FileType())
@click.option(
    "--root",
    "roots",
    type=FileType(),
    metavar="FILE",
    multiple=True,
    required=True,
    help="A root; more than once, for the whole chain.",
)
@REVOCATIONS
@MANIFEST
@AT
@out("bundle")
@DRY_RUN
@click.pass_context
def command(
    ctx: click.Context,
    envelope: str,
    *,
    roots: tuple[str, ...],
    revocations: str | None,
    manifest: str | None,
    at: str | None,
    out: str | None,
    dry_run: bool,
) -> Bundled:
    """Put ENVELOPE, the chain of roots and the revocation list into one bundle.

    It is verified as by somebody who knows nothing but the first root. One that does not hold
    is not written: exit 1, or 3 when all that is wrong is its age.
    """
    from oneiric_lab.lab import bundle_file  # noqa: PLC0415 - `--help` needs none

    known = ground(parts(ctx), root=None, policy=None, state=None, revocations=revocations, at=at)
    return bundle_file(
        envelope,
        roots=[root_in(one, known.limits) for one in roots],
        ground=known,
        manifest=manifest,
        out=out,
        write=not dry_run,
    )
