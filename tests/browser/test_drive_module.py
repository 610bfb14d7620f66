"""The module of the form that starts load runs, on a bare page: what is asked, shown and sent."""

from __future__ import annotations

from typing import Any

import pytest

EVIL = "<img src=x onerror=\"document.title='owned'\">\u202e"
VIEW = {"title": "refused", "facts": [], "tone": "bad", "blocks": []}


def state(what: str = "swap-under-readers", **more: Any) -> dict[str, Any]:
    """Return the state of a form, as a kernel gives it."""
    from oneiric_lab.notebook.widgets._drive import fields_of

    return {
        "asked": {"scenario": what},
        "fields": fields_of(what, is_named=True),
        "said": {"lines": [["plain", "1,000 users for 10 s: read"]], "code": "lab.load.run('x')"},
        **more,
    }


def lines(page: Any) -> str:
    """Return what would be driven, as it is shown."""
    found: str = page.get_by_role("list", name="what would be driven").inner_text()
    return found


def asked(page: Any) -> Any:
    """Wait until the kernel was told what was typed, and return it."""
    page.wait_for_function("() => window.sent.at(-1)?.saved")
    return page.evaluate("window.sent.at(-1).saved.asked")


class TestForm:
    def test_what_is_shown(self, render: Any) -> None:
        """
        Every field has its name and what holds where it is empty; below stand words and code.
        """
        page = render("drive", state())

        assert page.get_by_role("combobox", name="scenario").input_value() == "swap-under-readers"
        assert page.get_by_label("load", exact=True).get_attribute("placeholder") == "1000"
        assert page.get_by_label("swap rate").get_attribute("placeholder") == "100"
        assert lines(page) == "1,000 users for 10 s: read"
        assert page.locator(".ol-code code").inner_text() == "lab.load.run('x')"

    def test_what_is_typed_is_told_when_typing_rests(self, render: Any) -> None:
        """
        The kernel hears of it once; the example of a load follows how it is said.
        """
        page = render("drive", state())
        page.get_by_label("load by").select_option("rate")
        load = page.get_by_label("load", exact=True)
        assert load.get_attribute("placeholder") == "such as 500/s"
        load.focus()
        page.keyboard.type("50/s")
        found = asked(page)

        assert (found["kind"], found["load"], found["save"]) == ("rate", "50/s", False)
        assert len([m for m in page.evaluate("window.sent") if m.get("saved")]) <= 2

    def test_other_fields_keep_what_is_typed(self, render: Any) -> None:
        """
        Another scenario brings its parameters; the focus and the other fields stay.
        """
        page = render("drive", state())
        page.get_by_label("duration").fill("2s")
        page.get_by_role("combobox", name="scenario").focus()
        page.get_by_role("combobox", name="scenario").select_option("resolve-storm")
        fields = state("resolve-storm")["fields"]
        page.evaluate("(fields) => window.change({ fields })", fields)

        assert page.get_by_label("duration").input_value() == "2s"
        assert page.get_by_label("candidates").is_visible()
        assert page.get_by_label("swap rate").count() == 0
        assert page.evaluate("document.activeElement.name") == "scenario"
        assert asked(page)["scenario"] == "resolve-storm"

    def test_a_fault(self, render: Any) -> None:
        """
        What cannot be is told, and nothing can be started.
        """
        page = render("drive", state())
        bad = {"lines": [["bad", "error: users: expected a whole number\n  help: such as 100"]]}
        page.evaluate("(said) => window.change({ said })", {**bad, "code": ""})

        assert "✗ error: users" in lines(page)
        assert page.get_by_role("button", name="Start").is_disabled()
        assert page.locator(".ol-code").is_hidden()

    def test_start_by_keyboard(self, render: Any) -> None:
        """
        Enter in a field starts, with what was typed last; keys do not reach the notebook.
        """
        page = render("drive", state())
        page.evaluate(
            "() => { window.keys = [];"
            " document.addEventListener('keydown', (event) => keys.push(event.key)); }"
        )
        page.get_by_label("load", exact=True).focus()
        page.keyboard.type("5")
        page.keyboard.press("Enter")

        sent = page.evaluate("window.sent")
        assert sent[-1] == {"do": "start"}
        assert sent[-2]["saved"]["asked"]["load"] == "5"
        assert page.evaluate("window.keys") == []
        page.get_by_role("status").filter(has_text="the kernel is busy").wait_for()
        page.evaluate("() => window.tell({ begun: 'begun: job 1' })")
        assert page.get_by_role("status").first.inner_text() == "begun: job 1"
        page.evaluate("(failed) => window.tell({ failed })", VIEW)
        assert page.get_by_text("refused").is_visible()

    def test_hostile_and_no_texts(self, render: Any) -> None:
        """
        What others say is text; a form without fields is drawn.
        """
        given = state(said={"lines": [["plain", EVIL]], "code": EVIL})
        given["fields"][0]["label"] = given["fields"][0]["about"] = EVIL
        page = render("drive", given)
        assert page.locator("img").count() == 0
        assert page.title() == "t"
        render("drive", {"asked": {}, "fields": [], "said": {}})

    def test_a_closed_view_listens_no_more(self, render: Any) -> None:
        """
        What a view registered goes with it.
        """
        page = render("drive", state())
        assert page.evaluate("window.listeners()") > 0
        page.evaluate("() => window.end.forEach((each) => each?.())")
        assert page.evaluate("window.listeners()") == 0

    @pytest.mark.parametrize("width", [360, 900])
    def test_nothing_is_wider_than_the_page(self, render: Any, width: int) -> None:
        """
        Nor does a field reach beyond its box.
        """
        page = render("drive", state())
        page.get_by_text("more", exact=True).click()
        page.set_viewport_size({"width": width, "height": 800})

        assert page.evaluate("document.documentElement.scrollWidth") <= width
        outside = page.evaluate("""() => {
          const box = document.querySelector(".ol-drive").getBoundingClientRect();
          return [...document.querySelectorAll("input, select")]
            .filter((one) => one.getBoundingClientRect().right > box.right).length;
        }""")
        assert outside == 0


class TestComparing:
    def test_a_former_run(self, render: Any) -> None:
        """
        When a run has ended it asks what there is, and shows the comparison with its code.
        """
        from .test_load_module import running

        end = {"count": 8, "title": "load Shop: passed", "tone": "ok", "notes": []}
        page = render("load", running())
        choice = page.get_by_role("combobox", name="compare with a former run")
        assert choice.is_hidden()
        page.evaluate("(end) => window.change({ end, stage: 'ended' })", end)
        page.wait_for_function("() => window.sent.at(-1)?.do === 'former'")
        page.evaluate("() => window.tell({ former: [['before', 'before (6 runs)']] })")
        choice.select_option(label="before (6 runs)")

        assert page.evaluate("window.sent.at(-1)") == {"do": "compare", "with": "before"}
        assert page.locator(".ol-code code").inner_text() == 'lab.load.compare("before", job)'
        page.evaluate("(view) => window.tell({ compared: view })", {**VIEW, "title": "slower"})
        assert page.get_by_text("slower").is_visible()
        choice.select_option(index=0)
        assert page.get_by_text("slower").count() == 0

    def test_none(self, render: Any) -> None:
        """
        Without a former run there is nothing to choose, in words.
        """
        from .test_load_module import running

        page = render("load", running())
        page.evaluate("() => window.tell({ former: [] })")
        choice = page.get_by_role("combobox", name="compare with a former run")

        assert choice.is_disabled()
        assert "no former run" in choice.inner_text()
