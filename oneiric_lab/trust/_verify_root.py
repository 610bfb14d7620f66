"""The ground of a verification: the clock, the root where trust begins, the chain from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneiric_lab import canonical
from oneiric_lab.errors import OneiricError

from ._book import ASK, count
from ._bundle import Bundle
from ._chain import check_signed, extend
from ._root import Root, version_of

if TYPE_CHECKING:
    from ._book import Book


def check_clock(book: Book) -> None:
    """Find whether the clock stands behind what was verified here before."""
    last = book.state.time
    if last is not None and book.now < last - book.skew:
        book.failed(
            "clock",
            f"it is {canonical.utc_text(book.now)}, and something was verified at "
            f"{canonical.utc_text(last)}",
            "set the clock; if it was wrong then, see `trust state`",
        )
        return
    book.passed(
        "clock",
        "nothing was verified here before"
        if last is None
        else f"not behind {canonical.utc_text(last)}",
    )


def read_bundle(book: Book, given: Bundle | bytes | None) -> Bundle | None:
    """Return the bundle, read from bytes by whoever made it."""
    if given is None:
        book.failed(
            "bundle",
            "a manifest alone: nobody has signed it here",
            "give the bundle that was published with it (*.oneiric-bundle.json)",
        )
        return None
    if isinstance(given, Bundle):
        # The limits hold for whoever made it, and its bytes are what is checked.
        given = given.encode()
    try:
        bundle = Bundle.parse(given, limits=book.limits)
    except OneiricError as error:
        book.refused("bundle", error)
        return None
    book.passed("bundle", count(len(bundle.envelope.signatures), "signature"))
    return bundle


def find_anchor(book: Book, bundle: Bundle) -> Root | None:
    """Return the root where trust begins: remembered, given, or pinned and in the bundle."""
    policy, state = book.policy, book.state
    given, pin = policy.root, policy.pin
    if given is not None and pin is not None and given.sha256 != pin:
        book.failed(
            "root-anchor",
            f"the given root is sha256:{given.sha256[:16]}…, the policy pins {pin[:16]}…",
            "give the root that is pinned, or pin this one after comparing its digest",
        )
        return None
    pin = pin or (None if given is None else given.sha256)
    if state.root is not None:
        return _remembered(book, state.root, given, pin, bundle)
    if given is not None:
        book.passed("root-anchor", f"root {given.version} is given")
        return given
    if pin is None:
        book.failed(
            "root-anchor",
            "nothing says which root to trust",
            'pin one in trust.toml (root = "sha256:…"), or give it by --root',
        )
        return None
    for envelope in bundle.roots:
        if envelope.sha256 == pin:
            try:
                root = Root.parse(envelope, limits=book.limits)
            except OneiricError as error:
                book.refused("root-anchor", error)
                return None
            book.passed("root-anchor", f"root {root.version} is pinned")
            return root
    book.failed(
        "root-anchor",
        f"the bundle has no root with the pinned digest {pin[:16]}…",
        "give the root by --root, or get a bundle with the whole chain",
    )
    return None


def _remembered(
    book: Book, root: Root, given: Root | None, pin: str | None, bundle: Bundle
) -> Root | None:
    """Return the remembered root, or the given one that is a later step of its own chain."""
    if pin is None or pin in {book.state.anchor, root.sha256}:
        book.passed("root-anchor", f"root {root.version} is remembered")
        return root
    try:
        # A pin that is no root's here ends the search; nothing unsigned is read as a root.
        other = given or Root.parse(
            next(one for one in bundle.roots if one.sha256 == pin), limits=book.limits
        )
        low, high = sorted((root, other), key=lambda one: one.version)
        between = [
            one
            for one in bundle.roots
            if low.version < version_of(one, limits=book.limits) < high.version
        ]
        chain = extend(low, [*between, high.envelope], limits=book.limits)
    except (OneiricError, StopIteration):
        chain = None
    if chain is not None and chain.steps and chain.equivocation is None:
        book.passed("root-anchor", f"root {other.version} is of the remembered chain")
        return high
    book.failed(
        "root-anchor",
        f"root sha256:{pin[:16]}… is asked for, and the state began with "
        f"{(book.state.anchor or '')[:16]}…",
        "ask for the root that is remembered; see `trust state` if another project is meant",
    )
    return None


def follow(book: Book, anchor: Root, bundle: Bundle) -> Root | None:
    """Return the newest root of the chain from *anchor*."""
    try:
        # A pinned root must be one that its own signers have signed.
        check_signed(anchor, anchor)
        chain = extend(anchor, bundle.roots, limits=book.limits)
    except OneiricError as error:
        book.refused("root-chain", error)
        return None
    if chain.equivocation is not None:
        book.equivocations.append(chain.equivocation)
        book.failed(
            "root-chain",
            f"two signed roots of version {anchor.version}: the signers told two stories",
            f"keep the evidence of this report, and {ASK}",
        )
        return None
    steps = f", {chain.steps} steps on from {anchor.version}" if chain.steps else ""
    book.passed("root-chain", f"root {chain.root.version}{steps}")
    return chain.root


def check_root_age(book: Book, root: Root) -> None:
    """Find whether *root* is of the future, or has expired."""
    validity = root.validity
    if validity.is_from_the_future(book.now, book.skew):
        book.failed(
            "root-chain",
            f"root {root.version} was issued at {canonical.utc_text(validity.issued_at)}, "
            "which is in the future",
            "set the clock, or have the root made anew",
        )
    if validity.expires_at is None:
        book.passed("root-expiry", "the root never expires")
        return
    until = canonical.utc_text(validity.expires_at)
    if validity.is_expired(book.now):
        book.failed(
            "root-expiry",
            f"root {root.version} expired at {until}",
            "get a newer bundle; its signers publish the next root before this one ends",
        )
    else:
        book.passed("root-expiry", f"until {until}")


def check_policy(book: Book, root: Root) -> None:
    """Find whether the local policy asks for less than *root*."""
    faults = book.policy.faults(root)
    if faults:
        first = faults[0]
        place = "" if first.origin is None else f" ({first.origin})"
        book.failed(
            "policy",
            f"{first.message}{place}",
            first.fix or "a policy may only ask for more than the root",
        )
    else:
        book.passed("policy", "it asks for no less than the root")
