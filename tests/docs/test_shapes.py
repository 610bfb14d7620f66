"""What the verbs of releases print by `--json` has the shape that is published."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING

import pytest

from .story import CHAPTERS, within
from .test_reference import DOCS, validator

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


@pytest.fixture(scope="module")
def shapes() -> ModuleType:
    """The module that the files are made of."""
    spec = importlib.util.spec_from_file_location("shapes", DOCS / "_ext" / "shapes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_files_are_made_of_the_shapes(shapes: ModuleType) -> None:
    """
    Nobody edits the one without the other; the page names each of them.
    """
    page = (DOCS / "reference/json.md").read_text()
    for name in shapes.SHAPES:
        file = DOCS / "reference/schemas" / f"{name}.schema.json"
        if os.environ.get("ONEIRIC_GOLDEN") == "write":
            file.write_text(shapes.text(name), encoding="utf-8")
        assert file.read_text() == shapes.text(name)
        assert f"schemas/{name}.schema.json" in page


@pytest.mark.parametrize("chapter", list(CHAPTERS))
def test_answers_fit_their_schemas(chapter: str, tmp_path: Path) -> None:
    """
    Each answer of a story that is told by real command lines, from keys to a load run.
    """
    seen = set()
    with within(tmp_path):
        for part in CHAPTERS[chapter]:
            for shape, answer in part():
                assert "error" not in answer, (shape, answer)
                validator(shape).validate(answer)
                seen.add(shape)
    assert len(seen) > 2
