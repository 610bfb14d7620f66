"""Spans where somebody traces, and nothing where nobody does."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from oneiric_lab.errors import MissingExtraError
from oneiric_lab.runtime import is_tracing, span, trace_context, trace_spans
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oneiric_lab.lab import Lab


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Trace into memory for the time of a test."""
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    trace_spans(provider)
    yield kept
    trace_spans(on=False)


class TestSpan:
    def test_where_nobody_traces_nothing_is_made_or_loaded(self) -> None:
        """
        One object serves all, and OpenTelemetry is not imported.
        """
        code = (
            "import sys\nfrom oneiric_lab.runtime import span\n"
            "assert span('a', x=1) is span('b')\n"
            "assert not [m for m in sys.modules if m.startswith('opentelemetry')]"
        )
        subprocess.run([sys.executable, "-c", code], check=True)

        assert not is_tracing()
        assert trace_context() == {}

    def test_a_span_has_its_facts(self, spans: InMemorySpanExporter) -> None:
        """
        What is known before and what is found out, and where a log record belongs.
        """
        with span("sync", source="eu") as one:
            inside = trace_context()
            one.set(outcome="entered")
        (found,) = spans.get_finished_spans()

        assert found.name == "oneiric_lab.sync"
        assert dict(found.attributes or {}) == {
            "oneiric_lab.source": "eu",
            "oneiric_lab.outcome": "entered",
        }
        assert inside["trace_id"] == f"{found.context.trace_id:032x}"
        assert trace_context() == {}

    def test_an_error_is_told_by_its_kind_only(self, spans: InMemorySpanExporter) -> None:
        """
        Its message may hold what must not leave the process.
        """
        with pytest.raises(OSError, match="s3cr3t"), span("run"):
            raise OSError("s3cr3t")
        (found,) = spans.get_finished_spans()

        assert found.status.description == "OSError"
        assert "s3cr3t" not in found.to_json()

    def test_without_the_extra_it_says_how_to_have_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Asking for spans is refused with the command that brings them.
        """
        monkeypatch.setitem(sys.modules, "opentelemetry", None)

        with pytest.raises(MissingExtraError, match=r"oneiric-lab\[otel\]"):
            trace_spans()


class TestRuns:
    def test_a_run_and_each_of_its_nodes_is_a_span(self, spans: InMemorySpanExporter) -> None:
        """
        Nodes stand below their run, and say what became of them.
        """
        nodes = [{"id": "a", "task": "do"}, {"id": "b", "task": "do", "depends_on": ["a"]}]
        with Workspace() as workspace:
            lab = workspace.project(
                {
                    "plugins": {"auto_load": False},
                    "workflows": {"dags": {"nightly": {"nodes": nodes}}},
                }
            ).open()
            lab.component("task:do", provider="a", version="1.0")(_Do)
            assert lab.workflows.run_here("nightly").ok
        found = {
            (s.attributes or {}).get("oneiric_lab.node"): s for s in spans.get_finished_spans()
        }
        run = found[None]

        assert set(found) == {"a", "b", None}
        assert run.name == "oneiric_lab.run"
        assert (run.attributes or {})["oneiric_lab.outcome"] == "done"
        for name in ("a", "b"):
            parent = found[name].parent
            assert parent is not None
            assert parent.span_id == run.context.span_id
            assert (found[name].attributes or {})["oneiric_lab.outcome"] == "done"


class _Do:
    def run(self) -> str:
        return "done"


class TestLab:
    def test_a_swap_is_a_span_and_a_resolve_is_none(self, spans: InMemorySpanExporter) -> None:
        """
        What is done to a component is traced, what is asked a million times is not.
        """

        async def main(lab: Lab[Any]) -> None:
            async with lab.running() as life:
                async with life.lease("adapter", "cache"):
                    lab.registry.resolve("adapter", "cache")
                await lab.swap("adapter:cache", "b")

        with Workspace() as workspace:
            lab = workspace.project("[plugins]\nauto_load = false\n").open()
            for provider in ("a", "b"):
                lab.component("adapter:cache", provider=provider)(dict)
            asyncio.run(main(lab))
        (found,) = spans.get_finished_spans()

        assert found.name == "oneiric_lab.swap"
        assert (found.attributes or {})["oneiric_lab.outcome"] == "committed"
