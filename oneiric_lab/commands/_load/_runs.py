"""`load runs`: the runs that were kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts
from oneiric_lab.files import near
from oneiric_lab.views import Cell, CellLike, Note, Result, Table, View

from ._kept import FOLDER, runs_in

if TYPE_CHECKING:
    from pathlib import Path

    from oneiric_lab.loadlab import Kept
    from oneiric_lab.views import Block


@dataclass(frozen=True, slots=True, repr=False)
class KeptRuns(Result):
    """Runs of a folder, the newest first."""

    folder: Path
    rows: tuple[Kept, ...]
    more: int

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "folder": str(self.folder),
            "runs": [
                {
                    "id": kept.id,
                    "path": str(kept.path),
                    "started": None if kept.started is None else kept.started.isoformat(),
                    "scenario": kept.scenario,
                    "load": kept.load,
                    "verdict": kept.verdict,
                    "label": kept.label,
                    "exit_code": kept.exit_code,
                    "objectives": None if kept.objectives is None else list(kept.objectives),
                    "wrong": kept.wrong,
                }
                for kept in self.rows
            ],
            "more": self.more,
        }

    def view(self) -> View:
        """Return one row for each run."""
        heads = ["run", "scenario", "load", "verdict", "objectives"]
        rows = tuple(_row(kept) for kept in self.rows)
        if any(kept.label for kept in self.rows):
            heads.append("label")
            rows = tuple((*row, kept.label) for row, kept in zip(rows, self.rows, strict=True))
        many = len(rows) + self.more
        title = f"{many} run{'s' * (many != 1)} in {near(self.folder)}"
        blocks: list[Block] = [Table(tuple(heads), rows, more=self.more)] if rows else []
        blocks += [Note(kept.wrong, "bad") for kept in self.rows if kept.wrong]
        if not rows:
            blocks.append(Note("load run SCENARIO makes one", "info"))
        return View("load-runs", title, tuple(blocks))


def _row(kept: Kept) -> tuple[CellLike, ...]:
    if kept.started is None or kept.objectives is None:
        return kept.id, None, None, Cell(kept.verdict, "bad"), None
    met, of = kept.objectives
    return (
        kept.id,
        kept.scenario,
        kept.load,
        Cell(kept.verdict, "bad" if kept.exit_code else "ok"),
        f"{met} of {of} met" if of else "none",
    )


@click.command("runs")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="Most.",
)
@FOLDER
@click.pass_context
def command(ctx: click.Context, folder: str | None, limit: int) -> KeptRuns:
    """List the runs that were kept, the newest first.

    Runs stay until you delete their folders. load show and load export name one by `latest`,
    by the beginning of its name, or by its last part.
    """
    runs = runs_in(parts(ctx), folder)
    names = runs.ids()
    return KeptRuns(
        runs.folder, tuple(runs.kept(name) for name in names[:limit]), max(len(names) - limit, 0)
    )
