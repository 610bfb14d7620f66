"""Bundles: all that proves a release, in one file beside the manifest.

A bundle is one canonical JSON object, named `*.oneiric-bundle.json`. There is no archive to
unpack in the trusted path:

    {"envelope":{"payload":"eyJf…","payloadType":"application/vnd.in-toto+json",…},
     "revocations":{…} or null,
     "roots":[{…},{…}],
     "timestamps":[],"tlog_proof":null,"type":"oneiric-bundle/v1"}

`roots` is the chain of root envelopes, oldest first: all of them, or those behind the root
that the readers have. `tlog_proof` is the text of a C2SP tlog-proof and `timestamps` are
RFC 3161 tokens in base64; both are carried as they are, and this version checks neither.

Nothing in a bundle is believed for standing in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneiric_lab import canonical
from oneiric_lab.errors import CanonicalError, OneiricError
from oneiric_lab.views import Cell, Fields, Note, Result, Table, View

from ._dsse import Envelope
from ._limits import Limits
from ._revocation import Revocations
from ._root import Root
from ._statement import statement_of
from ._tree import document

if TYPE_CHECKING:
    from collections.abc import Sequence

_TYPE = "oneiric-bundle/v1"
_LIMITS = Limits()
_TIMESTAMPS = 16


@dataclass(frozen=True, repr=False)
class Bundle(Result):
    """What stands in a bundle; `verify` finds out what it is worth.

    Attributes:
        envelope: Of the release's statement.
        roots: Envelopes of roots, oldest first.
        revocations: Envelope of the revocation list.
        tlog_proof: Text of a proof of inclusion; carried, not checked.
        timestamps: RFC 3161 tokens; carried, not checked.
    """

    envelope: Envelope
    roots: tuple[Envelope, ...] = ()
    revocations: Envelope | None = None
    tlog_proof: str | None = None
    timestamps: tuple[bytes, ...] = ()

    @classmethod
    def parse(cls, data: bytes, *, limits: Limits = _LIMITS) -> Bundle:
        """Return the bundle in *data*.

        Raises:
            DocumentRefusedError: It is no canonical bundle, or too much.
        """
        tree = document(data, what="a bundle", limit=limits.bundle_bytes)
        tree.constant("type", _TYPE)
        listed = tree.optional_object("revocations")
        proof = tree.take("tlog_proof")
        if proof is not None and not isinstance(proof, str):
            tree.refuse("tlog_proof", "a text or null", proof)
        tokens = []
        for index, token in enumerate(tree.items("timestamps", most=_TIMESTAMPS)):
            try:
                tokens.append(canonical.base64_bytes(token))
            except CanonicalError as error:
                tree.fail(error.faults[0].message, "timestamps", index=index)
        bundle = cls(
            envelope=Envelope.from_members(tree.object("envelope"), limits),
            roots=tuple(
                Envelope.from_members(one, limits)
                for one in tree.objects("roots", most=limits.roots)
            ),
            revocations=None
            if listed is None
            else Envelope.from_members(listed, limits, limits.revocation_bytes),
            tlog_proof=proof,
            timestamps=tuple(tokens),
        )
        tree.done()
        return bundle

    def encode(self) -> bytes:
        """Return the bytes of the file."""
        return canonical.encode(self.as_dict())

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape, which is that of the file."""
        return {
            "type": _TYPE,
            "envelope": self.envelope.tree(),
            "roots": [root.tree() for root in self.roots],
            "revocations": None if self.revocations is None else self.revocations.tree(),
            "tlog_proof": self.tlog_proof,
            "timestamps": [canonical.base64_text(token) for token in self.timestamps],
        }

    def view(self) -> View:
        """Return what the bundle says, and that it is only said."""
        signatures = tuple((s.keyid[:16], len(s.sig)) for s in self.envelope.signatures)
        blocks = (
            Note("this is what the bundle says; `manifest verify` finds out whether it holds"),
            Fields(
                (
                    *_said(self.envelope),
                    ("roots", ", ".join(_root_title(root) for root in self.roots) or "none"),
                    ("revocations", _list_title(self.revocations)),
                    ("log proof", Cell("none", "muted") if self.tlog_proof is None else "carried"),
                    ("time stamps", len(self.timestamps)),
                )
            ),
            Table(("key id", "bytes of signature"), signatures),
        )
        return View("bundle", f"bundle: {_title(self.envelope)}", blocks)


def make_bundle(
    envelope: Envelope, *, roots: Sequence[Root] = (), revocations: Revocations | None = None
) -> Bundle:
    """Return the bundle of a signed release.

    Args:
        envelope: Of the statement.
        roots: The chain, oldest first.
        revocations: The newest list.
    """
    return Bundle(
        envelope,
        tuple(root.envelope for root in roots),
        None if revocations is None else revocations.envelope,
    )


def _title(envelope: Envelope) -> str:
    try:
        statement = statement_of(envelope)
    except OneiricError:
        return "no statement about a release"
    return f"{statement.project} {statement.channel} {statement.version}"


def _said(envelope: Envelope) -> tuple[tuple[str, str], ...]:
    try:
        statement = statement_of(envelope)
    except OneiricError as error:
        return (("release", error.faults[0].message),)
    expires = statement.validity.expires_at
    return (
        ("release", _title(envelope)),
        ("schema", str(statement.schema)),
        ("epoch", str(statement.epoch)),
        ("manifest", f"sha256:{statement.sha256}, {statement.size:,} bytes"),
        ("issued", canonical.utc_text(statement.validity.issued_at)),
        ("expires", "never" if expires is None else canonical.utc_text(expires)),
    )


def _root_title(envelope: Envelope) -> str:
    try:
        root = Root.parse(envelope)
    except OneiricError:
        return "unreadable"
    return f"{root.version} (epoch {root.epoch})"


def _list_title(envelope: Envelope | None) -> str:
    if envelope is None:
        return "none"
    try:
        found = Revocations.parse(envelope)
    except OneiricError:
        return "unreadable"
    return f"number {found.number}, {len(found.revoked):,} keys"
