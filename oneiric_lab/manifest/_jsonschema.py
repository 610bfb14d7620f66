"""Schema 3 as a JSON Schema, for editors and for other programs."""

from __future__ import annotations

from typing import Any

from oneiric_lab.config import field_texts

from ._schema import PARTS, ManifestDocument, adapter


def manifest_json_schema(*, authoring: bool = False) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a packed manifest.

    A `format` in it names a check that a pattern cannot make, such as `pep440-version`.

    Args:
        authoring: Take what people may write shorter, too.
    """
    schema = adapter().json_schema()
    shapes = {one.__name__: one for inner in PARTS.values() for one in inner.values()}
    parts = {ManifestDocument: schema} | {shapes[n]: one for n, one in schema["$defs"].items()}
    for shape, part in parts.items():
        for name, text in field_texts(shape).items():
            said = {**part["properties"][name], "description": text}
            part["properties"][name] = dict(sorted(said.items()))
        part["additionalProperties"] = False
        part["patternProperties"] = {"^x-.": {}}
        part.pop("title", None)
        for inner in part["properties"].values():
            inner.pop("title", None)
    title = "manifest, schema 3"
    if authoring:
        title = "authoring file of a manifest, schema 3"
        _shorter(schema["$defs"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **schema}


def _shorter(shapes: dict[str, Any]) -> None:
    """Let a capability be its name, and an artifact its file."""
    name = shapes["Capability"]["properties"]["name"]
    able = shapes["ManifestEntry"]["properties"]["capabilities"]
    able["items"] = {"anyOf": [able["items"], name]}
    artifact = shapes["Artifact"]
    about = "A file below the folder of this document; its digest and size are filled in."
    artifact["properties"]["path"] = {"description": about, "minLength": 1, "type": "string"}
    artifact["anyOf"] = [{"required": artifact.pop("required")}, {"required": ["path"]}]
