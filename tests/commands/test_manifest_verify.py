"""`manifest verify`: the contract of the shell, with files as they are published."""

from __future__ import annotations

import json
import multiprocessing
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.cli import main
from oneiric_lab.testing import ReleaseHouse
from oneiric_lab.trust import State

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Ask = Callable[..., tuple[int, dict[str, Any]]]

SHOP = ("shop.oneiric.json", "--bundle", "shop.oneiric-bundle.json")
AT = ("--at", "2026-01-02T00:00:00Z")


@pytest.fixture
def house() -> ReleaseHouse:
    """Three signers, two needed."""
    return ReleaseHouse()


@pytest.fixture
def place(house: ReleaseHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a published release, its root and a policy, which is the current one."""
    monkeypatch.chdir(tmp_path)
    publish(house, tmp_path)
    (tmp_path / "root.1.json").write_bytes(house.root.envelope.encode())
    (tmp_path / "trust.toml").write_text(f'root = "sha256:{house.root.sha256}"\n')
    return tmp_path


def publish(house: ReleaseHouse, place: Path, **changes: Any) -> None:
    """Write a new release of *house*."""
    release = house.release({"adapter:cache": "redis"}, **changes)
    (place / "shop.oneiric.json").write_bytes(release.manifest)
    (place / "shop.oneiric-bundle.json").write_bytes(release.bundle.encode())


@pytest.fixture
def ask(place: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Return what asks the shell's door and gives exit code and JSON."""

    def asked(*words: str) -> tuple[int, dict[str, Any]]:
        assert place.is_dir()
        capsys.readouterr()
        code = main(["manifest", "verify", *words, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return asked


def failed(answer: dict[str, Any]) -> list[str]:
    """Return the codes of what failed."""
    return [check["code"] for check in answer["checks"] if check["state"] == "failed"]


class TestVerify:
    """Exit codes and shapes."""

    @pytest.mark.parametrize("trust", [("--root", "root.1.json"), ("--policy", "trust.toml")])
    def test_a_good_release(self, ask: Ask, trust: tuple[str, str]) -> None:
        """
        By a given root or by a pinned one: exit 0, with signers and release.
        """
        code, answer = ask(*SHOP, *trust, *AT)

        assert code == 0
        assert answer["ok"] is True
        assert answer["signers"] == ["alice", "bob"]
        assert answer["release"]["project"] == "shop"
        assert {frozenset(check) for check in answer["checks"]} == {
            frozenset({"code", "state", "message", "fix"})
        }

    def test_untrusted(self, ask: Ask, place: Path) -> None:
        """
        One byte more in the manifest: exit 1, and no release.
        """
        with (place / "shop.oneiric.json").open("ab") as file:
            file.write(b"\n")
        code, answer = ask(*SHOP, "--root", "root.1.json", *AT)

        assert (code, answer["ok"], answer["release"]) == (1, False, None)
        assert failed(answer) == ["manifest-digest"]

    def test_stale(self, ask: Ask) -> None:
        """
        Nothing wrong but its age: exit 3.
        """
        code, answer = ask(*SHOP, "--root", "root.1.json", "--at", "2026-05-01T00:00:00Z")

        assert code == 3
        assert failed(answer) == ["revocations-age", "expiry"]

    def test_without_a_root(self, ask: Ask) -> None:
        """
        Nothing is trusted at first sight.
        """
        code, answer = ask(*SHOP, *AT)

        assert (code, failed(answer)) == (1, ["root-anchor"])

    def test_without_a_bundle(self, ask: Ask) -> None:
        """
        A manifest alone is signed by nobody.
        """
        code, answer = ask("shop.oneiric.json", "--root", "root.1.json", *AT)

        assert (code, failed(answer)[0]) == (1, "bundle")

    def test_a_policy_beside_its_root(self, ask: Ask, place: Path) -> None:
        """
        A given root must be the pinned one.
        """
        (place / "trust.toml").write_text(f'root = "sha256:{"0" * 64}"\n')
        code, answer = ask(*SHOP, "--root", "root.1.json", "--policy", "trust.toml", *AT)

        assert (code, failed(answer)) == (1, ["root-anchor"])

    @pytest.mark.parametrize(
        "words",
        [
            ("--at", "yesterday"),
            ("--at", "2026-01-02"),
            ("--root", "missing.json"),
            ("--root", "shop.oneiric.json"),
            ("--policy", "shop.oneiric.json"),
            ("--state", "shop.oneiric.json"),
            ("--commit-state",),
        ],
        ids=" ".join,
    )
    def test_mistakes(self, ask: Ask, words: tuple[str, ...]) -> None:
        """
        What was asked wrongly is no verdict: exit 2.
        """
        code, answer = ask(*SHOP, *words)

        assert code == 2
        assert answer["error"]["message"]

    def test_a_person_sees_the_reason_first(
        self, place: Path, house: ReleaseHouse, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """
        The failure stands above the table, with what to do.
        """
        publish(house, place, by=["alice"])
        assert main(["manifest", "verify", *SHOP, "--root", "root.1.json", *AT]) == 1
        shown = capsys.readouterr().out.splitlines()

        assert shown[0] == "not verified: threshold"
        assert "1 of 3 signers: alice; 2 are needed" in shown[1]
        assert "help: have more of the signers" in shown[2]


class TestState:
    """What is remembered, and only when asked."""

    WORDS = (*SHOP, "--root", "root.1.json", "--state", "state.json", *AT)

    def test_verifying_writes_nothing(self, ask: Ask, place: Path) -> None:
        """
        Without --commit-state the folder is as it was.
        """
        before = sorted(place.iterdir())

        assert ask(*self.WORDS)[0] == 0
        assert sorted(place.iterdir()) == before

    def test_a_failure_commits_nothing(self, ask: Ask, place: Path, house: ReleaseHouse) -> None:
        """
        A refused release leaves the state as it was.
        """
        ask(*self.WORDS, "--commit-state")
        before = (place / "state.json").read_bytes()
        publish(house, place, by=["alice"])

        assert ask(*self.WORDS, "--commit-state")[0] == 1
        assert (place / "state.json").read_bytes() == before

    def test_an_older_release_does_not_return(
        self, ask: Ask, place: Path, house: ReleaseHouse
    ) -> None:
        """
        What was committed holds in the next process.
        """
        old = {name: (place / name).read_bytes() for name in SHOP if name.startswith("shop")}
        publish(house, place)
        assert ask(*self.WORDS, "--commit-state")[0] == 0
        state = State.parse((place / "state.json").read_bytes())
        for name, data in old.items():
            (place / name).write_bytes(data)
        code, answer = ask(*self.WORDS)

        assert state.channels["stable"].order == (1, 2)
        assert (code, failed(answer)) == (1, ["rollback"])

    def test_two_processes_commit(self, place: Path, house: ReleaseHouse) -> None:
        """
        Of many processes that commit two releases at once, the later release stays.
        """
        names = []
        for number in range(2):
            publish(house, place)
            names.append((f"{number}.json", f"{number}.bundle"))
            (place / "shop.oneiric.json").rename(place / names[-1][0])
            (place / "shop.oneiric-bundle.json").rename(place / names[-1][1])
        jobs = [
            multiprocessing.get_context("spawn").Process(
                target=main,
                args=(
                    [
                        *("manifest", "verify", name, "--bundle", bundle, "--root", "root.1.json"),
                        *("--state", "state.json", "--commit-state", *AT, "--json"),
                    ],
                ),
            )
            for name, bundle in reversed(names)
        ]
        for job in jobs:
            job.start()
        for job in jobs:
            job.join(60)

        state = State.parse((place / "state.json").read_bytes())
        assert state.channels["stable"].order == (1, 3)
        assert [path.name for path in place.glob(".oneiric-*.tmp")] == []
