"""A view as the extension draws it, on a bare page."""

from __future__ import annotations

from typing import Any

from oneiric_lab.views import (
    Cell,
    Code,
    Column,
    Fields,
    Node,
    Note,
    Table,
    Text,
    Tree,
    View,
    mimebundle,
)

DRAW = """async (data) => {
  const { snapshotNode, linkFiles } = await import("/static/renderer.mjs");
  window.opened = [];
  const node = linkFiles(snapshotNode(data), (path, line) => window.opened.push([path, line]));
  document.body.className = "ol-widget";
  document.body.replaceChildren(node);
}"""
HOSTILE = "<img src=x onerror=alert(1)>\u202e" + "x" * 300


def every_block() -> View:
    """Return a view that has all that a view can have."""
    leaf = Node(Cell("8080", "lost"), (Cell("oneiric.toml:4:8", link="oneiric.toml"),))
    table = Table(
        ("name", Column("count", "right")), (("a", 1), (Cell("b", "bad"), None)), "all", more=7
    )
    return View(
        "every",
        "every block",
        (
            Fields((("at", Cell("a page", link="https://example.org/")), ("ok", True)), more=2),
            Tree((Node("server", (), (leaf,)), Node("closed", (), (leaf,), open=False)), more=3),
            table,
            Note("one line", "warn"),
            Note("two\n  ^ lines", "bad"),
            Code("x = 1", "python", "so"),
            Text(HOSTILE),
        ),
        facts=("a fact",),
        tone="ok",
    )


class TestSnapshot:
    def test_has_every_block(self, extension: Any) -> None:
        """
        Fields, trees, tables, notes, code and text are drawn, with what a cap left out.
        """
        page = extension()
        page.evaluate(DRAW, mimebundle(every_block()))
        text = page.locator(".ol-view").inner_text()

        assert text.startswith("✓ every block a fact")
        for words in ("and 2 more", "and 3 more", "and 7 more", "⚠ one line", "✗ two\n  ^ lines"):
            assert words in text
        assert page.get_by_role("rowheader").all_inner_texts() == ["at", "ok"]
        assert page.get_by_role("columnheader").all_inner_texts() == ["name", "count"]
        assert page.locator("details[open]").count() == 1
        assert page.locator("s").first.inner_text() == "8080"
        assert page.locator("img").count() == 0

    def test_links(self, extension: Any) -> None:
        """
        An address opens a new tab without telling where from; a file is opened at its line.
        """
        page = extension()
        page.evaluate(DRAW, mimebundle(every_block()))
        page.get_by_role("link", name="oneiric.toml:4:8").first.click()

        assert page.evaluate("window.opened") == [["oneiric.toml", 4]]
        address = page.get_by_role("link", name="a page")
        assert address.get_attribute("href") == "https://example.org/"
        assert address.get_attribute("rel") == "noreferrer"

    def test_fits_a_narrow_page(self, extension: Any) -> None:
        """
        What is long wraps, or scrolls within its block; the page itself does not scroll.
        """
        page = extension(width=360)
        page.evaluate(DRAW, mimebundle(every_block()))

        assert page.evaluate("document.documentElement.scrollWidth") <= 360
