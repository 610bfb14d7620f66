"""`oneiric-plugin.toml`: candidates as facts, read without running anything."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from oneiric_lab.config import parse, render_path
from oneiric_lab.errors import Fault, InvalidCandidateError, Origin, did_you_mean

from ._candidate import Candidate
from ._factory import RUNS, refuse_factory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneiric_lab.config import Parsed
    from oneiric_lab.errors import Excerpt

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
    reading = _Reading(parsed, layer, shown)
    tree = parsed.tree
    if tree.get("schema") != 1:
        reading.bad("expected schema = 1", "schema", fix="write `schema = 1` at the top")
    reading.unknown(tree, {"schema", "plugin", "candidates"})
    about = tree.get("plugin", {})
    if not isinstance(about, dict):
        reading.bad("expected a table: plugin", "plugin")
        about = {}
    reading.unknown(about, _PLUGIN, "plugin")
    name = str(about.get("name", package))
    own_version = str(about.get("version", version or "0"))
    rows = tree.get("candidates", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        reading.bad("expected an array of tables: [[candidates]]", "candidates")
        rows = []
    candidates = [
        reading.candidate(
            i,
            {"version": own_version, **row},
            source=source,
            source_name=name,
            allowed=[package, *(allowed or ())],
        )
        for i, row in enumerate(rows)
        if reading.facts(i, row)
    ]
    if reading.faults:
        raise InvalidCandidateError(reading.faults)
    defaults = about.get("defaults")
    return Descriptor(
        name,
        own_version,
        str(about.get("summary", "")),
        defaults if isinstance(defaults, str) else None,
        tuple(filter(None, candidates)),
    )


class _Reading:
    """One descriptor while it is read: what was found wrong, each with its place."""

    def __init__(self, parsed: Parsed, layer: str, shown: str) -> None:
        self.parsed = parsed
        self.layer = layer
        self.shown = shown
        self.faults: list[Fault] = []

    def place(self, *path: str | int, key: bool = False) -> tuple[Origin, Excerpt | None]:
        """Return where *path* is said; the top of the file where it is not."""
        places = self.parsed.positions
        span = places.find(path, key=key)
        if span is None:
            return Origin(self.layer, self.shown, 1, 1), None
        excerpt = places.excerpt(span)
        return Origin(self.layer, self.shown, excerpt.line, excerpt.column, excerpt.width), excerpt

    def bad(
        self, message: str, *path: str | int, key: bool = False, fix: str | None = None
    ) -> None:
        """Note a fault at *path*."""
        origin, excerpt = self.place(*path, key=key)
        self.faults.append(Fault("descriptor", message, origin, excerpt, fix=fix))

    def unknown(self, table: dict[str, Any], known: set[str], *path: str | int) -> bool:
        """Note each key of *table* that is not *known*; return whether there was one."""
        keys = sorted(table.keys() - known)
        for key in keys:
            self.bad(
                f"unknown key: {render_path((*path, key))}",
                *(*path, key),
                key=True,
                fix=did_you_mean(key, known),
            )
        return bool(keys)

    def facts(self, i: int, row: dict[str, Any]) -> bool:
        """Return whether *row* says what a candidate must say, and in the right kinds."""
        at = ("candidates", i)
        unknown = self.unknown(row, _FACTS, *at)
        absent = [key for key in _NEEDED if key not in row]
        for key in absent:
            fix = f'write below it: {key} = "{_NEEDED[key]}"'
            self.bad(f"missing value: {render_path((*at, key))}", *at, fix=fix)
        wrong = sorted(key for key in _LISTS & row.keys() if not _texts(row[key]))
        if not _texts(given := row.get("requires", [])) and not isinstance(given, dict):
            wrong.append("requires")
        for key in wrong:
            self.bad(f"expected a list of strings: {render_path((*at, key))}", *at, key)
        return not (unknown or absent or wrong)

    def candidate(
        self,
        i: int,
        row: dict[str, Any],
        *,
        source: Source,
        source_name: str,
        allowed: Sequence[str],
    ) -> Candidate | None:
        """Return the candidate that *row* describes; None where it is none, which is noted."""
        at = ("candidates", i)
        origin, excerpt = self.place(*at)
        refusals = [
            refuse_factory(row[key], allowed, self.place(*at, key)[0], what=what)
            for key, what in RUNS.items()
            if isinstance(row.get(key), str)
        ]
        try:
            return Candidate(
                **row,
                source=source,
                source_name=source_name,
                refusals=tuple(filter(None, refusals)),
                origin=origin,
            )
        except InvalidCandidateError as error:
            self.faults += [
                Fault(f.code, f.message, origin, excerpt, fix=f.fix) for f in error.faults
            ]
        except (TypeError, AttributeError, ValueError) as error:
            self.bad(f"{render_path(at)} has a value of the wrong kind: {error}", *at)
        return None


def _texts(value: object) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(v, str) for v in value)
    )
