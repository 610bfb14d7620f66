"""The JupyterLab extension as files: found, whole, of one version, and asking nobody else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import oneiric_lab
from oneiric_lab.notebook.widgets._esm import SHARED, STATIC

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "extensions" / "jupyterlab-oneiric"
MODULES = sorted((FOLDER / "static").rglob("*.*js"))
MOST = 96 * 1024
"""Bytes of all modules, that a person can still read them."""


class TestExtension:
    def test_jupyterlab_finds_it(self) -> None:
        """
        The folder is a prebuilt extension of our version, with a container and a schema.
        """
        config = pytest.importorskip("jupyterlab_server.config", reason="needs oneiric-lab[lab]")
        found = config.get_federated_extensions([str(FOLDER.parent)])["jupyterlab-oneiric"]

        assert found["version"] == oneiric_lab.__version__
        assert (FOLDER / found["jupyterlab"]["_build"]["load"]).is_file()
        assert found["install"]["packageName"] == "oneiric-lab"

    def test_its_settings_are_valid(self, tmp_path: Path) -> None:
        """
        JupyterLab reads the schema, and every setting says what it is for.
        """
        settings = pytest.importorskip("jupyterlab_server.settings_utils", reason="needs [lab]")
        found, _ = settings.get_settings(
            "", "", str(tmp_path), "jupyterlab-oneiric:plugin", {}, [str(FOLDER.parent)]
        )

        assert found["version"]
        properties = found["schema"]["properties"]
        assert all(one["title"] and one["description"] for one in properties.values())

    @pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
    def test_imports_what_is_there(self, path: Path) -> None:
        """
        A module imports its neighbours only, asks no other host, and makes no HTML of texts.
        """
        text = path.read_text()
        for name in re.findall(r'(?:from|import\() ?"(\./[^"]+)"', text):
            assert (path.parent / name).resolve().is_relative_to(FOLDER)
            assert (path.parent / name).is_file()
        assert not re.search(r"//cdn|\bfetch\(|innerHTML|outerHTML|insertAdjacent|eval\(", text)
        assert not re.search(r"https?://(?!in-toto\.io/)[a-z]", text)

    def test_the_types_of_all_modules_are_checked(self) -> None:
        """
        `make types-js` reads the modules of extension and widgets, which import each other.
        """
        config = json.loads((FOLDER / "tsconfig.json").read_text())
        seen = [(FOLDER / one).resolve() for one in config["include"]]
        joined = {(FOLDER / one).resolve() for one in config["compilerOptions"]["rootDirs"]}

        assert joined == {SHARED.resolve(), STATIC.resolve()}
        assert all(any(one.is_relative_to(part) for part in seen) for one in MODULES)
        assert STATIC.resolve() in seen

    def test_is_small(self) -> None:
        """
        What is not built must stay what one person can read.
        """
        assert sum(path.stat().st_size for path in MODULES) <= MOST

    def test_a_checkout_serves_it_as_it_stands(self) -> None:
        """
        `oneiric-lab lab` from a checkout asks for this folder, not for the copy of an install.
        """
        from oneiric_lab.commands._lab import arguments

        words = arguments(Path("/w"), None, {}, is_root=False)

        assert f"--LabServerApp.extra_labextensions_path={FOLDER.parent}" in words

    def test_comes_with_the_wheel(self, tmp_path: Path) -> None:
        """
        A wheel puts it where JupyterLab looks, and what it shares beside the widgets.
        """
        pytest.importorskip("hatchling", reason="needs the backend of the build")
        words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
        subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
        (wheel,) = tmp_path.glob("*.whl")
        with zipfile.ZipFile(wheel) as opened:
            names = opened.namelist()
            lead = f"oneiric_lab-{oneiric_lab.__version__}.data/data/share/jupyter/labextensions"
            package = json.loads(opened.read(f"{lead}/jupyterlab-oneiric/package.json"))

        assert package["version"] == oneiric_lab.__version__
        for path in MODULES:
            assert f"{lead}/jupyterlab-oneiric/{path.relative_to(FOLDER).as_posix()}" in names
        for shared in ("kit.mjs", "view.mjs", "tokens.css"):
            assert f"oneiric_lab/notebook/widgets/static/{shared}" in names
