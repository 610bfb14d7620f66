"""The encoding of histograms: what HdrHistogram writes and reads, and nothing else."""

from __future__ import annotations

import base64
import struct
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]  # it has no types
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.errors import ParseError
from oneiric_lab.loadlab._codec import ENCODED_LIMIT, INFLATED_LIMIT, decode, encode
from oneiric_lab.loadlab._histogram import HIGHEST, SLOTS, Histogram

NAME = "runs/one.npz"


def oracle_of(values: dict[int, int]) -> Any:
    """Return HdrHistogram's own histogram of values and how often each came."""
    made = HdrHistogram(1, HIGHEST, 3)
    for value, count in values.items():
        assert made.record_value(value, count)
    return made


def ours_of(oracle: Any) -> Histogram:
    """Return our histogram of the oracle's counts."""
    counts = np.array(list(oracle.counts), np.int64)
    slots = np.flatnonzero(counts)
    return Histogram.from_nonzero(slots, counts[slots])


def plain_of(data: bytes) -> bytes:
    """Return what is inside *data*, inflated."""
    return zlib.decompress(base64.b64decode(data)[8:])


def wrapped(plain: bytes) -> bytes:
    """Return *plain* deflated, with the outer header, in base64."""
    packed = zlib.compress(plain)
    return base64.b64encode(struct.pack(">II", 0x1C849314, len(packed)) + packed)


def inner(
    body: bytes = b"",
    *,
    cookie: int = 0x1C849313,
    length: int | None = None,
    offset: int = 0,
    digits: int = 3,
    lowest: int = 1,
    highest: int = HIGHEST,
    ratio: float = 1.0,
) -> bytes:
    """Return the inner header and *body*, with one thing that may be wrong."""
    length = len(body) if length is None else length
    head = struct.pack(">IIIIQQd", cookie, length, offset, digits, lowest, highest, ratio)
    return head + body


nanoseconds = st.one_of(st.integers(0, HIGHEST), st.integers(0, 5_000))
values = st.dictionaries(nanoseconds, st.integers(1, 2**50), max_size=20)


class TestOracle:
    """HdrHistogram on the other end."""

    @given(values)
    def test_each_reads_the_other(self, held: dict[int, int]) -> None:
        """
        What one wrote the other reads, count by count.
        """
        oracle = oracle_of(held)
        ours = ours_of(oracle)

        theirs = HdrHistogram.decode(encode(ours))

        assert list(theirs.counts) == list(oracle.counts)
        assert theirs.get_total_count() == ours.count
        assert decode(oracle.encode(), name=NAME) == ours
        assert decode(encode(ours), name=NAME) == ours

    @given(values)
    def test_bytes_are_identical(self, held: dict[int, int]) -> None:
        """
        Behind the compression, both write the same bytes.
        """
        oracle = oracle_of(held)

        assert plain_of(encode(ours_of(oracle))) == plain_of(oracle.encode())

    def test_full_histogram(self) -> None:
        """
        The largest histogram passes the limits, in both directions.
        """
        rng = np.random.default_rng(1)
        counts = rng.integers(2**45, 2**46, SLOTS)
        full = Histogram.from_nonzero(np.arange(SLOTS), counts)

        data = encode(full)

        assert len(data) < ENCODED_LIMIT
        assert decode(data.decode(), name=NAME) == full
        assert HdrHistogram.decode(data).get_total_count() == full.count

    def test_largest_counts(self) -> None:
        """
        A count of 63 bits takes nine bytes and comes back.
        """
        for count in (2**62, 2**63 - 1):
            held = Histogram.from_nonzero([3], [count])
            assert decode(encode(held), name=NAME) == held
        assert plain_of(encode(held))[40:] == b"\x05" + b"\xfe" + b"\xff" * 8

    def test_clamped_is_not_kept(self) -> None:
        """
        The format has no place for what lay outside the range.
        """
        assert decode(encode(Histogram.of([-1])), name=NAME) == Histogram.of([0])

    def test_zeros_one_by_one(self) -> None:
        """
        A writer that spells each zero, or ends in zeros, is understood.
        """
        assert decode(wrapped(inner(b"\x00\x00\x02\x03")), name=NAME) == Histogram.of([2])


class TestRefused:
    """Data that is no histogram of ours."""

    @pytest.mark.parametrize(
        ("data", "code", "why"),
        [
            (b"?", "damaged", "not base64"),
            ("é", "damaged", "not base64"),
            (b"", "damaged", "a header of 8 bytes, there are 0"),
            (base64.b64encode(bytes(20)), "damaged", "cookie 0x1c849314 in front, found 0x0"),
            (
                base64.b64encode(struct.pack(">II", 0x1C849314, 9) + b"1"),
                "damaged",
                "9 bytes behind the header, there are 1",
            ),
            (
                base64.b64encode(struct.pack(">II", 0x1C849314, 3) + b"123"),
                "damaged",
                "does not inflate",
            ),
            (wrapped(b"short"), "damaged", "inner header of 40 bytes, found 5"),
            (wrapped(inner(cookie=1)), "damaged", "inner cookie 0x1c849313, found 0x1"),
            (wrapped(inner(length=7)), "damaged", "7 bytes of counts, there are 0"),
            (wrapped(inner(digits=2)), "other", "found 2 digits"),
            (wrapped(inner(lowest=2)), "other", "from 2 to"),
            (wrapped(inner(highest=1000)), "other", "to 1000"),
            (wrapped(inner(offset=4)), "other", "offset 4"),
            (wrapped(inner(ratio=2.0)), "other", "ratio 2"),
            (wrapped(inner(ratio=float("nan"))), "other", "ratio nan"),
            (wrapped(inner(b"\x80")), "damaged", "the last count ends early"),
            (wrapped(inner(b"\xff" * 9)), "damaged", "slots, there are more"),
            (wrapped(inner(b"\xff\xff\x7f")), "damaged", "slots, there are more"),
            (wrapped(inner(b"\xfe" + b"\xff" * 8 + b"\x02")), "damaged", "63 bits"),
            (wrapped(bytes(INFLATED_LIMIT + 1)), "oversized", "inflated, there are more"),
            (wrapped(bytes(50_000_000)), "oversized", "inflated, there are more"),
            (b"A" * (ENCODED_LIMIT + 1), "oversized", f"there are {ENCODED_LIMIT + 1}"),
        ],
    )
    def test_one_defect(self, data: bytes | str, code: str, why: str) -> None:
        """
        Each defect has its reason, and the message names the place.
        """
        with pytest.raises(ParseError) as caught:
            decode(data, name=NAME)

        assert caught.value.code == f"{code}-histogram"
        assert why in str(caught.value.faults[0].why)
        assert f"--> {NAME}" in str(caught.value)
        assert "help: " in str(caught.value)

    def test_bomb_is_not_inflated(self) -> None:
        """
        50 MB of zeros in 65 kB of text take no more memory than the largest histogram.
        """
        bomb = wrapped(bytes(50_000_000))
        tracemalloc.start()
        try:
            with pytest.raises(ParseError, match="longer than any histogram"):
                decode(bomb, name=NAME)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

        assert peak < 4 * INFLATED_LIMIT

    def test_compressed_part_that_ends_early(self) -> None:
        """
        A file cut off inside the compressed part is damaged, though its header fits.
        """
        packed = base64.b64decode(encode(Histogram.of([1, 2, 3])))[8:-6]

        with pytest.raises(ParseError, match="compressed part ends early"):
            decode(
                base64.b64encode(struct.pack(">II", 0x1C849314, len(packed)) + packed), name=NAME
            )

    def test_something_behind(self) -> None:
        """
        Bytes behind the compressed part are not overlooked.
        """
        packed = base64.b64decode(encode(Histogram.of([1])))[8:] + b"more"

        with pytest.raises(ParseError, match="4 bytes follow the compressed part"):
            decode(
                base64.b64encode(struct.pack(">II", 0x1C849314, len(packed)) + packed), name=NAME
            )

    def test_every_cut(self) -> None:
        """
        Whatever the length it is cut to, it is refused.
        """
        data = encode(Histogram.of([0, 5, 9_000, 10**9]))

        for end in range(len(data)):
            with pytest.raises(ParseError):
                decode(data[:end], name=NAME)

    def test_every_changed_byte(self) -> None:
        """
        No change of one byte goes unseen: a checksum guards the counts, headers the rest.
        """
        held = Histogram.of([0, 5, 9_000, 10**9])
        raw = base64.b64decode(encode(held))
        unseen = []

        for at in range(len(raw)):
            changed = bytearray(raw)
            changed[at] ^= 0x55
            try:
                found = decode(base64.b64encode(changed), name=NAME)
            except ParseError:
                continue
            unseen.append(found)

        # One byte of zlib's own header may change and mean the same.
        assert all(found == held for found in unseen)
