"""The JSON Schema of a workspace's files, for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._settings import Settings

if TYPE_CHECKING:
    from pydantic import BaseModel


def json_schema(user: type[BaseModel] | None) -> dict[str, Any]:
    """Return the schema of one file: built-in tables, the user's model, profiles, directives.

    A file is one layer of several, so nothing that the whole needs must be in each.
    """
    schema: dict[str, Any] = Settings.model_json_schema()
    if user is not None:
        own = user.model_json_schema()
        schema["properties"] |= own.get("properties", {})
        schema["$defs"] = {**schema.get("$defs", {}), **own.get("$defs", {})}
    schema["properties"] |= {
        "profiles": {"type": "object", "additionalProperties": {"type": "object"}},
        "_oneiric": {
            "type": "object",
            "properties": {"unset": {"type": "array", "items": {"type": "string"}}},
            "additionalProperties": False,
        },
    }
    for part in (schema, *schema.get("$defs", {}).values()):
        part.pop("required", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "oneiric.toml",
        "additionalProperties": user is None,
    }
