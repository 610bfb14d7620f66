"""Entries as candidates, and a whole manifest in a registry as one generation."""

from __future__ import annotations

from sys import intern
from typing import TYPE_CHECKING, Any

from oneiric_lab.canonical import without_collector
from oneiric_lab.errors import Origin
from oneiric_lab.registry import (
    NOTHING,
    RUNS,
    Candidate,
    Refusal,
    Sparse,
    may_run,
    refuse_factory,
)

from ._legacy import Legacy, parse_legacy
from ._manifest import read_manifest
from ._migrate import entries_of
from ._validate import tree_faults

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from oneiric_lab.registry import Generation, Registry

    from ._manifest import Manifest, Take
    from ._schema import ManifestEntry

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

_MORE_CODE = frozenset(RUNS) - {"factory"}


class Candidates:
    """The candidates of one manifest, made of its entries while these are read.

    A candidate has what decides about it; for the rest it comes back here, and the entry is
    made once more. So nothing is kept twice: neither is an entry beside its bytes.

    Args:
        name: The file, as people are shown it.
        allowed: Prefixes of modules whose factories, settings models and health checks may
            run (`plugins.allow_factories`).
    """

    __slots__ = ("_entries", "_made", "_name", "_names", "_sets", "allowed", "source")

    def __init__(self, name: str, allowed: Sequence[str]) -> None:
        self._name, self.allowed = name, tuple(allowed)
        self._entries: Sequence[Mapping[str, Any]] = ()
        self._begin("")

    def _begin(self, source: str) -> None:
        self.source = intern(source)
        self._made: list[Candidate] = []
        # Many entries say the same: it is kept once.
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {(): ()}
        self._sets: dict[tuple[str, ...], frozenset[str]] = {(): frozenset()}

    def take(
        self, head: Mapping[str, Any], first: int, entries: Iterable[Mapping[str, Any]]
    ) -> None:
        """Make candidates of a run of entries; see `read_manifest`."""
        if not first:
            self._begin(f"{head['project']}/{head['channel']}")
            self._name = self._name or f"{self.source} {head['version']}"
        names, sets, allowed, source = self._names, self._sets, self.allowed, self.source
        for number, entry in enumerate(entries, first):
            said = entry.get
            able = tuple([one["name"] for one in said("capabilities", ())])
            held = sets.get(able)
            if held is None:
                held = sets[able] = frozenset(able)
            needs = tuple(said("requires_dist", ()))
            rivals = tuple(said("conflicts_with", ()))
            systems = tuple(said("os_platform", ()))
            secrets = tuple(said("requires_secrets", ()))
            python = said("python_version")
            runs = may_run(entry["factory"], allowed) and (
                _MORE_CODE.isdisjoint(entry)
                or all(may_run(entry[code], allowed) for code in _MORE_CODE if code in entry)
            )
            made = Sparse.of(
                self,
                number,
                (
                    "manifest",
                    source,
                    intern(entry["domain"]),
                    intern(entry["key"]),
                    intern(entry["provider"]),
                    intern(entry["version"]),
                    said("priority"),
                    said("stack_level"),
                    held,
                    said("requires", NOTHING),
                    names.setdefault(needs, needs),
                    names.setdefault(rivals, rivals),
                    None if python is None else intern(python),
                    names.setdefault(systems, systems),
                    said("stability", "stable"),
                    said("enabled_by"),
                    names.setdefault(secrets, secrets),
                ),
                refused=not runs,
            )
            self._made.append(made)

    def of(self, entries: Sequence[Mapping[str, Any]]) -> list[Candidate]:
        """Return what was made, whose rest is in *entries* from now on."""
        made, self._entries = self._made, entries
        self._begin(self.source)
        return made

    # --- what a candidate asks ----------------------------------------------------------

    def origin(self, number: int) -> Origin:
        """Return the place of an entry."""
        return _origin(self.source, self._name, number)

    def facts(self, number: int) -> dict[str, Any]:
        """Return what of an entry decides nothing, and what refuses it."""
        entry = self._entries[number]
        said = entry.get
        return {
            "factory": entry["factory"],
            "settings_model": said("settings_model"),
            "health": said("health"),
            "lifetime": said("lifetime", "app"),
            "blocking": said("blocking", False),
            "summary": said("summary", ""),
            "refusals": _refusals(entry, self.allowed, self.origin(number)),
        }

    def metadata(self, number: int) -> dict[str, Any]:
        """Return what an entry says besides, and the whole entry as `entry`."""
        return _metadata(self._entries[number])


def _origin(source_name: str, shown: str, number: int) -> Origin:
    return Origin(f"manifest:{source_name}", name=f"{shown}, entries[{number}]")


def _refusals(
    entry: Mapping[str, Any], allowed: Sequence[str], origin: Origin
) -> tuple[Refusal, ...]:
    found = [
        refuse_factory(entry[name], allowed, origin, what=what)
        for name, what in RUNS.items()
        if name in entry
    ]
    return tuple([one for one in found if one is not None])


def _metadata(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry.get("metadata", {}), "entry": entry}


def candidates_of(manifest: Manifest | Legacy, *, allowed: Sequence[str] = ()) -> list[Candidate]:
    """Return the entries of *manifest* as candidates.

    What may not run is there all the same, with a refusal that tells why: the registry
    shows it among those that were passed over. The whole entry stands in the candidate's
    `metadata["entry"]`, for what reads its artifact, its events or its steps. Takes about
    3 µs each.

    Args:
        manifest: The manifest; one of schema 1 or 2 as `candidates_of_legacy` reads it.
        allowed: Prefixes of modules whose factories, settings models and health checks may
            run (`plugins.allow_factories`); none by default.
    """
    if isinstance(manifest, Legacy):
        return candidates_of_legacy(manifest, manifest.source_name, allowed=allowed)
    made = Candidates(manifest.name, allowed)
    with without_collector():
        made.take(manifest.head(), 0, manifest.entries)
        return made.of(manifest.entries)


def read_candidates(
    data: bytes,
    *,
    name: str = "",
    allowed: Sequence[str] = (),
    legacy: bool = False,
    take: Take | None = None,
) -> tuple[Manifest | Legacy, list[Candidate]]:
    """Return the manifest in *data*, and what `candidates_of` returns of it, in one reading.

    The document is all that is kept, with 600 bytes for each candidate: `Manifest.entries`,
    and what of a candidate decides nothing, are made of it when they are asked for.

    Args:
        data: See `read_manifest`.
        name: See `read_manifest`.
        allowed: See `candidates_of`.
        legacy: Whether it is of schema 1 or 2, of which all is kept.
        take: Is shown all entries as well; see `read_manifest`.

    Raises:
        CanonicalError: See `read_manifest`.
        ManifestError: See `read_manifest`.
    """
    if legacy:
        old = parse_legacy(data, name=name)
        if take is not None:
            take({}, 0, entries_of(old))
        return old, candidates_of(old, allowed=allowed)
    made = Candidates(name, allowed)

    def both(head: Mapping[str, Any], first: int, entries: Sequence[ManifestEntry]) -> None:
        made.take(head, first, entries)
        if take is not None:
            take(head, first, entries)

    manifest = read_manifest(data, name=name, take=both)
    return manifest, made.of(manifest.entries)


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
        _of_legacy(*_sound(entry), _origin(source_name, shown, index), source_name, allowed)
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


def _of_legacy(
    entry: Mapping[str, Any], wrong: str, origin: Origin, source_name: str, allowed: Sequence[str]
) -> Candidate:
    refusals = _refusals(entry, allowed, origin)
    if wrong:
        why = f"is not what schema 3 takes: {wrong}"
        refusals = (*refusals, Refusal("manifest", why, origin))
    return Candidate(
        factory="" if wrong else entry["factory"],
        capabilities=frozenset([one["name"] for one in entry.get("capabilities", ())]),
        source="manifest",
        source_name=source_name,
        origin=origin,
        refusals=refusals,
        metadata=_metadata(entry),
        **{name: entry[name] for name in _SAME if name in entry},
    )


def enter(
    registry: Registry,
    manifest: Manifest | Legacy,
    candidates: Iterable[Candidate] | None = None,
    *,
    allowed: Sequence[str] = (),
    judged: Generation | None = None,
) -> int:
    """Put *manifest* in place of what its project and channel had in *registry* before.

    One generation is published: entries that a newer version has no more leave with it.

    Args:
        registry: Where it enters.
        manifest: A manifest that was verified, or that is trusted for another reason.
        candidates: Its candidates, where they are known already.
        allowed: See `candidates_of`, which is asked where they are not.
        judged: What `entered` returned for the same, which is published as it is unless
            another generation was published since.

    Returns:
        The number of the generation.
    """
    if judged is not None and registry.publish(judged):
        return judged.number
    if candidates is None:
        candidates = candidates_of(manifest, allowed=allowed)
    with registry.batch():
        registry.withdraw(source_name=manifest.source_name)
        registry.add(*candidates)
    return registry.generation


def entered(
    registry: Registry,
    manifest: Manifest | Legacy,
    candidates: Iterable[Candidate] | None = None,
    *,
    allowed: Sequence[str] = (),
) -> Generation:
    """Return the generation that *registry* would publish if *manifest* entered; unpublished.

    Arguments are those of `enter`.
    """
    with without_collector():
        if candidates is None:
            candidates = candidates_of(manifest, allowed=allowed)
        return registry.preview(add=candidates, withdraw=manifest.source_name)
