"""`manifest migrate FILE`: an older manifest as a draft of a newer schema."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from oneiric_lab.commands._types import FileType

if TYPE_CHECKING:
    from oneiric_lab.manifest import Migrated


@click.command("migrate")
@click.argument("file", type=FileType())
@click.option("--to", type=click.Choice(["2", "3"]), default="3", show_default=True, help="Schema.")
@click.option("--project", metavar="NAME", help="Of the new one; the old source by default.")
@click.option("--channel", metavar="NAME", help="Of the new one; stable by default.")
@click.option("--version", type=click.IntRange(1), metavar="N", help="Of the new one; 1.")
@click.option("--out", metavar="FILE", type=FileType(), help="Write the draft: TOML, YAML, JSON.")
def command(
    file: str,
    *,
    to: Literal["2", "3"],
    project: str | None,
    channel: str | None,
    version: int | None,
    out: str | None,
) -> Migrated:
    """Make a draft of schema 3 out of FILE, a manifest of schema 1 or 2, and report on it.

    Everything that was inferred or dropped is told, and what people must decide: it stands as a
    comment in the draft. Exit 1 where something must be decided.
    """
    from oneiric_lab.manifest import migrate  # noqa: PLC0415 - `--help` needs none

    found = migrate(
        file, to=2 if to == "2" else 3, project=project, channel=channel, version=version
    )
    return found if out is None else found.write(Path(out))
