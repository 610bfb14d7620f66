"""What an action is given, validated: every fault at once, each by its path."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from oneiric_lab.errors import ActionError, Fault, UsageError, did_you_mean

P = TypeVar("P", bound="Payload")


class Payload(BaseModel):
    """Base of what actions take: unknown names are refused, texts are no numbers."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        use_attribute_docstrings=True,
        # A table may have a column `json`.
        protected_namespaces=(),
    )

    @classmethod
    def of(cls, said: object) -> Self:
        """Return *said* as this payload.

        Raises:
            UsageError: With a fault for each value that is none; their values are not shown.
        """
        try:
            return cls.model_validate({} if said is None else said)
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)
        raise UsageError([cls._fault(one) for one in found])

    @classmethod
    def _fault(cls, one: Any) -> Fault:
        path = ".".join(map(str, ("payload", *one["loc"])))
        known = [field.alias or name for name, field in cls.model_fields.items()]
        if one["type"] == "extra_forbidden":
            near = did_you_mean(str(one["loc"][-1]), known)
            return Fault("payload", f"unknown name: {path}", fix=near or f"known: {known}")
        if one["type"] == "missing":
            return Fault("payload", f"missing: {path}", fix=f"known: {', '.join(known)}")
        message = str(one["msg"]).removeprefix("Value error, ")
        return Fault("payload", f"{path}: {message[:1].lower()}{message[1:]}")


class Bytes(Payload):
    """Bytes, as a text in UTF-8 or in base64."""

    text: str | None = None
    """In UTF-8."""
    base64: str | None = None
    """In base64."""

    @model_validator(mode="after")
    def _one(self) -> Bytes:
        given = [name for name in self.kinds() if name in self.model_fields_set]
        if len(given) != 1:
            raise ValueError(f"give one of {', '.join(self.kinds())}")
        return self

    @classmethod
    def kinds(cls) -> tuple[str, ...]:
        """Return the names that say what the bytes are; one of them is given."""
        return ("text", "base64")

    def data(self) -> bytes:
        """Return the bytes.

        Raises:
            UsageError: They are not what they say.
        """
        if self.text is not None:
            try:
                return self.text.encode()
            except UnicodeEncodeError:
                raise UsageError(
                    Fault("payload", "payload.text: half a surrogate pair is no text")
                ) from None
        try:
            return base64.b64decode(self.base64 or "", validate=True)
        except (binascii.Error, ValueError) as error:
            raise UsageError(Fault("payload", f"payload.base64: {error}")) from None


def base64_of(data: bytes) -> str:
    """Return *data* in base64."""
    return base64.b64encode(data).decode()


def action_fault(
    code: str, what: str, *, why: str | None = None, fix: str | None = None
) -> ActionError:
    """Return the error of an action that could not do what it was asked."""
    return ActionError(Fault(code, what, why=why, fix=fix))
