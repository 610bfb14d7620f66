"""Our numbers at OpenTelemetry's: read when it collects, and nothing where nobody does."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from oneiric_lab.errors import MissingExtraError
from oneiric_lab.lifecycle import Buckets
from oneiric_lab.runtime import CATALOGUE, Summary, Telemetry, bridge_metrics

if TYPE_CHECKING:
    from oneiric_lab.runtime import Scrape


class Counting:
    """A room that says how often it was read."""

    def __init__(self) -> None:
        self.reads = 0

    def __call__(self, scrape: Scrape) -> None:
        """Say it, and some others."""
        self.reads += 1
        spread = Buckets((0.1, 1.0))
        for value in (0.05, 0.5, 7.0):
            spread.add(value)
        scrape.put("oneiric_lab_registry_generation", self.reads)
        scrape.table("oneiric_lab_watch_reloads_total", {"applied": 2})
        scrape.put("oneiric_lab_sync_duration_seconds", spread, "eu")
        scrape.put("oneiric_lab_store_batch_size", Summary(2, 7.0))


def collected(reader: InMemoryMetricReader) -> dict[str, Any]:
    """Return name to metric of one collection."""
    data = reader.get_metrics_data()
    if data is None:
        return {}
    return {
        metric.name: metric
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def points(metric: Any) -> dict[tuple[str, ...], float]:
    """Return values of attributes to numbers."""
    return {tuple(p.attributes.values()): p.value for p in metric.data.data_points}


@pytest.fixture
def room() -> Counting:
    """Return a room."""
    return Counting()


@pytest.fixture
def telemetry(room: Counting) -> Telemetry:
    """Return what reads the room."""
    telemetry = Telemetry()
    telemetry.rooms["mine"] = room
    return telemetry


class TestBridge:
    def test_each_number_has_its_name_unit_and_attributes(self, telemetry: Telemetry) -> None:
        """
        Counters are monotonic sums, gauges the last value; a histogram is what Prometheus has.
        """
        reader = InMemoryMetricReader()
        bridge_metrics(telemetry, MeterProvider([reader]))
        found = collected(reader)

        reloads = found["oneiric_lab.watch.reloads"]
        assert points(reloads) == {("applied",): 2, ("unchanged",): 0, ("refused",): 0}
        assert reloads.data.is_monotonic
        assert reloads.description == f"{CATALOGUE['oneiric_lab_watch_reloads_total'].says}."
        assert points(found["oneiric_lab.registry.generation"]) == {(): 1}
        assert points(found["oneiric_lab.sync.duration.bucket"]) == {
            ("eu", "0.1"): 1,
            ("eu", "1.0"): 2,
            ("eu", "+Inf"): 3,
        }
        assert points(found["oneiric_lab.sync.duration.sum"]) == {("eu",): 7.55}
        assert found["oneiric_lab.sync.duration.sum"].unit == "s"
        assert points(found["oneiric_lab.store.batch_size.count"]) == {(): 2}
        assert points(found["oneiric_lab.store.batch_size.sum"]) == {(): 7}

    def test_a_collection_is_one_scrape(self, telemetry: Telemetry, room: Counting) -> None:
        """
        However many instruments there are; before one, nothing is read.
        """
        reader = InMemoryMetricReader()
        bridge_metrics(telemetry, MeterProvider([reader]))
        assert room.reads == 0

        for n in (1, 2, 3):
            assert points(collected(reader)["oneiric_lab.registry.generation"]) == {(): n}
        assert room.reads == 3

    def test_what_was_ended_tells_nothing(self, telemetry: Telemetry, room: Counting) -> None:
        """
        OpenTelemetry keeps its instruments, and asks no room any more.
        """
        reader = InMemoryMetricReader()
        end = bridge_metrics(telemetry, MeterProvider([reader]))

        end()

        assert collected(reader) == {}
        assert room.reads == 0

    def test_every_name_is_one_that_opentelemetry_takes(self, telemetry: Telemetry) -> None:
        """
        Its own rule is of 255 letters; no two instruments share a name.
        """
        made: list[str] = []
        provider = MeterProvider([InMemoryMetricReader()])
        meter = provider.get_meter("oneiric_lab")
        for name in ("create_observable_counter", "create_observable_gauge"):
            make = getattr(meter, name)

            def seen(name: str, *args: Any, make: Any = make) -> Any:
                made.append(name)
                return make(name, *args)

            setattr(meter, name, seen)
        provider.get_meter = lambda *_, **__: meter  # type: ignore[method-assign]  # it hands out that one

        bridge_metrics(telemetry, provider)

        assert len(made) == len({name.lower() for name in made}) >= len(CATALOGUE)
        assert all(name.isascii() and len(name) <= 255 for name in made)

    def test_without_the_extra_it_says_what_to_install(
        self, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        And where nobody asks for it, OpenTelemetry is not loaded.
        """
        monkeypatch.setitem(sys.modules, "opentelemetry", None)
        with pytest.raises(MissingExtraError, match="oneiric-lab\\[otel\\]"):
            bridge_metrics(telemetry)

        code = (
            "import sys\nfrom oneiric_lab.lab import Lab\nlab = Lab.sample()\nlab.metrics()\n"
            "import oneiric_lab.runtime._meters\n"
            "assert not [m for m in sys.modules if m.startswith('opentelemetry')]"
        )
        subprocess.run([sys.executable, "-c", code], check=True)


class TestThreads:
    def test_a_table_that_grows_while_it_is_read_is_read_again(self) -> None:
        """
        A collection comes from a thread of its own, and numbers change meanwhile.
        """
        tries: list[int] = []

        def read(scrape: Scrape) -> None:
            tries.append(1)
            if len(tries) == 1:
                raise RuntimeError("dictionary changed size during iteration")
            scrape.put("oneiric_lab_registry_generation", 5)

        telemetry = Telemetry()
        telemetry.rooms["registry"] = read
        found = telemetry.scrape()

        assert found.value("oneiric_lab_registry_generation") == 5
        assert found.value("oneiric_lab_scrape_errors_total", room="registry") == 0
