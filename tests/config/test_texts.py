"""Texts below fields: read from the source when somebody asks."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from oneiric_lab.config import Settings, field_texts, json_schema
from oneiric_lab.config._schema import describe

if TYPE_CHECKING:
    import pytest

SOURCE = '''
from pydantic import BaseModel

class Low(BaseModel):
    """A table."""

    port: int = 1
    """Where it
    listens."""
    host: str = "h"
    """Of the one below."""
    plain: int = 0

class High(Low):
    host: str = "i"
    """Of the one above."""
    port.real = 3
    "a text below no field"
'''


class TestFieldTexts:
    """Names of fields to texts."""

    def test_those_of_the_classes_above_count_too(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
    ) -> None:
        """
        Of two the nearer one; what has no text has none.
        """
        (tmp_path / "texts_below.py").write_text(SOURCE.replace("    port.real = 3\n", ""))
        monkeypatch.syspath_prepend(tmp_path)
        import texts_below  # type: ignore[import-not-found]

        found = field_texts(texts_below.High)

        assert found == {"port": "Where it\nlistens.", "host": "Of the one above."}
        assert field_texts(texts_below.Low)["host"] == "Of the one below."

    def test_without_a_source_there_are_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        As where only bytecode is installed, or a cell made the class.
        """
        made = type("Made", (BaseModel,), {"__module__": "made_of_nothing"})
        monkeypatch.setitem(sys.modules, "made_of_nothing", type(sys)("made_of_nothing"))

        assert field_texts(made) == {}

    def test_built_in_tables_are_described(self) -> None:
        """
        In `explain`, and in the JSON Schema, where a name of the file stands for the field's.
        """
        fields = describe(Settings).fields
        schema = json_schema(None)

        assert fields["stack", "strict"].description == (
            "Whether a component that only names decided is an error."
        )
        assert fields["app", "name"].description is None
        assert fields["flags", "*"].description is None
        assert schema["properties"]["flags"]["description"] == "Static flags that gate components."
        assert (
            schema["$defs"]["Schema"]["properties"]["model"]["description"]
            == "`module:attr` of a pydantic model."
        )
