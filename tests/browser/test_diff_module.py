"""The module of the diff on a bare page: what is seen and pressed."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.canonical import encode
from oneiric_lab.lab import Lab
from oneiric_lab.manifest import Manifest, read_manifest

from .judged import contrast, grave, width

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytest.importorskip("anywidget", reason="needs oneiric-lab[notebook]")

EVIL = "<img src=x onerror=\"document.title='owned'\">\u202e"


def entry(target: str, provider: str, version: str = "1.0.0", **more: Any) -> dict[str, Any]:
    """Return an entry of a manifest."""
    domain, _, key = target.partition(":")
    named = {"domain": domain, "key": key, "provider": provider, "version": version}
    return {**named, "factory": f"shop_{provider}:Made", **more}


def manifest(version: int, *entries: dict[str, Any]) -> Manifest:
    """Return a manifest with these entries."""
    head = {"schema": 3, "project": "shop", "channel": "stable", "version": version}
    return read_manifest(encode({**head, "entries": list(entries)}))


KEPT = [entry("task:sweep", f"cron{n}") for n in range(3)]
OLD = (entry("adapter:cache", "redis", "2.1.0", priority=1), entry("service:mail", "smtp"), *KEPT)
NEW = (entry("adapter:cache", "redis", "2.0.0", priority=2), entry("service:find", "fast"), *KEPT)


@pytest.fixture
def given(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Return what gives the state of a diff of two lists of entries."""
    from oneiric_lab.notebook.widgets._diff import Diff

    def state(old: Any = OLD, new: Any = NEW, **more: Any) -> dict[str, Any]:
        (tmp_path / "oneiric.toml").write_text("[plugins]\nauto_load = false\n")
        lab = Lab.open(tmp_path, environ={})
        sheet = Diff(lab.diff(manifest(6, *old), manifest(7, *new)), "lab.diff(a, b)").whole()
        sheet["cells"] = {"$bytes": base64.b64encode(sheet["cells"]).decode()}  # type: ignore[arg-type]  # a buffer
        return {"sheet": {**sheet, **more}, "look": "side"}

    return state


def rows(page: Any) -> list[str]:
    """Return the rows that are seen, from top to bottom."""
    found: list[str] = page.evaluate(
        "() => [...document.querySelectorAll('.ol-body > [role=row]:not([hidden])')]"
        ".sort((a, b) => a.ariaRowIndex - b.ariaRowIndex)"
        ".map((row) => [...row.children].map((cell) => cell.textContent).join('|'))"
    )
    return found


def active(page: Any) -> str:
    """Return what the row says that is chosen."""
    found: str = page.evaluate(
        "() => document.getElementById(document.querySelector('[role=treegrid]')"
        ".getAttribute('aria-activedescendant')).firstChild.textContent"
    )
    return found


def pressed(page: Any, *keys: str) -> None:
    """Press these keys."""
    for key in keys:
        page.keyboard.press(key)


def status(page: Any) -> str:
    """Return what is said of the rows."""
    found: str = page.locator("header").get_by_role("status").inner_text()
    return found


def code(page: Any) -> str:
    """Return the code that is shown."""
    found: str = page.locator(".ol-code code").inner_text()
    return found


class TestDiff:
    def test_risks_stand_first(self, render: Any, given: Any) -> None:
        """
        A sentence, then risks, the workspace, the manifest, entries with their values; what is
        the same is folded.
        """
        page = render("diff", given())

        assert page.locator(".ol-summary").inner_text().startswith("✗ shop/stable 6 -> 7:")
        seen = rows(page)
        assert seen[0].startswith("▾ risks (")
        assert seen[1] == "✗ downgrade|adapter:cache|2.1.0 goes back to 2.0.0 /entries/0/version"
        assert "version|6|7" in seen
        assert "▾ ~ adapter:cache (redis 2.1.0 -> 2.0.0, downgrade) ⚠ 2||" in seen
        assert "priority|1|2" in seen
        assert seen[-1] == "▸ unchanged (3)||"
        assert page.locator("s").first.inner_text() == "6"

    def test_jumps(self, render: Any, given: Any) -> None:
        """
        `n` and `p` go from one difference to the next; Enter goes from a risk to its entry.
        """
        page = render("diff", given())
        page.get_by_role("treegrid").focus()
        pressed(page, "n")
        assert active(page) == "✗ downgrade"
        detail = page.get_by_role("region", name="in full")
        assert "is a fault that was repaired coming back?" in detail.inner_text()
        pressed(page, "Enter")
        assert active(page).startswith("▾ ~ adapter:cache")
        pressed(page, "n")
        assert active(page).startswith("▾ + service:find")
        page.get_by_role("button", name="previous difference").click()
        assert active(page).startswith("▾ ~ adapter:cache")
        page.get_by_role("treegrid").focus()
        pressed(page, *["p"] * 30)
        assert active(page) == "✗ downgrade"
        for _ in range(30):
            page.get_by_role("button", name="next difference").click()
        assert active(page).startswith("▾ - service:mail")
        page.get_by_role("gridcell", name="version", exact=True).first.click()
        assert detail.inner_text().split("\n") == ["version", "before 6", "after 7"]
        page.get_by_role("gridcell", name="5 entries may not win here").click()
        name, why = detail.inner_text().split("\n")
        assert name == "5 entries may not win here"
        assert why.startswith("such as redis 2.0.0 names the factory")

    def test_folds(self, render: Any, given: Any) -> None:
        """
        Sections and entries close and open, by keys and by a click on the sign.
        """
        page = render("diff", given())
        page.get_by_role("treegrid").focus()
        pressed(page, "End", "ArrowRight")
        assert rows(page)[-3:] == [f"task:sweep (cron{n} 1.0.0)||" for n in range(3)]
        pressed(page, "ArrowDown", "ArrowLeft", "ArrowLeft")
        assert rows(page)[-1] == "▸ unchanged (3)||"
        pressed(page, "Home")
        page.locator(".ol-twist").first.click()
        assert rows(page)[1].startswith("▾ what changes for this workspace")
        page.get_by_role("gridcell", name="~ adapter:cache").first.click()
        assert "priority|1|2" not in rows(page)

    def test_unified(self, render: Any, given: Any) -> None:
        """
        Both sides one below the other, with signs.
        """
        page = render("diff", given())
        page.get_by_role("combobox", name="style").select_option("unified")
        seen = rows(page)
        at = seen.index("priority|- 1|")
        assert seen[at + 1] == "priority|+ 2|"
        assert "version|6 → 7|" in seen
        page.get_by_role("button", name="Copy as code").first.click()
        assert code(page) == 'lab.diff(a, b).styled("unified")'
        assert (
            render("diff", {**given(), "look": "unified"})
            .get_by_role("combobox", name="style")
            .input_value()
            == "unified"
        )

    def test_filters(self, render: Any, given: Any) -> None:
        """
        By domain, by risk and by words, each as code; words may stand in a value.
        """
        page = render("diff", given())
        page.get_by_role("button", name="Copy as code").first.click()
        page.get_by_role("combobox", name="domain").select_option("service")
        assert "adapter:cache" not in "\n".join(rows(page))
        assert code(page) == 'lab.diff(a, b).only(domain="service")'
        page.get_by_role("combobox", name="domain").select_option("")
        page.get_by_role("combobox", name="risk").select_option("*")
        assert "service:find" not in "\n".join(rows(page))
        assert code(page) == "lab.diff(a, b).only(risky=True)"
        page.get_by_role("combobox", name="risk").select_option("downgrade")
        assert code(page) == ('[risk for risk in lab.diff(a, b).risks if risk.code == "downgrade"]')
        assert rows(page)[0] == "▾ risks (1)||"
        page.get_by_role("combobox", name="risk").select_option("")
        page.get_by_role("searchbox").fill("shop_fast")
        assert [row for row in rows(page) if "service:find" in row]
        assert " of " in status(page)
        page.get_by_role("searchbox").fill("nothing of this")
        assert page.get_by_text("Nothing that differs fits all of this.").is_visible()
        pressed(page, "Escape")
        assert status(page).endswith(" differences")
        assert page.evaluate("window.sent") == []


class TestStates:
    def test_none(self, render: Any, given: Any) -> None:
        """
        Nothing differs, and says so; a page without rows asks for them.
        """
        page = render("diff", given((), ()))
        assert page.locator(".ol-summary").inner_text() != ""
        page.get_by_role("treegrid").focus()
        pressed(page, "n", "p", "Enter", "ArrowRight", "End", "/", "ArrowDown")
        page = render("diff", {"sheet": None, "look": "side"})
        assert status(page) == "loading…"
        assert page.evaluate("window.sent") == [{"do": "whole"}]
        whole = given()["sheet"]
        page.evaluate("([whole, cells]) => window.tell({whole}, cells)", [whole, whole["cells"]])
        assert rows(page)[0].startswith("▾ risks")

    def test_hostile_and_long_texts(self, render: Any, given: Any) -> None:
        """
        What others say is text, on one line, and the page is no wider for it.
        """
        long = "x" * 10_000
        evil = entry("task:a", "b", "2", metadata={EVIL: EVIL, "l": long, long: 1})
        page = render("diff", given((entry("task:a", "b"),), (evil,), summary=EVIL))
        page.get_by_role("treegrid").focus()
        pressed(page, "End", "ArrowUp", "ArrowUp")

        assert page.locator("img").count() == 0
        assert page.title() == "t"
        assert width(page) <= 900
        assert page.locator(".ol-body > :not([hidden])").first.bounding_box()["height"] == 24

    def test_a_beginning(self, render: Any, given: Any) -> None:
        """
        The first rows ask for all of them; what was chosen stays chosen when they come.
        """
        state = given()
        page = render("diff", {**state, "sheet": {**state["sheet"], "begun": True}})
        assert page.evaluate("window.sent") == [{"do": "whole"}]
        page.get_by_role("treegrid").focus()
        pressed(page, "n")
        chosen = active(page)
        whole = {**state["sheet"]}
        cells = whole.pop("cells")
        page.evaluate("([whole, cells]) => window.tell({whole}, cells)", [whole, cells])
        assert active(page) == chosen
        assert page.evaluate("window.sent") == [{"do": "whole"}]

    def test_ten_thousand_entries(self, render: Any, given: Any, record_property: Any) -> None:
        """
        Only what is seen is in the page; the last row is one key away.
        """
        many = 10_000
        old = [entry("task:t", f"p{n}", priority=n % 900) for n in range(many)]
        new = [{**one, "priority": one["priority"] + 1} for one in old]
        page = render("diff", given(old, new))
        record_property("drawn_ms", page.evaluate("window.took"))
        assert page.locator("[role=gridcell]").count() < 300
        assert page.get_by_role("treegrid").get_attribute("aria-rowcount") > "20000"
        page.get_by_role("treegrid").focus()
        pressed(page, "End", "p")
        assert active(page).startswith("▾ ~ task:t (p9999")

    def test_a_closed_view_listens_no_more(self, render: Any, given: Any) -> None:
        """
        What a view registered goes with it.
        """
        page = render("diff", given())
        assert page.evaluate("window.listeners()") > 0
        page.evaluate("() => window.end.forEach((each) => each?.())")
        assert page.evaluate("window.listeners()") == 0


class TestLooks:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("style", ["side", "unified"])
    def test_anybody_can_read_it(self, render: Any, given: Any, scheme: str, style: str) -> None:
        """
        In both schemes axe finds nothing grave, and texts stand out by 4.5 at least.
        """
        page = render("diff", {**given(), "look": style}, scheme=scheme)
        page.get_by_role("treegrid").focus()
        pressed(page, "n")
        page.get_by_role("button", name="Copy as code").first.click()

        assert grave(page) == []
        assert contrast(page) >= 4.5

    def test_a_narrow_page(self, render: Any, given: Any) -> None:
        """
        Nothing is wider than the page, which is what 200 % zoom makes of a small window.
        """
        page = render("diff", given())
        page.set_viewport_size({"width": 360, "height": 800})
        assert width(page) <= 360

    @pytest.mark.parametrize("wide", [1200, 700, 400])
    @pytest.mark.parametrize("look", ["side", "unified"])
    def test_what_matters_is_whole(self, render: Any, given: Any, wide: int, look: str) -> None:
        """
        However wide the page, a risk's code and component, how many risks an entry has, and the
        name of a value are not cut, and rows stand below their heads.
        """
        gone = entry("task:nightly-report-of-orders", "cron")
        more = entry("adapter:cache", "redis", "2.0.0", capabilities=[{"name": "ttl"}])
        page = render("diff", {**given((*OLD, gone), (more, *NEW[1:])), "look": look})
        page.set_viewport_size({"width": wide, "height": 800})
        cut = page.evaluate(
            "() => [...document.querySelectorAll('.ol-risk, .ol-field')].flatMap((row) =>"
            " [...row.children].slice(0, row.matches('.ol-risk') ? 2 : 1)"
            " .filter((cell) => cell.scrollWidth > cell.clientWidth).map((c) => c.textContent))"
        )
        assert cut == []
        assert "component-removed|task:nightly-report-of-orders" in "\n".join(rows(page))
        box = page.locator(".ol-entry small").first.bounding_box()
        assert box["x"] + box["width"] <= wide - 16
        head, value = page.get_by_role("columnheader"), page.locator(".ol-header > div")
        assert head.nth(1).bounding_box()["x"] == value.nth(1).bounding_box()["x"]

    def test_nothing_jumps(self, render: Any, given: Any) -> None:
        """
        Choosing a row moves nothing: what it says in full has its room.
        """
        page = render("diff", given())
        before = page.locator(".ol-diff").bounding_box()
        page.get_by_role("treegrid").focus()
        pressed(page, "n", "n", "End", "ArrowRight")
        assert page.locator(".ol-diff").bounding_box() == before
