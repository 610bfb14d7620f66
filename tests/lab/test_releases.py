"""Releases in a workspace: verified, entered, replaced, and never an older one again."""

from __future__ import annotations

import json
import shutil
from base64 import b64encode
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import (
    FileAccessError,
    ManifestError,
    PolicyError,
    StoreError,
    UntrustedError,
    UsageError,
)
from oneiric_lab.lab import Lab, trusted_state
from oneiric_lab.testing import HouseRelease, ReleaseHouse, Workspace
from oneiric_lab.trust import Policy, State, legacy_form, verify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from oneiric_lab.trust import Report

CACHE = {"adapter:cache": "redis"}
BOTH = {"adapter:cache": "redis", "service:mail": "smtp"}


@pytest.fixture
def house() -> ReleaseHouse:
    """Three signers, two needed."""
    return ReleaseHouse()


@pytest.fixture
def workspace(tmp_path: Path, house: ReleaseHouse) -> Iterator[Workspace]:
    """A workspace that pins the house's root, and runs what the house's package has."""
    with Workspace(tmp_path / "w") as made:
        (tmp_path / "w").mkdir()
        made.project('[plugins]\nallow_factories = ["shop.components"]\n')
        (made.path / "trust.toml").write_text(f'root = "sha256:{house.root.sha256}"\n')
        yield made


@pytest.fixture
def lab(workspace: Workspace) -> Lab[Any]:
    """The workspace, open."""
    return workspace.open()


def publish(workspace: Workspace, release: HouseRelease) -> str:
    """Write a release into the workspace's folder, and return the name of its bundle."""
    (workspace.path / "shop.oneiric.json").write_bytes(release.manifest)
    (workspace.path / "shop.oneiric-bundle.json").write_bytes(release.bundle.encode())
    return "shop.oneiric-bundle.json"


def ask(lab: Lab[Any], house: ReleaseHouse, release: HouseRelease, **options: Any) -> Report:
    """Verify a release in *lab*."""
    return lab.verify(release.bundle, release.manifest, now=house.now, **options)


def providers(lab: Lab[Any]) -> list[str]:
    """Return the candidates that came from a manifest."""
    return sorted(
        f"{one.domain}:{one.key} {one.provider}"
        for one in lab.registry.current.candidates()
        if one.source == "manifest"
    )


class TestVerify:
    """By what the workspace trusts and remembers; nothing is written."""

    def test_by_files(self, lab: Lab[Any], workspace: Workspace, house: ReleaseHouse) -> None:
        """
        The manifest lies beside the bundle, the root is pinned in trust.toml.
        """
        name = publish(workspace, house.release(CACHE))
        report = lab.verify(name, now=house.now)

        assert report
        assert report == lab.verify(name, "shop.oneiric.json", now=house.now)
        assert report == lab.verify(workspace.path / name, now=house.now)
        assert not providers(lab)
        assert trusted_state(lab.store) == State()

    def test_by_bytes(self, lab: Lab[Any], house: ReleaseHouse) -> None:
        """
        Bytes and a bundle in memory are as good as files.
        """
        release = house.release(CACHE)

        assert ask(lab, house, release)
        assert lab.verify(release.bundle.encode(), release.manifest, now=house.now)
        with pytest.raises(UsageError, match="beside the bundle"):
            lab.verify(release.bundle)

    @pytest.mark.parametrize("form", ["file", "document", "digest"])
    def test_by_a_root_that_is_given(
        self, lab: Lab[Any], workspace: Workspace, house: ReleaseHouse, form: str
    ) -> None:
        """
        A root can be given in three ways where no policy pins one.
        """
        (workspace.path / "trust.toml").unlink()
        (workspace.path / "root.json").write_bytes(house.root.envelope.encode())
        release = house.release(CACHE)
        root: Any = {
            "file": "root.json",
            "document": house.root,
            "digest": f"sha256:{house.root.sha256}",
        }[form]

        assert not ask(lab, house, release)
        assert ask(lab, house, release, root=root)

    @pytest.mark.parametrize(
        ("digest", "said"),
        [("ab" * 32, "root says abababababababab…, and trust.toml pins"), ("ab", "root: ")],
    )
    def test_a_root_that_is_not_the_pinned_one_is_refused(
        self, lab: Lab[Any], house: ReleaseHouse, digest: str, said: str
    ) -> None:
        """
        As in a shell: nobody's word is put in place of another's unseen.
        """
        with pytest.raises(UsageError, match=said):
            ask(lab, house, house.release(CACHE), root=f"sha256:{digest}")

    def test_by_another_policy(
        self, lab: Lab[Any], workspace: Workspace, house: ReleaseHouse
    ) -> None:
        """
        A policy that is given takes the place of the workspace's.
        """
        release = house.release(CACHE)
        (workspace.path / "p.toml").write_text('channels = ["beta"]\n')

        assert not ask(lab, house, release, policy="p.toml", root=house.root)
        assert ask(lab, house, release, policy=Policy.pinned(house.root))

    def test_a_policy_that_was_named_must_be_there(
        self, workspace: Workspace, house: ReleaseHouse
    ) -> None:
        """
        The default file may be missing, one that the configuration names may not.
        """
        workspace.project('[trust]\npolicy = "none.toml"\n')
        lab = workspace.open()

        with pytest.raises(FileAccessError):
            ask(lab, house, house.release(CACHE))

    def test_a_policy_with_faults(
        self, lab: Lab[Any], workspace: Workspace, house: ReleaseHouse
    ) -> None:
        """
        A policy that says what none can say is an error, never an empty policy.
        """
        (workspace.path / "trust.toml").write_text("rot = 1\n")

        with pytest.raises(PolicyError):
            ask(lab, house, house.release(CACHE))

    def test_a_bundle_that_is_missing(self, lab: Lab[Any], house: ReleaseHouse) -> None:
        """
        A manifest alone is not verified; a file that is not there is an error.
        """
        report = lab.verify(None, house.release(CACHE).manifest, now=house.now)

        assert [check.code for check in report.failures] == ["bundle"]
        with pytest.raises(FileAccessError):
            lab.verify("none.oneiric-bundle.json")


class TestEnter:
    """One generation from one source."""

    def test_it_is_one_generation(self, lab: Lab[Any], house: ReleaseHouse) -> None:
        """
        Everything of the release is there at once, and what it is is shown.
        """
        before = lab.registry.generation
        entered = lab.enter(ask(lab, house, house.release(BOTH)))

        assert entered.generation == lab.registry.generation == before + 1
        assert providers(lab) == ["adapter:cache redis", "service:mail smtp"]
        assert len(entered.added) == 2
        assert repr(entered) == "<Entered: entered: shop stable 1>"
        assert entered.as_dict()["signers"] == ["alice", "bob"]

    def test_what_a_newer_one_has_no_more_leaves(self, lab: Lab[Any], house: ReleaseHouse) -> None:
        """
        Entries that were withdrawn go, in the same generation in which others come.
        """
        lab.enter(ask(lab, house, house.release(BOTH)))
        entered = lab.enter(ask(lab, house, house.release({"adapter:cache": "memory"})))

        assert providers(lab) == ["adapter:cache memory"]
        assert [one.provider for one in entered.withdrawn] == ["redis", "smtp"]
        assert "withdrawn" in str(entered)

    def test_an_older_one_never_returns(self, lab: Lab[Any], house: ReleaseHouse) -> None:
        """
        Neither by verifying it again, nor by a report that was made before.
        """
        first = house.release(CACHE)
        early = ask(lab, house, first)
        lab.enter(ask(lab, house, house.release({"adapter:cache": "memory"})))

        late = ask(lab, house, first)
        assert [check.code for check in late.failures] == ["rollback"]
        for report in (late, early):
            with pytest.raises(UntrustedError) as caught:
                lab.enter(report)
            assert caught.value.code == "rollback"
        assert providers(lab) == ["adapter:cache memory"]

    def test_an_older_one_never_returns_in_another_process(
        self, lab: Lab[Any], workspace: Workspace, house: ReleaseHouse
    ) -> None:
        """
        The store is one for all who open the workspace.
        """
        first = house.release(CACHE)
        other = workspace.open()
        early = ask(other, house, first)
        lab.enter(ask(lab, house, house.release({"adapter:cache": "memory"})))

        assert not ask(other, house, first)
        with pytest.raises(UntrustedError):
            other.enter(early)
        assert not providers(other)

    def test_opened_anew_it_must_be_verified_again(
        self, lab: Lab[Any], workspace: Workspace, house: ReleaseHouse
    ) -> None:
        """
        What was trusted is remembered, the entries are not; the same release enters again.
        """
        release = house.release(CACHE)
        lab.enter(ask(lab, house, release))
        again = workspace.open()

        assert not providers(again)
        assert trusted_state(again.store).channels["stable"].statement == release.statement
        assert again.enter(ask(again, house, release)).added
        assert providers(again) == providers(lab)

    def test_an_expired_one_does_not_come_back(
        self, lab: Lab[Any], workspace: Workspace, house: ReleaseHouse
    ) -> None:
        """
        Whoever opens the workspace after the end of the release is told so.
        """
        release = house.release(CACHE)
        lab.enter(ask(lab, house, release))
        house.wait(days=91)
        house.renew()

        report = workspace.open().verify(
            house.bundle(release.statement, ("alice", "bob")), release.manifest, now=house.now
        )
        assert report.stale

    def test_a_report_of_a_failure(self, lab: Lab[Any], house: ReleaseHouse) -> None:
        """
        Nothing enters by it, and nothing is remembered.
        """
        with pytest.raises(UntrustedError):
            lab.enter(ask(lab, house, house.release(CACHE, by=("alice",))))
        assert not providers(lab)
        assert trusted_state(lab.store) == State()

    def test_a_manifest_that_the_schema_does_not_take(
        self, lab: Lab[Any], house: ReleaseHouse
    ) -> None:
        """
        Signed nonsense is nonsense: it is refused before anything is remembered.
        """
        release = house.release([{"domain": "adapter", "key": "cache"}])

        with pytest.raises(ManifestError):
            lab.enter(ask(lab, house, release))
        assert trusted_state(lab.store) == State()

    def test_what_may_not_run_is_there_and_refused(
        self, workspace: Workspace, house: ReleaseHouse
    ) -> None:
        """
        A signature allows nobody's code: `plugins.allow_factories` does.
        """
        workspace.project("")
        lab = workspace.open()
        entered = lab.enter(ask(lab, house, house.release(CACHE)))

        assert [one.provider for one in entered.refused] == ["redis"]
        assert "may not run here" in str(entered)
        assert lab.registry.current.winners()["adapter:cache"].provider != "redis"

    def test_the_same_again(self, lab: Lab[Any], house: ReleaseHouse) -> None:
        """
        A release that is in force may be entered again: nothing comes, nothing leaves.
        """
        report = ask(lab, house, house.release(CACHE))
        lab.enter(report)
        again = lab.enter(report)

        assert (again.added, again.withdrawn) == ((), ())
        assert providers(lab) == ["adapter:cache redis"]

    def test_a_manifest_of_upstreams_form(self, lab: Lab[Any]) -> None:
        """
        It enters where the policy takes it, and is remembered as what it is.
        """
        alice = ReleaseHouse.signer("alice")
        tree = {"source": "vendor", "entries": []}
        signature = b64encode(alice.sign(legacy_form(tree))).decode()
        key = b64encode(alice.public_key.spki[-32:]).decode()
        policy = Policy.parse(f'[legacy]\nschemas = [1]\nkeys = ["{key}"]\n')
        manifest = json.dumps(tree | {"signature": signature}).encode()

        report = lab.verify(None, manifest, policy=policy)
        assert report.ok, report.failures
        assert lab.enter(report).report.release.title == "vendor (schema 1)"
        assert "vendor" in trusted_state(lab.store).legacy

    def test_two_channels_are_two_sources(self, lab: Lab[Any], house: ReleaseHouse) -> None:
        """
        A release of one channel leaves those of another alone.
        """
        lab.enter(ask(lab, house, house.release(CACHE)))
        lab.enter(ask(lab, house, house.release({"adapter:cache": "next"}, channel="beta")))

        assert providers(lab) == ["adapter:cache next", "adapter:cache redis"]

    def test_a_store_that_cannot_be_written(
        self, lab: Lab[Any], house: ReleaseHouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        What cannot be remembered does not enter.
        """
        report = ask(lab, house, house.release(CACHE))
        lab.store.path.parent.mkdir(exist_ok=True)
        lab.store.path.mkdir()

        with pytest.raises(StoreError):
            lab.enter(report)
        assert not providers(lab)
        shutil.rmtree(lab.store.path)

    def test_the_clock_that_is_set_back(self, lab: Lab[Any], house: ReleaseHouse) -> None:
        """
        A release that had not expired then does not enter now.
        """
        house.wait(days=10)
        lab.enter(ask(lab, house, house.release(CACHE)))
        report = lab.verify(
            house.releases[0].bundle,
            house.releases[0].manifest,
            now=house.now - timedelta(days=5),
        )

        assert "clock" in [check.code for check in report.failures]

    def test_a_reload_keeps_it(
        self, lab: Lab[Any], workspace: Workspace, house: ReleaseHouse
    ) -> None:
        """
        Configuration that is read again takes no release away.
        """
        lab.enter(ask(lab, house, house.release(CACHE)))
        lab.reload()

        assert providers(lab) == ["adapter:cache redis"]


class TestPropose:
    """What follows what was trusted here."""

    def test_the_next_release(
        self, lab: Lab[Any], workspace: Workspace, house: ReleaseHouse
    ) -> None:
        """
        Root and release before are remembered; the proposal lies beside the manifest.
        """
        release = house.release(CACHE)
        publish(workspace, release)
        lab.enter(ask(lab, house, release))
        (workspace.path / "two.oneiric.json").write_bytes(house.manifest(BOTH, version=2))

        done = lab.propose("two.oneiric.json", previous="shop.oneiric.json", now=house.now)

        previous = done.proposal.statement.previous
        assert previous is not None
        assert (previous.version, previous.sha256) == (1, release.statement.sha256)
        assert (workspace.path / "two.oneiric-proposal.json").read_bytes() == (
            done.proposal.encode()
        )
        assert done.file == "two.oneiric-proposal.json"
        assert done.changes is not None
        assert done.changes.counts["added"] == 1
        assert done.changes.impact is not None
        assert "service:mail" in str(done)

    def test_nothing_was_trusted_yet(
        self, lab: Lab[Any], workspace: Workspace, house: ReleaseHouse
    ) -> None:
        """
        The first time somebody says who may sign.
        """
        publish(workspace, house.release(CACHE))

        with pytest.raises(UsageError, match="who may sign"):
            lab.propose("shop.oneiric.json")
        done = lab.propose("shop.oneiric.json", root=house.root, now=house.now, write=False)
        assert done.file is None
        assert not list(workspace.path.glob("*proposal*"))


class TestOneDocument:
    """The store and the file of `--state` hold the same."""

    def test_it_is_the_same(self, lab: Lab[Any], house: ReleaseHouse) -> None:
        """
        What the store keeps is read as that file, and goes on as it.
        """
        lab.enter(ask(lab, house, house.release(CACHE)))
        document = lab.store.trusted()
        assert document is not None
        second = house.release(BOTH)

        report = verify(
            second.bundle,
            second.manifest,
            policy=house.policy,
            state=State.parse(document),
            now=house.now,
        )
        assert report == ask(lab, house, second)
