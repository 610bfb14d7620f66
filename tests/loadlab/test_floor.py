"""What identical runs differ by: measured, kept, found again, taken as a band."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import FileAccessError, LoadError, UsageError
from oneiric_lab.loadlab import (
    Floor,
    Plan,
    Repeated,
    Scenario,
    Turn,
    aa,
    closed,
    compare_runs,
    floor_of,
    op,
    run,
)
from oneiric_lab.loadlab._floor import noise_in
from oneiric_lab.loadlab._noise import Noise, NoiseRow

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from .conftest import Simulate

MS = 1_000_000


class Naps(Scenario):
    """Waits a little."""

    @op()
    async def nap(self, rng: Random) -> None:
        """Wait."""
        await asyncio.sleep(0.001)


def loud(simulate: Simulate, **bands: float) -> Floor:
    """Return a floor with the bands that are told."""
    rows = tuple(NoiseRow(name, 12, 0.1, 200, 0, 200, band) for name, band in bands.items())
    known = floor_of(simulate.runs(MS, 1, runs=8))
    return replace(known, noise=Noise(rows, 0.03, 0))


class TestFloorOf:
    def test_identical_real_runs_are_rarely_called_different(self) -> None:
        """
        Twelve short real runs, dealt to two sides 200 times: in each metric at most 5 % of
        the deals are called different, but for the chance of the deals.
        """
        plan = Plan(Naps, load=closed(3, duration=0.15))
        found = floor_of([asyncio.run(run(plan)) for _ in range(12)])

        rows = {row.metric: row for row in found.noise.rows}
        assert rows["nap.response.p50"].spread > 0
        assert all(row.alarms <= 18 for row in rows.values())
        assert sum(row.alarms for row in rows.values()) <= 0.06 * 200 * len(rows)

    def test_spread_runs_need_a_wide_band(self, simulate: Simulate) -> None:
        """
        Each metric has a band of its own; one without a ratio has none.
        """
        runs = [
            simulate.run(times, failed=n % 2)
            for n, times in enumerate(simulate.times(MS, 1, runs=12, spread=0.1))
        ]
        bands = floor_of(runs).bands

        assert bands["read.response.p50"] > 0.05
        assert bands["read.rate"] == 0
        assert "read.error_rate" not in bands
        assert "read.response.p99.9" not in bands

    def test_too_few_valid_runs(self, simulate: Simulate) -> None:
        """
        Seven are too few, and so are eight of which one is invalid.
        """
        runs = simulate.runs(MS, 1, runs=8)
        with pytest.raises(UsageError, match="at least 8 valid runs, found 7"):
            floor_of([*runs[:7], replace(runs[7], limited_by="generator_cpu")])


class TestSaved:
    def test_is_found_by_plan_and_machine(self, simulate: Simulate, tmp_path: Path) -> None:
        """
        Other parameters and seeds are the same load; another load or machine is another.
        """
        found = floor_of(simulate.runs(MS, 1, runs=8), warnings=["heat"])
        path = found.save(tmp_path / "runs")
        times = simulate.times(MS, 2, runs=1)[0]

        assert Floor.open(path) == found
        same = simulate.run(times, plan=simulate.plan.but(provider="b", seed=9))
        assert Floor.find(tmp_path / "runs", same) == found
        load = simulate.run(times, plan=simulate.plan.but(warmup=1))
        assert Floor.find(tmp_path / "runs", load) is None
        assert Floor.find(tmp_path / "runs", simulate.run(times, machine={"cores": "64"})) is None
        assert Floor.find(tmp_path / "nowhere", same) is None
        assert "heat" in str(found)
        assert repr(found).startswith("<Floor: noise: identical runs need a band of")

    def test_a_band_without_end_is_kept(self, simulate: Simulate, tmp_path: Path) -> None:
        """
        JSON has no infinity; it comes back all the same.
        """
        found = loud(simulate, **{"read.error_rate": float("inf")})

        assert Floor.open(found.save(tmp_path)) == found

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "[]",
            "{}",
            '{"plan": 1}',
            '{"metrics": [1], "plan": {}, "machine": {}}',
            '{"metrics": [], "band": 0.03, "seed": Infinity}',
            "\x00",
        ],
    )
    def test_a_damaged_file_is_refused(self, tmp_path: Path, text: str) -> None:
        """
        It is named, and how to make it anew.
        """
        path = tmp_path / "noise-x.json"
        path.write_text(text)
        with pytest.raises(LoadError, match="does not hold the noise"):
            Floor.open(path)
        with pytest.raises(FileAccessError, match="load aa"):
            Floor.open(tmp_path / "missing")

    def test_every_cut_of_a_file_is_refused_or_whole(
        self, simulate: Simulate, tmp_path: Path
    ) -> None:
        """
        Half a file is never half an answer.
        """
        found = floor_of(simulate.runs(MS, 1, runs=8))
        path = found.save(tmp_path)
        whole = path.read_bytes()
        for end in range(0, len(whole) - 2, 37):
            path.write_bytes(whole[:end])
            with pytest.raises(LoadError):
                Floor.open(path)


class TestAsABand:
    def test_a_change_within_the_noise_is_none(self, simulate: Simulate) -> None:
        """
        +10 % where identical runs differ by 15 % is no news, where they differ by 2 % it is.
        """
        sides = simulate.runs(MS, 1), simulate.runs(1.1 * MS, 2)
        wide = compare_runs(*sides, floor=loud(simulate, **{"read.response.p50": 0.15}))
        narrow = compare_runs(*sides, floor=loud(simulate, **{"read.response.p50": 0.02}))

        assert wide["read.response.p50"].band == 0.15
        assert wide["read.response.p50"].verdict in ("same", "inconclusive")
        assert narrow["read.response.p50"].band == 0.03
        assert narrow["read.response.p50"].verdict == "slower"
        assert "what identical runs differ by" in wide.floor

    def test_a_machine_too_loud_says_nothing_is_the_same(self, simulate: Simulate) -> None:
        """
        Within 60 % everything is the same, and nothing was shown.
        """
        sides = simulate.runs(MS, 1), simulate.runs(MS, 2)
        names = ("read.response.p50", "read.response.p99")
        found = compare_runs(*sides, floor=loud(simulate, **dict.fromkeys(names, 0.6)))

        assert found[names[0]].verdict == "inconclusive"
        assert "identical runs differ by up to 60 %" in found[names[0]].reason
        assert found.exit_code == 3
        asked = compare_runs(*sides, band=0.6)
        assert asked[names[0]].verdict == "same"

    def test_one_of_another_plan_is_not_used(self, simulate: Simulate) -> None:
        """
        Neither that of another load nor that of another machine; it is told.
        """
        floor = loud(simulate, **{"read.response.p50": 0.5})
        plan = simulate.plan.but(warmup=1)
        found = compare_runs(
            simulate.runs(MS, 1, plan=plan), simulate.runs(1.2 * MS, 2, plan=plan), floor=floor
        )
        assert found["read.response.p50"].verdict == "slower"
        assert "the noise floor is not used: it was measured with another plan" in found.warnings
        other = [
            simulate.runs(middle, seed, machine={"cores": "64"})
            for middle, seed in ((MS, 1), (1.2 * MS, 2))
        ]
        assert "another machine" in " ".join(compare_runs(*other, floor=floor).warnings)


class TestAA:
    def test_is_the_noise_of_its_valid_runs(self, simulate: Simulate) -> None:
        """
        As if those had been saved and asked later.
        """
        runs = simulate.runs(MS, 1, runs=12)
        bad = replace(runs[0], limited_by="generator_timer")
        turns = tuple(Turn(0, one, 0.0) for one in (bad, *runs[1:]))
        found = noise_in(Repeated(("a/a",), 12, turns, cancelled=False))

        assert found == floor_of(runs[1:])

    @pytest.mark.parametrize(
        ("spoil", "cancelled", "code"),
        [
            ({"broken": (("holds", "leaks"),)}, False, 4),
            ({"limited_by": "generator_timer"}, False, 3),
            ({}, True, 130),
        ],
    )
    def test_bad_runs_have_no_noise(
        self, simulate: Simulate, spoil: dict[str, Any], cancelled: bool, code: int
    ) -> None:
        """
        The runs come back, and their exit code says why.
        """
        runs = simulate.runs(MS, 1, runs=12)
        turns = tuple(Turn(0, replace(one, **spoil), 0.0) for one in runs)
        given = Repeated(("a/a",), 12, turns, cancelled=cancelled)

        assert noise_in(given) is given
        assert given.exit_code == code

    def test_is_driven(self) -> None:
        """
        Really: cancelled after the first of its runs, which is kept.
        """
        told: list[Any] = []
        plan = Plan(Naps, load=closed(3, duration=0.1))
        found = aa(plan, runs=4, each=told.append, cancelled=lambda: len(told) > 0)

        assert isinstance(found, Repeated)
        assert found.exit_code == 130
        assert len(told) == 1
        assert json.loads(found.to_json())["asked"] == 8

    def test_too_few_are_refused(self, simulate: Simulate) -> None:
        """
        Three a side could never be called different.
        """
        with pytest.raises(UsageError, match="at least 4 a side, found 3"):
            aa(simulate.plan, runs=3)
