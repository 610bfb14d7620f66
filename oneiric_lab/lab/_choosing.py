"""Why choosing a provider in a layer would not bring it into force, and what would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneiric_lab.config import parse_path
from oneiric_lab.errors import Fault, NoCandidateError, OneiricError, SelectionError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from oneiric_lab.config import Layer, Snapshot
    from oneiric_lab.errors import Origin


def unknown_provider(
    target: str, provider: str, known: Iterable[str], origin: Origin | None = None
) -> SelectionError:
    """Return the error of a provider that no candidate of the component has."""
    return SelectionError(
        Fault(
            "selection-unknown",
            f"selection for {target} names unknown provider `{provider}`",
            origin,
            fix=did_you_mean(provider, known),
        )
    )


def outranked(
    snapshot: Snapshot,
    target: str,
    provider: str,
    path: str,
    layer: str,
    wins: Callable[[str], bool],
) -> NoCandidateError:
    """Return the error of a choice that a higher layer overrules, with what would help.

    Args:
        snapshot: As the choice would make it.
        target: `domain:key`.
        provider: Who was chosen.
        path: Of the selection.
        layer: Where it was chosen.
        wins: Tells whether the choice in another layer brings the provider into force.
    """
    parts = parse_path(path)
    above = next((one for one in reversed(snapshot.layers) if one.holds(parts)), None)
    who = snapshot.value(path)
    if above is None or who == provider:
        return NoCandidateError(
            Fault(
                "not-chosen",
                f"{target} would not be provided by {provider}, though {layer} chooses it",
                fix=f"explain {target} --why-not {provider}",
            )
        )
    return NoCandidateError(
        Fault(
            "not-chosen",
            f"{target} would stay with {who}: layer {above.name} stands above {layer}",
            above.origin(parts),
            fix=_fix(above, target, provider, path, wins),
        )
    )


def _fix(above: Layer, target: str, provider: str, path: str, wins: Callable[[str], bool]) -> str:
    where = above.origin(parse_path(path))
    if above.document is not None:
        try:
            if wins(above.name):
                return f"choose it there: swap {target} {provider} --layer {above.name}"
        except OneiricError:
            return f"change it there: {where}"
    if above.name == "environment":
        return f"take it out of the environment: unset {where}"
    if above.name == "set":
        return f"leave out: {where}"
    return f"change it there: {where}"
