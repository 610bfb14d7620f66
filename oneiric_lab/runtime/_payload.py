"""What goes into a node and comes out of it: JSON, of a size that is known, without secrets."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

from oneiric_lab.config import Secret, SecretRef
from oneiric_lab.errors import Fault, WorkflowError

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_BYTES: Final = 1_048_576
"""Most bytes of one payload or result as JSON; what is larger belongs into a store of objects."""

_DEPTH: Final = 64
"""Levels that may nest, as in a signed document."""

_WHOLE: Final = 1 << 63
"""Whole numbers are of 64 bits: readers in other languages have no larger ones."""


def json_value(
    value: Any, what: str, *, limit: int = MAX_BYTES, secrets: Iterable[str] = ()
) -> Any:
    """Return *value* as it is when it was written as JSON and read again.

    A tuple is a list then, and nothing is shared with *value*. What JSON has no form for is
    refused rather than written by its `str`: a run that is resumed sees what was written.

    Args:
        value: What a task was given, or what it returned.
        what: What people call it.
        limit: Most bytes.
        secrets: Texts that must not stand in it.

    Raises:
        WorkflowError: With code `not-json`, `secret-refused` or `too-large`.

    Example:
        >>> json_value({"rows": (1, 2)}, "the result")
        {'rows': [1, 2]}
    """
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is int and -_WHOLE <= value < _WHOLE:
        return value
    _check(value, what, "", 0)
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError:
        raise _refused(what, "", "half a surrogate pair, which UTF-8 cannot say") from None
    if size > limit:
        raise WorkflowError(
            Fault(
                "too-large",
                f"expected at most {limit:,} bytes of JSON, got {size:,}: {what}",
                why="each of them is kept with the run, and read again whenever it is looked at",
                fix="keep it elsewhere, and pass where it is; workflows.max_bytes is the limit",
            )
        )
    for secret in secrets:
        if json.dumps(secret, ensure_ascii=False)[1:-1] in text:
            raise WorkflowError(
                Fault(
                    "secret-refused",
                    f"the text of a secret would be kept with the run: {what}",
                    fix="pass what it was used for, and not the secret itself",
                )
            )
    return json.loads(text)


def _check(value: Any, what: str, where: str, depth: int) -> None:
    kind = type(value)
    if value is None or kind is str or kind is bool:
        return
    if kind is int:
        if not -_WHOLE <= value < _WHOLE:
            raise _refused(what, where, "a whole number of more than 64 bits")
    elif kind is float:
        if not math.isfinite(value):
            raise _refused(what, where, f"{value}, which JSON has no number for")
    elif kind is dict or kind is list or kind is tuple:
        if depth >= _DEPTH:
            raise _refused(what, where[:60], f"more than {_DEPTH} levels")
        if kind is dict:
            for key, inner in value.items():
                if type(key) is not str:
                    raise _refused(what, where, f"a key of type {type(key).__name__}")
                _check(inner, what, f"{where}.{key}" if where else key, depth + 1)
        else:
            for index, inner in enumerate(value):
                _check(inner, what, f"{where}[{index}]", depth + 1)
    elif isinstance(value, Secret | SecretRef):
        raise WorkflowError(
            Fault(
                "secret-refused",
                f"{value} would be kept with the run: {_place(what, where)}",
                fix="name the secret in the task's requires_secrets, and reveal it there",
            )
        )
    else:
        raise _refused(what, where, f"a value of type {kind.__name__}")


def _place(what: str, where: str) -> str:
    return f"{what}, at {where}" if where else what


def _refused(what: str, where: str, found: str) -> WorkflowError:
    return WorkflowError(
        Fault(
            "not-json",
            f"expected JSON, got {found}: {_place(what, where)}",
            fix="use texts, numbers, booleans, None, lists, and dictionaries with texts as keys",
        )
    )
