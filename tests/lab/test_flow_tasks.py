"""Whose code a task is: told by a digest, without importing it."""

from __future__ import annotations

import hashlib
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from oneiric_lab.lab._flow_tasks import code_of
from oneiric_lab.registry import Candidate


def candidate(factory: Any) -> Candidate:
    """Return a task by *factory*."""
    return Candidate("task", "t", "p", factory, "1.0")


def digest(path: Path) -> str:
    """Return that of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Here:
    """A task of this file."""


class TestCodeOf:
    def test_a_module_of_the_workspace(self, tmp_path: Path) -> None:
        """
        Its file is found below the workspace, and what is above it is not imported.
        """
        package = tmp_path / "flow_pkg_a"
        package.mkdir()
        (package / "__init__.py").write_text("raise SystemExit\n")
        (package / "tasks.py").write_text("raise SystemExit\n")
        found = code_of(candidate("flow_pkg_a.tasks:Task"), tmp_path)

        assert found.provider == "p 1.0"
        assert found.digest == digest(package / "tasks.py")
        assert "flow_pkg_a" not in sys.modules

    def test_other_text_is_another_digest(self, tmp_path: Path) -> None:
        """
        So that a run knows that its code changed.
        """
        seen = set()
        for text in ("a = 1\n", "a = 2\n"):
            (tmp_path / "flow_mod_b.py").write_text(text)
            seen.add(code_of(candidate("flow_mod_b:Task"), tmp_path).digest)

        assert len(seen) == 2

    @pytest.mark.parametrize(
        "factory", ["flow_nowhere:T", "flow_nowhere.inside:T", "json.nowhere:T", "sys:T"]
    )
    def test_what_has_no_file_has_no_digest(self, factory: str, tmp_path: Path) -> None:
        """
        It is known by provider and version alone.
        """
        assert code_of(candidate(factory), tmp_path).digest == ""

    def test_code_that_is_there(self, tmp_path: Path) -> None:
        """
        A class, a method of one, or a partial of it is known by its file.
        """
        own = digest(Path(__file__))

        for factory in (Here, partial(Here)):
            assert code_of(candidate(factory), tmp_path).digest == own
        assert code_of(candidate("json:loads"), tmp_path).digest

    def test_code_of_a_cell(self, tmp_path: Path) -> None:
        """
        Which has no file: by its source where that is known, else by what it was compiled to.
        """
        space: dict[str, Any] = {"__name__": "__main__"}
        exec("def make():\n    return 1 in {1, 2}, lambda: 3\n\nother = lambda: 2\n", space)

        one, other = (code_of(candidate(space[n]), tmp_path).digest for n in ("make", "other"))
        assert one
        assert other
        assert one != other
        assert code_of(candidate(dict), tmp_path).digest == ""
