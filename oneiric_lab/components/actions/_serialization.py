"""`action:serialization`: data to text and back, as JSON, TOML or YAML; never pickle."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from oneiric_lab.components._settings import ComponentSettings
from oneiric_lab.errors import MissingExtraError, OneiricError

from ._payload import Payload, action_fault

Format = Literal["json", "toml", "yaml"]


class SerializationSettings(ComponentSettings):
    """Settings of `action:serialization`."""

    format: Format = "json"
    """Where the payload names none."""
    max_bytes: Annotated[int, Field(ge=1)] = 16 * 1024 * 1024
    """Most bytes of a text, in or out."""


class _SerializationPayload(Payload):
    format: Format | None = None
    """Of the text; that of the settings by default."""
    value: Any = None
    """What shall become a text."""
    text: str | None = None
    """What shall become data."""
    indent: Annotated[int, Field(ge=0, le=8)] | None = None
    """Of JSON; without, it stands on one line."""

    @model_validator(mode="after")
    def _one(self) -> _SerializationPayload:
        if ("value" in self.model_fields_set) == (self.text is not None):
            raise ValueError("give either value (to a text) or text (to data)")
        return self


class Serialization:
    """Turns data into a text, and a text into data.

    Example:
        >>> turn = Serialization()
        >>> turn({"format": "toml", "text": "port = 80"})
        {'format': 'toml', 'value': {'port': 80}}
        >>> turn({"value": [1, "a"]})
        {'format': 'json', 'text': '[1,"a"]'}
    """

    payload_model = _SerializationPayload

    def __init__(self, settings: SerializationSettings | None = None) -> None:
        self._settings = settings or SerializationSettings()

    def __call__(self, payload: object) -> dict[str, Any]:
        """Return `format` and `text` or `value`.

        Raises:
            UsageError: The payload is none.
            ActionError: The text is not of that format, or the data cannot be said in it.
            MissingExtraError: YAML without PyYAML.
        """
        said = _SerializationPayload.of(payload)
        name, most = said.format or self._settings.format, self._settings.max_bytes
        if said.text is None:
            text = _text(said.value, name, said.indent)
            if len(text) > most:
                raise action_fault("action-too-large", f"makes more than {most} bytes")
            return {"format": name, "text": text}
        if len(said.text) > most:
            raise action_fault("action-too-large", f"the text is longer than {most} bytes")
        return {"format": name, "value": _value(said.text, name)}


def _text(value: Any, name: str, indent: int | None) -> str:
    try:
        if name == "json":
            tight = (",", ":") if indent is None else None
            return json.dumps(
                value, ensure_ascii=False, allow_nan=False, indent=indent, separators=tight
            )
        if name == "toml":
            import tomlkit  # noqa: PLC0415 - 40 ms

            # A list at the top is refused there, too.
            return tomlkit.dumps(value)
        yaml = _yaml()
        text: str = yaml.safe_dump(value, allow_unicode=True, sort_keys=False)
        if any(sign in text for sign in "\x85\u2028\u2029\ufeff"):
            # PyYAML writes these line ends of Unicode as they are, and reads them as spaces.
            text = yaml.safe_dump(value, allow_unicode=False, sort_keys=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise action_fault("action-data", f"{name} cannot say that: {error}") from None
    return text


def _value(text: str, name: str) -> Any:
    # A list may stand at the top of JSON and YAML, so it is read as the value of a table.
    try:
        if name == "json":
            return json.loads(text, parse_constant=_refuse)
        if name == "toml":
            from oneiric_lab.config import parse  # noqa: PLC0415 - with its nesting guard

            return _plain(parse(text.encode(), format="toml", name="payload.text", layer="").tree)
        return _plain(_yaml().safe_load(text))
    except OneiricError as error:
        raise action_fault("action-data", f"not {name}: {error.faults[0].message}") from None
    except (ValueError, RecursionError, TypeError) as error:
        raise action_fault("action-data", f"not {name}: {error}") from None
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "yaml":
            raise
        raise action_fault("action-data", f"not {name}: {' '.join(str(error).split())}") from None


def _plain(value: Any) -> Any:
    """Return *value* with dates as texts, as JSON has them."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _yaml() -> Any:
    try:
        import yaml  # noqa: PLC0415 - an optional dependency
    except ImportError:
        raise MissingExtraError("YAML needs PyYAML", extra="yaml") from None
    return yaml


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")
