"""Numbers as Prometheus reads them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.lifecycle import Buckets
from oneiric_lab.runtime import (
    CATALOGUE,
    ROOMS,
    Metric,
    Sample,
    Scrape,
    Summary,
    Telemetry,
    exposition,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneiric_lab.runtime._exposition import Value

_VALUES: dict[str, Value] = {
    "counter": 3,
    "gauge": 0.5,
    "histogram": Buckets(),
    "summary": Summary(2, 1.5),
}


@pytest.fixture(scope="session")
def promtool() -> Callable[[str], tuple[int, str]]:
    """Return what asks Prometheus's own tool about an exposition."""
    found = shutil.which("promtool")
    if found is None:
        if os.environ.get("ONEIRIC_CI"):
            pytest.fail("promtool is missing: apt-get install prometheus")
        pytest.skip("promtool is not installed (Debian: prometheus)")

    def check(text: str) -> tuple[int, str]:
        done = subprocess.run(
            [found, "check", "metrics"], input=text, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    return check


class TestExposition:
    def test_every_metric_of_the_catalogue_is_well_formed(
        self, promtool: Callable[[str], tuple[int, str]]
    ) -> None:
        """
        Prometheus's own tool finds nothing to say about any of them.
        """
        samples = [
            Sample(m, tuple((known or ("x",))[0] for known in m.labels.values()), _VALUES[m.kind])
            for m in CATALOGUE.values()
        ]

        assert promtool(exposition(samples)) == (0, "")

    def test_the_tool_would_find_a_fault(self, promtool: Callable[[str], tuple[int, str]]) -> None:
        """
        A counter without `_total` is told: the check can fail.
        """
        code, said = promtool(exposition([Sample(Metric("x", "counter", "r", "s"), (), 1)]))

        assert code == 3
        assert "_total" in said

    @given(st.text(max_size=30))
    def test_any_text_as_a_label_comes_back(self, text: str) -> None:
        """
        Quotes, backslashes and line ends are escaped so that one reading is left.
        """
        metric = Metric("m", "gauge", "r", "s", {"source": None})
        lines = exposition([Sample(metric, (text,), 1)])
        found = re.fullmatch(r'm\{source="(.*)"\} 1', lines.split("\n", 2)[2][:-1], re.DOTALL)

        assert found is not None
        assert re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), found[1]) == text
        assert lines.count("\n") == 3

    def test_a_histogram_is_cumulative(self) -> None:
        """
        Each bucket holds those below it, and the last one all.
        """
        spread = Buckets((0.5, 1.0))
        for number in (0.1, 0.7, 0.7, 5):
            spread.add(number)
        metric = Metric("m_seconds", "histogram", "r", "s", {"phase": ("a",)})

        assert exposition([Sample(metric, ("a",), spread)]).splitlines()[2:] == [
            'm_seconds_bucket{phase="a",le="0.5"} 1',
            'm_seconds_bucket{phase="a",le="1.0"} 3',
            'm_seconds_bucket{phase="a",le="+Inf"} 4',
            'm_seconds_sum{phase="a"} 6.5',
            'm_seconds_count{phase="a"} 4',
        ]

    def test_nothing_is_no_line(self) -> None:
        """
        Without samples there is no text at all.
        """
        assert exposition([]) == ""


class TestScrape:
    def test_every_label_set_is_there_before_its_first_event(self) -> None:
        """
        Closed sets are filled with 0, configured names too.
        """
        scrape = Scrape()
        scrape.table("oneiric_lab_watch_reloads_total", {"applied": 2})
        scrape.table("oneiric_lab_sync_attempts_total", {("eu", "entered"): 1}, source=["eu", "us"])
        found = {(s.metric.name, *s.labels): s.value for s in scrape.samples()}

        assert found["oneiric_lab_watch_reloads_total", "applied"] == 2
        assert found["oneiric_lab_watch_reloads_total", "refused"] == 0
        assert found["oneiric_lab_sync_attempts_total", "us", "circuit_open"] == 0
        assert len(found) == 3 + 2 * 6

    @pytest.mark.parametrize(
        ("name", "labels", "told"),
        [
            ("oneiric_lab_nothing", (), "has no metric"),
            ("oneiric_lab_registry_generation", ("a",), "has the labels none"),
            ("oneiric_lab_watch_reloads_total", ("maybe",), "outcome is one of applied, unchanged"),
        ],
    )
    def test_only_what_the_catalogue_knows_is_taken(
        self, name: str, labels: tuple[str, ...], told: str
    ) -> None:
        """
        A name, a label or a value that nobody declared is an error of the room.
        """
        with pytest.raises(ValueError, match=told):
            Scrape().put(name, 1, *labels)


class TestTelemetry:
    def test_a_room_that_fails_costs_its_own_numbers_only(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """
        The others are told, the failure is counted and logged.
        """
        telemetry = Telemetry()

        def broken(scrape: Scrape) -> None:
            raise OSError("gone")

        telemetry.rooms["store"] = broken
        telemetry.rooms["registry"] = lambda s: s.put("oneiric_lab_registry_generation", 3)
        telemetry.scrape()
        found = telemetry.scrape()

        assert found.value("oneiric_lab_registry_generation") == 3
        assert found.value("oneiric_lab_scrape_errors_total", room="store") == 2
        assert found.value("oneiric_lab_scrape_errors_total", room="remote") == 0
        assert "the metrics of store cannot be read" in caplog.text

    def test_what_is_not_there_is_no_number(self) -> None:
        """
        Asking for a metric that nobody told gives None, not 0.
        """
        assert Telemetry().scrape().value("oneiric_lab_registry_generation") is None

    def test_a_room_of_a_program_s_own_that_fails_is_told_too(self) -> None:
        """
        Under its own name.
        """
        telemetry = Telemetry()
        telemetry.rooms["mine"] = lambda scrape: scrape.put("oneiric_lab_made_up", 1)

        found = telemetry.scrape()

        assert found.value("oneiric_lab_scrape_errors_total", room="mine") == 1
        assert found.value("oneiric_lab_scrape_errors_total", room="store") == 0


class TestMetrics:
    def test_people_see_what_is_not_zero(self) -> None:
        """
        Numbers that are 0 are counted, not listed; JSON has them all.
        """
        telemetry = Telemetry()
        spread = Buckets((1.0,))
        spread.add(0.25)

        def read(scrape: Scrape) -> None:
            scrape.table("oneiric_lab_watch_reloads_total", {"applied": 2})
            scrape.table("oneiric_lab_sync_duration_seconds", {"eu": spread})
            scrape.put("oneiric_lab_store_batch_size", Summary(2, 7.0))
            scrape.put("oneiric_lab_loop_lag_seconds", 0.25)

        telemetry.rooms["runtime"] = read
        found = telemetry.scrape("process 7")

        assert str(found).splitlines()[0] == "metrics of process 7: 5"
        assert "1 in 0.25" in str(found)
        assert "2 in 7" in str(found)
        assert f"{2 + len(ROOMS)} more are 0" in str(found)
        shapes = {m["name"]: m for m in found.as_dict()["metrics"]}  # type: ignore[attr-defined]  # a list
        assert shapes["oneiric_lab_sync_duration_seconds"]["buckets"] == {"1.0": 1, "+Inf": 1}
        assert shapes["oneiric_lab_store_batch_size"]["sum"] == 7.0


class TestCatalogue:
    def test_names_follow_the_rules(self) -> None:
        """
        Counters end with `_total`, units stand last, and sentences have no end of their own.
        """
        for metric in CATALOGUE.values():
            assert (metric.kind == "counter") == metric.name.endswith("_total")
            assert not metric.says.endswith(".")
            assert metric.name.startswith(("oneiric_lab_", "process_"))

    def test_names_of_open_telemetry_have_no_unit(self) -> None:
        """
        Units are a field of their own there.
        """
        assert CATALOGUE["oneiric_lab_swap_attempts_total"].otel == "oneiric_lab.swap.attempts"
        assert CATALOGUE["process_open_fds"].otel == "process.open_file_descriptor.count"
        assert CATALOGUE["oneiric_lab_loop_lag_seconds"].otel == "oneiric_lab.loop.lag"
        units = {name: metric.unit for name, metric in CATALOGUE.items()}
        assert units["oneiric_lab_artifact_store_size_bytes"] == "By"
        assert units["process_cpu_seconds_total"] == "s"
        assert units["oneiric_lab_swap_attempts_total"] == "1"
