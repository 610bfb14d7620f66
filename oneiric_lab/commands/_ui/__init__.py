"""`ui`: widgets in a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._group import Group
from oneiric_lab.views import Result, Table, View

if TYPE_CHECKING:
    from collections.abc import Mapping

VERBS: dict[str, str] = {
    "explorer": "All candidates as a grid, each with its explanation and a what-if.",
    "explanation": "Why a component is provided by whom, with a what-if.",
    "configuration": "Effective values as a tree: why each is so, and what a change would do.",
    "diff": "What differs between two manifests, the gravest first.",
    "load": "A form that starts a load run, and its live chart.",
    "release": "The steps of a release: risks, policy, signatures, verification, bundle.",
    "status": "What is wanted of components beside what is so, with what happens to them.",
}
"""Widget to its one line of help."""


@dataclass(frozen=True, slots=True, repr=False)
class Widgets(Result):
    """The widgets that a notebook can show."""

    widgets: Mapping[str, str]

    def as_dict(self) -> dict[str, object]:
        """Return name to summary."""
        return {"widgets": dict(self.widgets)}

    def view(self) -> View:
        """Return one row for each."""
        rows = tuple((f"%oneiric ui {name}", text) for name, text in self.widgets.items())
        return View("ui", "widgets, shown in a notebook", (Table(("magic", "shows"), rows),))


@click.command("ui", cls=Group, package=__name__, verbs=VERBS, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> Result | None:
    """Show a widget in a notebook; alone, list what there is."""
    return None if ctx.invoked_subcommand is not None else Widgets(VERBS)
