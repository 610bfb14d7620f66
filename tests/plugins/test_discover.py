"""Plugins are found and read without any of their code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from oneiric_lab.plugins import GROUP, discover
from oneiric_lab.plugins import _discover as room


def install(site: Path, name: str, package: str | None = None, *, descriptor: bool = True) -> Path:
    """Lay out an installed distribution whose package ends the process when imported."""
    package = name if package is None else package
    info = site / f"{name}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nmain = {package}\n")
    folder = site / package
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").write_text("raise SystemExit('imported')\n")
    if descriptor:
        (folder / "oneiric-plugin.toml").write_text("schema = 1\n")
    return folder


class TestDiscover:
    def test_a_hundred_plugins_are_read_and_none_imported(self, tmp_path: Path) -> None:
        """Every descriptor is there, and no module of theirs is in sys.modules."""
        for i in range(100):
            install(tmp_path, f"plug{i:03}")

        found = discover([str(tmp_path)])

        assert [f"plug{i:03}" for i in range(100)] == [f.package for f in found]
        assert {b"schema = 1\n"} == {f.descriptor for f in found}
        assert {"1.2"} == {f.version for f in found}
        assert not [name for name in sys.modules if name.startswith("plug0")]

    def test_the_scan_is_kept_until_a_folder_changes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A second question scans nothing; a new distribution is seen at once."""
        install(tmp_path, "one")
        scans: list[object] = []
        scan = room._scan

        def counted(entries: tuple[str, ...], *, whole: bool) -> list[room._Place]:
            scans.append(entries)
            return scan(entries, whole=whole)

        monkeypatch.setattr(room, "_scan", counted)
        path = [str(tmp_path), str(tmp_path / "absent")]

        assert discover(path) == discover(path)
        assert len(scans) == 1

        install(tmp_path, "two")
        os.utime(tmp_path, ns=(1, 1))

        assert [f.package for f in discover(path)] == ["one", "two"]

    def test_an_edited_descriptor_is_read_anew(self, tmp_path: Path) -> None:
        """An editable plugin changes its descriptor without a new installation."""
        folder = install(tmp_path, "one")
        discover([str(tmp_path)])

        (folder / "oneiric-plugin.toml").write_text("schema = 2\n")

        assert [f.descriptor for f in discover([str(tmp_path)])] == [b"schema = 2\n"]

    def test_the_environment_is_the_default(self) -> None:
        """Without a path, what this interpreter can import is searched."""
        assert discover() == discover(None)

    def test_an_editable_install_is_found(self, tmp_path: Path) -> None:
        """A finder that an editable install leaves behind leads to the source folder."""
        source = install(tmp_path / "src", "plug_ed")
        info = tmp_path / "site" / "plug_ed-1.2.dist-info"
        info.parent.mkdir()
        (tmp_path / "src" / info.name).rename(info)
        code = (
            "import sys\nfrom importlib.machinery import PathFinder\n"
            "class Finder:\n"
            "    @staticmethod\n"
            "    def find_spec(name, path=None, target=None):\n"
            f"        return PathFinder.find_spec(name, [{str(source.parent)!r}])"
            " if name == 'plug_ed' else None\n"
            "sys.meta_path.append(Finder)\n"
            f"sys.path.append({str(info.parent)!r})\n"
            "from oneiric_lab.plugins import discover\n"
            "found, = [f for f in discover() if f.package == 'plug_ed']\n"
            "assert found.descriptor and found.folder, found\n"
            "assert 'plug_ed' not in sys.modules\n"
        )
        root = Path(__file__).parents[2]

        done = subprocess.run(
            [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
        )

        assert (done.returncode, done.stderr) == (0, "")

    @pytest.mark.parametrize(
        ("package", "problem"),
        [
            ("plug.sub", "which is no top-level package"),
            ("not-a-name", "which is no top-level package"),
        ],
    )
    def test_only_a_top_level_package_is_looked_for(
        self, tmp_path: Path, package: str, problem: str
    ) -> None:
        """Finding a sub-package would import its parent."""
        install(tmp_path, "one", package)

        (found,) = discover([str(tmp_path)])

        assert found.problem is not None
        assert problem in found.problem
        assert found.descriptor is None

    def test_a_package_of_two_distributions_belongs_to_the_first(self, tmp_path: Path) -> None:
        """The second one is told whose it is."""
        install(tmp_path, "one", "shared")
        install(tmp_path, "two", "shared")

        first, second = discover([str(tmp_path)])

        assert first.problem is None
        assert second.problem == "the package shared is offered by one already"

    def test_a_distribution_is_shadowed_by_one_earlier_on_the_path(self, tmp_path: Path) -> None:
        """As with imports, the first wins."""
        install(tmp_path / "a", "one")
        install(tmp_path / "b", "one")

        (found,) = discover([str(tmp_path / "a"), str(tmp_path / "b")])

        assert tmp_path / "a" / "one" == found.folder

    def test_what_is_missing_is_said(self, tmp_path: Path) -> None:
        """No package and no descriptor are two different faults."""
        install(tmp_path, "bare", descriptor=False)
        gone = install(tmp_path, "gone")
        for file in gone.iterdir():
            file.unlink()
        gone.rmdir()
        blocked = install(tmp_path, "blocked", descriptor=False)
        (blocked / "oneiric-plugin.toml").mkdir()

        problems = {f.package: f.problem for f in discover([str(tmp_path)])}

        assert problems == {
            "bare": "it has no oneiric-plugin.toml",
            "gone": "the package gone is not there",
            "blocked": "cannot read blocked/oneiric-plugin.toml: Is a directory",
        }

    def test_a_module_without_a_spec_is_no_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A module made by hand, as in a notebook, is passed over."""
        monkeypatch.setitem(sys.modules, "made_by_hand", type(sys)("made_by_hand"))

        assert room._folders("made_by_hand", None) == ()
