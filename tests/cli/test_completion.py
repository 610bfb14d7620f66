"""Completion by Tab in bash, zsh and fish."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from oneiric_lab.cli import main
from oneiric_lab.lab import copy_sample
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    Tab = Callable[[str], list[str]]

PROJECT = """\
[server]
port = 8080
tls.cert = "x"

[profiles.prod.server]
port = 443

[plugins]
packages = ["oneiric_lab.components"]
auto_load = false
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Return a workspace of values and our own components, with kept names of its own."""
    monkeypatch.setenv("ONEIRIC_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "w").mkdir()
    return Workspace(tmp_path / "w").project(PROJECT)


@pytest.fixture
def tab(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Tab:
    """Return what bash is answered at a Tab behind a line."""

    def answer(line: str) -> list[str]:
        monkeypatch.setenv("_ONEIRIC_LAB_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_LINE", f"oneiric-lab -C {workspace.path} {line}")
        assert main([]) == 0
        monkeypatch.delenv("_ONEIRIC_LAB_COMPLETE")
        return [text.partition(",")[2] for text in capsys.readouterr().out.split()]

    return answer


class TestBash:
    @pytest.mark.parametrize(
        ("line", "found"),
        [
            ("exp", ["explain"]),
            ("--prof", ["--profile"]),
            ("--profile ", ["prod"]),
            ("--profile prod --profile ", ["prod"]),
            ("explain --why", ["--why-not"]),
            ("explain serv", ["server."]),
            ("explain server.", ["server.port", "server.tls."]),
            ("explain adapter:ca", ["cache"]),
            ("explain adapter:cache --why-not s", ["sqlite"]),
            ("explain adapter:cache --need t", ["ttl"]),
            ("explain nothing:here --need ", []),
            ("explain --why-not ", []),
            ("list ad", ["adapter"]),
            ("set server.p", ["server.port="]),
            ("set adapters.selections.ca", ["adapters.selections.cache="]),
            ("set adapters.selections.cache=s", ["sqlite"]),
            ("set server.port=", []),
            ("set server.port=1 --layer p", ["project", "profile:prod"]),
            ("set server.port=1 --layer profile:", ["prod"]),
            ("unset server.t", ["server.tls."]),
            ("diff n", ["now"]),
            ("diff now profile:", ["prod"]),
            ("plugins --only adapter:ca", ["cache"]),
            ("plan --unset server.p", ["server.port"]),
            ("'unclosed", []),
            ("zzz --vers", ["--version"]),
        ],
    )
    def test_what_can_stand_here(self, tab: Tab, line: str, found: list[str]) -> None:
        """
        Verbs, options, paths by segments, components, providers, layers and profiles.

        Bash takes `:` and `=` for ends of words: what stands before them is left out.
        """
        assert tab(line) == found

    def test_files_are_left_to_the_shell(
        self,
        workspace: Workspace,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """
        The shell knows files and folders best.
        """
        monkeypatch.setenv("_ONEIRIC_LAB_COMPLETE", "bash_complete")
        for line, kind in (("-C ", "dir,"), ("--config ", "file,"), ("plan x", "file,x")):
            monkeypatch.setenv("COMP_LINE", f"oneiric-lab {line}")
            main([])
            assert capsys.readouterr().out.strip() == kind

    def test_no_workspace_completes_verbs_only(self, tab: Tab, workspace: Workspace) -> None:
        """
        Where nothing opens nothing is known, and no error is in the way.
        """
        (workspace.path / "oneiric.toml").unlink()

        assert (tab("explain s"), tab("explai")) == ([], ["explain"])

    def test_through_a_real_bash(self, workspace: Workspace) -> None:
        """
        The script defines a function that fills COMPREPLY, colons and all.
        """
        script = f"""
        mkdir -p bin; PATH=$PWD/bin:$PATH
        printf '#!/bin/sh\\nexec %s -m oneiric_lab "$@"\\n' {sys.executable} > bin/oneiric-lab
        chmod +x bin/oneiric-lab
        eval "$(_ONEIRIC_LAB_COMPLETE=bash_source oneiric-lab)"
        COMP_LINE='oneiric-lab explain adapter:ca'; COMP_POINT=${{#COMP_LINE}}
        _oneiric_lab_completion bin/oneiric-lab 2>/dev/null; echo "${{COMPREPLY[@]}}"
        """
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}

        done = subprocess.run(
            ["bash", "-c", script],
            cwd=workspace.path,
            env=environ,
            capture_output=True,
            text=True,
            check=True,
        )

        assert (done.stdout.strip(), done.stderr) == ("cache", "")


class TestOtherShells:
    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_script(
        self, shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """
        Each shell is given a script that asks us back.
        """
        monkeypatch.setenv("_ONEIRIC_LAB_COMPLETE", f"{shell}_source")

        assert main([]) == 0
        assert f"_ONEIRIC_LAB_COMPLETE={shell}_complete" in capsys.readouterr().out

    @pytest.mark.parametrize("instruction", ["csh_source", "bash_x", "", "bash"])
    def test_what_is_no_shell(
        self, instruction: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """
        An unknown shell gets nothing and an exit code.
        """
        monkeypatch.setenv("_ONEIRIC_LAB_COMPLETE", instruction)

        assert main([]) == 1
        assert capsys.readouterr().out == ""

    def test_zsh(
        self,
        workspace: Workspace,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """
        Zsh keeps the colon, so the whole component is its answer.
        """
        monkeypatch.setenv("_ONEIRIC_LAB_COMPLETE", "zsh_complete")
        monkeypatch.setenv("COMP_WORDS", f"oneiric-lab -C {workspace.path} explain adapter:ca")
        monkeypatch.setenv("COMP_CWORD", "4")

        main([])

        assert capsys.readouterr().out.split() == ["plain", "adapter:cache", "_"]


class TestKeptNames:
    def test_are_used_while_nothing_changed(self, tab: Tab, tmp_path: Path) -> None:
        """
        The second Tab opens no workspace: it reads what the first one kept.
        """
        tab("explain server.")
        (kept,) = (tmp_path / "state" / "names").iterdir()
        data = json.loads(kept.read_text())
        data["names"]["paths"] = ["server.kept"]
        kept.write_text(json.dumps(data))

        assert tab("explain server.") == ["server.kept"]

    def test_hold_no_value(self, tab: Tab, workspace: Workspace, tmp_path: Path) -> None:
        """
        Names are kept, values are not.
        """
        workspace.secret("token", "hush-hush").local('[server]\ntls.cert = "canary"\n')

        tab("explain server.")

        (kept,) = (tmp_path / "state" / "names").iterdir()
        assert "canary" not in kept.read_text()
        assert "hush-hush" not in kept.read_text()

    def test_an_edit_is_noticed(self, tab: Tab, workspace: Workspace) -> None:
        """
        So is a file that was not there.
        """
        tab("explain server.")
        workspace.local("[server]\nzone = 1\n")

        assert "server.zone" in tab("explain server.")

    @pytest.mark.parametrize(
        "damage", ["", "[]", '{"files": []}', '{"files": [], "names": {"x": 1}}']
    )
    def test_a_damaged_file_is_made_anew(self, tab: Tab, tmp_path: Path, damage: str) -> None:
        """
        What cannot be read counts as not there.
        """
        tab("explain server.")
        (kept,) = (tmp_path / "state" / "names").iterdir()
        kept.write_text(damage)

        assert tab("explain server.p") == ["server.port"]
        assert "server.port" in kept.read_text()

    def test_nowhere_to_keep_them(self, tab: Tab, tmp_path: Path) -> None:
        """
        A state folder that cannot be made costs time, and no answer.
        """
        (tmp_path / "state").write_text("a file")

        assert tab("explain server.p") == ["server.port"]

    def test_the_users_cache_where_no_folder_is_named(
        self, tab: Tab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Without ONEIRIC_STATE_DIR names are kept in the user's cache.
        """
        monkeypatch.delenv("ONEIRIC_STATE_DIR")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv("HOME", str(tmp_path))

        tab("explain server.")

        assert len(list(tmp_path.rglob("names/*.json"))) == 1

    def test_takes_150_ms_of_processor_time_at_5000_keys(
        self, workspace: Workspace, tmp_path: Path
    ) -> None:
        """
        A Tab in a process of its own is fast enough not to be felt.
        """
        tables = (
            f"[t{a}.s{b}]\n" + "".join(f"k{c} = {c}\n" for c in range(10))
            for a in range(50)
            for b in range(10)
        )
        workspace.project("\n".join(tables))
        environ = {
            **os.environ,
            "_ONEIRIC_LAB_COMPLETE": "bash_complete",
            "COMP_LINE": f"oneiric-lab -C {workspace.path} explain t1.",
        }
        spent = []
        for _ in range(4):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            done = subprocess.run(
                [sys.executable, "-m", "oneiric_lab"], env=environ, capture_output=True, check=True
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

        assert len(done.stdout.split()) == 10
        # Twice the budget: machines of CI are shared. The figure is in the bench.
        assert min(spent[1:]) < 0.3

    def test_the_samples_own_code_is_followed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """
        Code that was not allowed is not run for a Tab.
        """
        monkeypatch.setenv("ONEIRIC_STATE_DIR", str(tmp_path / "state"))
        shop = copy_sample(tmp_path / "shop")
        monkeypatch.setenv("_ONEIRIC_LAB_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_LINE", f"oneiric-lab -C {shop} explain server.")

        assert main([]) == 0
        assert capsys.readouterr().out.strip() == ""
