"""From one root to the next, as its signers must see it: what changes, and what that risks.

Two thresholds sign a root, so whoever signs it sees what it would change, what gets looser
first. A change that loosens is allowed: that is what the old threshold decides about. It is
never allowed to be overlooked.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from oneiric_lab import canonical
from oneiric_lab.errors import Fault, UnknownKeyError, UntrustedError

from ._chain import check_follows
from ._dsse import good_signers, judge
from ._requirements import Requirement, row_for
from ._root import ROLES, Root

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ._dsse import Envelope
    from ._keys import PublicKey
    from ._root import Role, RoleName
    from ._signers import Signer


@dataclass(frozen=True, slots=True)
class RootChange:
    """One thing that the next root says otherwise.

    Attributes:
        text: In a sentence.
        loosens: Whether less is needed afterwards, or somebody may do more.
    """

    text: str
    loosens: bool = False

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {"text": self.text, "loosens": self.loosens}


@dataclass(frozen=True, slots=True)
class Quorum:
    """Whether the threshold of a role has signed a document.

    Attributes:
        of: Which root's role, such as `root 1`.
        threshold: Distinct signers.
        signed: Signers whose signature counts.
        missing: The others of the role.
    """

    of: str
    threshold: int
    signed: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether enough have signed."""
        return len(self.signed) >= self.threshold

    @property
    def text(self) -> str:
        """How it stands, in a line."""
        who = ", ".join(self.signed) or "nobody"
        text = f"{len(self.signed)} of {self.threshold}: {who}"
        if self.is_complete:
            return text
        needed = self.threshold - len(self.signed)
        return f"{text}; {needed} more of {', '.join(self.missing)}"

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "of": self.of,
            "threshold": self.threshold,
            "signed": list(self.signed),
            "missing": list(self.missing),
            "complete": self.is_complete,
        }


def quorums(root: Root, before: Root | None) -> tuple[Quorum, ...]:
    """Return how *root* is signed, by the root *before* it and by its own threshold."""
    out = []
    for by in (root,) if before is None else (before, root):
        role = by.roles["root"]
        signed = good_signers(judge(root.envelope, by.keys("root")))
        missing = tuple(name for name in role.signers if name not in signed)
        out.append(Quorum(f"root {by.version}", role.threshold, signed, missing))
    return tuple(out)


def countersign(root: Root, before: Root | None, signer: Signer) -> Root:
    """Return *root* with the signature of *signer*, whom one of the two roots names.

    Raises:
        UnknownKeyError: Neither does, so the signature would count for nothing.
        UntrustedError: The root does not follow the one *before* it.
    """
    if before is not None:
        check_follows(root, before)
    authorities = [root] if before is None else [before, root]
    keyid = signer.public_key.keyid
    if not any(keyid in by.keys("root") for by in authorities):
        names = sorted({name for by in authorities for name in by.roles["root"].signers})
        raise UnknownKeyError(
            Fault(
                "unknown-key",
                f"key {keyid[:16]}… signs no root here",
                why=f"the role root is of {', '.join(names)}, each with the keys that it names",
                fix="sign with a key of one of them; trust root show ROOT.json lists the keys",
            )
        )
    return Root.parse(root.envelope.signed_by(signer))


def gather(envelope: Envelope, others: Sequence[Envelope], authorities: Sequence[Root]) -> Envelope:
    """Return *envelope* with the good signatures of copies that were signed elsewhere.

    Args:
        envelope: The document here.
        others: Its copies.
        authorities: Roots by whose keys of any role a signature can be good.

    Raises:
        UntrustedError: A copy is of another document.
    """
    keys: dict[str, tuple[str, PublicKey]] = {}
    for by in authorities:
        for name, known in by.signers.items():
            keys |= {key.keyid: (name, key) for key in known}
    for other in others:
        if (other.payload, other.payload_type) != (envelope.payload, envelope.payload_type):
            raise UntrustedError(
                Fault(
                    "payload-differs",
                    f"a copy is of another document: sha256:{other.sha256[:16]}…, "
                    f"not sha256:{envelope.sha256[:16]}…",
                    fix="have its signer sign this file; a signature is of the very bytes",
                )
            )
        verdicts = judge(other, keys)
        for signature, verdict in zip(other.signatures, verdicts, strict=True):
            if verdict.state == "good":
                envelope = envelope.with_signature(signature)
    return envelope


def root_changes(before: Root, after: Root) -> tuple[RootChange, ...]:
    """Return what *after* says otherwise than *before*, what loosens first."""
    found = [
        *_plain(before, after),
        *_signers(before, after),
        *_roles(before, after),
        *_requirements(before, after),
    ]
    return tuple(sorted(found, key=lambda change: not change.loosens))


def root_notes(root: Root) -> tuple[Fault, ...]:
    """Return what the signers of *root* should think about before they sign it."""
    found = []
    for name, role in root.roles.items():
        if role.threshold == 1:
            found.append((f"one stolen key is enough for the role {name}", "let two be needed"))
        if role.threshold == len(role.signers) > 1:
            text = f"all {role.threshold} signers of the role {name} are needed"
            found.append((f"{text}: one lost key stops it", "name one signer more than are needed"))
    acting = {name for role in root.roles.values() for name in role.signers}
    idle = sorted(set(root.signers) - acting)
    found += [(f"{name} has a key and acts in no role", "leave the signer out") for name in idle]
    if "revocation" not in root.roles:
        text = "nobody may take a key back: a stolen one counts until the next root"
        found.append((text, "add the role revocation"))
    if root.validity.expires_at is None:
        found.append(("it never expires: nobody must ever renew it", "let it hold for a year"))
    return tuple(Fault("root-note", text, fix=fix, severity="warning") for text, fix in found)


def signed_anew(before: Root, after: Root) -> Fault | None:
    """Return the warning that what leaving keys have signed must be signed anew."""
    gone = {
        name: known.keys() - after.keys(name).keys()
        for name in _AGAIN
        if (known := before.keys(name))
    }
    what = [_AGAIN[name] for name, keys in gone.items() if keys or after.epoch != before.epoch]
    if not what:
        return None
    return Fault(
        "sign-anew",
        f"under root {after.version} signatures by keys that leave count no more",
        fix=f"sign {' and '.join(what)} anew and publish them with it",
        severity="warning",
    )


_AGAIN: dict[RoleName, str] = {
    "release": "the releases in force",
    "revocation": "the revocation list",
}


def _plain(before: Root, after: Root) -> Iterator[RootChange]:
    if after.epoch != before.epoch:
        text = (
            f"epoch {before.epoch} -> {after.epoch}: releases and revocation lists are numbered "
            "anew, and keys that were revoked count again until a list names them"
        )
        yield RootChange(text, loosens=True)
    if after.min_schema != before.min_schema:
        text = f"least schema {before.min_schema} -> {after.min_schema}"
        yield RootChange(text, loosens=after.min_schema < before.min_schema)
    ends = [
        "never" if end is None else canonical.utc_text(end)
        for end in (before.validity.expires_at, after.validity.expires_at)
    ]
    if ends[0] != ends[1]:
        yield RootChange(f"expires {ends[0]} -> {ends[1]}", loosens=ends[1] == "never")


def _signers(before: Root, after: Root) -> Iterator[RootChange]:
    for name in [*before.signers, *(n for n in after.signers if n not in before.signers)]:
        old = {key.keyid: key for key in before.signers.get(name, ())}
        new = {key.keyid: key for key in after.signers.get(name, ())}
        for keyid in old.keys() - new.keys():
            yield RootChange(f"{name} loses the key {_named(old[keyid])}")
        for keyid in new.keys() - old.keys():
            text = f"{name} gets the key {_named(new[keyid])}"
            yield RootChange(text, loosens=name not in before.signers or len(new) > len(old))


def _roles(before: Root, after: Root) -> Iterator[RootChange]:
    for role in ROLES:
        old, new = before.roles.get(role), after.roles.get(role)
        if old is None and new is not None:
            yield RootChange(f"role {role}: {new.threshold} of {', '.join(new.signers)}, new")
        elif old is not None and new is None:
            yield RootChange(f"role {role}: nobody any more", loosens=True)
        elif old is not None and new is not None:
            yield from _role(role, old, new)


def _role(name: str, old: Role, new: Role) -> Iterator[RootChange]:
    if new.threshold != old.threshold:
        text = f"role {name}: threshold {old.threshold} -> {new.threshold}"
        yield RootChange(text, loosens=new.threshold < old.threshold)
    for signer in old.signers:
        if signer not in new.signers:
            yield RootChange(f"role {name}: without {signer}")
    for signer, globs in new.signers.items():
        known = old.signers.get(signer)
        if known is None:
            scope = f" for {' '.join(globs)}" if name == "release" else ""
            yield RootChange(f"role {name}: with {signer}{scope}", loosens=True)
        elif set(known) != set(globs):
            text = f"role {name}: {signer} for {' '.join(known)} -> {' '.join(globs)}"
            yield RootChange(text, loosens=bool(set(globs) - set(known)) and "*" not in known)


def _requirements(before: Root, after: Root) -> Iterator[RootChange]:
    for schema in sorted({*before.requirements, *after.requirements}):
        # A row holds until the next, so what is compared is what is asked of the schema.
        new = row_for(after.requirements, schema)
        if new is None or schema < after.min_schema:
            continue
        old = row_for(before.requirements, schema) or Requirement()
        looser = set(new.loosens(old))
        for item in fields(Requirement):
            was, now = getattr(old, item.name), getattr(new, item.name)
            if was != now:
                text = f"schema {schema}: {item.name} {_said(was)} -> {_said(now)}"
                yield RootChange(text, loosens=item.name in looser)


def _named(key: PublicKey) -> str:
    return f"{key.keyid[:16]} ({key.words})"


def _said(value: object) -> str:
    return "any" if value is None else str(value).lower()
