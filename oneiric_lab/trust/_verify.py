"""Bytes in, verdict out.

`verify` reads a bundle and a manifest, and says of each thing that must be so whether it is.
It is pure: the time, the state and the policy come in, nothing is read or written, and the
same arguments give the same report. The order of the checks is that of `KINDS`:

1. the clock, the root that is trusted first, the chain from it, its expiry, the local policy;
2. the revocation list: by its role, not older than the last, taking nothing back, not overdue;
3. the statement; the digest and size of the manifest, before anything in it is parsed;
4. that manifest, statement, root and policy speak of the same release;
5. the signatures: distinct signers with distinct keys, none revoked, each within its scope;
6. the times, and the place in the order behind what was trusted last;
7. what else the root asks of this schema.

A check whose ground has failed is skipped and says so. Whatever fails, no byte comes out.

Example:
    >>> from datetime import datetime, UTC
    >>> from oneiric_lab.testing import ReleaseHouse
    >>> house = ReleaseHouse()
    >>> release = house.release({"adapter:cache": "redis"})
    >>> report = verify(
    ...     release.bundle, release.manifest, policy=house.policy, state=State(), now=house.now
    ... )
    >>> report
    <Report: verified: shop stable 1>
    >>> later = datetime(2027, 6, 1, tzinfo=UTC)
    >>> verify(release.bundle, release.manifest, policy=house.policy, state=State(), now=later)
    <Report: stale: root-expiry, revocations-age, expiry>
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ._ageing import ageing
from ._book import Book
from ._checks import KINDS, Check
from ._limits import Limits, aware
from ._report import Release, Report
from ._state import ReleaseSeen, State
from ._statement import read_head
from ._verify_list import list_in_force
from ._verify_order import check_order, check_times
from ._verify_release import (
    check_claims,
    check_line,
    find_requirement,
    read_manifest_head,
    read_statement,
)
from ._verify_root import (
    check_clock,
    check_policy,
    check_root_age,
    find_anchor,
    follow,
    read_bundle,
)
from ._verify_signers import check_demands, check_scopes, count_signers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ._bundle import Bundle
    from ._evidence import TimeEvidence
    from ._policy import Policy
    from ._revocation import Revocations
    from ._root import Root
    from ._statement import Statement

_LIMITS = Limits()


def verify(
    bundle: Bundle | bytes | None,
    manifest: bytes | None,
    *,
    policy: Policy,
    state: State,
    now: datetime,
    evidence: Sequence[TimeEvidence] = (),
    limits: Limits = _LIMITS,
) -> Report:
    """Return what was found of a release.

    Args:
        bundle: The bundle or its bytes; None for a manifest of upstream's form, which carries
            its own signatures and is taken only where the policy says so.
        manifest: The bytes of the manifest; None when only the bundle is there.
        policy: What is trusted here.
        state: What was trusted last.
        now: The time, with its zone.
        evidence: Who saw signatures at some time, for those of revoked keys.
        limits: How much is read at most.

    Returns:
        A report. `report.manifest` and `report.release` raise unless everything passed.

    Raises:
        UsageError: *now* has no time zone.
    """
    if manifest is not None:
        # What comes out is what was verified, whatever becomes of a buffer that was handed in.
        manifest = bytes(manifest)
    read = partial(read_head, limits=limits)
    book = Book(policy, state, aware(now), tuple(evidence), limits, read)
    if bundle is None and policy.legacy is not None:
        from ._legacy import verify_legacy  # noqa: PLC0415 - only who trusts upstream's form

        return verify_legacy(book, manifest)
    return report_of(book, bundle, manifest)


def report_of(book: Book, given: Bundle | bytes | None, manifest: bytes | None) -> Report:
    """Go through all checks in their order, and close the book."""
    check_clock(book)
    bundle = read_bundle(book, given)
    root = anchor = None
    if bundle is not None:
        anchor = find_anchor(book, bundle)
        root = None if anchor is None else follow(book, anchor, bundle)
    listed = None
    if bundle is not None and root is not None:
        check_root_age(book, root)
        check_policy(book, root)
        listed = list_in_force(book, root, bundle)
    statement = None if bundle is None else read_statement(book, bundle)
    head = read_manifest_head(book, manifest, statement)
    if statement is not None:
        check_line(book, statement, root)
        if head is not None:
            check_claims(book, head, statement)
    row = None
    if statement is not None and root is not None and bundle is not None:
        row = find_requirement(book, statement, root)
        if row is not None:
            count_signers(book, bundle, root, row, listed)
            if head is not None:
                check_scopes(book, head, root, row)
    if statement is not None:
        check_times(book, statement, row)
        if bundle is not None:
            check_order(book, statement, bundle)
    if row is not None and head is not None:
        check_demands(book, row, head)
    return _close(book, anchor, root, listed, statement, bundle, manifest)


def _close(
    book: Book,
    anchor: Root | None,
    root: Root | None,
    listed: Revocations | None,
    statement: Statement | None,
    bundle: Bundle | None,
    manifest: bytes | None,
) -> Report:
    checks = tuple(
        book.found.get(kind.code)
        or Check(kind.code, "skipped", "a check that it builds on has failed")
        for kind in KINDS
    )
    good = all(check.state != "failed" for check in checks)
    gained, release = State(), None
    if good and root and anchor and statement is not None and bundle is not None:
        release = Release.of(statement)
        gained = State(
            anchor=book.state.anchor or anchor.sha256,
            root=root,
            channels={statement.channel: ReleaseSeen(statement, bundle.envelope)},
            revocations=listed,
            time=book.now.replace(microsecond=0),
        )
    return Report(
        checks,
        book.signatures,
        tuple(book.equivocations),
        gained,
        release,
        manifest if release is not None else None,
        tuple(fault.message for fault in ageing(gained, book.now)),
    )
