"""One value, one sequence of bytes: RFC 8785 by the fast way and by the oracle."""

from __future__ import annotations

import enum
import json
import math
import struct
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from oneiric_lab.canonical import _encode, encode
from oneiric_lab.errors import CanonicalError

from .numbers import DIGESTS, VECTORS, digest_of_lines

VECTOR_NAMES = sorted(path.stem for path in (VECTORS / "input").glob("*.json"))
# Characters on both sides of every border: escapes, surrogates, the top of the BMP.
_TEXTS = st.text(
    st.sampled_from('ab.09-_"\\/\x00\b\n\x1f\x7f\u0080éß\u2028\ud7ff\ue000\ufb33\uffff😂\U0010ffff')
)
_NUMBERS = (
    st.integers(-_encode.SAFE_INTEGER, _encode.SAFE_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(10**6), 10**6).map(float)
    | st.tuples(st.integers(-999, 999), st.integers(-25, 25)).map(lambda p: p[0] * 10.0 ** p[1])
)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(_TEXTS, inner, max_size=5),
    max_leaves=25,
)


class Colour(enum.Enum):
    """What orjson would write by its value."""

    RED = 1


class Name(str):
    """A text of one's own class."""

    __slots__ = ()


@dataclass
class Point:
    """What orjson would write as an object."""

    x: int


class TestVectors:
    """What others published."""

    @pytest.mark.parametrize("name", VECTOR_NAMES)
    @pytest.mark.parametrize("reference", [False, True])
    def test_inputs_become_their_outputs(self, name: str, reference: bool) -> None:
        """
        Each published document comes out byte for byte, by both ways.
        """
        value = json.loads((VECTORS / "input" / f"{name}.json").read_bytes())
        expected = (VECTORS / "output" / f"{name}.json").read_bytes()

        assert encode(value, reference=reference) == expected

    def test_there_are_vectors(self) -> None:
        """
        The folder holds the six documents.
        """
        assert len(VECTOR_NAMES) == 6

    @pytest.mark.parametrize("lines", [1000, 10_000])
    def test_numbers_have_the_published_digest(self, lines: int) -> None:
        """
        The published sequence of numbers makes the published file; `make bench` checks a million.
        """
        assert digest_of_lines(lines) == DIGESTS[lines]


class TestEncode:
    """The fast way beside the oracle."""

    @given(DOCUMENTS)
    @settings(max_examples=400)
    def test_both_ways_say_the_same(self, value: object) -> None:
        """
        Whatever JSON can hold is written alike.
        """
        assert encode(value) == rfc8785.dumps(value) == encode(value, reference=True)  # type: ignore[arg-type]

    @given(DOCUMENTS)
    def test_what_is_written_reads_as_the_same(self, value: object) -> None:
        """
        The form loses nothing, and its own form is itself.
        """
        out = encode(value)
        again = json.loads(out, parse_int=float)

        assert again == value
        assert encode(again) == out

    @given(st.integers(0, 2**64 - 1))
    def test_every_number_by_its_bits(self, bits: int) -> None:
        """
        Numbers that come from their bits are written alike, in a list and alone.
        """
        (value,) = struct.unpack("<d", struct.pack("<Q", bits))
        if math.isfinite(value):
            assert encode([value, {"v": value}]) == rfc8785.dumps([value, {"v": value}])
            assert encode(value) == rfc8785.dumps(value)

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ([1.0, -0.0, 1e16, 1e20, 1e21], b"[1,0,10000000000000000,100000000000000000000,1e+21]"),
            ([1e-6, 1.5e-6, 1e-7], b"[0.000001,0.0000015,1e-7]"),
            ({"a": 5.0}, b'{"a":5}'),
            ([[2.0]], b"[[2]]"),
            ({"\ufb33": 1, "😂": 2}, '{"😂":2,"\ufb33":1}'.encode()),
            ((1, ("a",)), b'[1,["a"]]'),
            (Name("x"), b'"x"'),
            ({"b": None, "a": [True, False]}, b'{"a":[true,false],"b":null}'),
        ],
    )
    def test_what_the_fast_way_would_write_otherwise(self, value: Any, expected: bytes) -> None:
        """
        Numbers, keys and classes that orjson writes in its own way come out canonical.
        """
        assert encode(value) == expected

    def test_a_text_that_looks_like_a_number_stays_on_the_fast_way(self) -> None:
        """
        Prose with 1.0 or e+ in it costs one more look, not the slow way.
        """
        value = {"note": "1.0, 2.0] and 1e-6, or see+also", "sha": "3e+5"}

        assert _encode.fast(value) == rfc8785.dumps(value)
        assert _encode.fast({"n": 1.0}) is None

    def test_an_emoji_alone_stays_on_the_fast_way(self) -> None:
        """
        The two orders of keys differ only where both kinds of character occur.
        """
        assert _encode.fast({"😂": "é"}) is not None
        assert _encode.fast({"😂": "\ue000"}) is None

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            (math.nan, "expected a finite number, found nan"),
            ({"a": [1, math.inf]}, "expected a finite number, found inf: /a/1"),
            ({"n": None, "x": -math.inf}, "found -inf: /x"),
            ({"a/b": {"c~d": 2**53}}, "an integer beyond 2^53 - 1, which readers of JSON round: "),
            ({"a/b": {"c~d": 2**53}}, "/a~1b/c~0d"),
            (-(2**70), "an integer beyond 2^53 - 1"),
            pytest.param(10**5000, "an integer beyond 2^53 - 1", id="huge"),
            ({1: 2}, "the key 1 is no text"),
            ({"u": uuid.UUID(int=1)}, "a UUID is nothing that JSON has: /u"),
            ([Colour.RED], "a Colour is nothing that JSON has: /0"),
            ([orjson.Fragment(b"evil")], "a Fragment is nothing that JSON has: /0"),
            ([Point(1)], "a Point is nothing that JSON has: /0"),
            ([datetime(2026, 1, 1, tzinfo=UTC)], "a datetime is nothing that JSON has: /0"),
            (b"x", "a bytes is nothing that JSON has"),
            ({"a": {1}}, "a set is nothing that JSON has: /a"),
            (["\ud800"], "half a surrogate pair: /0"),
            ({"\udc00": 1}, "half a surrogate pair"),
        ],
    )
    @pytest.mark.parametrize("reference", [False, True])
    def test_what_json_has_not_is_refused(self, value: Any, said: str, reference: bool) -> None:
        """
        Each value without a canonical form is named by its pointer, by both ways.
        """
        with pytest.raises(CanonicalError) as caught:
            encode(value, reference=reference)

        assert said in str(caught.value)
        assert caught.value.code == "no-canonical-form"

    def test_a_circle_is_refused(self) -> None:
        """
        A value inside itself ends as a fault, not as a crash.
        """
        value: list[Any] = []
        value.append({"a": value})

        with pytest.raises(CanonicalError, match="nests without an end"):
            encode(value)

    def test_an_orjson_of_another_way_is_not_trusted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Where exponents are written in a way that the guards do not know, the oracle writes all.
        """
        monkeypatch.setattr(_encode, "_KNOWN_WAY", False)

        assert _encode.fast({"a": 1}) is None
        assert encode({"a": 1}) == b'{"a":1}'
