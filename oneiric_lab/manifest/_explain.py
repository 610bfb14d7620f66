"""What an entry says, in words, and what it would come to in a registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault, NoCandidateError, did_you_mean
from oneiric_lab.views import Cell, Fields, Note, Result, Table, View

from ._candidates import entered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneiric_lab.registry import Explanation, Registry
    from oneiric_lab.views import Block, CellLike

    from ._manifest import Manifest

_DEFAULTS: dict[str, str] = {
    "priority": "what the stack order infers, or 0",
    "stack_level": "0",
    "stability": "stable",
    "lifetime": "app",
    "python_version": "any",
    "os_platform": "all",
}


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class EntryExplanation(Result):
    """The entries of one component, and who would provide it if the manifest entered.

    Attributes:
        manifest: Where they stand.
        target: `domain:key`.
        entries: Those of the manifest, by provider and version.
        before: Who provides it now; None where no workspace was asked.
        after: Who would.
    """

    manifest: Manifest
    target: str
    entries: tuple[Mapping[str, Any], ...]
    before: Explanation | None = None
    after: Explanation | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "target": self.target,
            "manifest": {
                "project": self.manifest.project,
                "channel": self.manifest.channel,
                "version": self.manifest.version,
                "digest": self.manifest.digest,
            },
            "entries": list(self.entries),
            "before": None if self.before is None else self.before.as_dict(),
            "after": None if self.after is None else self.after.as_dict(),
        }

    def view(self) -> View:
        """Return the facts of each entry, then what they come to."""
        blocks: list[Block] = []
        for entry in self.entries:
            blocks.append(Fields(tuple(_facts(entry))))
            if entry.get("capabilities"):
                blocks.append(_capabilities(entry["capabilities"]))
        m = self.manifest
        facts = (f"{m.source_name} {m.version}",)
        title = f"{self.target}: {', '.join(_who(entry) for entry in self.entries)}"
        if self.after is None or self.before is None:
            return View("manifest-explain", title, tuple(blocks), facts=facts)
        old, new = self.before.winner, self.after.winner
        if new is None:
            blocks.append(Note("nothing would provide it", "bad"))
        elif old is not None and old.identity == new.identity:
            blocks.append(Note(f"{old} would go on providing it", "info"))
        else:
            blocks.append(Note(f"{new} would provide it in place of {old or 'nothing'}", "warn"))
        blocks += self.after.view().blocks
        return View("manifest-explain", title, tuple(blocks), facts=facts)


def _who(entry: Mapping[str, Any]) -> str:
    return f"{entry['provider']} {entry['version']}"


def _facts(entry: Mapping[str, Any]) -> list[tuple[str, CellLike]]:
    out: list[tuple[str, CellLike]] = [("entry", f"{_who(entry)}")]
    skip = {"domain", "key", "provider", "version", "capabilities"}
    for name, value in entry.items():
        if name not in skip:
            out += _lines(name, value)
    out += [(n, Cell(text, "muted")) for n, text in _DEFAULTS.items() if n not in entry]
    return out


def _lines(name: str, value: object) -> list[tuple[str, CellLike]]:
    if isinstance(value, dict):
        return [line for key, inner in value.items() for line in _lines(f"{name}.{key}", inner)]
    if isinstance(value, list):
        if any(isinstance(item, dict | list) for item in value):
            return [line for i, item in enumerate(value) for line in _lines(f"{name}[{i}]", item)]
        return [(name, ", ".join(map(str, value)) or "none")]
    if name == "documentation_url":
        return [(name, Cell(str(value), link=str(value)))]
    if value == "":
        return [(name, Cell("any", "muted"))]  # versions: an empty text takes all
    return [(name, value if isinstance(value, bool | int | float) else str(value))]


def _capabilities(found: Sequence[Mapping[str, Any]]) -> Table:
    rows = tuple(
        (
            c["name"],
            c.get("description"),
            ", ".join(c.get("event_types", ())),
            ", ".join(c.get("security", {}).get("scopes", ())),
        )
        for c in found
    )
    return Table(("capability", "does", "events", "scopes"), rows)


def explain_entry(
    manifest: Manifest,
    target: str,
    *,
    registry: Registry | None = None,
    allowed: Sequence[str] = (),
) -> EntryExplanation:
    """Return what *manifest* says of a component, and what it would come to.

    Args:
        manifest: Where it stands.
        target: `domain:key`.
        registry: Of the workspace that the manifest would enter; nothing is published.
        allowed: See `candidates_of`.

    Raises:
        NoCandidateError: The manifest has no entry for it.
    """
    domain, _, key = target.partition(":")
    found = tuple(e for e in manifest.entries if (e["domain"], e["key"]) == (domain, key))
    if not found:
        known = {f"{e['domain']}:{e['key']}" for e in manifest.entries}
        raise NoCandidateError(
            Fault(
                "no-entry",
                f"the manifest {manifest.source_name} {manifest.version} has no entry for {target}",
                fix=did_you_mean(target, known),
            )
        )
    if registry is None:
        return EntryExplanation(manifest, target, found)
    after = entered(registry, manifest, allowed=allowed)
    return EntryExplanation(
        manifest, target, found, registry.explain(domain, key), after.explain(domain, key)
    )
