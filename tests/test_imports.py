"""What an import costs, by the list of modules it loads: exact, never flaky."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

HEAVY = {
    "IPython",
    "aiohttp",
    "altair",
    "anyio",
    "anywidget",
    "asyncio",
    "click",
    "cryptography",
    "httpx",
    "ipywidgets",
    "jsonschema",
    "nbformat",
    "numpy",
    "orjson",
    "packaging",
    "pandas",
    "platformdirs",
    "pydantic",
    "pydantic_core",
    "rfc8785",
    "sqlite3",
    "stamina",
    "tomlkit",
    "toml_rs",
    "watchfiles",
    "yaml",
}
KERNEL = HEAVY - {"IPython", "asyncio", "sqlite3", "orjson"}
"""What a kernel has loaded before us is not ours to forbid."""


def loaded(code: str, *, before: str = "") -> set[str]:
    """Return the modules that *code* loads in a fresh interpreter, behind *before*."""
    script = (
        f"import json, sys\n{before}\nseen = set(sys.modules)\n{code}\n"
        "print('\\n' + json.dumps(sorted(set(sys.modules) - seen)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return set(json.loads(out.splitlines()[-1]))


def tops(modules: set[str]) -> set[str]:
    """Return the top-level packages of *modules*."""
    return {name.partition(".")[0] for name in modules}


class TestRoot:
    """`import oneiric_lab`."""

    def test_loads_two_modules_of_ours_and_no_dependency(self) -> None:
        """
        The root is lazy: of ours only itself and the lazy loader, of others nothing heavy.
        """
        modules = loaded("import oneiric_lab")

        assert {"oneiric_lab", "oneiric_lab._lazy"} == {
            name for name in modules if name.startswith("oneiric_lab")
        }
        assert set() == tops(modules) & HEAVY
        assert set() == tops(modules) - {"oneiric_lab"} - sys.stdlib_module_names

    def test_errors_and_registry_need_no_pydantic(self) -> None:
        """
        A program that only resolves components loads no validation and no editor of TOML.
        """
        modules = loaded(
            "from oneiric_lab.errors import OneiricError\nfrom oneiric_lab.views import Result"
        )

        assert set() == tops(modules) & HEAVY

    @pytest.mark.parametrize("name", ["Lab", "Candidate", "Registry", "component", "OneiricError"])
    def test_a_name_is_loaded_when_it_is_asked_for(self, name: str) -> None:
        """
        No name of the root brings what only some uses need.
        """
        modules = loaded(f"from oneiric_lab import {name}")

        assert set() == tops(modules) & {
            "IPython",
            "anyio",
            "asyncio",
            "click",
            "cryptography",
            "httpx",
            "pandas",
            "sqlite3",
            "tomlkit",
            "watchfiles",
            "yaml",
        }

    def test_the_nodes_of_a_workflow_need_the_schema_of_manifests_alone(self) -> None:
        """
        A host compares, packs and migrates no manifest.
        """
        modules = loaded("import oneiric_lab.runtime._dag")

        assert {name for name in modules if name.startswith("oneiric_lab.manifest.")} == {
            f"oneiric_lab.manifest.{name}" for name in ("_checks", "_schema", "_validate")
        }


class TestShell:
    """`oneiric-lab`."""

    def test_help_imports_no_verb_and_opens_nothing(self) -> None:
        """
        `--help` needs click and the table of verbs, nothing of configuration.
        """
        modules = loaded("from oneiric_lab.cli import main\nmain(['--help'])")

        assert set() == tops(modules) & (HEAVY - {"click"})
        ours = {name for name in modules if name.startswith("oneiric_lab.")}
        assert {"cli", "commands", "errors", "_lazy"} >= {name.split(".")[1] for name in ours}
        assert set() == ours & {
            f"oneiric_lab.commands.{verb}" for verb in ("_explain", "_plan", "_lab", "_doctor")
        }

    def test_a_question_loads_no_kernel_and_no_frames(self, tmp_path: Path) -> None:
        """
        Explaining a value needs the lab, and none of what notebooks and remotes need.
        """
        (tmp_path / "oneiric.toml").write_text("[server]\nport = 1\n")

        modules = loaded(
            "from oneiric_lab.cli import main\n"
            f"main(['-C', {str(tmp_path)!r}, 'explain', 'server.port'])"
        )

        unwanted = {"IPython", "pandas", "numpy", "httpx", "cryptography", "tomlkit", "watchfiles"}
        assert set() == tops(modules) & unwanted

    def test_a_question_reads_no_source_of_ours(self, tmp_path: Path) -> None:
        """
        What fields mean stands in their source, which is read for a person only.
        """
        (tmp_path / "oneiric.toml").write_text(
            '[server]\nport = 1\n[workflows.dags.order]\nnodes = [{ id = "a", task = "t" }]\n'
        )
        asked = f"main(['-C', {str(tmp_path)!r}, 'explain', 'server.port'])"
        code = (
            f"import linecache\nfrom oneiric_lab.cli import main\n{asked}\n"
            "print([name for name in linecache.cache if 'oneiric_lab' in name])"
        )

        out = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout

        assert out.splitlines()[-1] == "[]"


class TestKernel:
    """`%load_ext oneiric_lab`."""

    def test_brings_neither_frames_nor_schemas(self) -> None:
        """
        Loading the extension loads click and ours; nothing that costs a second.
        """
        modules = loaded(
            "shell.run_line_magic('load_ext', 'oneiric_lab')",
            before=(
                "from IPython.core.interactiveshell import InteractiveShell\n"
                "shell = InteractiveShell()"
            ),
        )

        assert "oneiric_lab.notebook" in modules
        assert set() == tops(modules) & (KERNEL - {"click"})
