"""What holds here: the root and the local policy together, each value with where it is from.

The policy may only tighten, so of the two the one that asks for more is in force. A value that
asks for what the root asks anyway is in force by the root: it may be left out.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from oneiric_lab.errors import (
    Fault,
    KeyRefusedError,
    ParseError,
    PolicyError,
    UnknownPathError,
    did_you_mean,
)
from oneiric_lab.views import Cell, Fields, Note, Result, Table, View

from ._ageing import ageing_root
from ._limits import Limits
from ._policy import Policy
from ._requirements import Requirement, row_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from ._located import Path
    from ._root import Root


@dataclass(frozen=True, slots=True)
class PolicyValue:
    """One value that holds here.

    Attributes:
        name: Its dotted path, as the policy spells it.
        value: What is in force; None asks nothing.
        origin: Where it is from: a place in the policy, the root, or `default`.
        root: What the root says; None where it has no say.
        policy: What the policy says; None where it says nothing.
    """

    name: str
    value: object
    origin: str
    root: object = None
    policy: object = None

    @property
    def is_tighter(self) -> bool:
        """Whether the policy asks for more than the root here."""
        return self.policy is not None and self.policy == self.value and self.policy != self.root

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "name": self.name,
            "value": self.value,
            "origin": self.origin,
            "root": self.root,
            "policy": self.policy,
            "tightens": self.is_tighter,
        }


@dataclass(frozen=True, repr=False)
class EffectivePolicy(Result):
    """All that holds here.

    Attributes:
        file: The policy, as people are shown it.
        root: The root beside it; without one only the policy speaks.
        values: By name.
    """

    file: str
    root: Root | None
    values: tuple[PolicyValue, ...]

    @classmethod
    def of(cls, policy: Policy, root: Root | None, *, file: str = "trust.toml") -> EffectivePolicy:
        """Return what *policy* and *root* come to.

        Raises:
            PolicyError: The policy asks for less than the root; all faults with their lines.
        """
        if root is not None and (faults := policy.faults(root)):
            raise PolicyError(faults)
        return cls(file, root, tuple(_values(policy, root)))

    def explain(self, name: str) -> PolicyExplanation:
        """Return why the value *name* is what it is.

        Raises:
            UnknownPathError: There is no such value, with the nearest name.
        """
        known = {value.name: value for value in self.values}
        if name not in known:
            fix = did_you_mean(name, sorted(known)) or "trust policy show lists the values"
            raise UnknownPathError(Fault("unknown-path", f"no policy has a value {name}", fix=fix))
        return PolicyExplanation(known[name], self.root)

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "policy": self.file,
            "root": None if self.root is None else self.root.sha256,
            "values": [value.as_dict() for value in self.values],
        }

    def view(self) -> View:
        """Return a row for each value, tighter ones marked."""
        rows = tuple(
            (
                value.name,
                _short(_said(value.value)),
                Cell("tightens", "ok") if value.is_tighter else Cell("", "muted"),
                Cell(value.origin, "muted"),
            )
            for value in self.values
        )
        beside = "no root" if self.root is None else f"root {self.root.version}"
        notes = () if self.root is not None else (_UNROOTED,)
        table = Table(("value", "in force", "", "from"), rows)
        return View("trust-policy", f"policy {self.file} with {beside}", (table, *notes))


@dataclass(frozen=True, repr=False)
class PolicyExplanation(Result):
    """Why one value is what it is."""

    value: PolicyValue
    root: Root | None

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {**self.value.as_dict(), "rule": self.rule}

    @property
    def rule(self) -> str:
        """What decided, in a sentence."""
        value = self.value
        if value.name == "root":
            return "the root is named here and nowhere else; its digest cannot be tightened"
        if value.root is None and value.policy is None:
            return "neither root nor policy says it, so the default holds"
        if value.root is None:
            return "the root has no say in it, so the policy decides"
        if value.policy is None:
            return "the policy says nothing, so the root decides"
        if value.is_tighter:
            return "the policy asks for more than the root, and may"
        return "the root asks for at least as much, so the policy changes nothing"

    def view(self) -> View:
        """Return both sides, and the rule."""
        value = self.value
        rows = (
            ("in force", _said(value.value)),
            ("from", value.origin),
            ("the root says", _said(value.root) if value.root is not None else "nothing"),
            ("the policy says", _said(value.policy) if value.policy is not None else "nothing"),
        )
        title = f"explain {value.name} -> {_said(value.value)}"
        return View("trust-policy-value", title, (Fields(rows), Note(self.rule)))


@dataclass(frozen=True, repr=False)
class PolicyLint(Result):
    """What is wrong with a policy, and what is worth a thought.

    Attributes:
        file: The policy.
        faults: Errors and warnings, each at its place.
    """

    file: str
    faults: tuple[Fault, ...]

    @property
    def errors(self) -> int:
        """How many are errors."""
        return sum(fault.severity == "error" for fault in self.faults)

    @property
    def exit_code(self) -> int:
        """1 where something is wrong; warnings alone are no reason."""
        return int(self.errors > 0)

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        faults = [fault.as_dict() for fault in self.faults]
        return {"policy": self.file, "ok": not self.errors, "faults": faults}

    def view(self) -> View:
        """Return the faults with their lines."""
        notes = tuple(
            Note("\n".join(fault.lines()), "bad" if fault.severity == "error" else "warn")
            for fault in self.faults
        )
        warnings = len(self.faults) - self.errors
        told = [_many(self.errors, "fault"), _many(warnings, "warning")]
        title = ", ".join(filter(None, told)) or "sound"
        tone = "bad" if self.errors else "warn" if warnings else "ok"
        return View("trust-lint", f"policy {self.file}: {title}", notes, tone=tone)  # type: ignore[arg-type]  # three of the tones


def lint_policy(
    data: bytes, root: Root | None, *, now: datetime, name: str = "trust.toml"
) -> PolicyLint:
    """Return all that is wrong with the policy in *data*, and what is worth a thought.

    Args:
        data: The bytes of the file.
        root: The root beside it, where there is one.
        now: The moment that is meant.
        name: The file as people are shown it.
    """
    try:
        policy = Policy.parse(data, name=name)
    except (ParseError, PolicyError, KeyRefusedError) as error:
        return PolicyLint(name, error.faults)
    faults = [] if root is None else list(policy.faults(root))
    return PolicyLint(name, (*faults, *_thoughts(policy, root, now)))


def _thoughts(policy: Policy, root: Root | None, now: datetime) -> Iterator[Fault]:
    def thought(path: Path, message: str, fix: str) -> Fault:
        return policy.thought(path, message, fix)

    if policy.pin is None:
        yield thought(("root",), "it pins no root", "trust policy pin root.1.json")
    if root is None:
        yield thought((), "without a root only half of it can be checked", "--root root.1.json")
        return
    if policy.pin is not None and policy.pin != root.sha256:
        text = f"root {root.version} is not the pinned one"
        yield thought(("root",), text, "trust root verify says whether it follows from that one")
    for schema, demands in policy.requirements.items():
        row = row_for(root.requirements, schema)
        for key, value in demands.items():
            if row is not None and getattr(row, key) == value:
                path = ("requirements", str(schema), key)
                yield thought(path, f"the root asks for the same {key}", "leave it out")
    if policy.legacy is not None:
        text = "manifests of upstream's form are taken, which no root vouches for"
        yield thought(("legacy",), text, "migrate them: manifest migrate; then remove [legacy]")
        if policy.legacy.unsigned:
            names = ", ".join(sorted(policy.legacy.unsigned))
            text = f"whoever is in between may change what comes of {names}: it needs no signature"
            yield thought(("legacy", "unsigned"), text, "have it signed, and name its keys")
    old = ageing_root(root, now)
    if old is not None:
        yield old


def _values(policy: Policy, root: Root | None) -> Iterator[PolicyValue]:
    by = None if root is None else f"root {root.version}"

    def of(path: Path, value: object, said: object, asked: object) -> PolicyValue:
        name = ".".join(map(str, path))
        place = policy.origin(path)
        if said is not None and said == value and said != asked and place is not None:
            origin = str(place)
        elif asked is not None:
            origin = str(by)
        else:
            origin = "default"
        return PolicyValue(name, value, origin, asked, said)

    pin = None if policy.pin is None else f"sha256:{policy.pin}"
    yield of(("root",), pin, pin, None)
    project = None if root is None else root.project
    yield of(("project",), policy.project or project, policy.project, project)
    channels = list(policy.channels) or None
    yield of(("channels",), channels or "any", channels, None)
    least = [n for n in (policy.min_schema, None if root is None else root.min_schema) if n]
    asked = None if root is None else root.min_schema
    yield of(("min_schema",), max(least, default=1), policy.min_schema, asked)
    skew = None if policy.skew is None else int(policy.skew.total_seconds())
    usual = int(Limits().skew.total_seconds())
    yield of(("skew_seconds",), usual if skew is None else skew, skew, None)
    yield from _demands(policy, root, of)
    if policy.legacy is not None:
        legacy = policy.legacy
        schemas = sorted(legacy.schemas)
        yield of(("legacy", "schemas"), schemas, schemas, None)
        keys = [key.keyid[:16] for key in legacy.keys]
        yield of(("legacy", "keys"), keys, keys, None)
        yield of(("legacy", "threshold"), legacy.threshold, legacy.threshold, None)
        yield of(("legacy", "expiry"), legacy.expiry, legacy.expiry, None)
        days = None if legacy.max_age is None else legacy.max_age.days
        yield of(("legacy", "max_age_days"), days, days, None)
        unsigned = sorted(legacy.unsigned)
        yield of(("legacy", "unsigned"), unsigned, unsigned, None)


def _demands(
    policy: Policy, root: Root | None, of: Callable[[Path, object, object, object], PolicyValue]
) -> Iterator[PolicyValue]:
    table = {} if root is None else root.requirements
    for schema in sorted({*table, *policy.requirements}):
        if root is None:
            for key, value in policy.requirements[schema].items():
                yield of(("requirements", str(schema), key), value, value, None)
            continue
        row, asked = policy.effective(root, schema), row_for(table, schema)
        if row is None or asked is None:
            continue
        # A role that needs more signers than the row asks for is in force as well.
        asked = asked.tightened({"threshold": root.roles["release"].threshold})
        for item in fields(Requirement):
            value = getattr(row, item.name)
            path, said = _said_by(policy, schema, item.name, value)
            found = of(path, value, said, getattr(asked, item.name))
            name = f"requirements.{schema}.{item.name}"
            yield PolicyValue(name, value, found.origin, found.root, said)


def _said_by(policy: Policy, schema: int, key: str, value: object) -> tuple[Path, object]:
    """Return where the policy says *key* for *schema*: a demand holds for later schemas too."""
    steps = [step for step in policy.requirements if step <= schema]
    for step in sorted(steps, reverse=True):
        said = policy.requirements[step].get(key)
        if said is not None and said == value:
            return ("requirements", str(step), key), said
    own = policy.requirements.get(schema, {}).get(key)
    return ("requirements", str(schema), key), own


_SHOWN = len("sha256:") + 16
_UNROOTED = Note("what the root asks for is not known here; give it by --root", "warn")


def _said(value: object) -> str:
    if value is None:
        return "any"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


def _short(text: str) -> str:
    # A digest alone would take the width of a terminal; --json and explain have it whole.
    return f"{text[:_SHOWN]}…" if text.startswith("sha256:") else text


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number > 1)}" if number else ""
