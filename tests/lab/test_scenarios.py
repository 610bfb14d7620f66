"""Scenarios of a user's own: a name, a file or a module, and whose code runs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from oneiric_lab.errors import NotAllowedError, OneiricError, UsageError
from oneiric_lab.lab import allow, find_scenario
from oneiric_lab.loadlab import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CODE = """
import beside_{0}
from oneiric_lab.loadlab import Scenario, op

class Naps(Scenario):
    @op()
    async def nap(self, rng):
        beside_{0}.VALUE

other = 3
"""


@pytest.fixture(autouse=True)
def _own_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave no module and no folder behind."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("ONEIRIC_STATE_DIR", str(tmp_path / "state"))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a scenario, and a module beside it."""
    # A name of its own: Python holds one module of a name.
    name = tmp_path.name.replace("-", "_")
    found = tmp_path / "shop"
    found.mkdir()
    (found / "loads.py").write_text(CODE.format(name))
    (found / f"beside_{name}.py").write_text("VALUE = 1\n")
    return found


def environ(folder: Path) -> dict[str, str]:
    """Return the environment of the test."""
    return {"ONEIRIC_STATE_DIR": str(folder.parent / "state")}


class TestFindScenario:
    def test_one_that_comes_with_us(self, folder: Path) -> None:
        """
        Its name gives it with its usual load.
        """
        assert find_scenario("http", folder, {}) == BUILT_IN["http"]

    def test_a_file(self, folder: Path) -> None:
        """
        A file that somebody names is run, and finds what stands beside it.
        """
        kind, usual = find_scenario(f"{folder / 'loads.py'}:Naps", folder, {})

        assert kind.__name__ == "Naps"
        assert usual == {"users": 1}
        assert str(folder) in sys.path

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("http2", "did you mean `http`"),
            ("nope.py:Naps", "no such file"),
            ("loads.py:Nap", "did you mean `Naps`"),
            ("loads.py:other", "no scenario"),
            ("loads.py:Scenario.x", "not there"),
            ("broken.py:Naps", "broken.py:2"),
            ("wrong.py:Naps", "SyntaxError"),
            ("leaves.py:Naps", "SystemExit"),
            ("not there:Naps", "no module and no file"),
            ("nobody_has_this:Naps", "ModuleNotFoundError"),
            ("json:Naps", "not there"),
        ],
    )
    def test_what_is_none(
        self, folder: Path, name: str, words: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Each is told with its place, or with what was meant.
        """
        (folder / "broken.py").write_text("a = 1\nb = a.c\n")
        (folder / "wrong.py").write_text("def\n")
        (folder / "leaves.py").write_text("raise SystemExit(3)\n")
        monkeypatch.chdir(folder)
        with pytest.raises(UsageError, match=words):
            find_scenario(name, folder.parent, {})

    def test_a_module_of_the_current_folder(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        It is not run for its module's name, though Python would find it.
        """
        (folder / "pack").mkdir()
        (folder / "pack" / "loads.py").write_text("raise AssertionError('it ran')\n")
        monkeypatch.chdir(folder)
        monkeypatch.syspath_prepend(str(folder))
        for name in ("loads:Naps", "pack.loads:Naps"):
            with pytest.raises(UsageError, match="name its file"):
                find_scenario(name, folder.parent, {})


class TestWorkspace:
    @pytest.mark.parametrize("named", ["loads:Naps", "{folder}/loads.py:Naps"])
    def test_its_code_runs_where_it_was_allowed(self, folder: Path, named: str) -> None:
        """
        Not before it is named, not before it was allowed, and not when it was changed.
        """
        name = named.format(folder=folder)
        project, ran = folder / "oneiric.toml", folder / "ran"
        code = folder / "loads.py"
        code.write_text(f"open({str(ran)!r}, 'w').close()\n{code.read_text()}")
        project.write_text("")
        with pytest.raises(UsageError, match="does not name it"):
            find_scenario(name, folder, environ(folder))
        project.write_text('[load]\nscenarios = ["loads:Naps"]\n')
        with pytest.raises(NotAllowedError, match="oneiric-lab allow"):
            find_scenario(name, folder, environ(folder))
        assert not ran.exists()

        allow(folder, ["loads"], environ(folder))
        assert find_scenario(name, folder, environ(folder))[0].__name__ == "Naps"
        assert ran.exists()

        code.write_text(code.read_text() + "\n")
        with pytest.raises(NotAllowedError):
            find_scenario(name, folder, environ(folder))

    def test_a_file_of_another_workspace(self, folder: Path) -> None:
        """
        The workspace that a file stands in decides, however deep, and not the one that is open.
        """
        inner = folder / "tests" / "load"
        inner.mkdir(parents=True)
        (inner / "more.py").write_text(CODE.format("nothing"))
        (folder / "oneiric.yaml").write_text("")
        with pytest.raises(OneiricError, match="code of the workspace shop"):
            find_scenario(f"{inner / 'more.py'}:Naps", folder.parent, environ(folder))
