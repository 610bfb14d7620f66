"""What those who write of a run ask of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneiric_lab.views import View

    from ._about import About
    from ._drive import Driven
    from ._objectives import Judged
    from ._plan import Plan
    from ._recorded import Recorded


class Told(Protocol):
    """What is written of a run; see `Run`."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def plan(self) -> Plan:
        """What was asked."""

    @property
    def recorded(self) -> Recorded:
        """What was measured."""

    @property
    def driven(self) -> Driven:
        """What the generator saw of itself."""

    @property
    def judged(self) -> Sequence[Judged]:
        """Each objective with its figure."""

    @property
    def limited_by(self) -> str:
        """What kept it from more."""

    @property
    def is_valid(self) -> bool:
        """Whether the generator kept up."""

    @property
    def warmup(self) -> float:
        """Seconds at the start that were kept apart."""

    @property
    def machine(self) -> Mapping[str, str]:
        """Where it ran."""

    @property
    def about(self) -> About:
        """Which run it is."""

    def invariants(self) -> Sequence[tuple[str, str | None]]:
        """Return each invariant with what is wrong."""

    def view(self) -> View:
        """Return what it looks like."""

    def to_json(self) -> str:
        """Return what `--json` prints."""

    def to_text(self) -> str:
        """Return the view as text."""
