"""The module of the configuration on a bare page: what is seen, pressed and sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.lab import Lab

from .judged import contrast, grave, width

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("anywidget", reason="needs oneiric-lab[notebook]")

EVIL = "<img src=x onerror=\"document.title='owned'\">\u202e"


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Any]:
    """Return the state of the sample workspace under `prod`."""
    from oneiric_lab.notebook.widgets._configuration import Configuration

    return {"sheet": Configuration(Lab.sample(profiles=["prod"])).whole()}


def sheet(*rows: tuple[str, str], **more: Any) -> dict[str, Any]:
    """Return a state with these values, all said in one file."""
    many = len(rows)
    return {
        "sheet": {
            "path": [path for path, _ in rows],
            "value": [value for _, value in rows],
            "layer": [1] * many,
            "file": [0] * many,
            "name": [-1] * many,
            "line": list(range(1, many + 1)),
            "many": [1] * many,
            "layers": ["defaults", "project"],
            "files": [["oneiric.toml", "w/oneiric.toml"]],
            "names": [],
            "faults": [],
            "profiles": {"active": [], "known": ["prod"], "shown": None},
            "writable": ["session", "project"],
            **more,
        }
    }


STACK = {
    "path": "server.port",
    "text": "443",
    "secret": False,
    "decided": "higher layer: profile:prod (50) over project (40)",
    "notes": ["where it listens"],
    "stack": [
        {"layer": "session", "value": "443", "state": "wins", "where": "session"},
        {
            "layer": "project",
            "value": "8080",
            "state": "shadowed",
            "where": "oneiric.toml:19:8",
            "file": "w/oneiric.toml",
            "line": 19,
        },
    ],
}
VIEW = {"title": "plan: 1 value would change", "facts": [], "tone": "plain", "blocks": []}


def tell(page: Any, **message: Any) -> None:
    """Let the kernel say something."""
    page.evaluate("(message) => window.tell(message)", message)


def sent(page: Any) -> list[dict[str, Any]]:
    """Return what the kernel was told."""
    found: list[dict[str, Any]] = page.evaluate("window.sent")
    return found


def rows(page: Any) -> list[str]:
    """Return the rows that are seen, from top to bottom."""
    found: list[str] = page.evaluate(
        "() => [...document.querySelectorAll('.ol-body > [role=row]:not([hidden])')]"
        ".sort((a, b) => a.ariaRowIndex - b.ariaRowIndex)"
        ".map((row) => [...row.children].map((cell) => cell.textContent).join('|'))"
    )
    return found


def find(page: Any, words: str) -> None:
    """Filter, and go to the grid."""
    page.get_by_role("searchbox").fill(words)
    page.get_by_role("treegrid").focus()


def pressed(page: Any, *keys: str) -> None:
    """Press these keys."""
    for key in keys:
        page.keyboard.press(key)


def status(page: Any) -> str:
    """Return what is said of the rows."""
    found: str = page.locator("header").get_by_role("status").inner_text()
    return found


class TestTree:
    def test_values_are_a_tree(self, render: Any) -> None:
        """
        Tables hold their values, each with its layer and its place.
        """
        page = render("configuration", sheet(("a", "1"), ("t.b", "2"), ("t.u.c", "3")))

        assert rows(page) == [
            "▸ a|1|project|oneiric.toml:1",
            "▾ t|||",
            "▸ b|2|project|oneiric.toml:2",
            "▾ u|||",
            "▸ c|3|project|oneiric.toml:3",
        ]
        assert status(page) == "3 values"
        tree = page.get_by_role("treegrid", name="effective values")
        assert tree.get_attribute("aria-rowcount") == "6"
        levels = page.locator(".ol-body [role=row]").evaluate_all(
            "(all) => all.map((one) => one.ariaLevel)"
        )
        assert levels == ["1", "1", "2", "2", "3"]

    def test_tables_that_nobody_speaks_of_are_closed(self, render: Any, given: Any) -> None:
        """
        In the beginning one sees what somebody said; a filter looks into closed tables, too.
        """
        page = render("configuration", given)
        find(page, "remote.deadline")
        assert rows(page)[0].startswith("▾ remote")
        page.get_by_role("searchbox").fill("")
        page.get_by_role("combobox", name="show").select_option("said")
        assert "remote" not in "\n".join(rows(page))
        assert f" of {len(given['sheet']['path'])} values" in status(page)

    def test_a_value_opens_its_layers(self, render: Any) -> None:
        """
        The kernel is asked once; what loses is struck through, each place is a link.
        """
        page = render("configuration", sheet(("server.port", "443")))
        find(page, "port")
        pressed(page, "ArrowDown", "ArrowRight")
        assert sent(page) == [{"do": "explain", "path": "server.port"}]
        assert rows(page)[2] == "…|||"
        tell(page, explained=STACK)
        assert rows(page)[2:] == [
            "wins|443|session|session",
            "shadowed|8080|project|oneiric.toml:19:8",
        ]
        assert page.locator(".ol-said s").inner_text() == "8080"
        link = page.locator(".ol-said a")
        assert link.get_attribute("data-commandlinker-command") == "rendermime:handle-local-link"
        args = '{"path":"w/oneiric.toml","id":"#line=18"}'
        assert link.get_attribute("data-commandlinker-args") == args
        pressed(page, "ArrowLeft", "ArrowRight")
        assert len(sent(page)) == 1

    def test_filters(self, render: Any, given: Any) -> None:
        """
        By words, by layer, by what is said by several; what fits nothing says so.
        """
        page = render("configuration", given)
        page.get_by_role("combobox", name="layer", exact=True).select_option("profile:prod")
        assert all("profile:prod" in row or "|||" in row for row in rows(page))
        page.get_by_role("combobox", name="show").select_option("many")
        assert "server" in "\n".join(rows(page))
        find(page, "no such value")
        assert page.get_by_text("No value fits all of this.").is_visible()
        assert sent(page) == []

    def test_faults_stand_at_their_places(self, render: Any) -> None:
        """
        A fault is told with a link, and the value of that line is marked.
        """
        faults = [
            {"tone": "bad", "text": EVIL, "where": "oneiric.toml:2:4", "file": "x", "line": 2},
            *({"tone": "warn", "text": f"w{n}", "where": None} for n in range(6)),
        ]
        page = render("configuration", sheet(("a", "1"), ("b", "2"), faults=faults))

        told = page.get_by_role("list", name="faults")
        assert told.get_by_role("listitem").count() == 6
        assert "and 2 more" in told.inner_text()
        assert told.get_by_text("oneiric.toml:2:4").count() == 1
        page.get_by_role("combobox", name="show").select_option("faults")
        assert rows(page) == ["▸ ✗ b|2|project|oneiric.toml:2"]

    def test_another_profile(self, render: Any) -> None:
        """
        Choosing one asks the kernel, and what is shown says that it is not in force.
        """
        page = render("configuration", sheet(("a", "1")))
        page.get_by_role("combobox", name="profiles").select_option("prod")
        page.get_by_role("combobox", name="compare with").select_option("profile:prod")
        asked = {"do": "compare", "left": "profile:prod", "right": "profile:prod"}
        assert sent(page) == [{"do": "profiles", "profiles": ["prod"]}, asked]
        profiles = {"active": [], "known": ["prod"], "shown": ["prod"]}
        page.evaluate("(state) => window.change(state)", sheet(("a", "2"), profiles=profiles))
        assert status(page) == "1 value · as it would be under prod"
        assert rows(page) == ["▸ a|2|project|oneiric.toml:1"]


class TestChange:
    def test_from_a_value_to_undo_by_keys(self, render: Any) -> None:
        """
        `e` edits, Enter plans, Apply applies once the plan has no problem, and undo asks.
        """
        page = render("configuration", sheet(("server.port", "443")))
        find(page, "port")
        pressed(page, "ArrowDown", "e")
        tell(page, explained=STACK)
        assert page.get_by_role("textbox", name="value").input_value() == "443"
        said = page.locator(".ol-about").inner_text()
        assert said.endswith("over project (40) · said at oneiric.toml:1 · where it listens")
        pressed(page, "Control+a")
        page.keyboard.type("9090")
        pressed(page, "Enter")
        plan = {"do": "plan", "changes": ["server.port=9090"], "unset": [], "layer": "session"}
        assert sent(page)[-1] == plan
        assert "|→ 9090 443|" in rows(page)[1]
        apply = page.get_by_role("button", name="Apply")
        assert apply.is_disabled()
        tell(page, planned={"ok": True, "code": "x", "view": VIEW})
        assert page.get_by_text("plan: 1 value would change").is_visible()
        page.get_by_role("button", name="Copy as code").first.click()
        code = page.locator(".ol-code code")
        assert code.inner_text() == 'lab.plan(["server.port=9090"], layer="session").apply()'
        apply.click()
        assert sent(page)[-1] == {"do": "apply"}
        assert apply.is_disabled()
        tell(page, progress=[["adapter:cache", "info", "being built"], ["service:x", "ok", "done"]])
        progress = page.get_by_role("list", name="progress").get_by_role("listitem")
        assert progress.first.inner_text().endswith(" adapter:cache: being built")
        assert progress.last.inner_text() == "✓ service:x: done"
        tell(page, applied={"ok": True, "undo": False, "code": "y.apply()", "view": VIEW})
        assert page.locator(".ol-edits").inner_text() == ""
        assert code.inner_text() == "y.apply()"
        page.get_by_role("button", name="Undo").click()
        assert sent(page)[-1] == {"do": "undo"}

    def test_several_changes_are_one_plan(self, render: Any) -> None:
        """
        Values and removals gather; each can be left out again, and the layer be another.
        """
        page = render("configuration", sheet(("a", "1"), ("b", "2")))
        for path, value in (("a", "10"), ("new.one", "x=y")):
            page.get_by_role("button", name="New value").click()
            page.get_by_role("textbox", name="path").fill(path)
            page.get_by_role("textbox", name="value").fill(value)
            page.get_by_role("button", name="Plan", exact=True).click()
        page.get_by_role("gridcell", name="b", exact=True).click()
        page.get_by_role("button", name="Remove from layer").click()
        page.get_by_role("combobox", name="layer to write to").select_option("project")
        plan = {"do": "plan", "changes": ["a=10", "new.one=x=y"], "unset": ["b"]}
        assert sent(page)[-1] == {**plan, "layer": "project"}
        page.get_by_role("button", name="a = 10 ✕").click()
        page.get_by_role("button", name="new.one = x=y ✕").click()
        assert sent(page)[-1] == {"do": "plan", "changes": [], "unset": ["b"], "layer": "project"}
        page.get_by_role("button", name="b removed ✕").click()
        assert page.locator(".ol-edits").inner_text() == ""

    def test_a_plan_with_problems_cannot_be_applied(self, render: Any) -> None:
        """
        Its problems are read out, and so is what the kernel refuses.
        """
        page = render("configuration", sheet(("a", "1")))
        page.get_by_role("gridcell", name="a", exact=True).click()
        page.get_by_role("button", name="Plan", exact=True).click()
        bad = {"type": "note", "text": EVIL, "tone": "bad"}
        view = {**VIEW, "title": "plan: 1 problem", "blocks": [bad], "tone": "bad"}
        tell(page, planned={"ok": False, "code": "x", "view": view})
        assert page.get_by_role("button", name="Apply").is_disabled()
        assert "✗ <img" in page.locator(".ol-out").inner_text()
        tell(page, planned={"ok": True, "code": "x", "view": VIEW})
        page.get_by_role("button", name="Apply").click()
        tell(page, failed={**VIEW, "title": "refused"})
        assert page.get_by_role("button", name="Apply").is_disabled()
        assert page.locator(".ol-out").inner_text().strip() == "refused"

    def test_a_secret_is_not_typed(self, render: Any) -> None:
        """
        The form of a secret takes nothing.
        """
        page = render("configuration", sheet(("token", "secret:token")))
        page.get_by_role("gridcell", name="token", exact=True).click()
        told = {**STACK, "path": "token", "text": None, "secret": True, "notes": ["a secret"]}
        tell(page, explained=told)

        assert page.get_by_role("textbox", name="value").is_disabled()
        assert page.get_by_role("button", name="Plan", exact=True).is_disabled()
        page.get_by_role("button", name="New value").click()
        assert page.get_by_role("textbox", name="value").is_enabled()

    def test_answers(self, render: Any) -> None:
        """
        History and files ask the kernel; one that does not answer is said to be busy.
        """
        page = render("configuration", sheet(("a", "1")))
        page.get_by_role("button", name="History").click()
        tell(page, shown={"code": "lab.history()", "view": {**VIEW, "title": "history: 1 entry"}})
        assert page.get_by_text("history: 1 entry").is_visible()
        page.get_by_role("button", name="Copy as code").first.click()
        assert page.locator(".ol-code code").inner_text() == "lab.history()"
        page.get_by_role("button", name="Reload files").click()
        page.get_by_text("the kernel is busy with a cell").wait_for()
        tell(page, shown={"code": "lab.reload()", "view": VIEW})
        assert status(page) == "1 value"


class TestKeyboard:
    def test_everything_by_keys(self, render: Any) -> None:
        """
        Arrows, Home, End and pages move, left and right close and open, `/` and Escape go.
        """
        values = [(f"t{n // 10}.v{n}", str(n)) for n in range(300)]
        page = render("configuration", sheet(*values))
        page.get_by_role("treegrid").focus()

        def active() -> str:
            found: str = page.evaluate(
                "() => document.getElementById(document.querySelector('[role=treegrid]')"
                ".getAttribute('aria-activedescendant')).firstChild.textContent"
            )
            return found

        assert active() == "▾ t0"
        pressed(page, "ArrowLeft", "ArrowDown")
        assert active() == "▾ t1"
        pressed(page, "ArrowRight", "ArrowDown")
        assert active() == "▸ v11"
        pressed(page, "ArrowLeft")
        assert active() == "▾ t1"
        pressed(page, "End")
        assert active() == "▸ v299"
        pressed(page, "PageUp", "PageDown", "Home", "Enter")
        assert active() == "▾ t0"
        pressed(page, "/")
        page.keyboard.type("v29")
        pressed(page, "Enter")
        assert active() == "▾ t2"
        pressed(page, "/", "Escape", "Escape")
        assert status(page) == "300 values"
        pressed(page, "ArrowDown", "e")
        assert page.evaluate("document.activeElement.name") == "value"
        pressed(page, "Escape", "Escape")
        assert not page.get_by_role("form").is_visible()
        # What the notebook has a use for is not taken from it.
        heard = page.evaluate(
            "() => { let heard = 0; document.addEventListener('keydown', () => { heard += 1; });"
            " const grid = document.querySelector('[role=treegrid]');"
            " for (const key of ['x', 'End'])"
            " grid.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));"
            " return heard; }"
        )
        assert heard == 1

    def test_a_place_is_opened_by_a_key(self, render: Any) -> None:
        """
        `o` follows the link of the row.
        """
        page = render("configuration", sheet(("a", "1")))
        page.evaluate(
            "() => document.body.addEventListener('click', (event) => {"
            " window.opened = event.target.dataset.commandlinkerArgs; })"
        )
        page.get_by_role("treegrid").focus()
        pressed(page, "o")
        assert page.evaluate("window.opened") == '{"path":"w/oneiric.toml","id":"#line=0"}'


class TestStates:
    def test_none_and_loading(self, render: Any) -> None:
        """
        No value says where values are said; a page without values asks for them.
        """
        page = render("configuration", sheet())
        assert page.get_by_text("Nothing says a value here").is_visible()
        page.get_by_role("treegrid").focus()
        pressed(page, "ArrowDown", "ArrowRight", "Enter", "e", "o")
        assert sent(page) == []
        page = render("configuration", {"sheet": None})
        assert status(page) == "loading…"
        assert sent(page) == [{"do": "whole"}]
        page.evaluate("(state) => window.change(state)", sheet(("a", "1")))
        assert status(page) == "1 value"

    def test_a_change_keeps_the_place(self, render: Any) -> None:
        """
        What is open stays open when values change, and is asked anew.
        """
        page = render("configuration", sheet(("a", "1"), ("server.port", "443")))
        find(page, "port")
        pressed(page, "ArrowDown", "ArrowRight")
        tell(page, explained=STACK)
        page.evaluate("(state) => window.change(state)", sheet(("server.port", "444")))

        assert rows(page)[1:] == ["▾ port|444|project|oneiric.toml:1", "…|||"]
        assert sent(page) == [{"do": "explain", "path": "server.port"}] * 2
        assert page.locator("[aria-selected=true]").inner_text().startswith("▾port")

    def test_hostile_and_long_texts(self, render: Any) -> None:
        """
        What others say is text, on one line, and the page is no wider for it.
        """
        long = "x" * 10_000
        page = render(
            "configuration",
            sheet((f'"{EVIL}".a', EVIL), (long, long), layers=["defaults", EVIL], names=[EVIL]),
        )
        page.get_by_role("gridcell", name="x" * 50).first.click()
        evil = {**STACK, "path": long, "decided": EVIL, "notes": [long], "text": EVIL}
        evil["stack"] = [{"layer": EVIL, "value": EVIL, "state": EVIL, "where": EVIL}]
        tell(page, explained=evil)
        tell(page, progress=[[EVIL, "ok", long]])

        assert page.locator("img").count() == 0
        assert page.title() == "t"
        assert width(page) <= 900
        assert page.locator(".ol-body > :not([hidden])").first.bounding_box()["height"] == 24

    def test_very_many_values(self, render: Any) -> None:
        """
        Only what is seen is in the page; the last row is one key away.
        """
        values = [(f"t{n // 100:03}.v{n:05}", str(n)) for n in range(20_000)]
        page = render("configuration", sheet(*values))
        assert page.locator("[role=gridcell]").count() < 300
        page.get_by_role("treegrid").focus()
        pressed(page, "End")
        page.get_by_text("v19999").wait_for()
        page.get_by_role("searchbox").fill("v0123")
        assert status(page) == "10 of 20,000 values"

    def test_a_closed_view_listens_no_more(self, render: Any) -> None:
        """
        What a view registered goes with it.
        """
        page = render("configuration", sheet(("a", "1")))
        assert page.evaluate("window.listeners()") > 0
        page.evaluate("() => window.end.forEach((each) => each?.())")
        assert page.evaluate("window.listeners()") == 0


class TestLooks:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_anybody_can_read_it(self, render: Any, given: Any, scheme: str) -> None:
        """
        In both schemes axe finds nothing grave, and texts stand out by 4.5 at least.
        """
        page = render("configuration", given, scheme=scheme)
        find(page, "server.port")
        pressed(page, "ArrowDown", "ArrowRight", "e")
        tell(page, explained=STACK)
        pressed(page, "Enter")
        bad = {"type": "note", "text": "not so", "tone": "bad"}
        tell(page, planned={"ok": True, "code": "x", "view": {**VIEW, "blocks": [bad]}})
        page.get_by_role("button", name="Copy as code").first.click()

        assert grave(page) == []
        assert contrast(page) >= 4.5

    def test_a_narrow_page(self, render: Any, given: Any) -> None:
        """
        Nothing is wider than the page, which is what 200 % zoom makes of a small window.
        """
        page = render("configuration", given)
        page.set_viewport_size({"width": 360, "height": 800})
        find(page, "server.port")
        pressed(page, "ArrowDown", "ArrowRight", "e")
        tell(page, explained={**STACK, "notes": ["l" * 300]})

        assert width(page) <= 360

    def test_nothing_jumps(self, render: Any) -> None:
        """
        Opening a value moves nothing that stands outside of the tree.
        """
        page = render("configuration", sheet(("server.port", "443")))
        before = page.get_by_role("button", name="History").bounding_box()
        find(page, "port")
        pressed(page, "ArrowDown", "ArrowRight")
        tell(page, explained=STACK)

        assert page.get_by_role("button", name="History").bounding_box() == before
