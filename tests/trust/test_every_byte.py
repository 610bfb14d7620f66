"""Every byte of what is signed matters: each is changed once, and each change is refused.

The threshold is exactly reached, so that no signature is one too many.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from oneiric_lab.errors import OneiricError
from oneiric_lab.testing import HouseRelease, ReleaseHouse
from oneiric_lab.trust import Bundle, Envelope, Policy, Report, Root, State, verify

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUSE = ReleaseHouse()
HOUSE.rotate()
HOUSE.revoke("carol")
RELEASE = HOUSE.release({"adapter:cache": "redis"})
BUNDLE = RELEASE.bundle.encode()
POLICY = Policy(pin=HOUSE.roots[0].sha256)


def ask(bundle: bytes | Bundle, manifest: bytes = RELEASE.manifest) -> Report:
    """Verify as a client does that has seen nothing and pins the first root."""
    return verify(bundle, manifest, policy=POLICY, state=State(), now=HOUSE.now)


def flips(data: bytes) -> Iterator[bytes]:
    """Yield *data* with each byte changed once: in its lowest bit and in its case."""
    for at, byte in enumerate(data):
        for other in {byte ^ 1, byte ^ 32}:
            yield data[:at] + bytes([other]) + data[at + 1 :]


def losses(data: bytes) -> Iterator[bytes]:
    """Yield *data* with each byte left out once, and each doubled once."""
    for at in range(len(data)):
        yield data[:at] + data[at + 1 :]
        yield data[:at] + data[at : at + 1] + data[at:]


class TestEveryByte:
    """One byte at a time."""

    def test_unchanged_it_holds(self) -> None:
        """
        The very bytes that are changed below are good.
        """
        assert ask(BUNDLE).ok
        assert b" " not in BUNDLE

    def test_manifest(self) -> None:
        """
        No change of one byte of a manifest is accepted.
        """
        for changed in (*flips(RELEASE.manifest), *losses(RELEASE.manifest)):
            if changed != RELEASE.manifest:
                assert not ask(RELEASE.bundle, changed)

    def test_bundle(self) -> None:
        """
        No change of one byte of a bundle is accepted: envelope, roots, list, and what joins them.
        """
        # Root 1 is pinned by the digest of its payload; its signatures are counted as well.
        accepted = [at for at, data in enumerate(flips(BUNDLE)) if ask(data)]

        assert accepted == []

    @pytest.mark.parametrize("part", ["envelope", "root", "revocations"])
    def test_a_byte_more_or_less(self, part: str) -> None:
        """
        No byte of an envelope can be left out or doubled.
        """
        envelopes = {
            "envelope": RELEASE.bundle.envelope,
            "root": HOUSE.root.envelope,
            "revocations": HOUSE.revocations.envelope,
        }
        whole = envelopes[part].encode()
        for changed in losses(whole):
            if changed == whole:
                continue
            try:
                other = Envelope.parse(changed)
            except OneiricError:
                continue
            bundle = {
                "envelope": replace(RELEASE.bundle, envelope=other),
                "root": replace(RELEASE.bundle, roots=(HOUSE.roots[0].envelope, other)),
                "revocations": replace(RELEASE.bundle, revocations=other),
            }[part]
            assert not ask(bundle), changed

    def test_a_key_of_a_policy(self) -> None:
        """
        No change of one byte of a pinned digest finds a root.
        """
        pin = HOUSE.roots[0].sha256.encode()
        for changed in flips(pin):
            try:
                policy = Policy.parse(b'root = "sha256:' + changed + b'"\n')
            except OneiricError:
                continue
            assert not verify(BUNDLE, RELEASE.manifest, policy=policy, state=State(), now=HOUSE.now)

    def test_a_key_in_a_root(self) -> None:
        """
        No change of one byte of a public key leaves a root whole, even with its id left alone.
        """
        payload = HOUSE.root.envelope.payload
        found = [match.span(1) for match in re.finditer(rb'"public":"([^"]+)"', payload)]
        assert len(found) == 3
        for start, end in found:
            for changed in flips(payload[start:end]):
                whole = payload[:start] + changed + payload[end:]
                with pytest.raises(OneiricError):
                    Root.parse(replace(HOUSE.root.envelope, payload=whole))


def test_the_release_is_small() -> None:
    """
    Exhaustive stays cheap because what is signed is small.
    """
    assert isinstance(RELEASE, HouseRelease)
    assert len(RELEASE.bundle.envelope.encode()) < 1100
