"""How far a version stepped, and whether a constraint takes what it did not take before."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from oneiric_lab.registry import parse_version, requirement, specifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from packaging.version import Version

VersionStep = Literal["same", "patch", "minor", "major", "downgrade"]


@lru_cache(maxsize=4096)
def version_step(old: str, new: str) -> VersionStep:
    """Return what kind of step leads from one version to another, by PEP 440.

    A lower one is a downgrade. Else the epoch and the first number make a `major` step, the
    second one a `minor`, and all else (further numbers, pre-, post- and development releases,
    local versions) a `patch`.

    Example:
        >>> version_step("1.2.3", "1.3.0"), version_step("2.0", "2.0rc1")
        ('minor', 'downgrade')
        >>> version_step("1.0", "1.0.0"), version_step("9.0", "1!1.0")
        ('same', 'major')
    """
    if old == new:
        return "same"
    a, b = parse_version(old), parse_version(new)
    if a == b:
        return "same"
    if b < a:
        return "downgrade"
    if (a.epoch, a.major) != (b.epoch, b.major):
        return "major"
    return "minor" if a.minor != b.minor else "patch"


@lru_cache(maxsize=1024)
def is_looser(old: str, new: str) -> bool:
    """Return whether the specifiers *new* take a version that *old* refuse.

    Asked are the versions at which either could change its mind: those that they name, just
    before and just after each, and the next one at each of its numbers.

    Example:
        >>> is_looser(">=1,<3", ">=1"), is_looser(">=1", ">=1,<3"), is_looser("==1.*", "~=1.2")
        (True, False, False)
    """
    if old == new:
        return False
    before, after = specifier(old), specifier(new)
    return any(
        after.contains(point, prereleases=True) and not before.contains(point, prereleases=True)
        for point in _points([*before, *after])
    )


def _points(stated: Iterable[Any]) -> Iterator[str]:
    """Yield versions on both sides of every boundary."""
    yield "0.dev0"
    yield "999999!0"
    for one in stated:
        if one.operator == "===":
            # It compares texts, and is the only one that takes what is no version.
            yield one.version
            continue
        version = parse_version(one.version.removesuffix(".*"))
        yield from _around(version)
        release = version.release
        for depth in range(len(release)):
            numbers = (*release[:depth], release[depth] + 1)
            head = f"{version.epoch}!" + ".".join(map(str, numbers))
            yield from (f"{head}.dev0", head)


def _around(version: Version) -> Iterator[str]:
    base = f"{version.epoch}!" + ".".join(map(str, version.release))
    public = version.public
    yield from (f"{base}.dev0", f"{base}a0", base, f"{base}.post0", f"{base}.0.1", public)
    yield str(version)
    if version.dev is None:
        yield f"{public}.dev0" if version.post is None else f"{base}.post{version.post}.dev0"
        if version.post is None:
            yield f"{public}.post999"


def looser_distributions(old: Iterable[str], new: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Yield each distribution that is asked for less strictly: name, what was asked, what is.

    What is asked for no more has nothing as its third.
    """
    before, after = _by_name(old), _by_name(new)
    for name, texts in before.items():
        now = after.get(name)
        if now is None:
            yield name, ", ".join(texts), ""
            continue
        if len(texts) > 1 or len(now) > 1:
            # Several lines for one name differ in their markers: any other text is told.
            if {*texts} - {*now}:
                yield name, ", ".join(texts), ", ".join(now)
            continue
        a, b = requirement(texts[0]), requirement(now[0])
        narrower = str(a.marker or "") != str(b.marker or "") and b.marker is not None
        other = narrower or a.url != b.url or bool(a.extras - b.extras)
        if other or is_looser(str(a.specifier), str(b.specifier)):
            yield name, texts[0], now[0]


def new_distributions(old: Iterable[str], new: Iterable[str]) -> list[str]:
    """Return the names of distributions that were not asked for before."""
    before = _by_name(old)
    return [name for name in _by_name(new) if name not in before]


def _by_name(texts: Iterable[str]) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for text in texts:
        out.setdefault(_name(text), []).append(text)
    return out


@lru_cache(maxsize=4096)
def _name(text: str) -> str:
    from packaging.utils import canonicalize_name  # noqa: PLC0415 - where requirements differ

    return canonicalize_name(requirement(text).name)
