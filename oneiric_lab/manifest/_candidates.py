"""Entries as candidates, and a whole manifest in a registry as one generation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oneiric_lab.canonical import without_collector
from oneiric_lab.errors import Origin
from oneiric_lab.registry import RUNS, Candidate, Refusal, refuse_factory

from ._legacy import Legacy
from ._migrate import entries_of
from ._validate import tree_faults

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneiric_lab.registry import Generation, Registry

    from ._manifest import Manifest

# Facts that an entry and a candidate have under one name.
_SAME = (
    "domain",
    "key",
    "provider",
    "version",
    "priority",
    "stack_level",
    "requires",
    "requires_dist",
    "conflicts_with",
    "python_version",
    "os_platform",
    "stability",
    "enabled_by",
    "settings_model",
    "health",
    "requires_secrets",
    "lifetime",
    "blocking",
    "summary",
)


def candidates_of(manifest: Manifest | Legacy, *, allowed: Sequence[str] = ()) -> list[Candidate]:
    """Return the entries of *manifest* as candidates.

    What may not run is there all the same, with a refusal that tells why: the registry
    shows it among those that were passed over. The whole entry stands in the candidate's
    `metadata["entry"]`, for what reads its artifact, its events or its steps.

    Args:
        manifest: The manifest; one of schema 1 or 2 as `candidates_of_legacy` reads it.
        allowed: Prefixes of modules whose factories, settings models and health checks may
            run (`plugins.allow_factories`); none by default.
    """
    name = manifest.source_name
    if isinstance(manifest, Legacy):
        return candidates_of_legacy(manifest, name, allowed=allowed)
    shown, may = manifest.name or f"{name} {manifest.version}", tuple(allowed)
    with without_collector():
        return [
            _candidate(entry, "", index=index, shown=shown, source_name=name, allowed=may)
            for index, entry in enumerate(manifest.entries)
        ]


def candidates_of_legacy(
    legacy: Legacy, source_name: str, *, allowed: Sequence[str] = ()
) -> list[Candidate]:
    """Return the entries of a manifest of schema 1 or 2 as candidates.

    They mean what they would mean in schema 3. An entry that schema 3 does not take is
    there with the names that it has, and a refusal that tells why.

    Args:
        legacy: The manifest.
        source_name: What its candidates are known by; it must stay over all versions.
        allowed: See `candidates_of`.
    """
    shown = legacy.name or source_name
    return [
        _candidate(
            *_sound(entry),
            index=index,
            shown=shown,
            source_name=source_name,
            allowed=tuple(allowed),
        )
        for index, entry in enumerate(entries_of(legacy))
    ]


_WHOLE = {"schema": 3, "project": "x", "channel": "x", "version": 1}
_NAMES = ("domain", "key", "provider", "factory")


def _sound(entry: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """Return *entry* where schema 3 takes it, else its names, and what is wrong with it."""
    # Older schemas asked for no version, and knew no size.
    entry = {"version": "0", **entry}
    judged = {name: value for name, value in entry.items() if name != "artifact"}
    faults = tree_faults({**_WHOLE, "entries": [judged]})
    if not faults:
        return entry, ""
    return {name: entry[name] for name in _NAMES}, faults[0].message


def _candidate(
    entry: Mapping[str, Any],
    wrong: str,
    *,
    index: int,
    shown: str,
    source_name: str,
    allowed: tuple[str, ...],
) -> Candidate:
    origin = Origin(f"manifest:{source_name}", name=f"{shown}, entries[{index}]")
    refusals = [
        refuse_factory(entry[name], allowed, origin, what=what)
        for name, what in RUNS.items()
        if name in entry
    ]
    if wrong:
        refusals.append(Refusal("manifest", f"is not what schema 3 takes: {wrong}", origin))
    facts = {name: entry[name] for name in _SAME if name in entry}
    facts["factory"] = "" if wrong else entry["factory"]
    if "capabilities" in entry:
        facts["capabilities"] = frozenset([one["name"] for one in entry["capabilities"]])
    facts["source"], facts["source_name"], facts["origin"] = "manifest", source_name, origin
    facts["refusals"] = tuple([one for one in refusals if one is not None])
    facts["metadata"] = {**entry.get("metadata", {}), "entry": entry}
    # The schema has judged what it takes; of the others only their names come here.
    return Candidate(**facts) if wrong else Candidate.judged(facts)


def enter(
    registry: Registry,
    manifest: Manifest | Legacy,
    *,
    allowed: Sequence[str] = (),
    judged: Generation | None = None,
) -> int:
    """Put *manifest* in place of what its project and channel had in *registry* before.

    One generation is published: entries that a newer version has no more leave with it.

    Args:
        registry: Where it enters.
        manifest: A manifest that was verified, or that is trusted for another reason.
        allowed: See `candidates_of`.
        judged: What `entered` returned for the same, which is published as it is unless
            another generation was published since.

    Returns:
        The number of the generation.
    """
    if judged is not None and registry.publish(judged):
        return judged.number
    found = candidates_of(manifest, allowed=allowed)
    with registry.batch():
        registry.withdraw(source_name=manifest.source_name)
        registry.add(*found)
    return registry.generation


def entered(
    registry: Registry, manifest: Manifest | Legacy, *, allowed: Sequence[str] = ()
) -> Generation:
    """Return the generation that *registry* would publish if *manifest* entered; unpublished."""
    with without_collector():
        return registry.preview(
            add=candidates_of(manifest, allowed=allowed), withdraw=manifest.source_name
        )
