"""When a release holds, and its place in the order behind what was trusted last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneiric_lab import canonical

from ._book import ASK
from ._evidence import Equivocation

if TYPE_CHECKING:
    from datetime import timedelta

    from ._book import Book
    from ._bundle import Bundle
    from ._requirements import Requirement
    from ._state import ReleaseSeen
    from ._statement import Statement

_DAY = 86_400


def check_times(book: Book, statement: Statement, row: Requirement | None) -> None:
    """Find whether the release holds now, and not for longer than it may."""
    times = statement.validity
    issued = canonical.utc_text(times.issued_at)
    if times.is_from_the_future(book.now, book.skew):
        book.failed("issued", f"issued at {issued}, which is in the future", "set the clock")
    else:
        book.passed("issued", issued)
    begin = canonical.utc_text(times.not_before)
    if times.is_early(book.now, book.skew):
        book.failed("not-before", f"it holds from {begin}", "wait until then")
    else:
        book.passed("not-before", begin)
    if times.expires_at is None:
        book.note("expiry", "skipped", "it never expires")
    elif times.is_expired(book.now):
        until = canonical.utc_text(times.expires_at)
        book.failed("expiry", f"expired at {until}", "get the newest release")
    else:
        book.passed("expiry", f"until {canonical.utc_text(times.expires_at)}")
    if row is not None:
        _lifetime(book, times.lifetime, row)


def _lifetime(book: Book, lifetime: timedelta | None, row: Requirement) -> None:
    days = row.lifetime_days
    if lifetime is None and (row.expiry or days is not None):
        book.failed(
            "lifetime",
            "it does not say until when it holds, and its schema asks for it",
            "have it proposed with an expiry",
        )
    elif lifetime is not None and days is not None and lifetime.total_seconds() > days * _DAY:
        book.failed(
            "lifetime",
            f"it holds {_days(lifetime)}; {days} days are the most for its schema",
            "have it proposed with an earlier expiry",
        )
    elif lifetime is None or days is None:
        book.note("lifetime", "skipped", "the root asks for none")
    else:
        book.passed("lifetime", f"{_days(lifetime)} of {days} days")


def check_order(book: Book, statement: Statement, bundle: Bundle) -> None:
    """Find whether the release stands behind what was trusted last."""
    seen = book.state.channels.get(statement.channel)
    if seen is None or seen.statement.project != statement.project:
        book.passed("rollback", "no release of this channel was trusted before")
        book.passed("equivocation", "no other release of this version is known")
        return
    mine, last = (statement.epoch, statement.version), seen.order
    known = seen.statement
    if mine < last:
        book.failed(
            "rollback",
            f"release {mine[0]}.{mine[1]}, and {last[0]}.{last[1]} was trusted before",
            "get the newest release; a former one returns by `manifest repropose`",
        )
    else:
        book.passed("rollback", f"not older than {last[0]}.{last[1]}")
    follows = statement.previous
    if mine == last and statement.sha256 != known.sha256:
        _two_stories(book, statement, bundle, seen, f"another release {statement.version}")
    elif (
        follows is not None
        and statement.epoch == known.epoch
        and follows.version == known.version
        and follows.sha256 != known.sha256
    ):
        _two_stories(
            book, statement, bundle, seen, f"it follows another release {known.version}, which"
        )
    else:
        book.passed("equivocation", "no other release of this version is known")


def _two_stories(
    book: Book, statement: Statement, bundle: Bundle, seen: ReleaseSeen, what: str
) -> None:
    place = f"{statement.project}/{statement.channel} {seen.order[0]}.{seen.order[1]}"
    proven = book.found.get("threshold")
    if proven is not None and proven.state == "passed":
        # Only what the threshold has signed is evidence; anybody can write the rest.
        book.equivocations.append(Equivocation("release", place, seen.envelope, bundle.envelope))
    book.failed(
        "equivocation",
        f"{what} was trusted before, with sha256:{seen.statement.sha256[:16]}…",
        f"keep the evidence of this report, and {ASK}",
    )


def _days(time: timedelta) -> str:
    return f"{time.total_seconds() / _DAY:g} days"
