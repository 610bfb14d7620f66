"""Whose code runs: nothing is imported from a workspace until it was allowed once."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from contextlib import contextmanager, nullcontext
from importlib.machinery import all_suffixes
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault, NotAllowedError, Origin, RegistryError
from oneiric_lab.files import ensure_folder, read, write_atomic
from oneiric_lab.store import state_dir

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


# What an import takes: sources, compiled modules, bytecode without a source.
_SUFFIXES = (*all_suffixes(), ".toml")
_LARGEST = 1 << 30
# PEP 552: bytecode that is run without a look at its source.
_UNCHECKED = (1).to_bytes(4, "little")


def own_places(root: Path, top: str) -> list[Path]:
    """Return where an import that looks into *root* first would find the module *top* there.

    It is a package, or a file: a source, a compiled module, or bytecode without a source.
    """
    files = (root / f"{top}{suffix}" for suffix in all_suffixes())
    package = [root / top] if (root / top).is_dir() else []
    return package + [file for file in files if file.is_file()]


def code_digest(root: Path, modules: Sequence[str]) -> str:
    """Return the digest of the workspace's code that *modules* lead to.

    It covers the names and the bytes of what can be imported from their top-level packages
    inside *root*, and of descriptors, so that a change of either asks again. Links are
    followed inside *root*; of one that leads out of it only where it leads is covered.

    Raises:
        FileAccessError: A file of them cannot be read.
    """
    hasher = hashlib.sha256()
    for name in sorted(set(modules)):
        hasher.update(name.encode() + b"\0")
    for top in sorted({name.partition(".")[0] for name in modules}):
        for path in _code(root, top):
            hasher.update(os.fsencode(path.relative_to(root).as_posix()) + b"\0")
            data = os.fsencode(path.resolve()) if path.is_dir() else _bytes(path)
            hasher.update(hashlib.sha256(data).digest())
    return "sha256:" + hasher.hexdigest()


def _code(root: Path, top: str) -> list[Path]:
    """Return the files of a package, and folders in it that stand elsewhere."""
    bounds = (root.resolve(), (root / top).resolve())
    found: list[Path] = []
    seen: set[Path] = set()
    for name, folders, files in os.walk(root / top, followlinks=True):
        folder = Path(name)
        real = folder.resolve()
        if real in seen or not any(map(real.is_relative_to, bounds)):
            folders.clear()
            found.append(folder)
            continue
        seen.add(real)
        found += [folder / file for file in files if _is_code(folder / file)]
    single = [place for place in own_places(root, top) if not place.is_dir()]
    return [*single, *sorted(found)]


def _is_code(file: Path) -> bool:
    if file.parent.name != "__pycache__":
        return file.name.endswith(_SUFFIXES)
    # Bytecode that is checked says what its source says, and comes with each import.
    return file.suffix == ".pyc" and _bytes(file)[4:8] == _UNCHECKED


def _bytes(file: Path) -> bytes:
    return read(file, limit=_LARGEST).data


def _path(environ: Mapping[str, str]) -> Path:
    return state_dir(environ) / "allowed.json"


def _read(environ: Mapping[str, str]) -> dict[str, str]:
    try:
        found = json.loads(_path(environ).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def is_allowed(root: Path, modules: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Tell whether this code of this workspace was allowed."""
    return _read(environ).get(str(root.resolve())) == code_digest(root, modules)


def allow(root: Path, modules: Sequence[str], environ: Mapping[str, str]) -> str:
    """Remember that this code may run; return its digest."""
    path = _path(environ)
    ensure_folder(path.parent)
    found = code_digest(root, modules)
    data = json.dumps({**_read(environ), str(root.resolve()): found}, indent=1)
    write_atomic(path, data.encode(), mode=0o600)
    return found


def refuse(root: Path, modules: Sequence[str], origin: Origin | None) -> NotAllowedError:
    """Return the error of code that was not allowed."""
    return NotAllowedError(
        Fault(
            "not-allowed",
            f"code of this workspace was not allowed to run: {', '.join(modules)}",
            origin,
            why="opening a folder must not run what somebody put into it",
            fix="read it, then: oneiric-lab allow",
        )
    )


@contextmanager
def importing(root: Path) -> Iterator[None]:
    """Let modules of *root* be imported, in front of all others of the same name."""
    entry = os.fspath(root.resolve())
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        sys.path.remove(entry)


def load_object(root: Path, name: str, origin: Origin | None = None) -> Any:
    """Return the object that `module:attr` names, imported from *root* where it stands there.

    Raises:
        RegistryError: This process has another module of that name.
        Exception: What the import raised.
    """
    from importlib import import_module, invalidate_caches  # noqa: PLC0415 - at open only

    module, _, attribute = name.partition(":")
    top = module.partition(".")[0]
    _refuse_taken(root.resolve(), top, origin)
    invalidate_caches()
    # What is installed finds nothing in the workspace, which nobody allowed for its sake.
    with importing(root) if own_places(root, top) else nullcontext():
        value: Any = import_module(module)
    for part in attribute.split(".") if attribute else ():
        value = getattr(value, part)
    return value


def _refuse_taken(root: Path, top: str, origin: Origin | None) -> None:
    """Refuse a module of the workspace whose name another one has taken in this process.

    Two workspaces may each have a `settings.py`; the second would get the first one's.
    A copy with the same bytes is as good.
    """
    known = sys.modules.get(top)
    own = next(iter(own_places(root, top)), None)
    if known is None or own is None:
        return
    file = getattr(known, "__file__", None) or next(iter(getattr(known, "__path__", ())), None)
    there = None if file is None else Path(file).resolve()
    if there is not None and there.name == "__init__.py":
        there = there.parent
    if there == own or (
        there is not None and code_digest(there.parent, [top]) == code_digest(root, [top])
    ):
        return
    raise RegistryError(
        Fault(
            "module-taken",
            f"this process has imported another `{top}` already: {there or 'a built-in module'}",
            origin,
            why="Python holds one module of a name",
            fix="rename it, or open this workspace in a process of its own: oneiric-lab",
        )
    )
