"""The module of the live chart on a bare page: what is seen, heard and sent."""

from __future__ import annotations

from typing import Any

import pytest

from .judged import contrast

ENDED = ("ended", "cancelled", "failed")


def tick(number: int, at: float, *, rate: float = 1000, paused: int = 0, p50: Any = 1500) -> Any:
    """Return a tick of a quarter of a second, as it travels."""
    read = [rate, 0, p50, 9000, 1200, 8000, 10, 40]
    swap = [100, 3, None, None, None, None, None, None]
    heat = "0" * 18 + "9c5" + "0" * 27
    return [number, at, 0.25, 1, 12, [read, swap], [heat] * 3, paused]


def state(**more: Any) -> dict[str, Any]:
    """Return the state of a run that waits for its process."""
    return {
        "plan": {
            "name": "load Shop",
            "length": 10,
            "warmup": 1,
            "operations": [{"name": "read", "event": False}, {"name": "swap", "event": True}],
        },
        "stage": "waiting",
        "past": {"count": 0, "ticks": []},
        "end": None,
        "metric": "response",
        "operation": "read",
        **more,
    }


def running(count: int = 8, **more: Any) -> dict[str, Any]:
    """Return the state of a run that has told so many ticks."""
    ticks = [tick(n, n / 4, rate=1000 + n) for n in range(1, count + 1)]
    return state(stage="running", past={"count": count, "ticks": ticks}, **more)


def figure(page: Any, name: str) -> str:
    """Return the figure that stands beside a name."""
    found: str = page.locator(f"dt:text-is('{name}') + dd").inner_text()
    return found


def colours(page: Any) -> int:
    """Return how many colours the canvas has, of every hundredth pixel."""
    page.evaluate("() => new Promise(requestAnimationFrame)")
    found: int = page.evaluate(
        "() => { const c = document.querySelector('canvas');"
        " const d = new Uint32Array("
        "c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer);"
        " return new Set(d.filter((_, n) => n % 100 === 0)).size; }"
    )
    return found


class TestStages:
    def test_waiting(self, render: Any) -> None:
        """
        Before the first tick there is the plan, and a run to cancel but none to pause.
        """
        page = render("load", state())

        assert page.get_by_role("group", name="load Shop").is_visible()
        assert "waiting" in page.get_by_role("status").first.inner_text()
        assert page.get_by_role("button", name="Cancel").is_enabled()
        assert page.get_by_role("button", name="Pause").is_disabled()
        assert figure(page, "rate") == "–"  # noqa: RUF001 - the sign for nothing yet

    def test_running(self, render: Any) -> None:
        """
        Ticks that come are shown at once: figures, how far it is, and a picture.
        """
        page = render("load", running())
        empty = colours(render("load", state()))
        page.evaluate("tick => window.tell({tick})", tick(9, 2.25, rate=54321.4))
        page.wait_for_function("() => document.body.innerText.includes('54,321/s')")

        assert figure(page, "p50") == "1.5 ms"
        assert figure(page, "p99") == "9 ms"
        assert figure(page, "in flight") == "12"
        assert figure(page, "swap") == "100/s, 3 bad"
        assert "2.3 of 10 s, 8 s left" in page.locator("header").inner_text()
        assert colours(page) > empty

    def test_paused(self, render: Any) -> None:
        """
        A run that is paused can be resumed; the time that is left stands still.
        """
        page = render("load", running())
        page.evaluate("tick => window.tell({tick})", tick(9, 4.0, paused=1))
        page.evaluate("() => window.change({stage: 'paused'})")
        page.get_by_role("button", name="Resume").click()

        assert page.evaluate("window.sent") == [{"do": "resume"}]
        assert page.locator(".ol-code code").inner_text() == "job.resume()"
        assert "paused" in page.get_by_role("status").first.inner_text()

    @pytest.mark.parametrize("stage", ENDED)
    def test_over(self, render: Any, stage: str) -> None:
        """
        A run that ended has nothing to press, and says in words what came of it.
        """
        notes = [["ok", "the measurement is valid"], ["bad", "read.rate > 9/s: missed"]]
        end = {"count": 8, "title": "load Shop: said", "tone": "bad", "notes": notes}
        page = render("load", running())
        page.evaluate("([stage, end]) => window.change({end, stage})", [stage, end])

        assert page.get_by_role("list").inner_text().splitlines() == [
            "✗ load Shop: said",
            "✓ the measurement is valid",
            "✗ read.rate > 9/s: missed",
        ]
        assert stage in page.get_by_role("status").first.inner_text()
        for name in ("Pause", "Cancel"):
            assert page.get_by_role("button", name=name).is_disabled()

    def test_shown_only_when_it_was_over(self, render: Any) -> None:
        """
        A view that is opened afterwards shows the same as one that was there.
        """
        end = {"count": 8, "title": "load Shop: passed", "tone": "ok", "notes": []}
        page = render("load", {**running(), "stage": "ended", "end": end})

        assert page.get_by_role("list").inner_text() == "✓ load Shop: passed"
        assert figure(page, "rate") == "1,008/s"


class TestKeyboard:
    def test_everything_is_reached_and_named(self, render: Any) -> None:
        """
        Tab goes through buttons, choices and the chart; each has a name for a screen reader.
        """
        page = render("load", running())
        names = []
        for _ in range(5):
            page.keyboard.press("Tab")
            names.append(
                page.evaluate(
                    "() => document.activeElement.getAttribute('aria-label')"
                    " ?? document.activeElement.innerText"
                )
            )

        assert names[:4] == ["Pause", "Cancel", "metric", "operation"]
        assert names[4].startswith("chart over time")

    def test_the_arrows_move_through_the_chart(self, render: Any) -> None:
        """
        Figures and the spoken text are those of the marked tick, which stays inside the run.
        """
        page = render("load", running())
        chart = page.get_by_role("slider")
        chart.focus()
        page.keyboard.press("ArrowLeft")
        assert figure(page, "at") == "1.75 s"
        assert chart.get_attribute("aria-valuetext").startswith("at 1.75 s: rate 1,007/s, p50")
        page.keyboard.press("Home")
        page.keyboard.press("ArrowLeft")
        assert (figure(page, "at"), chart.get_attribute("aria-valuenow")) == ("0.25 s", "0")
        page.keyboard.press("End")
        page.keyboard.press("PageDown")
        assert figure(page, "at") == "2.00 s"
        page.keyboard.press("Escape")
        assert figure(page, "at") == "2.00 s"

    def test_an_order_by_keyboard(self, render: Any) -> None:
        """
        A button that is pressed by a key asks the kernel, and shows what a cell would say.
        """
        page = render("load", running())
        page.get_by_role("button", name="Cancel").focus()
        page.keyboard.press("Enter")

        assert page.evaluate("window.sent") == [{"do": "cancel"}]
        assert page.locator(".ol-code code").inner_text() == "job.cancel()"

    def test_a_choice_is_kept_and_told_as_code(self, render: Any) -> None:
        """
        What is drawn is chosen without the kernel, which is told; the code does the same.
        """
        page = render("load", running())
        page.get_by_role("combobox", name="metric").select_option("lag")
        page.get_by_role("combobox", name="operation").select_option("swap")

        saved = page.evaluate("window.sent.at(-1).saved")
        assert (saved["metric"], saved["operation"]) == ("lag", "swap")
        code = page.locator(".ol-code code").inner_text()
        assert code == 'lab.ui.load(job, metric="lag", operation="swap")'
        page.evaluate("() => window.change({metric: 'service', operation: 'read'})")
        assert page.get_by_role("combobox", name="metric").input_value() == "service"
        page.wait_for_function("() => document.body.innerText.includes('1.2 ms')")


class TestMessages:
    def test_a_gap_is_filled(self, render: Any) -> None:
        """
        A tick that was missed is asked for once; what comes twice counts once.
        """
        page = render("load", running(8))
        for number in (8, 11, 12):
            page.evaluate("tick => window.tell({tick})", tick(number, number / 4))
        assert page.evaluate("window.sent") == [{"do": "whole"}]

        whole = running(12)["past"]
        page.evaluate("whole => window.tell({whole})", whole)
        page.wait_for_function(
            "() => document.querySelector('canvas').getAttribute('aria-valuemax') === '11'"
        )

    def test_hostile_names_are_text(self, render: Any) -> None:
        """
        Names and messages come from anywhere; none of them is HTML.
        """
        evil = "<img src=x onerror=\"document.title='owned'\">"
        given = running()
        given["plan"]["name"] = evil
        given["plan"]["operations"][0]["name"] = given["operation"] = evil
        given["end"] = {"count": 8, "title": evil, "tone": "x", "notes": [["ok", evil]]}
        page = render("load", given)

        assert page.locator("img").count() == 0
        assert page.title() == "t"
        assert evil in page.get_by_role("list").inner_text()

    def test_nonsense_ends_nothing(self, render: Any) -> None:
        """
        A message of no known kind, and a state without operations, leave the view as it is.
        """
        empty = state()
        empty["plan"] = {"name": "load", "length": 1, "warmup": 0, "operations": []}
        page = render("load", {**empty, "operation": "", "past": None})
        page.evaluate("() => { window.tell({}); window.tell({tick: undefined}); }")

        assert page.get_by_role("group", name="load").is_visible()

    def test_a_closed_view_listens_no_more(self, render: Any) -> None:
        """
        What a view registered goes with it.
        """
        page = render("load", running())
        assert page.evaluate("window.listeners()") > 0
        page.evaluate("() => window.end.forEach((each) => each())")

        assert page.evaluate("window.listeners()") == 0


class TestLooks:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_text_can_be_read(self, render: Any, scheme: str) -> None:
        """
        Without a notebook's own colours, text stands out from its ground, by 4.5 at least.
        """
        page = render("load", running(), scheme=scheme)

        assert contrast(page) >= 4.5
        assert colours(page) > 5

    def test_a_narrow_page(self, render: Any) -> None:
        """
        Nothing is wider than the page.
        """
        page = render("load", running())
        page.set_viewport_size({"width": 360, "height": 800})

        assert page.evaluate("document.documentElement.scrollWidth") <= 360
