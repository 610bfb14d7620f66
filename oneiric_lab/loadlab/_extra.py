"""What is asked of the extra `load` before it is imported."""

from __future__ import annotations

from oneiric_lab.errors import MissingExtraError


def need_numpy() -> None:
    """Raise a MissingExtraError where numpy is not installed; ask before importing it."""
    try:
        import numpy as np  # noqa: F401, PLC0415 - of the extra `load`
    except ImportError:
        raise MissingExtraError("numpy is not installed", extra="load") from None
