"""Reading signed JSON member by member: nothing missing, nothing more, nothing of another kind.

A document reached this module through the canonical gate, so that its keys are unique and
its numbers have one spelling. What is refused is named by its JSON pointer (RFC 6901).
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from oneiric_lab import canonical
from oneiric_lab.errors import CanonicalError, DocumentRefusedError, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    T = TypeVar("T")

# Names reach file names, terminals and globs; one alphabet keeps look-alikes out.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}\Z", re.ASCII)
_SHOWN = 60


def document(data: bytes, *, what: str, limit: int, depth: int = 16) -> Members:
    """Return the members of the canonical JSON object in *data*.

    Args:
        data: The bytes, whole.
        what: What it should be (`an envelope`), for messages.
        limit: Most bytes.
        depth: Most levels.

    Raises:
        DocumentRefusedError: The bytes are not canonical, or no object.
    """
    with _told(what):
        tree = canonical.decode(data, max_bytes=limit, max_depth=depth)
    return Members(tree, what)


def long_document(
    data: bytes,
    member: str,
    take: Callable[[list[Any]], T],
    *,
    what: str,
    limit: int,
    depth: int,
) -> tuple[Members, list[T]]:
    """Return the same with the list *member* emptied, and what *take* kept of its items.

    Raises:
        DocumentRefusedError: The bytes are not canonical, or no object.
    """
    with _told(what):
        tree, taken = canonical.decode_long(data, member, take, max_bytes=limit, max_depth=depth)
    return Members(tree, what), taken


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except CanonicalError as error:
        fault = error.faults[0]
        raise DocumentRefusedError(
            Fault(
                fault.code,
                f"not {what}: {fault.message}",
                excerpt=fault.excerpt,
                why=fault.why,
                fix="get it anew from where it was published; an editor may have changed it",
            )
        ) from None


class Members:
    """The members of one JSON object; each is taken once, and `done` refuses the rest.

    Args:
        tree: What should be an object.
        what: The document, for messages.
        at: JSON pointer to it.
    """

    __slots__ = ("_at", "_left", "_what")

    def __init__(self, tree: object, what: str, at: str = "") -> None:
        self._what, self._at = what, at
        if not isinstance(tree, dict):
            self.refuse(None, "an object", tree)
        self._left: dict[str, Any] = dict(tree)

    def refuse(
        self, key: str | None, expected: str, found: object, *, index: int | None = None
    ) -> NoReturn:
        """Raise the error for the member *key*, its item *index*, or the object itself."""
        shown = repr(found)
        if len(shown) > _SHOWN:
            shown = f"{shown[: _SHOWN - 3]}..."
        self.fail(f"expected {expected}, found {shown}", key, index=index)

    def fail(self, message: str, key: str | None = None, *, index: int | None = None) -> NoReturn:
        """Raise the error that says *message* of the same."""
        place = self._at if key is None else f"{self._at}/{_escaped(key)}"
        place += "" if index is None else f"/{index}"
        raise DocumentRefusedError(
            Fault(
                "document-form",
                f"not {self._what}: {message}" + (f" (at {place})" if place else ""),
                fix="get it anew from where it was published, or have it made anew",
            )
        )

    def take(self, key: str) -> Any:
        """Return the member *key*, whatever it is."""
        if key not in self._left:
            self.fail(f"the member {key!r} is missing")
        return self._left.pop(key)

    def constant(self, key: str, value: object) -> None:
        """Take the member *key*, which must be *value*."""
        found = self.take(key)
        if found != value or type(found) is not type(value):
            self.refuse(key, repr(value), found)

    def text(self, key: str) -> str:
        """Return the member *key*, a text."""
        value = self.take(key)
        if not isinstance(value, str):
            self.refuse(key, "a text", value)
        return value

    def name(self, key: str) -> str:
        """Return the member *key*, a name of ASCII letters, digits, `_`, `.` and `-`."""
        value = self.take(key)
        if not is_name(value):
            self.refuse(key, "a name of letters, digits, `_`, `.` and `-`", value)
        return str(value)

    def integer(self, key: str, *, least: int) -> int:
        """Return the member *key*, an integer of at least *least*."""
        value = self.take(key)
        if type(value) is not int or value < least:
            self.refuse(key, f"an integer of at least {least}", value)
        return value

    def boolean(self, key: str) -> bool:
        """Return the member *key*, true or false."""
        value = self.take(key)
        if not isinstance(value, bool):
            self.refuse(key, "true or false", value)
        return value

    def sha256(self, key: str) -> str:
        """Return the member *key*, a SHA-256 in hex."""
        return str(self._strict(key, canonical.sha256_hex))

    def base64(self, key: str) -> bytes:
        """Return the bytes that the member *key* says in base64."""
        value: bytes = self._strict(key, canonical.base64_bytes)
        return value

    def time(self, key: str) -> datetime:
        """Return the time that the member *key* says, with its zone."""
        value: datetime = self._strict(key, canonical.utc_time)
        return value

    def optional_sha256(self, key: str) -> str | None:
        """Return the member *key*, a SHA-256 in hex, or None where it is null."""
        return None if self._is_null(key) else self.sha256(key)

    def optional_time(self, key: str) -> datetime | None:
        """Return the time that the member *key* says, or None where it is null."""
        return None if self._is_null(key) else self.time(key)

    def object(self, key: str) -> Members:
        """Return the members of the object *key*."""
        return Members(self.take(key), self._what, f"{self._at}/{_escaped(key)}")

    def optional_object(self, key: str) -> Members | None:
        """Return the members of the object *key*, or None where it is null."""
        return None if self._is_null(key) else self.object(key)

    def items(self, key: str, *, most: int) -> list[Any]:
        """Return the list *key* of at most *most* items."""
        value = self.take(key)
        if not isinstance(value, list):
            self.refuse(key, "a list", value)
        if len(value) > most:
            self.fail(f"{len(value):,} items where at most {most:,} are read", key)
        return value

    def objects(self, key: str, *, most: int) -> Iterator[Members]:
        """Yield the members of each object in the list *key*."""
        for index, item in enumerate(self.items(key, most=most)):
            yield Members(item, self._what, f"{self._at}/{_escaped(key)}/{index}")

    def all(self, *, most: int | None = None) -> tuple[str, ...]:
        """Return the keys that are left, at most *most*; the caller takes each."""
        if most is not None and len(self._left) > most:
            self.fail(f"{len(self._left):,} members where at most {most:,} are read")
        return tuple(self._left)

    def take_all(self, *, most: int) -> dict[str, Any]:
        """Return the members that are left, at most *most*, whatever they are."""
        self.all(most=most)
        taken, self._left = self._left, {}
        return taken

    def done(self) -> None:
        """Refuse what nobody took: a reader that skips a member reads another document."""
        for key in self._left:
            self.fail(f"the member {key!r} is not known here")

    def _is_null(self, key: str) -> bool:
        """Take the member *key* where it is there and null, and tell whether it was."""
        return key in self._left and self._left[key] is None and self._left.pop(key) is None

    def _strict(self, key: str, read: Any) -> Any:
        value = self.take(key)
        try:
            return read(value)
        except CanonicalError as error:
            self.fail(error.faults[0].message, key)


def is_name(value: object) -> bool:
    """Tell whether *value* is a name: 1 to 128 ASCII letters, digits, `_`, `.` and `-`."""
    return isinstance(value, str) and _NAME.match(value) is not None


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
