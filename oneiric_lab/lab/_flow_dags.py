"""Where the nodes of workflows are said: in the configuration, in manifests, in code."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from oneiric_lab.errors import Fault, InvalidConfigError, Origin, WorkflowError
from oneiric_lab.registry import Candidate, is_name
from oneiric_lab.runtime import Dag, dag_of

if TYPE_CHECKING:
    from oneiric_lab.config import Snapshot
    from oneiric_lab.errors import Excerpt
    from oneiric_lab.registry import Registry

    Path = tuple[str | int, ...]

SOURCE: Final = "workflows.dags"
"""Source name of the candidates that the configuration says."""

PROVIDER: Final = "config"
"""Provider of those candidates."""


def dag_faults_of(snapshot: Snapshot) -> list[Fault]:
    """Return what is wrong with the workflows that the configuration says."""
    faults: list[Fault] = []
    for key in snapshot.settings.workflows.dags:
        if not is_name(key):
            faults.append(
                Fault(
                    "invalid-value",
                    f"{key!r} is no name of a workflow",
                    snapshot.origin(("workflows", "dags", key)),
                    fix="use ASCII letters, digits, `_`, `-` and `.`",
                )
            )
            continue
        try:
            configured(snapshot, key)
        except WorkflowError as error:
            faults += error.faults
    return faults


def configured(snapshot: Snapshot, key: str) -> Dag:
    """Return the nodes of a workflow that the configuration says.

    Raises:
        WorkflowError: With all that is wrong, each at its place.
    """

    def place(path: Path, key: bool) -> tuple[Origin | None, Excerpt | None]:
        while path:
            for layer in reversed(snapshot.layers):
                if layer.holds(path):
                    return layer.origin(path, key=key), layer.excerpt(path, key=key)
            path = path[:-1]
        return None, None

    path = ("workflows", "dags", key)
    return dag_of(snapshot.settings.workflows.dags[key], path=path, place=place)


def enter_dags(registry: Registry, snapshot: Snapshot) -> None:
    """Put the workflows of the configuration in place of those that it said before.

    Raises:
        InvalidConfigError: With every fault of every one; nothing was changed.
    """
    said = snapshot.settings.workflows.dags
    held = {c.key: c for c in registry.current.candidates("workflow") if c.source_name == SOURCE}
    if {key: candidate.metadata["dag"] for key, candidate in held.items()} == said:
        return
    fresh = dag_candidates(snapshot)
    with registry.batch():
        registry.withdraw(source_name=SOURCE)
        registry.add(*fresh)


def dag_candidates(snapshot: Snapshot) -> list[Candidate]:
    """Return the workflows that the configuration says.

    Raises:
        InvalidConfigError: With every fault of every one.
    """
    faults = dag_faults_of(snapshot)
    if faults:
        raise InvalidConfigError(faults)
    return [_candidate(snapshot, key) for key in snapshot.settings.workflows.dags]


def _candidate(snapshot: Snapshot, key: str) -> Candidate:
    # A table of tables has no line of its own: its first node does.
    origin = snapshot.origin(("workflows", "dags", key, "nodes", 0, "id"))
    said = snapshot.settings.workflows.dags[key]
    return Candidate(
        "workflow",
        key,
        PROVIDER,
        partial(dag_of, said),
        source="manual",
        source_name=SOURCE,
        origin=origin,
        metadata={"dag": said},
    )


def dag_in(candidate: Candidate) -> dict[str, Any] | None:
    """Return what a candidate says as nodes: in its manifest's entry, or in its metadata."""
    entry = candidate.metadata.get("entry", {})
    said = entry.get("dag") or candidate.metadata.get("dag")
    return said if isinstance(said, dict) else None


def dag_by(candidate: Candidate, snapshot: Snapshot) -> Dag | None:
    """Return the nodes that a candidate says, or None where it is code alone.

    Raises:
        WorkflowError: With all that is wrong, each at its place.
    """
    if candidate.source_name == SOURCE:
        return configured(snapshot, candidate.key)
    said = dag_in(candidate)
    if said is None:
        return None

    def place(path: Path, key: bool) -> tuple[Origin | None, Excerpt | None]:
        return candidate.origin, None

    return dag_of(said, path=("dag",), place=place)
