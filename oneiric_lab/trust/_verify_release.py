"""What was signed, and that statement, manifest, root and policy speak of one release."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from oneiric_lab.errors import OneiricError

from ._book import AGAIN, ASK, count
from ._statement import statement_of

if TYPE_CHECKING:
    from ._book import Book
    from ._bundle import Bundle
    from ._requirements import Requirement
    from ._root import Root
    from ._statement import Head, Statement


def read_statement(book: Book, bundle: Bundle) -> Statement | None:
    """Return what the signers say."""
    try:
        statement = statement_of(bundle.envelope, limits=book.limits)
    except OneiricError as error:
        book.refused("statement", error)
        return None
    book.passed("statement", f"{statement.project} {statement.channel} {statement.version}")
    return statement


def read_manifest_head(
    book: Book, manifest: bytes | None, statement: Statement | None
) -> Head | None:
    """Return what is read of the manifest, when its size and digest are those that were signed."""
    if manifest is None:
        book.failed(
            "manifest-digest",
            "a bundle without its manifest: it only says which bytes were meant",
            "give the manifest that was published with it (*.oneiric.json)",
        )
        return None
    if len(manifest) > book.limits.manifest_bytes:
        book.failed(
            "manifest-digest",
            f"{len(manifest):,} bytes; at most {book.limits.manifest_bytes:,} are read",
            "split the release",
        )
        return None
    if statement is None:
        return None
    if len(manifest) != statement.size:
        book.failed(
            "manifest-digest",
            f"the manifest has {len(manifest):,} bytes, signed are {statement.size:,}",
            AGAIN,
        )
        return None
    digest = hashlib.sha256(manifest).hexdigest()
    if digest != statement.sha256:
        book.failed(
            "manifest-digest",
            f"the manifest is sha256:{digest[:16]}…, signed is {statement.sha256[:16]}…",
            AGAIN,
        )
        return None
    book.passed("manifest-digest", f"sha256:{digest[:16]}…, {count(statement.size, 'byte')}")
    try:
        head = book.read(manifest)
    except OneiricError as error:
        book.refused("manifest-form", error, "have the release made anew by `manifest pack`")
        return None
    book.passed("manifest-form", count(len(head.targets), "entry", "entries"))
    return head


def check_claims(book: Book, head: Head, statement: Statement) -> None:
    """Find whether manifest and statement say the same of the release."""
    names = ("project", "schema", "channel", "version")
    differ = [name for name in names if getattr(head, name) != getattr(statement, name)]
    if differ:
        name = differ[0]
        book.failed(
            "claims",
            f"the manifest says {name} {getattr(head, name)}, "
            f"the statement {getattr(statement, name)}",
            "have the statement made from the manifest that was reviewed",
        )
    else:
        book.passed("claims", "manifest and statement say the same")


def check_line(book: Book, statement: Statement, root: Root | None) -> None:
    """Find whether it is a release of this project, channel and epoch."""
    policy = book.policy
    wanted = policy.project or (None if root is None else root.project)
    if wanted is not None and statement.project != wanted:
        book.failed(
            "project",
            f"a release of {statement.project}, trusted is {wanted}",
            "get the release of the project that you mean",
        )
    elif wanted is not None:
        book.passed("project", wanted)
    if not policy.channels:
        book.note("channel", "skipped", f"the policy names none; this is {statement.channel}")
    elif statement.channel not in policy.channels:
        book.failed(
            "channel",
            f"a release for {statement.channel}, the policy takes {', '.join(policy.channels)}",
            "get the release of your channel, or add this one to `channels`",
        )
    else:
        book.passed("channel", statement.channel)
    if root is None:
        return
    if statement.epoch != root.epoch:
        book.failed(
            "epoch",
            f"signed for epoch {statement.epoch}, the root is of epoch {root.epoch}",
            "get a release that was signed under the newest root",
        )
    else:
        book.passed("epoch", str(root.epoch))


def find_requirement(book: Book, statement: Statement, root: Root) -> Requirement | None:
    """Return what a release of this schema must bring."""
    least = max(root.min_schema, book.policy.min_schema or 1)
    seen = book.state.channels.get(statement.channel)
    last = 0 if seen is None else seen.statement.schema
    if statement.schema < least:
        book.failed(
            "schema",
            f"schema {statement.schema}; {least} is the least here",
            f"have the release made with schema {least}: `manifest migrate`",
        )
    elif statement.schema < last:
        book.failed(
            "schema",
            f"schema {statement.schema}, and schema {last} was trusted before in "
            f"{statement.channel}",
            ASK,
        )
    else:
        book.passed("schema", str(statement.schema))
    row = book.policy.effective(root, statement.schema)
    if row is None:
        book.failed(
            "schema",
            f"the root does not say what schema {statement.schema} must bring",
            "have a root made that has a row for it",
        )
    return row
