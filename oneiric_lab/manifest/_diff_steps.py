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


@lru_cache(maxsize=1024)
def compared_distributions(
    old: tuple[str, ...], new: tuple[str, ...]
) -> tuple[tuple[tuple[str, str, str], ...], tuple[str, ...]]:
    """Return the distributions that are asked for less strictly, and those that are new.

    Each of the first is a name, what was asked and what is; nothing where it is asked no more.
    """
    before, after = _by_name(old), _by_name(new)
    looser = tuple(_looser(before, after))
    return looser, tuple(name for name in after if name not in before)


def _looser(
    before: dict[str, list[str]], after: dict[str, list[str]]
) -> Iterator[tuple[str, str, str]]:
    for name, texts in before.items():
        now = after.get(name)
        if now is None:
            yield name, ", ".join(texts), ""
        elif len(texts) > 1 or len(now) > 1:
            # Several lines for one name differ in their markers: any other text is told.
            if {*texts} - {*now}:
                yield name, ", ".join(texts), ", ".join(now)
        elif _asks_less(texts[0], now[0]):
            yield name, texts[0], now[0]


def _asks_less(old: str, new: str) -> bool:
    a, b = requirement(old), requirement(new)
    # A marker that is new, or another one, asks in fewer environments, or in others.
    elsewhere = b.marker is not None and str(a.marker) != str(b.marker)
    if elsewhere or a.url != b.url or a.extras - b.extras:
        return True
    return is_looser(str(a.specifier), str(b.specifier))


def _by_name(texts: Iterable[str]) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for text in texts:
        out.setdefault(_name(text), []).append(text)
    return out


@lru_cache(maxsize=4096)
def _name(text: str) -> str:
    from packaging.utils import canonicalize_name  # noqa: PLC0415 - where requirements differ

    return canonicalize_name(requirement(text).name)
