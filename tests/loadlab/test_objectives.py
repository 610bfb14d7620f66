"""Objectives: what they mean, how they are judged, and what a mistake in one says."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.errors import UsageError
from oneiric_lab.loadlab._objective_text import EXAMPLES, parse_objective
from oneiric_lab.loadlab._objectives import Compared, Objective, Window
from oneiric_lab.loadlab._spelling import HISTOGRAMS, SCALARS

if TYPE_CHECKING:
    from collections.abc import Sequence

Figures = dict[tuple[str | None, str | None, str], list[float | None]]


@dataclass
class Run:
    """A result as objectives see it: a figure for the whole, then one for each second."""

    figures: Figures
    operations: tuple[str, ...] = ("read", "swap")
    asked: list[Window | None] = field(default_factory=list)

    def windows(self, length: float) -> Sequence[Window]:
        """Return windows of *length* out of the seconds that are there."""
        seconds = max(len(values) for values in self.figures.values()) - 1
        return [Window(i * length, (i + 1) * length) for i in range(int(seconds // length))]

    def value(
        self, op: str | None, histogram: str | None, statistic: str, window: Window | None
    ) -> float | None:
        """Return the figure."""
        self.asked.append(window)
        values = self.figures[op, histogram, statistic]
        return values[0] if window is None else values[1 + int(window.start)]


P99 = ("read", "response", "p99")

floats = st.floats(0, allow_infinity=False, allow_nan=False)
names = st.none() | st.from_regex(r"[A-Za-z_äß][\wé-]{0,8}", fullmatch=True)
quantiles = st.decimals("0.001", "99.999", places=3).map(
    lambda d: "p" + format(d, "f").rstrip("0").rstrip(".")
)
windows = st.none() | st.integers(1, 30 * 86400).map(float)
latencies = st.builds(
    Objective,
    op=names,
    histogram=st.sampled_from(HISTOGRAMS),
    statistic=quantiles | st.sampled_from(["max", "min", "mean"]),
    comparison=st.sampled_from(get_args(Compared)),
    threshold=floats,
    window=windows,
)
scalars = st.builds(
    Objective,
    op=names,
    histogram=st.none(),
    statistic=st.sampled_from(list(SCALARS)),
    comparison=st.sampled_from(get_args(Compared)),
    threshold=st.floats(0, 1),
    window=windows,
).filter(lambda objective: objective.statistic != "achieved_rate" or objective.window is None)


class TestParse:
    @given(latencies | scalars)
    def test_reads_what_it_writes(self, objective: Objective) -> None:
        """
        `str` and `parse_objective` undo each other, for every name, figure and window.
        """
        assert parse_objective(str(objective)) == objective

    @given(latencies | scalars)
    def test_blanks_do_not_count(self, objective: Objective) -> None:
        """
        As many blanks as one likes, or none where the signs part the words.
        """
        text = str(objective)

        assert parse_objective(f"  {text.replace(' ', '   ')} ") == objective
        assert parse_objective(text.replace(" ", "", 2)) == objective

    @pytest.mark.parametrize(
        ("text", "objective"),
        [
            ("read.response.p99 < 20ms", Objective("read", "response", "p99", "<", 0.02)),
            ("swap.service.max <= 1s", Objective("swap", "service", "max", "<=", 1.0)),
            ("read.error_rate == 0", Objective("read", None, "error_rate", "==", 0.0)),
            ("achieved_rate >= 99%", Objective(None, None, "achieved_rate", ">=", 0.99)),
            ("read.rate > 500/s over 10s", Objective("read", None, "rate", ">", 500.0, 10.0)),
            ("rate > 30/min", Objective(None, None, "rate", ">", 0.5)),
            ("lag.p99.90 < 500us", Objective(None, "lag", "p99.9", "<", 0.0005)),
            ("lag.p050 < 1.5 µs", Objective(None, "lag", "p50", "<", 1.5e-6)),
            ("swap-1k.lag.mean < 0", Objective("swap-1k", "lag", "mean", "<", 0.0)),
            ("rate == 0 over 1 m", Objective(None, None, "rate", "==", 0.0, 60.0)),
            ("error_rate < .001", Objective(None, None, "error_rate", "<", 0.001)),
            ("rate.rate >= 1e3/s", Objective("rate", None, "rate", ">=", 1000.0)),
        ],
    )
    def test_means_base_units(self, text: str, objective: Objective) -> None:
        """
        Seconds, ratios and rates per second, whatever unit was written.
        """
        assert parse_objective(text) == objective

    def test_every_example_is_valid(self) -> None:
        """
        What messages show as an example can be copied.
        """
        for text in EXAMPLES:
            assert parse_objective(str(parse_objective(text))) == parse_objective(text)

    @pytest.mark.parametrize(
        ("text", "column", "message"),
        [
            ("", 1, "expected a figure"),
            ("   ", 4, "expected a figure"),
            ("< 20ms", 1, "expected a figure"),
            ("read.p99 < 20ms", 1, "expected a histogram before 'p99', found 'read'"),
            ("p99 < 20ms", 1, "expected a histogram before 'p99', found none"),
            ("read.reponze.p99 < 20ms", 6, "did you mean `response`?"),
            ("read.response < 20ms", 6, "expected a statistic after 'response', found none"),
            ("response < 20ms", 1, "expected a statistic after 'response', found none"),
            ("read.response.p9x < 20ms", 15, "did you mean `p90`?"),
            ("read.response. < 20ms", 15, "expected a statistic, found ''"),
            ("read.response.p100 < 20ms", 15, "`min` and `max` are the ends"),
            ("read.response.p0 < 20ms", 15, "above p0"),
            ("read.response.p99٣ < 20ms", 15, "expected a statistic"),
            ("a.b.response.max < 1s", 1, "expected the name of one operation, found 'a.b'"),
            (".rate > 3/s", 1, "expected an operation before the dot"),
            ("read.eror_rate == 0", 6, "did you mean `error_rate`?"),
            ("raet > 5/s", 1, "did you mean `rate`?"),
            ("read.rate", 10, "expected <, <=, >, >= or =="),
            ("read.rate = 5/s", 11, "write `==`"),
            ("read.rate => 5/s", 11, "write `>=`"),
            ("read.rate != 5/s", 11, "expected <, <=, >, >= or ==, found '!='"),
            ("read.rate >", 12, "expected a value such as 500/s"),
            ("read.rate > -5/s", 13, "expected a value such as 500/s"),
            ("read.rate > nan/s", 13, "expected a value such as 500/s"),
            ("read.rate > 500", 13, "the unit is missing, as in 500/s"),
            ("read.rate > 500/q", 16, "found the unit '/q'"),
            ("read.rate > 1e999/s", 13, "expected a finite value"),
            ("read.rate > 1e308/ns", 13, "expected a finite value"),
            ("read.lag.max < 20", 16, "the unit is missing, as in 20ms"),
            ("read.lag.max < 20 secnds", 19, "found the unit 'secnds'"),
            ("read.lag.max < 20% over 1s", 18, "found the unit '%'"),
            ("achieved_rate >= 99", 18, "write `99%`"),
            ("achieved_rate >= 250%", 18, "expected a ratio from 0 to 1"),
            ("achieved_rate >= 99ms", 20, "found the unit 'ms'"),
            ("error_rate == 0 ovr 10s", 17, "did you mean `over`?"),
            ("error_rate == 0 over", 21, "expected a value such as 20ms"),
            ("error_rate == 0 over 10", 22, "the unit is missing"),
            ("error_rate == 0 over 0", 22, "expected a window of whole seconds, above 0"),
            ("error_rate == 0 over 500ms", 22, "expected a window of whole seconds"),
            ("error_rate == 0 over 1.5s", 22, "found 1.5 seconds"),
            ("achieved_rate > 9% over 10s", 20, "achieved_rate is of the whole run"),
            ("error_rate == 0 over 31000h", 22, "30 days at most"),
            ("error_rate == 0 over 10s too", 26, "expected the end, found 'too'"),
        ],
    )
    def test_a_mistake_is_pointed_at(self, text: str, column: int, message: str) -> None:
        """
        The fault has the column, a caret under it, what was expected, and an example.
        """
        with pytest.raises(UsageError) as caught:
            parse_objective(text)

        fault = caught.value.faults[0]
        assert f"column {column}:" in fault.message
        assert fault.excerpt is not None
        assert (fault.excerpt.text, fault.excerpt.column) == (text, column)
        assert message in str(fault)
        assert fault.fix is not None
        example = fault.fix.split("`")[-2]
        assert parse_objective(example) is not None

    @given(st.text("read.sponp9<=> 01%/ms_over\n\0", max_size=30) | st.text(max_size=20))
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        """
        No text makes it fail in another way than with a UsageError.
        """
        try:
            found = parse_objective(text)
        except UsageError:
            return
        assert parse_objective(str(found)) == found


class TestObjective:
    def test_knows_its_quantile_and_kind(self) -> None:
        """
        A quantile as a share; what it is measured in.
        """
        found = parse_objective("read.response.p99.9 < 1s")

        assert found.quantile == 0.999
        assert found.kind == "time"
        assert parse_objective("lag.max < 1s").quantile is None
        assert parse_objective("error_rate < 1%").kind == "ratio"
        assert parse_objective("rate > 1/s").kind == "rate"

    def test_unknown_operation_is_refused_before_the_run(self) -> None:
        """
        An objective on an operation that the scenario lacks would never be met.
        """
        objective = parse_objective("rread.response.p99 < 20ms")
        with pytest.raises(UsageError, match="did you mean `read`") as caught:
            objective.check(["read", "swap"])
        excerpt = caught.value.faults[0].excerpt
        assert excerpt is not None
        assert (excerpt.column, excerpt.width) == (1, len("rread"))
        with pytest.raises(UsageError, match="no operation 'rread'"):
            objective.judge(Run({}))

        parse_objective("response.p99 < 20ms").check([])


class TestJudge:
    @pytest.mark.parametrize(
        ("sign", "holds"),
        [
            ("<", (True, False, False)),
            ("<=", (True, True, False)),
            (">", (False, False, True)),
            (">=", (False, True, True)),
            ("==", (False, True, False)),
        ],
    )
    def test_compares(self, sign: str, holds: tuple[bool, bool, bool]) -> None:
        """
        Each comparison below, at and above its threshold.
        """
        objective = parse_objective(f"read.response.p99 {sign} 20ms")

        for value, ok in zip((0.01, 0.02, 0.03), holds, strict=True):
            judged = objective.judge(Run({P99: [value]}))
            assert (judged.ok, judged.met, judged.measured) == (ok, ok, value)
            assert judged.window is None

    @pytest.mark.parametrize("missing", [None, math.nan])
    def test_what_cannot_be_said_is_not_met(self, missing: float | None) -> None:
        """
        A quantile of too few samples is n/a, says so, and does not count as met.
        """
        judged = parse_objective("read.response.p99 < 20ms").judge(Run({P99: [missing]}))

        assert (judged.ok, judged.met, judged.shown) == (None, False, "n/a")
        assert str(judged) == "n/a: read.response.p99 < 20ms: n/a (too few samples)"

    def test_every_window_must_hold(self) -> None:
        """
        One bad second fails an objective that the whole run meets, and it is the one told.
        """
        run = Run({P99: [0.010, 0.010, 0.050, 0.030]})
        judged = parse_objective("read.response.p99 < 20ms over 1s").judge(run)

        assert judged.ok is False
        assert judged.window == Window(1, 2)
        assert judged.measured == 0.05
        assert str(judged) == (
            "not met: read.response.p99 < 20ms over 1s: 50 ms at 1..2 s "
            "(2 of 3 windows do not hold)"
        )
        assert run.asked == [Window(0, 1), Window(1, 2), Window(2, 3)]
        assert parse_objective("read.response.p99 < 20ms").judge(run).ok is True

    @pytest.mark.parametrize(
        ("text", "worst"),
        [("rate > 5/s", 1), ("rate < 50/s", 2), ("rate == 20/s", 2), ("rate == 38/s", 1)],
    )
    def test_worst_window_is_the_farthest_on_the_wrong_side(self, text: str, worst: int) -> None:
        """
        The least for `>`, the most for `<`, the farthest off for `==`.
        """
        judged = parse_objective(f"{text} over 1s").judge(
            Run({(None, None, "rate"): [20.0, 20.0, 10.0, 40.0]})
        )

        assert judged.window == Window(worst, worst + 1)

    def test_a_window_without_figure_leaves_it_open(self) -> None:
        """
        n/a in one window is not met, unless another fails: that decides.
        """
        objective = parse_objective("read.response.p99 < 20ms over 1s")
        open_ = objective.judge(Run({P99: [0.01, 0.01, None]}))
        failed = objective.judge(Run({P99: [0.01, 0.03, None]}))
        nothing = objective.judge(Run({P99: [0.01, None, None]}))

        assert (open_.ok, open_.measured) == (None, 0.01)
        assert open_.reason == "too few samples in 1 of 2 windows"
        assert open_.shown == "n/a (10 ms elsewhere)"
        assert (failed.ok, failed.reason) == (False, "1 of 2 windows do not hold")
        assert (nothing.ok, nothing.reason) == (None, "too few samples in 2 of 2 windows")

    def test_a_run_shorter_than_its_window_is_open(self) -> None:
        """
        Without one whole window nothing was shown.
        """
        judged = parse_objective("read.response.p99 < 20ms over 1m").judge(Run({P99: [0.01]}))

        assert (judged.ok, judged.reason) == (None, "the run has no whole window of 60s")

    @pytest.mark.parametrize(
        ("text", "value", "shown"),
        [
            ("lag.max < 20ms", 0.0123456, "12.3 ms"),
            ("lag.max < 20ms", 0.0201, "20.1 ms"),
            ("lag.max < 20ms", 0.0200001, "20.0001 ms"),
            ("lag.max < 20ms", 0.02, "20 ms"),
            ("lag.max < 20ms", math.nextafter(0.02, 1), "20.000000000000004 ms"),
            ("lag.max < 0.02000000000000009s", 0.020000000000000094, "20.000000000000092 ms"),
            ("lag.max < 1s", 2.5, "2.5 s"),
            ("lag.max < 1s", 0.0, "0 s"),
            ("lag.max < 1s", 0.00000123, "1.23 us"),
            ("lag.max < 1s", 0.000000123, "123 ns"),
            ("error_rate < 1%", 0.0123, "1.23 %"),
            ("error_rate == 0", 0.0000001, "1e-05 %"),
            ("rate > 500/s", 123456.0, "123456/s"),
            ("rate > 500/s", 499.9999, "499.9999/s"),
            ("rate > 500/s", math.inf, "inf/s"),
        ],
    )
    def test_figures_are_shown_apart_from_the_threshold(
        self, text: str, value: float, shown: str
    ) -> None:
        """
        Short, but never rounded to the threshold that it misses.
        """
        objective = parse_objective(text)
        key = (objective.op, objective.histogram, objective.statistic)

        assert objective.judge(Run({key: [value]})).shown == shown

    def test_as_dict_has_base_units(self) -> None:
        """
        The JSON shape repeats the objective as text and the figure in base units.
        """
        judged = parse_objective("read.response.p99 < 20ms over 1s").judge(Run({P99: [0.01, 0.03]}))

        assert judged.as_dict() == {
            "objective": "read.response.p99 < 20ms over 1s",
            "ok": False,
            "met": False,
            "measured": 0.03,
            "shown": "30 ms",
            "window": [0, 1],
            "reason": "1 of 1 windows do not hold",
        }
        assert (
            parse_objective("error_rate == 0")
            .judge(Run({(None, None, "error_rate"): [0.0]}))
            .as_dict()["window"]
            is None
        )
