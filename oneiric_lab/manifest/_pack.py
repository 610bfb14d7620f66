"""Packing: what people wrote becomes the bytes that are signed. Validating: whether it could."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from oneiric_lab.canonical import MAX_BYTES, encode
from oneiric_lab.errors import (
    CanonicalError,
    Fault,
    ManifestError,
    Origin,
    ParseError,
    UsageError,
)
from oneiric_lab.files import ensure_folder, read, write_atomic
from oneiric_lab.views import Fields, Note, Result, View

from ._authoring import complete, read_document
from ._legacy import legacy_of
from ._manifest import SUFFIX, Manifest, many, read_manifest

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from oneiric_lab.views import Block

    Done = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Packed(Result):
    """A manifest that was written.

    Attributes:
        file: Where, as people are shown it.
        manifest: What it holds.
        changed: Whether the file held other bytes before, or none.
        warnings: What should be looked at before it is signed.
    """

    file: str
    manifest: Manifest
    changed: bool
    warnings: tuple[Fault, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        m = self.manifest
        return {
            "file": self.file,
            "project": m.project,
            "channel": m.channel,
            "version": m.version,
            "entries": len(m.entries),
            "artifacts": sum("artifact" in entry for entry in m.entries),
            "digest": m.digest,
            "size": m.size,
            "changed": self.changed,
            "warnings": [fault.as_dict() for fault in self.warnings],
        }

    def view(self) -> View:
        """Return what was written."""
        m = self.manifest
        artifacts = sum("artifact" in entry for entry in m.entries)
        fields = Fields(
            (
                ("holds", f"{many(len(m.entries))}, {many(artifacts, 'artifact', 'artifacts')}"),
                ("digest", m.digest),
                ("bytes", f"{m.size:,}"),
            )
        )
        state = "" if self.changed else ", as before"
        notes: tuple[Block, ...] = tuple(
            Note("\n".join(fault.lines()), "warn") for fault in self.warnings
        )
        title = f"{self.file} is {m.source_name} {m.version}{state}"
        return View("manifest-pack", title, (fields, *notes), tone="ok")


@dataclass(frozen=True, slots=True, repr=False)
class Validated(Result):
    """Whether a file holds a manifest, and what is wrong with it.

    Attributes:
        file: As people are shown it.
        schema: 1, 2 or 3; None where nothing can be told.
        entries: How many it has.
        faults: All of them, in the order of the file.
    """

    file: str
    schema: int | None
    entries: int
    faults: tuple[Fault, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    @property
    def exit_code(self) -> int:
        """1 where something is wrong."""
        return 0 if self.ok else 1

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "file": self.file,
            "ok": self.ok,
            "schema": self.schema,
            "entries": self.entries,
            "faults": [fault.as_dict() for fault in self.faults],
        }

    def view(self) -> View:
        """Return each fault with its place."""
        what = "a manifest" if self.schema is None else f"a manifest of schema {self.schema}"
        if self.ok:
            title = f"{self.file} is {what}: {many(self.entries)}"
            return View("manifest-validate", title, tone="ok")
        notes = tuple(Note("\n".join(fault.lines()), "bad") for fault in self.faults)
        title = f"{self.file} is not {what}: {many(len(self.faults), 'fault', 'faults')}"
        return View("manifest-validate", title, notes, tone="bad")


def _nothing(done: int, total: int, note: str) -> None:
    """Tell nobody."""


def build(path: str | os.PathLike[str], *, done: Done = _nothing) -> Manifest:
    """Return the manifest that the authoring file *path* stands for; nothing is written.

    Args:
        path: A TOML or YAML file of schema 3.
        done: Told of each artifact that is read.

    Raises:
        ManifestError: With every fault, each at its line and column.
        ParseError: The file is not what its format demands.
        FileAccessError: It cannot be read.
    """
    document = read_document(Path(path), name=str(path))
    if document.is_legacy:
        raise ManifestError(
            Fault(
                "older-schema",
                "expected a manifest of schema 3, got one of schema 1 or 2",
                Origin("", document.name, 1, 1),
                fix=f"oneiric-lab manifest migrate {document.name} --out shop.toml",
            )
        )
    tree, faults = complete(document, done=done)
    if faults:
        raise document.places.error(faults)
    # Through the gate and the schema once more: what is written is what will be taken.
    manifest = read_manifest(encode(tree), name=document.name)
    return replace(manifest, places=document.places)


def open_manifest(path: str | os.PathLike[str], *, done: Done = _nothing) -> Manifest:
    """Return the manifest in *path*: a packed one, or one that people write.

    Raises:
        CanonicalError: A `*.oneiric.json` is not in its canonical form.
        ManifestError: With every fault.
        ParseError: The file is not what its format demands.
        FileAccessError: It cannot be read.
    """
    if str(path).endswith(SUFFIX):
        return read_manifest(
            read(Path(path), shown=str(path), limit=MAX_BYTES).data, name=str(path)
        )
    return build(path, done=done)


def pack(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    done: Done = _nothing,
) -> Packed:
    """Write the manifest that the authoring file *path* stands for, in its canonical form.

    Args:
        path: A TOML or YAML file of schema 3; its artifacts stand below its folder.
        out: Where to; `NAME.oneiric.json` beside it by default.
        done: Told of each artifact that is read.

    Raises:
        ManifestError: With every fault, each at its line and column; nothing is written.
        UsageError: *out* is *path*, or has another ending.
    """
    source = Path(path)
    target = source.with_name(source.stem.removesuffix(".oneiric") + SUFFIX)
    if out is not None:
        target = Path(out)
    if not target.name.endswith(SUFFIX) or target.resolve() == source.resolve():
        raise UsageError(
            Fault(
                "usage",
                f"a packed manifest ends in {SUFFIX}, this would be {target}",
                fix=f"--out build/shop{SUFFIX}",
            )
        )
    manifest = build(path, done=done)
    data = manifest.to_bytes()
    name = str(target)
    before = read(target, shown=name, limit=MAX_BYTES).data if target.exists() else None
    warnings = () if before is None else tuple(_against(before, manifest, name))
    if before != data:
        ensure_folder(target.parent)
        write_atomic(target, data, shown=name)
    return Packed(name, manifest, before != data, warnings)


def _against(before: bytes, manifest: Manifest, name: str) -> list[Fault]:
    """Return what should be looked at where *manifest* replaces *before*."""
    try:
        old = read_manifest(before, name=name)
    except (CanonicalError, ManifestError):
        return []
    if old.source_name != manifest.source_name or old.digest == manifest.digest:
        return []
    if old.version < manifest.version:
        return []
    return [
        Fault(
            "version-not-higher",
            f"the file held version {old.version} with other bytes, now version {manifest.version}",
            why="clients refuse a lower version, and one version with two digests",
            fix=f"write version {old.version + 1}, if version {old.version} was published",
            severity="warning",
        )
    ]


def validate(path: str | os.PathLike[str], *, done: Done = _nothing) -> Validated:
    """Return whether the file *path* holds a manifest, with everything that is wrong.

    TOML, YAML and JSON are taken, of schema 1, 2 and 3; a `*.oneiric.json` must be in its
    canonical form.

    Raises:
        FileAccessError: It cannot be read.
    """
    name = str(path)
    packed = name.endswith(SUFFIX)
    try:
        if packed:
            return Validated(name, 3, len(open_manifest(path).entries), ())
        document = read_document(Path(path), name=name)
        if document.is_legacy:
            old = legacy_of(document)
            return Validated(name, old.schema, len(old.entries), ())
        tree, found = complete(document, done=done)
        faults = document.places.error(found).faults if found else ()
        entries = tree.get("entries")
        return Validated(name, 3, len(entries) if isinstance(entries, list) else 0, faults)
    except (CanonicalError, ManifestError, ParseError) as error:
        return Validated(name, 3 if packed else None, 0, error.faults)
