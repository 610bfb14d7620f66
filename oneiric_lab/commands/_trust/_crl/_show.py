"""`trust crl show LIST`: which keys no longer count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._ground import AT, time_of
from oneiric_lab.commands._trust._files import read_root
from oneiric_lab.commands._trust._lists import BEFORE, ROOT, list_before, read_list
from oneiric_lab.commands._types import FileType

if TYPE_CHECKING:
    from oneiric_lab.trust import ListStanding


@click.command("show")
@click.argument("file", type=FileType(), metavar="LIST")
@ROOT
@BEFORE
@AT
def command(file: str, *, root: str, before: str | None, at: str | None) -> ListStanding:
    """Show what LIST says, who of its role has signed it, and until when it holds.

    What is new is told against the list before it: revocations.N.json beside it, unless another
    is given.
    """
    return standing(file, root, before, at)


def standing(
    file: str, root: str, before: str | None, at: str | None, done: str = ""
) -> ListStanding:
    """Return how the list in *file* stands."""
    from oneiric_lab.trust import ListStanding  # noqa: PLC0415 - `--help` needs none

    listed = read_list(file)
    known = list_before(file, listed, before)
    return ListStanding(listed, read_root(root), known, time_of(at), done, file)
