"""`doctor`: what this installation has and lacks, and how the workspace stands."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib import metadata

import click

from oneiric_lab.errors import OneiricError, UsageError
from oneiric_lab.lab import trust_notices
from oneiric_lab.views import Cell, Code, Note, Result, Table, View

from ._page import page_notes, server_python
from ._root import parts

_NEEDS = (
    ("toml-rs", "reads TOML twenty times as fast", "fast"),
    ("pyyaml", "reads YAML layers", "yaml"),
    ("fastjsonschema", "validates in action:validation.schema", "schema"),
    ("ipython", "kernel and %oneiric", "notebook"),
    ("pandas", "frames", "notebook"),
    ("jupyterlab", "the workbench", "lab"),
)
_COMPLETION = {
    "bash": 'eval "$(_ONEIRIC_LAB_COMPLETE=bash_source oneiric-lab)"   # in ~/.bashrc',
    "zsh": 'eval "$(_ONEIRIC_LAB_COMPLETE=zsh_source oneiric-lab)"   # in ~/.zshrc',
    "fish": "_ONEIRIC_LAB_COMPLETE=fish_source oneiric-lab | source   # in config.fish",
}


@dataclass(frozen=True, slots=True, repr=False)
class Doctor(Result):
    """Versions, what is missing with the command that brings it, and how the workspace stands.

    Attributes:
        rows: Part, version or None, use, and the command that brings it.
        completion: What makes the user's shell complete by Tab.
        workspace: What is to be said of the workspace: whether it is well, and the text.
        page: The same of the page that shows the kernel, where one does.
    """

    rows: tuple[tuple[str, str | None, str, str | None], ...]
    completion: str
    workspace: tuple[tuple[bool, str], ...] = ()
    page: tuple[tuple[bool, str], ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Return one row for each part."""
        return {
            "parts": [{"part": p, "version": v, "for": w, "fix": f} for p, v, w, f in self.rows],
            "completion": self.completion,
            "workspace": [{"ok": ok, "text": text} for ok, text in self.workspace],
            "page": [{"ok": ok, "text": text} for ok, text in self.page],
        }

    def view(self) -> View:
        """Return one row for each part."""
        rows = tuple(
            (p, Cell(v or "not installed", "ok" if v else "warn"), w, f or "")
            for p, v, w, f in self.rows
        )
        table = Table(("part", "version", "for", "to have it"), rows)
        notes = tuple(
            Note(text, "ok" if ok else "warn") for ok, text in (*self.page, *self.workspace)
        )
        shell = Code(self.completion, "sh", "completion by Tab in your shell")
        return View("doctor", "this installation", (table, *notes, shell))


def version(name: str) -> str | None:
    """Return the version of an installed distribution, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _workspace(ctx: click.Context) -> tuple[tuple[bool, str], ...]:
    """Return what is to be said of the workspace; nothing where there is none."""
    context = parts(ctx)
    try:
        lab = context.lab()
    except UsageError:
        return ()
    except OneiricError as error:
        count = len(error.faults)
        many = "1 fault" if count == 1 else f"{count} faults"
        return ((False, f"the workspace does not open: {many}, `check` tells"),)
    schema = lab.snapshot.inputs.schema
    out = [(True, f"workspace {lab.root.name} opens")]
    out += [
        (False, "; ".join(filter(None, (notice.message, notice.why, notice.fix))))
        for notice in (*lab.store.notices(), *trust_notices(lab.store))
    ]
    if schema is not None and not schema.model_config.get("frozen"):
        text = f"{schema.__name__} is not frozen: lab.config can be changed by accident"
        out.append((False, f"{text}; give it model_config = ConfigDict(frozen=True)"))
    # A damaged store is met by whoever asks it.
    return tuple(dict.fromkeys(out))


@click.command("doctor")
@click.pass_context
def command(ctx: click.Context) -> Doctor:
    """Say what this installation has and lacks, with the command that mends it."""
    rows: list[tuple[str, str | None, str, str | None]] = [
        ("python", platform.python_version(), "everything", None),
        ("oneiric-lab", version("oneiric-lab") or "from source", "everything", None),
    ]
    for name, use, extra in _NEEDS:
        found = version(name)
        fix = None if found else f"pip install 'oneiric-lab[{extra}]'"
        rows.append((name, found, use, fix))
    shell = os.path.basename(os.environ.get("SHELL", ""))  # noqa: PTH119 - a name, not a path
    completion = _COMPLETION.get(shell, _COMPLETION["bash"])
    kernel = {name: version(name) for name in ("oneiric-lab", "anywidget", "ipywidgets")}
    page = page_notes(parts(ctx).interaction.page(), kernel, server_python())
    return Doctor(tuple(rows), completion, _workspace(ctx), page)
