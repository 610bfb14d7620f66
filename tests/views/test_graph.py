"""Boxes and arrows as a picture: whole, alone, and told in words."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.views import Box, Graph, to_svg

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*boxes: Box, title: str = "a picture") -> ET.Element:
    """Return the picture, parsed."""
    return ET.fromstring(to_svg(Graph(title, "in words", boxes)))


class TestToSvg:
    def test_boxes_and_arrows(self) -> None:
        """
        A box for each, in its column, and an arrow for each that comes before.
        """
        root = drawn(Box("a", "x", 0), Box("b", "y", 1, (0,)), Box("c", "z", 1, (0,), bad=True))

        assert [one.text for one in root.iter(f"{SVG}text")] == ["a", "x", "b", "y", "c", "z"]
        arrows = [p for p in root.iter(f"{SVG}path") if p.get("marker-end")]
        assert len(arrows) == 2
        assert [g.get("class") for g in root.iter(f"{SVG}g")] == [None, None, "bad"]
        rects = [(r.get("x"), r.get("y")) for r in root.iter(f"{SVG}rect")]
        assert rects[1][0] == rects[2][0]
        assert len(set(rects)) == 3

    def test_it_is_told_in_words(self) -> None:
        """
        For who does not see it.
        """
        root = drawn(Box("a", "x", 0), title="<night> & day")

        assert root.get("aria-labelledby") == "title words"
        assert [one.text for one in (*root.iter(f"{SVG}title"), *root.iter(f"{SVG}desc"))] == [
            "<night> & day",
            "in words",
        ]

    def test_nothing_is_a_picture_too(self) -> None:
        """
        An empty one.
        """
        assert not list(drawn().iter(f"{SVG}rect"))

    def test_long_names_are_cut(self) -> None:
        """
        A box has room for thirty letters.
        """
        (name, _) = drawn(Box("n" * 200, "x", 0)).iter(f"{SVG}text")

        assert name.text == "n" * 29 + "…"

    @given(st.lists(st.text(), max_size=5))
    def test_no_name_breaks_it(self, names: list[str]) -> None:
        """
        Whatever stands in a name, it stays a document, and a text of it.
        """
        boxes = [Box(name, name, i, tuple(range(i))) for i, name in enumerate(names)]

        assert len(list(drawn(*boxes).iter(f"{SVG}rect"))) == len(names)
