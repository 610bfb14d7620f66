"""`schema`: the JSON Schema of the workspace's files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from oneiric_lab.config import json_schema
from oneiric_lab.views import Code, Result, View

from ._root import parts


@dataclass(frozen=True, slots=True, repr=False)
class JsonSchema(Result):
    """A JSON Schema, draft 2020-12."""

    schema: dict[str, Any]

    def as_dict(self) -> dict[str, object]:
        """Return the schema itself."""
        return self.schema

    def view(self) -> View:
        """Return the schema as text."""
        code = Code(self.to_json(), "json")
        return View("schema", "JSON Schema of the workspace's files", (code,))


@click.command("schema")
@click.pass_context
def command(ctx: click.Context) -> JsonSchema:
    """Print the JSON Schema of the workspace's files, for editors."""
    return JsonSchema(json_schema(parts(ctx).lab().snapshot.inputs.schema))
