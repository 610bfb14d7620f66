"""Whose code runs: nothing is imported from a workspace until it was allowed once."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault, NotAllowedError, Origin, RegistryError
from oneiric_lab.files import ensure_folder, write_atomic
from oneiric_lab.store import state_dir

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def code_digest(root: Path, modules: Sequence[str]) -> str:
    """Return the digest of the workspace's code that *modules* lead to.

    It covers the names and the bytes of every `.py` and descriptor of their top-level
    packages inside *root*, so that a change of either asks again.
    """
    hasher = hashlib.sha256()
    for name in sorted(set(modules)):
        hasher.update(name.encode() + b"\0")
    for top in sorted({name.partition(".")[0] for name in modules}):
        single, package = root / f"{top}.py", root / top
        files = [single] if single.is_file() else []
        if package.is_dir():
            files += sorted(p for p in package.rglob("*") if p.suffix in {".py", ".toml"})
        for file in files:
            hasher.update(file.relative_to(root).as_posix().encode() + b"\0")
            hasher.update(hashlib.sha256(file.read_bytes()).digest())
    return "sha256:" + hasher.hexdigest()


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
    """Return the object that `module:attr` names, imported from *root*.

    Raises:
        RegistryError: This process has another module of that name.
        Exception: What the import raised.
    """
    from importlib import import_module, invalidate_caches  # noqa: PLC0415 - at open only

    module, _, attribute = name.partition(":")
    _refuse_taken(root.resolve(), module.partition(".")[0], origin)
    invalidate_caches()
    with importing(root):
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
    own = next((p for p in (root / top, root / f"{top}.py") if p.exists()), None)
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
