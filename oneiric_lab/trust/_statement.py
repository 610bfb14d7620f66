"""Statements: what the signers of a release say, in less than a kilobyte.

A manifest is not signed itself. Signed is an in-toto Statement v1 (in-toto.io/Statement/v1)
about its SHA-256 and size, as canonical JSON in a DSSE envelope of the type
`application/vnd.in-toto+json`:

    {"_type":"https://in-toto.io/Statement/v1",
     "predicate":{
       "channel":"stable","epoch":1,
       "expires_at":"2026-03-01T00:00:00Z","issued_at":"2026-01-01T00:00:00Z",
       "not_before":"2026-01-01T00:00:00Z",
       "previous":{"sha256":"5f1d…","version":41},
       "project":"shop","schema":3,"version":42},
     "predicateType":"urn:oneiric-lab:release:v1",
     "subject":[{"annotations":{"size":7081},"digest":{"sha256":"9c0a…"},
                 "name":"manifest.oneiric.json"}]}

Project, schema, channel and version stand in the manifest as well, and both must agree: a
statement cannot say of a manifest what the manifest does not say of itself. `epoch` is the
root's, `previous` the release that this one follows (null for the first of an epoch),
`expires_at` null where the root asks for no expiry. Times are set once, by the proposer; a
signature carries no time of its own, since nobody could believe it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from oneiric_lab import canonical
from oneiric_lab.errors import CanonicalError, DocumentRefusedError, Fault

from ._dsse import Envelope
from ._limits import Limits, Validity, aware
from ._tree import document, long_document

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from ._signers import Signer

STATEMENT_TYPE = "application/vnd.in-toto+json"
PREDICATE = "urn:oneiric-lab:release:v1"
_STATEMENT = "https://in-toto.io/Statement/v1"
_SUBJECT = "manifest.oneiric.json"
_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Previous:
    """The release that another one follows."""

    version: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Statement:
    """What is said of a manifest.

    Attributes:
        project: Whose release it is.
        channel: For whom it is, such as `stable`.
        schema: Of the manifest.
        version: Grows with every release of a channel within an epoch.
        epoch: Of the root under which it was signed.
        sha256: Of the manifest.
        size: Of the manifest, in bytes.
        validity: When it was issued, from when and until when it holds.
        previous: The release before; None for the first of an epoch.
    """

    project: str
    channel: str
    schema: int
    version: int
    epoch: int
    sha256: str
    size: int
    validity: Validity
    previous: Previous | None = None

    @classmethod
    def parse(cls, payload: bytes, *, limits: Limits = _LIMITS) -> Statement:
        """Return the statement in the payload of an envelope.

        Raises:
            DocumentRefusedError: It is no statement about a release, or contradicts itself.
        """
        tree = document(payload, what="a statement", limit=limits.envelope_bytes)
        tree.constant("_type", _STATEMENT)
        tree.constant("predicateType", PREDICATE)
        subjects = list(tree.objects("subject", most=1))
        if not subjects:
            tree.fail("it has no subject", "subject")
        subject = subjects[0]
        subject.constant("name", _SUBJECT)
        digest, notes = subject.object("digest"), subject.object("annotations")
        sha256, size = digest.sha256("sha256"), notes.integer("size", least=0)
        said = tree.object("predicate")
        before = said.optional_object("previous")
        previous = None
        if before is not None:
            previous = Previous(before.integer("version", least=1), before.sha256("sha256"))
            before.done()
        statement = cls(
            project=said.name("project"),
            channel=said.name("channel"),
            schema=said.integer("schema", least=1),
            version=said.integer("version", least=1),
            epoch=said.integer("epoch", least=1),
            sha256=sha256,
            size=size,
            validity=Validity(
                said.time("issued_at"), said.time("not_before"), said.optional_time("expires_at")
            ),
            previous=previous,
        )
        for part in (digest, notes, subject, said, tree):
            part.done()
        wrong = statement.validity.contradiction
        if wrong is not None:
            said.fail(wrong)
        if previous is not None and previous.version >= statement.version:
            said.fail(f"it follows version {previous.version}, which is not before it")
        return statement

    def payload(self) -> bytes:
        """Return the canonical bytes that are signed."""
        times = self.validity
        expires = times.expires_at
        previous = self.previous
        return canonical.encode(
            {
                "_type": _STATEMENT,
                "predicateType": PREDICATE,
                "subject": [
                    {
                        "name": _SUBJECT,
                        "digest": {"sha256": self.sha256},
                        "annotations": {"size": self.size},
                    }
                ],
                "predicate": {
                    "project": self.project,
                    "channel": self.channel,
                    "schema": self.schema,
                    "version": self.version,
                    "epoch": self.epoch,
                    "issued_at": canonical.utc_text(times.issued_at),
                    "not_before": canonical.utc_text(times.not_before),
                    "expires_at": None if expires is None else canonical.utc_text(expires),
                    "previous": None
                    if previous is None
                    else {"version": previous.version, "sha256": previous.sha256},
                },
            }
        )


@dataclass(frozen=True, slots=True)
class Head:
    """All that is read of a manifest here, and by nobody before its bytes are verified.

    Attributes:
        schema: Of the manifest.
        project: Whose release it is.
        channel: For whom it is.
        version: Grows with every release of a channel within an epoch.
        targets: The component of each entry, in order.
        without_digest: The component of each entry whose artifact lacks a SHA-256 or a size.
    """

    schema: int
    project: str
    channel: str
    version: int
    targets: tuple[str, ...]
    without_digest: tuple[str, ...]


def read_head(manifest: bytes, *, limits: Limits = _LIMITS) -> Head:
    """Return what is read of *manifest*, which must be canonical bytes.

    Raises:
        DocumentRefusedError: It is not canonical, or no manifest of schema 3 or later.
    """
    tree, read = long_document(
        manifest, "entries", _read_run, what="a manifest", limit=limits.manifest_bytes, depth=64
    )
    schema = tree.integer("schema", least=3)
    head = tree.name("project"), tree.name("channel"), tree.integer("version", least=1)
    tree.items("entries", most=0)  # it must be a list; its items were read already
    before = 0
    for run in read:
        if run.nameless is not None:
            tree.fail(
                "expected an entry with domain and key", "entries", index=before + run.nameless
            )
        before += len(run.targets)
    return Head(
        schema,
        *head,
        tuple(chain.from_iterable(run.targets for run in read)),
        tuple(chain.from_iterable(run.without_digest for run in read)),
    )


class _Run(NamedTuple):
    """What is read of a run of entries.

    Attributes:
        targets: Their components.
        without_digest: Those of them whose artifact lacks a SHA-256 or a size.
        nameless: The number of the first that has no domain or no key, if any.
    """

    targets: list[str]
    without_digest: list[str]
    nameless: int | None = None


def _read_run(entries: list[Any]) -> _Run:
    # A parser makes no other kinds of these, and all are asked at once: a fourth of the time.
    named = all(type(entry) is dict for entry in entries) and (
        {type(entry.get(name)) for entry in entries for name in ("domain", "key")} <= {str}
    )
    if not named:
        return _Run([], [], next(n for n, entry in enumerate(entries) if not _is_named(entry)))
    targets = [f"{entry['domain']}:{entry['key']}" for entry in entries]
    found = [(t, e["artifact"]) for t, e in zip(targets, entries, strict=True) if "artifact" in e]
    return _Run(targets, [target for target, artifact in found if not _is_pinned(artifact)])


def _is_named(entry: object) -> bool:
    return isinstance(entry, dict) and all(type(entry.get(n)) is str for n in ("domain", "key"))


def _is_pinned(artifact: object) -> bool:
    """Tell whether *artifact* says a SHA-256 and a size; null says that there is none."""
    if not isinstance(artifact, dict):
        return artifact is None
    try:
        canonical.sha256_hex(artifact.get("sha256"))
    except CanonicalError:
        return False
    size = artifact.get("size")
    return type(size) is int and size >= 0


def make_statement(
    manifest: bytes,
    *,
    epoch: int,
    issued_at: datetime,
    expires_at: datetime | None,
    not_before: datetime | None = None,
    previous: Previous | None = None,
) -> Statement:
    """Return what is to be signed of *manifest*.

    Args:
        manifest: Its canonical bytes.
        epoch: Of the root under which it is signed.
        issued_at: Now; seconds count.
        expires_at: Until when the release holds; None only where the root asks for none.
        not_before: From when it holds; at once by default.
        previous: The release that it follows.

    Raises:
        DocumentRefusedError: The manifest is not canonical, or times or versions contradict.
    """
    return statement_about(
        read_head(manifest),
        manifest,
        epoch=epoch,
        issued_at=issued_at,
        expires_at=expires_at,
        not_before=not_before,
        previous=previous,
    )


def statement_about(
    head: Head,
    manifest: bytes,
    *,
    epoch: int,
    issued_at: datetime,
    expires_at: datetime | None,
    not_before: datetime | None = None,
    previous: Previous | None = None,
) -> Statement:
    """Return the same where *head* was read of these very bytes already."""
    validity = Validity(
        aware(issued_at).replace(microsecond=0),
        aware(not_before or issued_at).replace(microsecond=0),
        None if expires_at is None else aware(expires_at).replace(microsecond=0),
    )
    statement = Statement(
        head.project,
        head.channel,
        head.schema,
        head.version,
        epoch,
        hashlib.sha256(manifest).hexdigest(),
        len(manifest),
        validity,
        previous,
    )
    return Statement.parse(statement.payload())


def sign_statement(statement: Statement, *signers: Signer) -> Envelope:
    """Return the envelope of *statement*, signed by *signers* (none for a proposal)."""
    return Envelope(statement.payload(), STATEMENT_TYPE).signed_by(*signers)


def statement_of(envelope: Envelope, *, limits: Limits = _LIMITS) -> Statement:
    """Return the statement in *envelope*, whatever its signatures are worth.

    Raises:
        DocumentRefusedError: Its payload is something else.
    """
    if envelope.payload_type != STATEMENT_TYPE:
        raise DocumentRefusedError(
            Fault(
                "document-form",
                f"expected an envelope of {STATEMENT_TYPE}, found {envelope.payload_type!r}",
                fix="give the envelope of the release, not the one of a root or a list",
            )
        )
    return Statement.parse(envelope.payload, limits=limits)
