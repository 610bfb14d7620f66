"""A candidate: one way to provide a component, with all the facts that decide about it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Any, Literal

from oneiric_lab.errors import Fault, InvalidCandidateError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from packaging.requirements import Requirement
    from packaging.version import Version

    from oneiric_lab.errors import Origin

Domain = Literal["adapter", "service", "task", "event", "workflow", "action", "flag"]
DOMAINS: tuple[Domain, ...] = ("adapter", "service", "task", "event", "workflow", "action", "flag")
TABLES: dict[str, str] = {domain: f"{domain}s" for domain in DOMAINS if domain != "flag"}
"""Domain to the table of the configuration that speaks of it."""

Source = Literal["manual", "package", "plugin", "manifest"]
SOURCE_RANK: dict[str, int] = {"manual": 3, "package": 2, "plugin": 1, "manifest": 0}
Stability = Literal["stable", "beta", "experimental"]

# Upstream's ranges, so that its manifests mean the same here.
PRIORITIES = range(-1000, 1001)
LEVELS = range(-100, 101)

_NAME = re.compile(r"[A-Za-z0-9_.-]+\Z", re.ASCII)
_FACTORY = re.compile(
    r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\Z", re.ASCII
)


NOTHING: Mapping[str, Any] = {}
"""What most candidates require and say besides; one for all of them, never written to."""

_STABILITIES = frozenset({"stable", "beta", "experimental"})
_LIFETIMES = frozenset({"app", "transient"})
_LETTERS = "use ASCII letters, digits, `_`, `-` and `.`"
_CODE = {"factory": "callable", "settings model": "pydantic model", "health check": "callable"}
_NAMED = "package.module:name"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a candidate is out of the running: a code, the reason, and where it was said."""

    code: str
    reason: str
    origin: Origin | None = None


def names(value: str | Iterable[str] | None) -> frozenset[str]:
    """Return *value* as a set of names; a lone text is one name, not its letters.

    Example:
        >>> sorted(names("kv")), sorted(names(["b", "a"]))
        (['kv'], ['a', 'b'])
    """
    if value.__class__ is frozenset:
        return value
    if value is None:
        return frozenset()
    return frozenset({value}) if isinstance(value, str) else frozenset(value)


def requirements(value: str | Iterable[str] | Mapping[str, str] | None) -> Mapping[str, str]:
    """Return *value* as component to version specifier; an empty one takes any version."""
    if value is NOTHING:
        return NOTHING
    if value is None:
        return {}
    if isinstance(value, str):
        value = (value,)
    if hasattr(value, "items"):
        return {str(name): str(wanted) for name, wanted in value.items()}
    out: dict[str, str] = {}
    for text in value:
        # `adapter:cache>=2` names the component and the versions at once.
        name = re.split(r"[<>=!~ ]", text, maxsplit=1)[0]
        out[name] = text[len(name) :].strip()
    return out


def texts(value: str | Iterable[str]) -> tuple[str, ...]:
    """Return *value* as a tuple of texts; a lone text is one of them."""
    if value.__class__ is tuple:
        return value
    return (value,) if isinstance(value, str) else tuple(value)


_TAKES: dict[str, Callable[[Any], Any]] = {
    "capabilities": names,
    "requires": requirements,
    "requires_dist": texts,
    "conflicts_with": texts,
    "os_platform": texts,
    "requires_secrets": texts,
}
"""What may be said in several ways, and what brings it into one."""


@lru_cache(maxsize=4096)
def parse_version(text: str) -> Version:
    """Return *text* as a PEP 440 version.

    Raises:
        packaging.version.InvalidVersion: It is none.
    """
    from packaging.version import Version  # noqa: PLC0415 - 8 ms, once

    return Version(text)


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One way to provide `domain:key`.

    Attributes:
        domain: One of the seven domains.
        key: Name of the component within its domain, ASCII.
        provider: Name of this way.
        factory: A callable, or `module:attr`; what it needs is passed at activation.
        version: PEP 440.
        priority: -1000 to 1000; None takes the default or what the stack order infers.
        stack_level: -100 to 100; None is 0.
        capabilities: What it can do.
        requires: Components it needs, with version specifiers.
        requires_dist: Distributions it needs, as PEP 508 requirements.
        conflicts_with: Components (`domain:key`) or distributions it cannot stand beside.
        python_version: Specifier for the interpreter, PEP 440.
        os_platform: Platforms (`linux`, `darwin`, `win32`) it runs on; empty is all.
        stability: An experimental one wins only when it is selected.
        enabled_by: A flag that must be on.
        settings_model: A pydantic model, or its `module:attr`, for its settings.
        health: What tells of an instance whether it is well: a callable that takes it, or its
            `module:attr`; None asks the instance's own `health`, where it has one.
        requires_secrets: Names of the secrets it reveals.
        lifetime: `app` (one instance, shared) or `transient` (one for each lease).
        blocking: Whether its factory blocks, and so runs in a worker thread.
        source: Where it was declared.
        source_name: The plugin, package, module or manifest.
        summary: One sentence for people.
        refusals: Why whoever added it keeps it out.
        origin: Where it was declared.
        metadata: Anything else.

    Raises:
        InvalidCandidateError: With one fault for each fact that is malformed.
    """

    domain: str
    key: str
    provider: str
    factory: Callable[..., Any] | str = ""
    version: str = "0"
    priority: int | None = None
    stack_level: int | None = None
    capabilities: frozenset[str] = frozenset()
    requires: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    requires_dist: tuple[str, ...] = ()
    conflicts_with: tuple[str, ...] = ()
    python_version: str | None = None
    os_platform: tuple[str, ...] = ()
    stability: Stability = "stable"
    enabled_by: str | None = None
    settings_model: Any = None
    health: Callable[..., Any] | str | None = None
    requires_secrets: tuple[str, ...] = ()
    lifetime: Literal["app", "transient"] = "app"
    blocking: bool = False
    source: Source = "manual"
    source_name: str = ""
    summary: str = ""
    refusals: tuple[Refusal, ...] = ()
    origin: Origin | None = None
    metadata: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    parsed_version: Version = field(init=False, repr=False)
    source_rank: int = field(init=False, repr=False)
    identity: tuple[str, str, str, str, str] = field(init=False, repr=False)
    """What makes two candidates the same: adding it again replaces it."""
    refused: bool = field(init=False, repr=False)
    """Whether whoever added it keeps it out."""
    plain: bool = field(init=False, repr=False)
    """Whether nothing but constraints, quarantine and needs can refuse it."""

    def __post_init__(self) -> None:
        self._take()
        faults = _check(self)
        if faults:
            raise InvalidCandidateError(faults)
        self._derive()

    def _take(self) -> None:
        """Bring what may be said in several ways into one."""
        for name, take in _TAKES.items():
            object.__setattr__(self, name, take(getattr(self, name)))

    def _derive(self) -> None:
        """Work out what follows from the facts."""
        put = object.__setattr__
        # One text for each name: publishing 100,000 candidates then waits for memory less.
        key, provider, name = self.key, self.provider, self.source_name
        if key.__class__ is provider.__class__ is name.__class__ is str:
            key, provider, name = intern(key), intern(provider), intern(name)
            put(self, "key", key)
            put(self, "provider", provider)
            put(self, "source_name", name)
        put(self, "parsed_version", parse_version(self.version))
        put(self, "source_rank", SOURCE_RANK[self.source])
        put(self, "identity", (self.domain, key, provider, self.version, name))
        put(self, "refused", bool(self.refusals))
        put(self, "plain", self.is_plain())

    def is_plain(self) -> bool:
        """Return what `plain` says, from the facts."""
        return not (
            self.requires_dist
            or self.conflicts_with
            or self.python_version
            or self.os_platform
            or self.enabled_by
            or self.refused
            or self.stability == "experimental"
        )

    def says_the_same(self, other: Candidate) -> bool:
        """Tell whether all facts of *other* are those of this one."""
        return all(getattr(self, f.name) == getattr(other, f.name) for f in fields(self) if f.init)

    @property
    def tie(self) -> tuple[str, str, str]:
        """Names, for what the score leaves equal: the smaller one goes first."""
        return self.provider, self.source_name, self.version

    @property
    def target(self) -> str:
        """Domain and key, as one text with a colon between them."""
        return f"{self.domain}:{self.key}"

    def __str__(self) -> str:
        return f"{self.provider} {self.version}"


def is_name(value: object) -> bool:
    """Return whether *value* is a name: ASCII letters, digits, `_`, `-` and `.`."""
    return isinstance(value, str) and _NAME.match(value) is not None


def _in_range(value: object, allowed: range) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in allowed


def _check(c: Candidate) -> list[Fault]:
    """Return what is malformed; of 10,000 candidates that are sound, this must cost little."""
    faults: list[Fault] = []

    def bad(what: str, fix: str | None = None) -> None:
        shown = f"{c.domain}:{c.key} ({c.provider}): {what}"
        faults.append(Fault("invalid-candidate", shown, c.origin, fix=fix))

    if c.domain not in DOMAINS:
        bad(f"unknown domain {c.domain!r}", did_you_mean(str(c.domain), DOMAINS))
    if not is_name(c.key):
        bad(f"key {c.key!r} is no name", _LETTERS)
    if not is_name(c.provider):
        bad(f"provider {c.provider!r} is no name", _LETTERS)
    if c.priority is not None and not _in_range(c.priority, PRIORITIES):
        bad(_out_of_range("priority", PRIORITIES, c.priority))
    if c.stack_level is not None and not _in_range(c.stack_level, LEVELS):
        bad(_out_of_range("stack level", LEVELS, c.stack_level))
    odd = [name for name in c.capabilities if not is_name(name)]
    for name in sorted(odd, key=str):
        bad(f"capability {name!r} is no name", _LETTERS)
    if c.source not in SOURCE_RANK:
        bad(f"unknown source {c.source!r}", did_you_mean(str(c.source), SOURCE_RANK))
    if c.stability not in _STABILITIES:
        bad(f"unknown stability {c.stability!r}", "use stable, beta or experimental")
    if c.lifetime not in _LIFETIMES:
        bad(f"unknown lifetime {c.lifetime!r}", "use app or transient")
    # A descriptor or a notebook may hold anything.
    _check_code(bad, "factory", c.factory)
    if c.settings_model:
        _check_code(bad, "settings model", c.settings_model)
    if c.health:
        _check_code(bad, "health check", c.health)
    _check_specifiers(bad, c)
    return faults


def _out_of_range(what: str, allowed: range, number: object) -> str:
    return f"expected a {what} from {allowed.start} to {allowed.stop - 1}, found {number!r}"


def _check_code(bad: Callable[[str, str], None], what: str, named: object) -> None:
    if not isinstance(named, str):
        if not callable(named):
            bad(f"expected a {what}, found {named!r}", f"give a {_CODE[what]}, or {_NAMED}")
    elif named and not _FACTORY.match(named):
        bad(f"{what} {named!r} is no `module:attr`", f"write it as {_NAMED}")


def _check_specifiers(bad: Callable[[str, str], None], c: Candidate) -> None:
    # What packaging raises for a malformed text is a ValueError.
    try:
        parse_version(c.version)
    except (ValueError, TypeError):
        bad(f"version {c.version!r} is none of PEP 440", "write it as 1.2.0")
    if c.python_version:
        _check_specifier(bad, "python_version", c.python_version)
    for name, text in c.requires.items():
        _check_specifier(bad, name, text)
        if not is_target(name):
            bad(f"requires {name!r}, which is no component", "write it as adapter:cache")
    for text in c.requires_dist:
        _check_requirement(bad, "requires_dist", text)
    for text in c.conflicts_with:
        if not is_target(text):
            _check_requirement(bad, "conflicts_with", text)


def _check_specifier(bad: Callable[[str, str], None], what: str, text: str) -> None:
    try:
        specifier(text)
    except (ValueError, TypeError):
        bad(f"{what} {text!r} is no version specifier", "write it as >=1,<2")


def _check_requirement(bad: Callable[[str, str], None], what: str, text: str) -> None:
    try:
        requirement(text)
    except ValueError:
        bad(f"{what} {text!r} is no requirement", "write it as boto3>=1.34")


def is_target(text: str) -> bool:
    """Return whether *text* names a component, as `adapter:cache` does."""
    domain, _, key = text.partition(":")
    return domain in DOMAINS and is_name(key)


@lru_cache(maxsize=1024)
def specifier(text: str) -> Any:
    """Return *text* as a PEP 440 specifier set.

    Raises:
        packaging.specifiers.InvalidSpecifier: It is none.
    """
    from packaging.specifiers import SpecifierSet  # noqa: PLC0415 - see parse_version

    return SpecifierSet(text)


@lru_cache(maxsize=4096)
def accepts(wanted: str, version: str) -> bool:
    """Tell whether the specifier *wanted* takes *version*, pre-releases as others."""
    return bool(specifier(wanted).contains(parse_version(version), prereleases=True))


@lru_cache(maxsize=4096)
def requirement(text: str) -> Requirement:
    """Return *text* as a PEP 508 requirement.

    Raises:
        packaging.requirements.InvalidRequirement: It is none.
    """
    from packaging.requirements import Requirement  # noqa: PLC0415 - see parse_version

    return Requirement(text)
