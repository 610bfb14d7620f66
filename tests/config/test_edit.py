"""Changing a TOML text: what was meant changes, all else stays as it was written."""

from __future__ import annotations

import datetime as dt
import math
import tomllib
from typing import Any

import pytest
import tomlkit
from hypothesis import given, reject
from hypothesis import strategies as st

from oneiric_lab.config import Set, Unset, parse_path
from oneiric_lab.config._edit import edit, same
from oneiric_lab.config._paths import drop, get, has, put, render_path
from oneiric_lab.config._splice import render
from oneiric_lab.errors import ConfigError, UsageError

TEXT = """\
# the shop
title = 'Paper Boat'  # single quotes

[server]
port = 8080      # as in the office
hosts = [
  "a",  # first
  "b",
]
tls = {cert = "x", key = "y"}

# about methods
[[methods]]
name = "card"

[[methods]]
name = "bill"
fee.rate = 1.5
"""


def changed(text: str, *edits: Set | Unset) -> str:
    """Return the text after the edits."""
    return edit(text, edits, shown="x.toml")


def touched(old: str, new: str) -> list[str]:
    """Return the lines of *new* that *old* does not have."""
    return [line for line in new.splitlines() if line not in old.splitlines()]


class TestScalars:
    @pytest.mark.parametrize(
        ("path", "value", "line"),
        [
            (("server", "port"), 9090, "port = 9090      # as in the office"),
            (("title",), "Inky", "title = 'Inky'  # single quotes"),
            (("title",), "It's", 'title = "It\'s"  # single quotes'),
            (("title",), "a\nb", 'title = "a\\nb"  # single quotes'),
            (("server", "tls", "cert"), "z", 'tls = {cert = "z", key = "y"}'),
            (("server", "hosts", 1), "c", '  "c",'),
            (("methods", 1, "name"), "cash", 'name = "cash"'),
            (("methods", 1, "fee", "rate"), 2.0, "fee.rate = 2.0"),
            (("server", "port"), True, "port = true      # as in the office"),
        ],
    )
    def test_only_its_line_changes(self, path: Any, value: object, line: str) -> None:
        """The writer's quotes, comment and columns stay."""
        new = changed(TEXT, Set(path, value))
        assert touched(TEXT, new) == [line]
        assert get(tomllib.loads(new), path) == value

    def test_the_same_value_changes_nothing(self) -> None:
        """The text comes back as it was, also for a path that is not there to be removed."""
        assert changed(TEXT, Set(("server", "port"), 8080), Unset(("nothing",))) == TEXT
        assert changed(TEXT, Unset(("server", "port", "deep"))) == TEXT

    def test_one_is_not_true(self) -> None:
        """Numbers and booleans that Python calls equal are different in TOML."""
        assert changed("a = 1\n", Set(("a",), True)) == "a = true\n"
        assert changed("a = 1\n", Set(("a",), 1.0)) == "a = 1.0\n"
        assert changed("a = nan\n", Set(("a",), math.nan)) == "a = nan\n"
        assert not same({"a": 1}, {"b": 1})

    def test_several_lines_end_as_they_did(self) -> None:
        """A file with CRLF keeps them, on new lines too."""
        text = TEXT.replace("\n", "\r\n")
        new = changed(
            text,
            Set(("server", "port"), 1),
            Set(("cache", "size"), 3),
            Set(("server", "hosts", 2), "c"),
        )
        assert "\r\n[cache]\r\nsize = 3\r\n" in new
        assert '\r\n  "c",' in new
        assert new.count("\n") == new.count("\r\n")

    def test_lines_that_end_otherwise_stay_so(self) -> None:
        """Where both ends are mixed, a new line ends as the one above it, and no other changes."""
        text = "a = 1\r\nb = 2\n[t]\nc = 3\r\n"
        assert changed(text, Set(("b",), 3)) == "a = 1\r\nb = 3\n[t]\nc = 3\r\n"
        assert changed(text, Set(("x",), 3)) == "a = 1\r\nb = 2\nx = 3\n[t]\nc = 3\r\n"
        assert changed(text, Set(("t", "x"), 3)) == text + "x = 3\r\n"
        assert changed(text, Set(("u", "x"), 3)) == text + "\r\n[u]\r\nx = 3\r\n"
        hosts = "a = 1\r\nhosts = [\n  'x',\n]\n"
        assert changed(hosts, Set(("hosts", 1), "y")).startswith("a = 1\r\nhosts = [\n  'x',\n")


class TestStructure:
    def test_new_key_of_a_table(self) -> None:
        """It stands in its table, and nothing else moves."""
        new = changed(TEXT, Set(("server", "workers"), 2))
        assert touched(TEXT, new) == ["workers = 2"]
        assert tomllib.loads(new)["server"]["workers"] == 2

    def test_new_table(self) -> None:
        """A table that nothing is near to goes to the end."""
        assert changed(TEXT, Set(("cache", "size"), 1)).endswith("\n[cache]\nsize = 1\n")
        assert changed("a = 1", Set(("b", "c"), 1)) == "a = 1\n\n[b]\nc = 1\n"
        assert changed("", Set(("b", "c"), 1)).endswith("[b]\nc = 1\n")

    def test_new_key_at_the_top(self) -> None:
        """A key without a table cannot stand behind one."""
        new = changed("[t]\nx = 1\n", Set(("a",), 1))
        assert tomllib.loads(new) == {"a": 1, "t": {"x": 1}}

    @pytest.mark.parametrize(
        ("text", "path", "new"),
        [
            ("[t]\n  a = 1 # x\n\n# u\n[u]\n", "t.b", "[t]\n  a = 1 # x\n  b = 7\n\n# u\n[u]\n"),
            ("[t]\n\n[u]\n", "t.b", "[t]\nb = 7\n\n[u]\n"),
            ("# file\n\n# t\n[t]\n", "b", "# file\n\nb = 7\n\n# t\n[t]\n"),
            ("# t\n[t]", "b", "b = 7\n\n# t\n[t]"),
            ("# file", "b", "# file\nb = 7\n"),
            ("", "b", "b = 7\n"),
            ("[[t.u]]\n[v]\n", "t.b", "[[t.u]]\n\n[t]\nb = 7\n[v]\n"),
            ("[t]\na = 1", "t.b", "[t]\na = 1\nb = 7\n"),
            ("t.a = 1\nx = 2\n", "t.b", "t.a = 1\nx = 2\nt.b = 7\n"),
            ("t.a = 1\n[u]\n", "t.b.c", "t.a = 1\nt.b.c = 7\n[u]\n"),
            ("[[t]]\na.b = 1\n[[t]]\n", "t[0].a.c", "[[t]]\na.b = 1\na.c = 7\n[[t]]\n"),
            ("t = {}\n", "t.b", "t = {b = 7}\n"),
            ("t = { a = 1 } # x\n", "t.b.c", "t = { a = 1, b.c = 7 } # x\n"),
            ("t = [{a = 1}, {}]\n", "t[1].b.c", "t = [{a = 1}, {b.c = 7}]\n"),
        ],
    )
    def test_new_key_where_it_belongs(self, text: str, path: str, new: str) -> None:
        """Below a header, among dotted keys, in an inline table: no other line is touched."""
        assert changed(text, Set(parse_path(path), 7)) == new

    @pytest.mark.parametrize(
        ("text", "path", "new"),
        [
            ("# t\n[t]\na = 1\n\n# u\n[u]\n", "t", "# t\n\n# u\n[u]\n"),
            ("[s]\n\n[t]\na = 1\n\n# u\n[u]\n", "t", "[s]\n\n# u\n[u]\n"),
            ("[s]\n\n[t]\na = 1\n", "t", "[s]\n"),
            ("[t]\na = 1\n", "t", ""),
            ("[[t]]\na = 1\n# b\n[[t]]\na = 2\n", "t[0]", "# b\n[[t]]\na = 2\n"),
            ("t = [\n  1, # x\n  2, # y\n]\n", "t[0]", "t = [\n  2, # y\n]\n"),
            ("t.a = 1 # x\nb = 2\n", "t.a", "b = 2\n"),
            ("[t]\na.b.c = 1\n", "t.a.b.c", "[t]\n"),
            ('t = {k = 0x1F, j.l = "x"} # x\n', "t.j.l", "t = {k = 0x1F} # x\n"),
            ("t = {k.a = 1, j = 2, k.b = 3}\n", "t.k", "t = {j = 2}\n"),
            ("t = [1,\n2, 3]\n", "t[2]", "t = [1,\n2]\n"),
            ("t = {a = 1}\n", "t.a", "t = {}\n"),
            ("[[t]]\na = 1\n", "t[0]", "t = []\n"),
            ("[t]\na = 1\n[u]\nb = 2\n# about\n[t.v]\nc = 3\n", "t", "[u]\nb = 2\n# about\n"),
        ],
    )
    def test_what_is_removed_takes_nothing_along(self, text: str, path: str, new: str) -> None:
        """Comments above the next table stay, and one blank line between tables."""
        assert changed(text, Unset(parse_path(path))) == new

    def test_items(self) -> None:
        """An item is added behind the last, and taken out."""
        new = changed(TEXT, Set(("server", "hosts", 2), "c"))
        assert tomllib.loads(new)["server"]["hosts"] == ["a", "b", "c"]
        new = changed(TEXT, Unset(("server", "hosts", 0)))
        assert tomllib.loads(new)["server"]["hosts"] == ["b"]
        new = changed(TEXT, Unset(("methods", 1, "fee", "rate")))
        assert "rate" not in tomllib.loads(new)["methods"][1].get("fee", {})

    @pytest.mark.parametrize("path", [("server", "hosts", 5), ("methods", 2, "name")])
    def test_an_item_that_does_not_follow(self, path: Any) -> None:
        """A gap in a list is refused, with the index that would follow."""
        with pytest.raises(ConfigError) as caught:
            changed(TEXT, Set(path, "x"))
        assert "has 2 items there" in str(caught.value)
        assert "[2]" in str(caught.value)

    def test_tables_as_values(self) -> None:
        """A table may be set as a whole, and removed as a whole."""
        new = changed(TEXT, Set(("server", "tls"), {"cert": "q"}))
        assert tomllib.loads(new)["server"]["tls"] == {"cert": "q"}
        assert changed("a = 1\n", Set(("t", "u"), {"x": 1})) == "a = 1\n\n[t.u]\nx = 1\n"
        assert "server" not in tomllib.loads(changed(TEXT, Unset(("server",))))

    def test_a_key_that_needs_quotes(self) -> None:
        """Dots and blanks in a key are quoted."""
        new = changed(TEXT, Set(("server", "a.b c"), 1))
        assert tomllib.loads(new)["server"]["a.b c"] == 1

    def test_through_a_scalar(self) -> None:
        """A value cannot become a table in passing."""
        with pytest.raises(ConfigError) as caught:
            changed(TEXT, Set(("title", "x"), 1))
        assert "cannot be changed at title.x" in str(caught.value)

    def test_through_a_list(self) -> None:
        """A name below a list leads nowhere, whichever way it is tried."""
        with pytest.raises(ConfigError):
            changed("a = [1]\n", Set(("a", "x", "y"), 1))

    def test_what_toml_cannot_say(self) -> None:
        """None, sets, objects and bytes that are no text have no form, wherever they go."""
        for value in (None, {1, 2}, object(), "\udcff", ["\udcff"], {"\udcff": 1}):
            for path in ("server", "port"), ("server", "new"), ("new", "one"):
                with pytest.raises(ConfigError) as caught:
                    changed(TEXT, Set(path, value))
                assert caught.value.faults[0].code == "not-toml"

    def test_what_is_read_back_must_be_what_was_meant(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where every way gives something else, nothing is written."""
        monkeypatch.setattr(tomlkit, "dumps", lambda document: "[[broken")
        with pytest.raises(ConfigError):
            changed("a = 1\n", Set(("t",), {"x": 1}))


class TestRender:
    @pytest.mark.parametrize(
        "value",
        [
            True,
            -3,
            1e300,
            math.inf,
            -math.inf,
            'quote " back \\ tab \t bell \x07 é 漢',
            dt.date(2026, 1, 2),
            dt.time(3, 4, 5),
            dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
            [1, [2, "x"], {"a b": {"c": 1}}],
            {},
            [],
        ],
    )
    def test_it_reads_back(self, value: object) -> None:
        """Every value that TOML has comes back as it was."""
        assert same(tomllib.loads(f"v = {render(value)}")["v"], value)

    def test_nan(self) -> None:
        """What differs from itself is written too."""
        assert render(math.nan) == "nan"


keys = st.sampled_from(["a", "b", "c d"])
scalars = st.one_of(
    st.integers(-9, 9), st.booleans(), st.text(max_size=4), st.floats(allow_nan=False)
)
trees: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    keys,
    st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=3,
)


# Texts as people write them: a line a piece, headers that may not fit to what stands above.
tails = st.sampled_from(["", "  ", " # why"])
names = st.sampled_from(["a", "b", '"c d"', "a.b", "b . a"])
values = st.sampled_from(
    [
        "1",
        "0x1F",
        "'lit'",
        '"a # b"',
        "[1, 2]",
        "[\n  1, # one\n  2,\n]",
        "{}",
        "{a = 1, b.a = 2}",
        "[{a = 1}]",
        '"""\na\nb"""',
        "2026-01-02",
    ]
)
pairs = st.builds("{}{} = {}{}".format, st.sampled_from(["", "  ", "\t"]), names, values, tails)
headers = st.builds(
    "{0[0]}{1}{0[1]}{2}".format, st.sampled_from([("[", "]"), ("[[", "]]")]), names, tails
)
pieces = st.lists(pairs | headers | st.sampled_from(["", "# about"]), max_size=9)
ends = st.sampled_from(["\n", "\r\n"])


@st.composite
def written(draw: st.DrawFn) -> str:
    """Return a TOML text with comments, and lines that end in either way."""
    text = "".join(piece + draw(ends) for piece in draw(pieces))
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        reject()
    return text


def tables(tree: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the paths of all tables."""
    if isinstance(tree, dict):
        return [path, *(p for key, inner in tree.items() for p in tables(inner, (*path, key)))]
    if isinstance(tree, list):
        return [p for n, inner in enumerate(tree) for p in tables(inner, (*path, n))]
    return []


def stand_in(lines: list[str], text: str) -> bool:
    """Tell whether *lines* are in *text*, in their order."""
    rest = iter(text.splitlines(keepends=True))
    return all(line in rest for line in lines)


class TestProperties:
    @given(written(), st.data())
    def test_a_new_key_moves_nothing(self, text: str, data: st.DataObject) -> None:
        """Wherever a key is added, the lines that were there stay in their order, but for one."""
        tree = tomllib.loads(text)
        path = data.draw(st.sampled_from(tables(tree)))

        new = changed(text, Set((*path, "new"), 7))

        assert same(tomllib.loads(new), put(tree, (*path, "new"), 7))
        lines = [line for line in text.splitlines(keepends=True) if line.strip()]
        shorter = [lines[:n] + lines[n + 1 :] for n in range(len(lines))]
        assert any(stand_in(some, new) for some in (lines, *shorter))

    @given(written(), st.data())
    def test_comments_above_a_table_outlive_its_neighbours(
        self, text: str, data: st.DataObject
    ) -> None:
        """A table that is removed takes no line along that is not between its own."""
        text += "# mine\n[mine]\nx = 1\n"
        try:
            tree = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            reject()
        named = [p for p in tables(tree) if p and p != ("mine",) and isinstance(p[-1], str)]
        path = data.draw(st.sampled_from(named or [("none",)]))

        new = changed(text, Unset(path))

        assert new.endswith("# mine\n[mine]\nx = 1\n")

    @given(trees, st.lists(keys, min_size=1, max_size=3), scalars)
    def test_a_set_is_what_the_model_says(
        self, tree: dict[str, Any], path: list[str], value: object
    ) -> None:
        """The text re-parses to the model's edit, or the edit is refused."""
        text = tomlkit.dumps(tree)
        before = tomllib.loads(text)
        try:
            new = changed(text, Set(tuple(path), value))
        except ConfigError:
            return
        assert same(tomllib.loads(new), put(before, path, value))

    @given(trees, st.lists(keys, min_size=1, max_size=3))
    def test_an_unset_is_what_the_model_says(self, tree: dict[str, Any], path: list[str]) -> None:
        """What was removed is gone, and all else is there."""
        text = tomlkit.dumps(tree)
        before = tomllib.loads(text)
        try:
            new = changed(text, Unset(tuple(path)))
        except ConfigError:
            return
        after = tomllib.loads(new)
        assert not has(after, path)
        # A dotted key that was alone takes its table with it; all else is as it was.
        assert same(after, drop(before, path)) or not has(after, path[:-1])

    @given(trees, scalars)
    def test_other_lines_stay(self, tree: dict[str, Any], value: object) -> None:
        """A scalar that is replaced touches the lines of its own value only."""
        text = "x = 0 # mine\n" + tomlkit.dumps(tree)
        new = changed(text, Set(("x",), value))
        assert new.split("# mine", 1)[1] == text.split("# mine", 1)[1]


class TestPaths:
    @pytest.mark.parametrize(
        "text", ["", ".a", "a.", "a..b", "[0]", "a[x]", "a.[0]", 'a."b', "a b", "a[0]b"]
    )
    def test_what_is_no_path(self, text: str) -> None:
        """A malformed path is refused with the column where it ends to make sense."""
        with pytest.raises(UsageError) as caught:
            parse_path(text)
        assert "is no path of a value" in str(caught.value)

    @given(
        st.lists(
            st.one_of(st.text(min_size=1, max_size=4), st.integers(0, 9)), min_size=1, max_size=4
        )
    )
    def test_there_and_back(self, parts: list[str | int]) -> None:
        """What is rendered is parsed to the same path."""
        parts[0] = str(parts[0])
        assert parse_path(render_path(tuple(parts))) == tuple(parts)

    def test_trees(self) -> None:
        """Getting, putting and dropping share what they do not touch."""
        tree: dict[str, object] = {"a": [{"b": 1}, 2], "c": {"d": 1}}
        assert has(tree, ("a", 0, "b"))
        assert not has(tree, ("a", 0, "z"))
        with pytest.raises(KeyError):
            get(tree, ("a", 7))
        after = put(tree, ("a", 0, "b"), 5)
        assert after["a"] == [{"b": 5}, 2]
        assert after["c"] is tree["c"]
        assert put(tree, ("a", 1, "x"), 5)["a"] == [{"b": 1}, {"x": 5}]
        assert put(tree, ("a", 2), 3)["a"] == [{"b": 1}, 2, 3]
        assert put(tree, ("e", "f"), 3)["e"] == {"f": 3}
        assert drop(tree, ("a", 0, "b"))["a"] == [{}, 2]
        assert drop(tree, ("a", 1))["a"] == [{"b": 1}]
        assert drop(tree, ("a", 1, "x")) == tree
        assert drop(tree, ("a", 9)) == tree
        assert drop(tree, ("z",)) == tree
        assert drop(tree, ("c", "d")) == {"a": tree["a"], "c": {}}
        assert drop({"a": 1}, ("a", "b")) == {"a": 1}
