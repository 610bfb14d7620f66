"""What the configuration says about components, each word with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneiric_lab.registry import TABLES, Choice, Rules

if TYPE_CHECKING:
    from oneiric_lab.config import Snapshot


def rules_of(snapshot: Snapshot) -> Rules:
    """Return what the configuration says about components, each word with its place."""
    settings = snapshot.settings
    selections: dict[str, dict[str, Choice]] = {}
    constraints: dict[str, dict[str, Choice]] = {}
    for domain, table in TABLES.items():
        said = getattr(settings, table)
        for name, out in (("selections", selections), ("constraints", constraints)):
            values = getattr(said, name)
            if values:
                out[domain] = {
                    key: Choice(value, snapshot.origin((table, name, key)))
                    for key, value in values.items()
                }
    order = tuple(settings.stack.order)
    variable = snapshot.inputs.environ.get("ONEIRIC_STACK_ORDER", "")
    if variable:
        order = tuple(name.strip() for name in variable.split(",") if name.strip())
    return Rules(selections, constraints, settings.flags, order, strict=settings.stack.strict)
