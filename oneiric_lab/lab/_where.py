"""Where a change must be made so that it is in force."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from oneiric_lab.config import layer_rank, parse_path

if TYPE_CHECKING:
    from oneiric_lab.config import Snapshot
    from oneiric_lab.registry import WhyNot


def placed(answer: WhyNot, snapshot: Snapshot, layer: str) -> WhyNot:
    """Return *answer* with the layer in which its changes would be seen.

    A layer above *layer* that says one of the paths already must be the one that changes;
    where that one is no file, no plan can, and the answer says who stands in the way.
    """
    if not answer.changes:
        return answer
    rank = layer_rank(layer, snapshot)
    above = None
    for path in answer.changes:
        parts = parse_path(path)
        for found in reversed(snapshot.layers):
            if found.holds(parts) and (found.rank > rank or found.name == "policy"):
                if found.name == "policy" or found.document is None:
                    reason = f"{path} is said by {found.name} at {found.origin(parts)}"
                    return replace(answer, changes=None, because=(*answer.because, reason))
                above, rank = found.name, found.rank
    return replace(answer, layer=above)
