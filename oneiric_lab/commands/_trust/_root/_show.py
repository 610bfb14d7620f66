"""`trust root show ROOT`: who may do what, at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._ground import AT, time_of
from oneiric_lab.commands._trust._files import before_of, read_root
from oneiric_lab.commands._types import FileType

if TYPE_CHECKING:
    from oneiric_lab.trust import RootStanding


@click.command("show")
@click.argument("root", type=FileType())
@click.option("--before", type=FileType(), metavar="FILE", help="The root before it.")
@AT
def command(root: str, *, before: str | None, at: str | None) -> RootStanding:
    """Show who may do what by ROOT, who has signed it, and until when it holds.

    With the root before it (the file root.N.json beside it, unless another is given) it is also
    told what changes, what loosens first. That a root is complete is no reason to trust it: see
    `trust root verify`.
    """
    return standing(root, before=before, at=at)


def standing(
    name: str, *, before: str | None = None, at: str | None = None, done: str = ""
) -> RootStanding:
    """Return how the root in the file *name* stands, beside the root before it."""
    from oneiric_lab.trust import RootStanding  # noqa: PLC0415 - `--help` needs none

    root = read_root(name)
    former = before_of(name, "root", root.version, before)
    known = None if former is None else read_root(former)
    return RootStanding(root, known, time_of(at), done, name)
