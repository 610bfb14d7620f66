"""Loggers of ours: a library says nothing unless its program listens."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

_ROOT = "oneiric_lab"


def logger(name: str) -> logging.Logger:
    """Return the logger *name*, which is silent where the program set no handler up.

    Without this, Python prints warnings of a program that never asked for logs.

    Example:
        >>> logger("oneiric_lab.jobs").name
        'oneiric_lab.jobs'
    """
    import logging  # noqa: PLC0415 - 5 ms, and most processes log nothing

    above = logging.getLogger(_ROOT)
    if not any(isinstance(one, logging.NullHandler) for one in above.handlers):
        above.addHandler(logging.NullHandler())
    return logging.getLogger(name)
