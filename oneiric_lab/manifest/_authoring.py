"""Manifests as people write them: TOML or YAML, some things shorter, artifacts by their file.

What may be shorter: a capability is its name alone, and an artifact is `path`, a file below
the folder of the document, whose digest and size are filled in. All else is schema 3.
"""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

from oneiric_lab.canonical import SAFE_INTEGER
from oneiric_lab.config import found, parse, render_path
from oneiric_lab.errors import Fault, ManifestError, Origin
from oneiric_lab.files import read

from ._places import Places
from ._validate import TreeFault, tree_faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from oneiric_lab.config import Parsed

    Steps = tuple[str | int, ...]

FORMATS = {".toml": "toml", ".yaml": "yaml", ".yml": "yaml", ".json": "json"}
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class AuthoredDocument:
    """A file that may hold a manifest of any schema, parsed.

    Attributes:
        path: Where it stands; None where it came from elsewhere.
        name: As people are shown it.
        data: Its bytes.
        parsed: Its tree and places.
    """

    path: Path | None
    name: str
    data: bytes
    parsed: Parsed

    @property
    def places(self) -> Places:
        """Where its parts stand."""
        return Places(self.parsed, self.name)

    @property
    def is_legacy(self) -> bool:
        """Whether it is of schema 1 or 2: JSON or YAML, with `entries` and no `schema`."""
        tree = self.parsed.tree
        newer = self.parsed.format == "toml" or tree.keys() & {"schema", "project", "channel"}
        return "entries" in tree and not newer


def read_document(path: Path, *, name: str | None = None) -> AuthoredDocument:
    """Return the document in the file *path*.

    Raises:
        FileAccessError: It cannot be read.
        ManifestError: Its name ends in none of the known ways.
        ParseError: It is not what its format demands.
    """
    shown = name or str(path)
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise ManifestError(
            Fault(
                "unknown-format",
                f"expected a file that ends in {', '.join(FORMATS)}: {shown}",
                Origin("", shown),
                fix="name it shop.toml",
            )
        )
    data = read(path, shown=shown).data
    return AuthoredDocument(path, shown, data, parse(data, format=kind, name=shown, layer=""))  # type: ignore[arg-type]  # one of the table


def complete(
    document: AuthoredDocument, *, done: Callable[[int, int, str], None] = lambda *_: None
) -> tuple[dict[str, Any], list[TreeFault]]:
    """Return the tree of schema 3 that *document* stands for, and all that is wrong with it.

    Every artifact that is named by its file is read once, in blocks.

    Args:
        document: What was written.
        done: Told after each artifact: how many, of how many, and which.
    """
    tree = document.parsed.tree
    faults = list(_no_json(tree))
    entries = tree.get("entries")
    if isinstance(entries, list):
        many, read_already = sum(map(_names_file, entries)), 0
        filled: list[Any] = []
        for index, entry in enumerate(entries):
            filled.append(_long(entry, document, ("entries", index), faults))
            if _names_file(entry):
                read_already += 1
                done(read_already, many, str(entry["artifact"]["path"]))
        tree = {**tree, "entries": filled}
    told = {fault.path for fault in faults}
    faults += [fault for fault in tree_faults(tree) if not _is_told(fault.path, told)]
    return tree, faults


def _is_told(path: Steps, told: set[Steps]) -> bool:
    return any(path[:depth] in told for depth in range(1, len(path) + 1))


def _names_file(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("artifact"), dict)
        and "path" in entry["artifact"]
    )


def _no_json(tree: dict[str, Any]) -> Iterator[TreeFault]:
    """Yield the values that TOML and YAML have, and JSON has not."""
    stack: list[tuple[Steps, Any]] = [((), tree)]
    while stack:
        path, node = stack.pop()
        if isinstance(node, dict):
            stack += [((*path, key), inner) for key, inner in reversed(node.items())]
        elif isinstance(node, list):
            stack += [((*path, i), inner) for i, inner in reversed([*enumerate(node)])]
        elif isinstance(node, str):
            if not node.isascii() and _is_broken(node):
                yield _fault(path, "characters, got half a surrogate pair", "write the character")
        elif isinstance(node, dt.date | dt.time):
            yield _fault(path, f"a text, got the time {node}", f'write it as a text: "{node}"')
        elif isinstance(node, float) and not isfinite(node):
            yield _fault(path, f"a finite number, got {node}", "leave it out, or write a text")
        elif isinstance(node, int) and abs(node) > SAFE_INTEGER:
            yield _fault(
                path, "an integer of at most 2^53 - 1, which all readers take", "write it as a text"
            )
        elif node is not None and not isinstance(node, int | float):
            yield _fault(path, f"a value of JSON, got {found(node)}", "write it as a text")


def _is_broken(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _fault(path: Steps, wanted: str, fix: str) -> TreeFault:
    return TreeFault("invalid-value", f"expected {wanted}: {render_path(path)}", path, fix=fix)


def _long(entry: Any, document: AuthoredDocument, path: Steps, faults: list[TreeFault]) -> Any:
    """Return *entry* in its long form."""
    if not isinstance(entry, dict):
        return entry
    out = dict(entry)
    able = entry.get("capabilities")
    if isinstance(able, list):
        out["capabilities"] = [{"name": c} if isinstance(c, str) else c for c in able]
    if _names_file(entry):
        known = len(faults)
        out["artifact"] = _artifact(entry["artifact"], document, (*path, "artifact"), faults)
        if len(faults) > known:
            del out["artifact"]
    return out


def _artifact(
    said: dict[str, Any], document: AuthoredDocument, path: Steps, faults: list[TreeFault]
) -> dict[str, Any]:
    """Return the artifact with what its file says of itself."""
    out = {name: value for name, value in said.items() if name != "path"}
    where, shown = (*path, "path"), said["path"]
    if not isinstance(shown, str):
        faults.append(
            _fault(where, f"the path of a file, got {found(shown)}", 'path: "dist/a.whl"')
        )
        return out
    assert document.path is not None  # noqa: S101 - what people write stands in a file
    folder = document.path.resolve().parent
    file = _below(folder, shown)
    if file is None:
        faults.append(
            TreeFault(
                "artifact-outside",
                f"the artifact {shown} is not below the manifest's folder: {render_path(where)}",
                where,
                fix="copy it below that folder, or give uri, sha256 and size",
            )
        )
        return out
    try:
        digest, size = _digest(file)
    except OSError as error:
        faults.append(
            TreeFault(
                "artifact-missing",
                f"cannot read the artifact {shown}: {error.strerror}: {render_path(where)}",
                where,
                fix="build it first, or give uri, sha256 and size",
            )
        )
        return out
    for name, value in (("sha256", digest), ("size", size)):
        if said.get(name, value) != value:
            faults.append(
                TreeFault(
                    "artifact-differs",
                    f"the artifact {shown} has the {name} {value}: {render_path((*path, name))}",
                    (*path, name),
                    fix=f"leave {name} out: it is filled in",
                )
            )
    return {"uri": file.relative_to(folder).as_posix(), **out, "sha256": digest, "size": size}


def _below(folder: Path, name: str) -> Path | None:
    """Return the file *name* of *folder* with its links followed, None where that leads out."""
    try:
        file = (folder / name).resolve()
        return file if file.is_relative_to(folder) else None
    except (OSError, ValueError, RuntimeError):  # a NUL, a loop of links
        return None


def file_digest(folder: Path, name: str) -> tuple[str, int] | None:
    """Return digest and size of a file below *folder*, None where there is none."""
    file = _below(folder, name)
    try:
        return None if file is None or not file.is_file() else _digest(file)
    except OSError:
        return None


def _digest(file: Path) -> tuple[str, int]:
    """Return digest and size of a file of any size, read in blocks."""
    # A named pipe would wait for a writer.
    if file.exists() and not (file.is_file() or file.is_dir()):
        raise OSError(errno.EINVAL, "it is no regular file")
    digest, size = hashlib.sha256(), 0
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size
