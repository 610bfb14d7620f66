"""What an overview needs to know of a generation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneiric_lab.errors import Fault

    from ._candidate import Candidate
    from ._explain import Explanation
    from ._rules import Rules


class Asked(Protocol):
    """A generation, as far as it is asked questions."""

    @property
    def number(self) -> int:
        """Grows with every publish."""

    @property
    def rules(self) -> Rules:
        """What decided."""

    def keys(self, domain: str | None = None) -> list[str]:
        """Return all components."""

    def explain(self, domain: str, key: str) -> Explanation:
        """Return who wins and why the others do not."""

    def winners(self) -> Mapping[str, Candidate]:
        """Return who provides each component."""

    def problems(self) -> Sequence[Fault]:
        """Return what is wrong."""
