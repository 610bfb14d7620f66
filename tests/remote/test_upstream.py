"""Upstream's manifests as sources: signed in the old way, where the policy takes that."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from oneiric_lab.lab import Lab
from oneiric_lab.testing import MemoryRemote, ReleaseHouse
from oneiric_lab.trust import legacy_form

if TYPE_CHECKING:
    from pathlib import Path

    from oneiric_lab.remote import Fetched, Request, Sink

WHEEL = b"wheel"
ALICE = ReleaseHouse.signer("alice")
KEY = b64encode(ALICE.public_key.spki[-32:]).decode()
ENTRY = {"domain": "adapter", "key": "cache", "provider": "redis", "factory": "shop.redis:Cache"}


def signed(*entries: dict[str, Any], day: int = 1, by: Any = ALICE, **more: Any) -> bytes:
    """Return a manifest of schema 2, as upstream's tool writes it."""
    tree = {
        "source": "vendor",
        "entries": list(entries) or [ENTRY],
        "signed_at": f"2026-01-{day:02}T00:00:00+00:00",
        "expires_at": "2099-01-01T00:00:00+00:00",
        **more,
    }
    if by is not None:
        signature = b64encode(by.sign(legacy_form(tree))).decode()
        tree["signatures"] = [{"signature": signature, "algorithm": "ed25519"}]
    return json.dumps(tree, indent=1).encode()


class Slow(MemoryRemote):
    """Answers nobody before all have asked."""

    async def fetch(self, request: Request, sink: Sink) -> Fetched:
        """Write what *request* asks for into *sink*."""
        await anyio.sleep(0.05)
        return await super().fetch(request, sink)


class Place:
    """A workspace that follows a manifest of upstream's form."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.remote = folder, MemoryRemote()
        url = self.remote.url("manifest.yaml")
        (folder / "oneiric.toml").write_text(f'[remote]\nenabled = true\nmanifest_url = "{url}"\n')
        self.trust(f'keys = ["{KEY}"]')

    def trust(self, more: str) -> None:
        """Write the policy."""
        (self.folder / "trust.toml").write_text(f"[legacy]\nschemas = [1, 2]\n{more}\n")

    def open(self) -> Lab[Any]:
        """Open the workspace."""
        return Lab.open(self.folder, environ={})

    def offer(self, data: bytes) -> None:
        """Publish a manifest."""
        self.remote.files["manifest.yaml"] = data

    def sync(self, lab: Lab[Any]) -> tuple[str, str]:
        """Sync, and return the outcome and the first fault."""
        row = lab.sync(fetcher=self.remote).sources[0]
        return row.outcome, row.faults[0].message if row.faults else ""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A workspace with such a source."""
    return Place(tmp_path)


def providers(lab: Lab[Any]) -> list[str]:
    """Return who came from elsewhere."""
    return sorted(c.provider for c in lab.registry.current.candidates() if c.source == "manifest")


class TestUpstream:
    """One document, no bundle."""

    def test_it_enters_is_told_when_unchanged_and_is_there_offline(self, place: Place) -> None:
        """
        Like any release: verified, whole, remembered, with its artifact by digest.
        """
        sha256 = hashlib.sha256(WHEEL).hexdigest()
        artifact = {**ENTRY, "uri": "dist/redis-1.0-py3-none-any.whl", "sha256": sha256}
        place.offer(signed(artifact, dict(ENTRY, provider="memory")))
        place.remote.files["dist/redis-1.0-py3-none-any.whl"] = WHEEL
        lab = place.open()

        assert place.sync(lab) == ("entered", "")
        assert place.sync(lab) == ("unchanged", "")
        assert providers(lab) == providers(place.open()) == ["memory", "redis"]
        assert lab.remote_status().sources[0].as_dict()["state"] == "fresh"
        assert "vendor (schema 2)" in lab.remote_status().to_text()
        path = lab._remote.objects.find(sha256)
        assert path is not None
        assert path.read_bytes() == WHEEL

    def test_a_newer_one_replaces_it(self, place: Place) -> None:
        """
        What it has no more leaves; what was signed before does not come back.
        """
        place.offer(signed(day=1))
        lab = place.open()
        place.sync(lab)
        place.offer(signed(dict(ENTRY, provider="memory"), day=2))
        assert place.sync(lab)[0] == "entered"
        assert providers(lab) == ["memory"]

        place.offer(signed(day=1))
        outcome, why = place.sync(lab)

        assert outcome == "refused"
        assert "trusted before" in why
        assert providers(lab) == ["memory"]

    @pytest.mark.parametrize(
        ("data", "why"),
        [
            (signed(by=None), "0 distinct keys have signed"),
            (signed(by=ReleaseHouse.signer("mallory")), "0 distinct keys have signed"),
            (signed().replace(b"redis:Cache", b"evil:Cache"), "0 distinct keys have signed"),
            (b"[]", "not a manifest of upstream's form"),
            (b'{"schema": 3}', "comes with a bundle"),
            (signed(expires_at="2026-01-02T00:00:00+00:00"), "expired"),
            (signed({**ENTRY, "uri": "a.whl"}), "without its sha256"),
            (signed({**ENTRY, "uri": "a.whl", "sha256": "../x"}), "without its sha256"),
        ],
    )
    def test_what_is_not_signed_as_the_policy_asks_does_not_enter(
        self, place: Place, data: bytes, why: str
    ) -> None:
        """
        With the reason in the status.
        """
        place.offer(data)
        lab = place.open()

        assert why in place.sync(lab)[1]
        assert providers(lab) == []
        assert why in str(lab.remote_status().sources[0].attempts[-1].message)

    def test_without_a_signature_only_what_is_named_enters(self, place: Place) -> None:
        """
        The policy names the source; another one does not pass with it.
        """
        place.trust('unsigned = ["vendor"]')
        place.offer(signed(by=None))
        lab = place.open()
        assert place.sync(lab) == ("entered", "")

        place.offer(signed(by=None, source="other", day=2))
        assert "0 distinct keys" in place.sync(lab)[1]

    def test_a_policy_without_the_table_asks_for_a_bundle(self, place: Place) -> None:
        """
        A manifest of schema 3 with its bundle stays the norm, and the fault says both ways out.
        """
        (place.folder / "trust.toml").write_text("")
        place.offer(signed())
        row = place.open().sync(fetcher=place.remote).sources[0]

        assert row.faults[0].code == "remote-bundle"
        assert "[legacy]" in str(row.faults[0].fix)

    def test_the_age_that_the_policy_allows_ends_it(self, place: Place) -> None:
        """
        An unchanged manifest gets too old all the same.
        """
        place.trust(f'keys = ["{KEY}"]\nmax_age_days = 36500')
        place.offer(signed())
        lab = place.open()
        place.sync(lab)
        good = lab._remote.kept()["default"].good

        assert good is not None
        assert good.fresh_until is not None
        assert good.fresh_until.year == 2099

    def test_an_artifact_of_no_size_is_bounded(self, place: Place) -> None:
        """
        Upstream's form says no sizes: the limits of the settings hold.
        """
        with (place.folder / "oneiric.toml").open("a") as file:
            file.write("max_artifact_bytes = 4\n")
        sha256 = hashlib.sha256(WHEEL).hexdigest()
        place.offer(signed({**ENTRY, "uri": "a.whl", "sha256": sha256}))
        place.remote.files["a.whl"] = WHEEL

        assert "at most 4 are taken" in place.sync(place.open())[1]

    def test_artifacts_of_no_size_are_bounded_together(self, place: Place) -> None:
        """
        Each is small enough, and they come at one time: all of them are not.
        """
        with (place.folder / "oneiric.toml").open("a") as file:
            file.write("max_cache_bytes = 9\n")
        entries, files = [], {}
        for n in range(2):
            data = bytes([n] * 5)
            files[f"{n}.whl"] = data
            sha256 = hashlib.sha256(data).hexdigest()
            entries.append({**ENTRY, "provider": f"p{n}", "uri": f"{n}.whl", "sha256": sha256})
        place.remote = Slow()
        place.remote.files.update(files)
        place.offer(signed(*entries))

        assert "10 bytes came; at most 9 are taken" in place.sync(place.open())[1]

    def test_it_enters_by_hand_too(self, place: Place) -> None:
        """
        `lab.verify` and `lab.enter` take what the policy takes.
        """
        lab = place.open()

        report = lab.verify(None, signed())
        assert lab.enter(report).generation == lab.registry.generation
        assert providers(lab) == ["redis"]

    def test_a_file_of_this_machine_is_not_looked_at(self, place: Place) -> None:
        """
        A manifest that came from elsewhere names no file here by its relative address.
        """
        (place.folder / "a.whl").write_bytes(b"mine")
        place.offer(signed({**ENTRY, "uri": "a.whl"}))

        assert "without its sha256" in place.sync(place.open())[1]
