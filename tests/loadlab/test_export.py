"""Runs in forms that others read."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar
from xml.etree import ElementTree as ET

import pytest

from oneiric_lab.errors import FileAccessError, MissingExtraError, UsageError
from oneiric_lab.loadlab import (
    FORMATS,
    SUFFIXES,
    TABLES,
    Plan,
    Run,
    Scenario,
    closed,
    export,
    format_of,
    invariant,
    op,
    run,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from random import Random

HOSTILE = "<script>alert('x')</script>\x1b[31m\x00\ud800 & \"quoted\""


class Busy(Scenario):
    """Reads that sometimes fail, with a name that would be a formula."""

    defaults: ClassVar[Mapping[str, Any]] = {"wrong": ""}

    @op(weight=9)
    async def read(self, rng: Random) -> None:
        """Wait a little; fail now and then."""
        await asyncio.sleep(0.001)
        if rng.random() < 0.1:
            raise ValueError(HOSTILE)

    @op(name="=1+1")
    async def formula(self, rng: Random) -> None:
        """Do nothing."""
        await asyncio.sleep(0)

    @invariant
    def all_is_well(self) -> bool | str:
        """Hold, unless told otherwise."""
        return self.p.wrong or True


@pytest.fixture(scope="module")
def busy() -> Run:
    """A run of a second with rows, errors, and what does not hold."""
    plan = Plan(
        Busy,
        {"wrong": HOSTILE},
        closed(4, duration=1.2),
        warmup=0.3,
        raw_limit=100_000,
        objectives=("read.response.p50 < 9s", "read.error_rate == 0", "read.response.p99.99 < 1s"),
    )
    return asyncio.run(run(plan))


class TestFrame:
    @pytest.mark.parametrize("name", TABLES)
    def test_each_table_is_a_frame(self, busy: Run, name: str) -> None:
        """
        With as many rows as there are operations, seconds, errors or calls.
        """
        frame = busy.frame(name)
        parts = [part for op in busy.recorded.ops.values() for part in op.phases.values()]
        rows = {
            "operations": sum(bool(part.statuses) for part in parts),
            "series": sum(len(op.seconds) for op in busy.recorded.ops.values()),
            "errors": sum(len(part.errors) for part in parts),
            "raw": sum(part.ended for part in parts),
        }

        assert len(frame) == rows[name]
        assert len(frame)
        assert set(frame["op"]) <= {"read", "=1+1"}

    def test_the_raw_rows_add_up(self, busy: Run) -> None:
        """
        Words for statuses and phases; each count is that of the histograms.
        """
        frame = busy.frame("raw")
        read = frame[(frame["op"] == "read") & (frame["phase"] == "measured")]

        part = busy.recorded.ops["read"].measured
        assert read["status"].value_counts().to_dict() == dict(part.statuses)
        assert str(frame["lag_ns"].dtype) == "int64"

    def test_what_is_not_there(self, busy: Run) -> None:
        """
        Rows that were not kept are told with how to keep them; a wrong name with the nearest.
        """
        with pytest.raises(UsageError, match="raw_limit="):
            replace(busy, recorded=replace(busy.recorded, raw=None)).frame("raw")
        with pytest.raises(UsageError, match="did you mean `series`"):
            busy.frame("seriess")


class TestExport:
    @pytest.mark.parametrize("name", FORMATS)
    def test_a_file_tells_its_form(self, busy: Run, tmp_path: Path, name: str) -> None:
        """
        By its end, or where it is named; the file is replaced as a whole.
        """
        file = tmp_path / f"run.{SUFFIXES[name]}"
        file.write_text("before")

        assert busy.export(file) == file
        assert format_of(file) == name
        assert len(file.read_bytes()) > 100
        assert busy.export(tmp_path / "other", name).exists()
        assert sorted(p.name for p in tmp_path.iterdir()) == ["other", file.name]

    def test_what_cannot_be(self, busy: Run, tmp_path: Path) -> None:
        """
        An end that tells no form, a form or a table that is none, a folder that is none.
        """
        with pytest.raises(UsageError, match=r"'run\.pdf' does not tell a form"):
            busy.export(tmp_path / "run.pdf")
        with pytest.raises(UsageError, match="did you mean `junit`"):
            busy.export(tmp_path / "run", "junti")
        with pytest.raises(UsageError, match="no table 'x'"):
            busy.export(tmp_path / "run.csv", table="x")
        with pytest.raises(FileAccessError):
            busy.export(tmp_path / "none" / "run.csv")
        assert list(tmp_path.iterdir()) == []

    def test_json(self, busy: Run, tmp_path: Path) -> None:
        """
        What `--json` prints, but for where the run is kept.
        """
        file = replace(busy, path=tmp_path / "secret").export(tmp_path / "run.json")

        assert json.loads(busy.to_json()) == json.loads(file.read_text())
        assert "secret" not in file.read_text()

    def test_csv(self, busy: Run) -> None:
        """
        A row a second, numbers as numbers; what a spreadsheet would run is text.
        """
        rows = list(csv.DictReader(io.StringIO(export(busy, "csv").decode())))

        assert [int(row["t_s"]) for row in rows] == [
            at for op in busy.recorded.ops.values() for at in op.seconds
        ]
        assert {row["op"] for row in rows} == {"read", "'=1+1"}
        raw = export(busy, "csv", table="raw").decode().splitlines()
        assert len(raw) == 1 + len(busy.frame("raw"))
        errors = list(csv.DictReader(io.StringIO(export(busy, "csv", table="errors").decode())))
        assert errors[0]["error"] == "ValueError"

    def test_parquet(self, busy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        The same columns with their types, and the plan beside them.
        """
        from pyarrow import parquet

        for name in TABLES:
            found = parquet.read_table(io.BytesIO(export(busy, "parquet", table=name)))
            assert found.num_rows == len(busy.frame(name))
            assert found.column_names == list(busy.frame(name))
            about = json.loads(found.schema.metadata[b"oneiric_lab"])
            assert about["id"] == busy.id
            assert about["plan"]["seed"] == 0
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(MissingExtraError, match=r"oneiric-lab\[parquet\]"):
            export(busy, "parquet")

    def test_junit(self, busy: Run) -> None:
        """
        One case for each invariant, objective and for validity; the counts are right.
        """
        whole = ET.fromstring(export(busy, "junit"))
        (suite,) = whole
        cases = {case.get("name"): case for case in suite.iter("testcase")}

        assert whole.tag == "testsuites"
        assert suite.get("tests") == str(len(cases)) == "6"
        failed = {name: case.find("failure") for name, case in cases.items()}
        kinds = {n: f.get("type") for n, f in failed.items() if f is not None and n != "valid"}
        assert kinds == {
            "all_is_well": "broken",
            "read.error_rate == 0": "missed",
            "read.response.p99.99 < 1s": "unknown",
        }
        assert suite.get("failures") == str(sum(f is not None for f in failed.values()))
        assert all(case.get("classname", "").startswith("load Busy.") for case in cases.values())
        assert suite.find("system-out") is not None
        assert {p.get("name") for p in suite.iter("property")} >= {"id", "seed", "python"}

    def test_junit_of_what_does_not_count(self, busy: Run) -> None:
        """
        An invalid run and a cancelled one fail as such.
        """
        driven = replace(busy.driven, cancelled=True)
        found = replace(busy, limited_by="generator_cpu", driven=driven)
        whole = ET.fromstring(export(found, "junit"))

        kinds = {f.get("type") for f in whole.iter("failure")}
        assert {"invalid", "cancelled"} <= kinds

    def test_a_page(self, busy: Run) -> None:
        """
        Verdict, invariants, charts and errors; hostile text is text.
        """
        page = export(busy, "html").decode()

        assert "<script" not in page
        assert "alert(&#x27;x&#x27;)" in page
        assert "\x1b" not in page
        assert "\x00" not in page
        for words in (
            "load Busy: invariant broken",
            "all is well",
            "Rate over time",
            "Response of read over time",
            "Responses of read by second",
            "Distribution of the response of =1+1",
            "not met: read.error_rate == 0",
            "How it was measured",
            busy.id,
            "warm-up",
        ):
            assert words in page
        assert page.count("<svg") == 7

    def test_a_page_of_nothing(self, busy: Run) -> None:
        """
        A run that was cancelled before anything ended has a page as well.
        """
        from oneiric_lab.loadlab._recorder import Recorder

        recorder = Recorder()
        recorder.op("read")
        page = export(
            replace(busy, recorded=recorder.result(), judged=(), broken=()), "html"
        ).decode()

        assert "<svg" not in page
        assert "no objective was asked" in page

    def test_a_page_of_a_long_run(self, busy: Run) -> None:
        """
        However long it went, a chart has few steps and the page stays small.
        """
        from oneiric_lab.loadlab._recorder import Recorder

        recorder = Recorder(clock=lambda: 0)
        taker = recorder.op("read")
        for second in range(0, 90_000, 10):
            at = second * 10**9
            taker.record((at, at, at + (second % 977 + 1) * 1000))
        found = replace(busy, recorded=recorder.result())
        page = export(found, "html")

        assert len(page) < 200_000
        assert b"seconds since the start" in page
