"""Before the user's model is imported, only what names it has to be sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from oneiric_lab.commands import Interaction, run
from oneiric_lab.errors import InvalidConfigError
from oneiric_lab.testing import Workspace
from oneiric_lab.views import Result

if TYPE_CHECKING:
    from pathlib import Path

MODEL = """
from pydantic import BaseModel

class Settings(BaseModel):
    seconds: float = 3
    limit: float = 0
"""
PROJECT = """
limit = "${seconds}"

[schema]
model = "bare_model:Settings"

[lifecycle]
drain_timeout = "${seconds}"

[adapters.settings.cache]
text = "$${kept}"
list = ["${seconds}", "x"]
"""


class TestBareLoad:
    """Expressions that need a default of the user's model."""

    def test_opens_where_an_expression_names_a_default(self, tmp_path: Path) -> None:
        """The default is known once the model is, and stands in both kinds of tables."""
        lab = Workspace(tmp_path).file("bare_model.py", MODEL).project(PROJECT).open()

        assert lab.config.limit == 3
        assert lab.settings.lifecycle.drain_timeout == 3
        assert lab.value("adapters.settings.cache.text") == "${kept}"
        assert lab.value("adapters.settings.cache.list") == [3, "x"]

    def test_can_be_allowed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The verb that lets code run reads the files before the code."""
        Workspace(tmp_path).file("bare_model.py", MODEL).project(PROJECT)
        monkeypatch.setenv("ONEIRIC_STATE_DIR", str(tmp_path / "state"))

        allowed = run(["-C", str(tmp_path), "allow"], Interaction())

        assert isinstance(allowed, Result)
        assert allowed.as_dict()["modules"] == ["bare_model"]

    def test_an_expression_that_names_nothing_is_told(self, tmp_path: Path) -> None:
        """Once the model is known, what is still missing is a fault."""
        workspace = Workspace(tmp_path).file("bare_model.py", MODEL)
        workspace.project(PROJECT.replace("${seconds}", "${secnds}"))
        with pytest.raises(InvalidConfigError, match="names no value"):
            workspace.open()
