"""A layer: one source's raw tree, with its rank and the places of what it says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault, Origin, UsageError

from ._paths import get, parse_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path as FilePath

    from oneiric_lab.errors import Excerpt

    from ._formats import Parsed
    from ._paths import Path

DEFAULTS, PACKAGE, SYSTEM, USER, PROJECT, PROFILE = 0, 10, 20, 30, 40, 50
LOCAL, EXPLICIT, SECRETS, DOTENV, ENVIRONMENT, SET, SESSION, POLICY = (
    60,
    65,
    70,
    75,
    80,
    90,
    95,
    100,
)


_MISSING = object()

# Some file systems count in whole seconds, FAT in two.
_COARSE_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Document:
    """A file that was read and parsed once; shared by all snapshots that saw these bytes."""

    path: FilePath
    shown: str
    parsed: Parsed = field(repr=False)
    digest: str
    stat_key: tuple[int, int, int] | None
    read_at: int | None = None
    """When the file was read, in ns; None for a text that only a plan holds."""

    def is_fresh(self, key: tuple[int, int, int] | None) -> bool:
        """Tell whether a file whose stat gives *key* still holds these bytes.

        A file that changed shortly before it was read may change again without another
        modification time, since clocks of file systems are coarse; it is read again.
        """
        if self.stat_key != key:
            return False
        return self.read_at is None or key is None or key[0] + _COARSE_NS < self.read_at


@dataclass(frozen=True, slots=True)
class Layer:
    """What one source says.

    Attributes:
        name: `project`, `profile:prod`, `environment`; see the glossary.
        rank: Higher wins.
        tree: The raw tables; never changed after the layer was made.
        document: The file it was read from, if any.
        base: Where in the file the tree stands, as `("profiles", "prod")`.
        names: How a source without a file spells its paths.
        parent: What caused the layer.
        unset: Paths whose lower values it removes.
        secret: Whether its values are secrets by nature.
    """

    name: str
    rank: int
    tree: dict[str, Any] = field(repr=False)
    document: Document | None = None
    base: Path = ()
    names: Mapping[Path, str | Origin] = field(default_factory=dict)
    parent: Origin | None = None
    unset: tuple[Path, ...] = ()
    secret: bool = False

    @property
    def file(self) -> str | None:
        """The file as it is shown."""
        return None if self.document is None else self.document.shown

    def holds(self, path: Path) -> bool:
        """Tell whether this layer says anything at *path*."""
        marker = object()
        return get(self.tree, path, marker) is not marker

    def unsets(self, path: Path) -> bool:
        """Tell whether this layer removes what lower ones say of *path*."""
        return any(path[: len(gone)] == gone for gone in self.unset)

    def origin(self, path: Path, *, key: bool = False) -> Origin:
        """Return where this layer says *path*, or the nearest table above it."""
        if self.document is None:
            name = self._name(path)
            if isinstance(name, Origin):
                return name
            return Origin(self.name, name=name, parent=self.parent)
        places = self.document.parsed.positions
        full = (*self.base, *path)
        while full:
            span = places.find(full, key=key)
            if span is not None:
                excerpt = places.excerpt(span)
                return Origin(
                    self.name,
                    self.document.shown,
                    excerpt.line,
                    excerpt.column,
                    excerpt.width,
                    parent=self.parent,
                )
            full = full[:-1]
        return Origin(self.name, self.document.shown, 1, 1, parent=self.parent)

    def excerpt(self, path: Path, *, key: bool = False) -> Excerpt | None:
        """Return the source line of *path*, for a layer with a file that says it."""
        if self.document is None:
            return None
        places = self.document.parsed.positions
        span = places.find((*self.base, *path), key=key)
        return None if span is None else places.excerpt(span)

    def _name(self, path: Path) -> str | Origin | None:
        for depth in range(len(path), 0, -1):
            name = self.names.get(path[:depth])
            if name is not None:
                return name
        return None


def split_directives(layer: Layer) -> tuple[Layer, list[Fault]]:
    """Return *layer* with its `[_oneiric]` table taken out and followed, and its faults."""
    directives = layer.tree.get("_oneiric", _MISSING)
    if directives is _MISSING:
        return layer, []
    faults: list[Fault] = []
    unset: list[Path] = []

    def fault(path: Path, message: str) -> None:
        faults.append(
            Fault(
                "bad-directive",
                message,
                layer.origin(path),
                layer.excerpt(path),
                fix='[_oneiric] holds unset = ["server.port"] and nothing else',
            )
        )

    if not isinstance(directives, dict):
        fault(("_oneiric",), "expected a table: _oneiric")
        directives = {}
    for name, value in directives.items():
        if name != "unset":
            fault(("_oneiric", name), f"unknown directive: {name}")
        elif not isinstance(value, list):
            fault(("_oneiric", name), "expected a list of paths: _oneiric.unset")
        else:
            for index, text in enumerate(value):
                try:
                    unset.append(parse_path(text if isinstance(text, str) else ""))
                except UsageError:
                    fault(("_oneiric", name, index), f"{text!r} is no path of a value")
    tree = {key: value for key, value in layer.tree.items() if key != "_oneiric"}
    return replace(layer, tree=tree, unset=tuple(unset)), faults
