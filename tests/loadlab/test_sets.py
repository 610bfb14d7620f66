"""Sets of kept runs: labels that are kept, and what a name means."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from oneiric_lab.errors import UsageError
from oneiric_lab.loadlab import Run, Runs, compare_runs
from oneiric_lab.loadlab._sets import check_new, labelled, labels, set_named

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Simulate

MS = 1_000_000


@pytest.fixture
def kept(tmp_path: Path, simulate: Simulate) -> Runs:
    """Return a folder with two sets of three and a run without a label."""
    runs = Runs(tmp_path / "runs")
    for label, middle in (("before", MS), ("after", 2 * MS)):
        for run in simulate.runs(middle, int(middle), runs=3):
            runs.save(labelled(run, label))
    for run in simulate.runs(MS, 9, runs=1):
        runs.save(run)
    return runs


class TestLabels:
    def test_are_kept_and_listed(self, kept: Runs) -> None:
        """
        A label comes back with the run, stands in the list and in its JSON.
        """
        found = labels(kept)
        assert sorted(found) == ["after", "before"]
        assert len(found["before"]) == 3
        run = kept.open(found["before"][0])
        assert run.about.label == "before"
        assert run.as_dict()["label"] == "before"
        assert [one.label for one in kept].count("") == 1

    @pytest.mark.parametrize(
        "word", ["2026", "latest", "a b", "a/b", "..", "-x", "a\nb", "a" * 101, ""]
    )
    def test_what_is_no_label(self, simulate: Simulate, word: str) -> None:
        """
        Nothing that a path or the beginning of a run's name could be; none at all is none.
        """
        (run,) = simulate.runs(MS, 1, runs=1)
        if not word:
            assert labelled(run, word).about.label == ""
            return
        with pytest.raises(UsageError, match="is no label"):
            labelled(run, word)

    @pytest.mark.parametrize("word", ["before", "provider=a", "v1.2+x_y", "früher", "a" * 100])
    def test_what_is_one(self, simulate: Simulate, tmp_path: Path, word: str) -> None:
        """
        Words as people write them.
        """
        (run,) = simulate.runs(MS, 1, runs=1)
        runs = Runs(tmp_path)
        runs.save(labelled(run, word))
        assert list(labels(runs)) == [word]

    def test_one_that_is_taken_is_refused(self, kept: Runs) -> None:
        """
        What was measured of other code must not be mixed in.
        """
        check_new(kept, "later", "before-2")
        with pytest.raises(UsageError, match=r"3 runs in .* are called 'before' already"):
            check_new(kept, "later", "before")


class TestSetNamed:
    def test_a_label(self, kept: Runs) -> None:
        """
        All runs that have it, and those alone, can be compared as if they were in memory.
        """
        base, other = (set_named(kept, name) for name in ("before", "after"))
        found = compare_runs(base, other, names=("before", "after"))

        assert [len(base), len(other)] == [3, 3]
        assert found["read.response.p50"].ratio == pytest.approx(2, rel=0.05)
        assert json.loads(found.to_json())["base"]["runs"] == [run.id for run in base]

    def test_names_of_runs(self, kept: Runs) -> None:
        """
        One, or several with commas between; the newest by its word.
        """
        first, *others = kept.ids()
        assert [run.id for run in set_named(kept, first)] == [first]
        assert [run.id for run in set_named(kept, f"{first}, {others[2]}")] == [first, others[2]]
        assert [run.id for run in set_named(kept, "latest")] == [first]

    def test_a_folder(self, kept: Runs, tmp_path: Path, simulate: Simulate) -> None:
        """
        All runs in it; the folder of one run is that run.
        """
        other = Runs(tmp_path / "elsewhere")
        for run in simulate.runs(MS, 5, runs=2):
            other.save(run)
        found = set_named(kept, str(other.folder))

        assert [run.id for run in found] == list(reversed(other.ids()))
        one = kept.find("latest")
        assert [run.id for run in set_named(kept, str(one))] == [one.name]

    def test_what_nothing_is_called(self, kept: Runs, tmp_path: Path) -> None:
        """
        The nearest label is named; where there are none, how to make some.
        """
        with pytest.raises(UsageError, match="did you mean `before`"):
            set_named(kept, "before2")
        with pytest.raises(UsageError, match="--label before"):
            set_named(Runs(tmp_path / "none"), "before")
        with pytest.raises(UsageError, match="have the name"):
            set_named(kept, kept.ids()[0][:4])

    def test_a_run_that_was_moved_between_sets_is_on_both_sides(self, kept: Runs) -> None:
        """
        Read from files it is the same run all the same.
        """
        base = set_named(kept, "before")
        with pytest.raises(UsageError, match="share runs"):
            compare_runs(base, [*set_named(kept, "after"), Run.open(kept.find(base[0].id))])

    def test_left_out_by_its_own_name(self, kept: Runs, simulate: Simulate) -> None:
        """
        A kept run is named by its name, one in memory by its place.
        """
        base = set_named(kept, "before")
        bad = replace(base[1], limited_by="generator_cpu")
        found = compare_runs([base[0], bad, base[2]], set_named(kept, "after"))
        assert [one.run for one in found.left_out] == [bad.id]
