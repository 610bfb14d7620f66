"""`load`: drive a system at a stated rate, and report honestly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._group import Group, listed

if TYPE_CHECKING:
    from oneiric_lab.views import Result

VERBS: dict[str, str] = {
    "run": "Drive a scenario, and judge it.",
    "list": "List the scenarios that come with us.",
    "runs": "List the runs that were kept.",
    "show": "Show a run that was kept.",
    "compare": "Say whether runs are slower than others.",
    "aa": "Measure what identical runs differ by.",
    "export": "Write a run as a page, JUnit XML, Parquet, CSV or JSON.",
}
"""Verb to its one line of help."""


@click.command("load", cls=Group, package=__name__, verbs=VERBS, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> Result | None:
    """Drive a system at a stated rate, and report honestly."""
    return listed(ctx)
