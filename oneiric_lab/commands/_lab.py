"""`lab`: open JupyterLab on the workspace."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oneiric_lab.errors import Fault, MissingExtraError, UsageError
from oneiric_lab.lab import copy_sample, tutorials
from oneiric_lab.views import Code, Result, View

from ._root import parts

if TYPE_CHECKING:
    from collections.abc import Mapping

_HERE = Path(__file__).resolve().parents[1]
_DEFAULTS = _HERE / "_jupyter"
_EXTENSIONS = _HERE.parent / "extensions"


@dataclass(frozen=True, slots=True, repr=False)
class Command(Result):
    """The command line that would be run."""

    words: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """Return its words."""
        return {"command": list(self.words)}

    def view(self) -> View:
        """Return it on one line."""
        return View("lab", "would run", (Code(" ".join(self.words)),))


def arguments(
    root: Path, notebook: str | None, environ: Mapping[str, str], *, is_root: bool
) -> tuple[str, ...]:
    """Return the command line that opens JupyterLab on *root*.

    The default URL is the notebook, so that the printed address opens it too. Without a
    display no browser is started; only root is told that it may run the server. From a checkout
    the extension is served as it stands there, and not the copy that was installed with it.
    """
    out = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={root}"]
    if notebook is not None:
        out.append(f"--LabApp.default_url=/lab/tree/{notebook}")
    if (_EXTENSIONS / "jupyterlab-oneiric" / "package.json").is_file():
        out.append(f"--LabServerApp.extra_labextensions_path={_EXTENSIONS}")
    shows = environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY") or sys.platform == "darwin"
    if not shows:
        out.append("--no-browser")
    if is_root:
        out.append("--allow-root")
    return tuple(out)


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the server: *environ*, and where our defaults of JupyterLab are.

    They keep its question about news off the first screen; who wants news says so in
    JupyterLab's own settings, which stand above.
    """
    paths = [environ.get("JUPYTER_CONFIG_PATH", ""), str(_DEFAULTS)]
    return {**environ, "JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, paths))}


@click.command("lab")
@click.option("--dry-run", is_flag=True, help="Show the command only.")
@click.pass_context
def command(ctx: click.Context, *, dry_run: bool) -> Command | None:
    """Open JupyterLab on the workspace; makes the sample one where there is none.

    A kernel, which runs in one, shows the command only.
    """
    if find_spec("jupyterlab") is None:
        raise MissingExtraError("JupyterLab is not installed", extra="lab")
    context = parts(ctx)
    root = context.folder()
    if not (root / "oneiric.toml").exists():
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            fault = f"{context.workspace} is no workspace, and not empty"
            raise UsageError(Fault("no-workspace", fault, fix="oneiric-lab -C NEW-FOLDER lab"))
        copy_sample(root)
        for notebook in tutorials():
            shutil.copy(notebook, root / notebook.name)
    # A checkout keeps its tutorials beside the sample workspace.
    folder = next((f for f in (root, root.parent) if sorted(f.glob("00-*.ipynb"))), root)
    tours = sorted(folder.glob("*.ipynb"))
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    words = arguments(folder, tours[0].name if tours else None, os.environ, is_root=is_root)
    if dry_run or not context.interaction.takes_over:
        return Command(words)
    code = subprocess.call(words, env=environment(os.environ))  # noqa: S603 - our own interpreter, its own module
    raise SystemExit(code)
