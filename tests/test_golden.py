"""Workspaces and manifests with one defect each, and the whole report that people see.

`make golden` writes the reports anew; what has changed is then read, not waved through.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from oneiric_lab import Lab
from oneiric_lab.errors import OneiricError
from oneiric_lab.manifest import validate

GOLDEN = Path(__file__).parent / "golden"
CASES = GOLDEN / "faults"
MANIFESTS = sorted(
    path for path in (GOLDEN / "manifest").iterdir() if path.suffix in {".toml", ".yaml", ".json"}
)
REPORT = "report.txt"


def report(case: Path, folder: Path) -> str:
    """Return what opening and checking a copy of *case* says."""
    shutil.copytree(case, folder, ignore=shutil.ignore_patterns(REPORT, "case.toml", "__pycache__"))
    options: dict[str, Any] = {"trusted": True, "environ": {}}
    if (case / "case.toml").exists():
        options |= tomllib.loads((case / "case.toml").read_text())
    for name in ("config", "policy"):
        given = options.get(name)
        if isinstance(given, list):
            options[name] = [folder / file for file in given]
        elif isinstance(given, str):
            options[name] = folder / given
    try:
        with Lab.open(folder, **options) as lab:
            return str(lab.check())
    except OneiricError as error:
        return str(error)


@pytest.mark.parametrize("case", sorted(CASES.iterdir()), ids=lambda case: case.name)
def test_golden_reports_of_one_defect_each(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Every defect has its place, its reason and a fix, in the very words that are kept.
    """
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    found = report(case, tmp_path / "shop").replace(str(tmp_path / "shop"), "/shop") + "\n"

    if os.environ.get("ONEIRIC_GOLDEN") == "write":
        (case / REPORT).write_text(found, encoding="utf-8")

    assert (case / REPORT).read_text(encoding="utf-8") == found


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.name)
def test_golden_reports_of_manifests(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The file is named for its one defect, which is told at its line and column.
    """
    monkeypatch.chdir(file.parent)
    report = file.with_name(f"{file.name}.report.txt")
    found = validate(file.name)

    if os.environ.get("ONEIRIC_GOLDEN") == "write":
        report.write_text(f"{found}\n", encoding="utf-8")

    assert report.read_text(encoding="utf-8") == f"{found}\n"
    assert not found.ok
