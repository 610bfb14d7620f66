"""`load export [RUN]`: a run in a form that others read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import FileType
from oneiric_lab.files import near
from oneiric_lab.views import Result, View

from ._kept import FOLDER, RUN, runs_in

_FORMATS = ("html", "junit", "parquet", "csv", "json")
_TABLES = ("operations", "series", "errors", "raw")


@dataclass(frozen=True, slots=True, repr=False)
class Exported(Result):
    """The file that was written."""

    run: str
    format: str
    file: Path
    size: int

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "run": self.run,
            "format": self.format,
            "file": str(self.file),
            "bytes": self.size,
        }

    def view(self) -> View:
        """Return it on one line."""
        title = f"wrote {near(self.file)} ({self.size:,} bytes)"
        return View("load-export", title, facts=(self.run,))


@click.command("export")
@RUN
@click.option(
    "--format",
    type=click.Choice(_FORMATS),
    help="What others read; else what the file's name ends with, or html.",
)
@click.option(
    "--out", metavar="FILE", type=FileType(), help="Where to; else load-RUN.html and so on, here."
)
@click.option(
    "--table",
    type=click.Choice(_TABLES),
    default="series",
    show_default=True,
    help="Of csv and parquet.",
)
@FOLDER
@click.pass_context
def command(
    ctx: click.Context,
    run: str,
    *,
    folder: str | None,
    format: str | None,
    out: str | None,
    table: str,
) -> Exported:
    """Write RUN, the newest one where none is named, for others to read.

    html is one page that needs nothing else; junit is what CI systems show; csv and parquet
    hold one table: operations, series (a row a second), errors, or raw (a row an operation,
    where the plan kept them).
    """
    from oneiric_lab.loadlab import SUFFIXES, format_of  # noqa: PLC0415 - `--help` needs none

    found = runs_in(parts(ctx), folder).open(run)
    if format is None:
        format = "html" if out is None else format_of(Path(out))  # noqa: A001 - the option's name
    file = Path(out) if out is not None else Path(f"load-{found.id}.{SUFFIXES[format]}")
    found.export(file, format, table=table)
    return Exported(found.id, format, file.absolute(), file.stat().st_size)
