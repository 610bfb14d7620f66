"""Doors: what a package shows is what its `__all__` says, and every hint can be followed."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import oneiric_lab

ROOT = Path(__file__).parents[1]
DOORS = [
    "oneiric_lab",
    *(f"oneiric_lab.{m.name}" for m in pkgutil.iter_modules(oneiric_lab.__path__) if m.ispkg),
]
SOURCES = sorted((ROOT / "oneiric_lab").rglob("*.py"))


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> ModuleType:
    """Each public package."""
    return importlib.import_module(request.param)


class TestDoor:
    """Each public package, one by one."""

    def test_all_is_what_is_visible(self, door: ModuleType) -> None:
        """
        Every visible name is in `__all__`, and nothing else but private modules is there.
        """
        visible = {
            name
            for name in dir(door)
            if not name.startswith("_")
            and not isinstance(getattr(door, name), ModuleType)
            and name not in {"TYPE_CHECKING", "annotations"}
        }

        assert {n for n in door.__all__ if n != "__version__"} == visible - {"Any", "exporter"}

    def test_all_is_sorted_and_says_nothing_twice(self, door: ModuleType) -> None:
        """
        Names stand in ruff's order: constants, classes, functions.
        """
        names = list(door.__all__)

        def kind(name: str) -> int:
            return 0 if name.isupper() else 1 if name.lstrip("_")[:1].isupper() else 2

        assert sorted(names, key=lambda name: (kind(name), name)) == names
        assert len(set(names)) == len(names)

    def test_every_name_says_what_it_is(self, door: ModuleType) -> None:
        """
        The package has a docstring, and so has each class and function that it shows.
        """
        silent = [
            name
            for name in door.__all__
            if (inspect.isclass(value := getattr(door, name)) or inspect.isroutine(value))
            and not (value.__doc__ or "").strip()
        ]

        assert (door.__doc__ or "").strip()
        assert silent == []

    def test_every_public_method_says_what_it_is(self, door: ModuleType) -> None:
        """
        So has each public method and property that a class of the door defines itself.
        """
        silent = []
        for name in door.__all__:
            value = getattr(door, name)
            if not inspect.isclass(value):
                continue
            for attribute, member in vars(value).items():
                inner = member.fget if isinstance(member, property) else member
                inner = getattr(inner, "__func__", inner)
                if (
                    not attribute.startswith("_")
                    and inspect.isfunction(inner)
                    and inner.__name__ != "<lambda>"  # the default of a field
                    and not (inner.__doc__ or "").strip()
                ):
                    silent.append(f"{name}.{attribute}")

        assert silent == []


class TestHints:
    """What a message tells the reader to do."""

    def test_every_extra_that_a_message_names_exists(self) -> None:
        """
        `oneiric-lab[extra]` in a text, and `extra=` of MissingExtraError, name real extras.
        """
        extras = set(
            tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        )
        named: dict[str, str] = {}
        for file in SOURCES:
            text = file.read_text()
            for match in re.finditer(r"oneiric-lab\[([a-z,]+)\]", text):
                named.update(dict.fromkeys(match[1].split(","), file.name))
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Call) and "MissingExtra" in ast.unparse(node.func):
                    for keyword in node.keywords:
                        if keyword.arg == "extra" and isinstance(keyword.value, ast.Constant):
                            named[str(keyword.value.value)] = file.name

        assert named, "the search found nothing, so it proves nothing"
        assert {extra: file for extra, file in named.items() if extra not in extras} == {}

    def test_every_verb_that_a_message_names_exists(self) -> None:
        """
        `oneiric-lab VERB` in a text of ours names a verb.
        """
        from oneiric_lab.commands import VERBS

        unknown = {
            f"{file.name}: {match[1]}"
            for file in SOURCES
            for match in re.finditer(r"oneiric-lab (?:-C \S+ )?([a-z]+)\b", file.read_text())
            if match[1] not in VERBS and not match[0].startswith("oneiric-lab -C")
        }

        assert set() == unknown


class TestGround:
    """What the project says of itself."""

    def test_the_version_is_told_once(self) -> None:
        """
        The package and its metadata agree.
        """
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

        assert project["version"] == oneiric_lab.__version__

    def test_the_package_is_typed(self) -> None:
        """
        `py.typed` ships, so that checkers read our annotations.
        """
        assert (ROOT / "oneiric_lab" / "py.typed").exists()
