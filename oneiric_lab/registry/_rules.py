"""What configuration says about components, and the filter that applies it."""

from __future__ import annotations

import sys
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from oneiric_lab.errors import Fault, RegistryError

from ._candidate import Candidate, Refusal, accepts, is_target, requirement, specifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from oneiric_lab.errors import Origin

_ADDER = "adder"
"""Stands for the refusals of whoever added a candidate, which have codes of their own."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A word of the configuration, with the place where it stands."""

    value: str
    origin: Origin | None = None


def _choices(
    table: Mapping[str, Mapping[str, Choice | str]] | None,
) -> dict[str, dict[str, Choice]]:
    return {
        domain: {key: c if isinstance(c, Choice) else Choice(c) for key, c in keys.items()}
        for domain, keys in (table or {}).items()
    }


def inferred_priorities(order: Iterable[str]) -> dict[str, int]:
    """Return source name to priority for a stack order.

    An entry is a name, which gets ten times its position counted from 1, or `name:number`.
    Later names stand higher, as later layers do.

    Raises:
        RegistryError: With one fault for each entry that is neither.

    Example:
        >>> inferred_priorities(["platform", "shop", "hotfix:500"])
        {'platform': 10, 'shop': 20, 'hotfix': 500}
    """
    out: dict[str, int] = {}
    faults: list[Fault] = []
    for position, entry in enumerate(order, 1):
        name, colon, number = (part.strip() for part in entry.partition(":"))
        value = 10 * position
        if colon:
            try:
                value = int(number)
            except ValueError:
                name = ""
        if not name or not -1000 <= value <= 1000:  # noqa: PLR2004 - the range of a priority
            faults.append(
                Fault(
                    "stack-order",
                    f"expected a package or `package:priority` in the stack order, found {entry!r}",
                    fix="write `shop`, or `shop:50` with a priority from -1000 to 1000",
                )
            )
        out[name] = value
    if faults:
        raise RegistryError(faults)
    return out


@dataclass(frozen=True, slots=True)
class Rules:
    """All that decides between candidates and does not stand on a candidate.

    Attributes:
        selections: Domain to key to provider.
        constraints: Domain to key to version specifier.
        flags: Static flags.
        stack_order: Packages, see `inferred_priorities`; it gives their candidates that
            state no priority one.
        default_priority: Of candidates that neither state nor infer one.
        strict: Whether a component that only names decided is an error.
        quarantined: Identity to what happened, for candidates that failed a probe.
        installed: Gives the version of a distribution, or None.
        python: Version of the interpreter.
        platform: As `sys.platform`.

    Raises:
        RegistryError: The stack order or a constraint is malformed.
    """

    selections: Mapping[str, Mapping[str, Choice]] = field(default_factory=dict)
    constraints: Mapping[str, Mapping[str, Choice]] = field(default_factory=dict)
    flags: Mapping[str, bool] = field(default_factory=dict)
    stack_order: tuple[str, ...] = ()
    default_priority: int = 0
    strict: bool = False
    quarantined: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    installed: Callable[[str], str | None] | None = None
    python: str = ".".join(map(str, sys.version_info[:3]))
    platform: str = sys.platform
    inferred: Mapping[str, int] = field(init=False, repr=False)
    _seen: dict[str, str | None] = field(default_factory=dict, repr=False, compare=False)
    _told: dict[tuple[str, str], str] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "selections", _choices(self.selections))
        put(self, "constraints", _choices(self.constraints))
        put(self, "inferred", inferred_priorities(self.stack_order))
        faults = list(self._bad_constraints())
        if faults:
            raise RegistryError(faults)

    def _bad_constraints(self) -> Iterator[Fault]:
        for domain, keys in self.constraints.items():
            for key, choice in keys.items():
                try:
                    specifier(choice.value)
                except ValueError:  # packaging's InvalidSpecifier is one
                    yield Fault(
                        "constraint",
                        f"constraint {choice.value!r} of {domain}:{key} is no version specifier",
                        choice.origin,
                        fix="write it as >=1,<2",
                    )

    def anew(self) -> Rules:
        """Return the same rules for another publish: what is installed is looked up anew.

        Within one, each distribution is looked up once, however many candidates ask for it.
        """
        made = copy(self)
        object.__setattr__(made, "_seen", {})
        object.__setattr__(made, "_told", {})
        return made

    def selection(self, domain: str, key: str) -> Choice | None:
        """Return who was selected for a component."""
        return self.selections.get(domain, {}).get(key)

    def constraint(self, domain: str, key: str) -> Choice | None:
        """Return the versions that may provide a component."""
        return self.constraints.get(domain, {}).get(key)

    def priority(self, candidate: Candidate) -> int:
        """Return the stated, inferred or default priority of *candidate*."""
        stated = candidate.priority
        if stated is not None:
            return stated
        return self.inferred.get(candidate.source_name, self.default_priority)

    def refusals(self, candidate: Candidate, *, selected: bool) -> list[Refusal]:
        """Return every reason to keep *candidate* out, needs left aside, in the fixed order."""
        found: list[Refusal] = []
        for code, reason, said in self._reasons(candidate, selected=selected):
            if code == _ADDER:
                found += candidate.refusals
            else:
                found.append(Refusal(code, reason, said.origin))
        return found

    def refuses(self, candidate: Candidate, *, selected: bool) -> bool:
        """Tell whether there is such a reason, and look no further than the first."""
        return next(self._reasons(candidate, selected=selected), None) is not None

    def _reasons(
        self, candidate: Candidate, *, selected: bool
    ) -> Iterator[tuple[str, str, Candidate | Choice]]:
        """Yield code and reason of each refusal, and what stands at its place."""
        trouble = self.quarantined.get(candidate.identity) if self.quarantined else None
        if trouble is not None:
            yield "quarantined", f"is quarantined: {trouble}", candidate
        if not candidate.plain:
            if candidate.refused:
                yield _ADDER, "", candidate
            yield from self._conditions(candidate, selected=selected)
        constraint = self.constraint(candidate.domain, candidate.key)
        if constraint is not None and not accepts(constraint.value, candidate.version):
            yield "version", f"is outside `{constraint.value}`", constraint

    def _conditions(
        self, candidate: Candidate, *, selected: bool
    ) -> Iterator[tuple[str, str, Candidate]]:
        flag = candidate.enabled_by
        if flag is not None and not self.flags.get(flag, False):
            yield "disabled", f"is disabled: the flag `{flag}` is off", candidate
        if candidate.stability == "experimental" and not selected:
            yield "experimental", "is experimental and not selected", candidate
        if candidate.python_version and not accepts(candidate.python_version, self.python):
            reason = f"needs Python {candidate.python_version}, this is {self.python}"
            yield "marker", reason, candidate
        if candidate.os_platform and self.platform not in candidate.os_platform:
            wanted = ", ".join(candidate.os_platform)
            yield "marker", f"runs on {wanted}, this is {self.platform}", candidate
        for text in candidate.requires_dist:
            reason = self._once(self._missing, text)
            if reason:
                yield "distribution", reason, candidate
        for text in candidate.conflicts_with:
            reason = "" if is_target(text) else self._once(self._present, text)
            if reason:
                yield "conflict", reason, candidate

    def _once(self, ask: Callable[[str], str | None], text: str) -> str:
        """Return what is wrong with the distributions that *text* speaks of, or nothing."""
        question = ask.__name__, text
        if question not in self._told:
            self._told[question] = ask(text) or ""
        return self._told[question]

    def _missing(self, text: str) -> str | None:
        wanted = requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate():
            return None
        version = self._version(wanted.name)
        if version is None:
            return f"needs the distribution {wanted.name}, which is not installed"
        if not wanted.specifier.contains(version, prereleases=True):
            return f"needs {wanted.name}{wanted.specifier}, installed is {version}"
        return None

    def _present(self, text: str) -> str | None:
        other = requirement(text)
        if other.marker is not None and not other.marker.evaluate():
            return None
        version = self._version(other.name)
        if version is None or not other.specifier.contains(version, prereleases=True):
            return None
        return f"conflicts with the installed {other.name} {version}"

    def _version(self, name: str) -> str | None:
        if name not in self._seen:
            self._seen[name] = (self.installed or _installed)(name)
        return self._seen[name]


def _installed(name: str) -> str | None:
    from importlib import metadata  # noqa: PLC0415 - few candidates need it

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
