"""A passphrase is asked for where a cell, a program or a shell runs, and never shown."""

from __future__ import annotations

from oneiric_lab.errors import Fault, PassphraseError


def ask_unseen(prompt: str) -> str:
    """Ask in the terminal or the notebook. A widget would keep what was typed in the notebook.

    Raises:
        PassphraseError: Nobody is there to ask.
    """
    from getpass import getpass  # noqa: PLC0415 - few ask

    try:
        return getpass(prompt)
    except (EOFError, OSError, NotImplementedError) as error:
        # Nobody is there: a job of a CI, a notebook that is run as a whole.
        raise PassphraseError(
            Fault(
                "passphrase-needed",
                "nobody is there to ask for a passphrase",
                fix="run this in a terminal or a notebook; or use a key without one",
            )
        ) from error
