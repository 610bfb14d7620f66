"""Snapshots without scripts: what JupyterLab's sanitiser leaves of them, and nbconvert."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab import Lab
from oneiric_lab.views import Cell, Code, Fields, Node, Note, Result, Table, Text, Tree, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Wire

pytest.importorskip("anywidget", reason="needs oneiric-lab[notebook]")

# What @jupyterlab/apputils' Sanitizer lets through of an output in a notebook that is not
# trusted, as far as we have use for it: everything else is dropped, with its text or without.
TAGS = frozenset(
    [
        "a",
        "abbr",
        "b",
        "blockquote",
        "br",
        "caption",
        "code",
        "dd",
        "del",
        "details",
        "div",
        "dl",
        "dt",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "kbd",
        "li",
        "meter",
        "ol",
        "p",
        "pre",
        "progress",
        "s",
        "samp",
        "small",
        "span",
        "strong",
        "sub",
        "summary",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "u",
        "ul",
        "var",
    ]
)
EVERYWHERE = frozenset(["class", "dir", "hidden", "id", "lang", "style", "title"])
ATTRIBUTES = {
    "a": frozenset(["href", "name", "rel", "target"]),
    "details": frozenset({"open"}),
    "meter": frozenset(["high", "low", "max", "min", "optimum", "value"]),
    "progress": frozenset({"max", "value"}),
    "table": frozenset({"align", "border", "summary", "width"}),
    "td": frozenset(["align", "colspan", "headers", "rowspan", "scope", "valign", "width"]),
    "th": frozenset(["align", "colspan", "headers", "rowspan", "scope", "valign", "width"]),
}
STYLES = re.compile(r"text-align:(?:left|right|center)\Z")
SCHEMES = re.compile(r"(?:https?:|mailto:|[^:]*\Z)")
EVIL = '<img src=x onerror="alert(1)"><script>alert(2)</script>" style="x:expression(1)\u202e'


class Sanitiser(HTMLParser):
    """What would be dropped of a piece of HTML, and the text that it says."""

    def __init__(self) -> None:
        super().__init__()
        self.dropped: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Hold a tag and its attributes against the list."""
        if tag not in TAGS:
            self.dropped.append(f"<{tag}>")
        for name, value in attrs:
            is_known = name in EVERYWHERE or name in ATTRIBUTES.get(tag, ())
            if not is_known:
                self.dropped.append(f"{tag} {name}")
            elif name == "style" and not STYLES.match(value or ""):
                self.dropped.append(f"{tag} style={value}")
            elif name == "href" and not SCHEMES.match(value or ""):
                self.dropped.append(f"{tag} href={value}")

    def handle_data(self, data: str) -> None:
        """Keep what is said."""
        self.text += data


class Every(Result):
    """A result with all that a view can have, in hostile words."""

    def view(self) -> View:
        """Return it."""
        leaf = Node(Cell(EVIL, "lost"), (EVIL,))
        return View(
            "every",
            EVIL,
            (
                Fields(((EVIL, Cell(EVIL, "bad", "javascript:alert(1)")),), more=2),
                Tree((Node(EVIL, (EVIL,), (leaf,)),), more=1),
                Table((EVIL, "b"), ((EVIL, Cell(EVIL, "ok", "https://x.test/?a=1&b=2")),), EVIL, 3),
                Note(EVIL, "warn"),
                Note(f"{EVIL}\n  ^", "bad"),
                Code(EVIL, "python", EVIL),
                Text(EVIL),
            ),
            facts=(EVIL,),
            tone="ok",
        )

    def as_dict(self) -> dict[str, object]:
        """Return it."""
        return {}


@pytest.fixture
def bundles(wire: type[Wire]) -> Iterator[dict[str, dict[str, Any]]]:
    """Return what is saved of results and of every widget, by name."""
    from oneiric_lab.notebook.widgets import explanation, explorer, status

    with Lab.sample() as lab:
        yield {
            "every": Every()._repr_mimebundle_(),
            "status-of-lab": lab.status()._repr_mimebundle_(),
            "explain": lab.explain("adapter:cache")._repr_mimebundle_(),
            "value": lab.explain("server.port")._repr_mimebundle_(),
            "check": lab.check()._repr_mimebundle_(),
            "plan": lab.plan({"server.port": 1})._repr_mimebundle_(),
            "explorer": explorer(lab)._repr_mimebundle_(),
            "explanation": explanation(lab, "adapter:cache")._repr_mimebundle_(),
            "status": status(lab)._repr_mimebundle_(),
        }


class TestSnapshots:
    def test_nothing_is_dropped_by_the_sanitiser(self, bundles: Any) -> None:
        """
        A notebook that is not trusted shows the same as one that is.
        """
        for name, bundle in bundles.items():
            found = Sanitiser()
            found.feed(str(bundle["text/html"]))

            assert found.dropped == [], name
            assert len(found.text) > 40, name

    def test_hostile_words_are_words(self, bundles: Any) -> None:
        """
        What looks like markup is told as text, in every place where a view has one.
        """
        found = Sanitiser()
        found.feed(str(bundles["every"]["text/html"]))

        assert found.text.count("<script>alert(2)</script>") >= 14
        assert "javascript:" not in str(bundles["every"]["text/html"])
        assert "\u202e" not in found.text

    def test_is_small_whatever_it_shows(self, bundles: Any) -> None:
        """
        A saved output takes 24 KB at most.
        """
        for name, bundle in bundles.items():
            assert len(json.dumps(bundle)) <= 24 * 1024, name

    def test_nbconvert_shows_them(self, bundles: Any) -> None:
        """
        A page made of a saved notebook has every snapshot, and no script of a widget.
        """
        nbconvert = pytest.importorskip("nbconvert", reason="needs oneiric-lab[lab]")
        nbformat = pytest.importorskip("nbformat", reason="needs oneiric-lab[lab]")
        notebook = nbformat.v4.new_notebook()
        for bundle in bundles.values():
            shown = nbformat.v4.new_output("display_data", data=bundle)
            notebook.cells.append(nbformat.v4.new_code_cell("x", outputs=[shown]))
        page, _ = nbconvert.HTMLExporter(exclude_input=True).from_notebook_node(notebook)

        assert page.count('class="ol-view') == len(bundles)
        assert "vnd.jupyter.widget-view+json" not in page
        assert "<script>alert(2)" not in page
