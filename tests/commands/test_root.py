"""The one definition of all verbs: help, misuse, and options about looks."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click
import pytest

from oneiric_lab.commands import VERBS, Interaction, Looks, root, run, split_looks
from oneiric_lab.errors import UsageError
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class TestVerbs:
    @pytest.mark.parametrize("verb", VERBS)
    def test_every_verb_has_help(self, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
        """
        `VERB --help` tells its options, each with a text, and returns no result.
        """
        command = import_module(f"oneiric_lab.commands._{verb.replace('-', '_')}").command

        assert run([verb, "--help"], Interaction()) is None
        assert f"Usage: oneiric-lab {verb}" in capsys.readouterr().out
        assert verb == command.name
        assert all(p.help for p in command.params if isinstance(p, click.Option))

    def test_every_option_says_what_it_takes(self) -> None:
        """
        Options of all verbs, those of groups too, have a help, and a word for their value.
        """

        def options(command: click.Command, ctx: click.Context) -> Iterator[tuple[str, Any]]:
            yield from ((ctx.command_path, p) for p in command.params)
            if isinstance(command, click.Group):
                for name in command.list_commands(ctx):
                    inner = command.get_command(ctx, name)
                    assert inner is not None
                    yield from options(inner, click.Context(inner, info_name=name, parent=ctx))

        words = {"INTEGER", "FLOAT", "INTEGER RANGE", "FLOAT RANGE", "AMOUNT"}
        for path, option in options(root, click.Context(root, info_name="oneiric-lab")):
            if isinstance(option, click.Option):
                taken = option.make_metavar(click.Context(root))
                assert option.help, (path, option.opts)
                assert taken not in words, (path, option.opts, taken)
                assert option.is_flag or taken != "TEXT" or option.metavar, (path, option.opts)

    def test_help_tells_verbs_by_what_they_are_about(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """
        Each verb stands in one section, and all texts begin in one column.
        """
        assert run(["--help"], Interaction()) is None
        told = capsys.readouterr().out.partition("\nBegin:")[2]
        lines = re.findall(r"^  ([a-z-]+) {2,}(?=[A-Z])", told, re.MULTILINE)
        columns = {len(m[0]) for m in re.finditer(r"^  [a-z-]+ {2,}(?=[A-Z])", told, re.MULTILINE)}

        assert lines == list(VERBS)
        assert len(columns) == 1

    def test_help_imports_no_verb(self) -> None:
        """
        `--help` reads the table of verbs; nothing of a workspace is loaded.
        """
        code = (
            "import sys; from oneiric_lab.commands import Interaction, run\n"
            "run(['--help'], Interaction())\n"
            "print([m for m in sys.modules if m in {'pydantic', 'oneiric_lab.lab', 'tomlkit'}])"
        )

        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )

        assert re.search(r"^  explain +Say why", done.stdout, re.MULTILINE)
        assert done.stdout.splitlines()[-1] == "[]"

    def test_version(self, capsys: pytest.CaptureFixture[str]) -> None:
        """
        `--version` prints one line.
        """
        assert run(["--version"], Interaction()) is None
        assert capsys.readouterr().out.startswith("oneiric-lab ")

    def test_version_of_a_checkout(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A checkout that is not installed says so.
        """
        monkeypatch.setattr("sys.path", [])

        run(["--version"], Interaction())

        assert capsys.readouterr().out == "oneiric-lab (from source)\n"


class TestMisuse:
    @pytest.mark.parametrize(
        ("words", "message", "fix"),
        [
            (["explan"], "unknown verb `explan`", "did you mean `explain`"),
            (["--wokspace", "x"], "has no option --wokspace", "did you mean `--workspace`"),
            (["explain", "--ned", "x"], "explain has no option --ned", "did you mean `--need`"),
            (
                ["explain", "a", "--profile", "prod"],
                "explain has no option --profile",
                "it stands before the verb: oneiric-lab --profile ... explain ...",
            ),
            (["explain", "--zzz"], "explain has no option --zzz", "oneiric-lab explain --help"),
            (["explain"], "explain needs TARGET", "explain --help"),
            (["set"], "set needs PATH=VALUE", "set --help"),
            (["explain", "a", "b"], "unexpected extra argument", "explain --help"),
            (["explain", "a", "--need"], "requires an argument", "--help"),
            (["help"], "unknown verb `help`", "oneiric-lab --help"),
            (["load", "version"], "unknown verb `load version`", "known: aa, "),
            (["load", "help"], "unknown verb `load help`", "oneiric-lab load --help"),
            (["list", "adapter:cache"], "unknown domain", "of one component: explain adapter:c"),
            (["list", "adaptr:cache"], "unknown domain", "did you mean `adapter`"),
            (["history", "--limit", "0"], "0 is not in the range", "history --help"),
            (["logs", "--limit", "0"], "0 is not in the range", "logs --help"),
            (["watch", "--interval", "nan"], "nan is not finite", "watch --help"),
            (["plugins", "--timeout", "-1"], "not in the range x>0", "plugins --help"),
            (["run", "--port", "65536"], "not in the range 0<=x<=65535", "run --help"),
            (["history", "--limit", "x"], "'x' is not a valid integer", "history --help"),
        ],
    )
    def test_is_told_with_what_helps(self, words: list[str], message: str, fix: str) -> None:
        """
        A wrong command line is our own error, with the nearest name or the help to read.
        """
        with pytest.raises(UsageError) as caught:
            run(words, Interaction())

        (fault,) = caught.value.faults
        assert message in fault.message
        assert fix in str(fault.fix)
        assert caught.value.exit_code == 2


class TestAdvice:
    """A verb that an error advises works where the error is read."""

    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Return the working folder, which holds the workspace `my shop`."""
        monkeypatch.chdir(tmp_path)
        Workspace(tmp_path / "my shop").project("[plugins]\nauto_load = false\n")
        return tmp_path

    @pytest.mark.parametrize(
        ("place", "prog", "fix"),
        [
            (".", "oneiric-lab", "oneiric-lab set remote.enabled=true"),
            ("..", "oneiric-lab", "oneiric-lab -C 'my shop' set remote.enabled=true"),
            ("..", "%oneiric", "%oneiric set remote.enabled=true"),
        ],
    )
    def test_names_the_workspace_and_the_door(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, place: str, prog: str, fix: str
    ) -> None:
        """
        From another folder it says -C, which a kernel remembers; in a kernel it is the magic.
        """
        monkeypatch.chdir(folder / "my shop" / place)
        words = [] if place == "." else ["-C", "my shop"]

        with pytest.raises(UsageError) as caught:
            run([*words, "sync"], Interaction(), prog=prog)

        assert caught.value.faults[0].fix == fix

    @pytest.mark.parametrize(
        ("words", "message", "fix"),
        [
            ([], "this folder holds no", "oneiric-lab init  (an empty one), or  oneiric-lab init"),
            (["-C", "a b"], "a b holds no", "oneiric-lab init 'a b'  (an empty one), or  oneiric"),
            (["-C", "my shop/sub"], "my shop/sub holds no", "oneiric-lab -C 'my shop' VERB"),
            (["-C", "my shop/oneiric.toml"], "holds no", "oneiric-lab -C 'my shop' VERB"),
        ],
    )
    def test_where_there_is_no_workspace(
        self, folder: Path, words: list[str], message: str, fix: str
    ) -> None:
        """
        It says how to make one there, or which one stands above.
        """
        (folder / "my shop" / "sub").mkdir()

        with pytest.raises(UsageError, match=message) as caught:
            run([*words, "show"], Interaction())

        assert fix in str(caught.value.faults[0].fix)


class TestSplitLooks:
    def test_anywhere(self) -> None:
        """
        Options about looks stand before and behind the verb alike.
        """
        looks, rest = split_looks(["--json", "explain", "--no-color", "a.b", "--width", "7", "-q"])

        assert rest == ["explain", "a.b"]
        assert Looks(json=True, color=False, width=7, quiet=True) == looks

    def test_the_last_of_quiet_and_verbose_counts(self) -> None:
        """
        `-q -v` is verbose.
        """
        assert split_looks(["-q", "--verbose"])[0].verbose
        assert split_looks(["-v", "--quiet"])[0].quiet

    def test_nothing_is_an_option_behind_two_dashes(self) -> None:
        """
        `--` ends the options.
        """
        looks, rest = split_looks(["--width=3", "plan", "--", "--json"])

        assert (looks.json, looks.width, rest) == (False, 3, ["plan", "--", "--json"])

    @pytest.mark.parametrize("words", [["--width"], ["--width="], ["--width", "x"], ["--width=²"]])
    def test_width_is_a_number(self, words: list[str]) -> None:
        """
        Anything else is refused.
        """
        with pytest.raises(UsageError, match="number of columns"):
            split_looks(words)

    def test_the_root_shows_them_in_its_help(self, capsys: pytest.CaptureFixture[str]) -> None:
        """
        Help and completion know every one of them.
        """
        known = {opt for param in root.params for opt in param.opts}

        assert {"--json", "--width", "--no-color", "-q", "--quiet", "-v", "--verbose"} <= known

    def test_help_of_a_verb_is_the_same_twice(self, capsys: pytest.CaptureFixture[str]) -> None:
        """
        `--json` is in the help of each verb, once.
        """
        texts: list[Any] = []
        for _ in range(2):
            run(["check", "--help"], Interaction())
            texts.append(capsys.readouterr().out)

        assert texts[0] == texts[1]
        assert texts[0].count("--json") == 1
