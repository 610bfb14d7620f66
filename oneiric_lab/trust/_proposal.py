"""Proposals and responses: what travels between the people who sign a release.

A release that needs several signers is signed in steps, each on another machine and day.
Three small files travel, each one canonical JSON object (RFC 8785). None is a secret, and
none is believed for what it says.

The **proposal** goes out with the manifest. It holds the statement, times and all, in an
envelope that nobody has signed, and the root that says who may sign:

    {"envelope":{"payload":"eyJf…","payloadType":"application/vnd.in-toto+json",
                 "signatures":[]},
     "root":{"payload":"eyJl…","payloadType":"application/vnd.oneiric.root+json",
             "signatures":[…]},
     "type":"oneiric-proposal/v1"}

A **response** comes back from each signer. It names the proposal by the SHA-256 of its bytes,
so that an answer to another one, or to this one before it was edited, is told from a broken
signature. `sig` is over the statement, exactly as it will stand in the release:

    {"keyid":"06e3…","proposal":"41c2…","sig":"kR2v…","type":"oneiric-response/v1"}

Put together they are the **envelope** of the release (`_dsse`). One that has fewer signatures
than the root asks for is the same file, and takes more on another day.

The root in a proposal is the proposer's word. A signer compares it with the root that is
trusted on his own machine, by file or by its words; `verify` never looks at a proposal.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from oneiric_lab import canonical
from oneiric_lab.views import Cell, Fields, Result, View

from ._dsse import Envelope, Signature
from ._limits import Limits
from ._policy import Policy
from ._root import Root
from ._statement import Previous, Statement, statement_of
from ._tree import document
from ._words import words

PROPOSAL_TYPE = "oneiric-proposal/v1"
RESPONSE_TYPE = "oneiric-response/v1"
_LIMITS = Limits()


@dataclass(frozen=True, repr=False)
class Proposal(Result):
    """What the signers are asked to sign.

    Attributes:
        envelope: Of the statement; nobody has signed it yet.
        root: Who may sign, as the proposer says.
    """

    envelope: Envelope
    root: Root

    @classmethod
    def parse(cls, data: bytes, *, limits: Limits = _LIMITS) -> Proposal:
        """Return the proposal in *data*.

        Raises:
            DocumentRefusedError: It is no canonical proposal, or carries a signature.
            KeyRefusedError: Its root holds a key that must not be trusted.
        """
        # Base64 takes 4/3 of a payload; there are two, and the signatures of the root.
        tree = document(data, what="a proposal", limit=4 * limits.envelope_bytes)
        tree.constant("type", PROPOSAL_TYPE)
        envelope = Envelope.from_members(tree.object("envelope"), limits)
        root = Root.parse(Envelope.from_members(tree.object("root"), limits), limits=limits)
        tree.done()
        if envelope.signatures:
            tree.fail("its statement is signed already", "envelope")
        statement_of(envelope, limits=limits)
        return cls(envelope, root)

    @cached_property
    def statement(self) -> Statement:
        """What is said of the manifest."""
        return statement_of(self.envelope)

    @cached_property
    def sha256(self) -> str:
        """Hex SHA-256 of the file, by which a response names it."""
        return hashlib.sha256(self.encode()).hexdigest()

    @property
    def title(self) -> str:
        """Project, channel and version in one line."""
        return f"{self.statement.project} {self.statement.channel} {self.statement.version}"

    def encode(self) -> bytes:
        """Return the bytes of the file."""
        return canonical.encode(
            {
                "type": PROPOSAL_TYPE,
                "envelope": self.envelope.tree(),
                "root": self.root.envelope.tree(),
            }
        )

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape: the statement in plain members, and both digests as words."""
        said, role = self.statement, self.root.roles["release"]
        expires = said.validity.expires_at
        return {
            "proposal": self.sha256,
            "project": said.project,
            "channel": said.channel,
            "schema": said.schema,
            "version": said.version,
            "epoch": said.epoch,
            "manifest": {
                "sha256": said.sha256,
                "size": said.size,
                "words": words(bytes.fromhex(said.sha256)),
            },
            "issued_at": canonical.utc_text(said.validity.issued_at),
            "not_before": canonical.utc_text(said.validity.not_before),
            "expires_at": None if expires is None else canonical.utc_text(expires),
            "previous": None
            if said.previous is None
            else {"version": said.previous.version, "sha256": said.previous.sha256},
            "root": {
                "version": self.root.version,
                "sha256": self.root.sha256,
                "words": words(bytes.fromhex(self.root.sha256)),
            },
            "threshold": self.needed,
            "signers": {name: list(globs) for name, globs in role.signers.items()},
        }

    @property
    def needed(self) -> int:
        """How many signers the root asks for, for a manifest of this schema."""
        row = Policy().effective(self.root, self.statement.schema)
        return self.root.roles["release"].threshold if row is None else row.threshold

    def view(self) -> View:
        """Return what would be signed, as people compare it."""
        return View("proposal", f"proposal: {self.title}", (self.fields(),))

    def fields(self) -> Fields:
        """Return the block that says what would be signed; a response shows it as well."""
        said, role = self.statement, self.root.roles["release"]
        times, before = said.validity, said.previous
        rows: list[tuple[str, str | Cell]] = [
            ("manifest", f"sha256:{said.sha256}, {said.size:,} bytes"),
            ("words", words(bytes.fromhex(said.sha256))),
            ("follows", _followed(before)),
            ("issued", canonical.utc_text(times.issued_at)),
        ]
        if times.not_before != times.issued_at:
            rows.append(("holds from", canonical.utc_text(times.not_before)))
        rows += [
            (
                "expires",
                Cell("never", "warn")
                if times.expires_at is None
                else canonical.utc_text(times.expires_at),
            ),
            ("root", f"{self.root.version}, epoch {self.root.epoch}, sha256:{self.root.sha256}"),
            ("its words", words(bytes.fromhex(self.root.sha256))),
            ("signers", f"{self.needed} of {', '.join(role.signers)}"),
        ]
        return Fields(tuple(rows))


@dataclass(frozen=True, slots=True)
class Response:
    """What one signer answers.

    Attributes:
        proposal: Hex SHA-256 of the proposal's file.
        signature: Of the statement in it.
    """

    proposal: str
    signature: Signature

    @classmethod
    def parse(cls, data: bytes, *, limits: Limits = _LIMITS) -> Response:
        """Return the response in *data*.

        Raises:
            DocumentRefusedError: It is no canonical response.
        """
        tree = document(data, what="a response", limit=limits.envelope_bytes)
        tree.constant("type", RESPONSE_TYPE)
        response = cls(tree.sha256("proposal"), Signature(tree.sha256("keyid"), tree.base64("sig")))
        tree.done()
        return response

    def encode(self) -> bytes:
        """Return the bytes of the file."""
        return canonical.encode(self.as_dict())

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape, which is that of the file."""
        return {
            "type": RESPONSE_TYPE,
            "proposal": self.proposal,
            "keyid": self.signature.keyid,
            "sig": canonical.base64_text(self.signature.sig),
        }


def _followed(before: Previous | None) -> str | Cell:
    if before is None:
        return Cell("nothing: the first of its epoch", "muted")
    return f"{before.version}, sha256:{before.sha256}"
