"""The ceremony by files: three signers on three machines, and what is refused between them."""

from __future__ import annotations

import json
import shutil
from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab import canonical
from oneiric_lab.cli import main
from oneiric_lab.commands import Interaction, run
from oneiric_lab.errors import (
    FileAccessError,
    OneiricError,
    PassphraseError,
    UntrustedError,
    UsageError,
)
from oneiric_lab.lab import Ground, assemble_files, bundle_file, cosign_file, propose_file
from oneiric_lab.testing import ReleaseHouse
from oneiric_lab.trust import FileSigner, Requirement, assemble

if TYPE_CHECKING:
    from collections.abc import Callable

    Ask = Callable[..., tuple[int, dict[str, Any]]]

AT = ("--at", "2026-01-02T00:00:00Z")
LATER = ("--at", "2026-01-05T00:00:00Z")
CACHE = {"adapter:cache": "redis", "service:mail": "smtp"}
PROPOSAL, MANIFEST = "shop.oneiric-proposal.json", "shop.oneiric.json"


@pytest.fixture
def house() -> ReleaseHouse:
    """Three signers, two needed."""
    return ReleaseHouse()


@pytest.fixture
def places(house: ReleaseHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders that stand for machines: a desk, and one of each signer, with his key and root."""
    for name, signer in house.signers.items():
        (tmp_path / name).mkdir()
        assert isinstance(signer, FileSigner)
        signer.save(tmp_path / name / "key.pem", passphrase=None)
        (tmp_path / name / "root.1.json").write_bytes(house.root.envelope.encode())
    desk = tmp_path / "desk"
    desk.mkdir()
    (desk / "root.1.json").write_bytes(house.root.envelope.encode())
    (desk / "revocations.1.json").write_bytes(house.revocations.envelope.encode())
    (desk / MANIFEST).write_bytes(house.manifest(CACHE, version=1))
    monkeypatch.chdir(desk)
    return tmp_path


@pytest.fixture
def ask(places: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Return what asks the shell's door on a machine, and gives exit code and JSON."""

    def asked(*words: str, on: str = "desk") -> tuple[int, dict[str, Any]]:
        monkeypatch.chdir(places / on)
        capsys.readouterr()
        code = main([*words, "--json"])
        out = capsys.readouterr().out
        monkeypatch.chdir(places / "desk")
        return code, json.loads(out)

    return asked


def carry(places: Path, source: str, target: str, *names: str) -> None:
    """Carry files from one machine to another, as by a stick."""
    for name in names:
        shutil.copy(places / source / name, places / target / name)


def proposed(ask: Ask, *words: str) -> dict[str, Any]:
    """Propose the manifest on the desk."""
    code, answer = ask("manifest", "propose", MANIFEST, "--root", "root.1.json", *AT, *words)
    assert code == 0, answer
    return answer


def answered(ask: Ask, places: Path, name: str, at: tuple[str, str] = AT) -> str:
    """Let a signer answer on his own machine, and carry the response to the desk."""
    carry(places, "desk", name, MANIFEST, PROPOSAL)
    code, answer = ask(
        *("manifest", "cosign", PROPOSAL, "--key", "key.pem", "--root", "root.1.json", *at),
        on=name,
    )
    assert code == 0, answer
    carry(places, name, "desk", answer["file"])
    return str(answer["file"])


def reasons(answer: dict[str, Any]) -> list[str]:
    """Return the first word of why each response was refused; empty where it was not."""
    return [one["why"].partition(":")[0] for one in answer["answers"]]


class TestCeremony:
    """From a manifest to what an auditor verifies."""

    def test_the_whole_story(self, ask: Ask, places: Path) -> None:
        """
        Proposed, signed on two machines and days, assembled, bundled, verified by one digest.
        """
        words = proposed(ask)["manifest"]["words"]
        first = answered(ask, places, "carol")
        code, one = ask("manifest", "assemble", PROPOSAL, first, *AT)
        assert (code, one["signers"], one["complete"]) == (1, ["carol"], False)

        second = answered(ask, places, "alice", LATER)
        code, two = ask("manifest", "assemble", PROPOSAL, second, *LATER)
        assert (code, two["signers"], two["waiting"]) == (0, ["alice", "carol"], ["bob"])
        assert two["release"]["manifest"]["words"] == words

        made = ("--root", "root.1.json", "--revocations", "revocations.1.json", *LATER)
        code, bundled = ask("bundle", "make", two["file"], *made)
        assert code == 0

        carry(places, "desk", "bob", MANIFEST, bundled["file"])
        pin = ("--root", f"sha256:{bundled['root']}")
        code, report = ask("bundle", "verify", bundled["file"], *pin, *LATER, on="bob")
        assert (code, report["ok"], report["signers"]) == (0, True, ["alice", "carol"])
        code, same = ask(
            "manifest", "verify", MANIFEST, "--bundle", bundled["file"], *pin, *LATER, on="bob"
        )
        assert same == report

    def test_nothing_is_written_by_a_dry_run(self, ask: Ask, places: Path) -> None:
        """
        Each step shows what it would do, and leaves the folder as it was.
        """
        proposed(ask)
        response = answered(ask, places, "alice")
        before = sorted(path.name for path in places.glob("*/*"))
        steps = [
            ("manifest", "propose", MANIFEST, "--root", "root.1.json", *LATER),
            ("manifest", "cosign", PROPOSAL, "--key", "nowhere.pem", *AT),
            ("manifest", "assemble", PROPOSAL, response, *AT),
            ("manifest", "repropose", MANIFEST, "--from", "1", "--root", "root.1.json", *AT),
        ]

        for step in steps:
            code, answer = ask(*step, "--dry-run")
            assert "error" not in answer, step
            assert code == (1 if "assemble" in step else 0)
        assert sorted(path.name for path in places.glob("*/*")) == before

    def test_each_step_can_be_repeated(self, ask: Ask, places: Path) -> None:
        """
        The same step with the same time finds its own file, and is no fault.
        """
        assert proposed(ask) == proposed(ask)
        assert answered(ask, places, "alice") == answered(ask, places, "alice")
        words = ("manifest", "assemble", PROPOSAL, "shop.alice.oneiric-response.json", *AT)
        ask(*words)

        assert [one["state"] for one in ask(*words)[1]["answers"]] == ["known"]

    def test_nothing_is_written_over(self, ask: Ask, places: Path) -> None:
        """
        Another proposal of the same name does not take the place of the first.
        """
        proposed(ask)
        before = (places / "desk" / PROPOSAL).read_bytes()
        words = ("manifest", "propose", MANIFEST, "--root", "root.1.json", *LATER)

        code, answer = ask(*words)
        assert (code, answer["error"]["code"]) == (2, "file-exists")
        assert (places / "desk" / PROPOSAL).read_bytes() == before
        assert ask(*words, "--out", "other.oneiric-proposal.json")[0] == 0

    def test_by_python(self, places: Path, house: ReleaseHouse) -> None:
        """
        The same by functions, without a shell.
        """
        ground = Ground(datetime(2026, 1, 2, tzinfo=UTC), revocations=house.revocations)
        desk = places / "desk"
        made = propose_file(desk / MANIFEST, root=house.root, ground=ground)
        assert made.file is not None
        signed = [
            cosign_file(made.file, house.signers[name], ground=ground) for name in ("bob", "carol")
        ]
        files = [one.done.file for one in signed if one.done is not None and one.done.file]
        done = assemble_files(made.file, files, ground=ground)
        assert done.file is not None
        bundled = bundle_file(done.file, roots=house.roots, ground=ground)

        assert bundled.report.ok
        assert repr(bundled) == "<Bundled: bundle of shop stable 1: verified>"
        assert [repr(one) for one in signed] == [
            "<Signed: signed by bob: shop stable 1>",
            "<Signed: signed by carol: shop stable 1>",
        ]


class TestFromNothing:
    """By verbs alone, from the first key to an auditor."""

    def test_by_verbs_alone(self, ask: Ask, places: Path) -> None:
        """
        Keys, root, list, manifest, ceremony and bundle, each by its verb, with our own clock.
        """
        (places / "new").mkdir()

        def said(line: str) -> dict[str, Any]:
            code, answer = ask(*line.split(), on="new")
            assert (code, "error" in answer) == (0, False), answer
            return answer

        for name in ("ann", "ben", "cem"):
            said(f"trust key new {name}.pem --no-passphrase")
        signers = " ".join(f"--signer {name}={name}.pem.pub" for name in ("ann", "ben", "cem"))
        ask(*f"trust root init --project shop {signers} --threshold 2".split(), on="new")
        ask(*["trust", "root", "sign", "root.1.json", "--key", "ann.pem"], on="new")
        said("trust root sign root.1.json --key cem.pem")
        ask(*["trust", "crl", "new", "--root", "root.1.json", "--first"], on="new")
        publish = "trust crl publish revocations.1.json --root root.1.json --key"
        ask(*f"{publish} ann.pem".split(), on="new")
        said(f"{publish} ben.pem")
        (places / "new" / "shop.toml").write_text(
            'schema = 3\nproject = "shop"\nchannel = "stable"\nversion = 1\nentries = []\n'
        )
        said("manifest pack shop.toml")
        said(f"manifest propose {MANIFEST} --root root.1.json")
        files = [
            said(f"manifest cosign {PROPOSAL} --key {name}.pem --root root.1.json")["file"]
            for name in ("ben", "cem")
        ]
        said(f"manifest assemble {PROPOSAL} {' '.join(files)}")
        made = said(
            "bundle make shop.oneiric-envelope.json --root root.1.json "
            "--revocations revocations.1.json"
        )
        report = said(f"bundle verify {made['file']} --root sha256:{made['root']}")

        assert report["ok"]
        assert report["signers"] == ["ben", "cem"]


class TestAttacks:
    """What somebody does to the files between the machines."""

    def test_the_manifest_changed_after_the_proposal(
        self, ask: Ask, places: Path, house: ReleaseHouse
    ) -> None:
        """
        Neither signs nor assembles anybody what was not proposed.
        """
        proposed(ask)
        response = answered(ask, places, "alice")
        for place in ("desk", "bob"):
            (places / place / MANIFEST).write_bytes(
                house.manifest({"adapter:cache": "evil"}, version=1)
            )
        carry(places, "desk", "bob", PROPOSAL)

        code, answer = ask("manifest", "cosign", PROPOSAL, "--key", "key.pem", *AT, on="bob")
        assert (code, answer["error"]["code"]) == (1, "manifest-digest")
        code, answer = ask("manifest", "assemble", PROPOSAL, response, *AT)
        assert (code, answer["error"]["code"]) == (1, "manifest-digest")
        assert not list((places / "bob").glob("*response*"))

    def test_an_edited_proposal(self, ask: Ask, places: Path) -> None:
        """
        With another end the proposal is another one, which nobody has answered.
        """
        proposed(ask)
        response = answered(ask, places, "alice")
        (places / "desk" / PROPOSAL).unlink()
        proposed(ask, "--days", "89")

        code, answer = ask("manifest", "assemble", PROPOSAL, response, *AT)
        assert (code, answer["signers"], reasons(answer)) == (1, [], ["foreign"])
        assert not (places / "desk" / "shop.oneiric-envelope.json").exists()

    def test_a_byte_of_the_proposal(self, ask: Ask, places: Path) -> None:
        """
        What an editor did to the file is told.
        """
        proposed(ask)
        file = places / "desk" / PROPOSAL
        file.write_bytes(file.read_bytes() + b"\n")

        code, answer = ask("manifest", "assemble", PROPOSAL, *AT)
        assert code == 2
        assert "not a proposal" in answer["error"]["message"]

    def test_the_root_of_somebody_else(self, ask: Ask, places: Path) -> None:
        """
        A signer who gives his own root does not sign under another.
        """
        other = ReleaseHouse(signers=("mallory", "trent", "eve"))
        (places / "bob" / "root.1.json").write_bytes(other.root.envelope.encode())
        proposed(ask)
        carry(places, "desk", "bob", MANIFEST, PROPOSAL)

        code, answer = ask(
            *("manifest", "cosign", PROPOSAL, "--key", "key.pem", "--root", "root.1.json", *AT),
            on="bob",
        )
        assert (code, answer["error"]["code"]) == (1, "root-chain")

    def test_a_key_that_is_not_of_the_role(self, ask: Ask, places: Path) -> None:
        """
        A stranger is told before he signs, and refused when he has signed by himself.
        """
        stranger = FileSigner.from_seed(b"s" * 32)
        stranger.save(places / "desk" / "stranger.pem", passphrase=None)
        made = proposed(ask)

        code, answer = ask("manifest", "cosign", PROPOSAL, "--key", "stranger.pem", *AT)
        assert (code, answer["error"]["code"]) == (1, "unknown-key")

        response = {
            "type": "oneiric-response/v1",
            "proposal": made["proposal"],
            "keyid": stranger.public_key.keyid,
            "sig": "AAAA",
        }
        (places / "desk" / "x.json").write_bytes(canonical.encode(response))
        assert reasons(ask("manifest", "assemble", PROPOSAL, "x.json", *AT)[1]) == ["foreign"]

    def test_after_the_end(self, ask: Ask, places: Path) -> None:
        """
        A response that comes too late is refused, and it is a matter of age.
        """
        proposed(ask, "--days", "3")
        response = answered(ask, places, "alice")

        code, answer = ask("manifest", "assemble", PROPOSAL, response, *LATER)
        assert (code, answer["error"]["code"]) == (3, "expiry")

    def test_two_files_of_one_signer(self, ask: Ask, places: Path) -> None:
        """
        The same response under two names counts once.
        """
        proposed(ask)
        response = answered(ask, places, "alice")
        shutil.copy(response, "shop.bob.oneiric-response.json")

        code, answer = ask(
            "manifest", "assemble", PROPOSAL, response, "shop.bob.oneiric-response.json", *AT
        )
        assert (code, answer["signers"]) == (1, ["alice"])
        assert [one["state"] for one in answer["answers"]] == ["counted", "known"]

    def test_an_envelope_of_another_proposal(self, ask: Ask, places: Path) -> None:
        """
        What was put together before is not mixed with another release.
        """
        proposed(ask)
        ask("manifest", "assemble", PROPOSAL, answered(ask, places, "alice"), *AT)
        (places / "desk" / PROPOSAL).unlink()
        proposed(ask, "--days", "89")

        code, answer = ask("manifest", "assemble", PROPOSAL, *AT)
        assert (code, answer["error"]["code"]) == (1, "foreign-envelope")

    def test_a_revoked_key(self, ask: Ask, places: Path, house: ReleaseHouse) -> None:
        """
        The list at hand counts for signer and desk.
        """
        proposed(ask)
        response = answered(ask, places, "bob")
        for place in ("desk", "bob"):
            (places / place / "list.json").write_bytes(house.revoke("bob").envelope.encode())
        given = ("--revocations", "list.json", *AT)

        code, answer = ask("manifest", "cosign", PROPOSAL, "--key", "key.pem", *given, on="bob")
        assert (code, answer["error"]["code"]) == (1, "revoked")
        assert reasons(ask("manifest", "assemble", PROPOSAL, response, *given)[1]) == ["revoked"]

    def test_another_past(self, ask: Ask, places: Path, house: ReleaseHouse) -> None:
        """
        A signer whose last release is another one than the proposal follows does not sign.
        """
        (places / "desk" / "two.oneiric.json").write_bytes(house.manifest(CACHE, version=2))
        words = ("--previous", MANIFEST, "--root", "root.1.json", *AT)
        code, answer = ask("manifest", "propose", "two.oneiric.json", *words)
        assert code == 0
        assert answer["changes"]["counts"]["added"] == 0
        carry(places, "desk", "bob", "two.oneiric.json", "two.oneiric-proposal.json")
        (places / "bob" / "mine.oneiric.json").write_bytes(
            house.manifest({"adapter:cache": "other"}, version=1)
        )

        code, answer = ask(
            *("manifest", "cosign", "two.oneiric-proposal.json", "--key", "key.pem", *AT),
            *("--previous", "mine.oneiric.json"),
            on="bob",
        )
        assert (code, answer["error"]["code"]) == (1, "previous")

    def test_the_same_past(self, ask: Ask, places: Path, house: ReleaseHouse) -> None:
        """
        A signer sees what changes against the release that he trusted last.
        """
        (places / "desk" / "two.oneiric.json").write_bytes(
            house.manifest({"adapter:cache": "other"}, version=2)
        )
        words = ("--previous", MANIFEST, "--root", "root.1.json", *AT)
        ask("manifest", "propose", "two.oneiric.json", *words)
        names = ("two.oneiric.json", "two.oneiric-proposal.json", MANIFEST)
        carry(places, "desk", "bob", *names)

        code, answer = ask(
            *("manifest", "cosign", "two.oneiric-proposal.json", "--key", "key.pem", *AT),
            *("--previous", MANIFEST),
            on="bob",
        )
        assert (code, answer["signer"], answer["root_compared"]) == (0, "bob", False)
        assert answer["changes"]["old"]["version"] == 1

    def test_a_bundle_that_would_not_hold(self, ask: Ask, places: Path) -> None:
        """
        One signature of two, or no list where the root names who publishes it: not written.
        """
        proposed(ask)
        ask("manifest", "assemble", PROPOSAL, answered(ask, places, "alice"), *AT)
        words = ("bundle", "make", "shop.oneiric-envelope.json", "--root", "root.1.json", *AT)

        code, answer = ask(*words)
        assert code == 1
        assert [fault["code"] for fault in answer["error"]["faults"]] == [
            "revocations",
            "threshold",
        ]
        assert not (places / "desk" / "shop.oneiric-bundle.json").exists()


class TestDisplays:
    """What people see of each step."""

    def test_a_root_that_ends_soon(self, ask: Ask) -> None:
        """
        Who proposes under a root in its last month is told to have the next one signed.
        """
        words = ("manifest", "propose", MANIFEST, "--root", "root.1.json")
        late = ("--at", "2026-12-20T00:00:00Z")

        assert ask(*words, *AT, "--dry-run")[1]["warnings"] == []
        code, answer = ask(*words, *late)
        assert (code, answer["warnings"][0]["code"]) == (0, "root-expiry")

    def test_what_changes_and_what_to_do(self, places: Path, house: ReleaseHouse) -> None:
        """
        The proposal shows what changes, or how to see it; a response says what is not compared.
        """
        desk = places / "desk"
        (desk / "two.oneiric.json").write_bytes(house.manifest({}, version=2))
        ground = Ground(datetime(2026, 1, 2, tzinfo=UTC))
        made = propose_file(
            desk / "two.oneiric.json", root=house.root, ground=ground, previous=desk / MANIFEST
        )
        assert made.file is not None
        signed = cosign_file(made.file, house.signers["bob"], ground=ground)
        dry = cosign_file(made.file, None, ground=replace(ground, policy=house.policy))

        assert "redis" in str(made)
        assert "to the signers" in str(made)
        assert "give it by --previous" in str(signed)
        assert "compare its words" in str(signed)
        assert "compare its words" not in str(dry)
        assert repr(dry) == "<Signed: would sign: shop stable 2>"
        assert dry.as_dict()["signer"] is None

    def test_a_bundle_that_is_not_written(
        self, ask: Ask, places: Path, house: ReleaseHouse
    ) -> None:
        """
        A dry run verifies it, and shows the digest that its readers need.
        """
        release = house.release(CACHE)
        (places / "desk" / MANIFEST).write_bytes(release.manifest)
        envelope = places / "desk" / "shop.oneiric-envelope.json"
        envelope.write_bytes(release.bundle.envelope.encode())
        ground = Ground(datetime(2026, 1, 2, tzinfo=UTC), revocations=house.revocations)

        done = bundle_file(envelope, roots=house.roots, ground=ground, write=False)
        assert f"sha256:{house.root.sha256}" in str(done)
        assert done.as_dict()["file"] is None
        with pytest.raises(UsageError):
            bundle_file(envelope, roots=[], ground=ground)
        assert not list((places / "desk").glob("*bundle*"))


class TestState:
    """What was trusted last, in a file."""

    def test_the_next_release_follows_it(self, ask: Ask, places: Path, house: ReleaseHouse) -> None:
        """
        Root and release before come from the state; the root need not be given again.
        """
        release = house.release(CACHE)
        (places / "desk" / MANIFEST).write_bytes(release.manifest)
        (places / "desk" / "b.json").write_bytes(release.bundle.encode())
        state = ("--state", "state.json", *AT)
        words = ("--manifest", MANIFEST, "--root", "root.1.json", *state)
        assert ask("bundle", "verify", "b.json", *words, "--commit-state")[0] == 0
        (places / "desk" / "two.oneiric.json").write_bytes(house.manifest(CACHE, version=2))

        code, answer = ask("manifest", "propose", "two.oneiric.json", *state)
        assert code == 0
        assert answer["previous"] == {"version": 1, "sha256": release.statement.sha256}
        code, answer = ask("manifest", "propose", MANIFEST, "--out", "again.json", *state)
        assert (code, answer["previous"]) == (0, None)

    def test_another_release_before(self, ask: Ask, places: Path, house: ReleaseHouse) -> None:
        """
        The manifest that is given as the one before must be the one that was trusted.
        """
        release = house.release(CACHE)
        (places / "desk" / MANIFEST).write_bytes(release.manifest)
        (places / "desk" / "b.json").write_bytes(release.bundle.encode())
        state = ("--state", "state.json", *AT)
        words = ("--manifest", MANIFEST, "--root", "root.1.json", *state)
        ask("bundle", "verify", "b.json", *words, "--commit-state")
        (places / "desk" / "two.oneiric.json").write_bytes(house.manifest(CACHE, version=2))
        (places / "desk" / "old.oneiric.json").write_bytes(house.manifest({}, version=1))

        code, answer = ask(
            "manifest", "propose", "two.oneiric.json", "--previous", "old.oneiric.json", *state
        )
        assert (code, answer["error"]["code"]) == (1, "equivocation")

    def test_a_workspace_remembers_by_itself(
        self, ask: Ask, places: Path, house: ReleaseHouse
    ) -> None:
        """
        In a workspace the store is the state: read always, written only when that is asked.
        """
        first, second = house.release(CACHE), house.release(CACHE)
        desk = places / "desk"
        (desk / "oneiric.toml").write_text("[broken\n")
        for name, release in (("one", first), ("two", second)):
            (desk / f"{name}.oneiric.json").write_bytes(release.manifest)
            (desk / f"{name}.oneiric-bundle.json").write_bytes(release.bundle.encode())

        def verified(name: str, *more: str) -> int:
            words = ("--root", "root.1.json", *AT, *more)
            return ask("bundle", "verify", f"{name}.oneiric-bundle.json", *words)[0]

        assert verified("two") == verified("one") == 0
        assert not (desk / ".oneiric").exists()
        assert verified("two", "--commit-state") == 0
        assert verified("one") == 1
        assert verified("one", "--state", "none.json") == 0

    def test_the_next_release_follows_what_a_workspace_remembers(
        self, ask: Ask, places: Path, house: ReleaseHouse
    ) -> None:
        """
        In a workspace neither root nor state need be named again.
        """
        release, desk = house.release(CACHE), places / "desk"
        (desk / "oneiric.toml").touch()
        (desk / MANIFEST).write_bytes(release.manifest)
        (desk / "shop.oneiric-bundle.json").write_bytes(release.bundle.encode())
        words = ("--root", "root.1.json", "--commit-state", *AT)
        assert ask("bundle", "verify", "shop.oneiric-bundle.json", *words)[0] == 0
        (desk / "two.oneiric.json").write_bytes(house.manifest(CACHE, version=2))

        code, answer = ask("manifest", "propose", "two.oneiric.json", *AT)
        assert (code, answer["previous"]["version"]) == (0, 1)

    def test_a_root_that_must_not_be_trusted(self, ask: Ask, places: Path) -> None:
        """
        It is an answer, in the shape of all answers: untrusted.
        """
        desk = places / "desk"
        tree = json.loads((desk / "root.1.json").read_bytes())
        root = json.loads(b64decode(tree["payload"]))
        root["signers"]["alice"][0]["keyid"] = root["signers"]["bob"][0]["keyid"]
        tree["payload"] = b64encode(canonical.encode(root)).decode()
        (desk / "evil.json").write_bytes(canonical.encode(tree))

        code, answer = ask("manifest", "verify", MANIFEST, "--root", "evil.json", *AT)
        assert (code, answer["ok"], answer["release"]) == (1, False, None)
        assert "the given root" in next(
            check["message"] for check in answer["checks"] if check["code"] == "root-anchor"
        )


class TestRepropose:
    """The way back."""

    @pytest.fixture
    def releases(self, places: Path, house: ReleaseHouse) -> list[str]:
        """Three releases on the desk, the last one bad."""
        names = []
        for version, provider in enumerate(("redis", "memory", "broken"), start=1):
            names.append(f"r{version}.oneiric.json")
            data = house.manifest({"adapter:cache": provider}, version=version)
            (places / "desk" / names[-1]).write_bytes(data)
        return names

    def test_a_former_release_returns(self, ask: Ask, releases: list[str]) -> None:
        """
        Its entries stand under the next version, which follows the bad one.
        """
        code, answer = ask(
            "manifest", "repropose", *releases, "--from", "2", "--root", "root.1.json", *AT
        )

        assert (code, answer["version"], answer["previous"]["version"]) == (0, 4, 3)
        made = json.loads(Path(answer["manifest_file"]).read_bytes())
        assert answer["manifest_file"] == "shop-stable-4.oneiric.json"
        assert (made["version"], made["entries"][0]["provider"]) == (4, "memory")
        assert answer["changes"]["new"]["version"] == 4
        assert not answer["changes"]["same"]
        assert Path(answer["file"]).exists()

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--from", "9"], "no manifest is of version 9; at hand: 1, 2, 3"),
            (["--from", "2", "--version", "2"], "it follows version 3"),
        ],
    )
    def test_what_cannot_return(
        self, ask: Ask, releases: list[str], words: list[str], said: str
    ) -> None:
        """
        A version that is not at hand, and one that does not grow.
        """
        code, answer = ask("manifest", "repropose", *releases, *words, "--root", "root.1.json", *AT)

        assert code == 2
        assert said in answer["error"]["message"]

    def test_two_stories_of_one_version(
        self, ask: Ask, places: Path, house: ReleaseHouse, releases: list[str]
    ) -> None:
        """
        Where two manifests say that they are release 2, nobody guesses.
        """
        (places / "desk" / "x.oneiric.json").write_bytes(house.manifest({}, version=2))
        words = (*releases, "x.oneiric.json", "--from", "2", "--root", "root.1.json", *AT)

        code, answer = ask("manifest", "repropose", *words)
        assert code == 2
        assert "two different manifests" in answer["error"]["message"]

    def test_two_channels(
        self, ask: Ask, places: Path, house: ReleaseHouse, releases: list[str]
    ) -> None:
        """
        Releases of two lines are not mixed.
        """
        other = house.manifest({}, version=1, channel="beta")
        (places / "desk" / "x.oneiric.json").write_bytes(other)
        words = (*releases, "x.oneiric.json", "--from", "2", "--root", "root.1.json", *AT)

        code, answer = ask("manifest", "repropose", *words)
        assert code == 2
        assert "shop/beta and shop/stable" in answer["error"]["message"]


class TestSign:
    """One signer, where one is enough."""

    def test_where_one_is_enough(self, ask: Ask, places: Path) -> None:
        """
        The envelope is complete at once.
        """
        house = ReleaseHouse(signers=("alice",), threshold=1)
        (places / "desk" / "solo.json").write_bytes(house.root.envelope.encode())
        words = ("manifest", "sign", MANIFEST, "--key", "../alice/key.pem", "--root", "solo.json")

        code, answer = ask(*words, *AT, "--dry-run")
        assert (code, answer["version"]) == (0, 1)
        code, answer = ask(*words, *AT)
        assert (code, answer["complete"]) == (0, True)
        assert Path(answer["file"]).exists()

    def test_where_two_are_needed(self, ask: Ask, places: Path) -> None:
        """
        It says how two sign.
        """
        words = ("manifest", "sign", MANIFEST, "--key", "../alice/key.pem")
        code, answer = ask(*words, "--root", "root.1.json", *AT)

        assert (code, answer["error"]["code"]) == (1, "threshold")
        assert "manifest propose" in answer["error"]["fix"]
        assert not list((places / "desk").glob("*envelope*"))

    def test_without_an_end(self, ask: Ask, places: Path) -> None:
        """
        Only where the root asks for none.
        """
        house = ReleaseHouse(
            signers=("alice",), threshold=1, requirements={3: Requirement(threshold=1)}
        )
        (places / "desk" / "solo.json").write_bytes(house.root.envelope.encode())
        words = ("manifest", "sign", MANIFEST, "--key", "../alice/key.pem", "--no-expiry", *AT)

        assert ask(*words, "--root", "solo.json")[1]["release"]["expires_at"] is None
        code, answer = ask("manifest", "propose", MANIFEST, "--no-expiry", "--root", "root.1.json")
        assert (code, answer["error"]["code"]) == (1, "lifetime")


class TestPassphrase:
    """A key that is locked."""

    def test_it_is_asked_for_last(self, places: Path, house: ReleaseHouse) -> None:
        """
        A proposal that is refused asks for none; one that is not, once, and it is nowhere.
        """
        locked = places / "desk" / "locked.pem"
        alice = house.signers["alice"]
        assert isinstance(alice, FileSigner)
        alice.save(locked, passphrase=lambda _prompt: "correct horse")
        prompts: list[str] = []

        def passphrase(prompt: str) -> str:
            prompts.append(prompt)
            return "correct horse"

        door = Interaction(passphrase=passphrase)
        run(["manifest", "propose", MANIFEST, "--root", "root.1.json", *AT], door)
        words = ["manifest", "cosign", PROPOSAL, "--key", "locked.pem"]
        with pytest.raises(OneiricError):
            run([*words, "--at", "2027-01-02T00:00:00Z"], door)
        assert not prompts

        done = run([*words, *AT], door)
        assert prompts == ["Passphrase of locked.pem: "]
        assert "correct horse" not in str(done)
        assert all(
            b"correct horse" not in path.read_bytes() for path in (places / "desk").iterdir()
        )

    def test_nobody_is_there(self, places: Path, house: ReleaseHouse) -> None:
        """
        Without anybody to ask it says so, and signs nothing.
        """

        def nobody(prompt: str) -> str:
            raise PassphraseError(prompt)

        alice = house.signers["alice"]
        assert isinstance(alice, FileSigner)
        alice.save(places / "desk" / "locked.pem", passphrase=lambda _prompt: "correct horse")
        door = Interaction(passphrase=nobody)
        run(["manifest", "propose", MANIFEST, "--root", "root.1.json", *AT], door)

        with pytest.raises(PassphraseError):
            run(["manifest", "cosign", PROPOSAL, "--key", "locked.pem", *AT], door)
        assert not list((places / "desk").glob("*response*"))


class TestMisuse:
    """Words that are wrong, each with what to do."""

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("manifest", "propose", MANIFEST), "nothing says who may sign"),
            (("manifest", "propose", MANIFEST, "--root", f"sha256:{64 * '0'}"), "who may sign"),
            (("manifest", "propose", "none.json", "--root", "root.1.json"), "no such file"),
            (("manifest", "propose", "root.1.json", "--root", "root.1.json"), ""),
            (("manifest", "propose", MANIFEST, "--root", MANIFEST), "not an envelope"),
            (("manifest", "propose", MANIFEST, "--days", "0"), "0"),
            (("manifest", "propose", MANIFEST, "--at", "today"), "--at"),
            (("manifest", "propose", MANIFEST, "--root", "root.1.json", "--not-before", "x"), "x"),
            (("manifest", "cosign", MANIFEST, "--key", "k"), "not a proposal"),
            (("manifest", "cosign", PROPOSAL), "--key"),
            (("manifest", "verify", MANIFEST, "--root", "sha256:xyz"), "64 hex digits"),
            (("bundle",), "bundle needs a verb"),
            (("bundle", "mak"), "unknown verb `bundle mak`"),
            (("bundle", "make", "x"), "--root"),
            (("bundle", "show", MANIFEST), "not a bundle"),
        ],
    )
    def test_it_is_told(self, ask: Ask, words: tuple[str, ...], said: str) -> None:
        """
        Exit 2, with a message that names what was wrong.
        """
        code, answer = ask(*words)

        assert code == 2
        assert said in answer["error"]["message"]

    def test_a_pin_that_contradicts_the_policy(self, ask: Ask, places: Path) -> None:
        """
        Two digests of the first root are one too many.
        """
        (places / "desk" / "trust.toml").write_text(f'root = "sha256:{"a" * 64}"\n')
        words = ("--policy", "trust.toml", "--root", f"sha256:{'b' * 64}")

        code, answer = ask("manifest", "verify", MANIFEST, *words)
        assert code == 2
        assert "pins aaaa" in answer["error"]["message"]

    def test_a_full_disk_leaves_nothing_half(
        self, places: Path, house: ReleaseHouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Where a file cannot be written whole, it is not there at all.
        """
        ground = Ground(datetime(2026, 1, 2, tzinfo=UTC))
        with pytest.raises(FileAccessError):
            propose_file(
                places / "desk" / MANIFEST,
                root=house.root,
                ground=ground,
                out=places / "nowhere" / PROPOSAL,
            )
        assert not (places / "nowhere").exists()

    def test_a_response_that_is_huge(self, ask: Ask, places: Path) -> None:
        """
        It is refused, and keeps nobody's response out.
        """
        proposed(ask)
        good = answered(ask, places, "alice")
        (places / "desk" / "x.json").write_bytes(b"[" * 10_000_000)

        answer = ask("manifest", "assemble", PROPOSAL, "x.json", good, *AT)[1]
        assert [one["state"] for one in answer["answers"]] == ["refused", "counted"]

    def test_hostile_bytes_in_a_response(self, ask: Ask, places: Path) -> None:
        """
        A file that somebody put there is refused, and shown without its escapes.
        """
        proposed(ask)
        (places / "desk" / "x.json").write_bytes(b'{"type":"\\u001b[31mred"}')

        code, answer = ask("manifest", "assemble", PROPOSAL, "x.json", *AT)
        assert (code, reasons(answer)) == (1, ["edited"])

    def test_it_goes_on_under_a_second_writer(
        self, ask: Ask, places: Path, house: ReleaseHouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Who assembles while somebody else does loses nothing: the later one is told.
        """
        proposed(ask)
        files = [answered(ask, places, name) for name in ("alice", "bob")]
        ground = Ground(datetime(2026, 1, 2, tzinfo=UTC))
        inner = assemble

        def meanwhile(*args: Any, **options: Any) -> Any:
            done = inner(*args, **options)
            monkeypatch.setattr("oneiric_lab.lab._signing.assemble", inner)
            assemble_files(PROPOSAL, files[:1], ground=ground)
            return done

        monkeypatch.setattr("oneiric_lab.lab._signing.assemble", meanwhile)
        with pytest.raises(FileAccessError):
            assemble_files(PROPOSAL, files[1:], ground=ground)
        assert assemble_files(PROPOSAL, files[1:], ground=ground).complete

    def test_unknown_is_not_believed(self, places: Path, house: ReleaseHouse) -> None:
        """
        A manifest beside a proposal of another project is refused by the functions too.
        """
        (places / "desk" / "bank.oneiric.json").write_bytes(
            house.manifest(CACHE, version=1, project="bank")
        )
        with pytest.raises(UntrustedError):
            propose_file(
                places / "desk" / "bank.oneiric.json",
                root=house.root,
                ground=Ground(datetime(2026, 1, 2, tzinfo=UTC)),
            )
