"""Pages that stand alone."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.views import Figure, Line, Note, View, to_page

VOID = {"meta", "rect", "path"}


class Reader(HTMLParser):
    """Checks that what is opened is closed, and collects."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a tag."""
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a tag that is its own end."""
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Take an end."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Take text."""
        self.words.append(data)


def figure(text: str = "x") -> Figure:
    """Return a chart with all there is."""
    return Figure(
        text,
        text,
        ((0.0, text), (1.0, text)),
        ((0.5, text),),
        (
            Line(text, ((0.0, 0.1), (0.2, None), (0.4, 0.3), (0.6, None))),
            Line(text, ((0.0, 0.1), (1.0, 9.0)), bad=True),
            Line(text, ()),
        ),
        ((0.0, 0.5, 1.0),),
        ((0.0, 0.1, 0.2, 0.3, 1.0), (0.1, 0.2, 0.2, 0.3, 0.01)),
        ((0.0, 0.2, text),),
        (text,),
        ((text,),),
        text,
    )


class TestToPage:
    def test_nothing_comes_from_elsewhere(self) -> None:
        """
        No script, no link, no image, no address; and the browser is forbidden to load any.
        """
        page = to_page("a page", [View("k", "t", (Note("n"),)), figure()])
        found = Reader(page)

        tags = {tag for tag, _ in found.seen}
        assert not tags & {"script", "link", "img", "iframe", "object", "base", "form", "use"}
        assert "http:" not in page
        assert "https:" not in page
        assert "url(" not in page
        assert "default-src 'none'" in page
        assert found.open == []
        assert page.startswith("<!DOCTYPE html>")

    def test_a_chart_is_told_in_words(self) -> None:
        """
        Each has a name, a description, and a table that says the same.
        """
        found = Reader(to_page("p", [figure("one"), figure("two")]))

        ids = [attrs["id"] for _, attrs in found.seen if "id" in attrs]
        assert len(set(ids)) == len(ids)
        charts = [attrs for tag, attrs in found.seen if tag == "svg"]
        assert len(charts) == 2
        for attrs in charts:
            assert attrs["role"] == "img"
            assert attrs["aria-labelledby"] in ids
            assert attrs["aria-describedby"] in ids
        assert [attrs for tag, attrs in found.seen if tag == "th"] == [{"scope": "col"}] * 2
        assert ("html", {"lang": "en"}) in found.seen

    @pytest.mark.parametrize(
        "text", ["<script>alert(1)</script>", '"><svg onload=x>', "a\x1b[31m\0b", "&lt;", "'"]
    )
    def test_hostile_text(self, text: str) -> None:
        """
        It is text wherever it stands, and no tag or attribute comes of it.
        """
        harmless = Reader(to_page("x", [View("k", "x", (Note("x"),)), figure("x")]))
        found = Reader(to_page(text, [View("k", text, (Note(text),)), figure(text)]))

        assert [tag for tag, _ in harmless.seen] == [tag for tag, _ in found.seen]
        assert not [k for _, attrs in found.seen for k in attrs if k.startswith("on")]
        assert not re.search(r"[\x00-\x08\x0b-\x1f]", "".join(found.words))

    @given(
        st.lists(
            st.tuples(st.floats(-2, 3), st.none() | st.floats(-2, 3)),
            max_size=6,
        )
    )
    def test_every_place_is_in_the_picture(self, points: list[tuple[float, float | None]]) -> None:
        """
        What lies outside of an axis is drawn at its end; a gap is one.
        """
        page = to_page("p", [Figure("t", "w", (), (), (Line("n", tuple(points)),))])
        path = re.search(r'class="line k0" d="([^"]*)"', page)

        assert path is not None
        drawn = re.findall(r"[ML]([\d.-]+) ([\d.-]+)", path[1])
        assert len(drawn) == sum(y is not None for _, y in points)
        for x, y in drawn:
            assert 0 <= float(x) <= 860
            assert 0 <= float(y) <= 250
