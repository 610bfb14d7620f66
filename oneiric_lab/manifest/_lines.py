"""A manifest as lines: one for each value, entries in the order of their names.

Git compares it line by line (`diff.oneiric.textconv`), where the packed form is a single line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oneiric_lab.canonical import encode
from oneiric_lab.config import render_path
from oneiric_lab.errors import OneiricError
from oneiric_lab.files import read
from oneiric_lab.views import Code, Result, View, clean

from ._diff_fields import FREE, NAMED, SETS
from ._diff_sides import open_side
from ._manifest import identity_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from ._manifest import Manifest


@dataclass(frozen=True, slots=True, repr=False)
class Lines(Result):
    """A file as lines of text.

    Attributes:
        file: As people are shown it.
        lines: Without line ends; no control character is in them.
        faults: Why it is no manifest, in which case the lines are those of the file.
    """

    file: str
    lines: tuple[str, ...]
    faults: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {"file": self.file, "lines": list(self.lines), "faults": list(self.faults)}

    def view(self) -> View:
        """Return the lines as they are."""
        return View("manifest-textconv", self.file, (Code("\n".join(self.lines)),))

    def to_text(self, *, width: int = 100, color: bool = False) -> str:
        """Return the lines alone: what reads them is a program."""
        return "\n".join(self.lines)


def as_lines(path: str | os.PathLike[str]) -> Lines:
    """Return the manifest in *path* as lines, and any other file as it stands.

    Git takes a program that fails for the end of its work, so that a file of some revision
    which is no manifest is shown as the text that it is, with the reason above it.

    Raises:
        FileAccessError: It cannot be read.
    """
    name = str(path)
    data = read(Path(path), shown=name).data
    try:
        return Lines(name, tuple(clean(line) for line in _of(open_side(path))))
    except OneiricError as error:
        faults = tuple(fault.message for fault in error.faults)
        text = data.decode("utf-8", "replace").splitlines()
        lines = (f"# no manifest: {faults[0]}", *text)
        return Lines(name, tuple(map(clean, lines)), faults)


def _of(manifest: Manifest) -> Iterator[str]:
    yield f"{manifest.project}/{manifest.channel} {manifest.version}"
    yield from _values(manifest.extra, ())
    for entry in sorted(manifest.entries, key=identity_of):
        domain, key, provider, version = identity_of(entry)
        yield ""
        yield f"[{domain}:{key} {provider}]"
        yield f"version = {version}"
        rest = {name: value for name, value in entry.items() if name not in _TITLE}
        yield from _values(rest, ())


_TITLE = frozenset({"domain", "key", "provider", "version"})


def _values(value: Any, path: tuple[str, ...], *, free: bool = False) -> Iterator[str]:
    """Yield a line for each value, what has no order sorted."""
    name = path[-1] if path else ""
    listed = isinstance(value, list) and bool(value) and not free
    if isinstance(value, dict) and (value or not path):
        for key in sorted(value):
            own = free or key in FREE or key.startswith("x-")
            yield from _values(value[key], (*path, key), free=own)
    elif listed and name in NAMED and _named(value, NAMED[name]):
        for item in sorted(value, key=lambda item: str(item[NAMED[name]])):
            inner = {key: item[key] for key in item if key != NAMED[name]}
            label = (*path, str(item[NAMED[name]]))
            yield from _values(inner, label) if inner else (render_path(label),)
    elif listed and name in SETS and all(isinstance(i, str) for i in value):
        for item in sorted(value):
            yield f"{render_path(path)}: {item}"
    else:
        yield f"{render_path(path)} = {_text(value)}"


def _text(value: Any) -> str:
    """Return a text as it is, where nothing else is written so; else the canonical form."""
    if isinstance(value, str) and value.isprintable() and not _JSON.match(value):
        return value
    return encode(value).decode()


# What could be taken for a number, a constant, a list or a table.
_JSON = re.compile(r'-?\d+(\.\d+)?(e[+-]?\d+)?\Z|(true|false|null)\Z|[\[{"]|\Z')


def _named(items: list[Any], label: str) -> bool:
    return all(isinstance(item, dict) and label in item for item in items)
