"""A plan from the few words in which people ask for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from oneiric_lab.errors import UsageError
from oneiric_lab.loadlab import Plan, Scenario, closed, constant, op, plan_for, scenario_named

if TYPE_CHECKING:
    from random import Random


class Mine(Scenario):
    """One operation and one parameter."""

    defaults: ClassVar[dict[str, Any]] = {"hold": 0.001}

    @op()
    async def read(self, rng: Random) -> None:
        """Do nothing."""


class TestPlanFor:
    def test_a_name_brings_its_usual_load(self) -> None:
        """
        A scenario that comes with us is driven by as many users as it is meant for.
        """
        kind, usual = scenario_named("swap-under-readers")
        plan = plan_for("swap-under-readers")

        assert plan == Plan(kind, load=closed(usual["users"], duration="10s"))

    def test_a_class_is_driven_by_one_user(self) -> None:
        """
        A scenario of one's own has no usual load.
        """
        assert plan_for(Mine, duration=2) == Plan(Mine, load=closed(1, duration=2), duration=2)

    @pytest.mark.parametrize(
        ("options", "load"),
        [
            ({"users": 3}, closed(3, duration="10s")),
            ({"users": 3, "duration": "1s"}, closed(3, duration=1)),
            ({"rate": "50/s", "duration": 2}, constant(50, 2)),
            ({"load": constant(5, 1)}, constant(5, 1)),
        ],
    )
    def test_load(self, options: dict[str, Any], load: Any) -> None:
        """
        Users make a closed load, a rate an open one; a shape is taken as it is.
        """
        assert plan_for(Mine, **options).load == load

    def test_other_names_are_parameters(self) -> None:
        """
        What a plan does not know the scenario does, by name or all at once.
        """
        assert plan_for(Mine, hold=0.5, seed=7).params == {"hold": 0.5}
        assert plan_for(Mine, params={"hold": 0.5}).params == {"hold": 0.5}

    def test_a_plan_is_changed_and_not_lost(self) -> None:
        """
        Of a plan only what is named changes; users take over its length.
        """
        plan = Plan(Mine, {"hold": 0.2}, constant(5, 3), seed=7)

        assert plan_for(plan) == plan
        assert plan_for(plan, users=2) == plan.but(load=closed(2, duration=3))
        assert plan_for(plan, hold=0.3).params == {"hold": 0.3}

    @pytest.mark.parametrize(
        ("what", "options", "words"),
        [
            (Mine, {"users": 1, "rate": 1}, "closed or open"),
            ("swap-1", {}, "did you mean `swap-1k`"),
            (Mine, {"hlod": 1}, "did you mean `hold`"),
            (dict, {}, "is no scenario"),
            (7, {}, "is no scenario"),
            (Mine, {"warmup": "10s"}, "as long as the run"),
        ],
    )
    def test_misuse(self, what: Any, options: dict[str, Any], words: str) -> None:
        """
        What cannot be is told before anything is driven.
        """
        with pytest.raises(UsageError, match=words):
            plan_for(what, **options)
