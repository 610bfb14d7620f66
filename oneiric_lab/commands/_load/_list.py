"""`load list`: the scenarios that come with us."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from oneiric_lab.views import Result, Table, View


@dataclass(frozen=True, slots=True, repr=False)
class Scenarios(Result):
    """The scenarios that come with us."""

    rows: tuple[tuple[str, str, dict[str, Any], int], ...]

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "scenarios": [
                {"name": name, "summary": summary, "params": params, "users": users}
                for name, summary, params, users in self.rows
            ]
        }

    def view(self) -> View:
        """Return one row for each."""
        rows = tuple(
            (name, summary, str(users), " ".join(f"{k}={v}" for k, v in params.items()))
            for name, summary, params, users in self.rows
        )
        title = f"{len(rows)} scenarios; load run NAME drives one"
        return View("load-list", title, (Table(("scenario", "drives", "users", "params"), rows),))


@click.command("list")
def command() -> Scenarios:
    """List the scenarios that come with us, with their parameters."""
    from oneiric_lab.loadlab import BUILT_IN  # noqa: PLC0415 - `--help` needs none

    return Scenarios(
        tuple(
            (name, kind.summary, dict(kind.defaults), usual["users"])
            for name, (kind, usual) in BUILT_IN.items()
        )
    )
