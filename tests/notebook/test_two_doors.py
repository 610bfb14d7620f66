"""The shell and the kernel are two doors to one set of verbs."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import click
import pytest

from oneiric_lab.cli import main
from oneiric_lab.commands import VERBS, root
from oneiric_lab.testing import ReleaseHouse

if TYPE_CHECKING:
    from pathlib import Path

# Verb to the lines that are asked in turn, on a fresh copy for each door.
LINES: dict[str, list[str]] = {
    "init": ["init new"],
    "show": ["show", "show server", "--profile prod show --all"],
    "origin": ["origin server.port"],
    "explain": ["explain server.port", "explain adapter:cache", "explain adapter:cache --need kv"],
    "list": ["list", "list adapter"],
    "check": ["check --all-profiles"],
    "plan": ["plan --set server.port=1 --layer project", "plan change.toml --layer local"],
    "apply": ["apply --set server.port=1 --layer project", "apply change.toml --layer local"],
    "set": ["set server.port=1 --layer project", "set server.port=2 --dry-run --layer local"],
    "unset": ["unset server.host --layer project"],
    "undo": ["set server.port=1 --layer project", "undo"],
    "history": ["set server.port=1 --layer project", "history --limit 1"],
    "diff": ["diff now profile:prod"],
    "freeze": ["freeze"],
    "schema": ["schema"],
    "plugins": ["plugins"],
    "allow": ["allow"],
    "watch": [],  # a stream in one, a job in the other: see their own tests
    "remote": ["remote", "remote status"],
    "sync": [],  # a kernel gets a job: see tests/commands/test_sync_verbs.py
    "secrets": ["secrets list", "secrets status"],
    "task": ["task list"],
    "workflow": ["workflow list", "workflow runs"],
    "run": ["run --dry-run"],
    "action": ["action", "action list"],  # invoke is a job in a kernel
    "event": ["event", "event list", "event posted", "event dead"],
    "health": ["health"],
    "metrics": ["metrics --catalogue"],
    "logs": [],  # what each process logged: see tests/commands/test_host_verbs.py
    "load": ["load", "load list", "load runs"],
    "load-test": [],  # a result in one, a job in the other: see tests/commands/test_load.py
    "manifest": [
        "manifest export --winners",
        "manifest validate shop.toml",
        "manifest pack shop.toml --dry-run",
        "manifest diff shop.toml",
        "manifest textconv shop.toml",
        "manifest verify shop.toml",
        "manifest acknowledge shop.oneiric.json",
        "manifest propose shop.oneiric.json --root root.1.json --at 2026-01-02T00:00:00Z",
        "manifest assemble shop.oneiric-proposal.json --at 2026-01-02T00:00:00Z",
    ],
    "bundle": [
        "bundle show shop.oneiric-bundle.json",
        "bundle verify shop.oneiric-bundle.json --root root.1.json --at 2026-01-02T00:00:00Z",
    ],
    "trust": ["trust key list", "trust state", "trust root init", "trust key show shop.pub"],
    "swap": [
        "swap adapter:cache sqlite --layer project",
        "swap adapter:cache memory --dry-run --layer local",
    ],
    "rollback": [
        "swap adapter:cache sqlite --layer project",
        "rollback adapter:cache --layer project --dry-run",
        "rollback adapter:cache --layer project",
    ],
    "pause": ["pause adapter:cache --why move", "pause adapter:cache --dry-run"],
    "resume": ["pause adapter:cache", "resume adapter:cache"],
    "drain": ["drain adapter:cache --why night"],
    "status": ["status", "drain adapter:cache", "status adapter:cache"],
    "activity": ["activity", "activity adapter:cache --limit 1"],
    "ui": ["ui"],
    "doctor": ["doctor"],
    "lab": ["lab --dry-run"],
}
MISUSED = ["explan", "explain", "explain --ned x", "explain server.prot", "list x", "--width x"]


@pytest.fixture
def doors(
    shell: Any,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Any:
    """Return what asks both doors the same lines, each in a copy of the same workspace."""
    (folder / "change.toml").write_text("[server]\nport = 3\n")
    (folder / "shop.toml").write_text(
        'schema = 3\nproject = "shop"\nchannel = "stable"\nversion = 1\nentries = []\n'
    )
    house = ReleaseHouse()
    release = house.release({"adapter:cache": "redis"})
    (folder / "root.1.json").write_bytes(house.root.envelope.encode())
    (folder / "shop.oneiric.json").write_bytes(release.manifest)
    (folder / "shop.oneiric-bundle.json").write_bytes(release.bundle.encode())
    key = "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    (folder / "shop.pub").write_text(
        f"-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----\n"
    )
    other = tmp_path / "kernel" / folder.name
    shutil.copytree(folder, other)

    def ask(line: str) -> tuple[Any, Any]:
        capsys.readouterr()
        monkeypatch.chdir(folder)
        main(["--json", *line.split()])
        by_shell = json.loads(capsys.readouterr().out)
        monkeypatch.chdir(other)
        try:
            by_kernel = json.loads(shell.run_line_magic("oneiric", line).to_json())
        except Exception as error:  # noqa: BLE001 - compared below
            by_kernel = error.as_dict() if hasattr(error, "as_dict") else repr(error)
        return without_place(by_shell), without_place(by_kernel)

    return ask


def without_place(answer: Any) -> Any:
    """Return *answer* without folders, times and the name of the door."""
    text = json.dumps(answer).replace("%oneiric", "oneiric-lab")
    text = re.sub(r"/[^\" ]*/(kernel/)?w\b", "W", text)
    return json.loads(re.sub(r'"at": [\d.]+', '"at": 0', text))


class TestTwoDoors:
    def test_every_verb_is_walked(self) -> None:
        """
        A new verb has its lines here.
        """
        assert VERBS.keys() <= LINES.keys()

    @pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "watch"])
    def test_results_are_equal(self, doors: Any, verb: str) -> None:
        """
        The same words give the same answer through both doors.
        """
        for line in LINES[verb]:
            by_shell, by_kernel = doors(line)
            assert by_shell == by_kernel, line
            assert "error" not in by_shell, line

    @pytest.mark.parametrize("line", MISUSED)
    def test_errors_are_equal(self, doors: Any, line: str) -> None:
        """
        So do wrong words, but for the name of the door.
        """
        by_shell, by_kernel = doors(line)

        assert by_shell == by_kernel
        assert "error" in by_shell

    @pytest.mark.parametrize("verb", ["", *VERBS])
    def test_help_is_equal(self, shell: Any, capsys: pytest.CaptureFixture[str], verb: str) -> None:
        """
        Names, options and texts are those of one definition, with `?` too.
        """
        capsys.readouterr()
        main([*verb.split(), "--help"])
        by_shell = capsys.readouterr().out

        shell.run_cell(f"%oneiric {verb}?")
        by_kernel = capsys.readouterr().out

        assert by_shell.split() == by_kernel.replace("%oneiric", "oneiric-lab").split()
        assert by_shell.startswith(f"Usage: oneiric-lab {verb}".strip())

    @pytest.mark.parametrize("verb", VERBS)
    def test_completion_offers_the_options_of_the_help(self, shell: Any, verb: str) -> None:
        """
        What help tells can be completed, in the kernel as in the shell.
        """
        import warnings

        assert isinstance(root, click.Group)
        command = root.get_command(click.Context(root), verb)
        assert command is not None
        options = {o for p in command.params for o in p.opts if o.startswith("--")} | {"--help"}
        text = f"%oneiric {verb} --"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # IPython calls its own interface provisional
            found = {c.text for c in shell.Completer.completions(text, len(text))}

        assert found == options
