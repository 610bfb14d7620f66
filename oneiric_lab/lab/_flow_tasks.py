"""The tasks of a workspace, as its workflows see them: leased while they run."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
from functools import lru_cache
from importlib.machinery import PathFinder
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any, Final, Protocol

from oneiric_lab.runtime import Code

from ._secret_texts import secret_texts

if TYPE_CHECKING:
    from oneiric_lab.config import Snapshot
    from oneiric_lab.lifecycle import Lifecycle
    from oneiric_lab.registry import Candidate, Registry


SHORTEST: Final = 6
"""Letters of a secret from which on its text is looked for: less is found by chance."""


class Offers(Protocol):
    """The lab, as its tasks see it."""

    root: Path
    registry: Registry
    snapshot: Snapshot

    @property
    def lifecycle(self) -> Lifecycle:
        """What runs of it in this process."""


class LabTasks:
    """The candidates of the domain `task`: the lifecycle gives leases of those in force.

    Args:
        lab: The lab.
    """

    __slots__ = ("_hidden", "_lab")

    def __init__(self, lab: Offers) -> None:
        self._lab = lab
        self._hidden: tuple[object, tuple[str, ...]] = (None, ())

    def lease(self, key: str) -> Any:
        """Return what `async with` makes a lease of."""
        return self._lab.lifecycle.lease("task", key)

    def code(self, key: str) -> Code:
        """Return whose code runs; nothing is imported for it.

        Raises:
            NoCandidateError: Nobody provides it.
        """
        return code_of(self._lab.registry.resolve("task", key), self._lab.root)

    def secrets(self) -> tuple[str, ...]:
        """Return the secrets of the workspace that are no common word, read once a snapshot."""
        snapshot = self._lab.snapshot
        if self._hidden[0] is not snapshot:
            found = {text for text in secret_texts(snapshot) if len(text) >= SHORTEST}
            self._hidden = snapshot, tuple(sorted(found, key=len, reverse=True))
        return self._hidden[1]

    def keys(self) -> list[str]:
        """Return the tasks that somebody provides, sorted."""
        winners = self._lab.registry.current.winners()
        return sorted(c.key for c in winners.values() if c.domain == "task")


@lru_cache(maxsize=1024)
def code_of(candidate: Candidate, root: Path) -> Code:
    """Return the provider of a candidate, and the digest of the file that its factory is in.

    What the file imports is not looked at. A factory of a notebook is known by its own source.
    """
    return Code(str(candidate), _digest(candidate.factory, root))


def _digest(factory: Any, root: Path) -> str:
    if isinstance(factory, str):
        found = _file(factory.partition(":")[0], root)
        return hashlib.sha256(found.read_bytes()).hexdigest() if found else ""
    inside = inspect.unwrap(getattr(factory, "func", factory))
    inside = getattr(inside, "__func__", inside)
    module = sys.modules.get(getattr(inside, "__module__", None) or "")
    file = getattr(module, "__file__", None)
    try:
        if file is not None and getattr(module, "__name__", "__main__") != "__main__":
            return hashlib.sha256(Path(file).read_bytes()).hexdigest()
        return hashlib.sha256(inspect.getsource(inside).encode()).hexdigest()
    except (OSError, TypeError):
        code = getattr(inside, "__code__", None)
        return "" if code is None else hashlib.sha256(_compiled(code)).hexdigest()


def _compiled(code: CodeType) -> bytes:
    """Return what a function was compiled to, the same in every process."""
    parts = [code.co_code, repr(code.co_names).encode()]
    for const in code.co_consts:
        if isinstance(const, CodeType):
            parts.append(_compiled(const))
        elif isinstance(const, frozenset):
            # Its order is by hashes, which differ from process to process.
            parts.append(repr(sorted(map(repr, const))).encode())
        else:
            parts.append(repr(const).encode())
    return b"\0".join(parts)


def _file(module: str, root: Path) -> Path | None:
    """Return the file of a module, without importing it or what is above it."""
    known = getattr(sys.modules.get(module), "__file__", None)
    if known is not None:
        return Path(known)
    top, *below = module.split(".")
    try:
        spec = importlib.util.find_spec(top) or PathFinder.find_spec(top, [str(root)])
    except (ImportError, ValueError):
        return None
    for name in below:
        if spec is None or not spec.submodule_search_locations:
            return None
        spec = PathFinder.find_spec(name, spec.submodule_search_locations)
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        return None
    return Path(spec.origin)
