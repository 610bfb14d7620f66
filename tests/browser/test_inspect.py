"""What a browser finds of a release, held to what `trust.verify` finds of the same bytes."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab import canonical
from oneiric_lab.testing import ReleaseHouse
from oneiric_lab.trust import (
    Bundle,
    Envelope,
    FileSigner,
    Policy,
    Requirement,
    Signature,
    State,
    make_bundle,
    verify,
)

if TYPE_CHECKING:
    from datetime import datetime

INSPECT = """async (cases) => {
  const { inspect } = await import("/static/trust/inspect.mjs");
  const bytes = (text) => text === null ? null
    : Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const out = [];
  for (const { bundle, manifest, pins, now } of cases) {
    const found = await inspect({ bundle: bytes(bundle), manifest: bytes(manifest), pins, now });
    out.push({ tone: found.tone, verdict: found.verdict, signatures: found.signatures,
      failed: found.checks.filter((c) => c.state === "failed").map((c) => c.code) });
  }
  return out;
}"""
ELSEWHERE = {"clock", "policy", "channel", "rollback", "equivocation", "revocations-order"}
"""Checks that need a state or a policy, which a browser has not."""

Case = tuple[bytes | None, bytes | None, "datetime"]


def text(data: bytes | None) -> str | None:
    """Return bytes as they travel to a page."""
    return None if data is None else b64encode(data).decode()


def found_by_browser(page: Any, cases: list[Case], pins: list[str]) -> list[Any]:
    """Return what a page finds of all cases."""
    given = [
        {"bundle": text(b), "manifest": text(m), "pins": pins, "now": now.timestamp() * 1000}
        for b, m, now in cases
    ]
    answers: list[Any] = page.evaluate(INSPECT, given)
    return answers


def agree(page: Any, cases: list[Case], house: ReleaseHouse) -> None:
    """Hold that both find the same of every case."""
    pin = house.roots[0].sha256
    answers = found_by_browser(page, cases, [f"sha256:{pin}"])
    for number, ((bundle, manifest, now), answer) in enumerate(zip(cases, answers, strict=True)):
        report = verify(bundle, manifest, policy=Policy(pin=pin), state=State(), now=now)
        wanted = {c.code for c in report.checks if c.state == "failed"} - ELSEWHERE
        assert set(answer["failed"]) == wanted, (number, answer, report)
        assert (answer["tone"] == "ok") is (not wanted), (number, answer)
        states = [(s["keyid"], s["signer"], s["state"]) for s in answer["signatures"]]
        if answer["signatures"]:
            assert states == [(s.keyid, s.signer, s.state) for s in report.signatures]


def changed(data: bytes, at: int, bit: int = 1) -> bytes:
    """Return *data* with one bit of one byte changed."""
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


class TestInspect:
    def test_good_and_bad_releases(self, extension: Any) -> None:
        """
        Thresholds, scopes, times, revocations, rotated roots and both algorithms.
        """
        house = ReleaseHouse(scopes={"bob": ["adapter:*"]})
        cases: list[Case] = []

        def case(bundle: Bundle | None, manifest: bytes | None, **later: float) -> None:
            when = house.now + timedelta(**later)
            cases.append((None if bundle is None else bundle.encode(), manifest, when))

        good = house.release({"adapter:cache": "redis"})
        case(good.bundle, good.manifest)
        case(good.bundle, good.manifest, days=40)
        case(good.bundle, good.manifest, days=100)
        case(good.bundle, good.manifest, days=400)
        case(good.bundle, good.manifest, days=-1)
        case(good.bundle, good.manifest, minutes=-4)
        case(good.bundle, None)
        case(None, good.manifest)
        outside = house.release({"service:payment": "stripe", "adapter:cache": "redis"})
        case(outside.bundle, outside.manifest)
        case(outside.bundle, good.manifest)
        lonely = house.release({"adapter:cache": "redis"}, by=["alice"])
        case(lonely.bundle, lonely.manifest)
        stranger = house.release({"adapter:cache": "redis"}, by=["alice", FileSigner.generate()])
        case(stranger.bundle, stranger.manifest)
        long = house.release({"adapter:cache": "redis"}, days=91)
        case(long.bundle, long.manifest)
        case(Bundle(good.bundle.envelope, (), good.bundle.revocations), good.manifest)
        case(Bundle(good.bundle.envelope, good.bundle.roots, None), good.manifest)
        first, *others = good.bundle.envelope.signatures
        twice = Envelope(
            good.bundle.envelope.payload, good.bundle.envelope.payload_type, (first, first)
        )
        case(Bundle(twice, good.bundle.roots, good.bundle.revocations), good.manifest)
        wrong = Envelope(
            good.bundle.envelope.payload,
            good.bundle.envelope.payload_type,
            (Signature(first.keyid, others[0].sig), others[0]),
        )
        case(Bundle(wrong, good.bundle.roots, good.bundle.revocations), good.manifest)

        new = FileSigner.generate("p256")
        house.signers["dora"] = new
        house.rotate(
            signers={**house.root.signers, "dora": (new.public_key,)},
            roles={
                **house.root.roles,
                "release": type(house.root.roles["release"])(
                    {"alice": ("*",), "dora": ("*:ca*e", "service:*")}, 2
                ),
            },
        )
        case(good.bundle, good.manifest)
        both = house.release({"adapter:cache": "redis"}, by=["alice", "dora"])
        case(both.bundle, both.manifest)
        gap = Bundle(both.bundle.envelope, both.bundle.roots[::-1], both.bundle.revocations)
        case(gap, both.manifest)
        half = house.release({"adapter:cashed": "redis"}, by=["alice", "dora"])
        case(half.bundle, half.manifest)
        house.revoke("alice")
        revoked = house.release({"adapter:cache": "redis"}, by=["alice", "dora"])
        case(revoked.bundle, revoked.manifest)

        agree(extension(), cases, house)

    def test_every_kind_of_byte_that_differs(self, extension: Any) -> None:
        """
        A bit that differs anywhere is found by both, and as the same thing.
        """
        house = ReleaseHouse()
        good = house.release({"adapter:cache": "redis"})
        bundle, manifest = good.bundle.encode(), good.manifest
        cases: list[Case] = [(bundle, changed(manifest, at), house.now) for at in range(0, 90, 9)]
        cases += [(changed(bundle, at), manifest, house.now) for at in range(0, len(bundle), 61)]
        cases += [(bundle[:-1], manifest, house.now), (bundle + b" ", manifest, house.now)]
        cases += [(b"", manifest, house.now), (b"\xff", manifest, house.now)]
        cases += [(b"[" * 100_000, manifest, house.now), (b"{}", manifest, house.now)]

        agree(extension(), cases, house)

    def test_signed_documents_that_no_reader_takes(self, extension: Any) -> None:
        """
        What is signed by all and still refused: other members, forms, kinds and claims.
        """
        house = ReleaseHouse(requirements={3: Requirement(threshold=2, digests=True)})
        good = house.release({"adapter:cache": "redis"})
        signers = [house.signers["alice"], house.signers["bob"]]
        tree = json.loads(good.bundle.envelope.payload)
        said = tree["predicate"]
        cases: list[Case] = []

        def signed(payload: bytes, kind: str | None = None, manifest: bytes | None = None) -> None:
            envelope = Envelope(payload, kind or good.bundle.envelope.payload_type)
            made = make_bundle(
                envelope.signed_by(*signers), roots=house.roots, revocations=house.revocations
            )
            cases.append((made.encode(), manifest or good.manifest, house.now))

        for key, value in (
            ("version", 2),
            ("version", 0),
            ("version", True),
            ("version", 2**53),
            ("epoch", 2),
            ("project", "other"),
            ("channel", "be ta"),
            ("schema", 4),
            ("schema", 2),
            ("expires_at", "2026-02-30T00:00:00Z"),
            ("expires_at", "2025-01-01T00:00:00Z"),
            ("expires_at", None),
            ("not_before", "2026-01-02T00:00:00Z"),
            ("issued_at", "2026-01-01T00:00:00+00:00"),
            ("previous", {"version": 1, "sha256": "0" * 64}),
            ("previous", {"version": 9, "sha256": "0" * 63}),
            ("more", 1),
        ):
            shape = {**tree, "predicate": {**said, key: value}}
            signed(json.dumps(shape, separators=(",", ":"), sort_keys=True).encode())
        signed(json.dumps(tree).encode())
        signed(good.bundle.envelope.payload, "application/json")
        for manifest in (
            b'{"channel":"stable","entries":[],"entries":[],"project":"shop","schema":3,"version":1}',
            b'{"channel":"stable","entries":[1],"project":"shop","schema":3,"version":1}',
            b'{"channel":"stable","entries":[],"project":"shop","schema":3,"version":1.0}',
            b'{"channel":"stable","entries":[],"project":"shop","schema":3,"version":1,"x":1e3}',
            b'{"channel":"stable","entries":[],"project":"shop","schema":3,"version":1,"x":"\\ud800"}',
            '{"channel":"stable","entries":[],"project":"shop","schema":3,"version":1,"x":"é\U0001f600"}'.encode(),
            b'{"channel":"stable","entries":[],"project":"shop","schema":3,"version":1,"x":-0}',
            b'{"channel":"stable","entries":[],"project":"shop","schema":3,"version":1,"x":9007199254740993}',
            b'{"channel":"stable","entries":[],"project":"shop","schema":3,"version":1,"x":'
            + b"[" * 70
            + b"]" * 70
            + b"}",
        ):
            subject = [
                {
                    **tree["subject"][0],
                    "digest": {"sha256": hashlib.sha256(manifest).hexdigest()},
                    "annotations": {"size": len(manifest)},
                }
            ]
            signed(canonical.encode({**tree, "subject": subject}), manifest=manifest)
        no_digest = house.release(
            [
                {
                    "domain": "adapter",
                    "key": "cache",
                    "provider": "redis",
                    "version": "1",
                    "artifact": {"uri": "x"},
                }
            ]
        )
        cases.append((no_digest.bundle.encode(), no_digest.manifest, house.now))

        agree(extension(), cases, house)

    def test_keys_that_must_not_be_trusted(self, extension: Any) -> None:
        """
        A key of low order, off the curve or in another encoding is refused, whoever signed it.
        """
        ed = bytes.fromhex("302a300506032b6570032100")
        spkis = [
            ed + bytes(32),
            ed + b"\x01" + bytes(31),
            ed + b"\xee" + b"\xff" * 30 + b"\x7f",
            ed + b"\x02" + bytes(31),
            ed + bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
            bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004") + b"\x01" * 64,
            bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
            + b"\x02"
            + b"\x01" * 32,
            b"\x30\x03\x02\x01\x01",
            b"",
        ]
        from oneiric_lab.errors import KeyRefusedError
        from oneiric_lab.trust import PublicKey

        for spki in spkis:
            with pytest.raises(KeyRefusedError):
                PublicKey.from_spki(spki)
        good = FileSigner.generate("p256").public_key.spki
        answers = extension().evaluate(
            "async (all) => { const { publicKey } = await import('/static/trust/keys.mjs');"
            " const one = (t) => publicKey(Uint8Array.from(atob(t), (c) => c.charCodeAt(0)))"
            ".then((k) => k.algorithm, (e) => e.constructor.name);"
            " return Promise.all(all.map(one)); }",
            [text(spki) for spki in [*spkis, good]],
        )

        assert answers == ["Refused"] * len(spkis) + ["p256"]

    def test_without_a_pin_and_with_another(self, extension: Any) -> None:
        """
        Signatures that match the root inside the file are told to be worth no more than that.
        """
        house = ReleaseHouse()
        good = house.release({"adapter:cache": "redis"})
        case: Case = (good.bundle.encode(), good.manifest, house.now)
        page = extension()
        said = "signatures match the root inside this file, which is not trusted here"

        for pins in ([], ["0" * 64], ["sha256:"]):
            (answer,) = found_by_browser(page, [case], pins)
            assert (answer["tone"], answer["verdict"]) == ("warn", said)
        pin = house.root.sha256.upper()
        (answer,) = found_by_browser(page, [case], [f" sha256:{pin} "])
        assert answer["verdict"].startswith("signatures match root")
        assert "verified" not in answer["verdict"]

    def test_without_a_secure_context(self, extension: Any) -> None:
        """
        Over plain http a browser gives no cryptography, and nothing is said to match.
        """
        house = ReleaseHouse()
        good = house.release({"adapter:cache": "redis"})
        case: Case = (good.bundle.encode(), good.manifest, house.now)
        (answer,) = found_by_browser(extension("plain.test"), [case], [house.root.sha256])

        assert answer["tone"] == "warn"
        assert answer["verdict"].startswith("not checked here: this page has no secure context")
        assert answer["failed"] == answer["signatures"] == []
