"""Roots: who may sign what, how many are needed, and how that changes.

A root is canonical JSON in a DSSE envelope of the type `application/vnd.oneiric.root+json`:

    {"epoch":1,"expires_at":"2027-01-01T00:00:00Z","issued_at":"2026-01-01T00:00:00Z",
     "min_schema":3,"project":"shop",
     "requirements":{"3":{"digests":true,"expiry":true,"lifetime_days":90,"log":false,
       "post_quantum":"off","provenance":false,"threshold":2,"witnesses":0}},
     "roles":{"release":{"signers":{"alice":["*"],"bob":["adapter:*"]},"threshold":2},
              "revocation":{"signers":{"alice":["*"],"carol":["*"]},"threshold":2},
              "root":{"signers":{"alice":["*"],"bob":["*"],"carol":["*"]},"threshold":2}},
     "signers":{"alice":[{"keyid":"06e3…","public":"MCow…"}], …},
     "type":"oneiric-root/v1","version":1}

- A **signer** is a person or a machine with one or more keys. A key belongs to one signer; its
  id is recomputed, and a root that says another one is refused.
- A **role** names its signers, each with the globs of `domain:key` that it may sign for
  (only `release` has use for them), and its threshold of distinct signers. The roles `root`
  and `release` are there; `revocation`, `log` and `witness` may be.
- The **requirements** are rows by schema (`_requirements`), each at least as tight as the one
  before.
- Version N+1 is signed by the thresholds of N **and** of N+1, there is no gap, and no way back.
  Within an epoch `min_schema` does not sink. A new epoch begins the order of releases and of
  revocation lists anew: that is the way out when somebody signed version 2^53.

The digest of a root is that of its payload, which stays the same when a signature is added.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from oneiric_lab import canonical
from oneiric_lab.errors import DocumentRefusedError, Fault, KeyRefusedError
from oneiric_lab.views import Cell, Fields, Result, Table, View

from ._dsse import Envelope
from ._keys import PublicKey
from ._limits import Limits, Validity, aware
from ._requirements import Requirement, read_row, row_for
from ._tree import Members, document, is_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from ._signers import Signer

ROOT_TYPE = "application/vnd.oneiric.root+json"
RoleName = Literal["root", "release", "revocation", "log", "witness"]
ROLES: tuple[RoleName, ...] = ("root", "release", "revocation", "log", "witness")
_NEEDED: tuple[RoleName, ...] = ("root", "release")
_TYPE = "oneiric-root/v1"
_GLOB = re.compile(r"(?:[A-Za-z0-9_.*-]+:[A-Za-z0-9_.*-]+|\*)\Z", re.ASCII)
_SCHEMA = re.compile(r"[1-9][0-9]{0,3}\Z", re.ASCII)
_LIMITS = Limits()
_EVERYTHING = frozenset({"*", "*:*"})


@dataclass(frozen=True, slots=True)
class Role:
    """Who acts in a role, for what, and how many are needed.

    Attributes:
        signers: Name of the signer to the globs of `domain:key` that it may sign for.
        threshold: Distinct signers.
    """

    signers: Mapping[str, tuple[str, ...]]
    threshold: int

    def covers(self, signer: str, targets: Iterable[str]) -> set[str] | None:
        """Return those of *targets* that *signer* may not sign for; None when it may for all."""
        globs = self.signers.get(signer, ())
        if _EVERYTHING & set(globs):
            return None
        # fnmatch writes atomic groups: a glob of many stars cannot be made to backtrack.
        fits = re.compile("|".join(map(fnmatch.translate, globs)) or r"(?!)").match
        return {target for target in targets if not fits(target)} or None


@dataclass(frozen=True, repr=False)
class Root(Result):
    """A root as it was read. That it is signed is found by `chain` or by a pinned digest.

    Attributes:
        project: Whose releases it speaks of.
        version: Grows by one.
        epoch: Releases are ordered by (epoch, version).
        validity: When it was issued and until when it holds.
        min_schema: Manifests of older schemas are refused.
        signers: Name to keys.
        roles: Name to role.
        requirements: Schema to what it must bring.
        sha256: Of the payload.
    """

    project: str
    version: int
    epoch: int
    validity: Validity
    min_schema: int
    signers: Mapping[str, tuple[PublicKey, ...]]
    roles: Mapping[RoleName, Role]
    requirements: Mapping[int, Requirement]
    envelope: Envelope = field(compare=False)

    @classmethod
    def parse(cls, envelope: Envelope, *, limits: Limits = _LIMITS) -> Root:
        """Return the root in *envelope*, whatever its signatures are worth.

        Raises:
            DocumentRefusedError: It is no root, or contradicts itself: a key with two names,
                a threshold that nobody can reach, a row that loosens the one before.
            KeyRefusedError: It holds a key that must not be trusted.
        """
        if envelope.payload_type != ROOT_TYPE:
            raise DocumentRefusedError(
                Fault(
                    "document-form",
                    f"expected an envelope of {ROOT_TYPE}, found {envelope.payload_type!r}",
                    fix="give the file of the root, such as root.1.json",
                )
            )
        tree = document(envelope.payload, what="a root", limit=limits.envelope_bytes)
        tree.constant("type", _TYPE)
        validity = Validity(
            issued := tree.time("issued_at"), issued, tree.optional_time("expires_at")
        )
        signers = _read_signers(tree.object("signers"), limits)
        root = cls(
            project=tree.name("project"),
            version=tree.integer("version", least=1),
            epoch=tree.integer("epoch", least=1),
            validity=validity,
            min_schema=tree.integer("min_schema", least=1),
            signers=signers,
            roles=_read_roles(tree.object("roles"), signers),
            requirements=_read_table(tree.object("requirements")),
            envelope=envelope,
        )
        tree.done()
        if validity.contradiction is not None:
            tree.fail(validity.contradiction)
        release = root.roles["release"]
        for schema, row in root.requirements.items():
            if row.threshold > len(release.signers):
                tree.fail(
                    f"schema {schema} asks for {row.threshold} signers of releases, "
                    f"and there are {len(release.signers)}",
                    "requirements",
                )
        if row_for(root.requirements, root.min_schema) is None:
            tree.fail(f"no row says what schema {root.min_schema} must bring", "requirements")
        return root

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of the payload: what a policy pins."""
        return self.envelope.sha256

    @cached_property
    def _keys(self) -> dict[RoleName, dict[str, tuple[str, PublicKey]]]:
        return {
            name: {
                key.keyid: (signer, key) for signer in role.signers for key in self.signers[signer]
            }
            for name, role in self.roles.items()
        }

    def keys(self, role: RoleName) -> Mapping[str, tuple[str, PublicKey]]:
        """Return key id to signer and key, of all who act in *role*."""
        return self._keys.get(role, {})

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        expires = self.validity.expires_at
        return {
            "project": self.project,
            "version": self.version,
            "epoch": self.epoch,
            "sha256": self.sha256,
            "issued_at": canonical.utc_text(self.validity.issued_at),
            "expires_at": None if expires is None else canonical.utc_text(expires),
            "min_schema": self.min_schema,
            "signers": {
                name: [key.as_dict() for key in keys] for name, keys in self.signers.items()
            },
            "roles": {
                name: {
                    "threshold": role.threshold,
                    "signers": {signer: list(globs) for signer, globs in role.signers.items()},
                }
                for name, role in self.roles.items()
            },
            "requirements": {
                str(schema): row.as_dict() for schema, row in self.requirements.items()
            },
        }

    def view(self) -> View:
        """Return who may sign what, and what is asked of each schema."""
        expires = self.validity.expires_at
        rows = tuple(
            (
                name,
                f"{role.threshold} of {len(role.signers)}",
                signer,
                " ".join(globs) if name == "release" else "",
            )
            for name, role in self.roles.items()
            for signer, globs in role.signers.items()
        )
        keys = tuple(
            (name, key.algorithm, key.keyid[:16], key.words)
            for name, known in self.signers.items()
            for key in known
        )
        demands = tuple(
            (
                schema,
                row.threshold,
                row.expiry,
                row.lifetime_days,
                row.digests,
                row.log,
                row.witnesses,
                row.provenance,
                row.post_quantum,
            )
            for schema, row in self.requirements.items()
        )
        return View(
            "root",
            f"root {self.version} of {self.project}, epoch {self.epoch}",
            (
                Fields(
                    (
                        ("sha256", self.sha256),
                        (
                            "expires",
                            Cell("never", "warn")
                            if expires is None
                            else canonical.utc_text(expires),
                        ),
                        ("least schema", self.min_schema),
                    )
                ),
                Table(("role", "threshold", "signer", "scope"), rows),
                Table(("signer", "algorithm", "key id", "words"), keys),
                Table(
                    (
                        "schema",
                        "threshold",
                        "expiry",
                        "days",
                        "digests",
                        "log",
                        "witnesses",
                        "provenance",
                        "post-quantum",
                    ),
                    demands,
                ),
            ),
        )


def version_of(envelope: Envelope, *, limits: Limits = _LIMITS) -> int:
    """Return the version that the root in *envelope* says, without looking at its keys.

    Checking keys is what costs in a root: a bundle of unsigned ones could ask for a minute of
    it, so signatures by keys that are trusted already are looked at first.

    Raises:
        DocumentRefusedError: It says none.
    """
    tree = document(envelope.payload, what="a root", limit=limits.envelope_bytes)
    return tree.integer("version", least=1)


def is_glob(value: object) -> bool:
    """Tell whether *value* is a glob of `domain:key`, or `*`."""
    return isinstance(value, str) and _GLOB.match(value) is not None


def make_root(
    *,
    project: str,
    version: int = 1,
    epoch: int = 1,
    issued_at: datetime,
    expires_at: datetime | None,
    signers: Mapping[str, Sequence[PublicKey]],
    roles: Mapping[RoleName, Role],
    requirements: Mapping[int, Requirement],
    min_schema: int = 3,
) -> Root:
    """Return a root that nobody has signed yet.

    It was written and read again, so whatever `Root.parse` refuses is refused here.

    Raises:
        DocumentRefusedError: The parts contradict each other.
    """
    tree = {
        "type": _TYPE,
        "project": project,
        "version": version,
        "epoch": epoch,
        "issued_at": canonical.utc_text(aware(issued_at)),
        "expires_at": None if expires_at is None else canonical.utc_text(aware(expires_at)),
        "min_schema": min_schema,
        "signers": {
            name: [{"keyid": key.keyid, "public": key.base64} for key in keys]
            for name, keys in signers.items()
        },
        "roles": {
            name: {
                "threshold": role.threshold,
                "signers": {signer: list(globs) for signer, globs in role.signers.items()},
            }
            for name, role in roles.items()
        },
        "requirements": {str(schema): row.as_dict() for schema, row in requirements.items()},
    }
    return Root.parse(Envelope(canonical.encode(tree), ROOT_TYPE))


def sign_root(root: Root, *signers: Signer) -> Root:
    """Return *root* with a signature of each of *signers* besides those that it has."""
    return Root.parse(root.envelope.signed_by(*signers))


def _read_signers(tree: Members, limits: Limits) -> dict[str, tuple[PublicKey, ...]]:
    out: dict[str, tuple[PublicKey, ...]] = {}
    owner: dict[str, str] = {}
    for name in tree.all(most=limits.signers):
        if not is_name(name):
            tree.refuse(name, "a signer's name of letters, digits, `_`, `.` and `-`", name)
        keys = []
        for item in tree.objects(name, most=limits.signers):
            said, spki = item.sha256("keyid"), item.base64("public")
            item.done()
            try:
                key = PublicKey.from_spki(spki)
            except KeyRefusedError as error:
                fault = error.faults[0]
                raise KeyRefusedError(
                    Fault(
                        fault.code,
                        f"a key of signer {name} in the root: {fault.message}",
                        why=fault.why,
                        fix=f"have a root made with another key for {name}",
                    )
                ) from None
            # A key id that is believed would let one key stand under two names.
            if key.keyid != said:
                tree.fail(f"a key says it is {said[:16]}…, and is {key.keyid[:16]}…", name)
            if key.keyid in owner:
                tree.fail(
                    f"key {key.keyid[:16]}… is {owner[key.keyid]}'s already: one key, one signer",
                    name,
                )
            owner[key.keyid] = name
            keys.append(key)
        if not keys:
            tree.fail("a signer without a key", name)
        out[name] = tuple(keys)
    return out


def _read_roles(
    tree: Members, signers: Mapping[str, tuple[PublicKey, ...]]
) -> dict[RoleName, Role]:
    out: dict[RoleName, Role] = {}
    present = set(tree.all())
    for name in ROLES:
        if name not in present and name not in _NEEDED:
            continue
        item = tree.object(name)
        threshold, named = item.integer("threshold", least=1), item.object("signers")
        item.done()
        globs: dict[str, tuple[str, ...]] = {}
        for signer in named.all():
            if signer not in signers:
                named.fail(f"no signer is called {signer!r}")
            scope = named.items(signer, most=1024)
            for glob in scope:
                if not is_glob(glob):
                    named.refuse(signer, "globs such as adapter:* or *", glob)
            globs[signer] = tuple(scope)
        if threshold > len(globs):
            tree.fail(f"{threshold} signers are needed and {len(globs)} are named", name)
        out[name] = Role(globs, threshold)
    tree.done()
    return out


def _read_table(tree: Members) -> dict[int, Requirement]:
    out = {}
    for text in tree.all():
        if not _SCHEMA.match(text):
            tree.refuse(text, "a schema's number", text)
        out[int(text)] = read_row(tree.object(text))
    if not out:
        tree.fail("it asks nothing of any schema")
    out = dict(sorted(out.items()))
    for (low, before), (high, after) in pairwise(out.items()):
        looser = after.loosens(before)
        if looser:
            tree.fail(f"schema {high} asks less than schema {low}: {', '.join(looser)}", str(high))
    return out
