"""Finding plugins by the metadata of installed distributions.

An entry point of the group `oneiric_lab.plugins` names a top-level package; its folder
holds `oneiric-plugin.toml`. Only a top-level name is taken, since finding a sub-package
would import its parent.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

GROUP = "oneiric_lab.plugins"
NAME = "oneiric-plugin.toml"


@dataclass(frozen=True, slots=True)
class Found:
    """A plugin as its distribution describes it.

    Attributes:
        distribution: Name of the distribution.
        version: Its version.
        package: The top-level package.
        location: Path of the descriptor as people are shown it.
        folder: Where the package stands, None where it was not found.
        descriptor: Bytes of the descriptor, None where there is none.
        problem: What is wrong, or None.
    """

    distribution: str
    version: str
    package: str
    location: str
    folder: Path | None
    descriptor: bytes | None
    problem: str | None = None


_Key = tuple[tuple[str, int], ...]
_cache: dict[_Key, tuple[Found, ...]] = {}


def _key() -> _Key:
    """Return what tells whether something was installed since: entries of sys.path, and times."""
    out = []
    for entry in sys.path:
        try:
            out.append((entry, Path(entry or ".").stat().st_mtime_ns))
        except OSError:
            out.append((entry, 0))
    return tuple(out)


def discover() -> tuple[Found, ...]:
    """Return all plugins of the environment, sorted by distribution.

    The scan takes 4 to 7 ms; it is kept until sys.path or one of its folders changes.
    """
    key = _key()
    found = _cache.get(key)
    if found is None:
        found = tuple(sorted(_scan(), key=lambda f: (f.distribution, f.package)))
        _cache.clear()
        _cache[key] = found
    return found


def _scan() -> list[Found]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - 15 ms, once

    out = []
    for point in entry_points(group=GROUP):
        package = point.value.partition(":")[0]
        name = point.dist.name if point.dist else package
        version = point.dist.version if point.dist else "0"
        out.append(_look(name, version, package))
    return out


def _look(name: str, version: str, package: str) -> Found:
    shown = f"{package}/{NAME}"
    if "." in package or not package.isidentifier():
        return Found(
            name,
            version,
            package,
            shown,
            None,
            None,
            f"entry point names {package!r}, which is no top-level package",
        )
    from importlib.util import find_spec  # noqa: PLC0415 - see _scan

    spec = find_spec(package)
    places = [] if spec is None else list(spec.submodule_search_locations or [])
    for place in places:
        file = Path(place) / NAME
        try:
            return Found(name, version, package, shown, Path(place), file.read_bytes())
        except FileNotFoundError:
            continue
        except OSError as error:
            return Found(
                name,
                version,
                package,
                shown,
                Path(place),
                None,
                f"cannot read {shown}: {error.strerror}",
            )
    why = "the package is not there" if not places else f"it has no {NAME}"
    return Found(name, version, package, shown, None, None, why)
