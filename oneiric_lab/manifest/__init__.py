"""Schemas of manifests, packing and migration; entries become candidates.

A **manifest** lists candidates from elsewhere. On disk it is `NAME.oneiric.json`: RFC 8785
JSON of schema 3, the only bytes that are read (`read_manifest`) and signed. People write it
as TOML or YAML (`pack`), with some things shorter::

    schema = 3
    project = "shop"                 # together the line of releases
    channel = "stable"
    version = 7                      # grows with every release

    [[entries]]
    domain = "adapter"               # domain, key, provider, version: what tells it apart
    key = "cache"
    provider = "redis"
    version = "2.1.0"
    factory = "shop_redis:Cache"     # runs only where plugins.allow_factories has it
    capabilities = ["kv", "ttl"]     # or tables: name, description, event_types, security, ...
    requires_dist = ["redis>=5"]
    artifact = { path = "dist/shop_redis-2.1.0-py3-none-any.whl" }   # uri, sha256, size follow

Every name but those that begin with `x-` is known, and every value is checked; all faults
are told at once, each at its line and column. The types are `ManifestDocument` and
`ManifestEntry`.

For those who build on it:

- `Manifest.entries` are plain dictionaries, those that were parsed; two of them are compared
  with `==`. `identity_of(entry)` is (domain, key, provider, version), which is unique;
  `Manifest.by_identity()` maps it to the entry. A shape within a shape is in `PARTS`.
- `read_manifest(bytes)` is the gate and the schema; `build(path)` the same for what people
  write; `open_manifest(path)` takes either.
- `candidates_of(manifest, allowed=...)` gives `registry.Candidate`s of source `manifest` and of
  the source name `PROJECT/CHANNEL`; what may not run has a refusal. `enter(registry, manifest)`
  publishes one generation in which entries that left are gone; `entered(registry, manifest)`
  is that generation, unpublished. `read_candidates(bytes)` is `read_manifest` and
  `candidates_of` in one reading, of which little is kept.
- `read_legacy` and `parse_legacy` read schema 1 and 2 (`Legacy.tree` holds the signatures),
  `migrate` makes a draft of schema 3 of them, `candidates_of_legacy` candidates.
- `diff(a, b)` is what leads from one manifest to another, `patch(a, diff)` goes that way;
  `RISKS` are the kinds of risks in it. With `registry=` it tells what becomes of a workspace.
"""

from typing import TYPE_CHECKING

from oneiric_lab._lazy import exporter

if TYPE_CHECKING:
    from ._authoring import AuthoredDocument as AuthoredDocument
    from ._authoring import read_document as read_document
    from ._candidates import candidates_of as candidates_of
    from ._candidates import candidates_of_legacy as candidates_of_legacy
    from ._candidates import enter as enter
    from ._candidates import entered as entered
    from ._candidates import read_candidates as read_candidates
    from ._diff import ManifestDiff as ManifestDiff
    from ._diff import diff as diff
    from ._diff import patch as patch
    from ._diff_fields import ABSENT as ABSENT
    from ._diff_fields import FieldChange as FieldChange
    from ._diff_impact import Impact as Impact
    from ._diff_impact import Refused as Refused
    from ._diff_impact import WinnerChange as WinnerChange
    from ._diff_match import EntryChange as EntryChange
    from ._diff_risks import RISKS as RISKS
    from ._diff_risks import Risk as Risk
    from ._diff_risks import RiskKind as RiskKind
    from ._diff_sides import empty as empty
    from ._diff_sides import held as held
    from ._diff_sides import open_side as open_side
    from ._diff_steps import VersionStep as VersionStep
    from ._diff_steps import version_step as version_step
    from ._explain import EntryExplanation as EntryExplanation
    from ._explain import explain_entry as explain_entry
    from ._export import Exported as Exported
    from ._export import entry_of as entry_of
    from ._export import export as export
    from ._jsonschema import manifest_json_schema as manifest_json_schema
    from ._legacy import Legacy as Legacy
    from ._legacy import parse_legacy as parse_legacy
    from ._legacy import read_legacy as read_legacy
    from ._lines import Lines as Lines
    from ._lines import as_lines as as_lines
    from ._manifest import SUFFIX as SUFFIX
    from ._manifest import Identity as Identity
    from ._manifest import Manifest as Manifest
    from ._manifest import identity_of as identity_of
    from ._manifest import read_manifest as read_manifest
    from ._migrate import entries_of as entries_of
    from ._migrate import migrate as migrate
    from ._migrated import Migrated as Migrated
    from ._migrated import Step as Step
    from ._pack import Packed as Packed
    from ._pack import Validated as Validated
    from ._pack import build as build
    from ._pack import open_manifest as open_manifest
    from ._pack import pack as pack
    from ._pack import validate as validate
    from ._schema import PARTS as PARTS
    from ._schema import SCHEMA as SCHEMA
    from ._schema import ManifestDocument as ManifestDocument
    from ._schema import ManifestEntry as ManifestEntry
    from ._validate import TreeFault as TreeFault
    from ._validate import dag_faults as dag_faults
else:
    __getattr__, __dir__ = exporter(
        __name__,
        {
            "ABSENT": "._diff_fields",
            "PARTS": "._schema",
            "RISKS": "._diff_risks",
            "SCHEMA": "._schema",
            "SUFFIX": "._manifest",
            "AuthoredDocument": "._authoring",
            "EntryChange": "._diff_match",
            "EntryExplanation": "._explain",
            "Exported": "._export",
            "FieldChange": "._diff_fields",
            "Identity": "._manifest",
            "Impact": "._diff_impact",
            "Legacy": "._legacy",
            "Lines": "._lines",
            "Manifest": "._manifest",
            "ManifestDiff": "._diff",
            "ManifestDocument": "._schema",
            "ManifestEntry": "._schema",
            "Migrated": "._migrated",
            "Packed": "._pack",
            "Refused": "._diff_impact",
            "Risk": "._diff_risks",
            "RiskKind": "._diff_risks",
            "Step": "._migrated",
            "TreeFault": "._validate",
            "Validated": "._pack",
            "VersionStep": "._diff_steps",
            "WinnerChange": "._diff_impact",
            "as_lines": "._lines",
            "build": "._pack",
            "candidates_of": "._candidates",
            "candidates_of_legacy": "._candidates",
            "dag_faults": "._validate",
            "diff": "._diff",
            "empty": "._diff_sides",
            "enter": "._candidates",
            "entered": "._candidates",
            "entries_of": "._migrate",
            "entry_of": "._export",
            "explain_entry": "._explain",
            "export": "._export",
            "held": "._diff_sides",
            "identity_of": "._manifest",
            "manifest_json_schema": "._jsonschema",
            "migrate": "._migrate",
            "open_manifest": "._pack",
            "open_side": "._diff_sides",
            "pack": "._pack",
            "parse_legacy": "._legacy",
            "patch": "._diff",
            "read_candidates": "._candidates",
            "read_document": "._authoring",
            "read_legacy": "._legacy",
            "read_manifest": "._manifest",
            "validate": "._pack",
            "version_step": "._diff_steps",
        },
    )

__all__ = [
    "ABSENT",
    "PARTS",
    "RISKS",
    "SCHEMA",
    "SUFFIX",
    "AuthoredDocument",
    "EntryChange",
    "EntryExplanation",
    "Exported",
    "FieldChange",
    "Identity",
    "Impact",
    "Legacy",
    "Lines",
    "Manifest",
    "ManifestDiff",
    "ManifestDocument",
    "ManifestEntry",
    "Migrated",
    "Packed",
    "Refused",
    "Risk",
    "RiskKind",
    "Step",
    "TreeFault",
    "Validated",
    "VersionStep",
    "WinnerChange",
    "as_lines",
    "build",
    "candidates_of",
    "candidates_of_legacy",
    "dag_faults",
    "diff",
    "empty",
    "enter",
    "entered",
    "entries_of",
    "entry_of",
    "explain_entry",
    "export",
    "held",
    "identity_of",
    "manifest_json_schema",
    "migrate",
    "open_manifest",
    "open_side",
    "pack",
    "parse_legacy",
    "patch",
    "read_candidates",
    "read_document",
    "read_legacy",
    "read_manifest",
    "validate",
    "version_step",
]
