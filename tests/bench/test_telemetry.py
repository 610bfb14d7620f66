"""What it costs to be measured: a scrape of many candidates, and a resolve that is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.lab import Lab
from oneiric_lab.registry import Candidate, Registry
from oneiric_lab.runtime import span

from .test_registry import CALLS, filled, measure

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

MANY = 10_000


@pytest.fixture
def lab(tmp_path: Path) -> Lab[Any]:
    """A workspace with many candidates, ten for each key."""
    (tmp_path / "oneiric.toml").write_text("[plugins]\nauto_load = false\n")
    found = Lab.open(tmp_path, environ={})
    with found.registry.batch():
        found.registry.add(
            *(Candidate("adapter", f"k{n // 10}", f"p{n % 10}", dict) for n in range(MANY))
        )
    found.metrics()
    return found


class TestScrape:
    """All numbers of a process as Prometheus reads them."""

    def test_a_scrape(self, benchmark: BenchmarkFixture, lab: Lab[Any]) -> None:
        benchmark.group = "scrape 10000"
        benchmark.extra_info["row"] = "a scrape"

        text = benchmark(lambda: lab.metrics().text)

        assert 'oneiric_lab_registry_candidates{domain="adapter",state="active"} 1000' in text

    def test_the_first_scrape_of_a_generation(
        self, benchmark: BenchmarkFixture, lab: Lab[Any]
    ) -> None:
        benchmark.group = "scrape 10000"
        benchmark.extra_info["row"] = "the first scrape of a generation"

        def publish() -> None:
            lab.registry.configure(lab.registry.current.rules)

        benchmark.pedantic(lambda: lab.metrics().text, setup=publish, rounds=30)


class TestCounting:
    """What is counted, beside what is not."""

    @pytest.mark.parametrize("counts", [False, True])
    def test_resolve(self, benchmark: BenchmarkFixture, counts: bool) -> None:
        live: Registry = filled(10)
        if counts:
            live.count()
        benchmark.group = "counted resolve"
        benchmark.extra_info["row"] = "registry.resolve, counted" if counts else "registry.resolve"

        def ask() -> None:
            for _ in CALLS:
                live.resolve("adapter", "k7")

        measure(benchmark, ask)

    def test_a_span_where_nobody_traces(self, benchmark: BenchmarkFixture) -> None:
        benchmark.group = "counted resolve"
        benchmark.extra_info["row"] = "a span where nobody traces"

        def ask() -> None:
            for _ in CALLS:
                with span("swap", target="adapter:cache"):
                    pass

        measure(benchmark, ask)
