"""The shell's door: what is printed where, and the exit code."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.cli import main
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from oneiric_lab.views import Result

PROJECT = """\
[server]
port = 8080

[profiles.prod.server]
port = 443

[plugins]
auto_load = false
"""


@pytest.fixture
def workspace(tmp_path: Any) -> Workspace:
    """Return a small workspace."""
    return Workspace(tmp_path).project(PROJECT)


class Shell:
    """Runs the command line as a shell does, in this process."""

    def __init__(self, folder: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._folder = folder
        self._capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Return the exit code, standard output and standard error."""
        code = main(["-C", self._folder, *words])
        captured = self._capsys.readouterr()
        return code, captured.out, captured.err


@pytest.fixture
def shell(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> Shell:
    """Return a shell in the small workspace."""
    return Shell(str(workspace.path), capsys)


class TestExitCodes:
    def test_done(self, shell: Shell) -> None:
        """
        0 where it was done; nothing on standard error.
        """
        code, out, err = shell("explain", "server.port")

        assert (code, err) == (0, "")
        assert out.startswith("explain server.port -> 8080")

    @pytest.mark.parametrize(
        "words",
        [
            ("diff", "now", "profile:prod"),
            ("plan", "--set", "app.nmae=x"),
            ("explain", "adapter:cache"),
        ],
    )
    def test_the_answer_is_no(self, shell: Shell, words: tuple[str, ...]) -> None:
        """
        1 where they differ, where a plan has problems, where nobody provides it.
        """
        assert shell(*words)[0] == 1

    @pytest.mark.parametrize(
        "words",
        [("explan",), ("explain", "--ned"), ("--profile", "prd"), ("show", "a.b"), ("--width",)],
    )
    def test_a_fault(self, shell: Shell, words: tuple[str, ...]) -> None:
        """
        2 for usage and configuration; the fault is on standard error alone.
        """
        code, out, err = shell(*words)

        assert (code, out) == (2, "")
        assert err.startswith("error: ")

    def test_check_that_is_not_sound(self, shell: Shell, workspace: Workspace) -> None:
        """
        `check --all-profiles` answers 2 for CI, with the faults on standard output.
        """
        workspace.profile("eu", "[server\n")

        code, out, _ = shell("check", "--all-profiles")

        assert code == 2
        assert "oneiric.eu.toml:1:" in out

    def test_cancelled(self, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        130 for Ctrl-C, without a traceback.
        """

        def interrupted() -> bytes:
            raise KeyboardInterrupt

        class Pipe(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                return interrupted()

        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(Pipe()))

        assert shell("plan", "-") == (130, "", "")

    def test_what_nobody_foresaw(self, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A fault of ours is 2 and never 1, which is an answer; JSON stays JSON.
        """

        def fail(*given: object) -> None:
            raise ZeroDivisionError("half of nothing")

        monkeypatch.setattr("oneiric_lab.cli._main.run", fail)

        code, out, err = shell("check")
        assert (code, out) == (2, "")
        assert err.startswith("Traceback")
        assert err.endswith(
            "error: Oneiric Lab itself failed: ZeroDivisionError: half of nothing\n"
            "  help: report it, with the traceback and what you ran\n"
        )
        code, out, _ = shell("--json", "check")
        assert (code, json.loads(out)["error"]["code"]) == (2, "internal")

    def test_arguments_of_the_process(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """
        Without arguments `main` takes those of the process.
        """
        monkeypatch.setattr("sys.argv", ["oneiric-lab", "--version"])

        assert main() == 0
        assert capsys.readouterr().out.startswith("oneiric-lab ")


class TestJson:
    def test_a_result(self, shell: Shell) -> None:
        """
        `--json` stands before or behind the verb.
        """
        before, behind = shell("--json", "show", "server"), shell("show", "server", "--json")

        assert before == behind
        assert json.loads(before[1])["value"] == {"port": 8080}

    def test_an_error_is_on_standard_output(self, shell: Shell) -> None:
        """
        A fault has the stable shape, where a script reads results.
        """
        code, out, err = shell("--json", "show", "server.prot")

        assert (code, err) == (2, "")
        error = json.loads(out)["error"]
        assert {"code", "message", "where", "why", "fix"} <= error.keys()
        assert "did you mean `server.port`" in error["fix"]

    def test_an_error_of_the_command_line_itself(self, shell: Shell) -> None:
        """
        So has a misspelt option, though it was not understood.
        """
        code, out, _ = shell("--json", "--width", "x")

        assert (code, json.loads(out)["error"]["code"]) == (2, "usage")

    def test_no_winner(self, shell: Shell) -> None:
        """
        `explain` with nothing to explain answers 1, in JSON too.
        """
        code, out, _ = shell("--json", "explain", "adapter:cache")

        assert (code, json.loads(out)["error"]["code"]) == (1, "no-candidate")


class TestLooks:
    def test_quiet(self, shell: Shell) -> None:
        """
        `-q` prints errors only.
        """
        assert shell("-q", "check") == (0, "", "")
        assert shell("-q", "show", "nope")[2].startswith("error:")

    def test_verbose_tells_where_it_arose(self, shell: Shell) -> None:
        """
        `-v` adds the traceback, for a report about us; without it there is none.
        """
        assert "Traceback" in shell("-v", "show", "nope")[2]
        assert "Traceback" not in shell("show", "nope")[2]

    @pytest.mark.parametrize("width", [50, 80, 200])
    def test_width(self, shell: Shell, width: int) -> None:
        """
        No line of a table is wider than asked.
        """
        _, out, _ = shell("--width", str(width), "show")

        assert max(len(line) for line in out.splitlines()) <= width

    def test_colours_only_in_a_terminal(
        self, shell: Shell, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A terminal gets colours, unless it is asked not to.
        """
        assert "\x1b[" not in shell("show")[1]
        monkeypatch.setattr("oneiric_lab.cli._main._colors", lambda stream: True)
        assert "\x1b[" in shell("explain", "server.port")[1]
        assert "\x1b[" not in shell("--no-color", "explain", "server.port")[1]
        assert "\x1b[1;31merror:" in shell("show", "server.prot")[2]
        assert "\x1b[36m  help:" in shell("show", "server.prot")[2]
        assert "\x1b[" not in shell("--no-color", "show", "server.prot")[2]

    def test_no_color_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        NO_COLOR is honoured.
        """
        from oneiric_lab.cli._main import _colors

        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        monkeypatch.delenv("NO_COLOR", raising=False)
        assert _colors(Terminal())
        monkeypatch.setenv("NO_COLOR", "1")
        assert not _colors(Terminal())
        monkeypatch.delenv("NO_COLOR")
        monkeypatch.setenv("TERM", "dumb")
        assert not _colors(Terminal())


class TestStandardInput:
    def test_is_a_document(self, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        `plan -` and `apply -` read TOML from a pipe.
        """
        for verb in ("plan", "apply"):
            piped = io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbf[server]\r\nport = 1\r\n"))
            monkeypatch.setattr("sys.stdin", piped)
            code, out, _ = shell(verb, "-", "--json")
            assert (code, json.loads(out)["values"][0]["new"]) == (0, 1)

    def test_that_is_no_text(self, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Bytes that are not UTF-8 are told with their place.
        """
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a = '\xff'")))

        code, _, err = shell("plan", "-")

        assert code == 2
        assert "byte 5 of standard input is not UTF-8" in err

    def test_a_terminal_is_not_waited_for(
        self, shell: Shell, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        `plan` alone in a terminal says how to use it.
        """
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True)

        assert "nothing to plan" in shell("plan")[2]


class TestProgress:
    def test_one_line_of_a_terminal(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """
        Progress overwrites itself, and leaves nothing at the end.
        """
        from oneiric_lab.cli._main import _progress
        from oneiric_lab.commands import Looks

        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        draw = _progress(Looks())
        draw(1, 2, "a")
        draw(2, 2, "b")
        _progress(Looks(quiet=True))(1, 2, "quiet")

        assert capsys.readouterr().err == "\r\x1b[K1/2 a\r\x1b[K2/2 b\r\x1b[K"


class TestFollow:
    def test_results_are_printed_as_they_come(
        self, shell: Shell, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A stream that ends ends the command; each result is one line of JSON, or a text.
        """
        from oneiric_lab.commands import Stream
        from oneiric_lab.lab import Check

        async def two() -> AsyncGenerator[Result, None]:
            yield Check(())
            yield Check((((), ()),))

        monkeypatch.setattr("oneiric_lab.cli._main.run", lambda *given: Stream("watch", two))

        code, out, err = shell("watch", "--json")
        assert (code, [json.loads(line)["ok"] for line in out.splitlines()]) == (0, [True, True])
        assert "waiting for changes" in err
        code, out, err = shell("-q", "watch")
        assert (code, out, err) == (0, "", "")

    def test_a_reader_that_went_away(self, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A closed pipe is no error: whoever read has read enough.
        """
        read, write = os.pipe()
        os.close(read)
        with os.fdopen(write, "w", encoding="utf-8") as pipe:
            monkeypatch.setattr("sys.stdout", pipe)
            code, _, err = shell("show")

        assert (code, err) == (0, "")
