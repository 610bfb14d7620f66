"""Two sets of runs: what may be compared, what is left out, and how often it is right."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from oneiric_lab.errors import UsageError
from oneiric_lab.loadlab import Plan, closed, compare_runs, constant
from oneiric_lab.loadlab._metrics import metric_named, usual_metrics, values_of
from oneiric_lab.loadlab._significance import mann_whitney

from .conftest import MACHINE, Shop

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneiric_lab.loadlab import Run

    from .conftest import Simulate

MS = 1_000_000


class TestMetrics:
    def test_are_spelled_as_objectives_spell_them(self, simulate: Simulate) -> None:
        """
        Each value is what an objective of that name measures, in base units.
        """
        run = simulate.run(np.arange(1, 2001) * 1000, failed=10)
        metrics = usual_metrics([run])
        values = dict(zip([m.name for m in metrics], values_of(run, metrics), strict=True))

        assert list(values) == [
            "read.response.p50",
            "read.response.p99",
            "read.response.p99.9",
            "read.service.p50",
            "read.rate",
            "read.error_rate",
        ]
        assert values["read.response.p50"] == pytest.approx(0.001, rel=0.01)
        assert values["read.response.p99"] == pytest.approx(0.00198, rel=0.01)
        assert values["read.rate"] == 200
        assert values["read.error_rate"] == pytest.approx(10 / 2010)

    def test_what_too_few_samples_cannot_say_is_none(self, simulate: Simulate) -> None:
        """
        A p99.9 of two thousand calls has two beyond it; an operation that is not there, none.
        """
        run = simulate.run(np.full(2000, MS))

        assert values_of(run, [metric_named("read.response.p99.9")]) == [None]
        assert values_of(run, [metric_named("write.rate")]) == [None]
        assert values_of(run, [metric_named("rate")]) == [200]

    def test_a_wrong_name_is_told_with_a_right_one(self) -> None:
        """
        What is no figure of an objective is no metric.
        """
        with pytest.raises(UsageError, match=r"no metric 'read\.p99'") as caught:
            metric_named("read.p99")
        assert "read.response.p99" in str(caught.value)


class TestHowOftenItIsRight:
    def test_identical_code_is_rarely_called_different(self, simulate: Simulate) -> None:
        """
        Of 200 A/A pairs at 6 v 6 with a run-to-run spread of 3 %, at most 5 % are in any
        metric; +10 % is called slower in at least 95 %.
        """
        sets, slow = (
            [
                [
                    simulate.run(times)
                    for times in simulate.times(middle, first + seed, samples=1_100)
                ]
                for seed in range(many)
            ]
            for middle, first, many in ((MS, 0, 40), (1.1 * MS, 1_000, 20))
        )
        pairs = [
            (one, sets[(at + away) % 40]) for at, one in enumerate(sets) for away in range(1, 6)
        ]
        verdicts = [compare_runs(*pair, seed=at).verdict for at, pair in enumerate(pairs)]
        slower = [
            compare_runs(base, sets_of, seed=at).verdict == "slower"
            for at, sets_of in enumerate(slow)
            for base in sets[at : at + 5]
        ]

        assert len(verdicts) == 200
        assert sum(said in ("faster", "slower") for said in verdicts) <= 10
        assert sum(slower) >= 95

    def test_samples_within_runs_would_nearly_always_differ(self, simulate: Simulate) -> None:
        """
        The same test on the samples of two identical runs calls them different in at least
        nine pairs of ten: what was measured is 23 of 23.
        """
        alarms = 0
        for seed in range(20):
            a, b = simulate.times(MS, seed, runs=2, samples=1_100)
            alarms += mann_whitney(a.tolist(), b.tolist()) < 0.05

        assert alarms >= 18


class TestCompareRuns:
    def test_a_slower_set(self, simulate: Simulate) -> None:
        """
        The verdict stands first, then each metric; the exit code is 1.
        """
        found = compare_runs(simulate.runs(MS, 1), simulate.runs(1.2 * MS, 2))

        assert found.verdict == "slower"
        assert found.exit_code == 1
        row = found["read.response.p50"]
        assert row.verdict == "slower"
        assert row.ratio == pytest.approx(1.2, rel=0.05)
        assert row.delta == 1
        assert str(found).startswith("base → other: slower")
        assert repr(found) == "<Compared: base → other: slower>"
        assert found.view().tone == "bad"
        with pytest.raises(KeyError, match="did you mean"):
            found["read.response.p5"]

    def test_sides_exchanged(self, simulate: Simulate) -> None:
        """
        What is slower one way is faster the other way, and then the exit code is 0.
        """
        found = compare_runs(simulate.runs(1.2 * MS, 2), simulate.runs(MS, 1))

        assert found.verdict == "faster"
        assert found.exit_code == 0

    def test_the_same(self, simulate: Simulate) -> None:
        """
        Quiet runs of one plan are the same, exit code 0.
        """
        quiet = [
            [simulate.run(t) for t in simulate.times(MS, seed, spread=0.003)] for seed in (1, 2)
        ]
        found = compare_runs(*quiet)

        assert found.verdict == "same"
        assert found.exit_code == 0
        assert found.view().tone == "plain"

    def test_nothing_that_was_shown(self, simulate: Simulate) -> None:
        """
        Where of the times none could be judged the measurement says nothing: exit code 3.
        """
        loud = [[simulate.run(t) for t in simulate.times(MS, seed, spread=0.3)] for seed in (1, 2)]
        found = compare_runs(*loud)

        assert found["read.error_rate"].verdict == "same"
        assert found.verdict == "inconclusive"
        assert found.exit_code == 3

    def test_more_errors_are_slower(self, simulate: Simulate) -> None:
        """
        From no errors to some is worse, however fast the rest is.
        """
        found = compare_runs(
            simulate.runs(MS, 1), [simulate.run(t, failed=200) for t in simulate.times(MS, 2)]
        )

        assert found["read.error_rate"].verdict == "slower"
        assert found["read.error_rate"].ratio == math.inf
        assert found.exit_code == 1
        assert "from 0" in str(found)

    def test_metrics_may_be_chosen(self, simulate: Simulate) -> None:
        """
        Those that are named, and no others; an unknown operation is told.
        """
        write = np.full(10, MS)
        sides = simulate.runs(MS, 1, write=write), simulate.runs(1.2 * MS, 2, write=write)
        found = compare_runs(*sides, metrics=["read.service.p50", "read.rate"])

        assert [row.metric for row in found.comparison.rows] == ["read.service.p50", "read.rate"]
        with pytest.raises(UsageError, match="did you mean `write`"):
            compare_runs(*sides, metrics=["wrote.rate"])

    def test_one_number_is_one_metric(self, simulate: Simulate) -> None:
        """
        Where nobody waits for a turn, service is response, and is told once.
        """
        times = [simulate.times(MS, seed) for seed in (1, 2)]
        names = ["read.response.p50", "read.service.p50"]

        def rows(lag: int) -> list[str]:
            found = compare_runs(*([simulate.run(t, lag=lag) for t in side] for side in times))
            return [row.metric for row in found.comparison.rows if row.metric in names]

        assert rows(0) == names[:1]
        assert rows(MS) == names

    def test_n_a_in_every_run_is_told_once(self, simulate: Simulate) -> None:
        """
        What no run could say is a line below the table, and a row of the JSON.
        """
        found = compare_runs(simulate.runs(MS, 1), simulate.runs(MS, 2))

        assert "n/a in every run: read.response.p99.9" in str(found)
        assert found["read.response.p99.9"].medians == (None, None)

    def test_the_json_shape(self, simulate: Simulate) -> None:
        """
        Everything that is shown is there, in base units.
        """
        plan = simulate.plan.but(provider="b")
        found = compare_runs(
            simulate.runs(MS, 1), simulate.runs(MS, 2, plan=plan), names=("before", "after")
        )
        shape = json.loads(found.to_json())

        assert shape["verdict"] == found.verdict
        assert shape["base"]["name"] == "before"
        assert len(set(shape["base"]["runs"] + shape["other"]["runs"])) == 12
        assert shape["changed"] == [{"name": "provider", "base": "a", "other": "b"}]
        assert shape["exit_code"] == found.exit_code
        assert {row["metric"] for row in shape["metrics"]} >= {"read.response.p50", "read.rate"}
        assert "under test: provider 'a' → 'b'" in str(found)
        assert "read.response.p50" in found.to_html()


class TestWhatMustNotBeCompared:
    @pytest.mark.parametrize(
        ("change", "word"),
        [
            ({"load": closed(2, duration=10)}, "load"),
            ({"load": constant(5, 10)}, "load"),
            ({"warmup": 1}, "warmup"),
            ({"timeout": 1}, "timeout"),
            ({"max_in_flight": 7}, "max_in_flight"),
        ],
    )
    def test_other_plans(self, simulate: Simulate, change: dict[str, Any], word: str) -> None:
        """
        Anything but parameters must be equal; what differs is named with both values.
        """
        other = simulate.plan.but(**change)
        with pytest.raises(UsageError, match=f"other plans: {word}"):
            compare_runs(simulate.runs(MS, 1), simulate.runs(MS, 2, plan=other))

    def test_two_plans_on_one_side(self, simulate: Simulate) -> None:
        """
        A side is one plan, its parameters included; seeds may differ.
        """
        mixed = [*simulate.runs(MS, 1, runs=3), *simulate.runs(MS, 2, plan=Plan(Shop, {"keys": 2}))]
        with pytest.raises(UsageError, match="run 1 of other and run 4"):
            compare_runs(simulate.runs(MS, 3), mixed)

        drawn = [
            simulate.run(t, plan=simulate.plan.but(seed=n))
            for n, t in enumerate(simulate.times(MS, 4))
        ]
        found = compare_runs(simulate.runs(MS, 3), drawn)
        assert "the sides drew from other seeds, so not the same load" in found.warnings

    def test_no_runs_and_the_same_runs(self, simulate: Simulate) -> None:
        """
        An empty side, and a run on both sides.
        """
        runs = simulate.runs(MS, 1)
        with pytest.raises(UsageError, match="other: expected runs, found none"):
            compare_runs(runs, [])
        with pytest.raises(UsageError, match="share runs"):
            compare_runs(runs, [*simulate.runs(MS, 2), runs[3]])

    @pytest.mark.parametrize(
        ("spoil", "reason", "code"),
        [
            (lambda run: replace(run, limited_by="generator_cpu"), "limited by generator_cpu", 3),
            (lambda run: replace(run, driven=replace(run.driven, cancelled=True)), "cancelled", 3),
            (lambda run: replace(run, broken=(("holds", "two leak"),)), "holds: two leak", 4),
        ],
    )
    def test_bad_runs_are_left_out_by_name(
        self, simulate: Simulate, spoil: Callable[[Run], Run], reason: str, code: int
    ) -> None:
        """
        Its figures count for nothing and it is told which and why; three that are left are
        too few, and an invariant outweighs every verdict.
        """
        base, other = simulate.runs(MS, 1), simulate.runs(1.2 * MS, 2)
        one = compare_runs(base, [spoil(other[0]), *other[1:]])
        assert one.runs == (6, 5)
        assert one.verdict == "slower"
        assert [(run.side, run.run) for run in one.left_out] == [("other", "run 1")]
        assert reason in one.left_out[0].reason
        assert one.exit_code == (4 if code == 4 else 1)

        three = compare_runs(base, [*map(spoil, other[:3]), *other[3:]])
        assert three.verdict == "inconclusive"
        assert three.exit_code == code
        assert "left out of other: run 1, run 2, run 3:" in str(three)

        none = compare_runs(base, [*map(spoil, other)])
        assert none.runs == (6, 0)
        assert none.exit_code == code
        assert "other" in none.to_json()

    def test_another_machine_is_a_warning(self, simulate: Simulate) -> None:
        """
        What differs is told with both sides' values; the verdict stands.
        """
        other = {**MACHINE, "cores": "64"}
        found = compare_runs(simulate.runs(MS, 1), simulate.runs(MS, 2, machine=other))

        assert found.warnings == ("another machine: cores 2 (base), 64 (other)",)

    def test_what_limited_the_target_is_a_warning(self, simulate: Simulate) -> None:
        """
        Where more was offered than could be done, times grow with the length of the run.
        """
        found = compare_runs(
            simulate.runs(MS, 1), simulate.runs(MS, 2, limited_by="target"), warnings=["heat"]
        )

        assert found.warnings == ("heat", "other: 6 of 6 runs are limited by target")
        found = compare_runs(simulate.runs(MS, 1, steady=False), simulate.runs(MS, 2, steady=True))
        assert found.warnings == ("base: 6 of 6 runs never became steady",)


class TestShape:
    def test_a_median_that_stays_may_hide_two_halves(self, simulate: Simulate) -> None:
        """
        A distribution that changed while no quantile of it did is a warning, never a verdict.
        """

        def bent(times: Any) -> Run:
            usual = np.sort(times)
            usual[200:900] = usual[200]
            return simulate.run(usual)

        base = [simulate.run(t) for t in simulate.times(MS, 1, spread=0.002)]
        other = [bent(t) for t in simulate.times(MS, 2, spread=0.002)]
        found = compare_runs(base, other)

        assert found.verdict == "same"
        assert found.exit_code == 0
        assert [shape.op for shape in found.shapes] == ["read"]
        assert found.shapes[0].distance.share > 0.2
        assert "read: another shape" in str(found)
        assert json.loads(found.to_json())["shapes"][0]["op"] == "read"

    def test_a_slower_one_needs_no_such_warning(self, simulate: Simulate) -> None:
        """
        What is called slower has another distribution, of course.
        """
        assert compare_runs(simulate.runs(MS, 1), simulate.runs(2 * MS, 2)).shapes == ()
