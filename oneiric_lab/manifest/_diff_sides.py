"""What can be compared: a packed manifest, one that people write, an older one once migrated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from oneiric_lab.canonical import encode
from oneiric_lab.errors import Fault, ManifestError

from ._authoring import read_document
from ._manifest import SUFFIX, Manifest, manifest_of, read_manifest
from ._migrate import migrate
from ._pack import open_manifest
from ._validate import tree_faults

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from oneiric_lab.registry import Registry


def open_side(
    path: str | os.PathLike[str], *, done: Callable[[int, int, str], None] = lambda *_: None
) -> Manifest:
    """Return the manifest in *path*, of any schema, for a comparison.

    One of schema 1 or 2 is compared as `migrate` would make it.

    Args:
        path: A `*.oneiric.json`, or TOML, YAML and JSON as people write it.
        done: Told of each artifact that is read.

    Raises:
        ManifestError: With every fault; of an older one, with what must be decided first.
        CanonicalError: A `*.oneiric.json` is not in its canonical form.
        ParseError: The file is not what its format demands.
        FileAccessError: It cannot be read.
    """
    name = str(path)
    if name.endswith(SUFFIX) or not read_document(Path(path), name=name).is_legacy:
        return open_manifest(path, done=done)
    found = migrate(path)
    if tree_faults(found.document):
        raise ManifestError(
            [
                Fault(
                    "older-schema",
                    f"it cannot be compared before this is decided: {step.text}",
                    step.origin,
                    why=step.why or None,
                    fix=step.fix or f"oneiric-lab manifest migrate {name} --out shop.toml",
                )
                for step in found.decisions
            ]
        )
    return read_manifest(encode(dict(found.document)), name=name)


def held(registry: Registry, manifest: Manifest) -> Manifest:
    """Return what *registry* has of the project and channel of *manifest*, as version 0."""
    return _of_line(
        manifest,
        [
            candidate.metadata["entry"]
            for candidate in registry.current.candidates()
            if candidate.source == "manifest" and candidate.source_name == manifest.source_name
        ],
    )


def empty(manifest: Manifest) -> Manifest:
    """Return a manifest of the same project and channel without any entry, as version 0."""
    return _of_line(manifest, [])


def _of_line(manifest: Manifest, entries: list[Any]) -> Manifest:
    document = {
        "schema": 3,
        "project": manifest.project,
        "channel": manifest.channel,
        "version": 0,
        "entries": entries,
    }
    data = encode(document)
    return manifest_of(document, data)
