"""The runs of a folder: listed, named, and never deleted."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import OneiricError, ParseError, UsageError
from oneiric_lab.loadlab import About, Plan, Run, Runs, Scenario, op
from oneiric_lab.loadlab._drive import Driven
from oneiric_lab.loadlab._objective_text import parse_objective
from oneiric_lab.loadlab._objectives import Judged
from oneiric_lab.loadlab._recorder import Recorder

if TYPE_CHECKING:
    from pathlib import Path

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Mine(Scenario):
    """One operation."""

    @op()
    async def read(self, rng: object) -> None:
        """Read."""


def made(number: int = 0, tail: str = "", **changes: Any) -> Run:
    """Return a run of nothing, *number* seconds after the first."""
    at = START + timedelta(seconds=number)
    about = About(f"{at:%Y%m%d-%H%M%S}-000-{tail or f'{number:06x}'}", at)
    recorder = Recorder()
    recorder.op("read")
    text = "read.error_rate == 0"
    run = Run(
        Plan(Mine, objectives=(text,)),
        recorder.result(),
        Driven(),
        "none",
        (Judged(parse_objective(text), True, 0.0, "0 %", None),),
        (),
        {},
        about=about,
    )
    return replace(run, **changes)


class TestRuns:
    def test_lists_the_newest_first(self, tmp_path: Path) -> None:
        """
        Whatever the order they were saved in; a folder that is none is passed over.
        """
        runs = Runs(tmp_path / "runs")
        assert (list(runs), len(runs)) == ([], 0)
        for number in (2, 0, 1):
            runs.save(made(number))
        (runs.folder / "notes").mkdir()
        # As a process that was killed between the two files leaves it.
        (runs.folder / "20260301-130000-000-ffffff").mkdir()

        assert [made(n).id for n in (2, 1, 0)] == runs.ids() == [kept.id for kept in runs]
        first = next(iter(runs))
        assert first.started == START + timedelta(seconds=2)
        assert (first.scenario, first.exit_code, first.objectives) == ("Mine", 0, (1, 1))
        assert repr(runs) == "<Runs: 3 in runs>"

    def test_a_damaged_one_is_listed_as_such(self, tmp_path: Path) -> None:
        """
        It hides no other, and is not hidden.
        """
        runs = Runs(tmp_path)
        runs.save(made(0))
        (runs.save(made(1)) / "run.json").write_text("{")

        damaged, whole = runs
        assert "is no run, or a damaged one" in damaged.wrong
        assert damaged.started is None
        assert whole.wrong == ""
        with pytest.raises(ParseError):
            runs.open()
        assert runs.open(whole.id) == made(0)

    def test_a_run_is_named_in_several_ways(self, tmp_path: Path) -> None:
        """
        The newest, a beginning, the last part or its beginning, a path from here or there.
        """
        runs = Runs(tmp_path / "runs")
        for number, tail in ((0, "aaaaaa"), (1, "bbbbbb"), (2, "bbcccc")):
            runs.save(made(number, tail))
        own = runs.folder / made(1, "bbbbbb").id
        (tmp_path / "runs" / "baseline").symlink_to(own)

        assert runs.find().name == runs.find("latest").name == made(2, "bbcccc").id
        for name in (own.name, own.name[:-7], "bbbbbb", "bbb", own, str(own), own / "run.json"):
            assert runs.find(name) == own
        assert runs.find("baseline") == runs.folder / "baseline"
        assert Runs(tmp_path / "elsewhere").find(own) == own
        assert runs.open("aaa").id == made(0, "aaaaaa").id

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("bb", "2 runs in .* have the name 'bb'"),
            ("2026", "3 runs in"),
            ("", "3 runs in"),
            ("latst", "did you mean `latest`"),
            ("../runs2", "no run '../runs2'"),
            ("zz", "no run 'zz'"),
            ("a\0b", "no run"),
        ],
    )
    def test_a_name_that_is_none(self, tmp_path: Path, name: str, words: str) -> None:
        """
        The nearest is named, or those that it could be.
        """
        runs = Runs(tmp_path / "runs")
        for number, tail in ((0, "aaaaaa"), (1, "bbbbbb"), (2, "bbcccc")):
            runs.save(made(number, tail))
        with pytest.raises(UsageError, match=words):
            runs.find(name)

    def test_there_is_none(self, tmp_path: Path) -> None:
        """
        How to make one is told.
        """
        with pytest.raises(UsageError, match="oneiric-lab load run"):
            Runs(tmp_path / "runs").find()

    def test_a_workspace_keeps_them_out_of_git(self, tmp_path: Path) -> None:
        """
        In its `.oneiric`, which git is told to leave out.
        """
        runs = Runs.of(tmp_path)
        folder = runs.save(made())

        assert folder.parent == tmp_path / ".oneiric" / "runs"
        assert (tmp_path / ".oneiric" / ".gitignore").read_text() == "*\n"

    def test_two_processes_save_at_once(self, tmp_path: Path) -> None:
        """
        All of both are there afterwards, each whole.
        """
        script = (
            "import sys\n"
            "from oneiric_lab.loadlab import Plan, Run, Runs, scenario_named\n"
            "from oneiric_lab.loadlab._drive import Driven\n"
            "from oneiric_lab.loadlab._recorder import Recorder\n"
            "plan = Plan(scenario_named('swap-1k')[0])\n"
            "for _ in range(20):\n"
            "    recorded = Recorder().result()\n"
            "    run = Run(plan, recorded, Driven(), 'none', (), (), {})\n"
            "    Runs(sys.argv[1]).save(run)\n"
        )
        words = [sys.executable, "-c", script, str(tmp_path / "runs")]
        both = [subprocess.Popen(words) for _ in range(2)]

        assert [process.wait(60) for process in both] == [0, 0]
        runs = Runs(tmp_path / "runs")
        assert len(runs) == 40
        assert not [kept.wrong for kept in runs if kept.wrong]
        assert not list(runs.folder.rglob("*.tmp"))

    def test_a_process_that_is_killed(self, tmp_path: Path) -> None:
        """
        Whenever it is, each run that is listed is whole.
        """
        script = (
            "import sys\n"
            "from oneiric_lab.loadlab import Plan, Run, Runs, scenario_named\n"
            "from oneiric_lab.loadlab._drive import Driven\n"
            "from oneiric_lab.loadlab._recorder import Recorder\n"
            "plan = Plan(scenario_named('swap-1k')[0])\n"
            "def save():\n"
            "    run = Run(plan, Recorder().result(), Driven(), 'none', (), (), {})\n"
            "    Runs(sys.argv[1]).save(run)\n"
            "save()\n"
            "print('go', flush=True)\n"
            "while True:\n"
            "    save()\n"
        )
        for rest in (0.05, 0.11, 0.17):
            words = [sys.executable, "-c", script, str(tmp_path)]
            with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
                assert process.stdout is not None
                process.stdout.readline()
                time.sleep(rest)
                process.kill()

        runs = Runs(tmp_path)
        assert len(runs) >= 3
        assert not [kept.wrong for kept in runs if kept.wrong]
        assert all(runs.open(name).id == name for name in runs.ids())

    def test_a_disk_that_is_full(self, tmp_path: Path) -> None:
        """
        A run that could not be written whole is none: it is not listed.
        """
        limited = (
            "import resource, signal, sys\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "from oneiric_lab.errors import OneiricError\n"
            "from oneiric_lab.loadlab import Plan, Run, Runs, scenario_named\n"
            "from oneiric_lab.loadlab._drive import Driven\n"
            "from oneiric_lab.loadlab._recorder import Recorder\n"
            "plan = Plan(scenario_named('swap-1k')[0])\n"
            "run = Run(plan, Recorder().result(), Driven(), 'none', (), (), {})\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
            "try:\n"
            "    Runs(sys.argv[1]).save(run)\n"
            "except OneiricError as error:\n"
            "    print(error.code)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", limited, str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.stdout == "file-unwritable\n", done.stderr
        assert Runs(tmp_path).ids() == []
        assert not list(tmp_path.rglob("*.tmp"))

    def test_a_folder_that_is_a_file(self, tmp_path: Path) -> None:
        """
        There is no run in it, and none can be saved to it.
        """
        (tmp_path / "runs").write_text("")
        runs = Runs(tmp_path / "runs")

        assert runs.ids() == []
        with pytest.raises(OneiricError, match="no run can be kept in"):
            runs.save(made())
