"""Who signed: distinct signers with distinct keys, each within its scope; what else is due."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oneiric_lab import canonical

from ._book import SHOWN, count
from ._dsse import good_signers, judge
from ._verify_list import known_list

if TYPE_CHECKING:
    from ._book import Book
    from ._bundle import Bundle
    from ._requirements import Requirement
    from ._revocation import Revocations
    from ._root import Root
    from ._statement import Head


def count_signers(
    book: Book, bundle: Bundle, root: Root, row: Requirement, listed: Revocations | None
) -> None:
    """Judge every signature, and find whether enough signers have good ones."""
    lists = [one for one in (listed, known_list(book, root)) if one is not None]

    def revoked(keyid: str, signature: bytes) -> str | None:
        found = [one.revoked[keyid] for one in lists if keyid in one.revoked]
        if not found:
            return None
        first = min(found, key=lambda one: one.invalid_from)
        begin = canonical.utc_time(first.invalid_from)
        for witness in book.evidence:
            seen = witness.existed_at(keyid, signature)
            if seen is not None and seen < begin:
                return None
        return (
            f"revoked ({first.reason}), invalid from {first.invalid_from}, and nothing from "
            "outside proves that the signature is older"
        )

    book.signatures = judge(bundle.envelope, root.keys("release"), revoked=revoked)
    signers = good_signers(book.signatures)
    role = root.roles["release"]
    said = f"{len(signers)} of {len(role.signers)} signers: {', '.join(signers) or 'nobody'}"
    if len(signers) >= row.threshold:
        book.passed("threshold", f"{said}; {row.threshold} are needed")
        return
    whys = sorted({f"{v.keyid[:16]}… {v.why}" for v in book.signatures if v.state != "good"})
    more = f" ({'; '.join(whys[:SHOWN])})" if whys else ""
    book.failed(
        "threshold",
        f"{said}; {row.threshold} are needed{more}",
        "have more of the signers whom the root names sign it: `manifest cosign`",
    )


def check_scopes(book: Book, head: Head, root: Root, row: Requirement) -> None:
    """Find whether enough of the signers may sign for each component."""
    role, signers = root.roles["release"], good_signers(book.signatures)
    if len(signers) < row.threshold:
        return
    targets = set(head.targets)
    outside = [missing for s in signers if (missing := role.covers(s, targets)) is not None]
    lacking = sorted(
        target
        for target in set[str]().union(*outside)
        if len(signers) - sum(target in missing for missing in outside) < row.threshold
    )
    if lacking:
        more = f" and {len(lacking) - SHOWN:,} more" if len(lacking) > SHOWN else ""
        names = ", ".join(map(repr, lacking[:SHOWN]))
        book.failed(
            "scope",
            f"fewer than {row.threshold} of the signers may sign for {names}{more}",
            "have signers sign whose scope covers them, or leave these entries out",
        )
    else:
        book.passed("scope", f"{count(len(targets), 'component')} within the signers' scopes")


def check_demands(book: Book, row: Requirement, head: Head) -> None:
    """Find what else the root asks of releases of this schema."""
    if not row.digests:
        book.note("digests", "skipped", "the root does not ask for them")
    else:
        lacking = sorted(set(head.without_digest))
        if lacking:
            names = ", ".join(map(repr, lacking[:SHOWN]))
            book.failed(
                "digests",
                f"an artifact without SHA-256 or size: {names}",
                "have them filled in from the artifacts: `manifest pack`",
            )
        else:
            book.passed("digests", "every artifact has a SHA-256 and a size")
    asked: dict[str, Any] = {
        "log": row.log,
        "witnesses": row.witnesses,
        "provenance": row.provenance,
        "post-quantum": row.post_quantum == "require",
    }
    for code, wanted in asked.items():
        if not wanted:
            book.note(code, "skipped", "the root does not ask for it")
        else:
            book.failed(
                code,
                "the root asks for it, and this version cannot check it",
                "verify with a version that can",
            )
