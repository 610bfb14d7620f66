"""Winners that the system we follow computes are ours too."""

from __future__ import annotations

import json
from pathlib import Path

from oneiric_lab.errors import NoCandidateError
from oneiric_lab.registry import Candidate, Registry

VECTORS = Path(__file__).parents[1] / "vectors" / "resolution.json"


class TestVectors:
    def test_every_winner_is_the_same(self) -> None:
        """Selection, capabilities, priority and level decide as they do there."""
        for i, case in enumerate(json.loads(VECTORS.read_text())["cases"]):
            chosen = case["selection"]
            registry = Registry(
                selections={"adapter": {"k": chosen}} if chosen else None,
                default_priority=case["default_priority"],
            )
            with registry.batch():
                for j, facts in enumerate(case["candidates"]):
                    registry.add(Candidate("adapter", "k", source_name=f"s{j}", **facts))
            wish = case["capabilities"]
            need = {"need": wish, "prefer": wish} if case["require_all"] else {"need_any": wish}
            try:
                found = registry.resolve("adapter", "k", **(need if wish else {}))
                winner: int | None = int(found.source_name[1:])
            except NoCandidateError:
                winner = None
            assert case["winner"] == winner, i
