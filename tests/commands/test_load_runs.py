"""Runs that are kept: listed, shown, exported, completed, from a shell and in a kernel."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from oneiric_lab.commands import Interaction, run
from oneiric_lab.errors import FileAccessError, UsageError
from oneiric_lab.loadlab import Run, Runs

SHORT = ["swap-under-readers", "--users", "3", "--duration", "0.3s", "--warmup", "0s"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the runs of each test apart."""
    monkeypatch.chdir(tmp_path)


def ask(*words: str, **options: Any) -> Any:
    """Run one verb."""
    return run([*words], Interaction(**options))


class TestRun:
    def test_it_is_kept_where_one_is(self, tmp_path: Path) -> None:
        """
        In `runs`, in the workspace's own folder, or where it is said; or not at all.
        """
        found = ask("load", "run", *SHORT)
        assert found.path == tmp_path / "runs" / found.id
        assert Run.open(found.path) == found

        ask("init", "shop")
        kept = ask("-C", "shop", "load", "run", *SHORT)
        assert kept.path == tmp_path / "shop" / ".oneiric" / "runs" / kept.id
        assert (tmp_path / "shop" / ".oneiric" / ".gitignore").exists()

        there = ask("load", "run", *SHORT, "--out", "there")
        assert there.path == Path("there") / there.id

        none = ask("load-test", *SHORT, "--no-save")
        assert none.path is None
        assert "kept in" not in str(none)
        assert len(Runs("runs")) == 1

    def test_a_folder_that_keeps_nothing(self, tmp_path: Path) -> None:
        """
        Told before anything is driven, with what helps.
        """
        (tmp_path / "runs").write_text("")
        begun = time.monotonic()
        with pytest.raises(FileAccessError, match="--no-save"):
            ask("load", "run", "swap-1k", "--duration", "30s")
        assert time.monotonic() - begun < 10

    def test_what_was_measured_is_told_all_the_same(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A disk that fills up while it runs takes the folder, not the figures.
        """

        def spoil(done: int, total: int, note: str) -> None:
            if done == total:
                (tmp_path / "runs").rmdir()
                (tmp_path / "runs").write_text("")

        found = ask("load", "run", *SHORT, progress=spoil)
        assert found.exit_code == 2
        assert "not kept: no run can be kept in" in str(found)
        assert found.as_dict()["operations"]

    def test_ctrl_c_keeps_what_there_is(self, tmp_path: Path) -> None:
        """
        The run ends, is marked as partial, and is kept; the exit code is 130.
        """
        words = [sys.executable, "-m", "oneiric_lab", "load", "run", "swap-under-readers"]
        process = subprocess.Popen(
            [*words, "--users", "3", "--duration", "60s", "--warmup", "0s", "--json"],
            stdout=subprocess.PIPE,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        time.sleep(4)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)

        assert process.returncode == 130
        found = json.loads(out)
        assert found["partial"] is True
        (kept,) = Runs(tmp_path / "runs")
        assert (kept.id, kept.exit_code) == (found["id"], 130)
        assert "cancelled, partial" in str(ask("load", "runs"))


class TestRuns:
    def test_lists_the_newest_first(self) -> None:
        """
        With what was driven and what came of it; as many as are asked for.
        """
        assert "load run SCENARIO" in str(ask("load", "runs"))
        first = ask("load", "run", *SHORT)
        second = ask("load", "run", *SHORT, "--objective", "read.rate > 1000000/s")

        found = ask("load", "runs")
        rows = found.as_dict()["runs"]
        assert [second.id, first.id] == [row["id"] for row in rows]
        assert [row["objectives"] for row in rows] == [[0, 1], [0, 0]]
        assert rows[0]["load"] == "3 users for 0.3 s"
        text = str(found)
        assert "2 runs in runs" in text
        assert "0 of 1 met" in text
        assert ask("load", "runs", "--limit", "1").as_dict()["more"] == 1
        assert "1 more" in str(ask("load", "runs", "--limit", "1"))
        assert ask("load", "runs", "--in", "elsewhere").as_dict()["runs"] == []

    def test_a_damaged_one(self) -> None:
        """
        It is listed, with why.
        """
        found = ask("load", "run", *SHORT)
        (found.path / "run.json").write_text("{}")
        text = ask("load", "runs").to_text(width=300)
        assert "damaged" in text
        assert "is no run, or a damaged one" in text


class TestShow:
    def test_shows_what_the_run_showed(self) -> None:
        """
        The newest, or the one that is named; with the exit code that it had.
        """
        first = ask("load", "run", *SHORT)
        second = ask("load", "run", *SHORT, "--objective", "read.rate > 1000000/s")

        assert str(ask("load", "show")).splitlines() == str(second).splitlines()
        assert ask("load", "show").exit_code == 1
        assert ask("load", "show", first.id[-6:]) == first
        assert ask("load", "show", str(first.path)) == first
        with pytest.raises(UsageError, match="no run 'nope'"):
            ask("load", "show", "nope")


class TestExport:
    def test_writes_a_form(self, tmp_path: Path) -> None:
        """
        Named, or told by the end of the file; a page by default.
        """
        found = ask("load", "run", *SHORT)

        done = ask("load", "export")
        assert done.file == tmp_path / f"load-{found.id}.html"
        assert "<svg" in done.file.read_text()
        assert f"wrote load-{found.id}.html" in str(done)
        done = ask("load", "export", "latest", "--out", "ci.xml")
        assert done.as_dict()["format"] == "junit"
        assert ET.parse(tmp_path / "ci.xml").getroot().tag == "testsuites"
        done = ask("load", "export", found.id, "--format", "csv", "--table", "operations")
        assert done.file.read_text().startswith("op,phase,ended")
        with pytest.raises(UsageError, match="raw_limit"):
            ask("load", "export", "--format", "csv", "--table", "raw")
        with pytest.raises(UsageError, match="does not tell a form"):
            ask("load", "export", "--out", "x.doc")

    def test_every_form_and_table_can_be_asked_for(self) -> None:
        """
        Help knows them without loading what writes them.
        """
        from oneiric_lab.commands._load import _export
        from oneiric_lab.loadlab import FORMATS, TABLES

        assert tuple(FORMATS) == _export._FORMATS
        assert TABLES == _export._TABLES


class TestTab:
    def test_completes_runs(self, tmp_path: Path) -> None:
        """
        `latest` and the names, of the folder that is meant.
        """
        from oneiric_lab.commands._root import root

        found = ask("load", "run", *SHORT)
        there = ask("load", "run", *SHORT, "--out", "there")

        def tab(words: list[str], incomplete: str) -> list[str]:
            from click.shell_completion import ShellComplete

            asked = ShellComplete(root, {"obj": Interaction()}, "oneiric-lab", "_X")
            return [item.value for item in asked.get_completions(words, incomplete)]

        assert tab(["load", "show"], "") == ["latest", found.id]
        assert tab(["load", "export"], "20") == [found.id]
        assert tab(["load", "show", "--in", "there"], "2") == [there.id]
        assert tab(["-C", "nowhere", "load", "show"], "2") == []
