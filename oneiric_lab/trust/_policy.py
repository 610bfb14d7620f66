"""`trust.toml`: what this place trusts, and what it asks for beyond the root.

    # Which root we trust: the digest of its payload, as `trust root show` prints it.
    root = "sha256:9f3c…"
    project = "shop"
    channels = ["stable"]
    min_schema = 3
    skew_seconds = 60

    [requirements.3]
    threshold = 3
    lifetime_days = 30

    [legacy]                         # manifests of upstream, which have no root
    schemas = [2]
    keys = ["11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="]
    threshold = 1
    expiry = true
    unsigned = ["attic"]             # sources whose manifests are taken without a signature

Every key may be left out. The policy may only tighten: whatever asks for less than the root is
refused at its line, since a local file must not undo what the signers of the root agreed on.
It cannot name signers, for the same reason; only `legacy.keys` are its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault, KeyRefusedError, PolicyError

from ._keys import PublicKey
from ._limits import Limits
from ._located import Faults, Located, toml
from ._requirements import Requirement, loosened, row_for
from ._tree import is_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneiric_lab.errors import Origin

    from ._located import Path
    from ._root import Root

_HEX = frozenset("0123456789abcdef")
_DIGEST = 64
_STEPS = ("off", "accept", "require")
_INTEGER, _BOOLEAN = "an integer of at least 1", "true or false"
DEMANDS: dict[str, str] = {
    "threshold": _INTEGER,
    "expiry": _BOOLEAN,
    "lifetime_days": _INTEGER,
    "digests": _BOOLEAN,
    "log": _BOOLEAN,
    "witnesses": _INTEGER,
    "provenance": _BOOLEAN,
    "post_quantum": "off, accept or require",
}
_TOP = ("root", "project", "channels", "min_schema", "skew_seconds", "requirements", "legacy")
_NONE = "no policy"
_LEGACY = ("schemas", "keys", "threshold", "expiry", "max_age_days", "unsigned")


@dataclass(frozen=True, slots=True)
class Legacy:
    """How manifests of upstream's form are trusted.

    Attributes:
        schemas: 1, 2 or both.
        keys: Whose signatures count.
        threshold: Distinct keys.
        expiry: Whether they must say until when they hold.
        max_age: The longest time since they were signed.
        unsigned: Sources, by the name in their manifests, that need no signature. Whoever is
            in between may change what comes: nothing but the transport protects it.
    """

    schemas: frozenset[int]
    keys: tuple[PublicKey, ...]
    threshold: int = 1
    expiry: bool = False
    max_age: timedelta | None = None
    unsigned: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Policy:
    """What this place trusts.

    Attributes:
        pin: Hex SHA-256 of the payload of the root that is trusted first.
        root: A root that was given beside the policy; it must be the pinned one.
        project: The only project that is taken.
        channels: The only channels that are taken; empty for any.
        min_schema: Manifests of older schemas are refused.
        skew: How far clocks may differ; None for the default.
        requirements: Schema to what is asked beyond the root, by name.
        legacy: How upstream's manifests are trusted; None for not at all.
    """

    pin: str | None = None
    root: Root | None = None
    project: str | None = None
    channels: tuple[str, ...] = ()
    min_schema: int | None = None
    skew: timedelta | None = None
    requirements: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    legacy: Legacy | None = None
    _source: Located | None = field(default=None, compare=False, repr=False)

    @classmethod
    def parse(cls, data: bytes | str, *, name: str = "trust.toml") -> Policy:
        """Return the policy in *data*.

        Raises:
            ParseError: It is no TOML.
            PolicyError: It says what no policy can say; all faults with their lines.
            KeyRefusedError: It names a key that must not be trusted.
        """
        raw = data.encode() if isinstance(data, str) else data
        return _Reader(Located(raw, name, "policy")).policy()

    @classmethod
    def pinned(cls, root: Root) -> Policy:
        """Return the policy that trusts *root* and asks for nothing more."""
        return cls(pin=root.sha256, root=root)

    def with_root(self, root: Root) -> Policy:
        """Return the policy with *root* given beside it."""
        return replace(self, root=root)

    def faults(self, root: Root) -> tuple[Fault, ...]:
        """Return what this policy asks less for than *root*, each at its line."""
        out = []
        if self.project is not None and self.project != root.project:
            out.append(
                self._fault(
                    ("project",),
                    f"the root is of project {root.project}, the policy takes {self.project}",
                    "pin the root of your project",
                )
            )
        if self.min_schema is not None and self.min_schema < root.min_schema:
            out.append(
                self._fault(
                    ("min_schema",),
                    f"schema {self.min_schema} is below the root's least, {root.min_schema}",
                    f"min_schema = {root.min_schema}, or leave it out",
                )
            )
        limit = Limits().skew
        if self.skew is not None and self.skew > limit:
            seconds = int(limit.total_seconds())
            out.append(
                self._fault(
                    ("skew_seconds",),
                    f"clocks may differ by {seconds} seconds at most",
                    f"skew_seconds = {seconds}, or leave it out",
                )
            )
        for schema, demands in self.requirements.items():
            row = row_for(root.requirements, schema)
            if row is None:
                continue
            for key, value in demands.items():
                if loosened(key, value, row):
                    asked = getattr(row, key)
                    out.append(
                        self._fault(
                            ("requirements", str(schema), key),
                            f"{key} = {toml(value)} asks for less than the root: {toml(asked)}",
                            f"{key} = {toml(asked)}, or leave it out",
                        )
                    )
            release = root.roles["release"]
            if demands.get("threshold", 1) > len(release.signers):
                out.append(
                    self._fault(
                        ("requirements", str(schema), "threshold"),
                        f"{demands['threshold']} signers are asked for, "
                        f"and the root names {len(release.signers)}",
                        "lower the threshold, or have a root made that names more signers",
                    )
                )
        return tuple(out)

    def effective(self, root: Root, schema: int) -> Requirement | None:
        """Return what a release of *schema* must bring: of the root and the policy, the more.

        None where the root has no row for that schema.
        """
        row = row_for(root.requirements, schema)
        if row is None:
            return None
        row = row.tightened({"threshold": root.roles["release"].threshold})
        # A demand on schema 3 is one on schema 4 too, as in the root's own table.
        for step in sorted(self.requirements):
            if step <= schema:
                row = row.tightened(self.requirements[step])
        return row

    def origin(self, path: Path) -> Origin | None:
        """Return where the value at *path* stands; None for a policy that was not read."""
        return None if self._source is None else self._source.origin(path)

    def thought(self, path: Path, message: str, fix: str) -> Fault:
        """Return the warning *message* about the value at *path*."""
        return replace(self._fault(path, message, fix), severity="warning")

    def _fault(self, path: Path, message: str, fix: str) -> Fault:
        if self._source is None:
            return Fault("policy", message, fix=fix)
        return self._source.fault(path, message, fix)


def edit_policy(
    text: str, changes: Mapping[Path, object], *, name: str = "trust.toml", root: Root | None = None
) -> str:
    """Return the text of a policy with *changes* made; comments and layout stay.

    Args:
        text: As it stands; empty for a new one.
        changes: Path to the new value; None removes what stands there.
        name: The file, for messages.
        root: Where one is given, a policy that would loosen it is refused.

    Raises:
        PolicyError: The result would be no policy, or would ask for less than *root*.
    """
    from oneiric_lab.config import Set, Unset, edit  # noqa: PLC0415 - see `Policy.parse`

    edits = [Unset(path) if value is None else Set(path, value) for path, value in changes.items()]
    new = edit(text, edits, shown=name)
    policy = Policy.parse(new, name=name)
    if root is not None and (faults := policy.faults(root)):
        raise PolicyError(faults)
    return new


class _Reader(Faults):
    """One pass over a parsed policy that collects every fault."""

    def policy(self) -> Policy:
        tree = self.source.parsed.tree
        self.known((), tree, _TOP, _NONE)
        policy = Policy(
            pin=self.pin(tree),
            project=self.name(("project",), tree.get("project")),
            channels=self.names(("channels",), tree.get("channels")),
            min_schema=self.integer(("min_schema",), tree.get("min_schema")),
            skew=self.seconds(tree),
            requirements=self.requirements(tree.get("requirements", {})),
            legacy=self.legacy(tree.get("legacy")),
            _source=self.source,
        )
        if self.faults:
            raise PolicyError(self.faults)
        return policy

    def pin(self, tree: Mapping[str, Any]) -> str | None:
        value = tree.get("root")
        if value is None:
            return None
        digest = value.removeprefix("sha256:") if isinstance(value, str) else ""
        if len(digest) != _DIGEST or not set(digest) <= _HEX:
            self.wrong(
                ("root",),
                "sha256: and 64 hex digits",
                value,
                "take it from `trust root show ROOT.json`",
            )
            return None
        return digest

    def name(self, path: Path, value: object) -> str | None:
        if value is None:
            return None
        if not is_name(value):
            self.wrong(path, "a name of letters, digits, `_`, `.` and `-`", value)
            return None
        return str(value)

    def names(self, path: Path, value: object) -> tuple[str, ...]:
        if value is None:
            return ()
        if not isinstance(value, list) or not value:
            self.wrong(path, "a list of names", value)
            return ()
        found = [self.name((*path, index), item) for index, item in enumerate(value)]
        return tuple(item for item in found if item is not None)

    def integer(self, path: Path, value: object) -> int | None:
        if value is None:
            return None
        if type(value) is not int or value < 1:
            self.wrong(path, _INTEGER, value)
            return None
        return value

    def seconds(self, tree: Mapping[str, Any]) -> timedelta | None:
        value = tree.get("skew_seconds")
        if value is None:
            return None
        if type(value) is not int or not 0 <= value <= 86_400:  # noqa: PLR2004 - a day
            self.wrong(("skew_seconds",), "0 to 86,400 seconds", value)
            return None
        return timedelta(seconds=value)

    def requirements(self, tree: object) -> dict[int, dict[str, Any]]:
        if not isinstance(tree, dict):
            self.wrong(("requirements",), "tables by schema", tree, "write [requirements.3]")
            return {}
        out: dict[int, dict[str, Any]] = {}
        for schema, row in tree.items():
            path: Path = ("requirements", schema)
            if not (schema.isascii() and schema.isdigit() and len(schema) < 5 and int(schema)):  # noqa: PLR2004 - as in a root
                message = f"expected the number of a schema, found {schema!r}"
                self.faults.append(
                    self.source.fault(path, message, "write [requirements.3]", key=True)
                )
                continue
            if not isinstance(row, dict):
                self.wrong(path, "a table of demands", row, f"write [requirements.{schema}]")
                continue
            self.known(path, row, tuple(DEMANDS), _NONE)
            out[int(schema)] = {
                key: value
                for key, value in row.items()
                if key in DEMANDS and self.demand((*path, key), key, value)
            }
        return dict(sorted(out.items()))

    def demand(self, path: Path, key: str, value: object) -> bool:
        fits = is_demand(key, value)
        if not fits:
            self.wrong(path, DEMANDS[key], value)
        return fits

    def legacy(self, tree: object) -> Legacy | None:
        if tree is None:
            return None
        if not isinstance(tree, dict):
            self.wrong(("legacy",), "a table", tree, "write [legacy]")
            return None
        self.known(("legacy",), tree, _LEGACY, _NONE)
        schemas = tree.get("schemas")
        if not isinstance(schemas, list) or not schemas or not all(s in (1, 2) for s in schemas):
            self.wrong(("legacy", "schemas"), "a list of 1, 2 or both", schemas, "schemas = [2]")
            schemas = []
        unsigned = tree.get("unsigned", [])
        if not isinstance(unsigned, list) or not all(isinstance(one, str) for one in unsigned):
            fix = 'unsigned = ["vendor"]'
            self.wrong(("legacy", "unsigned"), "a list of sources", unsigned, fix)
            unsigned = []
        # Where all that is taken comes without a signature, there is nobody to name.
        keys = () if unsigned and "keys" not in tree else self.keys(tree.get("keys"))
        threshold = self.integer(("legacy", "threshold"), tree.get("threshold")) or 1
        if keys and threshold > len(keys):
            message = f"{threshold} distinct keys are asked for, and {len(keys)} are named"
            self.faults.append(self.source.fault(("legacy", "threshold"), message, None))
        expiry = tree.get("expiry", False)
        if not isinstance(expiry, bool):
            self.wrong(("legacy", "expiry"), _BOOLEAN, expiry)
        days = self.integer(("legacy", "max_age_days"), tree.get("max_age_days"))
        return Legacy(
            frozenset(schemas),
            keys,
            threshold,
            bool(expiry),
            None if days is None else timedelta(days=min(days, 36_500)),
            frozenset(unsigned),
        )

    def keys(self, value: object) -> tuple[PublicKey, ...]:
        if not isinstance(value, list) or not value:
            self.wrong(
                ("legacy", "keys"), "a list of public keys", value, 'keys = ["base64 of 32 bytes"]'
            )
            return ()
        out: list[PublicKey] = []
        for index, item in enumerate(value):
            path: Path = ("legacy", "keys", index)
            if not isinstance(item, str):
                self.wrong(path, "a public key in base64 or PEM", item)
                continue
            try:
                key = PublicKey.parse(item)
            except KeyRefusedError as error:
                fault = error.faults[0]
                self.faults.append(self.source.fault(path, fault.message, fault.fix))
                continue
            if key in out:
                message = f"key {key.keyid[:16]}… stands twice"
                self.faults.append(self.source.fault(path, message, "remove one of the two"))
                continue
            out.append(key)
        return tuple(out)


def is_demand(key: str, value: object) -> bool:
    """Tell whether *value* is what the demand *key* can ask for."""
    expected = DEMANDS[key]
    if expected is _INTEGER:
        return type(value) is int and value >= 1
    return isinstance(value, bool) if expected is _BOOLEAN else value in _STEPS
