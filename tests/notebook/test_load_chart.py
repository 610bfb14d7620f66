"""The live chart of a load run, without a browser: what travels, when, and how much."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import UsageError
from oneiric_lab.jobs import Owner
from oneiric_lab.lab import LoadJob, Loads
from oneiric_lab.lab._load import _Orders
from oneiric_lab.loadlab import Course, Plan, Scenario, closed, op
from oneiric_lab.loadlab._figures import BANDS, Live, Snapshot
from oneiric_lab.views import MIME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from .conftest import Wire

pytest.importorskip("anywidget", reason="needs oneiric-lab[notebook]")

LIMIT = 30.0
LONG = 123_456_789
NONSENSE: tuple[Any, ...] = ({"do": "rm"}, {"do": None}, {"do": 3}, {}, [], "cancel", None)
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class Shop(Scenario):
    """Readers, and swaps beside them."""

    @op()
    async def read(self, rng: Random) -> None:
        """Wait."""
        await asyncio.sleep(0.001)

    @op(rate=20)
    async def swap(self, rng: Random) -> None:
        """Do nothing."""


@pytest.fixture
def runs() -> Iterator[Loads]:
    """Return what starts load runs."""
    with Owner() as owner:
        yield Loads(lambda: owner)


def last(wire: type[Wire]) -> Wire:
    """Return the connection of the newest chart."""
    return next(w for w in reversed(wire.made) if "plan" in w.sent[0]["data"]["state"])


def tick(at: float, names: list[str], number: int = 10**6) -> Snapshot:
    """Return a tick as long as it can be."""
    each = Live(
        {"ok": number / 3, "error": number / 7},
        p50=LONG,
        p90=LONG,
        p99=LONG,
        p999=LONG,
        max=LONG,
        total=number,
        service=(LONG, LONG),
        lag=(LONG, LONG),
        bands=dict.fromkeys(("response", "service", "lag"), (number,) * BANDS),
    )
    return Snapshot(at, 0.25, "measured", dict.fromkeys(names, each), number)


class TestLoadChart:
    def test_a_run_from_its_beginning_to_its_end(self, wire: type[Wire], runs: Loads) -> None:
        """
        The stage goes from waiting to ended; every tick travels once; the end is in words.
        """
        from oneiric_lab.notebook.widgets._load import LoadChart, chart_of

        job = runs.run(Shop, users=5, duration="1.2s")
        shown = chart_of(job)
        assert isinstance(shown, LoadChart)
        sent = last(wire)
        job.result(LIMIT)
        while shown.stage != "ended":
            time.sleep(0.01)

        assert sent.state("stage") == ["waiting", "running", "ended"]
        numbers = [tick[0] for tick in sent.told("tick")]
        assert numbers == list(range(1, job.course.count + 1))
        assert sent.state("plan")[0]["operations"] == [
            {"name": "read", "event": False},
            {"name": "swap", "event": True},
        ]
        end = sent.state("end")[-1]
        assert end["title"] == "load Shop: passed"
        assert ["ok", "the measurement is valid"] in end["notes"]
        assert all(len(json.dumps(tick)) < 1024 for tick in sent.told("tick"))

    def test_buttons_call_the_job(self, wire: type[Wire], runs: Loads) -> None:
        """
        Pause, resume and cancel are what a cell could say; anything else does nothing.
        """
        from oneiric_lab.notebook.widgets._load import chart_of

        job = runs.run(Shop, duration=600)
        shown = chart_of(job)
        sent = last(wire)
        for nonsense in NONSENSE:
            sent.click(nonsense)
        wait(lambda: shown.stage == "running")
        sent.click({"do": "pause"})
        wait(lambda: shown.stage == "paused")
        sent.click({"do": "resume"})
        wait(lambda: shown.stage == "running")
        sent.click({"do": "cancel"})
        run = job.result(LIMIT)
        wait(lambda: shown.stage == "cancelled")

        assert run.driven.cancelled
        assert run.driven.paused > 0.1
        assert sent.state("end")[-1]["title"] == "load Shop: cancelled, partial"

    def test_a_failure_is_told(self, wire: type[Wire], runs: Loads) -> None:
        """
        A run that could not begin says why, in text and not as HTML.
        """
        from oneiric_lab.notebook.widgets._load import chart_of

        class Broken(Shop):
            async def setup(self) -> None:
                """Fail."""
                raise ValueError("<script>alert(1)</script>\x1b[31m")

        job = runs.run(Broken)
        shown = chart_of(job)
        wait(lambda: job.is_ended and shown.stage == "failed")
        end = last(wire).state("end")[-1]

        assert end["tone"] == "bad"
        assert "ValueError" in json.dumps(end)
        assert "\x1b" not in "".join(text for _, text in end["notes"])
        assert "<script>" not in shown.to_html()

    def test_who_comes_later_gets_all(self, wire: type[Wire], runs: Loads) -> None:
        """
        A page that was loaded anew, and one that missed a tick, get every tick so far.
        """
        from oneiric_lab.notebook.widgets._load import chart_of

        job = runs.run(Shop, duration="0.8s")
        shown = chart_of(job)
        job.result(LIMIT)
        wait(lambda: shown.stage == "ended")
        past = shown.get_state("past")["past"]
        last(wire).click({"do": "whole"})

        assert past["count"] == job.course.count == len(past["ticks"])
        assert last(wire).told("whole") == [past]

    def test_its_snapshot_and_its_live_view(self, wire: type[Wire], runs: Loads) -> None:
        """
        The four forms of an output, and what becomes of them when the kernel is gone.
        """
        from oneiric_lab.notebook.widgets._load import chart_of

        job = runs.run(Shop, duration=600)
        shown = chart_of(job)
        wait(lambda: shown.stage == "running")
        going_on = shown._repr_mimebundle_()
        job.cancel()
        job.result(LIMIT)
        ended = shown._repr_mimebundle_()

        assert set(going_on) == {MIME, "text/html", "text/plain", WIDGET_VIEW}
        assert "the live chart needs the kernel" in str(going_on["text/plain"])
        assert "live chart" not in str(ended["text/plain"])
        assert "rate over time" in str(ended["text/html"])
        assert "<script" not in str(ended["text/html"])
        assert repr(shown) == "<LoadChart: load Shop: cancelled, partial>"

    def test_one_chart_for_a_job(self, wire: type[Wire], runs: Loads) -> None:
        """
        To show a job again is another view of the same chart; what is chosen is kept.
        """
        from oneiric_lab.notebook.widgets._load import chart_of

        job = runs.run(Shop, duration="0.1s")
        first = chart_of(job, metric="lag")
        again = chart_of(job, operation="swap")

        assert again is first
        assert (first.metric, first.operation) == ("lag", "swap")

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"metric": "latency"}, "known: lag, response, service"),
            ({"operation": "reed"}, "did you mean `read`"),
        ],
    )
    def test_misuse(
        self, wire: type[Wire], runs: Loads, options: dict[str, str], words: str
    ) -> None:
        """
        A metric or an operation that there is not is told with the nearest one.
        """
        from oneiric_lab.notebook.widgets._load import chart_of

        with pytest.raises(UsageError, match=words):
            chart_of(runs.run(Shop, duration="0.1s"), **options)


class TestSize:
    def test_a_tick_takes_a_kilobyte(self, wire: type[Wire], idle: Any) -> None:
        """
        However many operations a scenario has, and however large their figures are.
        """
        from oneiric_lab.notebook.widgets._load import LoadChart

        body = {f"operation_{n}": op()(named(f"operation_{n}")) for n in range(30)}
        many = type("Many", (Scenario,), body)
        job = idle(Course(Plan(many, load=closed(1))))
        shown = LoadChart(job)
        packed = shown.packed(10**5, tick(99_999.25, list(body), 10**12))

        assert len(json.dumps(packed)) <= 1024

    def test_a_long_run_is_thinned(self, wire: type[Wire], idle: Any) -> None:
        """
        What a late view gets is no longer than what it can draw, and nothing in it is lost.
        """
        from oneiric_lab.notebook.widgets._load import MOST_TICKS, LoadChart

        course = Course(Plan(Shop, load=closed(1, duration=600)))
        for number in range(1, 1_004):
            course.add(tick(number * 0.25, ["read", "swap"]))
        whole: Any = LoadChart(idle(course)).whole()

        assert MOST_TICKS / 2 < len(whole["ticks"]) <= MOST_TICKS
        assert whole["count"] == 1_003
        assert sum(t[2] for t in whole["ticks"]) == pytest.approx(1_003 * 0.25)


def named(name: str) -> Any:
    """Return an operation that does nothing."""

    async def nothing(self: Any, rng: Random) -> None:
        """Do nothing."""

    nothing.__name__ = name
    return nothing


@pytest.fixture
def idle(runs: Loads) -> Iterator[Any]:
    """Return what makes a job that nobody runs."""
    loop = asyncio.new_event_loop()
    yield lambda course: LoadJob(
        "load", loop, time.monotonic, loads=runs, course=course, orders=_Orders()
    )
    loop.close()


def wait(until: Any) -> None:
    """Wait for what should come to be so."""
    end = time.monotonic() + LIMIT
    while not until():
        assert time.monotonic() < end
        time.sleep(0.01)
