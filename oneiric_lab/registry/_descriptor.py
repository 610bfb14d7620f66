"""`oneiric-plugin.toml`: candidates as facts, read without running anything."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from oneiric_lab.config import parse
from oneiric_lab.errors import Fault, InvalidCandidateError, OneiricError, Origin, did_you_mean

from ._candidate import Candidate
from ._factory import RUNS, refuse_factory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._candidate import Source

NAME = "oneiric-plugin.toml"
"""File name of a descriptor, inside its package."""

_FACTS = {f.name for f in fields(Candidate) if f.init} - {
    "source",
    "source_name",
    "refusals",
    "origin",
}
_PLUGIN = {"name", "version", "summary", "defaults"}
_NEEDED = {
    "domain": "adapter",
    "key": "cache",
    "provider": "redis",
    "factory": "package.module:function",
}
"""What every candidate must say, with an example."""
_LISTS = {"capabilities", "requires_dist", "conflicts_with", "os_platform"}


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a plugin says of itself.

    Attributes:
        name: Of the plugin.
        version: Of the plugin; the default of its candidates'.
        summary: One sentence.
        defaults: File of its package defaults, beside the descriptor.
        candidates: In the order of the file.
    """

    name: str
    version: str
    summary: str
    defaults: str | None
    candidates: tuple[Candidate, ...]


def read_descriptor(
    data: bytes,
    *,
    shown: str,
    source: Source,
    package: str,
    version: str | None = None,
    allowed: Sequence[str] | None = None,
) -> Descriptor:
    """Return the descriptor in *data*.

    Args:
        data: The bytes of the file.
        shown: Its path as people are shown it.
        source: `plugin` for an installed one, `package` for one of the workspace.
        package: The package it stands in; its factories may run.
        version: Of the distribution, where the descriptor states none.
        allowed: More prefixes whose factories may run.

    Raises:
        ParseError: It is no TOML.
        InvalidCandidateError: With every fault of the file, each with its place.
    """
    layer = f"{source}:{package}"
    parsed = parse(data, format="toml", name=shown, layer=layer)
    places = parsed.positions
    faults: list[Fault] = []

    def place(*path: Any, key: bool = False) -> tuple[Origin, Any]:
        span = places.find(path, key=key)
        if span is None:
            return Origin(layer, shown, 1, 1), None
        excerpt = places.excerpt(span)
        return Origin(layer, shown, excerpt.line, excerpt.column, excerpt.width), excerpt

    def bad(message: str, *path: Any, key: bool = False, fix: str | None = None) -> None:
        origin, excerpt = place(*path, key=key)
        faults.append(Fault("descriptor", message, origin, excerpt, fix=fix))

    tree = parsed.tree
    if tree.get("schema") != 1:
        bad("expected schema = 1", "schema", fix="write `schema = 1` at the top")
    for key in sorted(tree.keys() - {"schema", "plugin", "candidates"}):
        bad(
            f"unknown key: {key}",
            key,
            key=True,
            fix=did_you_mean(key, ["schema", "plugin", "candidates"]),
        )
    about = tree.get("plugin", {})
    if not isinstance(about, dict):
        bad("expected a table: plugin", "plugin")
        about = {}
    for key in sorted(about.keys() - _PLUGIN):
        bad(f"unknown key: plugin.{key}", "plugin", key, key=True, fix=did_you_mean(key, _PLUGIN))
    name = str(about.get("name", package))
    own_version = str(about.get("version", version or "0"))
    rows = tree.get("candidates", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        bad("expected an array of tables: [[candidates]]", "candidates")
        rows = []
    candidates: list[Candidate] = []
    for i, row in enumerate(rows):
        unknown = sorted(row.keys() - _FACTS)
        for key in unknown:
            bad(
                f"unknown key: candidates[{i}].{key}",
                "candidates",
                i,
                key,
                key=True,
                fix=did_you_mean(key, _FACTS),
            )
        absent = [key for key in _NEEDED if key not in row]
        for key in absent:
            bad(
                f"missing value: candidates[{i}].{key}",
                "candidates",
                i,
                fix=f'write below it: {key} = "{_NEEDED[key]}"',
            )
        wrong = sorted(key for key in _LISTS & row.keys() if not _texts(row[key]))
        if not _texts(given := row.get("requires", [])) and not isinstance(given, dict):
            wrong.append("requires")
        for key in wrong:
            bad(f"expected a list of strings: candidates[{i}].{key}", "candidates", i, key)
        if unknown or absent or wrong:
            continue
        origin, excerpt = place("candidates", i)
        refusals = [
            refuse_factory(
                row[key],
                [package, *(allowed or ())],
                place("candidates", i, key)[0],
                what=what,
            )
            for key, what in RUNS.items()
            if isinstance(row.get(key), str)
        ]
        try:
            candidates.append(
                Candidate(
                    **{"version": own_version, **row},
                    source=source,
                    source_name=name,
                    refusals=tuple(filter(None, refusals)),
                    origin=origin,
                )
            )
        except InvalidCandidateError as error:
            faults += [Fault(f.code, f.message, origin, excerpt, fix=f.fix) for f in error.faults]
        except (TypeError, AttributeError, ValueError) as error:
            bad(f"candidates[{i}] has a value of the wrong kind: {error}", "candidates", i)
    if faults:
        raise InvalidCandidateError(faults)
    defaults = about.get("defaults")
    return Descriptor(
        name,
        own_version,
        str(about.get("summary", "")),
        defaults if isinstance(defaults, str) else None,
        tuple(candidates),
    )


def _texts(value: object) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(v, str) for v in value)
    )


__all__ = ["NAME", "Descriptor", "OneiricError", "read_descriptor"]
