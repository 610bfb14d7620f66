"""How a system is, in one answer."""

from __future__ import annotations

from oneiric_lab.runtime import Health, HealthCheck


class TestHealth:
    def test_the_worst_counts(self) -> None:
        """
        Degraded goes on; bad does not pass; only what gates keeps work away.
        """
        good = HealthCheck("a", "good", "fine", gates=True)
        weak = HealthCheck("b", "degraded", "slow", gates=True)
        bad = HealthCheck("c", "bad", "gone", "bring it back")
        gate = HealthCheck("d", "bad", "full", gates=True)

        assert [
            (Health(c).standing, Health(c).exit_code, Health(c).ready)
            for c in ((), (good,), (good, weak), (weak, bad), (gate, bad))
        ] == [
            ("good", 0, True),
            ("good", 0, True),
            ("degraded", 0, True),
            ("bad", 1, True),
            ("bad", 1, False),
        ]

    def test_people_see_what_to_do(self) -> None:
        """
        One row each, and whether work may come.
        """
        found = Health((HealthCheck("c", "bad", "gone", "bring it back", gates=True),), "shop")

        assert str(found).splitlines()[0] == "health of shop: bad      not ready"
        assert "bring it back" in str(found)
        assert found.as_dict()["checks"] == [
            {"name": "c", "standing": "bad", "says": "gone", "fix": "bring it back", "gates": True}
        ]
