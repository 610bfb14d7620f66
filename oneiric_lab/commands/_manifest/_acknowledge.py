"""`manifest acknowledge MANIFEST [RISK]...`: which risks of a release were read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._ground import PREVIOUS
from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import FileType

from ._diff import workspace

if TYPE_CHECKING:
    from oneiric_lab.lab import Acknowledged


@click.command("acknowledge")
@click.argument("manifest", type=FileType())
@click.argument("risks", nargs=-1, metavar="[RISK]...")
@PREVIOUS
@click.option("--all", "everything", is_flag=True, help="All that are there.")
@click.option("--undo", is_flag=True, help="They are to be read again.")
@click.pass_context
def command(
    ctx: click.Context,
    manifest: str,
    *,
    risks: tuple[str, ...],
    previous: str | None,
    everything: bool,
    undo: bool,
) -> Acknowledged:
    """Show the risks of MANIFEST, and take down which were read; exit 1 where one is left.

    A RISK is a code (`downgrade`), or a code with its component (`"downgrade adapter:cache"`).
    What was read stands in a file beside the manifest, with who and when; the notebook's steps
    of a release go on from it.
    """
    from oneiric_lab.lab import READ, acknowledge, acknowledged, beside  # noqa: PLC0415 - `--help` needs none
    from oneiric_lab.manifest import diff, empty, open_side  # noqa: PLC0415 - see above

    new = open_side(manifest)
    old = empty(new) if previous is None else open_side(previous)
    registry, allowed = workspace(parts(ctx), needed=False)
    changes = diff(old, new, registry=registry, allowed=allowed)
    file = beside(manifest, READ)
    wanted = dict.fromkeys(risk.code for risk in changes.risks) if everything else risks
    if not wanted:
        return acknowledged(changes, file)
    return acknowledge(changes, file, tuple(wanted), now=datetime.now(UTC), undo=undo)
