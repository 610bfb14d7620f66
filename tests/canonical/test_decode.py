"""The gate: one form passes, every other spelling is refused with its place."""

from __future__ import annotations

import gc
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.canonical import MAX_DEPTH, _decode, _encode, decode, encode
from oneiric_lab.errors import CanonicalError

from .test_encode import DOCUMENTS


def refused(data: bytes, **options: Any) -> CanonicalError:
    """Return the error with which *data* is refused."""
    with pytest.raises(CanonicalError) as caught:
        decode(data, **options)
    return caught.value


def _has_large(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_has_large, value.values()))
    if isinstance(value, list):
        return any(map(_has_large, value))
    return isinstance(value, float) and 2**53 <= abs(value) < 1e21


class TestDecode:
    """What passes and what does not."""

    @given(DOCUMENTS)
    def test_the_canonical_form_passes(self, value: object) -> None:
        """
        What `encode` writes is read as what it was; a number that looks like an integer
        which readers round is not read at all.
        """
        data = encode(value)

        if _has_large(value):
            assert "beyond 2^53 - 1" in str(refused(data))
        else:
            assert decode(data) == value

    @pytest.mark.parametrize(
        ("data", "code", "place", "said"),
        [
            (b'{"a": 1}', "not-canonical", (1, 6), "whitespace outside of a text"),
            (b'{"a":1}\n', "not-canonical", (1, 8), "whitespace outside of a text"),
            (b"\n[]", "not-canonical", (1, 1), "whitespace outside of a text"),
            (b'{"b":1,"a":2}', "not-canonical", (1, 8), 'the key "a" stands after "b"'),
            (b'{"a":1,"a":2}', "not-canonical", (1, 8), 'the key "a" stands twice'),
            (b'{"a":1,"b":2,"a":1}', "not-canonical", (1, 14), 'the key "a" stands twice'),
            (
                '{"\ufb33":1,"😂":2}'.encode(),
                "not-canonical",
                (1, 8),
                'the key "😂" stands after "\ufb33"',
            ),
            (b"[1.0]", "not-canonical", (1, 2), "expected the number 1, found 1.0"),
            (b"[1E2]", "not-canonical", (1, 2), "expected the number 100, found 1E2"),
            (b"[-0]", "not-canonical", (1, 2), "expected the number 0, found -0"),
            (b"[0.10]", "not-canonical", (1, 2), "expected the number 0.1, found 0.10"),
            (b"[1e21]", "not-canonical", (1, 2), "expected the number 1e+21, found 1e21"),
            (b"[9007199254740992]", "not-canonical", (1, 2), "is beyond 2^53 - 1"),
            (b"[-9007199254740993]", "not-canonical", (1, 2), "is beyond 2^53 - 1"),
            (b"[100000000000000000000]", "not-canonical", (1, 2), "is beyond 2^53 - 1"),
            (b"[1" + b"0" * 60 + b"]", "not-canonical", (1, 2), "000..."),
            (b"[1e400]", "not-json", (1, 2), "the number 1e400 is beyond all"),
            (b"[NaN]", "not-json", (1, 2), "NaN is no value of JSON"),
            (b"[-Infinity]", "not-json", (1, 2), "-Infinity is no value of JSON"),
            (b'["\\u0061"]', "not-canonical", (1, 3), "expected a in a text, found \\u0061"),
            (b'["x\\/"]', "not-canonical", (1, 4), "expected / in a text, found \\/"),
            (b'["\\u000A"]', "not-canonical", (1, 3), "expected \\n in a text, found \\u000A"),
            (b'["\\u001F"]', "not-canonical", (1, 3), "expected \\u001f in a text"),
            (
                b'["\xc3\xa9\\ud83d\\ude02"]',
                "not-canonical",
                (1, 4),
                "expected 😂 in a text, found \\ud83d\\ude02",
            ),
            (b'["\\ud800"]', "not-json", (1, 2), "half a surrogate pair"),
            (b'{"\\udfff":1}', "not-json", (1, 2), "half a surrogate pair"),
            (b"\xef\xbb\xbf[]", "not-canonical", (1, 1), "a byte order mark"),
            (b'["a",\xff]', "not-json", (1, 6), "expected UTF-8, found byte 0xff"),
            (b"", "not-json", (1, 1), "not JSON"),
            (b"[1,]", "not-json", (1, 3), "not JSON: trailing comma"),
            (b"[01]", "not-json", (1, 2), "not JSON: "),
            (b"[1.]", "not-json", (1, 4), "not JSON: "),
            (b'["a\nb"]', "not-json", (1, 4), "not JSON: "),
            (b'["\\x"]', "not-json", (1, 3), "not JSON: "),
            (b'"abc', "not-json", (1, 5), "not JSON: "),
            (b"[]]", "not-json", (1, 3), "not JSON: "),
            (b"[]x", "not-json", (1, 3), "x is no value of JSON"),
            (b"[" * 65 + b"]" * 65, "too-deep", (1, 65), "deeper than 64 levels"),
            (b"[" * 5000 + b"]" * 5000, "too-deep", (1, 65), "deeper than 64 levels"),
            (b'{"a":' * 65 + b"1" + b"}" * 65, "too-deep", (1, 321), "deeper than 64 levels"),
        ],
    )
    def test_another_spelling_is_refused_with_its_place(
        self, data: bytes, code: str, place: tuple[int, int], said: str
    ) -> None:
        """
        Each is told by what was expected there, at its line and column.
        """
        error = refused(data, name="m.oneiric.json")
        fault = error.faults[0]

        assert said in fault.message
        assert error.code == code
        assert fault.origin is not None
        assert (fault.origin.line, fault.origin.column) == place
        assert f"m.oneiric.json:{place[0]}:{place[1]}" in str(error)

    def test_without_a_name_the_place_is_in_the_message(self) -> None:
        """
        Bytes that are no file are told by line and column.
        """
        assert ", at 1:4" in str(refused(b"[1, 2]"))

    def test_places_count_lines_and_code_points(self) -> None:
        """
        The first fault in the order of the text is told; a column is a code point.
        """
        error = refused('{"ö":"é",\n "a":1}'.encode(), name="m")
        fault = error.faults[0]
        assert fault.origin is not None

        assert (fault.origin.line, fault.origin.column) == (1, 10)
        assert str(refused(b'["a"\n\n,1]', name="m")).count("m:1:5") == 1

    def test_depth_is_counted_in_levels(self) -> None:
        """
        As many levels as are allowed pass; brackets inside texts do not count.
        """
        assert decode(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) is not None
        assert decode(b'["[[[[","]"]', max_depth=1) == ["[[[[", "]"]
        assert refused(b'["]",["["]]', max_depth=1).code == "too-deep"

    @given(DOCUMENTS, st.integers(1, 6))
    def test_depth_is_that_of_the_value(self, value: object, limit: int) -> None:
        """
        Whatever quotes, escapes and brackets stand in its texts, the depth is the value's.
        """

        def depth(node: object) -> int:
            if not isinstance(node, dict | list):
                return 0
            inner = node.values() if isinstance(node, dict) else node
            return 1 + max(map(depth, inner), default=0)

        value = ["[[[", "]]", '"[', "\\", '\\"[', value]
        data = encode(value)

        if depth(value) > limit:
            assert refused(data, max_depth=limit).code in {"too-deep", "not-canonical"}
        elif not _has_large(value):
            assert decode(data, max_depth=limit) == value

    @given(DOCUMENTS, st.integers(1, 6), st.data())
    def test_the_short_way_takes_nothing_that_the_long_one_refuses(
        self, value: object, limit: int, data: st.DataObject
    ) -> None:
        """
        With depth and form answered at once, and by a search for each: one verdict.
        """
        document = encode(value)
        at = data.draw(st.integers(0, len(document)))
        byte = data.draw(st.sampled_from([b"", b" ", b"0", b".0", b"e-6", b"[", b'"', b"]"]))
        document = document[:at] + byte + document[at:]

        def verdict() -> str:
            try:
                return repr(decode(document, max_depth=limit))
            except CanonicalError as error:
                return str(error)

        short = verdict()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_decode, "passes_at_once", lambda *_: False)
            assert verdict() == short

    def test_the_depth_at_which_orjson_gives_up_is_known(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        It was found at import; where a release gives up elsewhere, brackets are counted.
        """
        assert _encode.wrapped([], 64) == (b"[" * 191 + b"]" * 191, 190)
        assert _encode.wrapped([], 254) == (None, 0)

        monkeypatch.setattr(_encode, "_GIVES_UP", 0)

        assert _encode.wrapped([], 64) == (None, 0)
        assert decode(b"[[]]", max_depth=2) == [[]]
        assert refused(b"[[]]", max_depth=1).code == "too-deep"

    def test_size_is_limited_before_anything_is_parsed(self) -> None:
        """
        One byte too many is refused by its size, whatever it holds.
        """
        assert decode(b"[1]", max_bytes=3) == [1]
        assert refused(b"[1]x", max_bytes=3, name="big").code == "too-large"
        assert refused(b"[1]x", max_bytes=3).faults[0].origin is None

    def test_the_excerpt_of_a_long_line_is_short(self) -> None:
        """
        A manifest is one line of megabytes; its report is not.
        """
        data = encode(["x" * 100] * 20_000)[:-1] + b" ]"

        text = str(refused(data, name="m"))

        assert len(text) < 500
        assert f"m:1:{len(data) - 1}" in text

    def test_hostile_text_is_drawn(self) -> None:
        """
        Escape sequences in a refused document do not reach the terminal.
        """
        text = str(refused('{"\u202ea":1,"\u202ea":2}'.encode(), name="m"))

        assert "\u202e" not in text

    @given(st.binary(max_size=40))
    def test_any_bytes_end_in_a_value_or_a_fault(self, data: bytes) -> None:
        """
        Nothing else is ever raised, and what passes is its own canonical form.
        """
        with suppress(CanonicalError):
            assert encode(decode(data)) == data

    @given(DOCUMENTS, st.data())
    def test_no_changed_byte_passes_as_the_same(self, value: object, data: st.DataObject) -> None:
        """
        A document with one byte changed, left out or put in is refused, or is another value.
        """
        before = encode(value)
        at = data.draw(st.integers(0, len(before)))
        byte = bytes([data.draw(st.sampled_from(b' \t\n"0123456789.eE+-[]{}:,abu\\/\xc3\xff'))])
        after = before[:at] + byte + before[at + data.draw(st.integers(0, 1)) :]

        if after != before:
            with suppress(CanonicalError):
                assert encode(decode(after)) == after

    def test_the_collector_is_left_as_it_was(self) -> None:
        """
        Whether it ran or not, and whether the document was taken or not.
        """
        for wanted in (True, False):
            (gc.enable if wanted else gc.disable)()
            try:
                decode(b"[]")
                refused(b"[")
                assert gc.isenabled() is wanted
            finally:
                gc.enable()
