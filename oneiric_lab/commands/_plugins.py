"""`plugins`: what installed distributions offer."""

from __future__ import annotations

from dataclasses import dataclass

import click

from oneiric_lab.plugins import TIMEOUT, Found, discover
from oneiric_lab.views import Cell, Note, Result, Table, View

from ._root import parts
from ._types import Amount, ComponentType


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
@click.option("--probe", is_flag=True, help="Import every factory, each in its own process.")
@click.option(
    "--only",
    metavar="DOMAIN:KEY",
    type=ComponentType(),
    help="Probe the candidates of one component.",
)
@click.option(
    "--timeout",
    type=Amount(min=0, min_open=True),
    default=TIMEOUT,
    show_default=True,
    metavar="SECONDS",
    help="For each import.",
)
@click.pass_context
def command(ctx: click.Context, *, probe: bool, only: str | None, timeout: float) -> Result:
    """List installed plugins; reads descriptors and imports nothing.

    With --probe every factory of the workspace is imported, each in a process of its own.
    Who fails goes into quarantine; who is sound again comes out. Exit 1 where one fails.
    A notebook gets a job, which can be cancelled.
    """
    if not probe and only is None:
        return Plugins(discover())
    context = parts(ctx)
    lab = context.lab()
    return context.interaction.work(
        "probe",
        lambda done, cancelled: lab.probe(only, timeout=timeout, done=done, cancelled=cancelled),
    )
