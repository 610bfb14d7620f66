"""Verifying and signing, beside python-tuf on as many targets and upstream's algorithm."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab import canonical
from oneiric_lab.testing import ReleaseHouse
from oneiric_lab.trust import (
    Envelope,
    FileSigner,
    Limits,
    Policy,
    Requirement,
    Revocations,
    Revoked,
    State,
    judge,
    legacy_form,
    make_revocations,
    make_statement,
    sign_revocations,
    sign_statement,
    verify,
)

from .entries import manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

    from oneiric_lab.testing import HouseRelease

ENTRIES = 10_000
NAMES = ("alice", "bob", "carol")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@cache
def house() -> ReleaseHouse:
    """Return a house where all three must sign."""
    return ReleaseHouse(threshold=3, requirements={3: Requirement(3, expiry=True)}, now=NOW)


@cache
def release(count: int) -> HouseRelease:
    """Return a release of *count* full entries by all three."""
    return house().release(manifest(count)["entries"], version=count, by=NAMES)


@cache
def ours(count: int) -> Callable[[], Any]:
    """Return the whole verification, from bytes."""
    made = release(count)
    bundle, policy = made.bundle.encode(), house().policy

    def run() -> Any:
        report = verify(bundle, made.manifest, policy=policy, state=State(), now=NOW)
        assert report.ok
        return report

    return run


@cache
def tuf(count: int) -> Callable[[], Any]:
    """Return python-tuf's: parse and verify the role's three signatures over all targets."""
    from securesystemslib.signer import CryptoSigner
    from tuf.api.metadata import Key, Metadata, Root, TargetFile, Targets

    signers = [CryptoSigner.generate_ed25519() for _ in NAMES]
    targets = Targets(expires=NOW + timedelta(days=9))
    for entry in manifest(count)["entries"]:
        name = f"{entry['domain']}/{entry['key']}"
        artifact = entry["artifact"]
        targets.targets[name] = TargetFile(artifact["size"], {"sha256": artifact["sha256"]}, name)
    root = Root(expires=NOW + timedelta(days=9))
    for signer in signers:
        key: Key = signer.public_key
        root.add_key(key, "targets")
    root.roles["targets"].threshold = len(NAMES)
    made = Metadata(targets)
    for signer in signers:
        made.sign(signer, append=True)
    data = made.to_bytes()

    def run() -> Any:
        found = Metadata[Targets].from_bytes(data)
        root.verify_delegate("targets", found.signed_bytes, found.signatures)
        return found

    return run


@cache
def upstream(count: int) -> Callable[[], Any]:
    """Return upstream's algorithm as we read it: parse, its canonical form, three signatures."""
    tree = {"source": "shop", "entries": manifest(count)["entries"]}
    signers = [ReleaseHouse.signer(name) for name in NAMES]
    signed = legacy_form(tree)
    listed = [{"signature": b64encode(one.sign(signed)).decode()} for one in signers]
    data = json.dumps(tree | {"signatures": listed}).encode()
    keys = json.dumps([one.public_key.base64 for one in signers])
    policy = Policy.parse(f"[legacy]\nschemas = [2]\nthreshold = 3\nkeys = {keys}\n")

    def run() -> Any:
        report = verify(None, data, policy=policy, state=State(), now=NOW)
        assert report.ok
        return report

    return run


VERIFIERS = {
    "verify: gate and three signatures": ours,
    "python-tuf, as many targets": tuf,
    "upstream's form, without its model": upstream,
}


@pytest.mark.parametrize("count", [100, ENTRIES])
@pytest.mark.parametrize("row", list(VERIFIERS))
def test_verifying(benchmark: BenchmarkFixture, row: str, count: int) -> None:
    """From the bytes of files to a verdict."""
    run = VERIFIERS[row](count)
    benchmark.group = f"verify {count}"
    benchmark.extra_info["row"] = row
    benchmark(run)


def test_an_envelope(benchmark: BenchmarkFixture) -> None:
    """Parse an envelope and judge its three signatures."""
    data = release(100).bundle.envelope.encode()
    keys = house().root.keys("release")

    def run() -> Any:
        return judge(Envelope.parse(data), keys)

    assert [verdict.state for verdict in run()] == ["good"] * 3
    benchmark.group = "trust"
    benchmark.extra_info["row"] = "envelope with three signatures"
    benchmark(run)


@cache
def long_list() -> Revocations:
    """Return a list of ten thousand keys, revoked at a thousand moments, by all three."""
    revoked = []
    for number in range(ENTRIES):
        at = canonical.utc_text(NOW - timedelta(minutes=number % 1000))
        keyid = hashlib.sha256(b"%d" % number).hexdigest()
        revoked.append(Revoked(keyid, "superseded", at, at))
    made = make_revocations(
        project="shop",
        epoch=1,
        number=2,
        issued_at=NOW,
        next_update=NOW + timedelta(days=9),
        revoked=revoked,
    )
    return sign_revocations(made, *(house().signers[name] for name in NAMES))


def test_a_revocation_list(benchmark: BenchmarkFixture) -> None:
    """Parse a list of ten thousand and judge its three signatures."""
    data = long_list().envelope.encode()
    keys, limits = house().root.keys("revocation"), Limits()

    def run() -> Any:
        envelope = Envelope.parse(data, payload_bytes=limits.revocation_bytes)
        return Revocations.parse(envelope), judge(envelope, keys)

    assert [verdict.state for verdict in run()[1]] == ["good"] * 3
    benchmark.group = "trust"
    benchmark.extra_info["row"] = "revocation list of 10,000, load and verify"
    benchmark(run)


def test_a_lookup(benchmark: BenchmarkFixture) -> None:
    """Ask for a thousand keys."""
    revoked = long_list().revoked
    asked = list(revoked)[::10]
    benchmark.group = "trust"
    benchmark.extra_info["row"] = "one key of 10,000"
    benchmark.extra_info["calls"] = len(asked)

    def run() -> Any:
        return [revoked.get(keyid) for keyid in asked]

    benchmark(run)


def test_signing(benchmark: BenchmarkFixture) -> None:
    """Read a manifest of ten thousand, make its statement and sign it with five keys."""
    data = release(ENTRIES).manifest
    signers = [FileSigner.from_seed(bytes([number]) * 32) for number in range(5)]

    def run() -> Any:
        statement = make_statement(data, epoch=1, issued_at=NOW, expires_at=NOW + timedelta(days=9))
        return sign_statement(statement, *signers)

    assert len(run().signatures) == 5
    benchmark.group = "trust"
    benchmark.extra_info["row"] = "10,000 entries signed with five keys"
    benchmark(run)
