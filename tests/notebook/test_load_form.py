"""The form that starts a load run, without a browser: what it asks, says, and begins."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from oneiric_lab.errors import JobCancelledError, UsageError
from oneiric_lab.jobs import Owner
from oneiric_lab.lab import Lab, Loads
from oneiric_lab.loadlab import BUILT_IN, Plan, Scenario, closed, op

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from random import Random

    from .conftest import Wire

pytest.importorskip("anywidget", reason="needs oneiric-lab[notebook]")

LIMIT = 30.0
QUICK = {"kind": "users", "load": "2", "duration": "0.2s", "warmup": "0s"}


class Shop(Scenario):
    """Readers that wait."""

    defaults: ClassVar[Any] = {"pause": 0.001, "names": ("a",), "loud": False, "url": None}

    @op()
    async def read(self, rng: Random) -> None:
        """Wait."""
        await asyncio.sleep(self.p.pause)


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Loads]:
    """Return what starts load runs, and keeps them."""
    with Owner() as owner:
        yield Loads(lambda: owner, tmp_path)


def bench_of(runs: Loads | Lab[Any] | None, what: Any = None, **options: Any) -> Any:
    """Return the form, and the chart below it."""
    from oneiric_lab.notebook.widgets._drive import bench

    return bench(runs, what, **options)


def form_of(wire: type[Wire]) -> Wire:
    """Return the connection of the newest form."""
    return next(w for w in reversed(wire.made) if "fields" in w.sent[0]["data"]["state"])


def ended(bench: Any) -> Any:
    """Return the job of the chart, which has ended."""
    job = bench.chart.job
    job.result(LIMIT)
    until = time.monotonic() + LIMIT
    while bench.chart.stage not in {"ended", "cancelled"}:
        assert time.monotonic() < until
        time.sleep(0.01)
    return job


def field(bench: Any, name: str) -> dict[str, Any]:
    """Return a field of the form."""
    return next(one for one in bench.form.fields if one["name"] == name)


class TestWhatIsAsked:
    def test_an_empty_form_is_the_usual_load(self, wire: type[Wire], runs: Loads) -> None:
        """
        It says what would be driven, what must hold, and what a cell would say.
        """
        said = bench_of(runs).form.said

        assert said["code"] == "lab.load.run('swap-under-readers')"
        first = "1,000 users for 10 s: read, swap beside them; warm-up found by itself"
        assert said["lines"][0] == ["plain", first]
        assert "no reader goes back" in said["lines"][1][1]

    def test_every_field(self, wire: type[Wire], runs: Loads) -> None:
        """
        What is typed is in the code as `lab.load.run` takes it; what is left empty is not.
        """
        shown = bench_of(runs)
        shown.form.asked = {
            "scenario": "swap-1k",
            "kind": "rate",
            "load": " 500/s ",
            "duration": "20s",
            "warmup": "2s",
            "p.keys": "4",
            "p.build": "",
            "objectives": "swap.response.p99 < 20ms; swap.error_rate < 1%",
            "seed": "7",
            "workers": "dask",
            "save": True,
        }

        assert shown.form.said["code"] == (
            "lab.load.run('swap-1k', rate='500/s', duration='20s', warmup='2s', seed=7, "
            "workers='dask', objectives=('swap.response.p99 < 20ms', 'swap.error_rate < 1%'), "
            "keys=4, save=True)"
        )
        plan = eval(
            shown.form.code()
            .replace("load.run", "load.plan")
            .replace("workers='dask', ", "")
            .replace(", save=True", ""),
            {"lab": type("lab", (), {"load": runs})},
        )
        assert plan == shown.form.plan()
        assert [line for _, line in shown.form.said["lines"]][-1] == (
            "is judged by: swap.response.p99 < 20ms, swap.error_rate < 0.01"
        )

    @pytest.mark.parametrize("name", sorted(BUILT_IN))
    def test_every_scenario_has_its_own_fields(
        self, wire: type[Wire], runs: Loads, name: str
    ) -> None:
        """
        Its parameters with what they are, its usual users, and its own operation as an example.
        """
        kind, usual = BUILT_IN[name]
        shown = bench_of(runs, name)

        params = {one["label"] for one in shown.form.fields if one["group"] == "params"}
        assert params == {param.replace("_", " ") for param in kind.defaults}
        assert field(shown, "load")["placeholder"]["users"] == str(usual["users"])
        operation = kind.operations()[0].name
        assert operation in field(shown, "objectives")["placeholder"]
        assert len(json.dumps(shown.form.get_state())) < 64 * 1024

    @pytest.mark.parametrize(
        ("typed", "told"),
        [
            ({"load": "many"}, "users: expected a whole number, got 'many'"),
            ({"load": "9" * 10**5}, "users: expected a whole number, got '999"),
            ({"p.keys": "9" * 10**5}, "keys: expected int, got '999"),
            ({"duration": "s" * 10**5}, "duration"),
            ({"load": "0"}, "users: expected a whole number from 1"),
            ({"kind": "rate", "load": "fast"}, "rate"),
            ({"kind": "load", "load": "500"}, "500"),
            ({"duration": "soon"}, "duration"),
            ({"warmup": "11s"}, "warm-up of 11 s is as long as the run"),
            ({"seed": "-1"}, "seed: expected a whole number"),
            ({"max_in_flight": "1.5"}, "max in flight: expected a whole number"),
            ({"objectives": "reed.p99 < 1ms"}, "reed"),
            ({"p.keys": "some"}, "keys: expected int, got 'some'"),
            ({"duration": "\x1b[31m"}, "duration"),
        ],
    )
    def test_what_cannot_be(
        self, wire: type[Wire], runs: Loads, typed: dict[str, str], told: str
    ) -> None:
        """
        It is told while it is typed, with a way out; there is no code, and nothing begins.
        """
        shown = bench_of(runs)
        shown.form.asked = {"scenario": "swap-under-readers", **typed}
        said = shown.form.said

        assert said["code"] == ""
        assert said["lines"][0][0] == "bad"
        assert told in said["lines"][0][1]
        assert "\x1b" not in said["lines"][0][1]
        assert len(said["lines"][0][1]) <= 400
        form_of(wire).click({"do": "start"})
        assert "refused" in str(form_of(wire).told("failed"))
        assert runs.jobs == ()
        assert shown.as_dict() == {"plan": None, "job": None}
        assert told.partition(":")[0] in shown.to_text()

    @pytest.mark.parametrize("asked", [{"scenario": "no-such"}, {"kind": "rm"}])
    def test_what_no_form_asks(self, wire: type[Wire], runs: Loads, asked: dict[str, str]) -> None:
        """
        A page that says what the form does not offer changes nothing.
        """
        from traitlets import TraitError

        shown = bench_of(runs)
        before = shown.form.asked
        with pytest.raises(TraitError):
            shown.form.asked = {"scenario": "swap-1k", **asked}
        assert shown.form.asked == before

    def test_a_scenario_of_a_notebook(self, wire: type[Wire], runs: Loads) -> None:
        """
        Its parameters are read by the types of their defaults; no other one can be chosen.
        """
        shown = bench_of(runs, Shop)
        typed = {"p.pause": "0.5", "p.names": '["b"]', "p.loud": "true", "p.url": "here"}
        shown.form.asked = typed

        assert "scenario" not in {one["name"] for one in shown.form.fields}
        assert shown.form.said["code"] == (
            "lab.load.run(Shop, pause=0.5, names=['b'], loud=True, url='here')"
        )
        for wrong in ({"p.names": "b"}, {"p.loud": "perhaps"}, {"p.names": "{}"}):
            shown.form.asked = wrong
            assert shown.form.said["lines"][0][0] == "bad"

    def test_a_plan(self, wire: type[Wire], runs: Loads) -> None:
        """
        What is left empty is as planned.
        """
        plan = Plan(Shop, {"pause": 0.25}, load=closed(3, duration="4s"), warmup=1, seed=9)
        shown = bench_of(runs, plan)
        assert shown.form.plan() == plan
        shown.form.asked = {"load": "5"}

        assert shown.form.said["code"] == "lab.load.run(plan, users=5)"
        assert shown.form.said["lines"][0][1].startswith("5 users for 4 s")
        placeholders = {one["name"]: one.get("placeholder") for one in shown.form.fields}
        assert placeholders["load"]["users"] == "3"
        assert (placeholders["duration"], placeholders["seed"]) == ("4s", "9")
        assert placeholders["p.pause"] == "0.25"


class TestARun:
    def test_from_the_form_to_a_comparison(self, wire: type[Wire], runs: Loads) -> None:
        """
        Start is `lab.load.run`; the chart stands below; what it can be compared with is told
        when it ended, and compared as `lab.load.compare` does.
        """
        shown = bench_of(runs, Shop)
        shown.form.asked = {**QUICK, "save": True}
        form_of(wire).click({"do": "start"})
        assert "jobs[-1]" in form_of(wire).told("begun")[0]
        first = ended(shown)
        assert shown.children == (shown.form, shown.chart)
        assert runs.former(first) == {}

        shown.form.asked = QUICK
        form_of(wire).click({"do": "start"})
        second = ended(shown)
        form_of(wire).click({"do": "start"})
        third = ended(shown)
        assert runs.jobs == (first, second, third)
        chart = next(w for w in reversed(wire.made) if "plan" in w.sent[0]["data"]["state"])
        chart.click({"do": "former"})
        kept = first.result().id
        names = [second.result().id, kept]
        assert chart.told("former")[-1] == [[name, f"{name} (1 run)"] for name in names]
        for name in names:
            chart.click({"do": "compare", "with": name})
        compared = chart.told("compared")
        assert [one["title"].split()[0] for one in compared] == names
        assert "inconclusive" in compared[0]["title"]
        for other in (str(runs.runs.folder), "latest", None, [kept]):
            chart.click({"do": "compare", "with": other})  # it was not offered
        assert len(chart.told("compared")) == 2

        assert shown.view() == shown.chart.view()
        assert shown.as_dict()["job"] == third.as_dict()

    def test_one_at_a_time(self, wire: type[Wire], runs: Loads) -> None:
        """
        While a run goes on no other begins from the form, which says so.
        """
        shown = bench_of(runs, Shop)
        form_of(wire).click({"do": "start"})
        form_of(wire).click({"do": "start"})
        shown.chart.job.cancel()
        with suppress(JobCancelledError):  # before it had begun
            ended(shown)

        assert len(runs.jobs) == 1
        assert "two at a time disturb each other" in str(form_of(wire).told("failed"))

    def test_the_newest_run_stands_below(self, wire: type[Wire], runs: Loads) -> None:
        """
        What a cell began is shown with the form; what is to be driven anew is shown alone.
        """
        job = runs.run(Shop, users=1, duration=0.1)

        assert bench_of(runs, metric="lag").chart.metric == "lag"
        assert bench_of(runs).chart.job is job
        assert bench_of(runs, "swap-1k").chart is None
        assert bench_of(None, job).job is job


class TestMisuse:
    def test_what_cannot_be_driven(self, wire: type[Wire], runs: Loads, tmp_path: Path) -> None:
        """
        It is refused with what can be.
        """
        with pytest.raises(UsageError, match="int is no load run"):
            bench_of(runs, 3)
        with pytest.raises(UsageError, match="did you mean `swap-1k`"):
            bench_of(runs, "swap-1l")
        with pytest.raises(UsageError, match="no load run was started"):
            bench_of(runs, metric="lag")
        with pytest.raises(UsageError, match="there is no lab"):
            bench_of(None)
        (tmp_path / "oneiric.toml").write_text("")
        with Lab.open(tmp_path, environ={}) as lab:
            assert bench_of(lab).form.loads is lab.load

    def test_its_snapshot(self, wire: type[Wire], runs: Loads) -> None:
        """
        Before a run it says what would be driven and how, and is small.
        """
        shown = bench_of(runs, "swap-1k")
        found = shown._repr_mimebundle_()

        assert "lab.load.run('swap-1k')" in str(found["text/plain"])
        assert len(json.dumps(found)) <= 24 * 1024
        assert shown.as_dict()["plan"]["load"]["users"] == 1000
