"""`init`: make a workspace."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import click

from oneiric_lab.errors import Fault, UsageError
from oneiric_lab.files import ABSENT, ensure_folder, write_atomic
from oneiric_lab.lab import copy_sample
from oneiric_lab.views import Note, Result, View

from ._root import parts
from ._types import DirectoryType

_EMPTY = """\
# What this project is, and what it says of its values. Higher layers may say otherwise:
# oneiric.NAME.toml for a profile, oneiric.local.toml for this machine, the environment.
[app]
name = {name}
"""


@dataclass(frozen=True, slots=True, repr=False)
class Made(Result):
    """A new workspace."""

    folder: str
    sample: bool

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {"workspace": self.folder, "sample": self.sample}

    def view(self) -> View:
        """Return where it is and what to do next."""
        door = f"oneiric-lab -C {shlex.quote(self.folder)}"
        steps = f"{door} allow, then {door}" if self.sample else door
        return View(
            "init", f"workspace {self.folder} is ready", (Note(f"next: {steps}"),), tone="ok"
        )


@click.command("init")
@click.argument("folder", required=False, type=DirectoryType())
@click.option("--sample", is_flag=True, help="Copy the sample workspace.")
@click.pass_context
def command(ctx: click.Context, folder: str | None, *, sample: bool) -> Made:
    """Make a workspace in FOLDER (or -C DIR), empty or the sample one."""
    name = folder or parts(ctx).workspace
    path = Path(name).expanduser()
    if sample:
        copy_sample(path)
        return Made(name, sample=True)
    ensure_folder(path, shown=name)
    file = path / "oneiric.toml"
    if file.exists():
        raise UsageError(
            Fault(
                "workspace-exists",
                f"{name} is a workspace already",
                fix=f"oneiric-lab -C {shlex.quote(name)}",
            )
        )
    import tomlkit  # noqa: PLC0415 - a folder's name may hold any character

    own = path.resolve().name.encode("utf-8", "replace").decode()
    text = _EMPTY.format(name=tomlkit.item(own).as_string())
    write_atomic(file, text.encode(), expect=ABSENT, shown="oneiric.toml")
    return Made(name, sample=False)
