"""A release house, and the question that everything here is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.testing import ReleaseHouse
from oneiric_lab.trust import PublicKey, State, verify

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneiric_lab.testing import HouseRelease
    from oneiric_lab.trust import Report


@pytest.fixture
def house() -> ReleaseHouse:
    """Three signers, two needed."""
    return ReleaseHouse()


@pytest.fixture
def ask(house: ReleaseHouse) -> Callable[..., Report]:
    """Verify a release by the house's policy and clock; any part can be another."""

    def verified(release: HouseRelease, **other: Any) -> Report:
        parts: dict[str, Any] = {
            "bundle": release.bundle,
            "manifest": release.manifest,
            "policy": house.policy,
            "state": State(),
            "now": house.now,
        } | other
        return verify(parts.pop("bundle"), parts.pop("manifest"), **parts)

    return verified


@pytest.fixture(scope="session")
def unsupported() -> PublicKey:
    """An ML-DSA-44 key: well formed, and of an algorithm that nothing here checks."""
    algorithm = bytes.fromhex("300b0609608648016503040311")
    bits = b"\x03\x82\x05\x21\x00" + bytes(range(256)) * 5 + bytes(32)
    content = algorithm + bits
    return PublicKey.from_spki(b"\x30\x82" + len(content).to_bytes(2, "big") + content)
