"""Statistics between runs: exact p, adjusted p, intervals, verdicts, and the machine's noise."""

from __future__ import annotations

import itertools
import json
import math
import sys
from fractions import Fraction
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oneiric_lab.errors import MissingExtraError, UsageError
from oneiric_lab.loadlab._noise import noise
from oneiric_lab.loadlab._significance import cliffs_delta, holm, mann_whitney, ratio_interval
from oneiric_lab.loadlab._statistics import Comparison, compare, verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

# Few distinct values make ties likely.
SMALL = st.lists(st.integers(0, 4).map(float), min_size=1, max_size=4)


def brute_force(a: list[float], b: list[float]) -> float:
    """Count all ways to deal the values to the two sides, with the textbook's U."""

    def u(x: list[float], y: list[float]) -> Fraction:
        return sum((Fraction((p > q) * 2 + (p == q), 2) for p in x for q in y), Fraction(0))

    values = [*a, *b]
    middle = Fraction(len(a) * len(b), 2)
    found = abs(u(a, b) - middle)
    hits = ways = 0
    for chosen in itertools.combinations(range(len(values)), len(a)):
        x = [values[i] for i in chosen]
        y = [values[i] for i in range(len(values)) if i not in chosen]
        hits += abs(u(x, y) - middle) >= found
        ways += 1
    return hits / ways


class TestMannWhitney:
    @given(SMALL, SMALL)
    def test_equals_the_count_of_all_permutations(self, a: list[float], b: list[float]) -> None:
        """
        With and without ties, p is the share of permutations that are at least as far off.
        """
        assert mann_whitney(a, b) == brute_force(a, b)

    @pytest.mark.parametrize("of_a", [1, 2, 3])
    @pytest.mark.parametrize("of_b", [1, 2, 3])
    def test_equals_it_for_every_small_case(self, of_a: int, of_b: int) -> None:
        """
        All values from three, on sides of up to three: none is off.
        """
        for values in itertools.product((0.0, 1.0, 2.0), repeat=of_a + of_b):
            a, b = list(values[:of_a]), list(values[of_a:])
            assert mann_whitney(a, b) == brute_force(a, b)

    @pytest.mark.parametrize(
        ("runs", "smallest"), [(3, 0.10), (4, 0.0286), (5, 0.0079), (6, 0.0022), (10, 1.08e-5)]
    )
    def test_smallest_p_is_the_known_one(self, runs: int, smallest: float) -> None:
        """
        Sides that do not overlap give 2 / C(2n, n).
        """
        p = mann_whitney(list(range(runs)), list(range(100, 100 + runs)))

        assert p == pytest.approx(smallest, rel=0.02)
        assert p == 2 / math.comb(2 * runs, runs)

    @given(SMALL, SMALL)
    def test_sides_may_be_exchanged(self, a: list[float], b: list[float]) -> None:
        """
        Two-sided means that neither side is the first.
        """
        assert mann_whitney(a, b) == mann_whitney(b, a)

    def test_approximation_meets_the_exact_p(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        At 30 v 30 with ties, where both are at hand, they differ by less than 0.001.
        """
        random = np.random.default_rng(3)
        a = random.integers(0, 40, 30).astype(float).tolist()
        for shift in range(7):
            b = (random.integers(0, 40, 30) + float(shift)).tolist()
            exact = mann_whitney(a, b)
            with monkeypatch.context() as patch:
                patch.setattr("oneiric_lab.loadlab._significance._EXACT_RUNS", 59)
                assert mann_whitney(a, b) == pytest.approx(exact, abs=0.001)

        # Sixty values in all are counted still.
        assert mann_whitney(list(range(30)), list(range(100, 130))) == 2 / math.comb(60, 30)
        assert mann_whitney(list(range(40)), list(range(100, 140))) < 1e-12
        assert mann_whitney(list(range(40)), list(range(40))) == 1.0

    def test_many_equal_values_are_alike(self) -> None:
        """
        Where every value is the same there is no spread to divide by, and p is 1.
        """
        assert mann_whitney([2.0] * 40, [2.0] * 40) == 1.0
        assert mann_whitney([2.0] * 4, [2.0] * 4) == 1.0

    @pytest.mark.parametrize("bad", [[], [math.nan], [1.0, math.inf]])
    def test_what_has_no_rank_is_refused(self, bad: list[float]) -> None:
        """
        No runs, nan and infinity have no rank; the message names the side.
        """
        with pytest.raises(UsageError, match="b: "):
            mann_whitney([1.0], bad)

    def test_numpy_is_an_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Without numpy the error names the extra that brings it.
        """
        monkeypatch.setitem(sys.modules, "numpy", None)
        with pytest.raises(MissingExtraError) as caught:
            mann_whitney([1.0], [2.0])

        assert caught.value.faults[0].fix == "pip install 'oneiric-lab[load]'"


class TestHolm:
    def test_textbook_values(self) -> None:
        """
        Four p-values of a textbook: 0.01, 0.04, 0.03, 0.005 give 0.03, 0.06, 0.06, 0.02.
        """
        assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
        assert holm([]) == []
        assert holm([0.6, 0.7]) == [1.0, 1.0]

    @given(st.lists(st.floats(0, 1), max_size=8))
    def test_never_below_the_p_and_keeps_their_order(self, pvalues: list[float]) -> None:
        """
        Adjusted p lie between p and 1, in the order of p, and the smallest is Bonferroni's.
        """
        adjusted = holm(pvalues)

        assert all(p <= q <= 1 for p, q in zip(pvalues, adjusted, strict=True))
        for i, j in itertools.combinations(range(len(pvalues)), 2):
            if pvalues[i] <= pvalues[j]:
                assert adjusted[i] <= adjusted[j]
        if pvalues:
            assert min(adjusted) == min(1.0, min(pvalues) * len(pvalues))


class TestCliffsDelta:
    def test_counts_pairs(self) -> None:
        """
        All above is 1, all below -1, ties count for neither.
        """
        assert cliffs_delta([1, 2], [3, 4]) == 1
        assert cliffs_delta([3, 4], [1, 2]) == -1
        assert cliffs_delta([1, 2], [2, 3]) == 0.75
        assert cliffs_delta([5], [5]) == 0

    @given(SMALL, SMALL)
    def test_turns_with_the_sides(self, a: list[float], b: list[float]) -> None:
        """
        Exchanging the sides turns the sign.
        """
        assert cliffs_delta(a, b) == -cliffs_delta(b, a)


class TestRatioInterval:
    def test_same_seed_same_interval(self) -> None:
        """
        It is a function of the values and the seed.
        """
        a, b = [1.0, 1.1, 1.2, 0.9], [2.0, 2.1, 2.2, 1.9]

        assert ratio_interval(a, b, seed=1) == ratio_interval(a, b, seed=1)
        assert ratio_interval(a, b, seed=1, resamples=1) != ratio_interval(
            a, b, seed=2, resamples=1
        )

    @given(
        st.lists(st.floats(0.5, 2), min_size=1, max_size=7),
        st.lists(st.floats(0.5, 2), min_size=1, max_size=7),
    )
    @settings(max_examples=40)
    def test_lies_within_what_can_be_drawn(self, a: list[float], b: list[float]) -> None:
        """
        No ratio is outside the smallest and the largest of all; a wider level holds a narrower.
        """
        low, high = ratio_interval(a, b, seed=0, resamples=300)
        inner = ratio_interval(a, b, seed=0, resamples=300, level=0.5)

        assert min(b) / max(a) <= low <= inner[0] <= inner[1] <= high <= max(b) / min(a)

    def test_covers_the_truth_about_as_often_as_it_says(self) -> None:
        """
        At 12 v 12 the 95 % interval of 300 seeded pairs holds the true ratio in over 90 %.
        """
        random = np.random.default_rng(11)
        held = 0
        for seed in range(300):
            a, b = random.normal(1, 0.03, 12), random.normal(1.1, 0.03, 12)
            low, high = ratio_interval(a.tolist(), b.tolist(), seed=seed, resamples=1000)
            held += low <= 1.1 <= high

        assert held > 270

    def test_zero_has_a_ratio(self) -> None:
        """
        Nothing against nothing is 1; something against nothing is infinite.
        """
        assert ratio_interval([0, 0], [0, 0], seed=0) == (1.0, 1.0)
        assert ratio_interval([0, 0], [1, 1], seed=0) == (math.inf, math.inf)
        assert ratio_interval([1, 1], [0, 0], seed=0) == (0.0, 0.0)

    def test_what_cannot_be_is_refused(self) -> None:
        """
        A negative value, a level of 1 and no resamples are named in the message.
        """
        with pytest.raises(UsageError, match=r"b: run 2: expected a finite number of at least 0"):
            ratio_interval([1.0], [1.0, -1.0], seed=0)
        with pytest.raises(UsageError, match="level"):
            ratio_interval([1.0], [1.0], seed=0, level=1)
        with pytest.raises(UsageError, match="resamples"):
            ratio_interval([1.0], [1.0], seed=0, resamples=0)


SIX = [1.0] * 6


class TestVerdict:
    @pytest.mark.parametrize(
        ("ratio", "p", "interval", "said"),
        [
            (1.0, 1.0, (0.99, 1.02), "same"),
            (1.02, 0.002, (1.01, 1.029), "same"),
            (1.1, 0.002, (1.05, 1.15), "slower"),
            (0.9, 0.002, (0.85, 0.95), "faster"),
            (1.1, 0.05, (1.05, 1.15), "slower"),
            (1.1, 0.051, (1.05, 1.15), "inconclusive"),
            (1.1, 0.002, (1.0, 1.15), "inconclusive"),
            (1.02, 0.002, (1.01, 1.05), "inconclusive"),
            (1.1, 0.002, (0.8, 0.9), "inconclusive"),
            (0.9, 0.002, (0.85, 1.0), "inconclusive"),
            (1.0, 1.0, (0.9, 1.2), "inconclusive"),
        ],
    )
    def test_needs_p_interval_and_effect(
        self, ratio: float, p: float, interval: tuple[float, float], said: str
    ) -> None:
        """
        Each of the three alone is not enough; within the band is the same.
        """
        b = [ratio] * 6

        assert verdict(SIX, b, adjusted_p=p, interval=interval) == said
        flipped = {"slower": "faster", "faster": "slower"}.get(said, said)
        assert verdict(SIX, b, adjusted_p=p, interval=interval, lower_is_better=False) == flipped

    @pytest.mark.parametrize("runs", [1, 2, 3])
    def test_too_few_runs_never_decide(self, runs: int) -> None:
        """
        Below four a side nothing is said, not even that they are the same.
        """
        for b in (1.0, 2.0):
            assert verdict([1.0] * runs, [b] * 6, adjusted_p=0.0, interval=(b, b)) == "inconclusive"

    def test_band_must_be_a_share(self) -> None:
        """
        A negative, infinite or nan band is refused.
        """
        for band in (-0.1, math.inf, math.nan):
            with pytest.raises(UsageError, match="band"):
                verdict(SIX, SIX, adjusted_p=1.0, interval=(1.0, 1.0), band=band)


class TestFalseAlarms:
    @pytest.mark.parametrize("spread", [0.003, 0.03, 0.15])
    def test_identical_code_is_rarely_called_different(self, spread: float) -> None:
        """
        Of 600 A/A pairs at 6 v 6, with a spread of runs of 0.3 to 15 %, at most 5 % are.
        """
        random = np.random.default_rng(42)
        alarms = 0
        for seed in range(600):
            a, b = random.lognormal(0, spread, (2, 6)).tolist()
            interval = ratio_interval(a, b, seed=seed, resamples=1000)
            said = verdict(a, b, adjusted_p=mann_whitney(a, b), interval=interval)
            alarms += said in ("faster", "slower")

        assert alarms <= 30

    def test_ten_percent_slower_is_found(self) -> None:
        """
        +10 % at a spread of 3 % is called slower in at least 95 % of 400 pairs at 6 v 6.
        """
        random = np.random.default_rng(7)
        found = 0
        for seed in range(400):
            a = random.normal(1.0, 0.03, 6).tolist()
            b = random.normal(1.1, 0.033, 6).tolist()
            row = compare({"p99": a}, {"p99": b}, seed=seed)["p99"]
            found += row.verdict == "slower"

        assert found >= 380


def runs_of(middle: float, spread: float = 0.005, runs: int = 6) -> list[float]:
    """Return evenly spread runs around *middle*."""
    return [middle * (1 + spread * (i - (runs - 1) / 2)) for i in range(runs)]


class TestCompare:
    def test_a_row_for_each_metric(self) -> None:
        """
        Latency and rate go the ways that are better for them, and p is adjusted over all.
        """
        base = {"p99": runs_of(0.020), "rate": runs_of(500), "p50": runs_of(0.001, 0.001)}
        other = {"p99": runs_of(0.030), "rate": runs_of(700), "p50": runs_of(0.001, 0.001)}
        found = compare(base, other, better={"rate": "higher"}, seed=3)

        assert [r.verdict for r in found.rows] == ["slower", "faster", "same"]
        row = found["p99"]
        assert row.p == 2 / 924
        assert row.adjusted == 3 * 2 / 924
        assert row.delta == 1
        assert row.medians == (median(base["p99"]), median(other["p99"]))
        assert row.ratio == pytest.approx(1.5)
        assert found == compare(base, other, better={"rate": "higher"}, seed=3)

    @given(
        st.lists(st.floats(0.9, 1.1), min_size=4, max_size=7),
        st.lists(st.floats(0.9, 1.3), min_size=4, max_size=7),
    )
    @settings(max_examples=30)
    def test_a_side_against_itself_is_no_change(self, a: list[float], b: list[float]) -> None:
        """
        The same runs are never called faster or slower, and a verdict always has a reason.
        """
        found = compare({"a": a, "b": a}, {"a": a, "b": b})

        assert found["a"].ratio == 1
        assert found["a"].verdict in ("same", "inconclusive")
        assert all(row.reason for row in found.rows)

    def test_too_few_runs_say_so(self) -> None:
        """
        3 v 3 is inconclusive however far apart, and the reason tells how many would do.
        """
        row = compare({"p99": [1.0, 1.0, 1.1]}, {"p99": [9.0, 9.1, 9.2]})["p99"]

        assert row.verdict == "inconclusive"
        assert row.reason == "3 v 3 runs cannot show a difference; 6 a side can"

    def test_too_many_metrics_for_so_few_runs_say_so(self) -> None:
        """
        Two metrics at 4 v 4 cannot go below 0.057 after Holm: more runs are asked for.
        """
        base = {name: runs_of(1.0, runs=4) for name in "ab"}
        other = {name: runs_of(2.0, runs=4) for name in "ab"}
        found = compare(base, other)

        assert {row.verdict for row in found.rows} == {"inconclusive"}
        assert "p = 0.057" in found["a"].reason
        assert compare({"a": base["a"]}, {"a": other["a"]})["a"].verdict == "slower"

    def test_a_gap_is_inconclusive(self) -> None:
        """
        A metric that is n/a in a run, or that one side lacks, is not judged and does not
        make the p of the others larger.
        """
        base: dict[str, Sequence[float | None]] = {
            "p99": [1.0, None, 1.0],
            "p50": runs_of(1.0),
            "gone": [1.0],
            "empty": [],
        }
        other: dict[str, list[float]] = {
            "p99": [math.nan, 2.0],
            "p50": runs_of(2.0),
            "new": [1.0],
            "empty": [],
        }
        found = compare(base, other)

        assert found["p99"].reason == "n/a in 1 of 3 base runs and 1 of 2 others"
        assert found["p99"].medians == (1.0, 2.0)
        assert found["gone"].reason == "only the base side has it"
        assert found["new"].reason == "only the other side has it"
        assert found["empty"].verdict == "inconclusive"
        assert found["new"].medians == (None, 1.0)
        assert found["p50"].adjusted == found["p50"].p
        assert found["p50"].verdict == "slower"

    def test_errors_from_zero_are_infinitely_more(self) -> None:
        """
        An error rate that was 0 and no longer is has no finite ratio, and is slower.
        """
        found = compare({"errors": [0.0] * 6}, {"errors": runs_of(0.1)})

        assert found["errors"].ratio == math.inf
        assert found["errors"].verdict == "slower"
        assert json.loads(found.to_json())["metrics"][0]["ratio"] == "inf"

    def test_a_metric_may_have_its_own_band(self) -> None:
        """
        What identical runs differ by in one metric says nothing of another.
        """
        base = {"p50": runs_of(1.0), "p99": runs_of(1.0)}
        other = {"p50": runs_of(1.1), "p99": runs_of(1.1)}
        found = compare(base, other, bands={"p99": 0.2})

        assert (found["p50"].verdict, found["p50"].band) == ("slower", 0.03)
        assert (found["p99"].verdict, found["p99"].band) == ("same", 0.2)
        with pytest.raises(UsageError, match="band"):
            compare(base, other, bands={"p99": math.inf})

    def test_each_metric_has_the_least_p_of_its_own_runs(self) -> None:
        """
        Beside one of twelve a side, 4 v 4 can show a difference; beside another 4 v 4 it cannot.
        """
        base = {"many": runs_of(1.0, runs=12), "few": runs_of(1.0, runs=4)}
        other = {"many": runs_of(2.0, runs=12), "few": runs_of(2.0, runs=4)}
        found = compare(base, other)

        assert found["few"].adjusted == 2 / 70
        assert {row.verdict for row in found.rows} == {"slower"}
        assert compare(base, {**other, "many": runs_of(1.0, runs=12)})["few"].reason == (
            "p = 0.057, and the interval is wide"
        )

    def test_the_smaller_side_decides(self) -> None:
        """
        3 v 6 says both numbers.
        """
        row = compare({"p99": runs_of(1.0, runs=3)}, {"p99": runs_of(2.0)})["p99"]

        assert row.reason == "3 v 6 runs cannot show a difference; 6 a side can"

    @pytest.mark.parametrize("seed", [-1, 1.5, True])
    def test_a_seed_is_a_whole_number(self, seed: Any) -> None:
        """
        What numpy cannot take is refused by us, with or without a metric to draw for.
        """
        for metrics in ({}, {"p99": SIX}):
            with pytest.raises(UsageError, match="seed: expected a whole number from 0"):
                compare(metrics, metrics, seed=seed)
        with pytest.raises(UsageError, match="seed: expected a whole number from 0"):
            noise({"p99": runs_of(1.0, runs=8)}, seed=seed)

    def test_wrong_words_are_refused(self) -> None:
        """
        A metric or a direction that is not known is named with the nearest.
        """
        with pytest.raises(UsageError, match="did you mean `rate`"):
            compare({"rate": SIX}, {"rate": SIX}, better={"rat": "higher"})
        with pytest.raises(UsageError, match="did you mean `higher`"):
            compare({"rate": SIX}, {"rate": SIX}, better={"rate": "hihger"})  # type: ignore[dict-item]  # what is tested
        with pytest.raises(UsageError, match="rate of the other side: run 1"):
            compare({"rate": SIX}, {"rate": [-1.0]})
        with pytest.raises(KeyError, match="did you mean `rate`"):
            compare({"rate": SIX}, {"rate": SIX})["raet"]

    def test_looks_the_same_everywhere(self) -> None:
        """
        The title counts verdicts, the text has the figures, JSON has them all.
        """
        found = compare({"p99": runs_of(0.02), "x": [1.0]}, {"p99": runs_of(0.03)}, seed=5)

        assert repr(found) == "<Comparison: comparison: 1 slower, 1 inconclusive>"
        assert "6 v 6" in str(found)
        assert "changes within 3 % count as none" in str(found)
        assert found.view().tone == "bad"
        shape = json.loads(found.to_json())
        assert shape["seed"] == 5
        assert [m["verdict"] for m in shape["metrics"]] == ["slower", "inconclusive"]
        assert shape["metrics"][1]["interval"] is None
        assert repr(Comparison((), 0.03, 0)) == "<Comparison: comparison: no metric>"
        assert compare({"x": [1.0]}, {}).view().tone == "warn"


# No two of these are in the ratio of the band, so that rounding never decides.
RUN_VALUES = st.lists(st.integers(900, 1300), min_size=4, max_size=7)
ODD_BAND = 0.030_123_456_7


def judged(a: Sequence[float], b: Sequence[float]) -> Comparison:
    """Compare two sides of one metric and of another, that Holm has something to do."""
    return compare({"x": a, "y": a}, {"x": b, "y": b}, band=ODD_BAND, seed=5)


class TestWhatMustNotCount:
    @given(RUN_VALUES, RUN_VALUES)
    @settings(max_examples=60)
    def test_the_sides_may_be_exchanged(self, a: list[int], b: list[int]) -> None:
        """
        What is faster one way is slower the other way; same and inconclusive stay so.
        """
        turned = {"faster": "slower", "slower": "faster"}
        one, two = judged(a, b)["x"], judged(b, a)["x"]

        assert turned.get(one.verdict, one.verdict) == two.verdict
        assert one.p == two.p
        assert one.interval is not None
        # Equal sides are one question, not two.
        equal = sorted(a) == sorted(b)
        reciprocal = 1 / one.interval[1], 1 / one.interval[0]
        assert two.interval == pytest.approx(one.interval if equal else reciprocal)

    @given(RUN_VALUES, RUN_VALUES, st.integers(-40, 40))
    @settings(max_examples=40)
    def test_the_unit_does_not_count(self, a: list[int], b: list[int], power: int) -> None:
        """
        Nanoseconds or hours: ratio, interval, p and verdict are the same.
        """
        scale = 2.0**power
        one = judged(a, b)["x"]
        two = judged([x * scale for x in a], [x * scale for x in b])["x"]

        assert (one.verdict, one.ratio, one.interval, one.p, one.delta, one.reason) == (
            two.verdict,
            two.ratio,
            two.interval,
            two.p,
            two.delta,
            two.reason,
        )

    @given(RUN_VALUES, RUN_VALUES, st.randoms(use_true_random=False))
    @settings(max_examples=40)
    def test_the_order_of_runs_does_not_count(
        self, a: list[int], b: list[int], random: Random
    ) -> None:
        """
        A set of runs is a set: shuffled, nothing of the row changes.
        """
        mixed = random.sample(a, len(a)), random.sample(b, len(b))

        assert judged(a, b) == judged(*mixed)

    @given(RUN_VALUES, RUN_VALUES)
    @settings(max_examples=40)
    def test_a_metric_that_is_always_equal_does_not_count(self, a: list[int], b: list[int]) -> None:
        """
        An error rate of 0 in all runs is the same, and no test that others must pay for.
        """
        alone = compare({"x": a}, {"x": b})["x"]
        zeros = (
            {f"e{n}": [0.0] * len(a) for n in range(9)},
            {f"e{n}": [0.0] * len(b) for n in range(9)},
        )
        beside = compare({"x": a, **zeros[0]}, {"x": b, **zeros[1]})

        assert beside["x"] == alone
        assert beside["e1"].verdict == "same"
        assert beside["e1"].adjusted == 1.0


class TestNoise:
    def test_quiet_runs_need_a_narrow_band(self) -> None:
        """
        Runs of 0.3 % spread raise no alarm and need less than 2 %; at 20 % they need more.
        """
        random = np.random.default_rng(1)
        quiet = noise({"p50": random.normal(1, 0.003, 12).tolist()}, seed=1)
        loud = noise({"p50": random.normal(1, 0.2, 12).tolist()}, seed=1)

        assert quiet.ok
        assert quiet.rows[0].alarms == 0
        assert quiet.rows[0].same == 200
        assert quiet.needed < 0.02
        assert loud.needed > 0.1
        assert loud.rows[0].alarms <= 10

    def test_band_needed_is_enough(self) -> None:
        """
        With the band it tells, the same shuffles are called the same in 95 %; with less they
        are not.
        """
        for seed in range(30):
            runs = {"p99": np.random.default_rng(seed).normal(1, 0.05, 13).tolist()}

            def same(band: float, runs: Any = runs, seed: int = seed) -> int:
                row = noise(runs, seed=seed, splits=20, resamples=200, band=band).rows[0]
                return row.same

            needed = noise(runs, seed=seed, splits=20, resamples=200).needed

            assert same(needed) >= 19
            assert same(math.nextafter(needed, 0) * (1 - 1e-9)) < 19

    def test_same_seed_same_answer(self) -> None:
        """
        Shuffles and bootstrap come from the seed; it reads and prints alike.
        """
        runs = {"p99": runs_of(1.0, runs=8), "errors": [0.0] * 8}
        found = noise(runs, seed=4, splits=20)

        assert found == noise(runs, seed=4, splits=20)
        assert repr(found).startswith("<Noise: noise: identical runs need a band of ")
        assert "0 of 20" in str(found)
        shape = json.loads(found.to_json())
        assert shape["ok"] is True
        assert shape["metrics"][1]["band"] == 0.0
        assert shape["metrics"][1]["spread"] == 0.0

    def test_zero_in_some_runs_needs_an_endless_band(self) -> None:
        """
        Where a median may be 0 no band holds the ratio.
        """
        assert noise({"errors": [0.0] * 4 + [1.0] * 4}, splits=20).needed == math.inf
        assert noise({}).needed == 0.0

    def test_too_few_runs_are_refused(self) -> None:
        """
        Fewer than eight cannot be split into two sides that could differ.
        """
        with pytest.raises(UsageError, match="expected at least 8 runs, found 7"):
            noise({"p99": [*SIX, 1.0]})
        with pytest.raises(UsageError, match="splits"):
            noise({"p99": runs_of(1.0, runs=8)}, splits=0)
