"""Texts of signed documents: one spelling for each digest, sequence of bytes and time."""

from __future__ import annotations

import base64
import string
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.canonical import base64_bytes, base64_text, sha256_hex, utc_text, utc_time
from oneiric_lab.errors import CanonicalError

HEX = "0123456789abcdef" * 4


class TestSha256Hex:
    """Digests."""

    def test_small_hex_digits_pass(self) -> None:
        """
        The text itself comes back.
        """
        assert sha256_hex(HEX) == HEX

    @pytest.mark.parametrize(
        "value",
        [HEX.upper(), HEX[1:], HEX + "0", HEX + "\n", " " + HEX[1:], "g" + HEX[1:], "", 1, None],
    )
    def test_anything_else_is_refused(self, value: Any) -> None:
        """
        Capitals, lengths, line ends and other types are other spellings.
        """
        with pytest.raises(CanonicalError) as caught:
            sha256_hex(value)

        assert caught.value.code == "bad-digest"

    def test_other_digits_of_unicode_are_refused(self) -> None:
        """
        A digit is one of ASCII.
        """
        with pytest.raises(CanonicalError):
            sha256_hex("\u0661" + HEX[1:])


class TestBase64:
    """Sequences of bytes."""

    @given(st.binary(max_size=60))
    def test_one_spelling_comes_and_goes(self, data: bytes) -> None:
        """
        What is written is read, as the library of the language writes it.
        """
        assert base64_bytes(base64_text(data)) == data
        assert base64_text(data) == base64.b64encode(data).decode()

    @given(st.binary(min_size=1, max_size=8), st.data())
    def test_no_second_spelling_is_taken(self, data: bytes, drawn: st.DataObject) -> None:
        """
        Any other text of the same letters says other bytes, or nothing.
        """
        text = base64_text(data)
        at = drawn.draw(st.integers(0, len(text) - 1))
        letter = drawn.draw(st.sampled_from(string.ascii_letters + string.digits + "+/=-_ \n"))
        other = text[:at] + letter + text[at + 1 :]

        if other != text:
            with suppress(CanonicalError):
                assert base64_bytes(other) != data

    @given(st.text("AQgw+/=- \n", max_size=12))
    def test_what_is_taken_is_the_one_spelling(self, text: str) -> None:
        """
        Only the last four letters are written again, and that is as good as writing all.
        """
        with suppress(CanonicalError):
            assert base64_text(base64_bytes(text)) == text

    @pytest.mark.parametrize(
        "value", ["aGk", "aGk=\n", "aG k=", "aGk==", "aGl=", "aGk-", "=", "aGk=aGk=", b"aGk=", None]
    )
    def test_lax_forms_are_refused(self, value: Any) -> None:
        """
        Missing padding, whitespace, bits behind the last byte, other alphabets, other types.
        """
        with pytest.raises(CanonicalError) as caught:
            base64_bytes(value)

        assert caught.value.code == "bad-base64"

    def test_a_size_is_held(self) -> None:
        """
        A key or a signature has one length.
        """
        assert base64_bytes("aGk=", size=2) == b"hi"
        with pytest.raises(CanonicalError, match="base64 of 3 bytes"):
            base64_bytes("aGk=", size=3)

    def test_a_long_text_is_cut_in_the_message(self) -> None:
        """
        What was found is shown in one line.
        """
        with pytest.raises(CanonicalError) as caught:
            base64_bytes("?" * 1000)

        assert len(str(caught.value)) < 200


class TestTime:
    """Times."""

    @given(st.datetimes(timezones=st.just(UTC)))
    def test_one_spelling_comes_and_goes(self, time: datetime) -> None:
        """
        Written and read again it is the same second.
        """
        assert utc_time(utc_text(time)) == time.replace(microsecond=0)

    @pytest.mark.parametrize(
        "value",
        [
            "2026-01-31T12:00:00",
            "2026-01-31T12:00:00+00:00",
            "2026-01-31 12:00:00Z",
            "2026-01-31T12:00:00z",
            "2026-01-31T12:00:00.0Z",
            "2026-01-31T12:00Z",
            "2026-02-30T12:00:00Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T23:59:60Z",
            "0000-01-01T00:00:00Z",
            "2026-01-31T12:00:00Z\n",
            "\u0662026-01-31T12:00:00Z",
            1769860800,
            None,
            datetime(2026, 1, 31, tzinfo=UTC),
        ],
    )
    def test_another_spelling_is_refused(self, value: Any) -> None:
        """
        Naive times, offsets, fractions, days that are none, and other types.
        """
        with pytest.raises(CanonicalError) as caught:
            utc_time(value)

        assert caught.value.code == "bad-time"

    def test_another_zone_is_written_in_utc(self) -> None:
        """
        The time is the same, its spelling is the one.
        """
        time = datetime(2026, 1, 31, 1, 30, tzinfo=timezone(timedelta(hours=2)))

        assert utc_text(time) == "2026-01-30T23:30:00Z"

    def test_a_naive_time_is_not_written(self) -> None:
        """
        Nobody knows when it is.
        """
        with pytest.raises(CanonicalError, match="a time with its zone"):
            utc_text(datetime(2026, 1, 31))  # noqa: DTZ001 - that is the point
