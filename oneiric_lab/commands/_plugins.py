"""`plugins`: what installed distributions offer."""

from __future__ import annotations

from dataclasses import dataclass

import click

from oneiric_lab.plugins import Found, discover
from oneiric_lab.views import Cell, Note, Result, Table, View


@dataclass(frozen=True, slots=True, repr=False)
class Plugins(Result):
    """Installed plugins, found without importing any."""

    found: tuple[Found, ...]

    def as_dict(self) -> dict[str, object]:
        """Return one row for each."""
        return {
            "plugins": [
                {
                    "distribution": f.distribution,
                    "version": f.version,
                    "package": f.package,
                    "descriptor": f.location,
                    "problem": f.problem,
                }
                for f in self.found
            ]
        }

    def view(self) -> View:
        """Return one row for each."""
        title = f"{len(self.found)} plugins, none imported"
        if not self.found:
            return View("plugins", title, (Note("no plugin is installed"),))
        rows = tuple(
            (
                f.distribution,
                f.version,
                f.package,
                f.location,
                Cell(f.problem, "bad") if f.problem else Cell("listed", "ok"),
            )
            for f in self.found
        )
        heads = ("distribution", "version", "package", "descriptor", "state")
        return View("plugins", title, (Table(heads, rows),))


@click.command("plugins")
def command() -> Plugins:
    """List installed plugins; reads descriptors and imports nothing."""
    return Plugins(discover())
