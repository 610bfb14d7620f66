"""`trust policy`: the verbs over a file, and the pin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.cli import main
from oneiric_lab.commands import Interaction, run
from oneiric_lab.errors import FileAccessError, PolicyError, UntrustedError, UsageError
from oneiric_lab.testing import ReleaseHouse, Workspace
from oneiric_lab.trust import Policy, RootDraft

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def house() -> ReleaseHouse:
    """Three signers, two needed."""
    return ReleaseHouse()


@pytest.fixture(autouse=True)
def place(house: ReleaseHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder with a root."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "root.1.json").write_bytes(house.root.envelope.encode())
    return tmp_path


def ask(*words: str) -> Any:
    """Run one verb, as a new process would."""
    return run(["trust", "policy", *words], Interaction())


class TestPin:
    def test_a_new_file(self, place: Path, house: ReleaseHouse) -> None:
        """
        Where there is no policy, one is made that pins the root.
        """
        written = ask("pin", "root.1.json")

        assert Policy.parse((place / "trust.toml").read_text()).pin == house.root.sha256
        assert written.file == "trust.toml"

    def test_comments_stay(self, place: Path, house: ReleaseHouse) -> None:
        """
        What people wrote is as it was.
        """
        text = '# ours\nchannels = ["stable"]   # only\n\n[requirements.3]\nthreshold = 3 # all\n'
        (place / "trust.toml").write_text(text)
        ask("pin", "root.1.json")
        after = (place / "trust.toml").read_text()

        for line in text.splitlines():
            assert line in after
        assert house.root.sha256 in after
        assert ask("show", "--root", "root.1.json").values

    def test_another_pin_needs_a_word(self, place: Path, house: ReleaseHouse) -> None:
        """
        A pin is not replaced in passing.
        """
        (place / "trust.toml").write_text(f'root = "sha256:{"0" * 64}"  # by alice\n')
        before = (place / "trust.toml").read_bytes()

        with pytest.raises(UsageError, match="pins another root"):
            ask("pin", "root.1.json")
        assert (place / "trust.toml").read_bytes() == before
        ask("pin", "root.1.json", "--replace")
        assert Policy.parse((place / "trust.toml").read_text()).pin == house.root.sha256
        assert "# by alice" in (place / "trust.toml").read_text()

    def test_an_unsigned_root(self, place: Path, house: ReleaseHouse) -> None:
        """
        What its own threshold has not signed is not pinned.
        """
        draft = RootDraft.of(house.root).root(issued_at=house.now)
        (place / "draft.json").write_bytes(draft.envelope.encode())

        with pytest.raises(UntrustedError, match="signed by nobody"):
            ask("pin", "draft.json")
        assert not (place / "trust.toml").exists()

    def test_a_policy_that_would_loosen_it(self, place: Path) -> None:
        """
        A pin does not make a looser policy hold.
        """
        (place / "trust.toml").write_text("min_schema = 1\n")

        with pytest.raises(PolicyError, match="below the root's least"):
            ask("pin", "root.1.json")
        assert (place / "trust.toml").read_text() == "min_schema = 1\n"


class TestShow:
    def test_of_a_workspace(self, place: Path) -> None:
        """
        The policy is the one that the workspace names.
        """
        workspace = Workspace(place / "w").project('[trust]\npolicy = "rules.toml"\n').path
        (workspace / "rules.toml").write_text("min_schema = 5\n")
        found = run(["-C", str(workspace), "trust", "policy", "show"], Interaction())

        assert getattr(found, "file", "").endswith("rules.toml")

    def test_no_policy(self) -> None:
        """
        A file that is not there is told.
        """
        with pytest.raises(FileAccessError, match=r"trust\.toml"):
            ask("show")

    def test_explain(self, place: Path) -> None:
        """
        One value, by root and policy.
        """
        (place / "p.toml").write_text("[requirements.3]\nthreshold = 3\n")
        found = ask(
            *("explain", "requirements.3.threshold", "--root", "root.1.json", "--policy", "p.toml")
        )

        assert (found.value.root, found.value.policy, found.value.value) == (2, 3, 3)


class TestLint:
    def test_exit_codes(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """
        0 with warnings, 1 with faults, and each at its line.
        """
        (place / "trust.toml").write_text("min_schema = 3\n")
        words = ["trust", "policy", "lint", "--root", "root.1.json", "--at", "2026-01-02T00:00:00Z"]
        assert main(words) == 0
        (place / "trust.toml").write_text("[requirements.3]\nthreshold = 1\n")
        capsys.readouterr()

        assert main(words) == 1
        assert "trust.toml:2:13" in capsys.readouterr().out
