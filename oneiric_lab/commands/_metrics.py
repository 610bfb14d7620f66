"""`metrics`: the numbers of this workspace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from oneiric_lab.views import Code, Result, Table, View

from ._root import parts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneiric_lab.runtime import Metric, Metrics


@dataclass(frozen=True, slots=True, repr=False)
class Exposed(Result):
    """Metrics as Prometheus reads them."""

    metrics: Metrics

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape of the metrics."""
        return self.metrics.as_dict()

    def to_text(self, *, width: int = 100, color: bool = False) -> str:
        """Return the exposition itself: a scraper reads it, whatever the terminal."""
        return self.metrics.text.rstrip("\n")

    def view(self) -> View:
        """Return the exposition."""
        return View("metrics", "metrics", (Code(self.metrics.text.rstrip("\n")),))


@dataclass(frozen=True, slots=True, repr=False)
class Catalogue(Result):
    """Every metric that there is."""

    rows: Mapping[str, Metric]

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "metrics": [
                {
                    "name": one.name,
                    "kind": one.kind,
                    "room": one.room,
                    "labels": {k: v and list(v) for k, v in one.labels.items()},
                    "says": one.says,
                }
                for one in self.rows.values()
            ]
        }

    def view(self) -> View:
        """Return one row for each."""
        rows = tuple(
            (one.name, one.kind, " ".join(one.labels), one.says) for one in self.rows.values()
        )
        heads = ("metric", "kind", "labels", "what it says")
        return View("metrics", f"the catalogue: {len(rows)} metrics", (Table(heads, rows),))


@click.command("metrics")
@click.option("--text", is_flag=True, help="As Prometheus reads them.")
@click.option("--catalogue", is_flag=True, help="Every metric that there is, and what it says.")
@click.pass_context
def command(ctx: click.Context, *, text: bool, catalogue: bool) -> Result:
    """Show the numbers of the workspace: those of its host where one runs here."""
    if catalogue:
        from oneiric_lab.runtime import CATALOGUE  # noqa: PLC0415 - for this option only

        return Catalogue(CATALOGUE)
    from oneiric_lab.lab import asked_metrics, found_host  # noqa: PLC0415 - see above

    context = parts(ctx)
    current = context.interaction.current()
    hosted = current is not None and current.is_hosted
    told = None if hosted else found_host(context.folder())
    found = asked_metrics(told) if told is not None and told.url else context.lab().metrics()
    return Exposed(found) if text else found
