"""The module of the status widget on a bare page: what is seen, pressed and sent."""

from __future__ import annotations

from typing import Any

import pytest

from .judged import contrast, grave, width

HERE = "42 here"


def row(target: str = "adapter:cache", **more: Any) -> dict[str, Any]:
    """Return a component that is as it is wanted."""
    well = [["active", True, "redis 3", 2, True, HERE]]
    return {
        "target": target,
        "provider": "redis",
        "wanted": "running",
        "who": "",
        "why": "",
        "is": well,
        **more,
    }


def state(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the state of a widget."""
    told = {"count": len(rows), "ill": 0, "listening": 1, "rows": list(rows)}
    return {"told": {**told, "deeds": [], "sources": [], **more}}


def every() -> dict[str, Any]:
    """Return a state that has all there is."""
    return state(
        row(),
        row("adapter:queue", wanted="paused", who="eva", why="backup", **{"is": []}),
        row(
            "service:mail",
            **{
                "is": [
                    ["unhealthy", False, "smtp 1", 0, False, HERE],
                    ["active", True, "smtp 4", 9, True, "43 there"],
                ]
            },
        ),
        ill=1,
        listening=2,
        count=300,
        deeds=[["12:00:00Z", "adapter:cache", "swapped", "redis 3", "42", "memory 2 drains"]],
        sources=[["main", "stale", "shop 4"], ["other", "fresh", "shop 5"]],
    )


class TestStatus:
    def test_all_there_is(self, render: Any) -> None:
        """
        What is wanted stands beside what each process says, with sync and events below.
        """
        page = render("status", every())
        text = page.get_by_role("group", name="status").inner_text()

        assert "⚠ 1 not as wanted · 300 components · 2 processes listening" in text
        assert "and 297 more, all as wanted" in text
        rows = page.get_by_role("group", name="components").locator("tbody tr")
        assert rows.count() == 4
        assert "⚠ paused eva: backup" in rows.nth(1).inner_text()
        assert "✗ unhealthy" in rows.nth(2).inner_text()
        assert rows.nth(3).inner_text().split() == ["✓", "active", "smtp", "4", "9", "43", "there"]
        assert "⚠ stale" in page.get_by_role("group", name="sources").inner_text()
        assert "memory 2 drains" in page.get_by_role("group", name="events").inner_text()

    def test_read_only(self, render: Any) -> None:
        """
        Without its buttons it shows the same, and the last column is the process.
        """
        page = render("status", {**every(), "plain": True})

        assert page.get_by_role("button").count() == 0
        heads = page.get_by_role("group", name="components").locator("th").all_inner_texts()
        assert heads[-1] == "process"
        assert "backup" in page.get_by_role("group", name="components").inner_text()

    def test_a_pause_with_a_note_by_keys(self, render: Any) -> None:
        """
        Enter opens the note, Enter sends it, Escape leaves it; the code says the same.
        """
        page = render("status", every())
        button = page.get_by_role("button", name="pause adapter:cache", exact=True)
        button.focus()
        page.keyboard.press("Enter")
        assert button.get_attribute("aria-expanded") == "true"
        page.keyboard.press("Escape")
        assert button.get_attribute("aria-expanded") == "false"
        assert page.evaluate("document.activeElement.dataset.ol") == "pause adapter:cache"
        page.keyboard.press("Enter")
        page.keyboard.type('the "new" disk')
        page.keyboard.press("Enter")

        sent = {"do": "want", "target": "adapter:cache", "word": "pause", "why": 'the "new" disk'}
        assert page.evaluate("window.sent") == [sent]
        code = page.locator(".ol-code code").inner_text()
        assert code == '%oneiric pause adapter:cache --why "the \\"new\\" disk"'
        page.get_by_role("button", name="resume adapter:queue").click()
        assert page.evaluate("window.sent[1].word") == "resume"

    def test_a_change_keeps_what_is_typed(self, render: Any) -> None:
        """
        The note and the focus stay where they are when the kernel tells something new.
        """
        page = render("status", every())
        page.get_by_role("button", name="drain adapter:cache").click()
        page.keyboard.type("half")
        page.evaluate("(told) => window.change({ told })", {**every()["told"], "ill": 2})
        page.keyboard.type(" done")

        assert page.get_by_label("why drain adapter:cache").input_value() == "half done"
        assert "2 not as wanted" in page.get_by_role("status").first.inner_text()

    def test_loading_empty_and_silent(self, render: Any) -> None:
        """
        Before the first word, without a component, without a process, and with a filter.
        """
        page = render("status", {"told": {}})
        assert page.get_by_role("status").first.inner_text() == "loading…"
        page.evaluate("(told) => window.change({ told })", state(listening=0)["told"])
        text = page.get_by_role("group", name="status").inner_text()
        assert "Nothing is declared here" in text
        assert "no process listening" in text
        page.evaluate("(told) => window.change({ told })", every()["told"])
        page.get_by_role("searchbox").fill("no such thing")
        assert "No component holds all of this" in page.inner_text("body")

    def test_a_refusal_and_a_busy_kernel(self, render: Any) -> None:
        """
        What the kernel refuses is shown as it says it; a kernel that is busy is told.
        """
        page = render("status", every())
        page.get_by_role("button", name="resume adapter:queue").click()
        page.get_by_text("the kernel is busy with a cell").wait_for()
        note = {"type": "note", "tone": "bad", "text": "the store is read-only"}
        view = {"title": "refused", "facts": [], "tone": "plain", "blocks": [note]}
        page.evaluate("(failed) => window.tell({ failed })", view)

        assert "✗ the store is read-only" in page.inner_text("body")

    def test_hostile_and_many(self, render: Any) -> None:
        """
        A text is a text, and what is ten times too long scrolls inside the widget.
        """
        evil = "<img src=x onerror=alert(1)>\u202e" + "x" * 270
        rows = [row(f"task:{evil}{n}", who=evil, why=evil) for n in range(200)]
        page = render("status", state(*rows, deeds=[[evil] * 6] * 30, sources=[[evil] * 3]))

        assert page.locator("img").count() == 0
        assert width(page) <= 900

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_can_be_read(self, render: Any, scheme: str) -> None:
        """
        Enough contrast in both schemes, and nothing grave for axe, with a form open too.
        """
        page = render("status", every(), scheme=scheme)
        page.get_by_role("button", name="pause adapter:cache").click()

        assert contrast(page) >= 4.5
        assert grave(page) == []

    @pytest.mark.parametrize("wide", [1200, 700, 400])
    def test_buttons_need_no_scrolling_sideways(self, render: Any, wide: int) -> None:
        """
        However narrow the page, all buttons are within it and Tab goes through them in order;
        a cell without a head above it names its own.
        """
        why = "we move the data base to the other rack: operator@host.example.org"
        given = every()
        given["told"]["rows"].append(row("task:nightly-report-of-orders", wanted="paused", why=why))
        page = render("status", given)
        page.set_viewport_size({"width": wide, "height": 900})
        page.get_by_role("button", name="pause adapter:cache").click()

        boxes = page.evaluate(
            "() => [...document.querySelectorAll('td button, td input')].map((one) =>"
            " { const { left, right } = one.getBoundingClientRect(); return [left, right]; })"
        )
        assert len(boxes) == 9
        assert all(0 <= left < right <= wide for left, right in boxes)
        assert page.evaluate(
            "() => [...document.querySelectorAll('.ol-scroll')]"
            ".every((one) => one.scrollWidth <= one.clientWidth)"
        )
        page.get_by_role("button", name="pause adapter:cache", exact=True).focus()
        seen = []
        for _ in range(6):
            page.keyboard.press("Tab")
            seen.append(page.evaluate("document.activeElement.dataset.ol"))
        assert seen == [
            "drain adapter:cache",
            "note",
            "do",
            "cancel",
            "resume adapter:queue",
            "pause service:mail",
        ]
        named = page.evaluate(
            "() => getComputedStyle(document.querySelector('[data-head=leases]'), '::before')"
            ".content"
        )
        assert named == ('"leases "' if wide < 760 else "none")
        assert grave(page) == []

    def test_one_of_each(self, render: Any) -> None:
        """
        One component is no components.
        """
        page = render("status", state(row()))
        said = page.get_by_role("status").first.inner_text()
        assert said == "✓ all as wanted · 1 component · 1 process listening"

    def test_a_closed_view_listens_no_more(self, render: Any) -> None:
        """
        What it subscribed to, it leaves.
        """
        page = render("status", every())
        assert page.evaluate("window.listeners()") == 2
        page.evaluate("window.end[1]()")
        assert page.evaluate("window.listeners()") == 0
