"""`manifest ...`: the same words in a shell and in a kernel, with the exit codes of the house."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.shell_completion import ShellComplete

from oneiric_lab.cli import main
from oneiric_lab.commands import Interaction, root, run
from oneiric_lab.errors import FileAccessError, ManifestError, UsageError
from oneiric_lab.manifest import ManifestDiff
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Ask = Callable[..., Any]

TEXT = """\
schema = 3
project = "shop"
channel = "stable"
version = 7

[[entries]]
domain = "adapter"
key = "cache"
provider = "redis"
version = "2.1.0"
priority = 50
factory = "shop_redis:Cache"
artifact = { path = "dist/a.whl" }
"""
PROJECT = """\
[app]
name = "shop"

[plugins]
packages = ["oneiric_lab.components"]
auto_load = false
allow_factories = ["shop_redis"]
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a manifest and its artifact, which is the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.toml").write_text(TEXT)
    (tmp_path / "next.toml").write_text(
        TEXT.replace("= 7", "= 8").replace("50", "60").replace("2.1.0", "2.2.0")
    )
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "a.whl").write_bytes(b"wheel")
    (tmp_path / "old.yaml").write_text(
        "source: shop\nentries:\n- {domain: adapter, key: cache, provider: redis,"
        " factory: 'oneiric.cache:Redis', version: '1'}\n"
    )
    return tmp_path


@pytest.fixture
def ask(place: Path) -> Ask:
    """Return what runs one verb as a shell would, in a workspace with two caches."""
    Workspace(place / "w").project(PROJECT)

    def asked(*words: str) -> Any:
        return run(["-C", "w", "manifest", *words], Interaction())

    return asked


class TestManifest:
    """Each verb of the group."""

    def test_alone_it_names_its_verbs(self, ask: Ask) -> None:
        """
        So does one that is none.
        """
        with pytest.raises(UsageError, match="one of pack, export, validate"):
            ask()
        with pytest.raises(UsageError, match="unknown verb `manifest pakc`"):
            ask("pakc", "shop.toml")

    def test_pack(self, ask: Ask, place: Path) -> None:
        """
        Beside the file or where it is told; a dry run writes nothing, progress is told.
        """
        told: list[tuple[int, int, str]] = []
        talk = Interaction(progress=lambda *step: told.append(step))

        assert run(["manifest", "pack", "shop.toml", "--dry-run"], talk).as_dict()["version"] == 7  # type: ignore[union-attr]  # a result
        assert not list(place.glob("*.oneiric.json"))
        assert told == [(1, 1, "dist/a.whl")]
        assert ask("pack", "shop.toml").file == "shop.oneiric.json"
        assert ask("pack", "shop.toml", "--out", "b/x.oneiric.json").file == "b/x.oneiric.json"

    def test_validate(self, ask: Ask, place: Path) -> None:
        """
        Yes or no.
        """
        assert ask("validate", "shop.toml").exit_code == 0
        (place / "shop.toml").write_text(TEXT.replace("50", "5000"))
        assert ask("validate", "shop.toml").exit_code == 1

    def test_migrate(self, ask: Ask, place: Path) -> None:
        """
        A factory of the other system is left to people; the draft is written where it is told.
        """
        found = ask("migrate", "old.yaml", "--out", "new.toml", "--version", "3")

        assert found.exit_code == 1
        assert found.document["version"] == 3
        assert "# decide: oneiric.cache:Redis" in (place / "new.toml").read_text()
        assert ask("migrate", "old.yaml", "--to", "2").to == 2

    def test_export(self, ask: Ask, place: Path) -> None:
        """
        The workspace's own name is the project; what is written can be packed.
        """
        assert ask("export").document["project"] == "shop"
        ask("export", "--out", "all.toml", "--winners", "--source", "package")

        manifest = ask("pack", "all.toml").manifest

        assert {entry["key"] for entry in manifest.entries} >= {"cache", "secrets"}

    def test_explain(self, ask: Ask, place: Path) -> None:
        """
        In the workspace, without it, and where there is none.
        """
        assert "redis 2.1.0 would provide it" in str(ask("explain", "shop.toml", "adapter:cache"))
        assert ask("explain", "shop.toml", "adapter:cache", "--alone").after is None
        alone = run(["manifest", "explain", "shop.toml", "adapter:cache"], Interaction())
        assert alone.as_dict()["after"] is None  # type: ignore[union-attr]  # a result

    def test_components_of_the_manifest_are_completed(self, place: Path) -> None:
        """
        As they are written, sound or not; what cannot be read completes to nothing.
        """

        def complete(*words: str) -> list[str]:
            asked = ShellComplete(root, {}, "oneiric-lab", "_C")
            return [i.value for i in asked.get_completions(["manifest", *words[:-1]], words[-1])]

        (place / "b.toml").write_text("entries = 3\n")
        (place / "c.toml").write_text("entries = \n")

        assert complete("explain", "shop.toml", "") == ["adapter:cache"]
        assert complete("explain", "shop.toml", "service") == []
        assert complete("explain", "b.toml", "") == []
        assert complete("explain", "c.toml", "") == []
        assert complete("explain", "gone.toml", "") == []
        assert complete("pa") == ["pack"]

    def test_diff(self, ask: Ask) -> None:
        """
        In the workspace, without it, and where there is none.
        """
        found = ask("diff", "shop.toml", "next.toml")

        assert [risk.code for risk in found.risks] == ["priority-raised"]
        assert [str(w.new) for w in found.impact.winners] == ["redis 2.2.0"]
        assert ask("diff", "shop.toml", "next.toml", "--alone").impact is None
        alone = run(["manifest", "diff", "shop.toml", "next.toml"], Interaction())
        assert alone.as_dict()["impact"] is None  # type: ignore[union-attr]  # a result

    def test_files_are_seen_from_where_the_shell_stands(
        self, ask: Ask, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Whichever workspace is asked, and whether a file lies in it, beside it or elsewhere.
        """
        (place / "w" / "mine.toml").write_text(
            TEXT.replace('artifact = { path = "dist/a.whl" }', "")
        )

        def differs(*sides: str, folder: str = "w") -> bool:
            found = run(["-C", folder, "diff", *sides], Interaction())
            assert isinstance(found, ManifestDiff)
            return found.exit_code == 1

        assert ask("diff", "shop.toml", "next.toml").exit_code == 1
        assert differs("shop.toml", "next.toml")
        assert differs("w/mine.toml", str(place / "next.toml"))
        assert not differs("./w/../shop.toml", "shop.toml")
        assert differs("now", "shop.toml")
        monkeypatch.chdir(place / "w")
        assert differs("mine.toml", "../shop.toml", folder=".")
        with pytest.raises(FileAccessError, match=r"no such file: shop\.toml"):
            differs("mine.toml", "shop.toml", folder=".")

    def test_diff_tells_progress(self, place: Path) -> None:
        """
        Artifacts that are named by their path are read, and told.
        """
        told: list[tuple[int, int, str]] = []
        talk = Interaction(progress=lambda *step: told.append(step))

        run(["manifest", "diff", "shop.toml", "next.toml"], talk)

        assert told == [(1, 1, "dist/a.whl")] * 2

    def test_diff_with_the_workspace(self, ask: Ask) -> None:
        """
        One file is held against what the workspace has: what would change here.
        """
        found = ask("diff", "shop.toml")

        assert [change.kind for change in found.entries] == ["added"]
        assert [str(w.old) for w in found.impact.winners] == ["memory 1.0.0"]
        assert "winner-by-manifest" in [risk.code for risk in found.risks]

    def test_diff_in_parts(self, ask: Ask) -> None:
        """
        Of one domain, and of what is risky.
        """
        words = ("diff", "shop.toml", "next.toml", "--domain")

        assert ask(*words, "task").exit_code == 0
        assert ask(*words, "adapter", "--only", "risky").exit_code == 1
        with pytest.raises(UsageError, match="did you mean `adapter`"):
            ask(*words, "adaptr")

    @pytest.mark.parametrize(
        ("form", "begins"),
        [
            ("side", "shop/stable 7 -> 8"),
            ("unified", "shop/stable 7 -> 8"),
            ("json", '{\n  "same": false'),
            ("html", "<!DOCTYPE html>"),
            ("markdown", "**shop/stable 7"),
        ],
    )
    def test_diff_in_each_form(self, ask: Ask, form: str, begins: str) -> None:
        """
        What a shell prints begins as its form does; data and display are the same in all.
        """
        found = ask("diff", "shop.toml", "next.toml", "--alone", "--format", form)

        assert found.to_text().startswith(begins)
        assert found.exit_code == 1
        assert found.as_dict()["counts"]["changed"] == 1
        assert found.view().kind == "manifest-diff"

    def test_textconv(self, ask: Ask, place: Path) -> None:
        """
        One line for each value; what is no manifest is text with a reason above it.
        """
        text = ask("textconv", "shop.toml").to_text()

        assert text.startswith("shop/stable 7\n\n[adapter:cache redis]\nversion = 2.1.0\n")
        assert "artifact.size = 5" in text
        (place / "shop.toml").write_text("schema = 3\x1b")
        found = ask("textconv", "shop.toml")
        assert found.to_text().startswith("# no manifest: ")
        assert "\x1b" not in found.to_text()
        assert found.as_dict()["faults"]

    def test_faults_are_errors_of_pack(self, ask: Ask, place: Path) -> None:
        """
        With all of them, at their places.
        """
        (place / "shop.toml").write_text(TEXT.replace("50", "5000").replace("2.1.0", "x"))

        with pytest.raises(ManifestError) as caught:
            ask("pack", "shop.toml")

        assert len(caught.value.faults) == 2

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            ("pack shop.toml", 0),
            ("validate shop.toml", 0),
            ("validate old.yaml", 0),
            ("migrate old.yaml", 1),
            ("explain shop.toml adapter:cache --alone", 0),
            ("explain shop.toml adapter:nothing --alone", 1),
            ("validate gone.toml", 2),
            ("pack old.yaml", 2),
            ("migrate shop.toml", 2),
            ("pack", 2),
            ("diff shop.toml shop.toml", 0),
            ("diff shop.toml next.toml", 1),
            ("diff shop.toml old.yaml", 1),
            ("diff shop.toml next.toml --format html", 1),
            ("diff shop.toml gone.toml", 2),
            ("diff shop.toml --alone", 2),
            ("diff shop.toml", 2),
            ("diff a b c", 2),
            ("diff", 2),
            ("diff shop.toml next.toml --git", 2),
            ("textconv shop.toml", 0),
            ("textconv gone.toml", 2),
        ],
    )
    def test_exit_codes(
        self, place: Path, capsys: pytest.CaptureFixture[str], words: str, code: int
    ) -> None:
        """
        0 done, 1 the answer is no, 2 a fault; data in a stable shape either way.
        """
        assert main(["manifest", *words.split(), "--json"]) == code
        assert isinstance(json.loads(capsys.readouterr().out), dict)
