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

from ._authoring import AuthoredDocument, read_document
from ._candidates import candidates_of, candidates_of_legacy, enter, entered, read_candidates
from ._diff import ManifestDiff, diff, patch
from ._diff_fields import ABSENT, FieldChange
from ._diff_impact import Impact, Refused, WinnerChange
from ._diff_match import EntryChange
from ._diff_risks import RISKS, Risk, RiskKind
from ._diff_sides import empty, held, open_side
from ._diff_steps import VersionStep, version_step
from ._explain import EntryExplanation, explain_entry
from ._export import Exported, entry_of, export
from ._jsonschema import manifest_json_schema
from ._legacy import Legacy, parse_legacy, read_legacy
from ._lines import Lines, as_lines
from ._manifest import SUFFIX, Identity, Manifest, identity_of, read_manifest
from ._migrate import entries_of, migrate
from ._migrated import Migrated, Step
from ._pack import Packed, Validated, build, open_manifest, pack, validate
from ._schema import PARTS, SCHEMA, ManifestDocument, ManifestEntry
from ._validate import TreeFault, dag_faults

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
