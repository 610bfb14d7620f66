"""Documents are read by one dialect, every fault has a place, every leaf is found again."""

from __future__ import annotations

import json
import math
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oneiric_lab.config._formats import (
    Reader,
    _without_json_texts,
    nests_shallow,
    parse,
    without_texts,
)
from oneiric_lab.config._positions import toml_positions
from oneiric_lab.errors import Fault, ParseError

VECTORS = Path(__file__).parents[3] / "shared" / "vectors" / "toml-test"
NEEDS_VECTORS = pytest.mark.skipif(
    not VECTORS.is_dir(), reason="the third-party vectors are not beside this checkout"
)
VALID = sorted(VECTORS.glob("valid/**/*.toml"))
INVALID = sorted(VECTORS.glob("invalid/**/*.toml"))
LISTED = (
    {
        line.strip()
        for line in (VECTORS / "files-toml-1.0.0").read_text().splitlines()
        if line.endswith(".toml")
    }
    if VECTORS.is_dir()
    else set()
)


def _listed(path: Path) -> bool:
    return path.relative_to(VECTORS).as_posix() in LISTED


def _toml(data: bytes, reader: Reader = "auto") -> dict[str, Any]:
    return parse(data, format="toml", name="x.toml", layer="project", reader=reader).tree


def _fault(data: bytes, format: Any = "toml") -> Fault:
    with pytest.raises(ParseError) as caught:
        parse(data, format=format, name=f"x.{format}", layer="project")
    return caught.value.faults[0]


def _same(left: object, right: object) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return left == right or (math.isnan(left) and math.isnan(right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return type(left) is type(right) and left == right


def _flat(tree: object, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], object]]:
    if isinstance(tree, dict):
        return [leaf for k, v in tree.items() for leaf in _flat(v, (*path, k))]
    if isinstance(tree, list):
        return [leaf for i, v in enumerate(tree) for leaf in _flat(v, (*path, i))]
    return [(path, tree)]


def _check_leaves(text: str) -> int:
    places = toml_positions(text)
    found = _flat(tomllib.loads(text))
    for path, value in found:
        span = places.values[path]
        again = tomllib.loads("v = " + text[span.start : span.end])["v"]
        assert _same(again, value), (path, text[span.start : span.end])
    return len(found)


keys = st.sampled_from(["a", "b", "c-d", "1", "x.y", "ü", 'q"', "e f"])
scalars = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.floats(allow_nan=False),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8),
    st.dates(),
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=4)
trees = st.recursive(
    st.dictionaries(keys, values, max_size=4),
    lambda inner: st.dictionaries(
        keys, values | inner | st.lists(inner, min_size=1, max_size=2), max_size=4
    ),
    max_leaves=8,
)


def _document(tree: dict[str, Any]) -> str:
    import tomlkit

    return tomlkit.dumps(tree)


class TestToml:
    @NEEDS_VECTORS
    @pytest.mark.parametrize("reader", ["tomllib", "toml-rs"])
    def test_every_valid_vector_is_taken(self, reader: Reader) -> None:
        """Both readers take the 1.0 files and agree on their values."""
        count = 0
        for path in filter(_listed, VALID):
            data = path.read_bytes()
            expected = tomllib.loads(data.decode().removeprefix("\ufeff"))
            assert _same(expected, _toml(data, reader)), path.name
            count += 1
        assert count > 200

    @NEEDS_VECTORS
    def test_every_invalid_vector_is_refused_with_its_place(self) -> None:
        """A file that is no TOML 1.0 has a fault with line and column inside it."""
        count = 0
        for path in filter(_listed, INVALID):
            fault = _fault(path.read_bytes())
            assert fault.origin is not None
            assert (fault.origin.line or 0) >= 1
            assert (fault.origin.column or 0) >= 1
            count += 1
        assert count > 400

    @NEEDS_VECTORS
    def test_every_leaf_of_the_vectors_is_found(self) -> None:
        """The text of each span reads as the value that the parser gave."""
        total = sum(
            _check_leaves(path.read_bytes().decode().removeprefix("\ufeff"))
            for path in filter(_listed, VALID)
        )

        assert total > 700

    @settings(max_examples=150)
    @given(trees)
    def test_every_leaf_of_any_document_is_found(self, tree: dict[str, Any]) -> None:
        """Whatever the layout of tables, a leaf's span reads as its value."""
        _check_leaves(_document(tree))

    @settings(max_examples=100)
    @given(trees)
    def test_the_readers_agree(self, tree: dict[str, Any]) -> None:
        """A file cannot load on one machine and differ on another."""
        data = _document(tree).encode()

        assert _same(_toml(data, "tomllib"), _toml(data, "toml-rs"))

    def test_deep_nesting_is_a_fault_for_every_format(self) -> None:
        """Ten thousand levels neither end the process nor escape as RecursionError."""
        deep = "[" * 10_000 + "]" * 10_000

        assert "nests too deep" in _fault(f"a = {deep}".encode()).message
        assert "nests too deep" in _fault(f'{{"a": {deep}}}'.encode(), "json").message
        assert "nests too deep" in _fault(f"a: {deep}".encode(), "yaml").message
        assert (
            "nests too deep"
            in _fault(("a = " + "{b = " * 5000 + "1" + "}" * 5000).encode()).message
        )

    def test_the_guard_counts_brackets_on_bytes(self) -> None:
        """Sixty-four levels pass, more or unbalanced ones do not."""
        assert nests_shallow(b"a = [[1], {b = 2}]")
        assert nests_shallow(b"[" * 64 + b"]" * 64)
        assert not nests_shallow(b"[" * 66 + b"]" * 66)
        assert not nests_shallow(b'a = "["')

    @pytest.mark.parametrize("format", ["toml", "json"])
    @pytest.mark.parametrize("quote", ['"', "'", '"""', "'''"])
    def test_brackets_in_texts_hide_no_depth(self, format: str, quote: str) -> None:
        """What closes in a text only does not end what stands open, whatever the quotes."""
        if format == "json":
            quote = '"'
        for closer, opener in (("]", "["), ("}", "{"), ('\\\\" ]', "["), ("# ]", "[")):
            if "\\" in closer and quote.startswith("'"):
                continue
            inside = f"[{quote}{closer}{quote},"
            deep = inside * 5000 + "0" + f",{quote}{opener}{quote}]" * 5000
            data = f'{{"a": {deep}}}' if format == "json" else f"a = {deep}"

            with pytest.raises(ParseError):
                parse(data.encode(), format=format, name="x", layer="x")  # type: ignore[arg-type]  # one of two

    @pytest.mark.parametrize("note", ["", "# plain", "# it's", "# ]", '# "]"'])
    def test_brackets_in_comments_hide_no_depth(self, note: str) -> None:
        """What closes in a comment only does not end what stands open."""
        deep = f"[ {note}\n" * 5000 + "]" * 5000

        with pytest.raises(ParseError, match="nests too deep"):
            parse(f"a = {deep}".encode(), format="toml", name="x", layer="x")
        wide = f"a = [{'[],' * 99}] {note}\n".encode()
        assert parse(wide, format="toml", name="x", layer="x").tree == {"a": [[]] * 99}

    @settings(max_examples=200)
    @given(trees)
    def test_the_brackets_that_are_left_are_those_of_tables(self, tree: dict[str, Any]) -> None:
        """Texts, keys and comments of a document leave none behind."""
        import tomlkit

        values = tomlkit.dumps({"a": [tree]}).encode()
        bare = without_texts(values).translate(None, b".,=:\n#")

        assert bare.count(b"[") == bare.count(b"]")
        assert bare.count(b"{") == bare.count(b"}")
        assert not bare.strip(b"[]{}")

    @settings(max_examples=200)
    @given(trees)
    def test_json_keeps_the_brackets_of_tables_only(self, tree: dict[str, Any]) -> None:
        """Escaped quotes and backslashes of a JSON document end no text."""
        values = json.dumps({"a": [tree], '"]\\': ["\\", '["', "}"]}, default=str).encode()
        shape = re.sub(rb'"(?:[^"\\]|\\.)*"', b"", values)

        assert _without_json_texts(values) == re.sub(rb"[^\[\]{}]", b"", shape)

    def test_many_brackets_of_yaml_read(self) -> None:
        """A list of a hundred short lists is not deep in any format."""
        text = "a: [" + ", ".join(["[1]"] * 100) + "]"
        wide = '{"a": [' + ", ".join(['["\\\\", "["]'] * 100) + "]}"

        assert parse(text.encode(), format="yaml", name="x", layer="x").tree == {"a": [[1]] * 100}
        assert parse(wide.encode(), format="json", name="x", layer="x").tree == {
            "a": [["\\", "["]] * 100
        }

    def test_a_bracket_in_a_string_still_reads(self) -> None:
        """Where the guard says no, the other reader answers."""
        assert _toml(b'a = "[["') == {"a": "[["}

    def test_a_syntax_fault_shows_the_line(self) -> None:
        """What, where, the line with a caret, and a fix."""
        expected = """\
error: not TOML: invalid value
  --> x.toml:2:8
   2 | port = eighty
     |        ^
  help: quote a text: name = "value\""""

        assert expected == str(_fault(b"a = 1\nport = eighty\n"))

    @pytest.mark.parametrize(
        ("data", "place", "words"),
        [
            (b'a = """', "x.toml:1:8", "unterminated string"),
            (b"a = [1,\n", "x.toml:1:8", "invalid value"),
            (b"a = 1\nb = '\xff'\n", "x.toml:2:6", "expected UTF-8, found byte 0xff"),
            (b'a = "\x00"\n', "x.toml:1:6", "illegal character"),
            (b"\xef\xbb\xbfa = \n", "x.toml:1:5", "invalid value"),
            (b"a = 1\r\na = 2\r\n", "x.toml:2:6", "cannot overwrite a value"),
            (b"[a]\n[a]\n", "x.toml:2:3", "cannot declare"),
            (b'a = "\\q"\n', "x.toml:1:8", "unescaped"),
            (b"a 1\n", "x.toml:1:3", "expected '='"),
            ("ü = ä".encode(), "x.toml:1:1", ""),
        ],
    )
    def test_each_fault_has_a_place(self, data: bytes, place: str, words: str) -> None:
        """Faults that the parser gives no position for get a computed one."""
        fault = _fault(data)

        assert words in fault.message
        assert place == str(fault.origin)

    def test_a_byte_order_mark_and_windows_line_ends_are_taken(self) -> None:
        """Files from other editors read the same."""
        assert _toml(b"\xef\xbb\xbfa = 1\r\nb = 2\r\n") == {"a": 1, "b": 2}

    def test_toml_1_1_is_refused_on_every_python(self) -> None:
        """One dialect: what a newer reader would take is a fault everywhere."""
        for text in (b'a = "\\e"', b"a = {b = 1,}", b"a = {\nb = 1}", b"a = 07:32"):
            _fault(text)

    def test_asking_for_a_reader_that_is_missing_says_so(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A reader asked for by name is never silently replaced."""
        import sys

        from oneiric_lab.config import _formats
        from oneiric_lab.errors import MissingExtraError

        monkeypatch.setitem(sys.modules, "toml_rs", None)
        _formats._fast_reader.cache_clear()
        try:
            assert _toml(b"a = 1") == {"a": 1}
            with pytest.raises(MissingExtraError, match=r"oneiric-lab\[fast\]"):
                _toml(b"a = 1", "toml-rs")
        finally:
            monkeypatch.undo()
            _formats._fast_reader.cache_clear()


class TestPositions:
    def test_keys_headers_and_items(self) -> None:
        """Headers, dotted keys, arrays of tables and inline tables all have places."""
        text = (
            '[a."b c"]\nk.l = [1, {x = 2}]\n[[t]]\nn = 1\n'
            '[[t]]\nn = 2\n[t.u]\nv = "\\u0041"\n"\\u0041" = 1\n'
        )
        places = toml_positions(text)

        def at(path: tuple[Any, ...]) -> str:
            span = places.values[path]
            return text[span.start : span.end]

        assert at(("a", "b c")) == '[a."b c"]'
        assert at(("a", "b c", "k", "l", 1, "x")) == "2"
        assert at(("t", 1, "n")) == "2"
        assert at(("t", 1, "u", "v")) == '"\\u0041"'
        assert at(("t", 1, "u", "A")) == "1"
        single = "['x y'.z]\na = 1\n"
        assert toml_positions(single).line_column(
            toml_positions(single).keys["x y", "z", "a"].start
        ) == (2, 1)
        assert places.line_column(places.keys["a", "b c", "k"].start) == (2, 1)
        assert places.find(("a", "b c", "nothing")) is None
        assert places.find(("t",)) is not None

    def test_an_excerpt_ends_with_its_line(self) -> None:
        """A value over several lines is marked on its first one."""
        places = toml_positions('a = """\r\nx"""\r\n')
        excerpt = places.excerpt(places.values[("a",)])

        assert (excerpt.text, excerpt.column, excerpt.width) == ('a = """', 5, 3)


class TestJson:
    def test_reads_and_places(self) -> None:
        """Each value of a JSON document has its place."""
        text = '{"a": {"b": [1, "x\\"y", {"c": null}]}, "d": true, "e": {}}'
        parsed = parse(text.encode(), format="json", name="x.json", layer="project")
        assert json.loads(text) == parsed.tree
        for path, value in _flat(parsed.tree):
            span = parsed.positions.values[path]
            assert json.loads(text[span.start : span.end]) == value

    @pytest.mark.parametrize(
        ("text", "place", "words"),
        [
            ('{"a": 1, "a": 2}', "x.json:1:10", "stands twice"),
            ('{"a": NaN}', "x.json:1:7", "no JSON number"),
            ('{"a": 1} x', "x.json:1:10", "extra data"),
            ('{"a": 1', "x.json:1:8", "expecting"),
            ("[1]", "x.json:1:1", "expected a table at the top, found a list"),
        ],
    )
    def test_strict(self, text: str, place: str, words: str) -> None:
        """Doubled keys, odd numbers and trailing text are faults with a place."""
        fault = _fault(text.encode(), "json")

        assert words in fault.message
        assert place == str(fault.origin)


class TestYaml:
    def test_reads_and_places(self) -> None:
        """A YAML layer gives the same kind of tree, with places."""
        text = "a:\n  b: [1, two]\nd: 2024-01-01\ne:\n  - f: 1\n"
        parsed = parse(text.encode(), format="yaml", name="x.yaml", layer="project")
        span = parsed.positions.values["a", "b", 1]

        assert text[span.start : span.end] == "two"
        assert parsed.tree["a"] == {"b": [1, "two"]}
        assert parse(b"", format="yaml", name="x", layer="p").tree == {}
        assert parse(b"", format="yaml", name="x", layer="p").positions.keys == {}

    @pytest.mark.parametrize(
        ("text", "place", "words"),
        [
            ("a: 1\na: 2\n", "x.yaml:2:1", "stands twice"),
            ("1: 2\n", "x.yaml:1:1", "expected a text as key"),
            ("a: !!python/object:os.system x\n", "x.yaml:1:4", "not taken"),
            ("a: [1\n", "x.yaml:1:6", "not YAML"),
            ("a: \x00\n", "x.yaml:1:4", "not YAML"),
            ("a: &x [*x]\n", "x.yaml:1:4", "aliases grow"),
            ("- 1\n", "x.yaml:1:1", "found a list"),
            ("a: 2024-99-99\n", "x.yaml:1:4", "not taken"),
        ],
    )
    def test_strict(self, text: str, place: str, words: str) -> None:
        """Doubled keys, tags, broken syntax and endless aliases are faults with a place."""
        fault = _fault(text.encode(), "yaml")

        assert words in fault.message
        assert place == str(fault.origin)

    def test_an_alias_bomb_is_refused(self) -> None:
        """Nine lines that mean a billion values end at a bound."""
        lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
        lines += [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]

        assert "aliases grow" in _fault("\n".join(lines).encode(), "yaml").message

    def test_a_large_document_is_no_bomb(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Only what an alias repeats counts; without aliases a file may be as large as any."""
        from oneiric_lab.config import _yaml

        monkeypatch.setattr(_yaml, "_MOST_AGAIN", 3)
        large = "a: [" + ", ".join("x" * 100) + "]\n"

        assert len(parse(large.encode(), format="yaml", name="x", layer="x").tree["a"]) == 100
        assert parse(b"a: &x [1, 2]\nb: *x\n", format="yaml", name="x", layer="x").tree["b"]
        assert "aliases" in _fault(b"a: &x [1, 2]\nb: *x\nc: *x\n", "yaml").message

    def test_without_pyyaml_the_hint_names_the_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A YAML file on a small installation says what to install."""
        import sys

        from oneiric_lab.errors import MissingExtraError

        monkeypatch.setitem(sys.modules, "yaml", None)
        with pytest.raises(MissingExtraError, match=r"oneiric-lab\[yaml\]"):
            parse(b"a: 1", format="yaml", name="x", layer="p")
