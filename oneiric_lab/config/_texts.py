"""What stands as text below the fields of our own tables, read when somebody asks for it.

pydantic reads it whenever it makes a class, which was half of what the built-in tables took
at each start, for words that few ever ask for.
"""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic_core import CoreSchema


class Described:
    """A pydantic model whose fields are described by the text below each, as its source has it."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler, /
    ) -> dict[str, Any]:
        """Return the JSON Schema with these texts."""
        schema = handler(core_schema)
        said = handler.resolve_ref_schema(schema).get("properties", {})
        fields = cls.model_fields  # type: ignore[attr-defined]  # each is a model as well
        for name, text in field_texts(cls).items():
            said[fields[name].alias or name]["description"] = text
        return schema


def field_texts(shape: type) -> dict[str, str]:
    """Return field to the text below it, those of the classes above it in its module too.

    Nothing where the source is not there.
    """
    found = _of_module(shape.__module__)
    own = [one.__name__ for one in shape.__mro__ if one.__module__ == shape.__module__]
    return {name: text for one in reversed(own) for name, text in found.get(one, {}).items()}


@cache
def _of_module(name: str) -> dict[str, dict[str, str]]:
    try:
        source = inspect.getsource(sys.modules[name])
    except (OSError, TypeError):
        return {}
    return {
        one.name: dict(_of_class(one))
        for one in ast.parse(source).body
        if isinstance(one, ast.ClassDef)
    }


def _of_class(one: ast.ClassDef) -> list[tuple[str, str]]:
    return [
        (field.target.id, inspect.cleandoc(below.value.value))
        for field, below in pairwise(one.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    ]
