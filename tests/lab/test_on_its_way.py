"""A release on its way: each step goes on from the files of the one before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.canonical import utc_text
from oneiric_lab.errors import FileAccessError, PassphraseError, UntrustedError, UsageError
from oneiric_lab.lab import Lab
from oneiric_lab.testing import ReleaseHouse

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def house(tmp_path: Path) -> ReleaseHouse:
    """Return who makes releases, whose files lie in the workspace."""
    made = ReleaseHouse()
    (tmp_path / "oneiric.toml").write_text("[plugins]\nauto_load = false\n")
    (tmp_path / "root.1.json").write_bytes(made.root.envelope.encode())
    (tmp_path / "revocations.1.json").write_bytes(made.revocations.envelope.encode())
    for name, signer in made.signers.items():
        word = (lambda _: "open sesame") if name == "carol" else None
        signer.save(tmp_path / f"{name}.pem", passphrase=word)  # type: ignore[attr-defined]  # of a file
    (tmp_path / "shop.oneiric.json").write_bytes(
        made.manifest({"adapter:cache": "redis"}, version=2)
    )
    return made


def opened(folder: Path, house: ReleaseHouse, **more: Any) -> Any:
    """Return the release, as a process that has just begun finds it."""
    files = {"roots": ["root.1.json"], "revocations": "revocations.1.json", **more}
    return Lab.open(folder, environ={}).release("shop.oneiric.json", now=house.now, **files)


class TestSteps:
    def test_from_a_manifest_to_a_bundle(self, tmp_path: Path, house: ReleaseHouse) -> None:
        """
        Each step is done by another process; the files say how far it is.
        """
        asked: list[str] = []

        def passphrase(prompt: str) -> str:
            asked.append(prompt)
            return "open sesame"

        assert "next is to propose" in repr(opened(tmp_path, house))
        assert opened(tmp_path, house).signed() is None
        opened(tmp_path, house).propose(days=30)
        assert "next is to sign" in repr(opened(tmp_path, house))
        dry = opened(tmp_path, house).sign("alice.pem", dry_run=True)
        assert dry.done is None
        signed = opened(tmp_path, house).sign("alice.pem")
        assert signed.as_dict()["file"] == "shop.alice.oneiric-response.json"
        found = opened(tmp_path, house)
        assert (found.signed().signers, found.signed().complete) == (("alice",), False)
        assert "2 are needed" in str(found)
        opened(tmp_path, house).sign("carol.pem", passphrase=passphrase)
        assert len(asked) == 1
        together = opened(tmp_path, house).assemble()
        assert (together.complete, together.file) == (True, "shop.oneiric-envelope.json")
        assert "next is to bundle" in repr(opened(tmp_path, house))
        both = opened(tmp_path, house).verify()
        assert (both.ok, both.exit_code) == (True, 0)
        assert [row[0] for row in both.view().blocks[0].rows] == [
            "knows the root only",
            "this workspace",
        ]
        assert not (tmp_path / "shop.oneiric-bundle.json").exists()
        bundle = opened(tmp_path, house).bundle()
        assert bundle.file == "shop.oneiric-bundle.json"
        assert str(tmp_path) not in str(bundle)
        assert repr(opened(tmp_path, house)).endswith("bundled>")
        assert opened(tmp_path, house).as_dict()["files"] == [
            "shop.oneiric.json",
            "shop.oneiric-proposal.json",
            "shop.oneiric-envelope.json",
            "shop.oneiric-bundle.json",
            "shop.alice.oneiric-response.json",
            "shop.carol.oneiric-response.json",
        ]

    def test_a_response_from_elsewhere(self, tmp_path: Path, house: ReleaseHouse) -> None:
        """
        It is named; those that lie beside the manifest are found.
        """
        opened(tmp_path, house).propose()
        opened(tmp_path, house).sign("alice.pem")
        opened(tmp_path, house).sign("bob.pem")
        mail = tmp_path / "mail"
        mail.mkdir()
        (tmp_path / "shop.bob.oneiric-response.json").rename(mail / "bob.json")

        assert not opened(tmp_path, house).assemble(write=False).complete
        assert opened(tmp_path, house).assemble(["mail/bob.json"]).signers == ("alice", "bob")

    def test_a_release_that_this_workspace_refuses(
        self, tmp_path: Path, house: ReleaseHouse
    ) -> None:
        """
        Verified from nothing and refused by who has seen a later one: both are told.
        """
        found = opened(tmp_path, house)
        found.propose()
        for name in ("alice", "bob"):
            found.sign(f"{name}.pem")
        found.assemble()
        later = house.release({"adapter:cache": "redis"}, version=9)
        report = found.lab.verify(later.bundle, later.manifest, root=house.root, now=house.now)
        found.lab.enter(report)
        both = found.verify()
        assert (bool(both.empty), bool(both.known), both.ok, both.exit_code) == (
            True,
            False,
            False,
            1,
        )
        assert both.as_dict()["ok"] is False
        assert "not verified" in repr(both)

    def test_without_a_revocation_list(self, tmp_path: Path, house: ReleaseHouse) -> None:
        """
        A bundle that does not hold is told in full, and not written.
        """
        found = opened(tmp_path, house)
        found.propose()
        for name in ("alice", "bob"):
            found.sign(f"{name}.pem")
        found.assemble()
        house.wait(days=80)
        late = opened(tmp_path, house)
        assert not late.verify().empty
        with pytest.raises(UntrustedError):
            late.bundle()
        assert not (tmp_path / "shop.oneiric-bundle.json").exists()


class TestRefusals:
    def test_nobody_to_ask(
        self, tmp_path: Path, house: ReleaseHouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Where nobody can be asked for a passphrase, that is said.
        """
        monkeypatch.setattr("getpass.getpass", lambda _: (_ for _ in ()).throw(EOFError))
        opened(tmp_path, house).propose()
        with pytest.raises(PassphraseError, match="nobody is there"):
            opened(tmp_path, house).sign("carol.pem")

    def test_nothing_says_who_signs(self, tmp_path: Path, house: ReleaseHouse) -> None:
        """
        Without a root, and before one was trusted, it is asked for.
        """
        with pytest.raises(UsageError, match="nothing says who may sign"):
            opened(tmp_path, house, roots=()).propose()
        with pytest.raises(FileAccessError):
            opened(tmp_path, house).verify()

    def test_what_changes(self, tmp_path: Path, house: ReleaseHouse) -> None:
        """
        Against the release before, or against nothing.
        """
        old = house.manifest({"adapter:cache": "memory"}, version=1)
        (tmp_path / "old.oneiric.json").write_bytes(old)
        assert opened(tmp_path, house).changes().counts["added"] == 1
        found = opened(tmp_path, house, previous="old.oneiric.json").changes()
        assert (found.counts["added"], found.counts["removed"]) == (1, 1)

    def test_damaged_files(self, tmp_path: Path, house: ReleaseHouse) -> None:
        """
        Its state says what is wrong with them.
        """
        opened(tmp_path, house).propose()
        (tmp_path / "shop.oneiric-proposal.json").write_text("{}")
        assert "proposal" in str(opened(tmp_path, house))


class TestRisks:
    @pytest.fixture
    def release(self, tmp_path: Path, house: ReleaseHouse) -> Any:
        """Return a release with risks of two kinds."""
        old, new = (
            [
                {
                    "domain": "adapter",
                    "key": key,
                    "provider": "redis",
                    "version": version,
                    "factory": "shop_redis:Cache",
                    "priority": priority,
                }
                for key in ("cache", "queue")
            ]
            for version, priority in (("2.0.0", 1), ("1.0.0", 2))
        )
        (tmp_path / "old.oneiric.json").write_bytes(house.manifest(old, version=1))
        (tmp_path / "shop.oneiric.json").write_bytes(house.manifest(new, version=2))
        return opened(tmp_path, house, previous="old.oneiric.json")

    def test_those_that_were_read_are_in_a_file(
        self, release: Any, tmp_path: Path, house: ReleaseHouse
    ) -> None:
        """
        By a code, a code with its component, or all words; another process sees who read them,
        and they stay so when something else changes.
        """
        assert len(release.risks().left) == 4
        assert release.risks().exit_code == 1
        assert not (tmp_path / "shop.oneiric-read.json").exists()
        found = release.acknowledge("downgrade", "priority-raised adapter:queue")
        assert [(r.code, r.target) for r in found.left] == [("priority-raised", "adapter:cache")]

        again = opened(tmp_path, house, previous="old.oneiric.json")
        assert again.risks().as_dict() == found.as_dict()
        assert "shop.oneiric-read.json" in again.as_dict()["files"]
        told = {(r["code"], r["target"]): r["read_at"] for r in found.as_dict()["risks"]}
        assert told["downgrade", "adapter:cache"] == utc_text(house.now)
        assert told["priority-raised", "adapter:cache"] is None
        assert "to be read" in str(found)
        assert again.acknowledge("priority-raised").exit_code == 0
        assert again.acknowledge("downgrade adapter:cache", undo=True).left[0].code == "downgrade"
        new = release.changes().new
        (tmp_path / "shop.oneiric.json").write_bytes(house.manifest([*new.entries[:1]], version=2))
        assert "downgrade adapter:cache" in str([r[:2] for r in again.risks().left]).replace(
            "', '", " "
        )

    def test_a_risk_that_is_none(self, release: Any, tmp_path: Path) -> None:
        """
        It is refused with what there is, and nothing is written.
        """
        with pytest.raises(UsageError, match="no risk 'downgrad'") as refused:
            release.acknowledge("downgrad")
        assert refused.value.faults[0].fix == (
            "did you mean `downgrade`? known: downgrade, priority-raised"
        )
        assert not (tmp_path / "shop.oneiric-read.json").exists()

    @pytest.mark.parametrize(
        "text",
        [
            "[]",
            "{",
            '{"read": [1]}',
            '{"read": [{"risk": 1}]}',
            '{"read": [{"risk": "a", "who": 1, "at": ""}]}',
        ],
    )
    def test_a_file_that_says_something_else(self, release: Any, tmp_path: Path, text: str) -> None:
        """
        It is told with a way out, and stays as it is.
        """
        file = tmp_path / "shop.oneiric-read.json"
        file.write_text(text)
        with pytest.raises(FileAccessError, match="does not say which risks were read"):
            release.risks()
        with pytest.raises(FileAccessError, match="does not say which risks were read"):
            release.acknowledge("downgrade")
        assert file.read_text() == text

    def test_no_risk(self, tmp_path: Path, house: ReleaseHouse) -> None:
        """
        There is nothing to read.
        """
        found = opened(tmp_path, house, previous="shop.oneiric.json").risks()
        assert (found.exit_code, str(found)) == (0, "no risk was seen")
        with pytest.raises(UsageError, match="no risk 'downgrade' here"):
            opened(tmp_path, house, previous="shop.oneiric.json").acknowledge("downgrade")
