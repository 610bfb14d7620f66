"""`%oneiric` in a kernel: results, errors, help, the notebook's own lab, jobs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import OneiricError, UsageError
from oneiric_lab.jobs import Job
from oneiric_lab.lab import Lab

if TYPE_CHECKING:
    from pathlib import Path


class TestMagic:
    def test_returns_the_result(self, shell: Any) -> None:
        """
        The result is an object: it can be assigned, and asked.
        """
        done = shell.run_cell("found = %oneiric explain server.port\nfound.as_dict()['value']")

        assert done.result == 8080

    def test_lands_in_underscore(self, shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
        """
        A result that is shown is `_` afterwards, and its text is what the shell prints.
        """
        shell.run_cell("%oneiric explain server.port", store_history=True)

        assert "explain server.port -> 8080" in capsys.readouterr().out
        assert shell.run_cell("_.target").result == "server.port"

    def test_options_about_looks_are_those_of_the_shell(self, shell: Any) -> None:
        """
        `--json` gives data, `-q` nothing; width and colour are the display's affair.
        """
        magic = shell.run_line_magic

        assert magic("oneiric", "show server.port --json")["value"] == 8080
        assert magic("oneiric", "-q show") is None
        assert magic("oneiric", "--width 50 --no-color check -v").ok

    def test_the_cell_is_the_text(self, shell: Any) -> None:
        """
        `%%oneiric plan` takes the cell below as TOML, never as options.
        """
        plan = shell.run_cell_magic("oneiric", "plan", "[server]\nport = 1\n# --json\n")

        assert plan.as_dict()["values"][0]["new"] == 1
        assert plan.as_dict()["layer"] == "session"
        with pytest.raises(UsageError, match="nothing to plan"):
            shell.run_line_magic("oneiric", "plan")

    def test_session_values_stay_for_the_kernel(self, shell: Any, folder: Path) -> None:
        """
        `set` speaks to this kernel only, and writes no file.
        """
        before = (folder / "oneiric.toml").read_bytes()

        shell.run_line_magic("oneiric", "set server.port=1")

        assert shell.run_line_magic("oneiric", "show server.port").value == 1
        assert (folder / "oneiric.toml").read_bytes() == before

    def test_an_edit_by_hand_is_seen(self, shell: Any, folder: Path) -> None:
        """
        A file that was saved in an editor counts at the next question.
        """
        shell.run_line_magic("oneiric", "show")
        file = folder / "oneiric.toml"

        file.write_text(file.read_text().replace("8080", "9090"))

        assert shell.run_line_magic("oneiric", "show server.port").value == 9090

    def test_variables_of_the_notebook(self, shell: Any) -> None:
        """
        IPython's own `{name}` works in a line.
        """
        shell.run_cell("wanted = 7")

        shell.run_cell("%oneiric set server.port={wanted}")

        assert shell.run_line_magic("oneiric", "show server.port").value == 7

    def test_the_folder_is_remembered(self, shell: Any, tmp_path: Path) -> None:
        """
        After `-C DIR` further questions are about that workspace.
        """
        other = tmp_path / "other"
        other.mkdir()
        (other / "oneiric.toml").write_text('[app]\nname = "other"\n')

        shell.run_line_magic("oneiric", f"-C '{other}'")

        assert shell.run_line_magic("oneiric", "show app.name").value == "other"
        assert shell.run_line_magic("oneiric", "-C . show app.name").value == "shop"

    def test_lab_shows_the_command_only(self, shell: Any) -> None:
        """
        A kernel starts no second JupyterLab, and is not blocked by one.
        """
        pytest.importorskip("jupyterlab", reason="needs jupyterlab")

        assert "jupyterlab" in shell.run_line_magic("oneiric", "lab").words


class TestOwnLab:
    def test_the_magic_speaks_of_the_notebooks_lab(self, shell: Any, tmp_path: Path) -> None:
        """
        Where the notebook has a `lab`, it is the one that `%oneiric` asks and changes.
        """
        other = tmp_path / "other"
        other.mkdir()
        (other / "oneiric.toml").write_text(
            "[server]\nport = 1\n[profiles.prod.server]\nport = 2\n"
        )
        lab = shell.user_ns["lab"] = Lab.open(other, environ={})

        shell.run_line_magic("oneiric", "set server.port=5")

        assert lab.value("server.port") == 5
        assert shell.run_line_magic("oneiric", "--profile prod show server.port").value == 2
        assert shell.run_line_magic("oneiric", "allow").workspace == "other"

    def test_another_thing_of_that_name(self, shell: Any) -> None:
        """
        A variable that is no lab is left alone.
        """
        shell.user_ns["lab"] = "chemistry"

        assert shell.run_line_magic("oneiric", "show app.name").value == "shop"


class TestErrors:
    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("explan", "did you mean `explain`"),
            ("explain --ned x", "%oneiric explain --help"),
            ("show 'a", "No closing quotation"),
            ("--width x", "number of columns"),
            ("explain server.prot", "did you mean `server.port`"),
        ],
    )
    def test_a_misused_magic_is_our_own_error(self, shell: Any, line: str, message: str) -> None:
        """
        IPython's UsageError would pass a strict run of the notebook unseen.
        """
        with pytest.raises(OneiricError) as caught:
            shell.run_line_magic("oneiric", line)

        assert message in str(caught.value)

    def test_the_card_has_no_traceback(
        self, shell: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """
        What is shown is the fault, and no line of our code.
        """
        done = shell.run_cell("%oneiric explain server.prot")

        assert isinstance(done.error_in_exec, OneiricError)
        shown = "".join(capsys.readouterr())
        assert shown.startswith("error: no value server.prot")
        assert "Traceback" not in shown
        assert ".py" not in shown


class TestHelp:
    @pytest.mark.parametrize(
        ("cell", "line"),
        [
            ("%oneiric?", "--help"),
            ("%oneiric explain?", "explain --help"),
            ("%oneiric explain ??", "explain --help"),
            ("%%oneiric plan --layer project?", "plan --layer project --help"),
            ("%oneiric explain adapter:cache?", "explain adapter:cache --help"),
        ],
    )
    def test_a_question_mark_asks_for_help(self, shell: Any, cell: str, line: str) -> None:
        """
        `?` behind a verb is its `--help`.
        """
        assert shell.transform_cell(cell) == f"get_ipython().run_line_magic('oneiric', '{line}')\n"

    @pytest.mark.parametrize("cell", ["len?", "%oneiric explain a?\n1", "x = 1  # %oneiric?"])
    def test_others_questions_are_left_alone(self, shell: Any, cell: str) -> None:
        """
        IPython's own `?` works as before.
        """
        assert "--help" not in shell.transform_cell(cell)


class TestWatch:
    def test_is_a_job(self, shell: Any, folder: Path) -> None:
        """
        `%oneiric watch` returns at once; the kernel stays free, and `cancel` ends it.
        """
        job = shell.run_line_magic("oneiric", "watch --interval 0.02")
        assert isinstance(job, Job)
        file = folder / "oneiric.toml"

        def until(words: str) -> None:
            for _ in range(500):
                if words in str(job):
                    return
                time.sleep(0.02)
            raise AssertionError(f"{words!r} never came: {job}")

        until("waiting for changes")
        time.sleep(0.3)
        file.write_text(file.read_text().replace("8080", "9090"))
        until("oneiric.toml: 1 value")
        assert job.cancel()
        for _ in range(500):
            if job.is_ended:
                break
            time.sleep(0.02)

        assert job.state == "cancelled"
        assert repr(job) == "<Job: watch: cancelled>"


class TestProbe:
    def test_is_a_job(self, shell: Any) -> None:
        """
        `%oneiric plugins --probe` returns at once, tells how far it is, and has a result.
        """
        job = shell.run_line_magic("oneiric", "plugins --probe --only action:digest")
        assert isinstance(job, Job)

        probed = job.result(timeout=60)

        assert [(c.provider, r.ok) for c, r in probed.rows] == [("hashlib", True)]
        assert str(job.progress).startswith("1 of 1")

    def test_a_cancelled_one_ends(self, shell: Any) -> None:
        """
        What runs is ended with its process; the rest is not started.
        """
        job = shell.run_line_magic("oneiric", "plugins --probe")
        assert job.cancel()
        for _ in range(1000):
            if job.is_ended:
                break
            time.sleep(0.02)

        assert job.state == "cancelled"


class TestLoad:
    def test_twice_is_once(self, shell: Any) -> None:
        """
        Loading again registers nothing twice.
        """
        matchers = len(shell.Completer.custom_matchers)

        shell.run_line_magic("reload_ext", "oneiric_lab")

        assert len(shell.Completer.custom_matchers) == matchers

    def test_unload_leaves_nothing(self, shell: Any) -> None:
        """
        Magic, completion and help go; unloading twice is no error.
        """
        from oneiric_lab.notebook import unload

        unload(shell)
        unload(shell)

        assert "oneiric" not in shell.magics_manager.magics["line"]
        assert not shell.Completer.custom_matchers
        assert shell.transform_cell("%oneiric explain?") != "%oneiric explain --help\n"

    def test_unload_after_others_cleaned_up(self, shell: Any) -> None:
        """
        Another extension may have cleared the lists; that is no error.
        """
        from oneiric_lab.notebook import unload

        shell.Completer.custom_matchers.clear()
        shell.input_transformers_cleanup.clear()

        unload(shell)

        assert "oneiric" not in shell.magics_manager.magics["cell"]
