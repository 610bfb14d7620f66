"""Each verb does what its one line of help says, on a workspace of five values."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.commands import Interaction, Stream, run
from oneiric_lab.errors import (
    FileAccessError,
    InvalidConfigError,
    NotAllowedError,
    OneiricError,
    ParseError,
    UnknownPathError,
    UnknownProfileError,
    UsageError,
)
from oneiric_lab.lab import Applied, Check, History, Plan, Status, ValueDiff
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    Ask = Callable[..., Any]


ROOT = Path(__file__).parents[2]

PROJECT = """\
# what the shop says
[app]
name = "shop"

[server]
host = "127.0.0.1"
port = 8080   # everybody knows it

[profiles.prod.server]
port = 443

[plugins]
auto_load = false
"""


SAMPLE_WITHOUT_ROOM = """
import resource, sys; from pathlib import Path
from oneiric_lab.lab import copy_sample
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
copy_sample(Path(sys.argv[1]))
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a workspace of five values."""
    return Workspace(tmp_path).project(PROJECT)


@pytest.fixture
def ask(workspace: Workspace) -> Callable[..., Any]:
    """Return what runs one verb on the small workspace, as a new process would."""

    def asked(*words: str, body: str | None = None) -> Any:
        return run(["-C", str(workspace.path), *words], Interaction(body=lambda: body))

    return asked


class TestAWorkspaceThatCannotBeRead:
    @pytest.mark.parametrize("leads", ["oneiric.toml", "nowhere.toml"])
    def test_a_link_that_leads_nowhere(self, tmp_path: Path, leads: str) -> None:
        """
        It is a workspace whose file cannot be read, and not none.
        """
        (tmp_path / "oneiric.toml").symlink_to(leads)

        with pytest.raises(InvalidConfigError, match=r"oneiric\.toml"):
            run(["-C", str(tmp_path), "check"], Interaction())


class TestStatus:
    def test_no_verb_shows_the_first_screen(self, ask: Ask) -> None:
        """
        Without a verb the workspace is told at a glance.
        """
        status = ask()

        assert isinstance(status, Status)
        assert status.known_profiles == ("prod",)


class TestShow:
    def test_shows_what_somebody_said(self, ask: Ask) -> None:
        """
        Every value that a layer says is shown with its place; defaults are not.
        """
        values = ask("show").as_dict()

        assert values["origins"]["server.port"] == "oneiric.toml:7:8"
        assert not any(path.startswith("logging") for path in values["origins"])

    def test_all_includes_defaults_of_built_in_tables(self, ask: Ask) -> None:
        """
        `--all` shows what nobody said too.
        """
        values = ask("show", "--all").as_dict()

        assert "schema default" in values["origins"].values()

    def test_a_path_shows_what_is_below(self, ask: Ask) -> None:
        """
        A table is shown leaf by leaf, a leaf by itself.
        """
        assert ask("show", "server").as_dict()["value"] == {"host": "127.0.0.1", "port": 8080}
        assert ask("show", "server.port").as_dict()["value"] == 8080
        assert "server.port: 1 in force" in str(ask("show", "server.port"))

    def test_unknown_path_is_told_with_the_nearest(self, ask: Ask) -> None:
        """
        A misspelt path is an error with a hint, not an empty table.
        """
        with pytest.raises(UnknownPathError, match=r"no value server\.prot") as caught:
            ask("show", "server.prot")

        assert "did you mean `server.port`?" in str(caught.value)


class TestOrigin:
    def test_says_file_line_and_column(self, ask: Ask) -> None:
        """
        The place of a value is file, line and column.
        """
        where = ask("origin", "server.port")

        expected = {"layer": "project", "file": "oneiric.toml", "line": 7, "column": 8}
        assert {"path": "server.port", "origin": expected} == where.as_dict()
        assert "server.port is said at oneiric.toml:7:8" in str(where)


class TestExplain:
    def test_value_has_the_stable_shape(self, ask: Ask) -> None:
        """
        `explain PATH --json` has the shape that scripts rely on.
        """
        found = ask("--set", "server.port=9", "explain", "server.port").as_dict()

        project = {"layer": "project", "file": "oneiric.toml", "line": 7, "column": 8}
        assert [*found] == ["target", "value", "secret", "origin", "decided_by", "contributions"]
        assert (found["target"], found["value"], found["secret"]) == ("server.port", 9, False)
        assert found["origin"]["layer"] == "set"
        assert [c["state"] for c in found["contributions"]] == ["wins", "shadowed"]
        assert {
            "layer": "project",
            "value": 8080,
            "state": "shadowed",
            "origin": project,
        } == found["contributions"][1]

    def test_why_not_is_about_components(self, ask: Ask) -> None:
        """
        A value has no provider; the error says what to ask instead.
        """
        with pytest.raises(UsageError, match="asks about a component"):
            ask("explain", "server.port", "--why-not", "redis")

    def test_unknown_domain_is_told_with_the_nearest(self, ask: Ask) -> None:
        """
        `adaptor:cache` has a hint.
        """
        with pytest.raises(UsageError, match="did you mean `adapter`"):
            ask("explain", "adaptor:cache")


class TestList:
    def test_without_components_says_so(self, ask: Ask) -> None:
        """
        A workspace of values only has an empty list.
        """
        assert "0 components" in str(ask("list"))

    def test_unknown_domain_is_told_with_the_nearest(self, ask: Ask) -> None:
        """
        A misspelt domain is an error with a hint.
        """
        with pytest.raises(UsageError, match="unknown domain `adapters`") as caught:
            ask("list", "adapters")

        assert "did you mean `adapter`?" in str(caught.value)


class TestCheck:
    def test_sound(self, ask: Ask) -> None:
        """
        A sound workspace answers yes.
        """
        check = ask("check")

        assert isinstance(check, Check)
        assert (check.ok, check.exit_code) == (True, 0)

    def test_all_profiles_tells_the_one_that_is_not(self, ask: Ask, workspace: Workspace) -> None:
        """
        A fault in a profile that is not active is found by `--all-profiles` only.
        """
        workspace.profile("eu", "[server\n")

        assert ask("check").ok
        found = ask("check", "--all-profiles")
        assert found.exit_code == 2
        assert [names for names, faults in found.rows if faults] == [("eu",)]


class TestPlan:
    def test_writes_nothing(self, ask: Ask, workspace: Workspace) -> None:
        """
        A plan has the stable shape, and the file stays as it is.
        """
        plan = ask("plan", "--set", "server.port=9090")

        found = plan.as_dict()
        assert [*found][:3] == ["values", "components", "problems"]
        (value,) = found["values"]
        assert [*value] == ["path", "old", "new", "old_origin", "new_origin"]
        assert (value["path"], value["old"], value["new"]) == ("server.port", 8080, 9090)
        assert (workspace.path / "oneiric.toml").read_text() == PROJECT

    @pytest.mark.parametrize("words", [("plan",), ("plan", "-")])
    def test_text_of_the_cell_or_of_standard_input(self, ask: Ask, words: tuple[str, ...]) -> None:
        """
        Text is a TOML document; `-` asks for it by name.
        """
        plan = ask(*words, body="[server]\nport = 1\nhost = 'x'\n")

        assert sorted(v["path"] for v in plan.as_dict()["values"]) == ["server.host", "server.port"]

    def test_a_file(self, ask: Ask, tmp_path: Path) -> None:
        """
        A file is read, a byte order mark at its begin too.
        """
        file = tmp_path / "change.toml"
        file.write_bytes(b"\xef\xbb\xbf[server]\r\nport = 1\r\n")

        assert ask("plan", str(file)).as_dict()["values"][0]["new"] == 1

    def test_a_file_that_is_not_utf8(self, ask: Ask, tmp_path: Path) -> None:
        """
        Bytes that are no text are told with their place.
        """
        file = tmp_path / "change.toml"
        file.write_bytes(b"a = 'caf\xe9'")

        with pytest.raises(UsageError, match=r"byte 8 of .* is not UTF-8"):
            ask("plan", str(file))

    def test_a_file_that_is_missing(self, ask: Ask) -> None:
        """
        A missing file is an error.
        """
        with pytest.raises(FileAccessError, match=r"no such file: gone\.toml"):
            ask("plan", "gone.toml")

    def test_text_that_is_no_toml(self, ask: Ask) -> None:
        """
        A text that cannot be parsed is told with line and column.
        """
        with pytest.raises(ParseError, match="<plan>:1:"):
            ask("plan", "-", body="server.port =")

    def test_text_and_options_together(self, ask: Ask) -> None:
        """
        Two ways to say changes at once are refused.
        """
        with pytest.raises(UsageError, match="together"):
            ask("plan", "-", "--set", "server.port=1", body="a = 1")

    @pytest.mark.parametrize("body", [None, "", " \n"])
    def test_nothing(self, ask: Ask, body: str | None) -> None:
        """
        No change at all is refused, with an example.
        """
        with pytest.raises(UsageError, match="nothing to plan"):
            ask("plan", body=body)

    def test_a_file_with_a_fault(self, ask: Ask, tmp_path: Path) -> None:
        """
        The fault stands in the file that was given, at its line and column.
        """
        file = tmp_path / "change.toml"
        file.write_text("[server]\nport = eighty\n")

        with pytest.raises(ParseError) as caught:
            ask("plan", str(file))

        assert f"--> {file}:2:8" in str(caught.value)

    def test_unset(self, ask: Ask) -> None:
        """
        `--unset` removes what the layer says.
        """
        (value,) = ask("plan", "--unset", "server.host").as_dict()["values"]

        assert (value["path"], value["old"], value["new"]) == ("server.host", "127.0.0.1", None)

    def test_problems_answer_no(self, ask: Ask) -> None:
        """
        A plan with problems answers no, and shows them.
        """
        plan = ask("plan", "--set", "app.nmae=x")

        assert plan.exit_code == 1
        assert "app.nmae" in plan.as_dict()["problems"][0]["message"]


class TestApply:
    def test_does_what_the_plan_shows(self, ask: Ask, workspace: Workspace) -> None:
        """
        Values are written; comments and layout stay.
        """
        applied = ask("apply", "--set", "server.port=9090", "--unset", "server.host")

        assert isinstance(applied, Applied)
        text = (workspace.path / "oneiric.toml").read_text()
        assert PROJECT.replace("8080 ", "9090 ").replace('host = "127.0.0.1"\n', "") == text

    def test_dry_run_is_the_plan(self, ask: Ask, workspace: Workspace) -> None:
        """
        `--dry-run` writes nothing.
        """
        assert isinstance(ask("apply", "--dry-run", "--set", "server.port=1"), Plan)
        assert (workspace.path / "oneiric.toml").read_text() == PROJECT

    def test_all_or_nothing(self, ask: Ask, workspace: Workspace) -> None:
        """
        With one problem nothing is written.
        """
        with pytest.raises(InvalidConfigError):
            ask("apply", "--set", "server.port=1", "--set", "app.nmae=x")

        assert (workspace.path / "oneiric.toml").read_text() == PROJECT


class TestSetUnsetUndoHistory:
    def test_set_writes_and_undo_gives_the_bytes_back(self, ask: Ask, workspace: Workspace) -> None:
        """
        Undo, asked by another process, restores the exact bytes; history tells both.
        """
        file = workspace.path / "oneiric.toml"

        applied = ask("set", "server.port=1")
        assert "port = 1   # everybody knows it" in file.read_text()
        undone = ask("undo")

        assert file.read_text() == PROJECT
        assert (applied.verb, undone.verb) == ("apply", "undo")
        history = ask("history")
        assert isinstance(history, History)
        assert [entry.verb for entry in history.entries] == ["undo", "apply"]
        assert len(ask("history", "--limit", "1").entries) == 1

    def test_set_to_a_layer(self, ask: Ask, workspace: Workspace) -> None:
        """
        `--layer` names who says it.
        """
        ask("set", "server.port=1", "--layer", "local")

        assert "port = 1" in (workspace.path / "oneiric.local.toml").read_text()
        assert (workspace.path / "oneiric.toml").read_text() == PROJECT

    def test_dry_run(self, ask: Ask, workspace: Workspace) -> None:
        """
        `--dry-run` of `set` and `unset` shows the plan and writes nothing.
        """
        assert isinstance(ask("set", "server.port=1", "--dry-run"), Plan)
        assert isinstance(ask("unset", "server.port", "--dry-run"), Plan)
        assert (workspace.path / "oneiric.toml").read_text() == PROJECT

    def test_unset_brings_back_what_lower_layers_say(self, ask: Ask, workspace: Workspace) -> None:
        """
        What was said below is in force again.
        """
        workspace.local("[server]\nport = 1\n")

        ask("unset", "server.port", "--layer", "local")

        assert ask("show", "server.port").as_dict()["value"] == 8080

    def test_nothing_to_take_back(self, ask: Ask) -> None:
        """
        Undo without a change is an error.
        """
        with pytest.raises(UsageError, match="no change to take back"):
            ask("undo")

    def test_a_change_without_a_value(self, ask: Ask) -> None:
        """
        `set server.port` lacks its value.
        """
        with pytest.raises(UsageError):
            ask("set", "server.port")


class TestDiff:
    def test_tells_what_differs(self, ask: Ask) -> None:
        """
        Two configurations are compared by value; exit 1 where they differ.
        """
        diff = ask("diff", "now", "profile:prod")

        assert isinstance(diff, ValueDiff)
        assert [value.path for value in diff.values] == ["server.port"]
        assert (diff.exit_code, ask("diff", "now", "now").exit_code) == (1, 0)

    def test_a_side_that_is_none(self, ask: Ask) -> None:
        """
        An unknown side is told with the known forms.
        """
        with pytest.raises(UsageError, match="profile:prod"):
            ask("diff", "now", "prod")


class TestSchema:
    def test_is_a_schema_that_the_file_fulfils(self, ask_shop: Ask) -> None:
        """
        The printed JSON Schema is one, and knows the user's own tables.
        """
        jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema")

        schema = ask_shop("schema").as_dict()

        jsonschema.Draft202012Validator.check_schema(schema)
        assert {"server", "app", "adapters"} <= schema["properties"].keys()
        assert '"server"' in str(ask_shop("schema"))


class TestPlugins:
    def test_lists_without_import(self, ask: Ask) -> None:
        """
        Installed plugins are told with their descriptors.
        """
        found = ask("plugins")

        assert {"distribution", "version", "package", "descriptor", "problem"} == {
            key for row in found.as_dict()["plugins"] for key in row
        } or not found.found
        assert "none imported" in str(found)

    def test_no_plugin_is_told(self, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Where nothing is installed, that is said.
        """
        monkeypatch.setattr("sys.path", [])

        assert "no plugin is installed" in str(ask("plugins"))

    def test_probe_quarantines_what_does_not_import(self, ask: Ask, workspace: Workspace) -> None:
        """
        Every factory is imported in a process of its own; one that fails answers no.
        """
        workspace.project('[plugins]\nauto_load = false\npackages = ["own"]\n').file(
            "own/__init__.py", ""
        )
        workspace.file("own/good.py", "def make(): return 1\n").file(
            "own/bad.py", "raise SystemExit"
        )
        candidate = '[[candidates]]\ndomain = "task"\nkey = "t"\nprovider = "{0}"\n'
        candidate += 'factory = "own.{0}:make"\n'
        workspace.file(
            "own/oneiric-plugin.toml",
            'schema = 1\n[plugin]\nname = "own"\n'
            + candidate.format("good")
            + candidate.format("bad"),
        )
        ask("allow")
        seen: list[tuple[int, int]] = []
        interaction = Interaction(progress=lambda done, total, note: seen.append((done, total)))

        found: Any = run(["-C", str(workspace.path), "plugins", "--probe"], interaction)

        assert found.exit_code == 1
        assert {c.provider: r.ok for c, r in found.rows} == {"good": True, "bad": False}
        assert seen == [(1, 2), (2, 2)]
        assert [out["provider"] for out in ask("explain", "task:t").as_dict()["rejected"]] == [
            "bad"
        ]
        assert ask("plugins", "--only", "task:other").as_dict()["probed"] == []


class TestAllow:
    def test_code_is_asked_for_once_and_again_after_a_change(
        self, ask: Ask, workspace: Workspace
    ) -> None:
        """
        Nothing is imported before `allow`, and a change of the code asks again.
        """
        code = workspace.path / "own.py"
        marker = workspace.path / "ran"
        workspace.project('[schema]\nmodel = "own:Model"\n')
        code.write_text(
            f"open({str(marker)!r}, 'a').close()\n"
            "from pydantic import BaseModel\nclass Model(BaseModel): port: int = 1\n"
        )

        with pytest.raises(NotAllowedError, match=r"oneiric-lab -C .* allow"):
            ask("show")
        assert not marker.exists()
        allowed = ask("allow")
        assert allowed.as_dict()["modules"] == ["own"]
        assert "may run" in str(allowed)
        assert ask("show", "port").as_dict()["value"] == 1
        code.write_text(code.read_text() + "# more\n")
        with pytest.raises(NotAllowedError):
            ask("show")

    def test_a_workspace_without_code(self, ask: Ask) -> None:
        """
        Where no code is named, nothing is let run.
        """
        assert "modules  none" in str(ask("allow"))


class TestInit:
    def test_makes_a_workspace_that_opens(self, tmp_path: Path) -> None:
        """
        A new workspace is sound at once.
        """
        made: Any = run(["init", str(tmp_path / "new")], Interaction())

        assert {"workspace": str(tmp_path / "new"), "sample": False} == made.as_dict()
        check: Any = run(["-C", str(tmp_path / "new"), "check"], Interaction())
        assert check.ok

    def test_c_names_the_folder_too(self, tmp_path: Path) -> None:
        """
        `-C DIR init` is `init DIR`.
        """
        run(["-C", str(tmp_path), "init"], Interaction())

        assert (tmp_path / "oneiric.toml").is_file()

    def test_keeps_what_is_there(self, ask: Ask, workspace: Workspace) -> None:
        """
        A workspace is not made twice.
        """
        with pytest.raises(UsageError, match="is a workspace already"):
            ask("init")

        assert (workspace.path / "oneiric.toml").read_text() == PROJECT

    def test_sample(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        The sample is copied, and says what to do next, as a shell takes it.
        """
        monkeypatch.chdir(tmp_path)

        made: Any = run(["init", "--sample", "my shop"], Interaction())

        assert "oneiric-lab -C 'my shop' allow" in str(made)
        assert (tmp_path / "my shop" / "shop" / "settings.py").is_file()

    @pytest.mark.parametrize("kind", ["folder", "file"])
    def test_sample_needs_an_empty_place(self, tmp_path: Path, kind: str) -> None:
        """
        Nothing of the user's is mixed with the sample.
        """
        place = tmp_path / "x"
        if kind == "file":
            place.write_text("mine")
        else:
            place.mkdir()
            (place / "mine").write_text("mine")

        with pytest.raises(UsageError, match="is not empty"):
            run(["init", "--sample", str(place)], Interaction())

    @pytest.mark.parametrize("words", [("init",), ("init", "--sample")])
    def test_a_folder_that_cannot_be_made(self, tmp_path: Path, words: tuple[str, ...]) -> None:
        """
        A place below a file is refused with its name.
        """
        (tmp_path / "file").write_text("mine")

        with pytest.raises(FileAccessError, match="cannot make the folder"):
            run([*words, str(tmp_path / "file" / "new")], Interaction())

    def test_a_full_disk(self, tmp_path: Path) -> None:
        """
        The sample is there as a whole or not at all.
        """
        done = subprocess.run(
            [sys.executable, "-c", SAMPLE_WITHOUT_ROOM, str(tmp_path / "s")],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )

        assert f"cannot copy the sample workspace to {tmp_path / 's'}: File too" in done.stderr
        assert list((tmp_path / "s").iterdir()) == []

    def test_interrupted(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Ctrl-C while the sample is copied leaves the folder as empty as it was.
        """

        def interrupted(source: Path, target: Path) -> None:
            if source.name == "settings.py":
                raise KeyboardInterrupt
            shutil.copyfile(source, target)

        monkeypatch.setattr(shutil, "copy2", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(["init", "--sample", str(tmp_path / "s")], Interaction())

        assert list((tmp_path / "s").iterdir()) == []

    @pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "ü", "\x7f", "\udcff"])
    def test_any_name_of_a_folder(self, tmp_path: Path, name: str) -> None:
        """
        What is written is TOML, whatever the folder is called.
        """
        run(["init", str(tmp_path / name)], Interaction())

        shown: Any = run(["-C", str(tmp_path / name), "show", "app.name"], Interaction())
        assert name.replace("\udcff", "?") == shown.as_dict()["value"]


class TestLab:
    def test_dry_run_shows_the_command(self, ask: Ask, workspace: Workspace) -> None:
        """
        `--dry-run` starts nothing.
        """
        pytest.importorskip("jupyterlab", reason="needs jupyterlab")

        found = ask("lab", "--dry-run")

        assert f"--ServerApp.root_dir={workspace.path}" in found.as_dict()["command"]
        assert "-m jupyterlab" in str(found)

    def test_makes_the_sample_where_there_is_nothing(self, tmp_path: Path) -> None:
        """
        In an empty folder the sample and the tutorials are made, and the tour is opened.
        """
        pytest.importorskip("jupyterlab", reason="needs jupyterlab")

        found: Any = run(["-C", str(tmp_path / "new"), "lab", "--dry-run"], Interaction())

        assert (tmp_path / "new" / "shop" / "settings.py").is_file()
        assert "--LabApp.default_url=/lab/tree/00-tour.ipynb" in found.as_dict()["command"]

    def test_a_folder_of_something_else_is_left_alone(self, tmp_path: Path) -> None:
        """
        A folder that holds other things is not filled.
        """
        pytest.importorskip("jupyterlab", reason="needs jupyterlab")
        (tmp_path / "mine").write_text("mine")

        with pytest.raises(UsageError, match="not empty"):
            run(["-C", str(tmp_path), "lab", "--dry-run"], Interaction())

        assert [path.name for path in tmp_path.iterdir()] == ["mine"]

    @pytest.mark.parametrize(
        ("environ", "is_root", "options"),
        [
            ({}, False, {"--no-browser"}),
            ({"DISPLAY": ":0"}, False, set()),
            ({"WAYLAND_DISPLAY": "w"}, True, {"--allow-root"}),
        ],
    )
    def test_options_of_the_server(
        self,
        environ: dict[str, str],
        options: set[str],
        monkeypatch: pytest.MonkeyPatch,
        *,
        is_root: bool,
    ) -> None:
        """
        Without a display no browser is started; only root is told that it may run.
        """
        from oneiric_lab.commands._lab import arguments

        monkeypatch.setattr("sys.platform", "linux")
        words = arguments(Path("/w"), None, environ, is_root=is_root)

        assert options == {w for w in words if w in {"--no-browser", "--allow-root"}}

    def test_nobody_is_asked_about_news(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        The server finds our defaults behind those that somebody named, and reads them.
        """
        import os

        from jupyter_server.services.config import ConfigManager

        from oneiric_lab.commands._lab import environment

        found = environment({"JUPYTER_CONFIG_PATH": "/theirs", "A": "b"})
        theirs, ours = found["JUPYTER_CONFIG_PATH"].split(os.pathsep)
        monkeypatch.setenv("JUPYTER_CONFIG_PATH", ours)
        # As jupyterlab_server reads it.
        said = ConfigManager(config_dir_name="labconfig").get("default_setting_overrides")  # type: ignore[no-untyped-call]  # has no types

        assert (theirs, found["A"]) == ("/theirs", "b")
        assert said["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"

    def test_without_jupyterlab_the_extra_is_named(
        self, ask: Ask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        The error says what to install.
        """
        monkeypatch.setattr("oneiric_lab.commands._lab.find_spec", lambda name: None)

        with pytest.raises(OneiricError, match=r"oneiric-lab\[lab\]"):
            ask("lab")

    def test_ends_as_the_server_ends(self, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        The exit code is that of JupyterLab.
        """
        monkeypatch.setattr("oneiric_lab.commands._lab.find_spec", lambda name: True)
        monkeypatch.setattr(
            "oneiric_lab.commands._lab.arguments",
            lambda *given, **more: ("sh", "-c", "exit 7"),
        )

        with pytest.raises(SystemExit) as caught:
            ask("lab")

        assert caught.value.code == 7


class TestDoctor:
    def test_names_what_is_missing_and_the_command(
        self, ask: Ask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A part that is not installed is told with the extra that brings it.
        """
        monkeypatch.setattr("oneiric_lab.commands._doctor.version", lambda name: None)
        monkeypatch.setenv("SHELL", "/usr/bin/fish")

        found = ask("doctor").as_dict()

        fixes = {row["part"]: row["fix"] for row in found["parts"]}
        assert fixes["pyyaml"] == "pip install 'oneiric-lab[yaml]'"
        assert "fish_source" in found["completion"]
        assert found["workspace"][0]["ok"]

    def test_says_when_the_workspace_does_not_open(self, ask: Ask, workspace: Workspace) -> None:
        """
        A fault of the workspace does not keep the doctor from answering.
        """
        workspace.project("[server\n")

        assert "does not open: 1 fault" in str(ask("doctor"))

    def test_works_without_a_workspace(self, tmp_path: Path) -> None:
        """
        Outside of a workspace only the installation is told.
        """
        found: Any = run(["-C", str(tmp_path), "doctor"], Interaction())

        assert found.as_dict()["workspace"] == []

    def test_says_what_is_damaged_once(self, ask: Ask, workspace: Workspace) -> None:
        """
        A store that cannot be read is told once, whoever met it.
        """
        workspace.file(".oneiric/state.db", "no database")

        assert str(ask("doctor")).count("history is damaged") == 1

    def test_says_when_the_model_can_be_changed(self, ask: Ask, workspace: Workspace) -> None:
        """
        A schema that is not frozen is told, with what to write.
        """
        workspace.project('[schema]\nmodel = "thawed:Model"\n').file(
            "thawed.py", "from pydantic import BaseModel\nclass Model(BaseModel): port: int = 1\n"
        )
        ask("allow")

        assert "ConfigDict(frozen=True)" in str(ask("doctor"))


class TestWatch:
    def test_is_a_stream_that_nobody_started(self, ask: Ask) -> None:
        """
        A door decides how results that never end are shown.
        """
        stream = ask("watch", "--interval", "0.01")

        assert isinstance(stream, Stream)
        assert stream.name == "watch"


class TestGlobalOptions:
    def test_profile(self, ask: Ask) -> None:
        """
        Profiles stack, and an unknown one is told with the known.
        """
        assert ask("--profile", "prod", "show", "server.port").as_dict()["value"] == 443
        with pytest.raises(UnknownProfileError, match="did you mean `prod`"):
            ask("--profile", "prd", "show")

    def test_config_stands_above_profiles_and_set_above_it(self, ask: Ask, tmp_path: Path) -> None:
        """
        `--config` adds a file, `--set` a value.
        """
        file = tmp_path / "more.toml"
        file.write_text("[server]\nport = 7\n")
        words = ("--profile", "prod", "--config", str(file))

        assert ask(*words, "show", "server.port").as_dict()["value"] == 7
        more = (*words, "--set", "server.port=8")
        assert ask(*more, "show", "server.port").as_dict()["value"] == 8

    def test_policy_locks(self, ask: Ask, tmp_path: Path) -> None:
        """
        What `--policy` says holds; who differs is told at its own place.
        """
        file = tmp_path / "policy.toml"
        file.write_text("[server]\nport = 1\n")

        with pytest.raises(OneiricError, match=r"oneiric\.toml:7:8"):
            ask("--policy", str(file), "show")

    def test_no_workspace(self, tmp_path: Path) -> None:
        """
        A folder that is none is told with how to make one.
        """
        with pytest.raises(UsageError, match="oneiric-lab init"):
            run(["-C", str(tmp_path), "show"], Interaction())

    def test_json_is_what_scripts_read(self, ask: Ask) -> None:
        """
        Every result turns into JSON and back without loss.
        """
        for words in (("show",), ("check",), ("history",), ("doctor",), ("plugins",), ("list",)):
            result = ask(*words)
            assert result.as_dict() == json.loads(result.to_json())
