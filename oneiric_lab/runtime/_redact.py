"""What must not be in a log is taken out of it, whatever logged it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HIDDEN: Final = "***"
LEAST: Final = 4
"""Characters that a secret must have to be looked for: a shorter one is in every word."""

_KEPT: Final = 4096
_NAMES: Final = re.compile(
    r"(?i)(?:^|[_.-])(?:password|passwd|passphrase|secret|token|authorization|api[_-]?key|cookie"
    r"|credentials?|private[_-]?key)$"
)
_SHAPES: Final = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{4,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@]+@", re.IGNORECASE), rf"\1{HIDDEN}@"),
)


class Redactor:
    """Takes known secrets out of texts, and what looks like one.

    What was once a secret stays one: a rotated one is not printed either.

    Args:
        secrets: Gives the texts that are secret now.

    Example:
        >>> hide = Redactor(lambda: ["hunter22"])
        >>> hide("logged in with hunter22 at https://ada:pw@example.com")
        'logged in with *** at https://***@example.com'
    """

    def __init__(self, secrets: Callable[[], Iterable[str]] = tuple) -> None:
        self._secrets = secrets
        self._known: dict[str, None] = {}
        self._ordered: tuple[str, ...] = ()
        self.refresh()

    def refresh(self) -> None:
        """Ask again what is secret."""
        self.add(*self._secrets())

    def add(self, *texts: str) -> None:
        """Hide these, too, from now on."""
        for text in texts:
            for form in (text, text.strip(), quote(text, safe=""), json.dumps(text)[1:-1]):
                if len(form) >= LEAST:
                    self._known[form] = None
        while len(self._known) > _KEPT:
            del self._known[next(iter(self._known))]
        # The longest first: one may be the beginning of another.
        self._ordered = tuple(sorted(self._known, key=len, reverse=True))

    def __call__(self, text: str) -> str:
        """Return *text* without secrets."""
        for known in self._ordered:
            if known in text:
                text = text.replace(known, HIDDEN)
        for shape, instead in _SHAPES:
            text = shape.sub(instead, text)
        return text

    def field(self, name: str, value: object, depth: int = 4) -> object:
        """Return the value of a field as plain data without secrets.

        Args:
            name: Of the field; one that names a secret hides its value whatever it is.
            value: Anything.
            depth: Tables and lists below that are written as text.
        """
        if _NAMES.search(name):
            return HIDDEN
        if value is None or isinstance(value, bool | int | float):
            return value
        if depth and isinstance(value, dict):
            return {self(str(k)): self.field(str(k), v, depth - 1) for k, v in value.items()}
        if depth and isinstance(value, list | tuple):
            return [self.field("", one, depth - 1) for one in value]
        try:
            return self(str(value))
        except Exception as error:  # noqa: BLE001 - a log must not fail for what is logged
            return f"<{type(value).__name__}: {type(error).__name__}>"
