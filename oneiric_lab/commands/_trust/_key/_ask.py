"""Asking for a new passphrase twice, since what is typed is not seen."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from oneiric_lab.errors import Fault, PassphraseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class _Twice:
    """A callable that asks twice, and answers nothing when the two differ."""

    def __init__(self, ask: Callable[[str], str]) -> None:
        self._ask = ask
        self.differ = False

    def __call__(self, prompt: str) -> str:
        secret = self._ask(prompt)
        # An empty one is refused by whoever asks; it need not be repeated.
        if not secret or self._ask("Once more: ") == secret:
            return secret
        self.differ = True
        return ""


@contextmanager
def new_passphrase(
    ask: Callable[[str], str], *, none: bool
) -> Iterator[Callable[[str], str] | None]:
    """Give what asks for a new passphrase; None where *none* says that there shall be none.

    Raises:
        PassphraseError: It was typed in two ways.
    """
    if none:
        yield None
        return
    twice = _Twice(ask)
    try:
        yield twice
    except PassphraseError:
        if not twice.differ:
            raise
        raise PassphraseError(
            Fault("passphrase-differs", "the two passphrases differ", fix="try again")
        ) from None
