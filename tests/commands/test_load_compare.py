"""`load compare` and `load aa`: sets that were kept, and plans that are driven in turn."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.commands import Interaction, root, run
from oneiric_lab.errors import UsageError
from oneiric_lab.loadlab import (
    Compared,
    Floor,
    Plan,
    Repeated,
    Runs,
    closed,
    labelled,
    labels,
    scenario_named,
)
from oneiric_lab.loadlab import run as drive
from oneiric_lab.loadlab._comparable import place_of, setting_of

if TYPE_CHECKING:
    from pathlib import Path

QUICK = ["swap-under-readers", "--users", "3", "--duration", "0.1s"]
METRIC = ["--metric", "read.response.p50"]


def ask(*words: str, **options: Any) -> Any:
    """Run one verb of `load`."""
    return run(["load", *words], Interaction(**options))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with four real runs of each of two sets, one clearly slower."""
    runs = Runs(tmp_path_factory.mktemp("kept") / "runs")
    kind, _ = scenario_named("swap-under-readers")
    for label, hold in (("before", 0.001), ("after", 0.004)):
        plan = Plan(kind, {"hold": hold}, closed(3, duration=0.1))
        for _ in range(4):
            runs.save(labelled(asyncio.run(drive(plan)), label))
    return runs.folder


class TestKeptSets:
    def test_one_is_slower(self, kept: Path) -> None:
        """
        Labels are compared; exit code 1, and what is under test is told.
        """
        found = ask("compare", "before", "after", *METRIC, "--in", str(kept))

        assert isinstance(found, Compared)
        assert found.exit_code == 1
        assert found.runs == (4, 4)
        assert "under test: hold 0.001 → 0.004" in str(found)
        assert ask("compare", "after", "before", *METRIC, "--in", str(kept)).exit_code == 0

    def test_names_and_a_wider_band(self, kept: Path) -> None:
        """
        Several names with commas between; within a band of 90 % even that is no change of a
        kind that counts, and is not called the same.
        """
        sets = [",".join(names) for names in labels(Runs(kept)).values()]
        found = ask("compare", *sets, *METRIC, "--band", "90%", "--in", str(kept))

        assert found["read.response.p50"].band == 0.9
        assert found.runs == (4, 4)

    def test_takes_the_noise_that_was_measured(self, kept: Path) -> None:
        """
        What `load aa` kept beside the runs is the band, where it is for this plan.
        """
        runs = Runs(kept)
        base = runs.open(labels(runs)["before"][0])
        metric = {"metric": "read.response.p50", "runs": 12, "spread": 0.1, "band": 80.0}
        floor = {"plan": {}, "machine": {}, "band": 0.03, "seed": 0, "warnings": []}
        path = kept / "noise-x.json"
        path.write_text(
            json.dumps({**floor, "metrics": [{**metric, "splits": 1, "alarms": 0, "same": 1}]})
        )
        made = Floor.open(path)
        saved = replace(made, plan=setting_of(base), machine=place_of(base)).save(kept)
        try:
            found = ask("compare", "before", "after", *METRIC, "--in", str(kept))
            assert found["read.response.p50"].band == 80
            assert found.exit_code == 3
        finally:
            saved.unlink()

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["before"], "expected two sets of runs"),
            (["before", "after", "before"], "got 3 names"),
            (["before", "aftr"], "did you mean `after`"),
            (["before", "before"], "share runs"),
            (["before", "after", "--users", "3"], "--users says how to drive"),
            (["before", "after", "--runs", "6"], "--runs says how to drive"),
            (["before", "after", "--band", "much"], "expected a share"),
            (["before", "after", "--band", "120%"], "expected a share"),
            (["before", "after", "--metric", "p99"], "no metric 'p99'"),
            (["before", "after", "--metric", "reads.rate"], "did you mean `read`"),
            (["before", "after", "--against", "hold=1"], "drives one scenario, got 2"),
            (["swap-under-readers", "--against", "hodl=1"], "did you mean `hold`"),
            (["swap-under-readers", "--against", "hold=much"], "--against hold: expected float"),
            (["swap-under-readers", "--against", "hold=0.001"], "both sides have hold=0.001"),
            (["swap-under-readers", "--against", "hold=1", "--runs", "0"], "at least 1, got 0"),
            (["swap-under-readers", "--against", "hold=1", "--label", "a b"], "is no label"),
        ],
    )
    def test_misuse(self, kept: Path, words: list[str], message: str) -> None:
        """
        Told before anything is driven, with what helps.
        """
        with pytest.raises(UsageError, match=re.escape(message)):
            ask("compare", *words, "--in", str(kept))

    def test_completes(self, kept: Path) -> None:
        """
        Labels, then scenarios.
        """
        from click.shell_completion import ShellComplete

        asked = ShellComplete(root, {"obj": Interaction()}, "oneiric-lab", "_X")
        args = ["load", "compare", "--in", str(kept)]
        found = [item.value for item in asked.get_completions(args, "")]
        assert found[:2] == ["before", "after"]
        assert "swap-1k" in found


class TestInTurn:
    def test_two_plans_are_driven_and_kept(self, tmp_path: Path) -> None:
        """
        Each run is kept under the label of its side as soon as it is finished.
        """
        seen: list[tuple[int, int, str]] = []
        folder = tmp_path / "runs"
        found = ask(
            *("compare", *QUICK, "--against", "hold=0.02", "--runs", "1", "--label", "try"),
            *("--in", str(folder)),
            progress=lambda *now: seen.append(now),
        )

        assert found.names == ("hold=0.001", "hold=0.02")
        assert found.exit_code == 3
        assert found.runs == (1, 1)
        assert {name: len(ids) for name, ids in labels(Runs(folder)).items()} == {
            "try.base": 1,
            "try.other": 1,
        }
        assert seen[-1] == (1, 1, "")
        with pytest.raises(UsageError, match=r"1 run .* is called 'try\.base' already"):
            ask("compare", *QUICK, "--against", "hold=1", "--label", "try", "--in", str(folder))

    def test_cancelled(self, tmp_path: Path) -> None:
        """
        What is finished is shown and kept, exit code 130.
        """
        folder = tmp_path / "runs"

        def submit(_: str, do: Any) -> Any:
            return do(lambda *_: None, lambda: len(Runs(folder)) > 0)

        words = ["compare", *QUICK, "--against", "hold=0.02", "--in", str(folder)]
        found = ask(*words, submit=submit)

        assert isinstance(found, Repeated)
        assert found.exit_code == 130
        assert len(Runs(folder)) == 1

    def test_a_set(self, tmp_path: Path) -> None:
        """
        `load run --runs` drives one after the other and labels them all; so does one run.
        """
        folder = tmp_path / "runs"
        found = ask("run", *QUICK, "--runs", "2", "--label", "before", "--out", str(folder))
        ask("run", *QUICK, "--label", "single", "--out", str(folder))

        assert isinstance(found, Repeated)
        assert len(found.turns) == 2
        assert [run.plan.seed for run in found.base] == [0, 1]
        assert sorted(labels(Runs(folder))) == ["before", "single"]
        with pytest.raises(UsageError, match=r"2 runs .* are called 'before' already"):
            ask("run", *QUICK, "--label", "before", "--out", str(folder))
        with pytest.raises(UsageError, match="--label and --no-save"):
            ask("run", *QUICK, "--label", "x", "--no-save")
        with pytest.raises(UsageError, match="at least 1, got 0"):
            ask("run", *QUICK, "--runs", "0", "--no-save")

    def test_is_a_job_in_a_kernel(self, tmp_path: Path) -> None:
        """
        The door decides how long work is done, for each of the three verbs.
        """
        started: list[str] = []

        def submit(name: str, _: Any) -> Any:
            started.append(name)

        folder = str(tmp_path / "runs")
        ask("compare", *QUICK, "--against", "hold=1", "--in", folder, submit=submit)
        ask("aa", *QUICK, "--in", folder, submit=submit)
        ask("run", *QUICK, "--runs", "2", "--out", folder, submit=submit)
        assert started == ["load"] * 3


class TestAA:
    def test_the_noise_is_kept_and_found(self, tmp_path: Path) -> None:
        """
        Eight short runs of one plan; what they differ by is found for the next of that plan.
        """
        folder = tmp_path / "runs"
        found = ask("aa", *QUICK, "--runs", "4", "--in", str(folder))

        assert isinstance(found, Floor)
        assert "read.response.p50" in found.bands
        kind, _ = scenario_named(QUICK[0])
        again = asyncio.run(drive(Plan(kind, {"hold": 0.002}, closed(3, duration=0.1), 0.1)))
        assert Floor.find(folder, again) == found

    def test_misuse(self, tmp_path: Path) -> None:
        """
        Fewer than four a side could never be called different.
        """
        with pytest.raises(UsageError, match="at least 4, got 3"):
            ask("aa", *QUICK, "--runs", "3", "--in", str(tmp_path))
