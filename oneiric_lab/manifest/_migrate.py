"""From schema 1 to 2 to 3, with a report: what was inferred, dropped, and what needs a decision.

Names are carried over by tables. What comes out is held against schema 3, and whatever it
does not take is a decision: it stays in the draft as it was, for people to put right.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from oneiric_lab.config import render_path
from oneiric_lab.errors import UsageError
from oneiric_lab.registry import is_name

from ._authoring import file_digest, read_document
from ._checks import meant_licence, meant_platform, version_of_wheel
from ._legacy import ENTRY_1, ENTRY_2, TOP_1, TOP_2, legacy_of
from ._migrated import Migrated, Step
from ._validate import tree_faults

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from ._authoring import AuthoredDocument
    from ._legacy import Legacy
    from ._migrated import Kind

    Steps = tuple[str | int, ...]

_SIGNATURES = {"signature", "signature_algorithm", *TOP_2}
# Where authors of schema 1 put what only schema 2 has a name for.
_LIFTED = {name: name for name in ENTRY_2} | {
    "topics": "event_topics",
    "max_concurrency": "event_max_concurrency",
    "filters": "event_filters",
    "fanout_policy": "event_fanout_policy",
}
_SAME = (
    "domain",
    "key",
    "provider",
    "version",
    "factory",
    "priority",
    "stack_level",
    "owner",
    "settings_model",
    "conflicts_with",
    "python_version",
    "documentation_url",
)
_RETRY = {
    "attempts": "attempts",
    "max_attempts": "attempts",
    "base_delay": "base_delay",
    "initial_delay": "base_delay",
    "max_delay": "max_delay",
    "max_backoff": "max_delay",
    "jitter": "jitter",
    "backoff_jitter": "jitter",
}
_FILTER = {
    "path": "path",
    "equals": "equals",
    "value": "equals",
    "any_of": "any_of",
    "one_of": "any_of",
    "in": "any_of",
    "exists": "exists",
}
_NODE = {
    "id": "id",
    "key": "id",
    "task": "task",
    "depends_on": "depends_on",
    "payload": "payload",
    "retry_policy": "retry_policy",
}
_EVENT = {
    "event_topics": "topics",
    "event_max_concurrency": "max_concurrency",
    "event_filters": "filters",
    "event_priority": "priority",
    "event_fanout_policy": "fanout_policy",
}
_CAPABILITY = (
    "name",
    "description",
    "event_types",
    "payload_schema",
    "schema_format",
    "security",
    "metadata",
)
_SECURITY = (
    "classification",
    "auth_required",
    "scopes",
    "encryption",
    "signature_required",
    "audience",
    "notes",
)
_UPSTREAM = "oneiric."
"""Modules of the system that wrote the manifests of schema 1 and 2."""


def migrate(
    path: str | os.PathLike[str],
    *,
    to: Literal[2, 3] = 3,
    project: str | None = None,
    channel: str | None = None,
    version: int | None = None,
) -> Migrated:
    """Return the manifest of schema 1 or 2 in *path* as a draft of a newer one, and a report.

    Args:
        path: JSON or YAML.
        to: The schema that is wanted.
        project: Whose components they are; the old `source` where it is a name.
        channel: The line of releases; `stable` by default.
        version: Of the manifest; 1 by default.

    Raises:
        ManifestError: The file holds no manifest of schema 1 or 2.
        ParseError: It is not what its format demands.
        FileAccessError: It cannot be read.
        UsageError: It is of the schema that is wanted, or of a newer one.
    """
    document = read_document(Path(path), name=str(path))
    if not document.is_legacy:
        raise UsageError(f"{path} is no manifest of schema 1 or 2", fix=f"manifest validate {path}")
    old = legacy_of(document)
    if old.schema >= to:
        raise UsageError(f"{path} is of schema {old.schema} already", fix="--to 3")
    move = _Move(document)
    middle = move.lifted(old) if old.schema == 1 else dict(old.tree)
    if to == 2:  # noqa: PLR2004 - a schema
        return move.done(old, 2, move.kept_signatures(middle))
    draft = move.to_3(old, middle, project, channel, version)
    move.judge(draft)
    return move.done(old, 3, draft)


def entries_of(old: Legacy) -> list[dict[str, Any]]:
    """Return the entries of *old* as schema 3 would say them, sound or not."""
    move = _Move(old.document)
    tree = move.lifted(old) if old.schema == 1 else dict(old.tree)
    drafts: list[dict[str, Any]] = move.to_3(old, tree, None, None, None)["entries"]
    return drafts


@dataclass
class _Move:
    """One migration: what was said of it, and from where each new value came."""

    document: AuthoredDocument
    steps: list[Step] = field(default_factory=list)
    came: dict[Steps, Steps] = field(default_factory=dict)
    """New path to the old one, where they differ."""

    def tell(self, kind: Kind, path: Steps, text: str, *, why: str = "", fix: str = "") -> None:
        """Put one thing into the report, at the place of *path* in the old document."""
        origin, _ = self.document.places.origin(path)
        entry = path[1] if len(path) > 1 and path[0] == "entries" else None
        self.steps.append(Step(kind, render_path(path), text, why, fix, origin, entry))

    def done(self, old: Legacy, to: int, document: dict[str, Any]) -> Migrated:
        """Return the result, its report in the order of the old document."""
        steps = sorted(self.steps, key=lambda s: (s.origin.line or 0, s.origin.column or 0))
        return Migrated(old.name, old.schema, to, document, tuple(steps))

    # --- 1 to 2 -------------------------------------------------------------------------

    def lifted(self, old: Legacy) -> dict[str, Any]:
        """Return the document with what only schema 2 has names for out of the metadata."""
        entries = []
        for index, entry in enumerate(old.entries):
            out, metadata = dict(entry), dict(entry.get("metadata") or {})
            for name, new in _LIFTED.items():
                if name in metadata and new not in out:
                    out[new] = metadata.pop(name)
                    self.came["entries", index, new] = ("entries", index, "metadata", name)
                    self.tell(
                        "inferred",
                        ("entries", index, "metadata", name),
                        f"metadata.{name} is {new}, which schema 2 has a name for",
                    )
            if "metadata" in entry:
                out["metadata"] = metadata
            entries.append(out)
        return {**old.tree, "entries": entries}

    def kept_signatures(self, tree: dict[str, Any]) -> dict[str, Any]:
        """Return a document of schema 2: what it has no name for is dropped and told."""
        out = {name: value for name, value in tree.items() if name in {"source", "entries"}}
        signature = tree.get("signature")
        if signature is not None and not self.steps:
            algorithm = tree.get("signature_algorithm", "ed25519")
            out["signatures"] = [{"signature": signature, "algorithm": algorithm}]
            self.tell("inferred", ("signature",), "the signature is one of a list in schema 2")
        elif signature is not None:
            self._signature_dropped(("signature",))
        self._unknown(tree, (), TOP_1 | TOP_2)
        for index, entry in enumerate(tree["entries"]):
            self._unknown(entry, ("entries", index), ENTRY_1 | ENTRY_2)
        out["entries"] = [
            {name: value for name, value in entry.items() if name in ENTRY_1 | ENTRY_2}
            for entry in tree["entries"]
        ]
        return out

    def _signature_dropped(self, path: Steps) -> None:
        self.tell(
            "dropped",
            path,
            f"{path[0]} holds for the old bytes only",
            why="a signature is made of exact bytes, and these are others",
            fix="sign the packed manifest: manifest propose",
        )

    def _unknown(self, tree: Mapping[str, Any], path: Steps, known: set[str]) -> None:
        for name in tree:
            if name not in known:
                self.tell("dropped", (*path, name), f"no schema has a name {name}")

    # --- 2 to 3 -------------------------------------------------------------------------

    def to_3(
        self,
        old: Legacy,
        tree: dict[str, Any],
        project: str | None,
        channel: str | None,
        version: int | None,
    ) -> dict[str, Any]:
        """Return the draft of schema 3."""
        for name, value in tree.items():
            if name in _SIGNATURES and value not in (None, []):
                self._signature_dropped((name,))
        self._unknown(tree, (), TOP_1 | TOP_2)
        draft: dict[str, Any] = {"schema": 3}
        if project is None and is_name(old.source):
            project = old.source
            self.tell("inferred", ("source",), f"the project is {project}, as the source was")
        elif "source" in tree and old.source != project:
            self.tell("dropped", ("source",), "schema 3 has a project in its place")
        if project is not None:
            draft["project"] = project
        if channel is None:
            self.tell("inferred", (), "the channel is stable: schema 3 needs one")
        if version is None:
            self.tell("inferred", (), "the version is 1: schema 3 needs one that grows")
        draft |= {"channel": channel or "stable", "version": 1 if version is None else version}
        draft["entries"] = [
            self._entry(entry, ("entries", index)) for index, entry in enumerate(tree["entries"])
        ]
        return draft

    def _entry(self, entry: Mapping[str, Any], path: Steps) -> dict[str, Any]:
        said = {name: value for name, value in entry.items() if value is not None}
        self._unknown(said, path, ENTRY_1 | ENTRY_2)
        out = {name: said[name] for name in _SAME if name in said}
        for name in ("factory", "settings_model"):
            if said.get(name, "").startswith(_UPSTREAM):
                self.tell(
                    "decision",
                    self._old((*path, name)),
                    f"{said[name]} belongs to the system that wrote this manifest",
                    why="nothing here provides it",
                    fix="name one of your own packages, or take the entry out",
                )
        self._texts(said, out, path)
        self._artifact(said, out, path)
        self._flags(said, out, path)
        if "capabilities" in said:
            out["capabilities"] = [
                self._capability(value, (*path, "capabilities", index))
                for index, value in enumerate(said["capabilities"])
            ]
        if "retry_policy" in said:
            out["retry_policy"] = self._renamed(
                said["retry_policy"], _RETRY, self._old((*path, "retry_policy"))
            )
        self._event(said, out, path)
        if "dag" in said:
            out["dag"] = self._dag(said["dag"], self._old((*path, "dag")))
        self._metadata(said, out, path)
        return out

    def _old(self, path: Steps) -> Steps:
        return self.came.get(path, path)

    def _texts(self, said: Mapping[str, Any], out: dict[str, Any], path: Steps) -> None:
        if "requires" in said:
            out["requires_dist"] = said["requires"]
            self.came[*path, "requires_dist"] = self._old((*path, "requires"))
        if "license" in said:
            written = meant_licence(said["license"]) or said["license"]
            out["license"] = written
            if written != said["license"]:
                self.tell("inferred", self._old((*path, "license")), f"the licence is {written}")
        if "os_platform" in said:
            out["os_platform"] = [meant_platform(name) for name in said["os_platform"]]
            for index, (old, new) in enumerate(
                zip(said["os_platform"], out["os_platform"], strict=True)
            ):
                if old != new:
                    where = (*self._old((*path, "os_platform")), index)
                    self.tell("inferred", where, f"{old} is {new}, as sys.platform names it")

    def _artifact(self, said: Mapping[str, Any], out: dict[str, Any], path: Steps) -> None:
        artifact = {name: said[name] for name in ("uri", "sha256") if name in said}
        if not artifact:
            return
        for name in artifact:
            self.came[*path, "artifact", name] = (*path, name)
        digest = artifact.get("sha256", "")
        if digest != digest.lower():
            artifact["sha256"] = digest.lower()
            self.tell("inferred", (*path, "sha256"), "the digest in small letters")
        uri = artifact.get("uri", "")
        # What was fetched has no folder of its own: it names no file of this machine.
        home = self.document.path
        found = None if home is None else file_digest(home.resolve().parent, uri)
        if found is not None:
            artifact["size"] = found[1]
            self.tell("inferred", (*path, "uri"), f"the size is {found[1]}: the file {uri} is here")
            if artifact.setdefault("sha256", found[0]) != found[0]:
                self.tell(
                    "decision",
                    (*path, "sha256"),
                    f"the file {uri} has another digest: {found[0]}",
                    fix="find out which of the two is right",
                )
        out["artifact"] = artifact
        version = version_of_wheel(uri)
        if "version" not in out and version is not None:
            out["version"] = version
            self.tell("inferred", (*path, "uri"), f"the version is {version}, as the wheel says")

    def _flags(self, said: Mapping[str, Any], out: dict[str, Any], path: Steps) -> None:
        if said.get("requires_secrets"):
            self.tell(
                "decision",
                self._old((*path, "requires_secrets")),
                "it needs secrets, and schema 3 wants their names",
                fix='write them down: requires_secrets = ["cache_password"]',
            )
        elif "requires_secrets" in said:
            self.tell("dropped", self._old((*path, "requires_secrets")), "it needs no secrets")
        if said.get("side_effect_free"):
            out["side_effect_free"] = True
        elif "side_effect_free" in said:
            self.tell(
                "dropped", self._old((*path, "side_effect_free")), "false is what nobody says"
            )
        if "timeout_seconds" in said:
            out["timeouts"] = {"call": said["timeout_seconds"]}
            self.came[*path, "timeouts", "call"] = self._old((*path, "timeout_seconds"))

    def _capability(self, value: object, path: Steps) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if not isinstance(value, dict):
            return value
        where = self._old(path[:3]) + path[3:]
        out = self._renamed(value, {name: name for name in _CAPABILITY}, where)
        if isinstance(out.get("security"), dict):
            names = {name: name for name in _SECURITY}
            out["security"] = self._renamed(out["security"], names, (*where, "security"))
        return out

    def _renamed(
        self, tree: Mapping[str, Any], names: Mapping[str, str], path: Steps
    ) -> dict[str, Any]:
        """Return *tree* under its new names; what has none is dropped and told."""
        out: dict[str, Any] = {}
        for name, value in tree.items():
            if value is None:
                continue
            new = names.get(name)
            if new is None:
                self.tell("dropped", (*path, name), f"schema 3 has no name for {name} here")
            elif new in out:
                self.tell("dropped", (*path, name), f"{new} was said by another name already")
            else:
                out[new] = value
        return out

    def _event(self, said: Mapping[str, Any], out: dict[str, Any], path: Steps) -> None:
        event: dict[str, Any] = {}
        for name, new in _EVENT.items():
            if name in said:
                event[new] = said[name]
                self.came[*path, "event", new] = self._old((*path, name))
        if "filters" in event:
            where = self.came[*path, "event", "filters"]
            event["filters"] = [
                self._renamed(test, _FILTER, (*where, i)) if isinstance(test, dict) else test
                for i, test in enumerate(event["filters"])
            ]
        if event:
            out["event"] = event

    def _dag(self, dag: Mapping[str, Any], path: Steps) -> dict[str, Any]:
        out = self._renamed(dag, {"nodes": "nodes", "tasks": "nodes"}, path)
        nodes = out.get("nodes")
        if isinstance(nodes, list):
            out["nodes"] = [self._node(node, (*path, "nodes", i)) for i, node in enumerate(nodes)]
        return out

    def _node(self, node: Any, path: Steps) -> Any:
        if not isinstance(node, dict):
            return node
        out = self._renamed(node, _NODE, path)
        if isinstance(out.get("depends_on"), str):
            out["depends_on"] = [out["depends_on"]]
        if isinstance(out.get("retry_policy"), dict):
            out["retry_policy"] = self._renamed(
                out["retry_policy"], _RETRY, (*path, "retry_policy")
            )
        return out

    def _metadata(self, said: Mapping[str, Any], out: dict[str, Any], path: Steps) -> None:
        where = (*path, "metadata")
        metadata = dict(said.get("metadata", {}))
        summary = metadata.get("description")
        if isinstance(summary, str) and summary:
            out["summary"] = metadata.pop("description")
            self.tell("inferred", (*where, "description"), "the description is the summary")
        kept = {name: self._json(value, (*where, name)) for name, value in metadata.items()}
        if kept := {name: value for name, value in kept.items() if value is not None}:
            out["metadata"] = kept

    def _json(self, value: Any, path: Steps) -> Any:
        """Return *value* as JSON has it; None for what is dropped."""
        if value is None:
            self.tell("dropped", path, "null is what nobody says")
        elif isinstance(value, dict):
            inner = {name: self._json(v, (*path, name)) for name, v in value.items()}
            return {name: v for name, v in inner.items() if v is not None}
        elif isinstance(value, list):
            inner_list = [self._json(v, (*path, i)) for i, v in enumerate(value)]
            return [v for v in inner_list if v is not None]
        elif isinstance(value, dt.date | dt.time):
            self.tell("inferred", path, "the time as a text")
            return value.isoformat()
        return value

    # --- what is left to decide ---------------------------------------------------------

    def judge(self, draft: dict[str, Any]) -> None:
        """Put all that schema 3 does not take into the report, as decisions."""
        for fault in tree_faults(draft):
            self.tell("decision", self._from(fault.path), fault.message, fix=fault.fix or "")

    def _from(self, path: Steps) -> Steps:
        """Return the old path of a new one."""
        for depth in range(len(path), 0, -1):
            if path[:depth] in self.came:
                return self.came[path[:depth]] + path[depth:]
        return path
