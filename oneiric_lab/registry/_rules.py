"""What configuration says about components, and the filter that applies it."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ._candidate import Candidate, Refusal, specifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from oneiric_lab.errors import Origin


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


@dataclass(frozen=True, slots=True)
class Rules:
    """All that decides between candidates and does not stand on a candidate.

    Attributes:
        selections: Domain to key to provider.
        constraints: Domain to key to version specifier.
        flags: Static flags.
        stack_order: Packages; a later one stands higher. Each gives its candidates without
            a priority the priority ten times its position, from 1.
        default_priority: Of candidates that neither state nor infer one.
        strict: Whether a component that only names decided is an error.
        quarantined: Identity to what happened, for candidates that failed a probe.
        installed: Gives the version of a distribution, or None.
        python: Version of the interpreter.
        platform: As `sys.platform`.
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "selections", _choices(self.selections))
        object.__setattr__(self, "constraints", _choices(self.constraints))

    def selection(self, domain: str, key: str) -> Choice | None:
        """Return who was selected for a component."""
        return self.selections.get(domain, {}).get(key)

    def constraint(self, domain: str, key: str) -> Choice | None:
        """Return the versions that may provide a component."""
        return self.constraints.get(domain, {}).get(key)

    def priority(self, candidate: Candidate) -> int:
        """Return the stated, inferred or default priority of *candidate*."""
        if candidate.priority is not None:
            return candidate.priority
        order = self.stack_order
        if order and candidate.source_name in order:
            return 10 * (order.index(candidate.source_name) + 1)
        return self.default_priority

    def refusals(self, candidate: Candidate, *, selected: bool) -> list[Refusal]:
        """Return every reason to keep *candidate* out, needs left aside, in the fixed order."""
        out: list[Refusal] = []
        trouble = self.quarantined.get(candidate.identity) if self.quarantined else None
        if trouble is not None:
            out.append(Refusal("quarantined", f"is quarantined: {trouble}", candidate.origin))
        if not candidate.plain:
            out.extend(candidate.refusals)
            out.extend(self._conditions(candidate, selected=selected))
        constraint = self.constraint(candidate.domain, candidate.key)
        if constraint is not None and not specifier(constraint.value).contains(
            candidate.parsed_version, prereleases=True
        ):
            out.append(Refusal("version", f"is outside `{constraint.value}`", constraint.origin))
        return out

    def _conditions(self, candidate: Candidate, *, selected: bool) -> Iterable[Refusal]:
        flag = candidate.enabled_by
        if flag is not None and not self.flags.get(flag, False):
            yield Refusal("disabled", f"is disabled: the flag `{flag}` is off", candidate.origin)
        if candidate.stability == "experimental" and not selected:
            yield Refusal("experimental", "is experimental and not selected", candidate.origin)
        if candidate.python_version and not specifier(candidate.python_version).contains(
            self.python, prereleases=True
        ):
            yield Refusal(
                "marker",
                f"needs Python {candidate.python_version}, this is {self.python}",
                candidate.origin,
            )
        if candidate.os_platform and self.platform not in candidate.os_platform:
            wanted = ", ".join(candidate.os_platform)
            yield Refusal("marker", f"runs on {wanted}, this is {self.platform}", candidate.origin)
        for text in candidate.requires_dist:
            reason = self._missing(text)
            if reason:
                yield Refusal("distribution", reason, candidate.origin)
        for text in candidate.conflicts_with:
            if ":" not in text and self._version(text) is not None:
                yield Refusal("conflict", f"conflicts with the installed {text}", candidate.origin)

    def _missing(self, text: str) -> str | None:
        from packaging.requirements import Requirement  # noqa: PLC0415 - few candidates need it

        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate():
            return None
        version = self._version(wanted.name)
        if version is None:
            return f"needs the distribution {wanted.name}, which is not installed"
        if not wanted.specifier.contains(version, prereleases=True):
            return f"needs {wanted.name}{wanted.specifier}, installed is {version}"
        return None

    def _version(self, name: str) -> str | None:
        if self.installed is not None:
            return self.installed(name)
        from importlib import metadata  # noqa: PLC0415 - see _missing

        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            return None


def score(
    candidate: Candidate, rules: Rules, *, selected: bool, preferred: int
) -> tuple[int, int, int, int, int, Any]:
    """Return what decides, the greater the better: the order of precedence.

    The order is: selected, preferred capabilities matched, priority, stack level, source
    rank, version. Provider and source name only break what is left, ascending.
    """
    from ._candidate import SOURCE_RANK  # noqa: PLC0415 - a constant of the row below

    return (
        int(selected),
        preferred,
        rules.priority(candidate),
        candidate.stack_level or 0,
        SOURCE_RANK[candidate.source],
        candidate.parsed_version,
    )
