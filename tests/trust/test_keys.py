"""Public keys: one spelling, one id, and the ones that are refused."""

from __future__ import annotations

import json
import subprocess
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.errors import InvalidSignatureError, KeyRefusedError, Origin
from oneiric_lab.trust import FileSigner, PublicKey
from oneiric_lab.trust._keys import _D, _ED25519, _LOW_ORDER, _P, _P256
from oneiric_lab.trust._words import words

VECTORS = Path(__file__).parents[1] / "vectors" / "wycheproof" / "ed25519_test.json"
RFC8032 = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"

Point = tuple[int, int]


def add(one: Point, two: Point) -> Point:
    """Return the sum of two points of Ed25519, by the formula of RFC 8032 §5.1.4."""
    (x1, y1), (x2, y2) = one, two
    product = _D * x1 * x2 * y1 * y2 % _P
    return (
        (x1 * y2 + x2 * y1) * pow(1 + product, -1, _P) % _P,
        (y1 * y2 + x1 * x2) * pow(1 - product, -1, _P) % _P,
    )


def x_of(y: int) -> int:
    """Return an x of the point whose y is given."""
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    root = pow(square, (_P + 3) // 8, _P)
    if root * root % _P != square:
        root = root * pow(2, (_P - 1) // 4, _P) % _P
    assert root * root % _P == square
    return root


def cases() -> list[Any]:
    """Return the vectors as parameters: key, message, signature, whether it is good."""
    groups = json.loads(VECTORS.read_text())["testGroups"]
    return [
        pytest.param(group["publicKey"]["pk"], test, id=f"{test['tcId']}")
        for group in groups
        for test in group["tests"]
    ]


class TestWycheproof:
    """Vectors of others."""

    @pytest.mark.parametrize(("raw", "test"), cases())
    def test_ed25519(self, raw: str, test: dict[str, Any]) -> None:
        """
        Each of the 151 signatures is judged as Wycheproof says.
        """
        key = PublicKey.from_raw(bytes.fromhex(raw))
        signature, message = bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"])

        if test["result"] == "valid":
            key.verify(signature, message)
        else:
            with pytest.raises(InvalidSignatureError):
                key.verify(signature, message)

    def test_all_are_there(self) -> None:
        """
        The file is whole.
        """
        assert len(cases()) == json.loads(VECTORS.read_text())["numberOfTests"] > 100


class TestGuard:
    """Keys that fit their format and must not be trusted."""

    @pytest.mark.parametrize("sign", [0, 1])
    @pytest.mark.parametrize("y", sorted(_LOW_ORDER))
    def test_low_order_is_refused(self, y: int, sign: int) -> None:
        """
        No point whose eightfold is the neutral one is a key, whatever its sign bit says.
        """
        raw = (y | sign << 255).to_bytes(32, "little")

        with pytest.raises(KeyRefusedError, match="low order"):
            PublicKey.from_raw(raw)

    @pytest.mark.parametrize("y", sorted(_LOW_ORDER))
    def test_the_list_of_low_order_is_right(self, y: int) -> None:
        """
        Each y of the list belongs to a point that is neutral when it is doubled three times.
        """
        point = (x_of(y), y)

        for _ in range(3):
            point = add(point, point)

        assert point == (0, 1)

    def test_the_list_of_low_order_is_whole(self) -> None:
        """
        Its five y's are those of eight points, as many as have an order that divides eight.
        """
        points = {((x * sign) % _P, y) for y in _LOW_ORDER for x in [x_of(y)] for sign in (1, -1)}

        assert len(points) == 8

    def test_one_signature_fits_every_message_of_the_neutral_key(self) -> None:
        """
        The guard is no theory: the library takes one constant signature for two messages.
        """
        from oneiric_lab.trust import _crypto

        neutral = (1).to_bytes(32, "little")
        key = _crypto.public(_ED25519 + neutral)
        assert key is not None

        assert all(_crypto.verifies(key, neutral + bytes(32), m) for m in (b"one", b"two"))

    @pytest.mark.parametrize("more", range(19))
    def test_a_second_spelling_of_y_is_refused(self, more: int) -> None:
        """
        A y that is not below 2^255 - 19 would be a second encoding of a key.
        """
        with pytest.raises(KeyRefusedError, match=r"canonical|low order"):
            PublicKey.from_raw((_P + more).to_bytes(32, "little"))

    def test_a_point_beside_the_curve_is_refused(self) -> None:
        """
        The library takes any 32 bytes for a key; half of them are none.
        """
        # 2 is the y of no point: (y^2 - 1) / (d y^2 + 1) has no square root.
        with pytest.raises(KeyRefusedError, match="no point of the curve"):
            PublicKey.from_raw((2).to_bytes(32, "little"))

        base = PublicKey.from_raw((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))
        assert base.algorithm == "ed25519"

    def test_a_point_beside_p256_is_refused(self) -> None:
        """
        An uncompressed point must fulfil the equation of its curve.
        """
        with pytest.raises(KeyRefusedError, match="not on the curve"):
            PublicKey.from_spki(_P256 + bytes(63) + b"\x01")

    def test_a_compressed_point_is_refused(self) -> None:
        """
        One key has one encoding, and so one key id.
        """
        spki = FileSigner.generate("p256").public_key.spki
        point = spki[-64:]
        compressed = (
            bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
            + bytes([2 + point[-1] % 2])
            + point[:32]
        )

        with pytest.raises(KeyRefusedError) as caught:
            PublicKey.from_spki(compressed)

        assert caught.value.code == "key-encoding"

    @pytest.mark.parametrize("algorithm", ["ed25519", "p256"])
    def test_a_byte_more_or_less_is_refused(self, algorithm: Any) -> None:
        """
        What stands behind or is missing from a key is not overlooked.
        """
        spki = FileSigner.generate(algorithm).public_key.spki

        for other in (spki + b"\0", spki[:-1], b"\0" + spki, spki[1:]):
            with pytest.raises(KeyRefusedError):
                PublicKey.from_spki(other)

    def test_a_key_of_another_algorithm_is_carried_and_counts_for_nothing(
        self, tmp_path: Path
    ) -> None:
        """
        A root may hold keys for newer readers; here no signature is by them.
        """
        pem = tmp_path / "rsa.pem"
        subprocess.run(["openssl", "genrsa", "-out", pem, "2048"], check=True, capture_output=True)
        out = subprocess.run(
            ["openssl", "pkey", "-in", pem, "-pubout"], check=True, capture_output=True
        ).stdout
        key = PublicKey.parse(out)

        assert key.algorithm == "unsupported"
        with pytest.raises(InvalidSignatureError, match="cannot check"):
            key.verify(bytes(256), b"")

    @given(st.binary(max_size=200))
    def test_any_bytes_are_a_key_or_a_refusal(self, data: bytes) -> None:
        """
        No bytes end in another error.
        """
        for read in (PublicKey.from_spki, PublicKey.from_raw, PublicKey.parse):
            try:
                key = read(data)
            except KeyRefusedError:
                continue
            assert PublicKey.from_spki(key.spki) == key

    @given(st.text(max_size=100))
    def test_any_text_is_a_key_or_a_refusal(self, text: str) -> None:
        """
        No text ends in another error.
        """
        try:
            key = PublicKey.parse(text)
        except KeyRefusedError:
            return
        assert text.strip() in {key.base64, key.pem.strip()} or key.algorithm == "ed25519"


class TestPublicKey:
    """Names and spellings of keys."""

    def test_three_spellings_are_one_key(self) -> None:
        """
        PEM, base64 of the SPKI and upstream's raw base64 give equal keys.
        """
        raw = b64encode(bytes.fromhex(RFC8032)).decode()
        key = PublicKey.parse(raw)

        assert key == PublicKey.parse(key.pem) == PublicKey.parse(key.base64)

    def test_the_key_id_is_that_of_openssl(self) -> None:
        """
        The id is the SHA-256 of the DER that openssl writes.
        """
        key = FileSigner.generate("p256").public_key
        der = subprocess.run(
            ["openssl", "pkey", "-pubin", "-pubout", "-outform", "DER"],
            input=key.pem.encode(),
            check=True,
            capture_output=True,
        ).stdout
        out = subprocess.run(
            ["openssl", "dgst", "-sha256", "-r"], input=der, check=True, capture_output=True
        ).stdout

        assert out.split()[0].decode() == key.keyid

    def test_a_private_key_is_not_taken_for_a_public_one(self, tmp_path: Path) -> None:
        """
        Whoever hands in the wrong file is told so, before it is given away.
        """
        path = tmp_path / "key.pem"
        FileSigner.generate().save(path, passphrase=None)

        with pytest.raises(KeyRefusedError, match="found a private one"):
            PublicKey.parse(path.read_bytes())

    def test_lax_base64_is_refused(self) -> None:
        """
        Padding, line ends and left-over bits have one spelling.
        """
        text = b64encode(bytes.fromhex(RFC8032)).decode()

        for other in (text[:-1], text[:20] + "\n" + text[20:], text[:-2] + "p=", text + "="):
            with pytest.raises(KeyRefusedError):
                PublicKey.parse(other)

    def test_the_place_is_in_the_message(self) -> None:
        """
        A key in a file is refused at its line.
        """
        origin = Origin("", "root.json", 3, 9)

        with pytest.raises(KeyRefusedError, match=r"root\.json:3:9"):
            PublicKey.from_spki(b"junk", origin=origin)

    def test_shows_the_same_everywhere(self) -> None:
        """
        `repr` has key id and algorithm; the dictionary is what `--json` prints.
        """
        key = PublicKey.parse(b64encode(bytes.fromhex(RFC8032)))

        assert repr(key) == "<PublicKey: key 06e3fd8fda29bb60 ed25519>"
        assert key.as_dict()["keyid"] == key.keyid
        assert key.words in str(key)


class TestWords:
    """Digests read aloud."""

    @given(st.binary(min_size=32, max_size=32), st.integers(0, 127))
    def test_every_bit_is_heard(self, digest: bytes, bit: int) -> None:
        """
        Two digests that differ in one of the first 128 bits differ in exactly one word.
        """
        other = bytearray(digest)
        other[bit // 8] ^= 0x80 >> bit % 8
        pairs = zip(
            words(digest).replace("-", " ").split(),
            words(bytes(other)).replace("-", " ").split(),
            strict=True,
        )

        assert sum(one != two for one, two in pairs) == 1

    @given(st.binary(min_size=32, max_size=32))
    def test_a_word_is_five_letters_in_turn(self, digest: bytes) -> None:
        """
        Eight words of five letters, consonants and vowels in turn.
        """
        spoken = words(digest).replace("-", " ").split()

        assert len(spoken) == 8
        assert all(len(w) == 5 and set(w[1::2]) <= set("aiou") for w in spoken)
