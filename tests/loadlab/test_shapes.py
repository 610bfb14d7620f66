"""Load shapes: what is taken, and when each token of their schedules starts."""

from __future__ import annotations

import itertools
import json
import math
import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oneiric_lab.errors import MissingExtraError, UsageError
from oneiric_lab.loadlab._schedule import CHUNK, expected, schedule
from oneiric_lab.loadlab._shapes import (
    Closed,
    Constant,
    Poisson,
    Ramp,
    Shape,
    Share,
    Think,
    closed,
    constant,
    poisson,
    ramp,
    shape_of,
    share,
    stages,
    think,
)
from oneiric_lab.loadlab._units import per_second, seconds

if TYPE_CHECKING:
    import numpy.typing as npt

rates = st.floats(0.001, 3000) | st.integers(1, 3000).map(float) | st.just(0.0)
lengths = st.floats(0.001, 3) | st.integers(1, 3).map(float)
even = st.builds(constant, rates, lengths)
sloped = st.builds(ramp, rates, rates, lengths)
certain = even | sloped | st.lists(even | sloped, min_size=1, max_size=5).map(lambda s: stages(*s))
random_ = st.builds(poisson, st.floats(0.5, 3000), lengths)


def tokens(shape: Shape, seed: int = 0) -> npt.NDArray[np.int64]:
    """Return the whole schedule."""
    return np.concatenate([np.empty(0, np.int64), *schedule(shape, seed)])


class TestSeconds:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("10s", 10.0),
            ("500ms", 0.5),
            ("2m", 120.0),
            ("2min", 120.0),
            (" 1.5 h ", 5400.0),
            ("20us", 20e-6),
            ("20µs", 20e-6),
            ("7ns", 7e-9),
            (".1s", 0.1),
            ("1e3ms", 1.0),
            ("0s", 0.0),
            (3, 3.0),
            (np.float64(2.5), 2.5),
            (Fraction(1, 4), 0.25),
        ],
    )
    def test_reads(self, text: Any, value: float) -> None:
        """
        A number is seconds; a text is a number and a unit.
        """
        assert seconds(text) == value

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("10", "the unit is missing"),
            ("10 secs", "the unit 'secs' is not known"),
            ("s", "it must begin with a number"),
            ("", "it must begin with a number"),
            ("10sm", "did you mean `m`"),
            ("-1s", "from 0 to"),
            ("nan", "it must begin with a number"),
            ("1e999s", "from 0 to"),
            ("1000h", "30 days"),
            (-1, "from 0 to"),
            (math.nan, "from 0 to"),
            (math.inf, "from 0 to"),
            (10**400, "found inf"),
            (None, "found NoneType None"),
            (True, "found bool True"),
        ],
    )
    def test_refuses(self, text: Any, message: str) -> None:
        """
        What is no duration is refused with its name, the reason and an example.
        """
        with pytest.raises(UsageError) as caught:
            seconds(text, "think time")

        assert caught.value.code == "bad-duration"
        assert str(caught.value).startswith("error: think time: ")
        assert message in str(caught.value)
        assert "'10s'" in str(caught.value.faults[0].fix)

    def test_points_at_the_unit(self) -> None:
        """
        The caret stands under the unit that is not known.
        """
        with pytest.raises(UsageError) as caught:
            seconds(" 10 secs")
        excerpt = caught.value.faults[0].excerpt

        assert excerpt is not None
        assert excerpt.render() == ["   1 |  10 secs", "     |     ^^^^"]


class TestPerSecond:
    @pytest.mark.parametrize(
        ("text", "value"),
        [("500/s", 500.0), ("30/min", 0.5), ("36/h", 0.01), ("2/ms", 2000.0), (7, 7.0), ("0/s", 0)],
    )
    def test_reads(self, text: Any, value: float) -> None:
        """
        A number is per second; a text has its unit of time.
        """
        assert per_second(text) == value

    @pytest.mark.parametrize(
        "bad",
        ["500", "500s", "500/q", "-1/s", -1, math.nan, math.inf, 1e8, "1e9/s", 1e-7, "1e-999/h x"],
    )
    def test_refuses(self, bad: Any) -> None:
        """
        Endless, negative, nan, huge and all but endlessly slow rates are refused.
        """
        with pytest.raises(UsageError, match="rate: ") as caught:
            per_second(bad)

        assert caught.value.code == "bad-rate"
        assert caught.value.faults[0].fix


class TestMakers:
    def test_are_plain_data(self) -> None:
        """
        Equal words make equal shapes, which say what they are.
        """
        assert constant("500/s", "10s") == Constant(500.0, 10.0) == constant(500, 10)
        assert ramp(0, "600/min", "1m") == Ramp(0.0, 10.0, 60.0)
        assert poisson("2/s", 3).duration == 3.0
        assert closed(5) == Closed(5)
        assert closed(5, think="20ms", duration="1m") == Closed(5, think.constant(0.02), 60.0)
        assert stages(constant(1, 2), stages(ramp(1, 2, 3))).duration == 5.0
        assert share(ramp(1, 2, 3), 0, 2).duration == 3.0

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: constant(1, 0), "duration: expected more than 0"),
            (lambda: ramp(1, 2, "0s"), "over: expected more than 0"),
            (lambda: ramp(-1, 2, 1), "start: expected from 0"),
            (lambda: ramp(1, math.inf, 1), "to: expected from 0"),
            (lambda: poisson(0, 1), "rate above 0"),
            (lambda: closed(0), "users: expected a whole number from 1"),
            (lambda: closed(True), "found True"),
            (lambda: closed(10**9), "to 1000000, found"),
            (lambda: closed(1, think=-1), "think time: "),
            (lambda: closed(1, duration=0), "duration: "),
            (lambda: think.uniform(2, 1), r"help: think\.uniform\(1, 2\)"),
            (stages, "at least one shape"),
            (lambda: stages(constant(1, 1), closed(1)), "found Closed as number 2"),  # type: ignore[arg-type]  # what is tested
            (lambda: share(constant(1, 1), 2, 2), "found 2 of 2"),
            (lambda: share(constant(1, 1), 0, 0), "found 0 of 0"),
            (lambda: share(share(constant(1, 1), 0, 2), 0, 2), "not shared again"),
            (lambda: schedule(closed(1)), "no intended starts"),
            (lambda: schedule(constant(1, 1), -1), "seed"),
        ],
    )
    def test_refuse_what_cannot_be(self, make: Any, message: str) -> None:
        """
        Before anything runs, with the name of the argument and a fix.
        """
        with pytest.raises(UsageError, match=message) as caught:
            make()

        assert caught.value.faults[0].fix

    @given(certain | random_ | st.builds(closed, st.integers(1, 99), duration=st.none() | lengths))
    def test_survive_json(self, shape: Shape) -> None:
        """
        `shape_of` reads what `as_dict` wrote, through JSON, share and all.
        """
        assert shape_of(json.loads(json.dumps(shape.as_dict()))) == shape
        if not isinstance(shape, Closed):
            part = share(shape, 1, 3)
            assert shape_of(json.loads(json.dumps(part.as_dict()))) == part

    @pytest.mark.parametrize("pause", [think.constant(1), think.exp("5ms"), think.uniform(1, 2)])
    def test_think_times_survive_json(self, pause: Think) -> None:
        """
        So do the think times, and their text is how they are written.
        """
        assert shape_of(closed(3, think=pause).as_dict()) == closed(3, think=pause)
        assert eval(str(pause), {"think": think}) == pause
        assert repr(think) == "think"

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            ({"shape": "constnt"}, "did you mean `constant`"),
            ({}, "found None"),
            ({"shape": []}, "load shape"),
            ({"shape": "constant", "rate": 1}, "the fields do not fit"),
            ({"shape": "constant", "rate": 1, "duration": 1, "x": 1}, "the fields do not fit"),
            ({"shape": "constant", "rate": -1, "duration": 1}, "rate: expected from 0"),
            ({"shape": "stages"}, "the fields do not fit"),
            ({"shape": "stages", "pieces": ["ab"]}, "the fields do not fit"),
            ({"shape": "share", "whole": "abc", "worker": 0, "of": 1}, "the fields do not fit"),
            ({"shape": "stages", "pieces": [{"shape": "closed", "users": 1}]}, "found Closed"),
            ({"shape": "closed", "users": 1, "think": {"kind": "x"}}, "the fields do not fit"),
        ],
    )
    def test_data_is_checked(self, data: Any, message: str) -> None:
        """
        A saved plan that was edited is refused as a wrong call would be.
        """
        with pytest.raises(UsageError, match=message):
            shape_of(data)


class TestSchedule:
    @given(certain | random_, st.integers(0, 2**70))
    @settings(max_examples=60)
    def test_never_decreases_and_ends_in_time(self, shape: Any, seed: int) -> None:
        """
        All tokens are whole nanoseconds from 0 to the end of the shape, in order.
        """
        chunks = list(schedule(shape, seed))
        found = tokens(shape, seed)

        assert all(chunk.dtype == np.int64 and 0 < len(chunk) <= CHUNK for chunk in chunks)
        assert (np.diff(found) >= 0).all()
        if len(found):
            assert found[0] >= 0
            assert found[-1] < shape.duration * 1e9 + 1

    @given(certain)
    def test_total_is_the_integral_of_the_rate(self, shape: Any) -> None:
        """
        To within one, over any number of stages.
        """
        assert abs(len(tokens(shape)) - expected(shape)) <= 1

    @given(certain)
    @settings(max_examples=60)
    def test_every_prefix_is_the_integral_up_to_there(self, shape: Any) -> None:
        """
        At the start of each token as many were due as came before it, to within rounding.
        """
        pieces = getattr(shape, "pieces", (shape,))
        found = tokens(shape)
        begin = due = 0.0
        for piece in pieces:
            ends = (piece.start, piece.to) if isinstance(piece, Ramp) else (piece.rate, piece.rate)
            at = found / 1e9 - begin
            inside = (at >= 0) & (at < piece.duration)
            x = at[inside]
            area = ends[0] * x + (ends[1] - ends[0]) * x * x / (2 * piece.duration)
            # A nanosecond of the rate, what rates lose as fractions, and the steep end of a
            # root: all far below one token.
            assert np.abs(due + area - np.flatnonzero(inside)).max(initial=0.0) < 0.02
            begin += piece.duration
            due += (ends[0] + ends[1]) / 2 * piece.duration

    @given(st.integers(1, 10**7), st.integers(1, 10**6))
    @settings(max_examples=30)
    def test_constant_rate_is_exact(self, parts: int, of: int) -> None:
        """
        Token i starts at i·10⁹ // rate, for whole and broken rates, on each side of a chunk.
        """
        rate = parts / of
        if not 1e-6 <= rate <= 1e7:
            return
        exact = Fraction(repr(rate)).limit_denominator(10**6)
        count = min(100_000, math.ceil(rate * 30))
        shape = constant(rate, max(count / rate, 1e-3))
        for first, chunk in enumerate(schedule(shape)):
            for i in {0, 1, len(chunk) // 2, len(chunk) - 1} & set(range(len(chunk))):
                token = first * CHUNK + i
                assert chunk[i] == math.floor(token * 10**9 / exact)

    def test_does_not_drift_in_a_month(self) -> None:
        """
        The last token of thirty days at 7/s is where whole numbers put it.
        """
        last = 0
        for chunk in schedule(constant(7, 30 * 86400)):
            last = int(chunk[-1])

        assert last == (7 * 30 * 86400 - 1) * 10**9 // 7

    def test_slow_rates_of_many_workers_fit(self) -> None:
        """
        Steps of weeks are worked out in whole numbers too, in smaller arrays.
        """
        shape = constant(1e-6, "700h")

        assert tokens(shape).tolist() == [0, 10**15, 2 * 10**15]
        assert tokens(share(shape, 2, 3)).tolist() == [2 * 10**15]
        assert tokens(share(shape, 3, 4000)).tolist() == []

    def test_seams_carry_on(self) -> None:
        """
        Two halves are the whole: no token is doubled or lost where stages meet.
        """
        halves = stages(*[constant(3, "0.5s")] * 8)

        assert tokens(halves).tolist() == tokens(constant(3, 4)).tolist()

    def test_a_pause_has_no_tokens(self) -> None:
        """
        A rate of 0 starts nothing, and what follows begins after it.
        """
        assert tokens(constant(0, 5)).tolist() == []
        assert tokens(ramp(0, 0, 5)).tolist() == []
        assert tokens(stages(constant(0, 5), constant(1, 2))).tolist() == [5 * 10**9, 6 * 10**9]

    def test_ramps_go_up_and_down_alike(self) -> None:
        """
        Rising from 0 to 10/s in 10 s, token i starts at sqrt(2 i) s; falling, from the end.
        """
        up, down = tokens(ramp(0, 10, 10)), tokens(ramp(10, 0, 10))

        assert up.tolist() == [math.floor(math.sqrt(2 * i) * 1e9) for i in range(50)]
        assert down[0] == 0
        assert (10**10 - down[:0:-1] - up[1:]).tolist() == pytest.approx([0] * 49, abs=2)
        assert tokens(ramp(5, 5, 2)).tolist() == tokens(constant(5, 2)).tolist()

    def test_takes_no_more_than_a_chunk(self) -> None:
        """
        A schedule of ten million a second for thirty days gives its first array at once.
        """
        for shape in (
            constant(1e7, 30 * 86400),
            ramp(1e7, 0, 30 * 86400),
            poisson(1e7, 30 * 86400),
        ):
            assert len(next(schedule(shape))) == CHUNK

    def test_numpy_is_an_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Without numpy the call itself fails, not the first token.
        """
        monkeypatch.setitem(sys.modules, "numpy", None)
        with pytest.raises(MissingExtraError):
            schedule(constant(1, 1))


class TestPoisson:
    def test_gaps_are_exponential(self) -> None:
        """
        The count has the variance of its mean, and gaps have the mean and spread of 1/rate.
        """
        found = tokens(poisson(20_000, 10), 3)
        gaps = np.diff(found) / 1e9

        assert len(found) == pytest.approx(200_000, abs=4 * math.sqrt(200_000))
        assert gaps.mean() == pytest.approx(1 / 20_000, rel=0.02)
        assert gaps.std() == pytest.approx(1 / 20_000, rel=0.02)
        counts = np.bincount(found // 10**8, minlength=100)
        assert counts.var() / counts.mean() == pytest.approx(1, abs=0.6)

    @pytest.mark.parametrize(("start", "to"), [(0, 10), (5, 10), (10, 5), (10, 0)])
    def test_a_ramp_begins_at_once(self, start: int, to: int) -> None:
        """
        The first token is due when the integral is 0, the second when it is 1.
        """
        found = tokens(ramp(start, to, 1)).tolist()
        slope = to - start

        assert found[0] == 0
        assert found[1] == int(2e9 / (start + math.sqrt(start * start + 2 * slope)))

    def test_comes_from_the_seed(self) -> None:
        """
        The same seed gives the same starts, another one others.
        """
        shape = poisson(100, 5)

        assert tokens(shape, 1).tolist() == tokens(shape, 1).tolist()
        assert tokens(shape, 1).tolist() != tokens(shape, 2).tolist()

    def test_workers_draw_on_their_own(self) -> None:
        """
        Each worker has a stream spawned from the seed; together they have the rate.
        """
        shape = poisson(3000, 5)
        parts = [tokens(share(shape, w, 3), 9) for w in range(3)]

        assert sum(map(len, parts)) == pytest.approx(15_000, abs=4 * math.sqrt(15_000))
        for a, b in itertools.combinations(parts, 2):
            assert len(np.intersect1d(a, b)) < 5
        stream = np.random.default_rng(np.random.SeedSequence(9).spawn(3)[1])
        assert parts[1][0] == int(stream.exponential(1 / 1000, len(parts[1]))[0] * 1e9)

    def test_may_stand_between_stages(self) -> None:
        """
        What stands behind goes on where the stages without chance had stopped.
        """
        found = tokens(stages(constant(2, 1.25), Poisson(50.0, 1.0), constant(2, 1.25)))
        behind = found[found >= 2.25e9]

        assert found[:3].tolist() == [0, 5 * 10**8, 10**9]
        assert len(found) > 30
        assert behind.tolist() == [2_500_000_000, 3_000_000_000]


class TestShare:
    @given(certain, st.integers(1, 7))
    @settings(max_examples=60)
    def test_workers_have_each_token_once(self, shape: Any, of: int) -> None:
        """
        Put together in order, the parts are the whole, to the nanosecond.
        """
        whole = tokens(shape)
        parts = [tokens(share(shape, worker, of)) for worker in range(of)]

        for worker, part in enumerate(parts):
            assert part.tolist() == whole[worker::of].tolist()

    def test_is_exact_over_many_chunks(self) -> None:
        """
        So it is where the whole has more tokens than an array holds.
        """
        for shape in (constant(100_000 / 3, 5), ramp(0, 70_000, 5), ramp(70_000, 3, 5)):
            whole = tokens(shape)
            for worker in range(3):
                assert (tokens(share(shape, worker, 3)) == whole[worker::3]).all()

    def test_expects_its_part(self) -> None:
        """
        The integral of a share is its part of the whole.
        """
        part = share(constant(300, 2), 0, 3)

        assert isinstance(part, Share)
        assert expected(part) == 200

    @given(st.integers(1, 50), st.integers(1, 60))
    def test_users_are_dealt_out(self, users: int, of: int) -> None:
        """
        Of a closed shape the workers have all users, none more than one above another.
        """
        parts = [share(closed(users), worker, of) for worker in range(of)]
        dealt = [part.users for part in parts if isinstance(part, Closed)]

        assert sum(dealt) == users
        assert max(dealt) - min(dealt) <= 1
