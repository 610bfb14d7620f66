"""`allow`: let this workspace's code run."""

from __future__ import annotations

import os
from dataclasses import dataclass

import click

from oneiric_lab.config import Inputs, load
from oneiric_lab.lab import allow, code_modules
from oneiric_lab.views import Fields, Result, View

from ._root import parts


@dataclass(frozen=True, slots=True, repr=False)
class Allowed(Result):
    """What may run from now on."""

    workspace: str
    modules: tuple[str, ...]
    digest: str

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "workspace": self.workspace,
            "modules": list(self.modules),
            "digest": self.digest,
        }

    def view(self) -> View:
        """Return modules and digest."""
        modules = ", ".join(self.modules) or "none"
        fields = Fields((("modules", modules), ("digest", self.digest[:23] + "…")))
        return View("allow", f"code of {self.workspace} may run", (fields,), tone="ok")


@click.command("allow")
@click.pass_context
def command(ctx: click.Context) -> Allowed:
    """Let the code that this workspace names run; a change of it asks again."""
    context = parts(ctx)
    context.require()
    root = context.folder()
    environ = {k: v for k, v in os.environ.items() if k.startswith("ONEIRIC_")}
    modules = code_modules(load(Inputs(root, context.profiles or None, environ, bare=True)))
    return Allowed(root.name, tuple(modules), allow(root, modules, os.environ))
