"""`origin PATH`: where a value was said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from oneiric_lab.views import Cell, Fields, Result, View

from ._root import parts
from ._types import PathType

if TYPE_CHECKING:
    from oneiric_lab.errors import Origin


@dataclass(frozen=True, slots=True, repr=False)
class Where(Result):
    """The place of one value."""

    path: str
    origin: Origin

    def as_dict(self) -> dict[str, object]:
        """Return path and origin."""
        return {"path": self.path, "origin": self.origin.as_dict()}

    def view(self) -> View:
        """Return place and layer."""
        place = Cell(str(self.origin), link=self.origin.file)
        fields = Fields((("at", place), ("layer", self.origin.layer)))
        return View("origin", f"{self.path} is said at {self.origin}", (fields,))


@click.command("origin")
@click.argument("path", type=PathType())
@click.pass_context
def command(ctx: click.Context, path: str) -> Where:
    """Say where the effective value at PATH was said."""
    return Where(path, parts(ctx).lab().origin(path))
