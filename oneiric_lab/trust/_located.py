"""TOML that people write about trust: where its parts stand, and every fault at its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault, Origin, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneiric_lab.config import Parsed

Path = tuple[str | int, ...]


class Located:
    """A document with its places.

    Args:
        data: The bytes of the file.
        name: The file as people are shown it.
        code: Of its faults.

    Raises:
        ParseError: It is no TOML.
    """

    def __init__(self, data: bytes, name: str, code: str) -> None:
        from oneiric_lab.config import parse  # noqa: PLC0415 - a pinned root needs no reader of TOML

        self.parsed: Parsed = parse(data, format="toml", name=name, layer="")
        self.name, self.code = name, code

    def fault(self, path: Path, message: str, fix: str | None, *, key: bool = False) -> Fault:
        """Return the fault of the value at *path*, or of its key."""
        places = self.parsed.positions
        span = places.find(path, key=key)
        if span is None:
            return Fault(self.code, message, Origin("", self.name), fix=fix)
        excerpt = places.excerpt(span)
        origin = Origin("", self.name, excerpt.line, excerpt.column, excerpt.width)
        return Fault(self.code, message, origin, excerpt, fix=fix)

    def origin(self, path: Path) -> Origin:
        """Return where the value at *path* stands."""
        found = self.fault(path, "", None).origin
        assert found is not None  # noqa: S101 - the file at least
        return found


class Faults:
    """A pass over a document that collects every fault."""

    def __init__(self, source: Located) -> None:
        self.source = source
        self.faults: list[Fault] = []

    def wrong(self, path: Path, expected: str, found: object, fix: str | None = None) -> None:
        """Note that the value at *path* is of another kind."""
        from oneiric_lab.config import render_path  # noqa: PLC0415 - see `Located`

        message = f"expected {expected}, found {toml(found)}: {render_path(path)}"
        self.faults.append(self.source.fault(path, message, fix))

    def refuse(self, path: Path, message: str, fix: str | None, *, key: bool = False) -> None:
        """Note *message* about the value at *path*, or about its key."""
        self.faults.append(self.source.fault(path, message, fix, key=key))

    def known(self, path: Path, tree: Mapping[str, Any], names: Sequence[str], what: str) -> None:
        """Note every key of *tree* that is none of *names*."""
        for key in tree:
            if key not in names:
                fix = did_you_mean(key, names) or f"known: {', '.join(names)}"
                self.refuse((*path, key), f"{what} has a key {key!r}", fix, key=True)


def toml(value: object) -> str:
    """Return *value* as a message shows it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    return (
        repr(value) if isinstance(value, str | int | float | list) else f"a {type(value).__name__}"
    )
