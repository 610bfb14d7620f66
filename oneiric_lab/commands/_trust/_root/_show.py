"""`trust root show ROOT`: who may do what, at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._ground import AT, time_of
from oneiric_lab.commands._trust._files import before_of, read_root
from oneiric_lab.commands._types import FileType
from oneiric_lab.errors import Fault, UsageError
from oneiric_lab.views import Code, Result, View

if TYPE_CHECKING:
    from oneiric_lab.trust import RootStanding


@dataclass(frozen=True, slots=True, repr=False)
class RootToml(Result):
    """A root as people write it.

    Attributes:
        file: The root.
        text: The `root.toml` that says the same.
    """

    file: str
    text: str

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {"file": self.file, "text": self.text}

    def view(self) -> View:
        """Return the text as it is."""
        return View("root-toml", f"{self.file} as root.toml", (Code(self.text, "toml"),))

    def to_text(self, *, width: int = 100, color: bool = False) -> str:
        """Return the text alone, to be sent into a file."""
        return self.text.rstrip("\n")


@click.command("show")
@click.argument("root", type=FileType())
@click.option("--before", type=FileType(), metavar="FILE", help="The root before it.")
@click.option("--toml", is_flag=True, help="As root.toml, for the next root to be made of.")
@AT
def command(
    root: str, *, before: str | None, toml: bool, at: str | None
) -> RootStanding | RootToml:
    """Show who may do what by ROOT, who has signed it, and until when it holds.

    With the root before it (the file root.N.json beside it, unless another is given) it is also
    told what changes, what loosens first. That a root is complete is no reason to trust it: see
    `trust root verify`. `--toml >root.toml` writes what it says as people write it: edit that,
    then `trust root rotate ROOT --from root.toml`.
    """
    if toml:
        return _as_toml(root, before, at)
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


def _as_toml(name: str, before: str | None, at: str | None) -> RootToml:
    from oneiric_lab.trust import RootDraft  # noqa: PLC0415 - `--help` needs none

    given = [option for option, value in (("--before", before), ("--at", at)) if value]
    if given:
        fix = f"leave out {' and '.join(given)}"
        raise UsageError(Fault("usage", "--toml says what the root says, at any time", fix=fix))
    return RootToml(name, RootDraft.of(read_root(name)).toml())
