"""The names of a workspace, for completion: no value, no code, nothing secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

from oneiric_lab.errors import OneiricError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneiric_lab.lab import Lab


class Opens(Protocol):
    """What opens the workspace that is being completed in: a `Context`."""

    @property
    def interaction(self) -> Any:
        """Where names are kept for as long as nothing was published."""

    def lab(self) -> Lab[Any]:
        """Open the workspace."""

    def last_good(self) -> Lab[Any] | None:
        """Return what was open before a file broke."""


@dataclass(frozen=True, slots=True)
class Names:
    """What can be named in a workspace.

    Attributes:
        paths: Of all values.
        profiles: All that it defines.
        providers: Of each component.
        capabilities: That candidates of each component have.
        selections: The path that selects a provider, and the component that it is for.
        secrets: Names of those that are referred to.
    """

    paths: Sequence[str]
    profiles: Sequence[str]
    providers: Mapping[str, Sequence[str]]
    capabilities: Mapping[str, Sequence[str]]
    selections: Mapping[str, str]
    secrets: Sequence[str] = ()

    @classmethod
    def of(cls, lab: Lab[Any]) -> Self:
        """Return the names of an open workspace."""
        from oneiric_lab.registry import TABLES  # noqa: PLC0415 - where a lab is open

        providers: dict[str, dict[str, None]] = {}
        selections: dict[str, str] = {}
        capabilities: dict[str, set[str]] = {}
        for candidate in lab.registry.current.candidates():
            providers.setdefault(candidate.target, {})[candidate.provider] = None
            capabilities.setdefault(candidate.target, set()).update(candidate.capabilities)
            if candidate.domain in TABLES:
                path = f"{TABLES[candidate.domain]}.selections.{candidate.key}"
                selections[path] = candidate.target
        return cls(
            lab.snapshot.paths(),
            lab.snapshot.known_profiles,
            {target: list(found) for target, found in sorted(providers.items())},
            {target: sorted(found) for target, found in capabilities.items()},
            selections,
            sorted(lab.keeping.refs()),
        )


def known_names(context: Opens) -> Names | None:
    """Return the names of the workspace, None where it does not open.

    A kernel asks at every Tab, so they are kept for as long as nothing was published.
    """
    try:
        lab = context.lab()
    except OneiricError:
        # A file in the middle of an edit: what was in force before still completes.
        last = context.last_good()
        if last is None:
            return None
        lab = last
    generation = lab.registry.current
    memo = context.interaction.memo
    if memo is None or memo[0] is not lab.snapshot or memo[1] is not generation:
        memo = (lab.snapshot, generation, Names.of(lab))
        context.interaction.memo = memo
    found: Names = memo[2]
    return found
