"""Keys, roots, releases and revocations: bytes in, verdict out.

The one question is `verify(bundle, manifest, policy=, state=, now=)`. Its `Report` is a list
of checks, and `report.manifest` and `report.release` raise unless all of them passed; `advance`
takes a state forward by a report. Nothing here reads a clock, a file or a network; only
`FileSigner` and `keep`, `look` and `list_keys` touch the disk.

- Keys: `FileSigner.generate`, `.save`, `.load`, `.parse`; `PublicKey.parse`; `keep` writes both
  halves.
- Who may sign what: `make_root` of `Role` and `Requirement`, `sign_root`; `extend` follows a
  chain of roots.
- A release: `make_statement`, `sign_statement`; `Envelope.signed_by` and `.with_signature` add
  signatures, on whichever machine and day.
- The same by people apart from each other: `propose`, `cosign`, `assemble`; `sign_release`
  where one signer is enough. `Proposal` and `Response` are what travels.
- Taking keys back: `make_revocations` of `Revoked`, `sign_revocations`.
- Handing it over: `make_bundle`, `Bundle.encode`, `Bundle.parse`.
- What is trusted here: `Policy.parse`, `Policy.pinned`, `.with_root`, `.faults`; `edit_policy`.
- What is remembered: `State.parse`, `State.encode`, `advance`.

A signer is whatever has `public_key` and `sign(data)`. Formats, with whole examples, stand at
the head of the modules `_dsse`, `_statement`, `_root`, `_revocation`, `_bundle`, `_state` and
`_policy`, and what travels in `_proposal`; the table of checks is `KINDS`.

Example:
    >>> from datetime import UTC, datetime, timedelta
    >>> from oneiric_lab import canonical
    >>> from oneiric_lab.trust import FileSigner, Policy, Requirement, Role, State
    >>> from oneiric_lab.trust import advance, make_bundle, make_root, make_statement
    >>> from oneiric_lab.trust import sign_root, sign_statement, verify
    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> alice, bob = FileSigner.generate(), FileSigner.generate("p256")
    >>> everything = {"alice": ["*"], "bob": ["*"]}
    >>> root = make_root(
    ...     project="shop",
    ...     issued_at=now,
    ...     expires_at=now + timedelta(days=365),
    ...     signers={"alice": [alice.public_key], "bob": [bob.public_key]},
    ...     roles={"root": Role(everything, 2), "release": Role(everything, 2)},
    ...     requirements={3: Requirement(threshold=2, expiry=True)},
    ... )
    >>> root = sign_root(root, alice, bob)
    >>> manifest = canonical.encode(
    ...     {"schema": 3, "project": "shop", "channel": "stable", "version": 1, "entries": []}
    ... )
    >>> statement = make_statement(
    ...     manifest, epoch=1, issued_at=now, expires_at=now + timedelta(days=30)
    ... )
    >>> bundle = make_bundle(sign_statement(statement, alice, bob), roots=[root])
    >>> policy = Policy.pinned(root)
    >>> report = verify(bundle.encode(), manifest, policy=policy, state=State(), now=now)
    >>> report.release.title, report.signers
    ('shop stable 1', ('alice', 'bob'))
    >>> state = advance(State(), report)
    >>> verify(bundle, manifest + b" ", policy=policy, state=state, now=now).manifest
    Traceback (most recent call last):
    oneiric_lab.errors._tree.UntrustedError: error: the manifest has 74 bytes, signed are 73...
"""

from typing import TYPE_CHECKING

from oneiric_lab._lazy import exporter

if TYPE_CHECKING:
    from ._advance import advance as advance
    from ._ageing import ageing as ageing
    from ._ageing import ageing_list as ageing_list
    from ._ageing import ageing_root as ageing_root
    from ._assembly import Answer as Answer
    from ._assembly import Assembly as Assembly
    from ._assembly import assemble as assemble
    from ._assembly import sign_release as sign_release
    from ._bundle import Bundle as Bundle
    from ._bundle import make_bundle as make_bundle
    from ._ceremony import Cosigned as Cosigned
    from ._ceremony import check_proposal as check_proposal
    from ._ceremony import cosign as cosign
    from ._ceremony import propose as propose
    from ._chain import Chain as Chain
    from ._chain import check_follows as check_follows
    from ._chain import check_signed as check_signed
    from ._chain import extend as extend
    from ._checks import KINDS as KINDS
    from ._checks import Check as Check
    from ._checks import CheckKind as CheckKind
    from ._draft import RootDraft as RootDraft
    from ._draft import role_name as role_name
    from ._draft_text import draft_text as draft_text
    from ._dsse import Envelope as Envelope
    from ._dsse import Signature as Signature
    from ._dsse import Verdict as Verdict
    from ._dsse import judge as judge
    from ._dsse import pae as pae
    from ._effective import EffectivePolicy as EffectivePolicy
    from ._effective import PolicyExplanation as PolicyExplanation
    from ._effective import PolicyLint as PolicyLint
    from ._effective import PolicyValue as PolicyValue
    from ._effective import lint_policy as lint_policy
    from ._evidence import Equivocation as Equivocation
    from ._evidence import TimeEvidence as TimeEvidence
    from ._forget import RISKS as RISKS
    from ._forget import Risk as Risk
    from ._forget import forget as forget
    from ._keyfiles import KeyFile as KeyFile
    from ._keyfiles import KeyFiles as KeyFiles
    from ._keyfiles import keep as keep
    from ._keyfiles import list_keys as list_keys
    from ._keyfiles import look as look
    from ._keys import PublicKey as PublicKey
    from ._legacy import legacy_form as legacy_form
    from ._limits import Limits as Limits
    from ._limits import Validity as Validity
    from ._listing import ListStanding as ListStanding
    from ._listing import check_list_follows as check_list_follows
    from ._listing import countersign_list as countersign_list
    from ._listing import keys_of as keys_of
    from ._listing import list_quorum as list_quorum
    from ._listing import next_list as next_list
    from ._listing import reason_name as reason_name
    from ._policy import Legacy as Legacy
    from ._policy import Policy as Policy
    from ._policy import edit_policy as edit_policy
    from ._proposal import Proposal as Proposal
    from ._proposal import Response as Response
    from ._report import Release as Release
    from ._report import Report as Report
    from ._requirements import Requirement as Requirement
    from ._revocation import Revocations as Revocations
    from ._revocation import Revoked as Revoked
    from ._revocation import make_revocations as make_revocations
    from ._revocation import sign_revocations as sign_revocations
    from ._root import ROLES as ROLES
    from ._root import ROOT_TYPE as ROOT_TYPE
    from ._root import Role as Role
    from ._root import Root as Root
    from ._root import make_root as make_root
    from ._root import sign_root as sign_root
    from ._signers import FileSigner as FileSigner
    from ._signers import Signer as Signer
    from ._standing import RootReport as RootReport
    from ._standing import RootStanding as RootStanding
    from ._standing import verify_roots as verify_roots
    from ._state import LegacySeen as LegacySeen
    from ._state import ReleaseSeen as ReleaseSeen
    from ._state import State as State
    from ._statement import Head as Head
    from ._statement import Previous as Previous
    from ._statement import Statement as Statement
    from ._statement import make_statement as make_statement
    from ._statement import read_head as read_head
    from ._statement import sign_statement as sign_statement
    from ._statement import statement_of as statement_of
    from ._steps import Quorum as Quorum
    from ._steps import RootChange as RootChange
    from ._steps import countersign as countersign
    from ._steps import gather as gather
    from ._steps import quorums as quorums
    from ._steps import root_changes as root_changes
    from ._steps import root_notes as root_notes
    from ._verify import verify as verify
    from ._words import words as words
else:
    __getattr__, __dir__ = exporter(
        __name__,
        {
            "Answer": "._assembly",
            "Assembly": "._assembly",
            "Bundle": "._bundle",
            "Chain": "._chain",
            "Check": "._checks",
            "CheckKind": "._checks",
            "Cosigned": "._ceremony",
            "EffectivePolicy": "._effective",
            "Envelope": "._dsse",
            "Equivocation": "._evidence",
            "FileSigner": "._signers",
            "Head": "._statement",
            "KINDS": "._checks",
            "KeyFile": "._keyfiles",
            "KeyFiles": "._keyfiles",
            "Legacy": "._policy",
            "LegacySeen": "._state",
            "Limits": "._limits",
            "ListStanding": "._listing",
            "Policy": "._policy",
            "PolicyExplanation": "._effective",
            "PolicyLint": "._effective",
            "PolicyValue": "._effective",
            "Previous": "._statement",
            "Proposal": "._proposal",
            "PublicKey": "._keys",
            "Quorum": "._steps",
            "RISKS": "._forget",
            "ROLES": "._root",
            "ROOT_TYPE": "._root",
            "Release": "._report",
            "ReleaseSeen": "._state",
            "Report": "._report",
            "Requirement": "._requirements",
            "Response": "._proposal",
            "Revocations": "._revocation",
            "Revoked": "._revocation",
            "Risk": "._forget",
            "Role": "._root",
            "Root": "._root",
            "RootChange": "._steps",
            "RootDraft": "._draft",
            "RootReport": "._standing",
            "RootStanding": "._standing",
            "Signature": "._dsse",
            "Signer": "._signers",
            "State": "._state",
            "Statement": "._statement",
            "TimeEvidence": "._evidence",
            "Validity": "._limits",
            "Verdict": "._dsse",
            "advance": "._advance",
            "ageing": "._ageing",
            "ageing_list": "._ageing",
            "ageing_root": "._ageing",
            "assemble": "._assembly",
            "check_follows": "._chain",
            "check_list_follows": "._listing",
            "check_proposal": "._ceremony",
            "check_signed": "._chain",
            "cosign": "._ceremony",
            "countersign": "._steps",
            "countersign_list": "._listing",
            "draft_text": "._draft_text",
            "edit_policy": "._policy",
            "extend": "._chain",
            "forget": "._forget",
            "gather": "._steps",
            "judge": "._dsse",
            "keep": "._keyfiles",
            "keys_of": "._listing",
            "legacy_form": "._legacy",
            "lint_policy": "._effective",
            "list_keys": "._keyfiles",
            "list_quorum": "._listing",
            "look": "._keyfiles",
            "make_bundle": "._bundle",
            "make_revocations": "._revocation",
            "make_root": "._root",
            "make_statement": "._statement",
            "next_list": "._listing",
            "pae": "._dsse",
            "propose": "._ceremony",
            "quorums": "._steps",
            "read_head": "._statement",
            "reason_name": "._listing",
            "role_name": "._draft",
            "root_changes": "._steps",
            "root_notes": "._steps",
            "sign_release": "._assembly",
            "sign_revocations": "._revocation",
            "sign_root": "._root",
            "sign_statement": "._statement",
            "statement_of": "._statement",
            "verify": "._verify",
            "verify_roots": "._standing",
            "words": "._words",
        },
    )

__all__ = [
    "KINDS",
    "RISKS",
    "ROLES",
    "ROOT_TYPE",
    "Answer",
    "Assembly",
    "Bundle",
    "Chain",
    "Check",
    "CheckKind",
    "Cosigned",
    "EffectivePolicy",
    "Envelope",
    "Equivocation",
    "FileSigner",
    "Head",
    "KeyFile",
    "KeyFiles",
    "Legacy",
    "LegacySeen",
    "Limits",
    "ListStanding",
    "Policy",
    "PolicyExplanation",
    "PolicyLint",
    "PolicyValue",
    "Previous",
    "Proposal",
    "PublicKey",
    "Quorum",
    "Release",
    "ReleaseSeen",
    "Report",
    "Requirement",
    "Response",
    "Revocations",
    "Revoked",
    "Risk",
    "Role",
    "Root",
    "RootChange",
    "RootDraft",
    "RootReport",
    "RootStanding",
    "Signature",
    "Signer",
    "State",
    "Statement",
    "TimeEvidence",
    "Validity",
    "Verdict",
    "advance",
    "ageing",
    "ageing_list",
    "ageing_root",
    "assemble",
    "check_follows",
    "check_list_follows",
    "check_proposal",
    "check_signed",
    "cosign",
    "countersign",
    "countersign_list",
    "draft_text",
    "edit_policy",
    "extend",
    "forget",
    "gather",
    "judge",
    "keep",
    "keys_of",
    "legacy_form",
    "lint_policy",
    "list_keys",
    "list_quorum",
    "look",
    "make_bundle",
    "make_revocations",
    "make_root",
    "make_statement",
    "next_list",
    "pae",
    "propose",
    "quorums",
    "read_head",
    "reason_name",
    "role_name",
    "root_changes",
    "root_notes",
    "sign_release",
    "sign_revocations",
    "sign_root",
    "sign_statement",
    "statement_of",
    "verify",
    "verify_roots",
    "words",
]
