"""The modules of the explorer on a bare page: what is seen, pressed and sent."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.registry import Candidate, Registry, Rules

from .judged import contrast

if TYPE_CHECKING:
    from oneiric_lab.registry import Generation

pytest.importorskip("anywidget", reason="needs oneiric-lab[notebook]")

EVIL = "<img src=x onerror=\"document.title='owned'\">\u202e"


def candidate(domain: str, key: str, provider: str, factory: Any = "", **facts: Any) -> Candidate:
    """Return a candidate, with its facts as people write them."""
    return Candidate(domain, key, provider, factory, **facts)


def generation(*more: Candidate, **rules: Any) -> Generation:
    """Return a generation in which redis provides the cache by its priority."""
    registry = Registry(rules=Rules(**rules))
    registry.add(
        candidate("adapter", "cache", "redis", version="1.10", priority=10, capabilities="kv"),
        candidate("adapter", "cache", "memory", version="1.9", capabilities={"kv", "ttl"}),
        candidate("adapter", "cache", "dynamo", priority=99, enabled_by="cloud"),
        candidate("service", "mail", "smtp", priority=-5, requires="adapter:cache"),
        *more,
    )
    return registry.current


def sheet(found: Generation) -> dict[str, Any]:
    """Return all rows as they travel to a page."""
    from oneiric_lab.notebook.widgets._columns import Packer

    listing = found.listing()
    columns, cells = Packer().whole(listing.columns)
    return {
        "number": 0,
        "generation": found.number,
        "count": len(listing),
        "columns": columns,
        "cells": {"$bytes": base64.b64encode(cells).decode()},
    }


def state(found: Generation | None = None, **asked: Any) -> dict[str, Any]:
    """Return the state of a grid."""
    rows = sheet(found or generation())
    return {"sheet": rows, "asked": {"text": "", "where": {}, "sort": None, **asked}}


def explained(found: Generation | None = None, target: str = "adapter:cache") -> dict[str, Any]:
    """Return the state of an explanation."""
    from oneiric_lab.notebook.widgets._contest import contest

    return {"contest": contest(found or generation(), target)}


def column(page: Any, name: str) -> list[str]:
    """Return what stands in a column, from top to bottom."""
    found: list[str] = page.evaluate(
        "(name) => [...document.querySelectorAll('.ol-body > [role=row]:not([hidden])')]"
        ".sort((a, b) => a.ariaRowIndex - b.ariaRowIndex)"
        ".map((row) => row.querySelector(`.ol-c-${name}`).textContent)",
        name,
    )
    return found


def status(page: Any) -> str:
    """Return what is said of the rows."""
    found: str = page.locator("header").get_by_role("status").inner_text()
    return found


def code(page: Any) -> str:
    """Return the code that is shown."""
    found: str = page.locator(".ol-code code").inner_text()
    return found


def pressed(page: Any, *keys: str) -> None:
    """Press these keys."""
    for key in keys:
        page.keyboard.press(key)


class TestGrid:
    def test_rows(self, render: Any) -> None:
        """
        Every candidate is a row of a grid, with its state in words; empty columns are left out.
        """
        page = render("explorer", state())

        assert column(page, "provider") == ["redis", "memory", "dynamo", "smtp"]
        assert column(page, "state") == ["✓ active", "shadowed", "✗ rejected", "✓ active"]
        assert status(page) == "4 candidates"
        grid = page.get_by_role("grid", name="candidates")
        assert grid.get_attribute("aria-rowcount") == "5"
        names = page.get_by_role("columnheader").evaluate_all(
            "(all) => all.map((one) => one.querySelector('.ol-sort').textContent)"
        )
        assert "health" not in names
        assert grid.get_attribute("aria-colcount") == str(len(names))

    def test_a_click_on_a_head_sorts(self, render: Any) -> None:
        """
        Up, down, and as it was; versions by what they mean, and nobody asks the kernel.
        """
        page = render("explorer", state())
        head = page.get_by_role("button", name="version", exact=False).first
        head.click()
        assert column(page, "version") == ["0", "0", "1.9", "1.10"]
        assert page.locator("[aria-sort=ascending]").count() == 1
        head.click()
        assert column(page, "version") == ["1.10", "1.9", "0", "0"]
        head.click()
        assert column(page, "provider") == ["redis", "memory", "dynamo", "smtp"]
        assert [m for m in page.evaluate("window.sent") if "do" in m] == []

    def test_a_click_on_a_bar_filters(self, render: Any) -> None:
        """
        Bars tell how many rows they stand for, are pressed, and narrow those of the others.
        """
        page = render("explorer", state())
        page.get_by_role("button", name="state active: 2").click()
        assert column(page, "provider") == ["redis", "smtp"]
        assert status(page) == "2 of 4 candidates"
        assert page.get_by_role("button", name="priority 10: 1").count() == 1
        assert page.get_by_role("button", name="priority 0: 0").count() == 1
        page.get_by_role("button", name="state shadowed: 1").click()
        assert column(page, "provider") == ["redis", "memory", "smtp"]
        page.get_by_role("button", name="component service: 1").click()
        assert column(page, "provider") == ["smtp"]
        page.get_by_role("button", name="Copy as code").first.click()
        assert code(page) == ('lab.candidates().where("service:", state=["active", "shadowed"])')
        page.get_by_role("button", name="state: active, shadowed ✕").click()
        page.get_by_role("button", name="component service: 1").click()
        assert status(page) == "4 candidates"
        assert code(page) == "lab.candidates()"

    def test_a_range_of_numbers(self, render: Any) -> None:
        """
        Many numbers stand in bars of ranges; the code has the pair.
        """
        more = [candidate("task", f"t{n}", "x", priority=n * 10) for n in range(30)]
        page = render("explorer", state(generation(*more)))
        page.locator("[aria-label='priority: filter'] button").nth(1).click()
        page.get_by_role("button", name="Copy as code").first.click()

        low, high = (int(one) for one in code(page).split("(")[-1].strip(")").split(", "))
        assert all(low <= int(one) <= high for one in column(page, "priority"))
        assert code(page) == f"lab.candidates().where(priority=({low}, {high}))"

    def test_free_text(self, render: Any) -> None:
        """
        Each word narrows; what is chosen goes to the kernel once the typing has ended.
        """
        page = render("explorer", state())
        page.get_by_role("searchbox").type("cache ReD")
        assert column(page, "provider") == ["redis"]
        page.wait_for_function("() => window.sent.length > 0")
        assert page.evaluate("window.sent")[-1]["saved"]["asked"]["text"] == "cache ReD"
        page.get_by_role("searchbox").fill("nothing of this")
        assert page.get_by_text("No candidate holds all of this.").is_visible()
        page.get_by_role("button", name="Clear filters").click()
        assert status(page) == "4 candidates"

    def test_a_filter_that_a_cell_gave(self, render: Any) -> None:
        """
        What the state holds is shown; what the kernel changes is taken.
        """
        page = render("explorer", state(text="cache", sort="-priority", where={"rank": [1, 2]}))
        assert column(page, "provider") == ["redis", "memory"]
        page.evaluate("() => window.change({asked: {text: 'smtp', where: {}, sort: null}})")
        assert column(page, "provider") == ["smtp"]
        assert page.get_by_role("searchbox").input_value() == "smtp"


class TestGridKeyboard:
    def test_everything_by_keys(self, render: Any) -> None:
        """
        Arrows, Home, End and pages move, Enter opens, `/` goes to the filter, Escape back.
        """
        more = [candidate("task", f"t{n:03}", "x") for n in range(100)]
        page = render("explorer", state(generation(*more)))
        grid = page.get_by_role("grid")
        grid.focus()

        def active() -> str:
            found: str = page.evaluate(
                "() => document.getElementById(document.querySelector('[role=grid]')"
                ".getAttribute('aria-activedescendant')).textContent"
            )
            return found

        assert active() == "adapter:cache"
        pressed(page, "ArrowDown", "ArrowRight")
        assert active() == "memory"
        pressed(page, "End", "ArrowLeft")
        assert active() == "task:t099"
        assert page.get_by_text("task:t099").is_visible()
        pressed(page, "PageUp", "ArrowUp", "ArrowDown", "PageDown", "ArrowDown")
        assert active() == "task:t099"
        pressed(page, "Home", "Enter")
        assert page.evaluate("window.sent.at(-1)") == {"do": "explain", "target": "adapter:cache"}
        pressed(page, "/")
        page.keyboard.type("t05")
        pressed(page, "Enter")
        assert active() == "task:t050"
        pressed(page, "/", "Escape")
        assert status(page) == "104 candidates"
        pressed(page, "Escape", "Escape")
        assert page.evaluate("window.sent.at(-1)") == {"do": "close"}

    def test_bars_by_keys(self, render: Any) -> None:
        """
        The bars of a column are one stop of Tab; arrows go along, Enter presses.
        """
        page = render("explorer", state())
        bars = page.locator("[aria-label='state: filter'] button")
        assert [bars.nth(n).get_attribute("tabindex") for n in range(3)] == ["0", "-1", "-1"]
        bars.first.focus()
        pressed(page, "ArrowRight", "ArrowLeft", "ArrowRight", "Enter")

        assert column(page, "provider") == ["dynamo"]
        pressed(page, "Escape")
        assert page.evaluate("document.activeElement.getAttribute('role')") == "grid"


class TestGridStates:
    def test_no_rows(self, render: Any) -> None:
        """
        An empty registry says what brings candidates.
        """
        page = render("explorer", state(Registry().current))

        assert status(page) == "0 candidates"
        assert page.get_by_text("Nothing is declared here").is_visible()
        page.get_by_role("grid").focus()
        pressed(page, "ArrowDown", "End", "Enter")
        assert page.evaluate("window.sent") == []

    def test_loading(self, render: Any) -> None:
        """
        A page that has no rows yet says so, asks, and shows them when they come.
        """
        page = render("explorer", {"sheet": None, "asked": {}})
        assert status(page) == "loading…"
        assert page.evaluate("window.sent") == [{"do": "whole"}]
        page.evaluate("(sheet) => window.change({sheet})", sheet(generation()))

        assert status(page) == "4 candidates"

    def test_a_beginning(self, render: Any) -> None:
        """
        The first rows say of how many they are; when all come, the row that was chosen stays so
        and what was typed acts on all.
        """
        found = generation(*[candidate("task", f"t{n:03}", "x") for n in range(300)])
        from oneiric_lab.notebook.widgets._columns import Packer

        columns, cells = Packer().whole(found.listing(most=50).columns)
        begun = {
            "number": 0,
            "generation": found.number,
            "count": 50,
            "total": 304,
            "columns": columns,
            "cells": {"$bytes": base64.b64encode(cells).decode()},
        }
        page = render("explorer", {"sheet": begun, "asked": {}})
        assert status(page) == "304 candidates"
        seen = column(page, "component")
        page.get_by_role("grid").focus()
        pressed(page, *["ArrowDown"] * 9, "ArrowRight")
        chosen = page.get_by_role("grid").get_attribute("aria-activedescendant")
        page.evaluate("(sheet) => window.change({sheet})", {**sheet(found), "number": 1})

        assert status(page) == "304 candidates"
        assert column(page, "component") == seen
        grid = page.get_by_role("grid")
        assert grid.get_attribute("aria-activedescendant") == chosen
        assert grid.get_attribute("aria-rowcount") == "305"
        assert page.locator("[data-ol-at]").get_attribute("id") == chosen
        page.get_by_role("searchbox").fill("t29")
        assert status(page) == "10 of 304 candidates"
        assert page.evaluate("window.sent.filter((each) => each.do)") == []

    def test_the_head_keeps_the_focus(self, render: Any) -> None:
        """
        Whoever stands in the head stays there when all rows come, with their values and their
        further columns: on the name of a column, and on a bar, which stands for what it stood
        for; where that is gone, in the rows.
        """
        begun = sheet(generation())
        kinds = ("manual", "plugin", "package")
        more = [candidate("adapter", "a", f"a{n}", source=kinds[n % 3]) for n in range(40)]
        whole = {**sheet(generation(*more)), "number": 1}
        held = "() => document.activeElement.dataset.ol"
        for name, then in (
            ("version", "version"),
            ("state active: 2", "state active"),
            ("provider redis: 1", None),
        ):
            page = render("explorer", {"sheet": begun, "asked": {}})
            page.get_by_role("button", name=name).first.focus()
            assert page.evaluate(held) in (then, "provider redis")
            page.evaluate("(sheet) => window.change({sheet})", whole)
            assert page.evaluate(held) == then
            assert status(page) == "44 candidates"
        assert page.evaluate("document.activeElement.getAttribute('role')") == "grid"

    def test_a_change(self, render: Any) -> None:
        """
        Rows that are not as they were are marked and counted, and can be seen alone; a message
        that was missed is made up for.
        """
        from oneiric_lab.notebook.widgets._columns import Packer

        packer = Packer()
        old = generation().listing()
        new = generation(
            candidate("adapter", "cache", "fast", priority=50),
            selections={"adapter": {"cache": "memory"}},
        ).listing()
        given = state()
        packer.whole(old.columns)
        page = render("explorer", given)
        some = new.where(component="adapter:cache")
        columns, cells = packer.more(some.columns)
        delta = {
            "number": 1,
            "generation": 7,
            "count": len(some),
            "columns": columns,
            "components": ["adapter:cache"],
        }
        sent = [delta, {"$bytes": base64.b64encode(cells).decode()}]
        page.evaluate("([delta, cells]) => window.tell({delta}, cells)", sent)

        assert column(page, "provider") == ["memory", "fast", "redis", "dynamo", "smtp"]
        assert status(page) == "5 candidates · generation 7: 2 changed, 1 new"
        assert column(page, "component")[:3] == [
            "● adapter:cache",
            "+ adapter:cache",
            "● adapter:cache",
        ]
        news = page.get_by_role("button", name="● 3 changed")
        assert news.get_attribute("aria-pressed") == "false"
        news.click()
        assert news.get_attribute("aria-pressed") == "true"
        assert column(page, "provider") == ["memory", "fast", "redis"]
        page.evaluate("([delta, cells]) => window.tell({delta}, cells)", sent)
        assert page.evaluate("window.sent") == []
        page.evaluate(
            "([delta, cells]) => window.tell({delta: {...delta, number: 3}}, cells)", sent
        )
        assert page.evaluate("window.sent") == [{"do": "whole"}]

    def test_a_busy_kernel(self, render: Any) -> None:
        """
        A row that is not answered says why, until it is.
        """
        page = render("explorer", state())
        page.get_by_role("gridcell", name="redis").click()
        page.get_by_text("the kernel is busy with a cell").wait_for()
        page.evaluate("() => window.tell({explained: 'adapter:cache'})")

        assert status(page) == "4 candidates"

    def test_hostile_and_long_texts(self, render: Any) -> None:
        """
        What others say is text, on one line, and the page is no wider for it.
        """
        far = candidate(
            "task",
            "t" * 5000,
            "p" * 5000,
            source_name=EVIL,
            enabled_by="f",
            requires_dist=["no-such"],
        )
        page = render("explorer", state(generation(far)))
        page.get_by_role("searchbox").fill("onerror")

        assert page.locator("img").count() == 0
        assert page.title() == "t"
        assert column(page, "source_name")[0].startswith("<img src=x")
        assert page.evaluate("document.documentElement.scrollWidth") <= 900
        assert page.locator(".ol-body > :not([hidden])").bounding_box()["height"] == 24

    def test_a_hundred_thousand_rows(self, render: Any) -> None:
        """
        Only what is seen is in the page; the last row is one key away.
        """
        registry = Registry()
        registry.add(*(candidate("task", f"t{n:06}", "x", priority=n % 99) for n in range(100_000)))
        page = render("explorer", state(registry.current))

        assert status(page) == "100,000 candidates"
        assert page.locator("[role=gridcell]").count() < 600
        page.get_by_role("grid").focus()
        pressed(page, "End")
        page.get_by_text("task:t099999").wait_for()
        assert page.get_by_role("grid").get_attribute("aria-rowcount") == "100001"
        page.get_by_role("searchbox").fill("t09999")
        assert status(page) == "10 of 100,000 candidates"

    def test_scrolling_writes_only_what_comes_into_view(self, render: Any) -> None:
        """
        A row keeps its node while it is seen; at rest the nodes stand in the order of the rows.
        """
        registry = Registry()
        registry.add(*(candidate("task", f"t{n:04}", "x") for n in range(1000)))
        page = render("explorer", state(registry.current))
        written, before, order, wide = page.evaluate("""async () => {
          const grid = document.querySelector("[role=grid]");
          const rows = () => [...grid.querySelectorAll(".ol-body > [role=row]:not([hidden])")];
          const holding = (text) => rows().find((row) => row.textContent.includes(text));
          const scrolled = (by) => new Promise((done) => {
            grid.addEventListener("scrollend", () => requestAnimationFrame(done), { once: true });
            grid.scrollTop += by;
          });
          await scrolled(240);
          const kept = holding("t0020");
          let written = new Set();
          new MutationObserver((all) => all.forEach(({ target }) => written.add(
            (target.closest ? target : target.parentNode).closest("[role=row]"))))
            .observe(grid, { subtree: true, characterData: true });
          await scrolled(72);
          const before = kept === holding("t0020");
          const numbers = () => rows().map((row) => Number(row.ariaRowIndex));
          const rests = () => numbers().every((one, at, all) => !at || one === all[at - 1] + 1);
          const moved = !rests();
          while (!rests()) await new Promise(requestAnimationFrame);
          const order = numbers();
          return [written.size, before && moved, order, rows().length];
        }""")

        assert before
        assert written == 3
        assert order == list(range(order[0], order[0] + wide))
        cell = page.get_by_role("gridcell", name="task:t0020")
        assert cell.get_attribute("title") is None
        cell.hover()
        assert cell.get_attribute("title") == "task:t0020"

    def test_a_closed_view_listens_no_more(self, render: Any) -> None:
        """
        What a view registered goes with it.
        """
        for name, given in (("explorer", state()), ("explanation", explained())):
            page = render(name, given)
            assert page.evaluate("window.listeners()") > 0
            page.evaluate("() => window.end.forEach((each) => each?.())")
            assert page.evaluate("window.listeners()") == 0


class TestExplanation:
    def test_the_picture(self, render: Any) -> None:
        """
        Who wins, which rule decided and by how much; who is out, and why.
        """
        page = render("explanation", explained())
        said = page.get_by_role("status").first.inner_text()
        assert said == "adapter:cache → ✓ redis 1.10 decided by: priority (10 > 0)"
        assert page.get_by_role("columnheader", name="◆ priority").count() == 1
        rows = page.get_by_role("row").all_inner_texts()
        assert rows[1].split()[:6] == ["1", "redis", "no", "0", "10", "+10"]
        out = page.get_by_role("list", name="rejected").inner_text()
        assert out == "✗ dynamo is disabled: the flag `cloud` is off disabled"

    def test_a_slider_moves_the_winner(self, render: Any) -> None:
        """
        The winner changes as it is dragged, and the kernel is not asked.
        """
        page = render("explanation", explained())
        slider = page.get_by_role("slider", name="priority of memory")
        slider.focus()
        pressed(page, *["ArrowRight"] * 11)
        said = page.get_by_role("status").first.inner_text()

        assert "✓ memory 1.9 decided by: priority (11 > 10)" in said
        assert "what if; as it is: redis 1.10" in said
        assert page.evaluate("window.sent") == []
        page.get_by_role("button", name="Copy as code").first.click()
        assert code(page) == 'lab.what_if("adapter:cache", priority={"memory": 11})'
        page.get_by_role("button", name="As it is").click()
        assert "what if" not in page.get_by_role("status").first.inner_text()

    def test_switches(self, render: Any) -> None:
        """
        A flag, a selection and capabilities change who may win, each as code.
        """
        page = render("explanation", explained())
        page.get_by_role("switch", name="cloud").check()
        assert "✓ dynamo 0" in page.get_by_role("status").first.inner_text()
        page.get_by_role("combobox", name="capability ttl").select_option("need")
        assert "✓ memory 1.9" in page.get_by_role("status").first.inner_text()
        page.get_by_role("combobox", name="selection").select_option("redis")
        said = page.get_by_role("status").first.inner_text()
        assert "→ ✗ nothing" in said
        assert "names `redis`, which is refused" in said
        page.get_by_role("button", name="Copy as code").first.click()
        assert code(page) == (
            'lab.what_if("adapter:cache", select="redis", flags={"cloud": True}, need=["ttl"])'
        )

    def test_plan_this(self, render: Any) -> None:
        """
        The kernel plans; what it says is shown with its code, and so is a refusal.
        """
        page = render("explanation", explained())
        page.get_by_role("combobox", name="selection").select_option("memory")
        page.get_by_role("button", name="Plan this").click()
        asked = {"do": "plan", "target": "adapter:cache", "asked": {"select": "memory"}}
        assert page.evaluate("window.sent") == [asked]
        view = {
            "title": "plan: 1 value",
            "facts": ["nothing is applied yet"],
            "tone": "plain",
            "blocks": [
                {
                    "type": "table",
                    "columns": [{"name": "value"}],
                    "rows": [[{"text": "old", "tone": "lost"}], ["new"]],
                    "more": 3,
                },
                {"type": "note", "text": EVIL, "tone": "warn"},
                {"type": "code", "text": "+ a = 1", "caption": "would write"},
                {"type": "text", "text": "words"},
                {"type": "tree", "roots": [], "more": 0},
            ],
        }
        planned = {"target": "adapter:cache", "code": "lab.plan({})", "view": view}
        page.evaluate("(planned) => window.tell({planned})", planned)
        shown = page.locator(".ol-planned").inner_text()
        assert code(page) == "lab.plan({})"
        for word in ("plan: 1 value", "nothing is applied yet", "and 3 more", "+ a = 1", "⚠ <img"):
            assert word in shown
        assert page.locator("s").inner_text() == "old"
        failed = {"title": "refused", "facts": [], "tone": "bad", "blocks": []}
        page.evaluate("(failed) => window.tell({failed})", failed)
        assert page.locator(".ol-planned").inner_text().strip() == "✗ refused"

    def test_it_follows(self, render: Any) -> None:
        """
        What was changed stays when the registry moves on; another component starts anew.
        """
        page = render("explanation", explained())
        page.get_by_role("switch", name="cloud").check()
        now = explained(generation(selections={"adapter": {"cache": "memory"}}))
        page.evaluate("(now) => window.change(now)", now)
        assert page.get_by_role("switch", name="cloud").is_checked()
        assert page.get_by_role("combobox", name="selection").input_value() == "memory"
        page.evaluate("(now) => window.change(now)", explained(target="service:mail"))
        assert page.get_by_role("switch").count() == 0
        assert page.get_by_text("✓ adapter:cache → redis 1.10").is_visible()

    def test_none_and_closed(self, render: Any) -> None:
        """
        Without a component there is nothing; Escape closes what is open.
        """
        page = render("explanation", {"contest": None})
        assert not page.locator(".ol-explanation").is_visible()
        page.evaluate("(now) => window.change(now)", explained())
        page.get_by_role("button", name="Plan this").focus()
        pressed(page, "Escape")
        assert not page.locator(".ol-explanation").is_visible()
        assert page.evaluate("window.sent.at(-1).saved.contest") is None

    def test_hostile_texts(self, render: Any) -> None:
        """
        Reasons and names are text.
        """
        given = explained(generation(candidate("adapter", "cache", "x", source_name=EVIL)))
        given["contest"]["candidates"][0]["refusals"] = [["code", EVIL, ""]]
        given["contest"]["candidates"][1]["label"] = EVIL
        page = render("explanation", given)

        assert page.locator("img").count() == 0
        assert page.title() == "t"


class TestLooks:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("name", ["explorer", "explanation"])
    def test_text_can_be_read(self, render: Any, scheme: str, name: str) -> None:
        """
        In both schemes all that says something stands out from its ground, by 4.5 at least.
        """
        page = render(name, state() if name == "explorer" else explained(), scheme=scheme)

        assert contrast(page) >= 4.5

    def test_very_many_that_are_rejected(self, render: Any) -> None:
        """
        They scroll in a room of their own, by keys, too; where none is there is no room.
        """
        gone = [
            candidate("adapter", "cache", f"p{n}", requires_dist=["nothing-here>=3"])
            for n in range(100)
        ]
        page = render("explanation", explained(generation(*gone)))
        box = page.get_by_role("list", name="rejected")
        assert box.bounding_box()["height"] <= 200
        box.focus()
        page.keyboard.press("End")
        page.wait_for_function("() => document.querySelector('.ol-refused').scrollTop > 0")
        assert page.get_by_role("button", name="Plan this").is_visible()
        page = render("explanation", explained(target="service:mail"))
        assert page.get_by_role("list", name="rejected").count() == 0

    def test_a_narrow_ranking(self, render: Any) -> None:
        """
        Rules in which no candidate differs leave their room to those that decide.
        """
        page = render("explanation", explained())
        heads = page.locator("th[scope=col]")
        words = heads.all_inner_texts()
        assert "preferred capabilities" in words
        page.set_viewport_size({"width": 400, "height": 800})
        seen = [text for text in words if heads.nth(words.index(text)).is_visible()]
        assert "preferred capabilities" not in seen
        assert {"rank", "candidate"} < set(seen) < set(words)
        assert page.locator("th.ol-decided").is_visible()

    @pytest.mark.parametrize("name", ["explorer", "explanation"])
    def test_a_narrow_page(self, render: Any, name: str) -> None:
        """
        Nothing is wider than the page, which is what 200 % zoom makes of a small window.
        """
        far = candidate("adapter", "cache", "l" * 300, enabled_by="f" * 300)
        found = generation(far)
        page = render(name, state(found) if name == "explorer" else explained(found))
        page.set_viewport_size({"width": 360, "height": 800})

        assert page.evaluate("document.documentElement.scrollWidth") <= 360
