"""`show [PATH]`: values that are in force."""

from __future__ import annotations

from dataclasses import dataclass

import click

from oneiric_lab.config import leaves, parse_path, plain, render_path, shown
from oneiric_lab.views import Cell, Result, Table, View

from ._root import parts
from ._types import PathType


@dataclass(frozen=True, slots=True, repr=False)
class Values(Result):
    """Values with their origins."""

    path: str
    value: object
    rows: tuple[tuple[str, object, str, str | None], ...]

    def as_dict(self) -> dict[str, object]:
        """Return the value as data, and each leaf's origin."""
        return {
            "path": self.path,
            "value": self.value,
            "origins": {p: o for p, _, o, _ in self.rows},
        }

    def view(self) -> View:
        """Return one row for each leaf."""
        rows = tuple((p, shown(v), Cell(o, link=f)) for p, v, o, f in self.rows)
        title = f"{self.path or 'values'}: {len(rows)} in force"
        return View("show", title, (Table(("value", "is", "said at"), rows),))


@click.command("show")
@click.argument("path", required=False, default="", type=PathType())
@click.option("--all", "everything", is_flag=True, help="Include defaults of built-in tables.")
@click.pass_context
def command(ctx: click.Context, path: str, *, everything: bool) -> Values:
    """Show the values below PATH, or all that somebody said."""
    snapshot = parts(ctx).lab().snapshot
    if path:
        base = parse_path(path)
        value = plain(snapshot.value(base))
        found = [((*base, *p), v) for p, v in leaves(value)]
    else:
        value = {**(plain(snapshot.settings) if everything else {}), **plain(snapshot.config)}
        found = leaves(value)
        known = {p for p, _ in found}
        said = [p for p, _ in leaves(snapshot.tree) if p not in known]
        found += [(p, plain(snapshot.value(p))) for p in sorted(said, key=render_path)]
    rows = []
    for p, v in found:
        if p:
            origin = snapshot.origin(p)
            rows.append((render_path(p), v, str(origin), origin.file))
    return Values(path, value, tuple(rows))
