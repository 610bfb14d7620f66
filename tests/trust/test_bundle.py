"""Bundles by themselves: what stands in them, shown and not believed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from oneiric_lab import canonical
from oneiric_lab.errors import DocumentRefusedError
from oneiric_lab.testing import ReleaseHouse
from oneiric_lab.trust import Bundle, Envelope, make_bundle

HOUSE = ReleaseHouse()
BUNDLE = HOUSE.release({"adapter:cache": "redis"}).bundle


class TestBundle:
    """One file."""

    @pytest.mark.parametrize(
        "bundle",
        [
            BUNDLE,
            replace(BUNDLE, revocations=None, roots=()),
            replace(BUNDLE, tlog_proof="c2sp.org/tlog-proof@v1\nindex 7\n"),
            replace(BUNDLE, timestamps=(b"token", b"")),
            make_bundle(BUNDLE.envelope),
        ],
        ids=["whole", "bare", "log proof", "time stamps", "made"],
    )
    def test_comes_back(self, bundle: Bundle) -> None:
        """
        What is written is read again, with what this version only carries.
        """
        assert Bundle.parse(bundle.encode()) == bundle

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"type": "oneiric-bundle/v2"}, "at /type"),
            ({"tlog_proof": 1}, "a text or null"),
            ({"timestamps": ["e30"]}, r"at /timestamps/0"),
            ({"timestamps": ["e30="] * 17}, "17 items where at most 16"),
            ({"roots": [1]}, r"an object"),
            ({"roots": None}, "a list"),
            ({"revocations": []}, "an object"),
            ({"envelope": None}, "an object"),
            ({"manifest": {}}, "'manifest' is not known"),
        ],
    )
    def test_what_is_none(self, change: dict[str, Any], message: str) -> None:
        """
        Each defect is refused where it stands.
        """
        tree = json.loads(BUNDLE.encode()) | change

        with pytest.raises(DocumentRefusedError, match=message):
            Bundle.parse(canonical.encode(tree))

    def test_shows_what_it_says(self) -> None:
        """
        Release, roots and list are named, and that nothing of it is verified.
        """
        shown = BUNDLE.to_text()

        assert repr(BUNDLE) == "<Bundle: bundle: shop stable 1>"
        assert "this is what the bundle says" in shown
        assert "1 (epoch 1)" in shown
        assert "number 1, 0 keys" in shown

    def test_shows_what_cannot_be_read(self) -> None:
        """
        Parts that are none of their kind are said to be unreadable, and nothing fails.
        """
        junk = Envelope(b"\x1b[2J", "text/plain")
        shown = Bundle(junk, (junk,), junk).to_text()
        bare = make_bundle(junk).to_text()

        assert "no statement about a release" in shown
        assert shown.count("unreadable") == 2
        assert "\x1b" not in shown
        assert "roots        none" in bare
