"""Digests as words that two people can compare over a telephone.

Sixteen bits are one word of five letters, consonant and vowel in turn (a proquint,
arXiv:0901.4016): `lusab`, `babad`. There is no list to carry, to license or to translate,
and each letter stands for bits of its own, so that two digests with one different bit
differ in what is heard. Eight words are the first 128 bits of a digest: nobody finds a
second key or manifest with the same eight.

Example:
    >>> words(bytes.fromhex("7f000001" "3f54dcc1" "00000000" "ffffffff"))
    'lusab-babad gutih-tugad babab-babab zuzuz-zuzuz'
"""

from __future__ import annotations

_CONSONANTS = "bdfghjklmnprstvz"
_VOWELS = "aiou"
_BYTES = 16


def words(digest: bytes) -> str:
    """Return the first 128 bits of *digest* as eight words in pairs."""
    numbers = [
        int.from_bytes(digest[at : at + 2], "big") for at in range(0, len(digest[:_BYTES]), 2)
    ]
    spoken = [_word(number) for number in numbers]
    return " ".join("-".join(spoken[at : at + 2]) for at in range(0, len(spoken), 2))


def _word(number: int) -> str:
    return (
        _CONSONANTS[number >> 12]
        + _VOWELS[number >> 10 & 3]
        + _CONSONANTS[number >> 6 & 15]
        + _VOWELS[number >> 4 & 3]
        + _CONSONANTS[number & 15]
    )
