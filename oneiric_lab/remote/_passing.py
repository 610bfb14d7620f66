"""Faults that can pass, how long to wait for that, and when it is not worth waiting."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from oneiric_lab.errors import FetchError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oneiric_lab.errors import Fault


class PassingError(FetchError):
    """A fault that the next attempt may not have.

    Attributes:
        after: Seconds that the server asked us to wait; None where it said nothing.
    """

    default_code = "fetch"

    def __init__(
        self, faults: Fault | Iterable[Fault] | str, *, after: float | None = None
    ) -> None:
        super().__init__(faults)
        self.after = after


def retry_after(text: str | None, now: datetime) -> float | None:
    """Return the seconds that a `Retry-After` asks for: a number or a date (RFC 9110 §10.2.3).

    What is neither is no wish. A date that has passed is no wait.

    Example:
        >>> retry_after("120", datetime(2026, 1, 1, tzinfo=UTC))
        120.0
    """
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        # A number of more digits is longer than anybody waits, and a float all the same.
        return float(text[:18]) if len(text) <= 18 else float("inf")  # noqa: PLR2004 - see above
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def wait(error: Exception, remaining: float) -> bool | float:
    """Return whether to try again after *error*: no, yes, or yes after so many seconds.

    Args:
        error: Of the last attempt.
        remaining: Seconds until the deadline. A wait that ends behind it is not begun.
    """
    if not isinstance(error, PassingError) or remaining <= 0:
        return False
    if error.after is None:
        return True
    return error.after if error.after < remaining else False
