"""The explorer without a browser: what travels, what its messages call, and its snapshot."""

from __future__ import annotations

import asyncio
import json
import time
from array import array
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import NoCandidateError, UsageError
from oneiric_lab.lab import Lab
from oneiric_lab.registry import Candidate
from oneiric_lab.views import MIME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import Wire

pytest.importorskip("anywidget", reason="needs oneiric-lab[notebook]")

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
NONSENSE: tuple[Any, ...] = (
    {"do": "explain"},
    {"do": "explain", "target": 3},
    {"do": "plan"},
    {"do": "plan", "target": "adapter:cache", "asked": []},
    {"do": "__init__"},
    None,
)


def candidate(domain: str, key: str, provider: str, factory: Any = "", **facts: Any) -> Candidate:
    """Return a candidate, with its facts as people write them."""
    return Candidate(domain, key, provider, factory, **facts)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab[Any]]:
    """Return a workspace whose cache is redis by its priority."""
    (tmp_path / "oneiric.toml").write_text("[plugins]\nauto_load = false\n[flags]\ncloud = false\n")
    made = Lab.open(tmp_path, environ={})
    made.registry.add(
        candidate("adapter", "cache", "redis", priority=10, capabilities="kv"),
        candidate("adapter", "cache", "memory", dict, capabilities="kv", source_name="shop"),
        candidate("adapter", "cache", "dynamo", priority=99, enabled_by="cloud"),
        candidate("service", "shop", "own", requires=["adapter:cache>=0", "adapter:disk"]),
    )
    with made:
        yield made


@pytest.fixture
def big(lab: Lab[Any]) -> Lab[Any]:
    """Return the same with more rows than travel at once."""
    lab.registry.add(*(candidate("task", f"t{n}", f"p{n % 3}") for n in range(1_500)))
    return lab


def sheets(grid: Wire) -> list[tuple[dict[str, Any], bytes]]:
    """Return each sheet that was sent, with its codes."""
    first = (grid.sent[0]["data"]["state"]["sheet"], grid.buffers[0][0])
    more = [
        (data["state"]["sheet"], buffers[0])
        for data, buffers in zip(grid.sent[1:], grid.buffers[1:], strict=True)
        if "sheet" in data.get("state", {})
    ]
    return [first, *more]


def unpacked(sheet: dict[str, Any], cells: Any, name: str) -> list[Any]:
    """Return a column as a page reads it."""
    column = next(column for column in sheet["columns"] if column["name"] == name)
    values: list[Any] = column["values"]
    width, at, count = column["width"], column["at"], sheet["count"]
    if not width:
        return values * int(count)
    codes: Any = array({1: "B", 2: "H", 4: "I"}[width], bytes(cells)[at : at + count * width])
    return [values[code] for code in codes]


def busy(until: Any) -> None:
    """Be a cell that does nothing but compute, until it is interrupted."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if until():
            raise KeyboardInterrupt


def of(wire: type[Wire], trait: str) -> Wire:
    """Return the connection of the newest widget that has this trait."""
    return next(w for w in reversed(wire.made) if trait in w.sent[0]["data"]["state"])


class TestExplorer:
    def test_rows_travel_once(self, wire: type[Wire], lab: Lab[Any]) -> None:
        """
        Dictionaries as JSON, codes as one buffer; a page that comes later asks for the same.
        """
        from oneiric_lab.notebook.widgets._explorer import explorer

        shown = explorer(lab)
        grid = of(wire, "sheet")
        sheet = grid.sent[0]["data"]["state"]["sheet"]
        assert (sheet["count"], sheet["generation"]) == (4, lab.registry.generation)
        columns = {column["name"]: column for column in sheet["columns"]}
        assert columns["provider"]["values"] == ["dynamo", "memory", "own", "redis"]
        cells = bytes(grid.buffers[0][0])
        assert list(cells[columns["provider"]["at"] :][:4]) == [3, 1, 0, 2]

        grid.click({"do": "whole"})
        assert grid.state("sheet")[1]["columns"] == sheet["columns"]
        assert bytes(grid.buffers[-1][0]) == cells
        assert repr(shown) == "<Explorer: 2 components, 4 candidates>"

    def test_a_hundred_thousand_rows_are_small(self, lab: Lab[Any]) -> None:
        """
        What 100,000 candidates take on their way to the browser is 2 MB at most.
        """
        from oneiric_lab.notebook.widgets._columns import Packer

        lab.registry.add(
            *(
                candidate(
                    "task", f"job{n // 4}", f"provider{n % 4}", source_name=f"package{n % 40}"
                )
                for n in range(100_000)
            )
        )
        columns, cells = Packer().whole(lab.candidates().columns)

        assert len(json.dumps(columns)) + len(cells) <= 2_000_000

    def test_a_row_opens_its_explanation(self, wire: type[Wire], lab: Lab[Any]) -> None:
        """
        A row calls what `lab.explain` is made of, and Escape closes it.
        """
        from oneiric_lab.notebook.widgets._explorer import explorer

        shown = explorer(lab)
        grid = of(wire, "sheet")
        grid.click({"do": "explain", "target": "adapter:cache"})
        assert shown.explanation.target == "adapter:cache"
        assert grid.told("explained") == ["adapter:cache"]
        grid.click({"do": "explain", "target": "adapter:gone"})
        assert "no candidate for adapter:gone" in json.dumps(grid.told("failed"))
        grid.click({"do": "close"})
        assert shown.explanation.contest is None

    @pytest.mark.parametrize("said", NONSENSE)
    def test_nonsense_does_nothing(self, wire: type[Wire], lab: Lab[Any], said: Any) -> None:
        """
        A message that is none of ours leaves everything as it is.
        """
        from oneiric_lab.notebook.widgets._explorer import explorer

        shown = explorer(lab)
        shown.explanation.show("adapter:cache")
        of(wire, "sheet").click(said)
        of(wire, "contest").click(said)

        assert shown.explanation.target == "adapter:cache"
        assert lab.registry.current.winner("adapter", "cache") is not None

    def test_its_snapshot_and_its_live_view(self, wire: type[Wire], lab: Lab[Any]) -> None:
        """
        The four forms of an output; the snapshot is what the filter leaves, and small.
        """
        from oneiric_lab.notebook.widgets._explorer import explorer

        lab.registry.add(*(candidate("task", f"t{n}", "p" * 200) for n in range(500)))
        whole = explorer(lab)._repr_mimebundle_()
        few = explorer(lab, "redis", state="active")._repr_mimebundle_()

        assert set(whole) == {MIME, "text/html", "text/plain", WIDGET_VIEW}
        assert len(json.dumps(whole[MIME])) <= 16 * 1024
        assert "<script" not in str(whole["text/html"])
        assert "more" in str(whole["text/plain"])
        assert "the live explorer needs the kernel" in str(few["text/plain"])
        assert "redis" in str(few["text/plain"])
        assert "memory" not in str(few["text/plain"])

    def test_a_filter_to_begin_with(self, wire: type[Wire], lab: Lab[Any]) -> None:
        """
        It takes the words of `Listing.where`, and refuses the same.
        """
        from oneiric_lab.notebook.widgets._explorer import explorer

        shown = explorer(lab, "cache", state={"active"}, priority=(0, 20), rank=1, sort="-rank")
        assert shown.grid.asked == {
            "text": "cache",
            "where": {"state": ["active"], "priority": {"range": [0, 20]}, "rank": [1]},
            "sort": "-rank",
        }
        assert [row["provider"] for row in shown.as_dict()["components"]] == ["redis"]  # type: ignore[attr-defined]  # rows
        with pytest.raises(UsageError, match="did you mean `state`"):
            explorer(lab, stat="x")
        with pytest.raises(UsageError, match="no lab to explore"):
            explorer(None)  # type: ignore[arg-type]  # wrong on purpose

    def test_it_follows(self, wire: type[Wire], lab: Lab[Any]) -> None:
        """
        A publish is told within a second, with the rows of what it touched only.
        """
        from oneiric_lab.notebook.widgets._explorer import MOST_CHANGED, explorer

        shown = explorer(lab)
        shown.explanation.show("adapter:cache")
        grid = of(wire, "sheet")
        lab.registry.add(candidate("adapter", "cache", "new", priority=500))
        wait(lambda: grid.told("delta"))
        delta = grid.told("delta")[0]
        assert (delta["number"], delta["generation"]) == (1, lab.registry.generation)
        assert (delta["components"], delta["count"]) == (["adapter:cache"], 4)
        provider = next(c for c in delta["columns"] if c["name"] == "provider")
        assert provider["add"] == [[2, "new"]]
        wait(lambda: len(shown.explanation.contest["candidates"]) == 4)

        lab.registry.configure(lab.registry.current.rules)
        wait(lambda: len(grid.told("delta")) == 2)
        assert grid.told("delta")[1]["count"] == 0
        grid.click({"do": "whole"})
        sheet = grid.state("sheet")[-1]
        assert (sheet["number"], sheet["count"]) == (2, 5)
        lab.registry.add(*(candidate("task", f"t{n}", "x") for n in range(MOST_CHANGED + 1)))
        wait(lambda: len(grid.state("sheet")) == 3)
        assert grid.state("sheet")[-1]["number"] == 3
        lab.close()
        explorer(lab)

    def test_of_many_the_first_ones_come_first(self, wire: type[Wire], big: Lab[Any]) -> None:
        """
        A beginning that says of how many, then all, in the same order; changes follow.
        """
        from oneiric_lab.notebook.widgets._explorer import FIRST, explorer

        shown = explorer(big)
        grid = of(wire, "sheet")
        begun = grid.state("sheet")[0]
        whole = big.candidates()
        assert (begun["number"], begun["count"], begun["total"]) == (0, FIRST, len(whole))
        wait(lambda: len(grid.state("sheet")) == 2)
        sheet = grid.state("sheet")[1]
        assert (sheet["number"], sheet["count"]) == (1, len(whole))
        assert "total" not in sheet
        for name in ("component", "provider", "state", "rank"):
            found = [unpacked(s, b, name) for s, b in sheets(grid)]
            assert found == [[*whole.columns[name]][:FIRST], [*whole.columns[name]]]

        big.registry.add(candidate("adapter", "cache", "new", priority=500))
        wait(lambda: grid.told("delta"))
        assert (grid.told("delta")[0]["number"], grid.told("delta")[0]["count"]) == (2, 4)
        assert not shown.grid.is_begun

    def test_a_beginning_looks_as_all_do(self, wire: type[Wire], big: Lab[Any]) -> None:
        """
        Its snapshot is that of all rows; what asks for more than these has all of them.
        """
        from oneiric_lab.notebook.widgets._explorer import explorer

        explorer(big)
        big.close()
        shown = explorer(big)  # nothing will follow
        assert not shown.grid.is_begun
        listing = big.candidates()
        for asked in ({}, {"text": "t1499"}, {"sort": "-component"}):
            shown.grid.listing = big.candidates(most=1000)
            shown.grid.asked = asked
            found = shown._repr_mimebundle_()
            shown.grid.listing = listing
            assert found == shown._repr_mimebundle_()
        shown.grid.listing = big.candidates(most=1000)
        shown.grid.asked = {}
        assert shown.as_dict() == listing.as_dict()
        assert not explorer(big, "t1").grid.is_begun

    @pytest.mark.parametrize("end", ["close", "cancel"])
    def test_nothing_is_lost_where_following_ends(
        self, wire: type[Wire], big: Lab[Any], end: str
    ) -> None:
        """
        A lab that its cell closes at once, or a job that is cancelled: all rows come all the same.
        """
        from oneiric_lab.notebook.widgets._explorer import explorer

        shown = explorer(big)
        if end == "cancel":
            wait(lambda: [job.state for job in big._jobs().jobs] == ["running"])
            big._jobs().jobs[0].cancel()
        else:
            big.close()
        grid = of(wire, "sheet")
        wait(lambda: len(grid.state("sheet")) == 2)
        assert grid.state("sheet")[1]["count"] == 1504
        assert not shown.grid.is_begun

    def test_a_busy_cell(self, wire: type[Wire], big: Lab[Any]) -> None:
        """
        All rows are sent while the main thread does something else, as an interrupt ends it.
        """
        from oneiric_lab.notebook.widgets._explorer import explorer

        explorer(big)
        grid = of(wire, "sheet")
        with pytest.raises(KeyboardInterrupt):
            busy(until=lambda: len(grid.state("sheet")) == 2)
        assert grid.state("sheet")[1]["count"] == 1504

    def test_what_runs(self, wire: type[Wire], lab: Lab[Any]) -> None:
        """
        Leases and health of what is in force stand in the row of who provides it.
        """
        from oneiric_lab.notebook.widgets._explorer import explorer

        shown = explorer(lab)
        lab.registry.add(candidate("adapter", "cache", "dict", dict, priority=500))

        async def hold() -> list[Any]:
            async with lab.running() as life, life.handle("adapter", "cache").lease():
                shown.look()
                return [*shown.grid.listing.where(health="healthy").rows]

        found = asyncio.run(hold())
        assert [(r["provider"], r["leases"], r["health"]) for r in found] == [
            ("dict", 1, "healthy")
        ]
        shown.look()
        assert "health" not in shown.grid.listing.columns


class TestExplanation:
    def test_what_travels(self, wire: type[Wire], lab: Lab[Any]) -> None:
        """
        The order of precedence as data, the facts of each candidate, and what lifts refusals.
        """
        from oneiric_lab.notebook.widgets._explanation import Explanation

        shown = Explanation(lab, "adapter:cache")
        sent = of(wire, "contest").state("contest")[0]
        assert [field for field, _ in sent["order"]] == [
            "selected",
            "preferred",
            "priority",
            "stack_level",
            "source_rank",
            "version",
        ]
        assert [c["label"] for c in sent["candidates"]] == ["dynamo", "memory", "redis"]
        assert sent["candidates"][0]["refusals"] == [
            ["disabled", "is disabled: the flag `cloud` is off", "flag"]
        ]
        assert sent["flags"] == {"cloud": False}
        assert shown.as_dict() == lab.explain("adapter:cache").as_dict()
        assert repr(shown) == "<Explanation: explain adapter:cache -> redis 0>"

    def test_the_chain_of_requirements(self, lab: Lab[Any]) -> None:
        """
        Each line says what is required and who provides it; a cycle is drawn once.
        """
        from oneiric_lab.notebook.widgets._contest import MOST_LINES, requirements

        lab.registry.add(
            candidate("adapter", "disk", "ssd", requires="service:shop"),
            candidate("service", "all", "x", requires=[f"task:t{n}" for n in range(200)]),
        )
        found = list(requirements(lab.registry.current, "service:shop"))
        assert found == [
            [0, "ok", "adapter:cache >=0 → redis 0"],
            [0, "bad", "adapter:disk → nothing"],
        ]
        many = list(requirements(lab.registry.current, "service:all"))
        assert len(many) == MOST_LINES + 1
        assert many[-1] == [0, "quiet", "and 100 more"]
        lab.registry.add(
            candidate("task", "a", "a", requires=["task:b", "task:c"]),
            candidate("task", "b", "b", requires="task:c"),
            candidate("task", "c", "c"),
        )
        assert list(requirements(lab.registry.current, "task:a")) == [
            [0, "ok", "task:b → b 0"],
            [1, "ok", "task:c → c 0"],
            [0, "quiet", "task:c → c 0, as above"],
        ]

    def test_plan_this(self, wire: type[Wire], lab: Lab[Any]) -> None:
        """
        What the configuration can say is planned, by the code that is shown, and not applied.
        """
        from oneiric_lab.notebook.widgets._explanation import Explanation

        Explanation(lab, "adapter:cache")
        sent = of(wire, "contest")
        asked = {"select": "memory", "flags": {"cloud": True}, "priority": {"redis": 5}}
        sent.click({"do": "plan", "target": "adapter:cache", "asked": asked})
        planned = sent.told("planned")[0]
        changes = {"adapters.selections.cache": "memory", "flags.cloud": True}

        assert planned["code"] == f"lab.plan({changes!r})"
        assert planned["view"]["title"] == lab.plan(changes).view().title
        assert "redis itself says its priority" in json.dumps(planned["view"])
        assert str(lab.explain("adapter:cache").winner) == "redis 0"  # type: ignore[union-attr]  # a component

    def test_a_priority_that_the_configuration_infers(
        self, wire: type[Wire], lab: Lab[Any]
    ) -> None:
        """
        Who states none gets it from the stack order, where its package stands.
        """
        from oneiric_lab.notebook.widgets._explanation import Explanation

        shown = Explanation(lab, "adapter:cache")
        changes, unset, left = shown.changes(
            {"select": None, "priority": {"memory": 50, "nobody": 1}, "need": ["kv"]}
        )
        assert changes == {"stack.order": ["shop:50"]}
        assert unset == ["adapters.selections.cache"]
        assert left == ["capabilities are asked for by code: lab.handle(..., need=, prefer=)"]
        winner = lab.plan(changes).generation.winners()["adapter:cache"]  # type: ignore[union-attr]  # it is ok
        assert winner.provider == "memory"

    def test_what_is_refused_is_told(self, wire: type[Wire], lab: Lab[Any]) -> None:
        """
        A plan that cannot be made is answered by its reason, in the page.
        """
        from oneiric_lab.notebook.widgets._explanation import Explanation

        Explanation(lab, "adapter:cache")
        sent = of(wire, "contest")
        sent.click({"do": "plan", "target": "adapter:cache", "asked": {"flags": {"a b": True}}})
        assert sent.told("failed") or sent.told("planned")
        with pytest.raises(NoCandidateError, match="did you mean `adapter:cache`"):
            Explanation(lab, "adapter:cachs")

    def test_without_a_component(self, wire: type[Wire], lab: Lab[Any]) -> None:
        """
        Before a row was opened there is nothing to say.
        """
        from oneiric_lab.notebook.widgets._explanation import Explanation

        shown = Explanation(lab)
        assert shown.as_dict() == {"target": None}
        assert "no component is chosen" in shown.to_text()


def wait(until: Any) -> None:
    """Wait for what should come to be so."""
    end = time.monotonic() + 30
    while not until():
        assert time.monotonic() < end
        time.sleep(0.01)
