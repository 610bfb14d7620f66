"""The revocation list: by its role, not older than the last, taking nothing back, not overdue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneiric_lab import canonical
from oneiric_lab.errors import OneiricError

from ._book import AGAIN, ASK, count
from ._dsse import good_signers, judge
from ._evidence import Equivocation
from ._revocation import Revocations

if TYPE_CHECKING:
    from ._book import Book
    from ._bundle import Bundle
    from ._root import Root


def list_in_force(book: Book, root: Root, bundle: Bundle) -> Revocations | None:
    """Return the list that is in force, or None."""
    if "revocation" not in root.roles:
        for code in ("revocations", "revocations-order", "revocations-age"):
            book.note(code, "skipped", "the root names nobody who may revoke")
        return None
    if bundle.revocations is None:
        book.failed(
            "revocations",
            "the bundle has no revocation list, and the root names who publishes it",
            "get a bundle with the list; an empty one is published with the first release",
        )
        return None
    try:
        listed = Revocations.parse(bundle.revocations, limits=book.limits)
    except OneiricError as error:
        book.refused("revocations", error)
        return None
    known = known_list(book, root)
    role = root.roles["revocation"]
    before = {} if known is None else known.revoked

    def own(keyid: str, _signature: bytes) -> str | None:
        # Who stole a key must not write the list that clears it, or that says since when.
        revoked = keyid in listed.revoked or keyid in before
        return "a key that was revoked signs no list" if revoked else None

    signers = good_signers(judge(listed.envelope, root.keys("revocation"), revoked=own))
    if len(signers) < role.threshold:
        book.failed(
            "revocations",
            f"list {listed.number} is signed by {', '.join(signers) or 'nobody'} of its role; "
            f"{role.threshold} are needed",
            "get the list from the project; a revoked key does not count for it",
        )
        return None
    if listed.project != root.project or listed.epoch != root.epoch:
        book.failed(
            "revocations",
            f"a list of {listed.project}, epoch {listed.epoch}; "
            f"the root is of {root.project}, epoch {root.epoch}",
            AGAIN,
        )
        return None
    book.passed(
        "revocations",
        f"list {listed.number}: {count(len(listed.revoked), 'key')}, "
        f"signed by {', '.join(signers)}",
    )
    _list_order(book, listed, known)
    _list_age(book, listed)
    return listed


def known_list(book: Book, root: Root) -> Revocations | None:
    """Return the remembered list, where its epoch is the root's: a new one begins anew."""
    known = book.state.revocations
    return known if known is not None and known.epoch == root.epoch else None


def _list_order(book: Book, listed: Revocations, known: Revocations | None) -> None:
    code = "revocations-order"
    if known is None:
        book.passed(code, "no list was seen before")
        return
    if listed.number < known.number:
        book.failed(code, f"list {listed.number}, and {known.number} was seen before", AGAIN)
        return
    if listed.number == known.number and listed.sha256 != known.sha256:
        place = f"{listed.project} {listed.epoch}.{listed.number}"
        book.equivocations.append(
            Equivocation("revocations", place, known.envelope, listed.envelope)
        )
        book.failed(
            code,
            f"another list {listed.number} was seen before: the signers told two stories",
            f"keep the evidence of this report, and {ASK}",
        )
        return
    back = listed.taken_back({k: one.invalid_from for k, one in known.revoked.items()})
    if back is not None:
        book.failed(code, f"list {listed.number} takes something back: {back}", ASK)
        return
    book.passed(code, f"not older than list {known.number}, and takes nothing back")


def _list_age(book: Book, listed: Revocations) -> None:
    due = listed.validity.expires_at
    assert due is not None  # noqa: S101 - a list without it is none
    if listed.validity.is_from_the_future(book.now, book.skew):
        # Not a matter of age: somebody's clock or word is wrong.
        book.failed(
            "revocations",
            f"list {listed.number} was issued at "
            f"{canonical.utc_text(listed.validity.issued_at)}, which is in the future",
            "set the clock, or get the list anew",
        )
        return
    if listed.validity.is_expired(book.now):
        book.failed(
            "revocations-age",
            f"the list after {listed.number} was due at {canonical.utc_text(due)}",
            "get a newer bundle; somebody may be holding back the list that counts",
        )
        return
    book.passed("revocations-age", f"the next one is due at {canonical.utc_text(due)}")
