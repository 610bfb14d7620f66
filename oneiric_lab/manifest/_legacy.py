"""Manifests of schema 1 and 2, which the system that we follow wrote: read, never written anew.

Neither says its schema. Schema 2 is schema 1 with more names; a document that uses one of
them is of schema 2. What no schema names was dropped there, and is told here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from oneiric_lab.config import found, parse, render_path
from oneiric_lab.registry import is_name
from oneiric_lab.views import Result, Table, View

from ._authoring import AuthoredDocument, read_document
from ._manifest import many
from ._validate import TreeFault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TOP_1 = {"source", "entries", "signature", "signature_algorithm"}
TOP_2 = {"signatures", "signed_at", "expires_at"}
ENTRY_1 = {
    "domain",
    "key",
    "provider",
    "factory",
    "uri",
    "sha256",
    "version",
    "stack_level",
    "priority",
    "metadata",
}
ENTRY_2 = {
    "capabilities",
    "owner",
    "requires_secrets",
    "settings_model",
    "side_effect_free",
    "timeout_seconds",
    "retry_policy",
    "requires",
    "conflicts_with",
    "python_version",
    "os_platform",
    "license",
    "documentation_url",
    "event_topics",
    "event_max_concurrency",
    "event_filters",
    "event_priority",
    "event_fanout_policy",
    "dag",
}
_DOMAINS = ("adapter", "action", "service", "task", "event", "workflow")
_NEEDED = ("domain", "key", "provider", "factory")
_TYPES: dict[str, tuple[type, ...]] = {
    "uri": (str,),
    "sha256": (str,),
    "version": (str,),
    "stack_level": (int,),
    "priority": (int,),
    "metadata": (dict,),
    "capabilities": (list,),
    "owner": (str,),
    "requires_secrets": (bool,),
    "settings_model": (str,),
    "side_effect_free": (bool,),
    "timeout_seconds": (int, float),
    "retry_policy": (dict,),
    "requires": (list,),
    "conflicts_with": (list,),
    "python_version": (str,),
    "os_platform": (list,),
    "license": (str,),
    "documentation_url": (str,),
    "event_topics": (list,),
    "event_max_concurrency": (int,),
    "event_filters": (list,),
    "event_priority": (int,),
    "event_fanout_policy": (str,),
    "dag": (dict,),
}
_KINDS = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "a boolean",
    dict: "a table",
    list: "a list",
}


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Legacy(Result):
    """A manifest of schema 1 or 2.

    Attributes:
        schema: 1 or 2.
        source: What it calls itself.
        entries: Plain dictionaries, in the order of the document.
        document: The file, with the bytes and the tree that were read.
    """

    schema: int
    source: str
    entries: tuple[Mapping[str, Any], ...]
    document: AuthoredDocument

    @property
    def source_name(self) -> str:
        """What its candidates are known by: it stays over all that the source publishes."""
        return self.source

    @property
    def name(self) -> str:
        """The file, as people are shown it."""
        return self.document.name

    @property
    def tree(self) -> Mapping[str, Any]:
        """The whole document, signatures included."""
        return self.document.parsed.tree

    def as_dict(self) -> dict[str, object]:
        """Return the document itself."""
        return dict(self.tree)

    def view(self) -> View:
        """Return one row for each entry."""
        rows = tuple(
            (f"{e['domain']}:{e['key']}", e["provider"], e.get("version"), e["factory"])
            for e in self.entries
        )
        title = f"manifest {self.source} of schema {self.schema}: {many(len(rows))}"
        return View(
            "manifest", title, (Table(("component", "provider", "version", "factory"), rows),)
        )


def read_legacy(path: Path, *, name: str | None = None) -> Legacy:
    """Return the manifest of schema 1 or 2 in the file *path*, JSON or YAML.

    Raises:
        ManifestError: It is none; with every fault and its place.
        ParseError: It is not what its format demands.
        FileAccessError: It cannot be read.
    """
    return legacy_of(read_document(path, name=name))


def parse_legacy(data: bytes, *, name: str) -> Legacy:
    """Return the manifest of schema 1 or 2 in *data*, JSON, or YAML where it is none.

    Args:
        data: What was fetched.
        name: As people are shown it.

    Raises:
        ManifestError: It is none; with every fault and its place.
        ParseError: It is neither JSON nor YAML.
    """
    kind: Literal["json", "yaml"] = "json" if data.lstrip()[:1] == b"{" else "yaml"
    parsed = parse(data, format=kind, name=name, layer="")
    return legacy_of(AuthoredDocument(None, name, data, parsed))


def legacy_of(document: AuthoredDocument) -> Legacy:
    """Return what a document of schema 1 or 2 holds.

    Raises:
        ManifestError: With every fault and its place.
    """
    tree = document.parsed.tree
    faults = list(_faults(tree))
    if faults:
        raise document.places.error(faults)
    entries = tuple(tree.get("entries", ()))
    newer = tree.keys() & TOP_2 or any(entry.keys() & ENTRY_2 for entry in entries)
    source = tree.get("source", "remote")
    return Legacy(2 if newer else 1, source, entries, document)


def _faults(tree: Mapping[str, Any]) -> Iterator[TreeFault]:
    """Yield what keeps a document from being read at all; the rest is for its migration."""
    entries = tree.get("entries", [])
    if "source" in tree and not isinstance(tree["source"], str):
        yield _fault(("source",), "a string", tree["source"])
    if not isinstance(entries, list):
        yield _fault(("entries",), "a list", entries)
        return
    for index, entry in enumerate(entries):
        path = ("entries", index)
        if not isinstance(entry, dict):
            yield _fault(path, "a table", entry)
            continue
        for name in _NEEDED:
            if name not in entry:
                inside = (*path, name)
                yield TreeFault("missing-value", f"missing value: {render_path(inside)}", inside)
            elif not isinstance(entry[name], str):
                yield _fault((*path, name), "a string", entry[name])
        if isinstance(entry.get("domain"), str) and entry["domain"] not in _DOMAINS:
            yield _fault((*path, "domain"), f"one of {', '.join(_DOMAINS)}", entry["domain"])
        for name in ("key", "provider"):
            if isinstance(entry.get(name), str) and not is_name(entry[name]):
                yield _fault((*path, name), "a name", entry[name])
        for name, types in _TYPES.items():
            value = entry.get(name)
            # There, as here, null is what nobody said; a boolean is no number.
            odd = isinstance(value, bool) and bool not in types
            if value is not None and (odd or not isinstance(value, types)):
                yield _fault((*path, name), _KINDS[types[-1]], value)


def _fault(path: tuple[str | int, ...], wanted: str, value: object) -> TreeFault:
    shown = f"expected {wanted}, got {found(value)}: {render_path(path)}"
    return TreeFault("invalid-value", shown, path)
