"""`manifest diff A B`: what differs by meaning, the risks first."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import click

from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import DomainType, FileType
from oneiric_lab.errors import Fault, OneiricError, UsageError
from oneiric_lab.views import Note, Result, View, to_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneiric_lab.commands._context import Context
    from oneiric_lab.manifest import ManifestDiff
    from oneiric_lab.registry import Registry

FORMATS = ("side", "unified", "json", "html", "markdown")
_GIT = 7
"""Arguments of a diff driver: path, then file, hash and mode of both sides (gitattributes(5))."""


@dataclass(frozen=True, slots=True, repr=False)
class Printed(Result):
    """A diff that a shell prints in another form than text.

    Attributes:
        diff: What it is.
        format: `json`, `html` or `markdown`.
    """

    diff: ManifestDiff
    format: str

    @property
    def exit_code(self) -> int:
        """That of the diff."""
        return self.diff.exit_code

    def as_dict(self) -> dict[str, object]:
        """Return that of the diff."""
        return self.diff.as_dict()

    def view(self) -> View:
        """Return that of the diff, which is what a kernel displays."""
        return self.diff.view()

    def to_text(self, *, width: int = 100, color: bool = False) -> str:
        """Return the whole in its form: HTML is a page that needs nothing else."""
        if self.format == "json":
            return self.diff.to_json()
        if self.format == "markdown":
            return self.diff.to_markdown()
        view = self.diff.view()
        return to_page(view.title, [view])


@dataclass(frozen=True, slots=True, repr=False)
class ForGit(Result):
    """A diff that git asked for: it takes any exit code but 0 for a failure.

    Attributes:
        path: Of the file in the repository.
        diff: What differs, None where a side cannot be read.
        faults: Why it cannot.
    """

    path: str
    diff: ManifestDiff | None
    faults: tuple[Fault, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "path": self.path,
            "diff": None if self.diff is None else self.diff.as_dict(),
            "faults": [fault.as_dict() for fault in self.faults],
        }

    def view(self) -> View:
        """Return the diff under the file's name, or why there is none."""
        if self.diff is not None:
            found = self.diff.view()
            return replace(found, title=f"{self.path}: {found.title}")
        notes = tuple(Note("\n".join(fault.lines()), "bad") for fault in self.faults)
        return View("manifest-diff", f"{self.path}: it cannot be compared", notes, tone="bad")


@click.command("diff")
@click.argument("files", nargs=-1, required=True, type=FileType(), metavar="A [B]")
@click.option("--only", type=click.Choice(["risky"]), help="Leave out what no risk is about.")
@click.option("--domain", type=DomainType(), help="Of one domain.")
@click.option(
    "--format", type=click.Choice(FORMATS), default="side", show_default=True, help="Its form."
)
@click.option("--alone", is_flag=True, help="Do not ask the workspace.")
@click.option("--git", "for_git", is_flag=True, help="Take git's arguments, as its diff driver.")
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[str, ...],
    *,
    only: str | None,
    domain: str | None,
    format: Literal["side", "unified", "json", "html", "markdown"],
    alone: bool,
    for_git: bool,
) -> Result:
    """Compare two manifests by meaning; exit 0 where they are the same, 1 where they differ.

    Risks come first, then who would provide what in this workspace, then the entries. Packed
    manifests, TOML and YAML are taken, and older ones as migrate makes them. With A alone, the
    workspace is compared: what would change if A entered. Nothing enters it.
    """
    from oneiric_lab.manifest import diff, held, open_side  # noqa: PLC0415 - `--help` needs none

    context = parts(ctx)
    if for_git:
        return _for_git(files)
    if len(files) > 2:  # noqa: PLR2004 - A and B
        raise UsageError(
            Fault("usage", "manifest diff compares two files", fix="manifest diff A B")
        )
    sides = [open_side(file, done=context.interaction.progress) for file in files]
    registry, allowed = (None, ()) if alone else workspace(context, needed=len(sides) == 1)
    if len(sides) == 1:
        if registry is None:
            raise UsageError(
                Fault(
                    "usage",
                    "--alone needs two files",
                    fix=f"manifest diff A.toml {files[0]} --alone",
                )
            )
        sides.insert(0, held(registry, sides[0]))
    found = diff(sides[0], sides[1], registry=registry, allowed=allowed)
    found = found.only(risky=only is not None, domain=domain)
    if format in {"side", "unified"}:
        return found.styled("unified" if format == "unified" else "side")
    return Printed(found, format)


def workspace(context: Context, *, needed: bool) -> tuple[Registry | None, Sequence[str]]:
    """Return the registry of the workspace and what may run in it, where there is one."""
    if not needed:
        try:
            context.require()
        except UsageError:
            return None, ()
    lab = context.lab()
    return lab.registry, lab.settings.plugins.allow_factories


def _for_git(given: Sequence[str]) -> ForGit:
    """Compare what git names: a side that is not there is `/dev/null`."""
    from oneiric_lab.manifest import diff, empty, open_side  # noqa: PLC0415 - see above

    if len(given) < _GIT:
        raise UsageError(
            Fault(
                "usage",
                f"git names {_GIT} things of a file, got {len(given)}",
                fix="git config diff.oneiric.command 'oneiric-lab manifest diff --git'",
            )
        )
    path, old, new = given[0], given[1], given[4]
    try:
        there = {name: open_side(name) for name in (old, new) if name != os.devnull}
        sides = [there.get(name) for name in (old, new)]
        known = next(side for side in sides if side is not None)
        a, b = (empty(known) if side is None else side for side in sides)
    except OneiricError as error:
        return ForGit(path, None, error.faults)
    return ForGit(path, diff(a, b))
