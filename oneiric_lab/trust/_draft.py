"""A root as people write it, and as they change it: `root.toml`.

    project = "shop"
    expires_days = 365
    min_schema = 3

    [signers]                          # the public half of each key: a file beside this one,
    alice = ["alice.pem.pub"]          # or "base64:" and the key itself
    bob = ["bob.pem.pub"]

    [roles.root]
    threshold = 2
    signers = ["alice", "bob"]

    [roles.release]                    # a name alone may sign for everything
    threshold = 1
    signers = { alice = ["*"], bob = ["adapter:*"] }

    [requirements.3]
    threshold = 1
    expiry = true

Out of a draft comes a root that nobody has signed: the first, or the next of a chain. What it
asks of a schema and does not name is asked of nobody, as in a root.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, get_args

from oneiric_lab.errors import (
    DocumentRefusedError,
    Fault,
    KeyRefusedError,
    OneiricError,
    UsageError,
    did_you_mean,
)

from ._draft_text import bare_or_quoted, root_toml
from ._keys import PublicKey
from ._located import Faults, Located
from ._policy import DEMANDS, is_demand
from ._requirements import Requirement
from ._root import ROLES, Role, RoleName, Root, is_glob, make_root
from ._tree import is_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from ._located import Path

_TOP = ("project", "expires_days", "min_schema", "signers", "roles", "requirements")
_INLINE = "base64:"
_DAYS = 36_500
_WHAT = "no root"


@dataclass(frozen=True, slots=True)
class RootDraft:
    """What a root will say, before it has a version and a time.

    Attributes:
        project: Whose releases it will speak of.
        signers: Name to keys.
        roles: Name to role.
        requirements: Schema to what it must bring.
        min_schema: Manifests of older schemas will be refused.
        lifetime: How long the root will hold; None for ever.
    """

    project: str
    signers: Mapping[str, tuple[PublicKey, ...]]
    roles: Mapping[RoleName, Role]
    requirements: Mapping[int, Requirement] = field(default_factory=dict)
    min_schema: int = 3
    lifetime: timedelta | None = timedelta(days=365)

    @classmethod
    def parse(
        cls, data: bytes, *, read: Callable[[str], bytes], name: str = "root.toml"
    ) -> RootDraft:
        """Return the draft in *data*.

        Args:
            data: The bytes of the file.
            read: Returns the bytes of a file of a key, named as the draft names it.
            name: The file as people are shown it.

        Raises:
            ParseError: It is no TOML.
            DocumentRefusedError: It says what no root can say; all faults with their lines.
        """
        return _Reader(Located(data, name, "root-draft"), read).draft()

    @classmethod
    def of(cls, root: Root) -> RootDraft:
        """Return the draft that says what *root* says."""
        return cls(
            root.project,
            root.signers,
            root.roles,
            root.requirements,
            root.min_schema,
            root.validity.lifetime,
        )

    def toml(self) -> str:
        """Return the text of a `root.toml` that says the same; `parse` reads it back.

        Keys stand in it themselves, so that no other file is needed. A draft holds for whole
        days: a part of one counts as one, and a draft without an end gets 365, with a comment.
        """
        return root_toml(
            project=self.project,
            signers=self.signers,
            roles=self.roles,
            requirements=self.requirements,
            min_schema=self.min_schema,
            lifetime=self.lifetime,
        )

    def root(self, *, issued_at: datetime, version: int = 1, epoch: int = 1) -> Root:
        """Return the root, which nobody has signed.

        Raises:
            DocumentRefusedError: The draft contradicts itself.
        """
        return make_root(
            project=self.project,
            version=version,
            epoch=epoch,
            issued_at=issued_at,
            expires_at=None if self.lifetime is None else issued_at + self.lifetime,
            signers=self.signers,
            roles=self.roles,
            requirements=self.requirements,
            min_schema=self.min_schema,
        )

    def with_keys(self, signer: str, *keys: PublicKey) -> RootDraft:
        """Return the draft in which *keys* are those of *signer*, who may be new."""
        return replace(self, signers={**self.signers, signer: keys})

    def without(self, signer: str) -> RootDraft:
        """Return the draft without *signer*, in no role any more.

        Raises:
            UsageError: Nobody is called so.
        """
        self._known(signer)
        return replace(
            self,
            signers={name: keys for name, keys in self.signers.items() if name != signer},
            roles={name: _without(role, signer) for name, role in self.roles.items()},
        )

    def granted(self, signer: str, role: RoleName, globs: Sequence[str] = ("*",)) -> RootDraft:
        """Return the draft in which *signer* acts in *role*, for the components of *globs*.

        Raises:
            UsageError: Nobody is called so, or there is no such role in it.
        """
        self._known(signer)
        known = self._role(role)
        signers = {**known.signers, signer: tuple(globs)}
        return replace(self, roles={**self.roles, role: replace(known, signers=signers)})

    def withdrawn(self, signer: str, role: RoleName) -> RootDraft:
        """Return the draft in which *signer* acts no more in *role*.

        Raises:
            UsageError: The signer does not, or there is no such role in it.
        """
        known = self._role(role)
        if signer not in known.signers:
            raise UsageError(
                Fault("usage", f"{signer} does not act in {role}", fix=_one_of(known.signers))
            )
        return replace(self, roles={**self.roles, role: _without(known, signer)})

    def with_threshold(self, role: RoleName, threshold: int) -> RootDraft:
        """Return the draft in which *role* needs *threshold* signers.

        Raises:
            UsageError: There is no such role in it.
        """
        known = replace(self._role(role), threshold=threshold)
        return replace(self, roles={**self.roles, role: known})

    def _known(self, signer: str) -> None:
        if signer not in self.signers:
            fix = did_you_mean(signer, sorted(self.signers)) or _one_of(self.signers)
            raise UsageError(Fault("usage", f"no signer is called {signer!r}", fix=fix))

    def _role(self, name: RoleName) -> Role:
        if name not in self.roles:
            fix = did_you_mean(name, sorted(self.roles)) or _one_of(self.roles)
            raise UsageError(Fault("usage", f"the root has no role {name!r}", fix=fix))
        return self.roles[name]


class _Reader(Faults):
    """One pass over a draft that collects every fault."""

    def __init__(self, source: Located, read: Callable[[str], bytes]) -> None:
        super().__init__(source)
        self.read = read
        self.owner: dict[str, Path] = {}

    def draft(self) -> RootDraft:
        tree = self.source.parsed.tree
        self.known((), tree, _TOP, _WHAT)
        project = tree.get("project")
        if not is_name(project):
            self.wrong(("project",), "a name of letters, digits, `_`, `.` and `-`", project)
        signers = self.signers(tree.get("signers"))
        found = RootDraft(
            project=str(project),
            signers=signers,
            roles=self.roles(tree.get("roles"), signers),
            requirements=self.requirements(tree.get("requirements")),
            min_schema=self.integer(("min_schema",), tree.get("min_schema", 3)),
            lifetime=timedelta(
                days=self.integer(("expires_days",), tree.get("expires_days"), most=_DAYS)
            ),
        )
        if self.faults:
            raise DocumentRefusedError(self.faults)
        return found

    def integer(self, path: Path, value: object, *, most: int = 9999) -> int:
        if type(value) is not int or not 1 <= value <= most:
            self.wrong(path, f"an integer from 1 to {most:,}", value)
            return 1
        return value

    def signers(self, tree: object) -> dict[str, tuple[PublicKey, ...]]:
        if not isinstance(tree, dict) or not tree:
            self.wrong(
                ("signers",), "a table of signers", tree or None, 'alice = ["alice.pem.pub"]'
            )
            return {}
        out: dict[str, tuple[PublicKey, ...]] = {}
        for name, listed in tree.items():
            path: Path = ("signers", name)
            out[name] = ()
            if not is_name(name):
                self.refuse(path, f"{name!r} is no name", "letters, digits, _ . and -", key=True)
            if not isinstance(listed, list) or not listed:
                self.wrong(
                    path, "a list of keys", listed, f'{bare_or_quoted(name)} = ["{name}.pem.pub"]'
                )
                continue
            keys = [self.key((*path, index), item) for index, item in enumerate(listed)]
            out[name] = tuple(key for key in keys if key is not None)
        return out

    def key(self, path: Path, item: object) -> PublicKey | None:
        if not isinstance(item, str):
            self.wrong(path, "the file of a public key, or base64: and the key", item)
            return None
        try:
            inline = item.startswith(_INLINE)
            key = PublicKey.parse(item.removeprefix(_INLINE) if inline else self.read(item))
        except OneiricError as error:
            first = error.faults[0]
            fix = first.fix
            if not isinstance(error, KeyRefusedError):
                fix = "get the .pub file of `trust key new` from its owner"
            self.refuse(path, first.message, fix)
            return None
        if key.algorithm == "unsupported":
            self.refuse(path, "this version cannot check its algorithm", "Ed25519 or P-256")
            return None
        known = self.owner.setdefault(key.keyid, path)
        if known != path:
            message = f"key {key.keyid[:16]}… is {known[1]}'s already: one key, one signer"
            self.refuse(path, message, "have everybody make a key of their own: trust key new")
            return None
        return key

    def roles(
        self, tree: object, signers: Mapping[str, tuple[PublicKey, ...]]
    ) -> dict[RoleName, Role]:
        if not isinstance(tree, dict):
            self.wrong(("roles",), "tables by role", tree, "write [roles.root]")
            return {}
        self.known(("roles",), tree, ROLES, _WHAT)
        out: dict[RoleName, Role] = {}
        for name in ROLES:
            path: Path = ("roles", name)
            if name not in tree:
                if name in {"root", "release"}:
                    self.refuse(("roles",), f"the role {name} is missing", f"write [roles.{name}]")
                continue
            role = tree[name]
            if not isinstance(role, dict):
                self.wrong(path, "a table", role, f"write [roles.{name}]")
                continue
            self.known(path, role, ("threshold", "signers"), "no role")
            globs = self.globs((*path, "signers"), role.get("signers"), signers)
            threshold = self.integer((*path, "threshold"), role.get("threshold"))
            if threshold > len(globs) and globs:
                message = f"{threshold} signers are needed and {len(globs)} are named"
                self.refuse((*path, "threshold"), message, f"threshold = {len(globs)}, or fewer")
            out[name] = Role(globs, threshold)
        return out

    def globs(
        self, path: Path, value: object, signers: Mapping[str, tuple[PublicKey, ...]]
    ) -> dict[str, tuple[str, ...]]:
        if not isinstance(value, list | dict) or not value:
            self.wrong(path, "a list of signers, or a table of their scopes", value)
            return {}
        listed = isinstance(value, list)
        out: dict[str, tuple[str, ...]] = {}
        for index, name in enumerate(value):
            at: Path = (*path, index if listed else name)
            if not isinstance(name, str) or name not in signers:
                fix = did_you_mean(str(name), sorted(signers)) or "name the signer in [signers]"
                self.refuse(at, f"no signer is called {name!r}", fix, key=not listed)
                continue
            scope = ["*"] if isinstance(value, list) else value[name]
            if not isinstance(scope, list) or not all(is_glob(glob) for glob in scope):
                self.wrong(at, "a list of globs such as adapter:* or *", scope)
                continue
            out[name] = tuple(scope)
        return out

    def requirements(self, tree: object) -> dict[int, Requirement]:
        if not isinstance(tree, dict) or not tree:
            self.wrong(
                ("requirements",), "tables by schema", tree or None, "write [requirements.3]"
            )
            return {}
        out: dict[int, Requirement] = {}
        for schema, row in tree.items():
            path: Path = ("requirements", schema)
            if not (schema.isascii() and schema.isdigit() and len(schema) < 5 and int(schema)):  # noqa: PLR2004 - as in a root
                message = f"expected the number of a schema, found {schema!r}"
                self.refuse(path, message, "write [requirements.3]", key=True)
                continue
            if not isinstance(row, dict):
                self.wrong(path, "a table of demands", row, f"write [requirements.{schema}]")
                continue
            self.known(path, row, tuple(DEMANDS), "no requirement")
            demands: dict[str, Any] = {}
            for key, value in row.items():
                if key in DEMANDS and not is_demand(key, value):
                    self.wrong((*path, key), DEMANDS[key], value)
                elif key in DEMANDS:
                    demands[key] = value
            out[int(schema)] = Requirement(**demands)
        out = dict(sorted(out.items()))
        self.tightens(out)
        return out

    def tightens(self, table: Mapping[int, Requirement]) -> None:
        """Note every demand that is less than that of an older schema."""
        before: tuple[int, Requirement] | None = None
        for schema, row in table.items():
            for name in () if before is None else row.loosens(before[1]):
                assert before is not None  # noqa: S101 - there would be no names
                asked = getattr(before[1], name)
                message = f"schema {schema} asks for less {name} than schema {before[0]}"
                path = ("requirements", str(schema), name)
                self.refuse(path, message, f"{name} = {json.dumps(asked)}, or more")
            before = schema, row


def role_name(text: str) -> RoleName:
    """Return *text* as the name of a role.

    Raises:
        UsageError: It is none, with the nearest.
    """
    if text not in ROLES:
        fix = did_you_mean(text, ROLES) or _one_of(ROLES)
        raise UsageError(Fault("usage", f"no role is called {text!r}", fix=fix))
    return next(name for name in get_args(RoleName) if name == text)


def _without(role: Role, signer: str) -> Role:
    return replace(role, signers={n: globs for n, globs in role.signers.items() if n != signer})


def _one_of(names: Sequence[str] | Mapping[Any, object]) -> str:
    return f"one of {', '.join(names)}"
