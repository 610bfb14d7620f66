"""`ui release`: the steps of a release."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._ground import PREVIOUS, REVOCATIONS
from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import FileType

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("release")
@click.argument("manifest", type=FileType(), required=False)
@click.option(
    "--root",
    "roots",
    type=FileType(),
    metavar="FILE",
    multiple=True,
    help="A root; more than once, for the whole chain.",
)
@PREVIOUS
@REVOCATIONS
@click.pass_context
def command(
    ctx: click.Context,
    manifest: str | None,
    *,
    roots: tuple[str, ...],
    previous: str | None,
    revocations: str | None,
) -> Result:
    """Show what is to be done before MANIFEST is published, and do it step by step.

    All that is known stands in the files of the release: it can be gone on with at any time.
    """
    from oneiric_lab.lab import widget  # noqa: PLC0415 - `--help` needs none

    make, context = widget("release").make, parts(ctx)

    def inside(path: str | None) -> str | None:
        return None if path is None else context.inside(path)

    files = {"previous": inside(previous), "revocations": inside(revocations)}
    more = {"roots": [inside(one) for one in roots], **files} if manifest else {}
    found: Result = make(context.lab(), inside(manifest), **more)
    return found
