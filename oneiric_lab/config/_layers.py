"""A layer: one source's raw tree, with its rank and the places of what it says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Origin

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
    names: Mapping[Path, str] = field(default_factory=dict)
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

    def origin(self, path: Path, *, key: bool = False) -> Origin:
        """Return where this layer says *path*, or the nearest table above it."""
        if self.document is None:
            return Origin(self.name, name=self._name(path), parent=self.parent)
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

    def _name(self, path: Path) -> str | None:
        for depth in range(len(path), 0, -1):
            name = self.names.get(path[:depth])
            if name is not None:
                return name
        return None


def split_directives(tree: dict[str, Any]) -> tuple[dict[str, Any], tuple[Path, ...]]:
    """Return *tree* without its `[_oneiric]` table, and the paths that table unsets."""
    if "_oneiric" not in tree:
        return tree, ()
    rest = {key: value for key, value in tree.items() if key != "_oneiric"}
    directives = tree["_oneiric"]
    unset = directives.get("unset", []) if isinstance(directives, dict) else []
    return rest, tuple(parse_path(text) for text in unset if isinstance(text, str))
