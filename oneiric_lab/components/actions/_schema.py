"""`action:validation.schema`: data against a JSON Schema, by fastjsonschema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, model_validator

from oneiric_lab.components._settings import ComponentSettings
from oneiric_lab.errors import MissingExtraError, did_you_mean

from ._payload import Payload, action_fault

if TYPE_CHECKING:
    from collections.abc import Callable

DRAFTS = ("draft-04", "draft-06", "draft-07")
"""What a `$schema` may name; without one, a schema is of draft 7."""


class SchemaSettings(ComponentSettings):
    """Settings of `action:validation.schema`."""

    schemas: dict[str, dict[str, Any] | bool] = Field(default_factory=dict)
    """Name to JSON Schema."""
    inline: bool = False
    """Whether a payload may bring a schema: code is made of it, so only where payloads are
    trusted as much as the configuration."""
    max_errors: Annotated[int, Field(ge=1, le=1000)] = 50
    """Errors that are told."""


class _SchemaPayload(Payload):
    data: Any
    """What is looked at."""
    name: str | None = None
    """Of a schema in the settings; the only one there is, where this is not said."""
    schema_: Annotated[dict[str, Any] | bool | None, Field(alias="schema")] = None
    """The schema itself, where the settings allow that."""

    @model_validator(mode="after")
    def _one(self) -> _SchemaPayload:
        if self.name is not None and self.schema_ is not None:
            raise ValueError("give either name or schema")
        return self


class Schema:
    """Tells whether data are what a JSON Schema says.

    Nothing is fetched for a `$ref` that leads elsewhere, and no default is filled in.

    Example:
        >>> check = Schema(SchemaSettings(schemas={"age": {"type": "integer", "minimum": 0}}))
        >>> check({"data": 7})
        {'ok': True, 'schema': 'age', 'errors': []}
        >>> check({"data": -1})["errors"]
        [{'path': '', 'rule': 'minimum', 'message': 'must be bigger than or equal to 0'}]
    """

    payload_model = _SchemaPayload

    def __init__(self, settings: SchemaSettings | None = None) -> None:
        self._settings = settings or SchemaSettings()
        # Wrong ones are told when the action is activated, and not at the first payload.
        self._checks = {name: compiled(one, name) for name, one in self._settings.schemas.items()}

    def __call__(self, payload: object) -> dict[str, Any]:
        """Return `ok`, and `errors` with `path`, `rule` and `message`.

        Raises:
            UsageError: The payload is none.
            ActionError: There is no such schema, or it is none.
        """
        said = _SchemaPayload.of(payload)
        if said.schema_ is not None:
            if not self._settings.inline:
                raise action_fault(
                    "action-refused",
                    "a payload may not bring a schema here",
                    why="code is made of it",
                    fix='name one of the settings, or: actions.settings."validation.schema".inline'
                    " = true",
                )
            name, check = "(payload)", compiled(said.schema_, "payload.schema")
        else:
            name = self._name(said.name)
            check = self._checks[name]
        errors = check(said.data)
        return {"ok": not errors, "schema": name, "errors": errors[: self._settings.max_errors]}

    def _name(self, name: str | None) -> str:
        if name is None and len(self._checks) == 1:
            return next(iter(self._checks))
        if name in self._checks:
            return str(name)
        known = ", ".join(sorted(self._checks)) or "none is configured"
        raise action_fault(
            "action-schema",
            f"no schema {name!r}" if name else "the payload names no schema",
            fix=(did_you_mean(name, self._checks) if name else None) or f"known: {known}",
        )


class _Nowhere(dict[str, Any]):
    """Handlers of every scheme: a `$ref` that leads elsewhere is refused."""

    def __contains__(self, scheme: object) -> bool:
        return True

    def __getitem__(self, scheme: str) -> Any:
        def refuse(uri: str) -> Any:
            raise action_fault("action-schema", f"a $ref leads elsewhere: {uri!r:.200}")

        return refuse


def compiled(schema: Any, name: str) -> Callable[[Any], list[dict[str, str]]]:
    """Return what gives the errors of data.

    Raises:
        ActionError: It is no schema of a known draft.
        MissingExtraError: fastjsonschema is not installed.
    """
    try:
        import fastjsonschema  # noqa: PLC0415 - an optional dependency, 20 ms
    except ImportError:
        raise MissingExtraError("validation needs fastjsonschema", extra="schema") from None
    draft = schema.get("$schema") if isinstance(schema, dict) else None
    if draft is not None and not any(one in str(draft) for one in DRAFTS):
        raise action_fault(
            "action-schema",
            f"{name} is of {draft!r:.100}",
            fix="write it in draft 7: http://json-schema.org/draft-07/schema#",
        )
    try:
        check = fastjsonschema.compile(
            schema, handlers=_Nowhere(), use_default=False, fast_fail=False
        )
    except (fastjsonschema.JsonSchemaException, RecursionError, SyntaxError) as error:
        raise action_fault("action-schema", f"{name} is no JSON Schema: {error}") from None
    except (TypeError, AttributeError, KeyError, ValueError) as error:
        why = f"{type(error).__name__}: {error}"
        raise action_fault("action-schema", f"{name} is no JSON Schema: {why}") from None

    def errors(data: Any) -> list[dict[str, str]]:
        try:
            check(data)
        except fastjsonschema.JsonSchemaValuesException as found:
            return [_told(one) for one in found.errors]
        except fastjsonschema.JsonSchemaValueException as one:
            return [_told(one)]
        except RecursionError:
            return [{"path": "", "rule": "depth", "message": "is nested too deep"}]
        return []

    return errors


def _told(error: Any) -> dict[str, str]:
    name = str(error.name or "data")
    message = str(error.message).removeprefix(f"{name} ").removeprefix("data ")
    path = name.removeprefix("data").lstrip(".")
    return {"path": path, "rule": str(error.rule or ""), "message": message[:500]}
