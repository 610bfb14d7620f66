"""Secrets: references until revealed, and never in a repr, a log, a view or a file of ours."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from oneiric_lab.errors import Fault, OneiricError, SecretError
from oneiric_lab.files import read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Names a secret without holding it.

    Attributes:
        id: What a provider is asked for.
        find: Gives the text of the secret, or None where there is none. It is no part of
            equality or repr.
    """

    id: str
    find: Callable[[], str | None] = field(repr=False, compare=False)

    def __str__(self) -> str:
        """Return the reference, never the value."""
        return f"secret:{self.id}"

    def __reduce__(self) -> NoReturn:
        """Refuse: a pickle would carry what can reveal the secret."""
        raise SecretError(f"{self} cannot be pickled", fix="reveal it where it is used")


class Secret(Generic[T]):
    """A field's value that is kept secret: `api_key: Secret[str]`.

    The text is read from its provider, and validated as `T`, each time it is revealed, so
    that a rotated secret is seen and nothing is kept. `repr`, `str` and JSON show the
    reference only.

    Example:
        >>> key = Secret(SecretRef("api_key", lambda: "s3cr3t"))
        >>> key, str(key), key.reveal()
        (Secret('secret:api_key'), 'secret:api_key', 's3cr3t')
    """

    __slots__ = ("_check", "_ref")

    def __init__(self, ref: SecretRef, check: Callable[[str], T] | None = None) -> None:
        self._ref = ref
        self._check = check

    @property
    def ref(self) -> SecretRef:
        """The reference."""
        return self._ref

    def reveal(self) -> T:
        """Return the secret, validated.

        Raises:
            SecretError: There is none, or it is not what the field takes. The message
                never holds the value.
        """
        text = self._ref.find()
        if text is None:
            raise SecretError(missing(self._ref.id))
        if self._check is None:
            return text  # type: ignore[return-value]  # without a check T is str
        return self._check(text)

    def __repr__(self) -> str:
        return f"Secret('{self._ref}')"

    def __str__(self) -> str:
        return str(self._ref)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._ref == self._ref

    def __hash__(self) -> int:
        return hash(self._ref)

    def __reduce__(self) -> NoReturn:
        self._ref.__reduce__()
        raise AssertionError  # pragma: no cover - the line above raises

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from typing import get_args  # noqa: PLC0415 - only a schema with secrets pays

        from pydantic_core import PydanticCustomError, core_schema  # noqa: PLC0415 - see above

        inner = (get_args(source) or (str,))[0]

        def check(text: str) -> Any:
            from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - when revealed

            try:
                return TypeAdapter(inner).validate_python(text)
            except ValidationError as error:
                reason = "; ".join(str(fault["msg"]) for fault in error.errors(include_input=False))
            raise SecretError(f"a secret is not what its field takes: {reason}")

        def build(value: object) -> Secret[Any]:
            if isinstance(value, Secret):
                return value
            if isinstance(value, SecretRef):
                return cls(value, None if inner is str else check)
            # pydantic's own message would hold the value.
            raise PydanticCustomError("secret_reference", "a secret, such as ${secret:id}")

        return core_schema.no_info_plain_validator_function(
            build, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        return {"type": "string", "description": "A secret, by reference: ${secret:id}."}


def missing(name: str) -> Fault:
    """Return the fault of a secret that no provider has."""
    variable = variable_of(name)
    return Fault(
        "secret-missing",
        f"no secret `{name}`",
        why=f"neither the variable {variable} nor a file `{name}` in a secrets folder is there",
        fix=f"set {variable}, or write the secret to secrets/{name}",
    )


def read_secret(path: Path, name: str) -> str:
    """Return the text of a file that holds the secret *name*, without its last line end.

    Raises:
        SecretError: It cannot be read, or is no UTF-8.
    """
    try:
        return read(path, shown=name).data.decode("utf-8").rstrip("\r\n")
    except OneiricError as error:
        reason = error.faults[0].message
    except UnicodeDecodeError:
        reason = "it is not UTF-8"
    raise SecretError(
        Fault(
            "secret-unreadable",
            f"cannot read the secret `{name}`: {reason}",
            fix="write it as UTF-8 text that this user may read",
        )
    )


def variable_of(name: str) -> str:
    """Return the environment variable that holds the secret *name*.

    Example:
        >>> variable_of("payments.api-key")
        'ONEIRIC_SECRET_PAYMENTS_API_KEY'
    """
    return "ONEIRIC_SECRET_" + "".join(c if c.isalnum() else "_" for c in name).upper()
