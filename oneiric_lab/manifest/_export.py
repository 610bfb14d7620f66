"""From a registry back to a manifest: its candidates as entries that people go on writing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from oneiric_lab.canonical import encode
from oneiric_lab.errors import CanonicalError
from oneiric_lab.files import write_atomic
from oneiric_lab.views import Code, Note, Result, Table, View

from ._manifest import many
from ._migrated import as_text, format_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from oneiric_lab.registry import Candidate, Generation
    from oneiric_lab.views import Block

_PLAIN = ("priority", "stack_level", "python_version", "enabled_by")
_LISTS = ("requires_dist", "conflicts_with", "os_platform", "requires_secrets")


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Exported(Result):
    """Candidates as an authoring file of schema 3.

    Attributes:
        document: The manifest, without digests of artifacts.
        left_out: Candidates that cannot be said in a manifest, and why.
        out: Where it was written, None where it was not.
    """

    document: Mapping[str, Any]
    left_out: tuple[tuple[str, str], ...] = ()
    out: str | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape, with the manifest in it."""
        return {
            "out": self.out,
            "document": dict(self.document),
            "left_out": [{"candidate": who, "why": why} for who, why in self.left_out],
        }

    def view(self) -> View:
        """Return the manifest as text, or where it is, and what was left out."""
        blocks: list[Block] = []
        if self.out is None:
            blocks.append(Code(self.text(), "toml"))
        if self.left_out:
            blocks.append(Table(("left out", "why"), self.left_out))
        where = " as a manifest" if self.out is None else f" in {self.out}"
        if self.out is not None:
            blocks.append(Note(f"manifest pack {self.out} makes it canonical"))
        return View(
            "manifest-export",
            f"{many(len(self.document['entries']))}{where}",
            tuple(blocks),
            tone="ok",
        )

    def text(self, format: str = "toml") -> str:
        """Return the manifest as people go on writing it, in TOML or YAML."""
        return as_text(self.document, format, {})

    def write(self, path: Path) -> Exported:
        """Write it to *path*, in the format that its name ends in."""
        write_atomic(path, self.text(format_of(path)).encode(), shown=str(path))
        return replace(self, out=str(path))


def export(
    generation: Generation,
    *,
    project: str,
    channel: str = "stable",
    version: int = 1,
    sources: Iterable[str] = ("manual", "package", "plugin"),
    winners: bool = False,
) -> Exported:
    """Return the candidates of a registry's *generation* as a manifest.

    Args:
        generation: `registry.current`, or another.
        project: Of the manifest.
        channel: Of the manifest.
        version: Of the manifest.
        sources: Kinds of sources that are taken.
        winners: Take those only that win.
    """
    wanted = frozenset(sources)
    entries: dict[tuple[str, ...], dict[str, Any]] = {}
    left_out: list[tuple[str, str]] = []
    for candidate in generation.candidates():
        if candidate.source not in wanted:
            continue
        if winners and generation.nodes[candidate.domain][candidate.key].winner is not candidate:
            continue
        entry = entry_of(candidate)
        who = f"{candidate.target} ({candidate})"
        if entry is None:
            left_out.append((who, "its factory has no name that another process could import"))
            continue
        if candidate.metadata and "metadata" not in entry:
            left_out.append((f"metadata of {who}", "they hold what JSON has not"))
        identity = candidate.identity[:4]
        if identity in entries:
            left_out.append((who, f"{candidate.source_name} offers the same provider and version"))
        entries.setdefault(identity, entry)
    document = {
        "schema": 3,
        "project": project,
        "channel": channel,
        "version": version,
        "entries": [entries[identity] for identity in sorted(entries)],
    }
    return Exported(document, tuple(left_out))


def entry_of(candidate: Candidate) -> dict[str, Any] | None:
    """Return *candidate* as an entry, None where its factory cannot be named."""
    origin = candidate.metadata.get("entry")
    if candidate.source == "manifest" and isinstance(origin, dict):
        return dict(origin)
    factory = _name_of(candidate.factory)
    if factory is None:
        return None
    out: dict[str, Any] = {
        "domain": candidate.domain,
        "key": candidate.key,
        "provider": candidate.provider,
        "version": candidate.version,
        "factory": factory,
    }
    if candidate.summary:
        out["summary"] = candidate.summary
    for name in _PLAIN:
        if (value := getattr(candidate, name)) is not None:
            out[name] = value
    if candidate.capabilities:
        out["capabilities"] = sorted(candidate.capabilities)
    for name in ("settings_model", "health"):
        code = getattr(candidate, name)
        if code is not None and (named := _name_of(code)) is not None:
            out[name] = named
    if candidate.stability != "stable":
        out["stability"] = candidate.stability
    if candidate.lifetime != "app":
        out["lifetime"] = candidate.lifetime
    if candidate.blocking:
        out["blocking"] = True
    for name in _LISTS:
        if value := getattr(candidate, name):
            out[name] = list(value)
    if candidate.requires:
        out["requires"] = dict(candidate.requires)
    if candidate.metadata and _has_form(candidate.metadata):
        out["metadata"] = dict(candidate.metadata)
    return out


def _has_form(value: Mapping[str, Any]) -> bool:
    try:
        encode(dict(value))
    except CanonicalError:
        return False
    return True


def _name_of(thing: object) -> str | None:
    """Return `module:attr` of *thing*, None where another process could not import it so."""
    if isinstance(thing, str):
        return thing or None
    module = getattr(thing, "__module__", None)
    name = getattr(thing, "__qualname__", None)
    if not module or not name or "<" in name or module == "__main__":
        return None
    return f"{module}:{name}"
