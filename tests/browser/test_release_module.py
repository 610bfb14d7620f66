"""The module of a release on a bare page: what is seen, pressed and sent."""

from __future__ import annotations

from typing import Any

import pytest

from .judged import contrast, grave, width

pytest.importorskip("anywidget", reason="needs oneiric-lab[notebook]")

EVIL = "<img src=x onerror=\"document.title='owned'\">\u202e"
VIEW = {
    "title": "what changes",
    "facts": [],
    "tone": "plain",
    "blocks": [{"type": "fields", "items": [["signed by", "nobody yet"]]}],
}


def steps(**changes: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the steps of a release of which the risks have to be read."""
    found: list[dict[str, Any]] = [
        {
            "name": "choose",
            "title": "choose the manifest",
            "state": "done",
            "said": "shop.oneiric.json",
            "fields": [
                {
                    "name": "manifest",
                    "label": "manifest",
                    "value": "shop.oneiric.json",
                    "placeholder": "x",
                }
            ],
            "actions": [{"act": "choose", "label": "Choose"}],
            "code": "release = lab.release('shop.oneiric.json')",
        },
        {
            "name": "read",
            "title": "read the risks",
            "state": "open",
            "said": "0 of 2 acknowledged",
            "view": VIEW,
            "checks": [
                {
                    "id": f"r{n}",
                    "tone": tone,
                    "about": f"risk {n}",
                    "text": "is told",
                    "ask": "why?",
                    "on": False,
                }
                for n, tone in enumerate(("bad", "warn"))
            ],
            "code": "release.changes()",
        },
        {
            "name": "propose",
            "title": "policy",
            "state": "later",
            "fields": [{"name": "days", "label": "days", "value": "", "placeholder": "30"}],
            "actions": [{"act": "propose", "label": "Propose", "off": "2 risks are left"}],
            "code": "release.propose()",
        },
    ]
    return [{**one, **changes.get(one["name"], {})} for one in found]


def state(**changes: dict[str, Any]) -> dict[str, Any]:
    """Return the state of the widget."""
    return {"title": "release of shop.oneiric.json", "steps": steps(**changes)}


def change(page: Any, **changes: dict[str, Any]) -> None:
    """Let the kernel change steps."""
    page.evaluate("(state) => window.change(state)", state(**changes))


def sent(page: Any) -> list[dict[str, Any]]:
    """Return what the kernel was told."""
    found: list[dict[str, Any]] = page.evaluate("window.sent")
    return found


def status(page: Any) -> str:
    """Return what is said."""
    found: str = page.locator("header").get_by_role("status").inner_text()
    return found


def is_open(page: Any, at: int) -> bool:
    """Return whether a step is open."""
    found: bool = page.locator("details").nth(at).evaluate("(one) => one.open")
    return found


class TestSteps:
    def test_the_next_one_is_open(self, render: Any) -> None:
        """
        Each step says how it stands in words; what is next is open.
        """
        page = render("release", state())
        titles = page.locator("summary").all_inner_texts()
        assert titles[0] == "✓ 1. choose the manifest · done: shop.oneiric.json"
        assert titles[1].endswith("2. read the risks · next: 0 of 2 acknowledged")
        assert titles[2] == "· 3. policy · later"
        assert [is_open(page, at) for at in range(3)] == [False, True, False]
        assert page.get_by_text("signed by").is_visible()
        label = page.locator("label:has([type=checkbox])").first
        assert label.inner_text() == "✗ risk 0 is told"
        assert label.locator("strong").inner_text() == "✗ risk 0"

    def test_by_keys(self, render: Any) -> None:
        """
        Tab and Space acknowledge, the kernel is told, and who was there stays there.
        """
        page = render("release", state())
        page.get_by_role("checkbox", name="risk 0").focus()
        page.keyboard.press("Space")
        assert sent(page) == [{"do": "acknowledge", "id": "r0", "on": True}]
        assert status(page) == "…"
        checks = steps()[1]["checks"]
        change(page, read={"checks": [{**checks[0], "on": True}, checks[1]]})
        page.evaluate("() => window.tell({did: ''})")
        assert status(page) == ""
        assert page.get_by_role("checkbox", name="risk 0").is_checked()
        assert page.evaluate("document.activeElement.dataset.ol") == "read.r0"
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Copy as code"
        page.keyboard.press("Enter")
        assert page.locator(".ol-code code").nth(1).inner_text() == "release.changes()"
        heard = page.evaluate(
            "() => { let heard = 0;"
            " document.addEventListener('keydown', () => { heard += 1; });"
            " document.querySelector('summary').dispatchEvent("
            "new KeyboardEvent('keydown', {key: 'd', bubbles: true})); return heard; }"
        )
        assert heard == 0

    def test_a_box_is_as_the_file_says(self, render: Any) -> None:
        """
        What the kernel refuses leaves no tick behind, and what was proposed cannot be taken back.
        """
        page = render("release", state())
        box = page.get_by_role("checkbox", name="risk 0")
        box.check()
        page.evaluate("(failed) => window.tell({failed})", VIEW)
        assert not box.is_checked()
        checks = [{**one, "on": True, "fixed": True} for one in steps()[1]["checks"]]
        change(page, read={"checks": checks, "state": "done"})
        assert box.is_checked()
        assert box.is_disabled()

    def test_what_is_off_says_why(self, render: Any) -> None:
        """
        A button that does nothing yet has the reason beside it.
        """
        page = render("release", state())
        page.locator("summary").nth(2).click()
        assert page.get_by_role("button", name="Propose").is_disabled()
        assert page.get_by_text("⚠ 2 risks are left").is_visible()

    def test_a_step_is_done(self, render: Any) -> None:
        """
        Its fields go with it; what comes of it stays open, and so does what comes next.
        """
        page = render(
            "release", state(propose={"actions": [{"act": "propose", "label": "Propose"}]})
        )
        page.locator("summary").nth(2).click()
        page.get_by_label("days").fill("30")
        page.keyboard.press("Enter")
        assert sent(page) == [{"do": "act", "act": "propose", "fields": {"days": "30"}}]
        change(page, propose={"state": "done", "view": VIEW, "fields": [], "actions": []})
        page.evaluate("() => window.tell({did: 'done'})")
        assert status(page) == "done"
        assert is_open(page, 2)
        page.locator("summary").nth(2).click()
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        change(page, propose={"state": "done", "said": "again"})
        assert not is_open(page, 2)

    def test_who_types_goes_on_typing(self, render: Any) -> None:
        """
        What the kernel changes elsewhere leaves a field alone, and what it changes here keeps it.
        """
        page = render("release", state())
        page.locator("summary").nth(0).click()
        field = page.get_by_label("manifest", exact=True)
        field.fill("other.oneiric.json")
        change(page, read={"said": "1 of 2"})
        assert page.evaluate("document.activeElement.value") == "other.oneiric.json"
        change(page, choose={"said": "x"})
        assert page.evaluate("document.activeElement.value") == "other.oneiric.json"
        page.get_by_role("button", name="Choose").click()
        assert sent(page)[-1]["fields"] == {"manifest": "other.oneiric.json"}


class TestStates:
    def test_loading_refused_and_busy(self, render: Any) -> None:
        """
        Nothing yet, what the kernel refuses, and a kernel that does not answer.
        """
        page = render("release", {"title": "", "steps": []})
        assert status(page) == "loading…"
        change(page)
        assert status(page) == ""
        page.locator("summary").nth(0).click()
        page.get_by_role("button", name="Choose").click()
        page.get_by_text("the kernel is busy with a cell").wait_for()
        bad = {"type": "note", "text": EVIL, "tone": "bad"}
        view = {**VIEW, "title": "refused", "blocks": [bad]}
        page.evaluate("(failed) => window.tell({failed})", view)
        assert "✗ <img" in page.locator(".ol-out").inner_text()
        assert status(page) == ""
        failed = {"state": "failed", "view": view, "checks": []}
        page.evaluate(
            "(state) => window.change(state)", {"title": "t", "steps": steps(read=failed)[:2]}
        )
        assert page.locator("summary").count() == 2
        assert "failed" in page.locator("summary").nth(1).inner_text()

    def test_hostile_and_very_many(self, render: Any) -> None:
        """
        What others say is text, and the page is no wider for it.
        """
        checks = [
            {
                "id": f"r{n}",
                "tone": "bad",
                "about": EVIL,
                "text": EVIL + "x" * 10_000,
                "ask": EVIL,
                "on": False,
            }
            for n in range(201)
        ]
        long = {"title": EVIL, "said": "y" * 10_000, "code": EVIL, "checks": checks}
        page = render("release", state(read=long, choose={"said": EVIL}))
        page.get_by_role("button", name="Copy as code").click()

        assert page.locator("img").count() == 0
        assert page.title() == "t"
        assert width(page) <= 900
        assert page.get_by_role("list", name="to be acknowledged").bounding_box()["height"] <= 260

    def test_a_closed_view_listens_no_more(self, render: Any) -> None:
        """
        What a view registered goes with it.
        """
        page = render("release", state())
        assert page.evaluate("window.listeners()") > 0
        page.evaluate("() => window.end.forEach((each) => each?.())")
        assert page.evaluate("window.listeners()") == 0


class TestLooks:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_anybody_can_read_it(self, render: Any, scheme: str) -> None:
        """
        In both schemes axe finds nothing grave, and texts stand out by 4.5 at least.
        """
        page = render("release", state(), scheme=scheme)
        for at in (0, 2):
            page.locator("summary").nth(at).click()
        page.get_by_role("button", name="Copy as code").first.click()

        assert grave(page) == []
        assert contrast(page) >= 4.5

    def test_a_narrow_page(self, render: Any) -> None:
        """
        Nothing is wider than the page, which is what 200 % zoom makes of a small window.
        """
        wide = {**VIEW, "blocks": [{"type": "fields", "items": [["k" * 90, "v" * 90]]}]}
        page = render("release", state(read={"view": wide}))
        page.set_viewport_size({"width": 360, "height": 800})
        for at in (0, 2):
            page.locator("summary").nth(at).click()
        assert width(page) <= 360
