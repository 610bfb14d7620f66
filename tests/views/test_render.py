"""One view, four renderings: each shows the same things and is safe where it lands."""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.views import (
    MIME,
    Cell,
    CellLike,
    Code,
    Column,
    Fields,
    Node,
    Note,
    Result,
    Table,
    Text,
    Tone,
    Tree,
    View,
    capped,
    cell,
    clean,
    columns,
    mimebundle,
    safe_link,
    to_html,
    to_json_view,
    to_markdown,
    to_text,
)
from oneiric_lab.views._frames import to_frame

TONES: tuple[Tone, ...] = ("plain", "ok", "warn", "bad", "info", "muted", "lost")

texts = st.text(max_size=30)
cells: st.SearchStrategy[CellLike] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    texts,
    st.builds(Cell, texts, st.sampled_from(TONES), st.none() | texts),
)
tables = st.integers(1, 4).flatmap(
    lambda n: st.builds(
        Table,
        st.tuples(*[st.builds(Column, texts, st.sampled_from(["left", "right"]))] * n),
        st.lists(st.tuples(*[cells] * n), max_size=5).map(tuple),
        st.none() | texts,
        st.integers(0, 3),
    )
)
nodes: st.SearchStrategy[Node] = st.recursive(
    st.builds(Node, cells),
    lambda inner: st.builds(
        Node, cells, st.tuples(cells), st.lists(inner, max_size=3).map(tuple), st.booleans()
    ),
    max_leaves=6,
)
blocks = st.one_of(
    tables,
    st.builds(Fields, st.lists(st.tuples(texts, cells), max_size=4).map(tuple)),
    st.builds(Tree, st.lists(nodes, max_size=3).map(tuple), st.integers(0, 2)),
    st.builds(Note, texts, st.sampled_from(TONES)),
    st.builds(Code, texts, st.just("toml"), st.none() | texts),
    st.builds(Text, texts),
)
views = st.builds(
    View,
    st.just("explain"),
    texts,
    st.lists(blocks, max_size=4).map(tuple),
    texts,
    st.lists(texts, max_size=3).map(tuple),
    st.sampled_from(TONES),
)

# What JupyterLab's sanitiser keeps of an output that is not trusted.
KEPT_TAGS = {
    *("a", "blockquote", "br", "caption", "code", "details", "div", "em", "p", "pre", "s", "span"),
    *("strong", "summary", "table", "tbody", "td", "th", "thead", "tr"),
}
KEPT_ATTRIBUTES = {"class", "scope", "align", "href", "open", "style"}
KEPT_STYLES = {"text-align:left", "text-align:right", "text-align:center"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: dict[str, list[str]] = {}
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def _read(html: str) -> _Reader:
    reader = _Reader()
    reader.feed(html)
    return reader


def _explain() -> View:
    table = Table(
        ("rank", "provider", Column("priority", "right"), "state"),
        (
            (1, "redis", 10, Cell("active", "ok")),
            (2, Cell("memory", "lost"), 0, Cell("shadowed", "muted")),
            (None, "dynamo", None, Cell("rejected: quarantined", "bad")),
        ),
    )
    return View(
        "explain",
        "explain adapter:cache -> redis 2.1.0",
        (table,),
        facts=("decided by: priority (10 > 0)", "generation 41"),
    )


class TestToText:
    def test_shows_title_facts_and_an_aligned_table(self) -> None:
        """The text form is the one the design fixes: a title with facts, rows below."""
        expected = """\
explain adapter:cache -> redis 2.1.0      decided by: priority (10 > 0)      generation 41
  rank  provider  priority  state
  1     redis           10  active
  2     memory           0  shadowed
  -     dynamo           -  rejected: quarantined"""

        assert expected == to_text(_explain())

    def test_facts_move_to_the_next_line_where_there_is_no_room(self) -> None:
        """A narrow terminal gets the facts below the title."""
        lines = to_text(_explain(), width=60).splitlines()

        assert lines[0] == "explain adapter:cache -> redis 2.1.0"
        assert lines[1] == "  decided by: priority (10 > 0)      generation 41"

    def test_a_wide_row_wraps_at_words_inside_its_widest_column(self) -> None:
        """Nothing is cut off: a long reason takes several lines of its column."""
        view = View("x", "", (Table(("a", "reason"), (("k", "word " * 30),)),))

        lines = to_text(view, width=50).splitlines()

        assert max(map(len, lines)) <= 50
        assert " ".join(lines).count("word") == 30

    def test_a_row_of_many_columns_stays_whole_when_it_cannot_fit(self) -> None:
        """No column shrinks below its heading: a terminal's own wrap is kinder."""
        names = tuple(f"heading{i}" for i in range(9))
        view = View("x", "", (Table(names, (("a b",) * 9,)),))

        lines = to_text(view, width=40).splitlines()

        assert all(name in lines[0] for name in names)

    def test_equally_long_words_are_broken_when_nothing_else_fits(self) -> None:
        """A word without a break is cut into pieces rather than spilled."""
        view = View("x", "", (Table(("a",), (("x" * 120,),)),))

        assert max(map(len, to_text(view, width=60).splitlines())) <= 60

    def test_a_tree_aligns_the_cells_beside_its_labels(self) -> None:
        """Values of a tree stand in columns, whatever the depth."""
        tree = Tree(
            (
                Node(
                    "server",
                    (),
                    (
                        Node("port", (8080, "oneiric.toml:4:8")),
                        Node("tls", (), (Node("on", (True,)),)),
                    ),
                ),
            ),
            more=2,
        )
        expected = """\
  server
  ├─ port   8080  oneiric.toml:4:8
  └─ tls
     └─ on  yes
  … 2 more entries"""

        assert expected == to_text(View("x", "", (tree,)))

    def test_notes_carry_a_sign_and_wrap_under_it(self) -> None:
        """A note's tone is told by a sign, since colour may be missing."""
        out = to_text(View("x", "", (Note("word " * 20, "warn"),)), width=40).splitlines()

        assert out[0].startswith("  ! word")
        assert out[1].startswith("    word")

    def test_fields_and_code_and_prose(self) -> None:
        """The plain blocks stand below each other, indented."""
        view = View(
            "x", "", (Fields((("name", 1), ("b", None))), Code("a = 1", "toml", "cap"), Text("hi"))
        )

        assert to_text(view) == "  name  1\n  b     -\n  cap\n  a = 1\n  hi"

    def test_colour_only_adds_to_the_text(self) -> None:
        """Taking the colours away leaves the very text that has none."""
        view = View("x", "t", _explain().blocks, tone="bad")
        painted = to_text(view, color=True)

        assert "\x1b[" in painted
        assert to_text(view) == re.sub(r"\x1b\[[0-9;]*m", "", painted)

    def test_an_escape_sequence_in_a_value_never_reaches_the_terminal(self) -> None:
        """Controls of the data are drawn, not sent."""
        out = to_text(View("x", "a\x1b[2Jb\tc\u00a0d", (Note("e\x07\nf"),)))

        assert out == "a·[2Jb c d\n  i e·\n    f"

    @given(views, st.integers(20, 120))
    def test_any_view_renders_without_controls(self, view: View, width: int) -> None:
        """Whatever the data, the text holds printable characters and line ends only."""
        out = to_text(view, width=width)

        assert all(c.isprintable() or c == "\n" for c in out)


class TestToHtml:
    @given(views)
    def test_uses_only_what_the_sanitiser_keeps(self, view: View) -> None:
        """An untrusted notebook shows the same as a trusted one."""
        read = _read(to_html(view))

        assert read.tags <= KEPT_TAGS
        assert set(read.attributes) <= KEPT_ATTRIBUTES
        assert set(read.attributes.get("style", [])) <= KEPT_STYLES
        assert all(safe_link(link) for link in read.attributes.get("href", []))

    def test_a_note_of_several_lines_keeps_its_columns(self) -> None:
        """A caret in an excerpt stands below what it points at."""
        html = to_html(View("x", "", (Note("4 | port = x\n  |        ^", "bad"),)))

        assert '<pre class="ol-note ol-bad">✗ 4 | port = x\n  |        ^</pre>' in html

    def test_markup_in_the_data_stays_text(self) -> None:
        """A value cannot become an element."""
        html = to_html(View("x", "<script>alert(1)</script>", (Text("<b>&"),)))

        assert "<script" not in html
        assert "<script>alert(1)</script>" in _read(html).text

    def test_a_losing_value_is_struck_through(self) -> None:
        """What was beaten is drawn as beaten."""
        assert '<s class="ol-lost">memory</s>' in to_html(_explain())

    def test_only_the_web_is_linked(self) -> None:
        """A path would lead nowhere from a saved notebook, and script must not be reached."""
        row = (
            Cell("w", link="https://example.org"),
            Cell("a", link="oneiric.toml"),
            Cell("b", "ok", "javascript:alert(1)"),
        )
        html = to_html(View("x", "", (Table(("e", "f", "g"), (row,), "cap", 3),)))

        assert '<a href="https://example.org">w</a>' in html
        assert "oneiric.toml" not in html
        assert "javascript" not in html
        assert "<caption>cap</caption>" in html
        assert "3 more rows" in html

    def test_a_tree_folds(self) -> None:
        """Branches are details elements, open where the view says so."""
        tree = Tree((Node("a", ("x",), (Node("b"),), open=False), Node("c", (), (Node("d"),))))
        html = to_html(View("x", "", (tree, Code("z", "toml", "cap"))))

        assert html.count("<details>") == 1
        assert html.count("<details open>") == 1


class TestToMarkdown:
    def test_a_table_with_a_beaten_value(self) -> None:
        """Tables are GitHub's, numbers to the right, losers struck through."""
        expected = """\
**explain adapter:cache -\\> redis 2.1.0** · decided by: priority (10 \\> 0) · generation 41

| rank | provider | priority | state |
| --- | --- | ---: | --- |
| 1 | redis | 10 | active |
| 2 | ~~memory~~ | 0 | shadowed |
| - | dynamo | - | rejected: quarantined |"""

        assert expected == to_markdown(_explain())

    def test_code_cannot_close_its_own_fence(self) -> None:
        """The fence is longer than any run of backticks inside."""
        out = to_markdown(View("x", "", (Code("a\n```\nb", "toml", "cap"),)))

        assert out == "cap\n\n````toml\na\n```\nb\n````"

    def test_the_other_blocks(self) -> None:
        """Fields and trees are lists, notes are quotes, what a cap left out is told."""
        view = View(
            "x",
            "",
            (
                Fields((("a|b", "*c*"),)),
                Tree((Node("a", ("b",), (Node("c"),)),), more=1),
                Note("n"),
                Text("t"),
                Table(("h",), (("v",),), "cap", 2),
            ),
        )
        expected = """\
- a\\|b: \\*c\\*

- a b
  - c

… 1 more entries

> n

t

_cap_

| h |
| --- |
| v |

… 2 more rows"""

        assert expected == to_markdown(view)

    @given(views)
    def test_any_view_renders(self, view: View) -> None:
        """No data breaks the rendering."""
        assert isinstance(to_markdown(view), str)


class TestMimebundle:
    def test_holds_the_three_forms(self) -> None:
        """A notebook gets the view, HTML and text."""
        assert {MIME, "text/html", "text/plain"} == set(mimebundle(_explain()))

    def test_a_long_table_is_capped_and_says_so(self) -> None:
        """A saved notebook never carries more than fifty rows."""
        view = View("x", "t", (Table(("n",), tuple((i,) for i in range(1000))),))
        bundle = mimebundle(view)

        assert "950 more rows" in str(bundle["text/plain"])
        assert "950 more rows" in str(bundle["text/html"])
        assert bundle[MIME]["blocks"][0]["more"] == 950  # type: ignore[index]

    @pytest.mark.parametrize("blocks", [1, 400])
    def test_a_huge_view_stays_under_16_kib(self, blocks: int) -> None:
        """Long texts and many blocks are cut until the JSON fits."""
        big = tuple(Code("x" * 100_000 + "\n" * 200) for _ in range(blocks))
        view = View("x", "t" * 9000, (*big, Table(("n",), (("y" * 90_000,),) * 60)))

        size = len(json.dumps(mimebundle(view)[MIME], ensure_ascii=False).encode())

        assert size <= 16 * 1024

    def test_fields_beyond_the_cap_are_counted(self) -> None:
        """Fields that were left out are told in each form, like rows."""
        view = View("x", "t", (Fields(tuple((f"f{n}", n) for n in range(80))),))
        small = capped(view, rows=50)

        assert "30 more entries" in to_markdown(small)
        assert "30 more entries" in str(mimebundle(view)["text/plain"])
        assert "30 more entries" in str(mimebundle(view)["text/html"])
        assert to_json_view(small)["blocks"][0]["more"] == 30  # type: ignore[index]

    def test_a_name_that_is_no_utf_8(self) -> None:
        """A variable of the environment with a broken byte does not break a saved notebook."""
        view = View("x", "t\udcff", (Code("a\udcff"), Fields((("n\udcff", "v\udcff"),))))

        text = json.dumps(mimebundle(view), ensure_ascii=False)

        assert text.encode()
        assert to_json_view(view)["title"] == "t?"

    def test_a_link_that_is_safe_travels(self) -> None:
        """The renderer gets the link of an origin and none of a script."""
        row = (Cell("a", link="oneiric.toml"), Cell("b", link="javascript:x"))
        shape = to_json_view(View("x", "", (Table(("f", "g"), (row,)),)))

        assert shape["blocks"][0]["rows"] == [[{"text": "a", "link": "oneiric.toml"}, "b"]]  # type: ignore[index]

    @given(views)
    def test_the_json_shape_is_json(self, view: View) -> None:
        """The view JSON of any view survives a round trip."""
        shape = to_json_view(view)

        assert shape == json.loads(json.dumps(shape))


class TestCapped:
    def test_cuts_code_by_lines_and_prose_by_length(self) -> None:
        """Long code keeps its first lines, and says how many are gone."""
        view = View("x", "", (Code("a\nb\nc"), Code("a"), Text("t" * 50), Note("n" * 9)))

        small = capped(view, rows=1, text=5)

        assert (
            Code("a\n… 2 more lines"),
            Code("a"),
            Text("t" * 19 + "…"),
            Note("nnnn…"),
        ) == small.blocks

    def test_counts_what_it_leaves_out_of_a_tree(self) -> None:
        """Nodes are kept from the top, and the rest is counted."""
        tree = Tree((Node("a", (), (Node("b"), Node("c", (Cell("long text"),)))), Node("d")))

        small = capped(View("x", "", (tree, Fields((("a", Cell("123456")),)))), rows=2, text=5)

        assert (
            Tree((Node("a", (), (Node("b"),)),), more=2),
            Fields((("a", Cell("1234…")),)),
        ) == small.blocks


class TestCell:
    def test_nothing_and_truth_have_words(self) -> None:
        """None is a dash and booleans are yes and no."""
        assert [cell(v).text for v in (None, True, False, 3)] == ["-", "yes", "no", "3"]


class TestTable:
    def test_a_row_of_another_length_is_refused(self) -> None:
        """A value is never shown under another column's heading."""
        with pytest.raises(ValueError, match="1 cells for 2 columns"):
            Table(("a", "b"), (("x",),))


class TestColumns:
    def test_wide_and_combining_characters(self) -> None:
        """Width is what a terminal draws, not the number of code points."""
        assert [columns("abc"), columns("日本"), columns("e\u0301")] == [3, 4, 1]


class TestClean:
    def test_line_ends_stay_only_where_asked(self) -> None:
        """A value on one line stays on one line."""
        assert clean("a\nb") == "a b"
        assert clean("a\nb", lines=True) == "a\nb"


class _Answer(Result):
    def view(self) -> View:
        return _explain()

    def as_dict(self) -> dict[str, object]:
        return {"winner": "redis", "at": Text("x")}


class _Odd(Result):
    def view(self) -> View:
        return View("x", "t\udcff\x1b[1m")

    def as_dict(self) -> dict[str, object]:
        return {"a": (1.5, float("nan"), {"b": float("-inf")}), "name": "\udcff"}


class TestResult:
    def test_every_form_comes_from_the_view(self) -> None:
        """str, HTML, Markdown and the bundle are the renderings of one view."""
        answer = _Answer()

        assert to_text(_explain()) == str(answer)
        assert to_html(_explain()) == answer.to_html()
        assert to_markdown(_explain()) == answer.to_markdown()
        assert mimebundle(_explain()) == answer._repr_mimebundle_()

    def test_repr_has_no_address(self) -> None:
        """The repr is the same tomorrow, on another machine."""
        assert repr(_Answer()) == "<_Answer: explain adapter:cache -> redis 2.1.0>"

    def test_json_is_the_dictionary(self) -> None:
        """A value that JSON lacks is written by its text."""
        assert json.loads(_Answer().to_json()) == {"winner": "redis", "at": "Text(text='x')"}

    def test_what_json_has_no_number_for(self) -> None:
        """`nan` and `inf`, which TOML has, become text: every JSON reader reads the rest."""
        found = json.loads(_Odd().to_json(), parse_constant=pytest.fail)

        assert found == {"a": [1.5, "nan", {"b": "-inf"}], "name": "\udcff"}

    def test_json_and_repr_can_be_printed(self) -> None:
        """Half a surrogate pair and an escape sequence never reach a terminal."""
        assert _Odd().to_json().encode()
        assert repr(_Odd()) == "<_Odd: t··[1m>"

    def test_a_subclass_must_give_view_and_dictionary(self) -> None:
        """Forgetting one of the two is told by name."""
        with pytest.raises(NotImplementedError, match="Result gives no view"):
            Result().view()
        with pytest.raises(NotImplementedError, match="Result gives no dictionary"):
            Result().as_dict()


class TestFrame:
    def test_rows_become_a_frame_with_values(self) -> None:
        """Numbers stay numbers, absent values are missing."""
        frame = _Answer().frame()

        assert list(frame.columns) == ["rank", "provider", "priority", "state"]
        assert frame["priority"][0] == 10
        assert frame["rank"].isna()[2]

    def test_fields_become_one_row_and_a_tree_its_paths(self) -> None:
        """A view without a table still has rows."""
        fields = View("x", "", (Note("n"), Fields((("a", 1), ("b", "c")))))
        tree = View("x", "", (Tree((Node("a", (), (Node("b", (Cell("1", value=1),)),)),)),))

        assert to_frame(fields).to_dict("records") == [{"a": 1, "b": "c"}]
        assert list(to_frame(tree)["path"]) == ["a", "a/b"]

    def test_a_view_without_rows_says_so(self) -> None:
        """There is no empty frame to misread."""
        with pytest.raises(ValueError, match="no rows"):
            to_frame(View("x", "", (Note("n"),)))

    def test_the_hint_names_the_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without pandas the message says what to install."""
        monkeypatch.setitem(sys.modules, "pandas", None)

        with pytest.raises(ImportError, match=r"oneiric-lab\[notebook\]"):
            _Answer().frame()
