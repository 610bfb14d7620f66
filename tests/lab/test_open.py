"""Opening a workspace: whose code runs, what is found, and what is refused."""

from __future__ import annotations

import os
import py_compile
import sys
import tempfile
from importlib.machinery import all_suffixes
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import TYPE_CHECKING

import pytest

from oneiric_lab.errors import (
    InvalidConfigError,
    NotAllowedError,
    OneiricError,
    RegistryError,
    UnknownPathError,
    UsageError,
)
from oneiric_lab.lab import Lab, allow, code_modules, is_allowed, sample_source, tutorials
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

CODE = """
from oneiric_lab import component

@component("adapter:shelf", provider="here", version="1.0")
def make():
    return {}
"""


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """An empty folder; modules imported from it are forgotten again."""
    known = set(sys.modules)
    with Workspace() as made:
        yield made
    for name in set(sys.modules) - known:
        # A second copy of what is installed would not know the classes of the first.
        if tempfile.gettempdir() in str(sys.modules[name].__spec__):
            del sys.modules[name]


def files(root: Path) -> dict[str, bytes]:
    """Return every file below *root*."""
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def code(error: OneiricError) -> str:
    """Return the code of the first fault."""
    return error.faults[0].code


class TestOpen:
    def test_nothing_is_written(self, workspace: Workspace) -> None:
        """Opening and explaining leaves the folder as it was."""
        workspace.project("[server]\nport = 1\n")
        before = files(workspace.path)
        lab = workspace.open()
        lab.explain("server.port")
        lab.status()
        lab.check()
        assert files(workspace.path) == before

    def test_a_missing_folder(self, tmp_path: Path) -> None:
        """A folder that is not there is told with how to make a workspace."""
        with pytest.raises(UsageError) as caught:
            Lab.open(tmp_path / "nowhere")
        assert code(caught.value) == "no-workspace"
        assert "init" in str(caught.value)

    def test_a_mapping_of_values(self, workspace: Workspace) -> None:
        """`set=` takes a mapping and texts, and says where a value came from."""
        workspace.project("[server]\nport = 1\n")
        assert workspace.open(set={"server.port": 2}).value("server.port") == 2
        lab = workspace.open(set=["server.port=3"])
        assert str(lab.origin("server.port")) == "--set server.port"

    def test_the_environment_names_a_file(self, workspace: Workspace) -> None:
        """ONEIRIC_CONFIG adds a file above the profiles."""
        workspace.project("[server]\nport = 1\n").file("more.toml", "[server]\nport = 9\n")
        workspace.environ(ONEIRIC_CONFIG=str(workspace.path / "more.toml"))
        assert workspace.open().value("server.port") == 9

    def test_the_user_has_a_file(self, workspace: Workspace, tmp_path: Path) -> None:
        """The user's file stands below the project's."""
        home = tmp_path / "home" / ".config" / "oneiric-lab"
        home.mkdir(parents=True)
        (home / "oneiric.toml").write_text("[server]\nport = 1\nhost = 'mine'\n")
        workspace.project("[server]\nport = 2\n").environ(HOME=str(tmp_path / "home"))
        lab = workspace.open()
        assert (lab.value("server.port"), lab.value("server.host")) == (2, "mine")

    def test_it_is_a_context(self, workspace: Workspace) -> None:
        """A lab opens in a `with`, and says briefly what it is."""
        workspace.project("[server]\nport = 1\n")
        with workspace.open() as lab:
            assert "no profile" in repr(lab)
            assert "plan" in dir(lab)
            assert not [name for name in dir(lab) if name.startswith("_")]

    def test_stack_order_from_the_environment(self, workspace: Workspace) -> None:
        """ONEIRIC_STACK_ORDER stands above `[stack] order`."""
        workspace.project('[stack]\norder = ["a"]\n').environ(ONEIRIC_STACK_ORDER="b, c")
        assert workspace.open().registry.current.rules.stack_order == ("b", "c")


class TestWhoseCodeRuns:
    def test_code_is_refused_until_allowed(self, workspace: Workspace, tmp_path: Path) -> None:
        """A module of the workspace is imported only once it was allowed, by its digest."""
        workspace.project('[plugins]\nmodules = ["wiring_a"]\n').file("wiring_a.py", CODE)
        environ = {"ONEIRIC_STATE_DIR": str(tmp_path / "state")}
        with pytest.raises(NotAllowedError) as caught:
            workspace.open(trusted=False, environ=environ)
        assert "oneiric-lab allow" in str(caught.value)
        assert "wiring_a" not in sys.modules
        allow(workspace.path, ["wiring_a"], environ)
        assert is_allowed(workspace.path, ["wiring_a"], environ)
        lab = workspace.open(trusted=False, environ=environ)
        assert lab.registry.resolve("adapter", "shelf").provider == "here"
        workspace.file("wiring_a.py", CODE + "\n# more\n")
        with pytest.raises(NotAllowedError):
            workspace.open(trusted=False, environ=environ)

    def test_a_schema_is_code(self, workspace: Workspace, tmp_path: Path) -> None:
        """A model inside the workspace needs the same permission."""
        workspace.project('[schema]\nmodel = "shape_a:Model"\n')
        workspace.file("shape_a.py", "raise SystemExit('ran')\n")
        with pytest.raises(NotAllowedError):
            workspace.open(trusted=False, environ={"ONEIRIC_STATE_DIR": str(tmp_path)})

    def test_a_package_counts_with_all_its_files(
        self, workspace: Workspace, tmp_path: Path
    ) -> None:
        """Any file of an allowed package may not change unseen."""
        environ = {"ONEIRIC_STATE_DIR": str(tmp_path)}
        workspace.project('[plugins]\nmodules = ["pack.wiring"]\n')
        workspace.file("pack/__init__.py", "").file("pack/wiring.py", CODE)
        workspace.file("pack/other.py", "x = 1\n")
        assert code_modules(workspace.open().snapshot) == ["pack.wiring"]
        allow(workspace.path, ["pack.wiring"], environ)
        workspace.file("pack/other.py", "x = 2\n")
        assert not is_allowed(workspace.path, ["pack.wiring"], environ)

    @pytest.mark.parametrize("suffix", [".pyc", all_suffixes()[-1]])
    def test_code_without_a_source_is_code(
        self, workspace: Workspace, tmp_path: Path, suffix: str
    ) -> None:
        """Bytecode and compiled modules run on import as sources do."""
        environ = {"ONEIRIC_STATE_DIR": str(tmp_path / "state")}
        file = workspace.path / f"bare_a{suffix}"
        file.write_bytes(b"1")
        workspace.project('[plugins]\nmodules = ["bare_a"]\n')

        with pytest.raises(NotAllowedError, match="bare_a"):
            workspace.open(trusted=False, environ=environ)
        allow(workspace.path, ["bare_a"], environ)
        file.write_bytes(b"2")
        assert not is_allowed(workspace.path, ["bare_a"], environ)

    def test_what_is_installed_finds_nothing_in_the_workspace(
        self, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A module from elsewhere, which nobody is asked about, imports nothing of the folder."""
        (tmp_path / "outer_a.py").write_text("import inner_a\n")
        monkeypatch.syspath_prepend(tmp_path)
        workspace.project('[plugins]\nmodules = ["outer_a"]\n')
        workspace.file("inner_a.py", "raise SystemExit('ran')\n")

        with pytest.raises(RegistryError, match="No module named 'inner_a'"):
            workspace.open(trusted=False)

    @pytest.mark.parametrize(
        "file",
        [
            f"pack/fast{all_suffixes()[-1]}",
            "pack/bare.pyc",
            "pack/sub/deep.py",
            "pack/oneiric-plugin.toml",
            "lib/code.py",
        ],
    )
    def test_a_package_counts_with_all_that_runs(
        self, workspace: Workspace, tmp_path: Path, file: str
    ) -> None:
        """Compiled modules, bytecode without a source, and what a link in the folder leads to."""
        environ = {"ONEIRIC_STATE_DIR": str(tmp_path)}
        workspace.file("pack/__init__.py", "").file(file, "1").file("lib/__init__.py", "")
        (workspace.path / "pack" / "link").symlink_to("../lib", target_is_directory=True)
        (workspace.path / "lib" / "loop").symlink_to("../pack", target_is_directory=True)
        allow(workspace.path, ["pack"], environ)
        assert is_allowed(workspace.path, ["pack"], environ)

        workspace.file(file, "2")
        assert not is_allowed(workspace.path, ["pack"], environ)

    def test_a_link_out_of_the_workspace(self, workspace: Workspace, tmp_path: Path) -> None:
        """It counts with where it leads: what stands there is not of the workspace."""
        for name in ("a", "b"):
            (tmp_path / "out" / name).mkdir(parents=True)
            (tmp_path / "out" / name / "code.py").write_text("")
        environ = {"ONEIRIC_STATE_DIR": str(tmp_path / "state")}
        link = workspace.file("pack/__init__.py", "").path / "pack" / "link"
        link.symlink_to(tmp_path / "out" / "a", target_is_directory=True)
        allow(workspace.path, ["pack"], environ)
        (tmp_path / "out" / "a" / "code.py").write_text("# more")
        assert is_allowed(workspace.path, ["pack"], environ)

        link.unlink()
        link.symlink_to(tmp_path / "out" / "b", target_is_directory=True)
        assert not is_allowed(workspace.path, ["pack"], environ)

    def test_bytecode_that_no_source_is_asked_for(
        self, workspace: Workspace, tmp_path: Path
    ) -> None:
        """What Python runs unchecked counts; what it makes at an import does not."""
        environ = {"ONEIRIC_STATE_DIR": str(tmp_path)}
        source = workspace.file("pack/__init__.py", "").path / "pack" / "__init__.py"
        allow(workspace.path, ["pack"], environ)
        py_compile.compile(str(source), invalidation_mode=PycInvalidationMode.CHECKED_HASH)
        py_compile.compile(str(source), invalidation_mode=PycInvalidationMode.TIMESTAMP)
        assert is_allowed(workspace.path, ["pack"], environ)

        py_compile.compile(str(source), invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
        assert not is_allowed(workspace.path, ["pack"], environ)

    def test_a_damaged_permission_is_none(self, workspace: Workspace, tmp_path: Path) -> None:
        """What cannot be read allows nothing."""
        environ = {"ONEIRIC_STATE_DIR": str(tmp_path)}
        for text in ("{", "[]"):
            (tmp_path / "allowed.json").write_text(text)
            assert not is_allowed(workspace.path, [], environ)

    def test_the_state_of_the_user(self, tmp_path: Path) -> None:
        """Without a variable, permissions stand where the platform keeps state."""
        from oneiric_lab.store import state_dir

        assert state_dir({"ONEIRIC_STATE_DIR": str(tmp_path)}) == tmp_path
        assert state_dir({}).name == "oneiric-lab"


class TestSchema:
    @pytest.mark.parametrize(
        ("body", "model", "wanted"),
        [
            ("raise RuntimeError('no')", "shape_b:Model", "schema-import"),
            ("raise SystemExit(3)", "shape_b:Model", "schema-import"),
            ("x = 1", "shape_b:Model", "schema-import"),
            ("Model = 1", "shape_b:Model", "schema-type"),
            ("class Model: pass", "shape_b:Model", "schema-type"),
            ("", "nowhere_b:Model", "schema-import"),
        ],
    )
    def test_what_is_no_model(
        self, workspace: Workspace, body: str, model: str, wanted: str
    ) -> None:
        """A schema that cannot be imported, or is none, is told at its line."""
        workspace.project(f'[schema]\nmodel = "{model}"\n').file("shape_b.py", body)
        with pytest.raises(InvalidConfigError) as caught:
            workspace.open()
        assert code(caught.value) == wanted
        assert str(caught.value.faults[0].origin) == "oneiric.toml:2:9"


class TestFaults:
    def test_all_are_told_at_once(self, workspace: Workspace) -> None:
        """A circle does not hide that another expression names nothing."""
        workspace.project('[a]\nx = "${a.y}"\ny = "${a.x}"\n[b]\nz = "${nope.q}"\n')
        with pytest.raises(InvalidConfigError) as caught:
            workspace.open()
        assert [f.code for f in caught.value.faults] == [
            "interpolation-cycle",
            "interpolation-missing",
        ]


class TestGather:
    def test_a_package_without_descriptor(self, workspace: Workspace) -> None:
        """Every missing descriptor and broken module is told, each at its item."""
        workspace.project('[plugins]\npackages = ["one", "two"]\nmodules = ["gone_c"]\n')
        with pytest.raises(RegistryError) as caught:
            workspace.open()
        places = [str(f.origin) for f in caught.value.faults]
        assert places == ["oneiric.toml:2:13", "oneiric.toml:2:20", "oneiric.toml:3:12"]

    @pytest.mark.parametrize("body", ["1 / 0", "raise SystemExit", "import nowhere_at_all"])
    def test_a_module_that_fails(self, workspace: Workspace, body: str) -> None:
        """A module that raises, or exits, is a fault of the workspace; the process goes on."""
        workspace.project('[plugins]\nmodules = ["broken_d"]\n').file("broken_d.py", body)
        with pytest.raises(RegistryError) as caught:
            workspace.open()
        assert code(caught.value) == "module-import"

    def test_a_component_that_is_malformed(self, workspace: Workspace) -> None:
        """A wrong fact in a decorator keeps its own words."""
        workspace.project('[plugins]\nmodules = ["wrong_e"]\n')
        workspace.file("wrong_e.py", CODE.replace('"1.0"', '"one"'))
        with pytest.raises(OneiricError) as caught:
            workspace.open()
        assert "version" in str(caught.value)

    def test_plugins_are_left_out_when_disabled(self, workspace: Workspace) -> None:
        """`plugins.auto_load = false` looks at no distribution."""
        workspace.project("[plugins]\nauto_load = false\n")
        assert list(workspace.open().registry.current.candidates()) == []

    def test_a_broken_plugin_warns(
        self, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A plugin with a malformed or missing descriptor is a warning, and disabled no more."""
        for name, text in (("plug_bad", 'schema = "x"\n'), ("plug_none", None)):
            info = tmp_path / f"{name}-1.0.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n")
            (info / "entry_points.txt").write_text(f"[oneiric_lab.plugins]\n{name} = {name}\n")
            (tmp_path / name).mkdir()
            (tmp_path / name / "__init__.py").write_text("raise SystemExit\n")
            if text is not None:
                (tmp_path / name / "oneiric-plugin.toml").write_text(text)
        (tmp_path / "plug_bad" / "defaults.toml").write_text("[server]\nport = 7\n")
        monkeypatch.syspath_prepend(tmp_path)
        workspace.project("title = 'x'\n")
        lab = workspace.open()
        warned = [f for f in lab.check().rows[0][1] if "plug_" in str(f)]
        assert {f.severity for f in warned} == {"warning"}
        assert len(warned) >= 2
        assert str(lab.origin("server.port")) == "plug_bad/defaults.toml:2:8"
        workspace.project('[plugins]\ndisabled = ["plug_bad", "plug_none"]\n')
        lab = workspace.open()
        assert not [f for f in lab.problems if "plug_" in str(f)]
        with pytest.raises(UnknownPathError):
            lab.value("server.port")
        workspace.project("[plugins]\nauto_load = false\n")
        with pytest.raises(UnknownPathError):
            workspace.open().value("server.port")
        workspace.project("[plugins]\ndisabled = 1\n")
        with pytest.raises(InvalidConfigError, match=r"oneiric.toml:2:12"):
            workspace.open()
        assert not [name for name in sys.modules if name.startswith("plug_")]


class TestModuleOfAnotherWorkspace:
    """Python holds one module of a name; a workspace must not get another one's."""

    SCHEMA = '[schema]\nmodel = "taken_name:Settings"\n[plugins]\nauto_load = false\n'
    CODE = "from pydantic import BaseModel\nclass Settings(BaseModel): port: int = {}\n"

    def test_is_refused(self, tmp_path: Path) -> None:
        """The second of two workspaces with a module of one name does not open."""
        for name, port in (("one", 1), ("two", 2), ("copy", 1)):
            (tmp_path / name).mkdir()
            (tmp_path / name / "oneiric.toml").write_text(self.SCHEMA)
            (tmp_path / name / "taken_name.py").write_text(self.CODE.format(port))
        assert Lab.open(tmp_path / "one", trusted=True).config.port == 1
        with pytest.raises(RegistryError) as caught:
            Lab.open(tmp_path / "two", trusted=True)
        assert f"another `taken_name` already: {tmp_path / 'one'}" in str(caught.value)
        assert "oneiric.toml:2:9" in str(caught.value)
        assert Lab.open(tmp_path / "copy", trusted=True).config.port == 1
        assert Lab.open(tmp_path / "one", trusted=True).config.port == 1

    @pytest.mark.parametrize("module", ["json", "sys"])
    def test_a_module_of_python_itself(self, workspace: Workspace, module: str) -> None:
        """A workspace's `json.py` would shadow the one that everybody uses."""
        workspace.project(f'[plugins]\nauto_load = false\nmodules = ["{module}"]\n')
        workspace.file(f"{module}.py", "x = 1\n")
        with pytest.raises(RegistryError, match="has imported another"):
            workspace.open(trusted=True)


class TestFaultsAndTheSchema:
    def test_a_syntax_fault_hides_no_other(self, workspace: Workspace) -> None:
        """The model is imported though a layer cannot be read, where it may run."""
        workspace.project(
            "port = 'x'\n[plugins]\nauto_load = false\nmodules = 1\n"
            "[schema]\nmodel = 'hidden_none:M'\n"
        ).local("[server\n")
        workspace.file(
            "hidden_none.py", "from pydantic import BaseModel\nclass M(BaseModel): port: int\n"
        )
        with pytest.raises(InvalidConfigError) as caught:
            workspace.open(trusted=True)
        assert {str(f.origin) for f in caught.value.faults} == {
            "oneiric.local.toml:1:8",
            "oneiric.toml:1:8",
            "oneiric.toml:4:11",
        }
        with pytest.raises(InvalidConfigError) as caught:
            workspace.open(trusted=False)
        assert "oneiric.local.toml:1:8" in {str(f.origin) for f in caught.value.faults}


class TestSample:
    def test_a_private_copy(self) -> None:
        """The sample opens from a copy; the shipped one has no state."""
        lab = Lab.sample()
        assert lab.root != sample_source()
        assert lab.check().ok
        lab.save({"server.port": 8181})
        assert not (sample_source() / ".oneiric").exists()
        assert len(tutorials()) >= 4

    def test_it_reads_no_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What the machine exports does not change the tutorials."""
        monkeypatch.setitem(os.environ, "SHOP_SERVER__PORT", "1")
        assert Lab.sample().value("server.port") == 8080

    def test_copies_of_killed_processes_go(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        The next copy removes them; one that is in use stays, and so does what is no folder of ours.
        """
        import signal
        import subprocess
        import sys

        monkeypatch.setenv("TMPDIR", str(tmp_path))
        monkeypatch.setattr("tempfile.tempdir", None)
        code = (
            "from oneiric_lab import Lab; lab = Lab.sample()\n"
            "print(lab.root.parent, flush=True); input()"
        )

        def start() -> tuple[subprocess.Popen[str], Path]:
            process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert process.stdout is not None
            return process, Path(process.stdout.readline().strip())

        (killed, left), (living, used) = start(), start()
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
        (tmp_path / "oneiric-sample-link").symlink_to(left)
        for folder in (left, used):
            os.utime(folder, (0, 0))

        Lab.sample()

        assert not left.exists()
        assert (used / "shop" / "oneiric.toml").exists()
        assert (tmp_path / "oneiric-sample-link").is_symlink()
        living.communicate("\n")
        assert living.returncode == 0
        assert not used.exists()
