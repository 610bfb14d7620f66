"""What the configuration says to candidates: their settings, and whose a change would touch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oneiric_lab.registry import TABLES

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from oneiric_lab.config import Settings
    from oneiric_lab.registry import Candidate, Generation


def settings_of(settings: Settings, candidate: Candidate) -> dict[str, Any]:
    """Return what the configuration says to a candidate: its provider's, its key's above."""
    table = TABLES.get(candidate.domain)
    if table is None:
        return {}
    said = getattr(settings, table)
    return {
        **said.provider_settings.get(candidate.provider, {}),
        **said.settings.get(candidate.key, {}),
    }


def resettled(
    before: Settings, after: Settings, generation: Generation, known: Container[object] = ()
) -> list[dict[str, object]]:
    """Return the components whose provider stays and whose settings do not, as rows of a plan.

    Args:
        before: What is said now.
        after: What would be said.
        generation: Who would provide what.
        known: Components that are in the plan already.
    """
    out: list[dict[str, object]] = []
    for domain, table in TABLES.items():
        old, new = getattr(before, table), getattr(after, table)
        providers = _differ(old.provider_settings, new.provider_settings)
        keys = _differ(old.settings, new.settings)
        if not (providers or keys):
            continue
        for key, node in sorted(generation.nodes.get(domain, {}).items()):
            won = node.winner
            if won is None or won.target in known:
                continue
            # The tables first: of 100,000 components few are touched.
            touched = key in keys or won.provider in providers
            if touched and settings_of(before, won) != settings_of(after, won):
                said = str(won)
                out.append({"target": won.target, "old": said, "new": said, "why": "settings"})
    return sorted(out, key=lambda row: str(row["target"]))


def _differ(old: Mapping[str, object], new: Mapping[str, object]) -> set[str]:
    if old == new:
        return set()
    return {name for name in {*old, *new} if old.get(name) != new.get(name)}
