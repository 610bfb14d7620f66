"""`load list`: the scenarios that come with us."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("list")
def command() -> Result:
    """List the scenarios that come with us, with their parameters and usual load."""
    from oneiric_lab.loadlab import scenarios  # noqa: PLC0415 - `--help` needs none

    return scenarios()
