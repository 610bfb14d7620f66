"""`doctor`: what this installation has and lacks."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib import metadata

import click

from oneiric_lab.views import Cell, Result, Table, View

_NEEDS = (
    ("toml-rs", "reads TOML twenty times as fast", "fast"),
    ("pyyaml", "reads YAML layers", "yaml"),
    ("ipython", "kernel and %oneiric", "notebook"),
    ("pandas", "frames", "notebook"),
    ("jupyterlab", "the workbench", "lab"),
)


@dataclass(frozen=True, slots=True, repr=False)
class Doctor(Result):
    """Versions, and what is missing with the command that brings it."""

    rows: tuple[tuple[str, str | None, str, str | None], ...]

    def as_dict(self) -> dict[str, object]:
        """Return one row for each part."""
        return {
            "parts": [{"part": p, "version": v, "for": w, "fix": f} for p, v, w, f in self.rows]
        }

    def view(self) -> View:
        """Return one row for each part."""
        rows = tuple(
            (p, Cell(v or "not installed", "ok" if v else "warn"), w, f or "")
            for p, v, w, f in self.rows
        )
        table = Table(("part", "version", "for", "to have it"), rows)
        return View("doctor", "this installation", (table,))


def version(name: str) -> str | None:
    """Return the version of an installed distribution, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@click.command("doctor")
def command() -> Doctor:
    """Say what this installation has and lacks, with the command that mends it."""
    rows: list[tuple[str, str | None, str, str | None]] = [
        ("python", platform.python_version(), "everything", None),
        ("oneiric-lab", version("oneiric-lab") or "from source", "everything", None),
    ]
    for name, use, extra in _NEEDS:
        found = version(name)
        fix = None if found else f"pip install 'oneiric-lab[{extra}]'"
        rows.append((name, found, use, fix))
    return Doctor(tuple(rows))
