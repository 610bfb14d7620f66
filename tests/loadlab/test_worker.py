"""Runs in a process of their own."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import LoadError
from oneiric_lab.loadlab import Plan, Scenario, closed, op, run_apart, scenario_named

if TYPE_CHECKING:
    from random import Random


def here(body: str = "pass") -> type[Scenario]:
    """Return a class that only this process knows, as a notebook's."""

    class Local(Scenario):
        async def setup(self) -> None:
            """Fail where it is asked to."""
            if body == "fail":
                raise ValueError("no setup today")

        @op()
        async def read(self, rng: Random) -> None:
            """End the process where it is asked to."""
            if body == "kill":
                os.kill(os.getpid(), signal.SIGKILL)

    return Local


def test_a_class_of_a_notebook_is_driven_elsewhere() -> None:
    """
    It travels by value; what comes back is a run like any other, with its plan.
    """
    plan = Plan(here(), load=closed(2, duration=0.3), objectives=("read.rate > 1/s",))
    seen: list[Any] = []
    found = run_apart(plan, live=seen.append)
    assert found.plan is plan
    assert found.recorded.ops["read"].measured.ended > 100
    assert found.judged[0].met
    assert seen


def test_it_is_cancelled() -> None:
    """
    What was done until then comes back as partial.
    """
    kind, _ = scenario_named("swap-under-readers")
    found = run_apart(Plan(kind, load=closed(10, duration=60)), cancelled=lambda: True)
    assert found.exit_code == 130


@pytest.mark.parametrize(
    ("body", "words"), [("fail", "ValueError: no setup today"), ("kill", "with code -9")]
)
def test_one_that_ends_badly(body: str, words: str) -> None:
    """
    A setup that raises, and a worker that is killed, are told as such.
    """
    with pytest.raises(LoadError, match=words):
        run_apart(Plan(here(body), load=closed(1, duration=5)))
