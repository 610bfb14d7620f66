"""Schema 3 as a JSON Schema, for editors and for other programs."""

from __future__ import annotations

from typing import Any

from ._schema import adapter


def manifest_json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a packed manifest.

    A `format` in it names a check that a pattern cannot make, such as `pep440-version`.
    """
    schema = adapter().json_schema()
    for part in (schema, *schema["$defs"].values()):
        part["additionalProperties"] = False
        part["patternProperties"] = {"^x-.": {}}
        part.pop("title", None)
        for inner in part["properties"].values():
            inner.pop("title", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "manifest, schema 3",
        **schema,
    }
