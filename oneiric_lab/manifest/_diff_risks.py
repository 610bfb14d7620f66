"""What a reviewer looks at first: each risk has a code, one sentence, and both places.

The codes are stable; the page `reference/manifest-risks` is made from this table.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from oneiric_lab.registry import parse_version

from ._diff_fields import ABSENT, FieldChange
from ._diff_steps import compared_distributions, is_looser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from oneiric_lab.views import Tone

    from ._diff_match import EntryChange
    from ._manifest import Manifest

    Path = tuple[str | int, ...]
    Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RiskKind:
    """One kind of risk.

    Attributes:
        code: Stable name.
        tone: `bad` where code or trust is at stake, `warn` where behaviour is.
        says: What is so.
        ask: What a reviewer asks.
    """

    code: str
    tone: Tone
    says: str
    ask: str


RISKS: tuple[RiskKind, ...] = (
    RiskKind(
        "artifact-without-step",
        "bad",
        "the bytes of an artifact changed, the version did not",
        "who built it again, and why does one version have two contents?",
    ),
    RiskKind(
        "release-downgrade",
        "bad",
        "the release itself has a lower version, or the same with other entries",
        "clients refuse both: which one was published?",
    ),
    RiskKind(
        "release-line",
        "bad",
        "the project or the channel is another one",
        "are these two releases of one line at all?",
    ),
    RiskKind(
        "downgrade",
        "bad",
        "an entry goes back to a lower version",
        "is a fault that was repaired coming back?",
    ),
    RiskKind(
        "factory-changed",
        "bad",
        "other code builds the component",
        "is the new object the one that was reviewed?",
    ),
    RiskKind(
        "code-changed",
        "bad",
        "the settings model or the health check is other code",
        "both run in the process: were they reviewed?",
    ),
    RiskKind(
        "new-host",
        "bad",
        "an artifact comes from a host that no entry named before",
        "who runs that host?",
    ),
    RiskKind(
        "source-unencrypted",
        "bad",
        "an artifact is fetched over http where it was https before, or is new",
        "who reads along? its digest still protects its bytes",
    ),
    RiskKind(
        "artifact-unpinned",
        "bad",
        "an entry names no artifact any longer, so that no digest fixes its code",
        "which bytes will run?",
    ),
    RiskKind(
        "security-weaker",
        "bad",
        "a capability asks its callers for less: identity, signature, encryption, scopes, audience",
        "who may call it now that could not before?",
    ),
    RiskKind(
        "priority-over-selection",
        "bad",
        "an entry would beat the provider that the configuration selects, if that were not said",
        "should the selection be what keeps it out?",
    ),
    RiskKind(
        "priority-overtakes",
        "bad",
        "an entry now ranks above others of its component that ranked above it",
        "who is meant to win?",
    ),
    RiskKind(
        "winner-by-manifest",
        "bad",
        "a component of this workspace that others provided is provided by the manifest now",
        "was that asked for?",
    ),
    RiskKind(
        "component-lost",
        "bad",
        "nothing provides a component of this workspace any longer",
        "who uses it?",
    ),
    RiskKind(
        "capability-needed",
        "bad",
        "a component of this workspace loses a capability that somebody needs",
        "what will fail?",
    ),
    RiskKind(
        "requirement-unmet",
        "bad",
        "an entry requires a component that the manifest provided before and does not now",
        "who is to provide it?",
    ),
    RiskKind(
        "source-changed",
        "warn",
        "an artifact comes from another host, or from a path instead of one, known before",
        "why did it move?",
    ),
    RiskKind(
        "priority-raised",
        "warn",
        "the priority or the stack level of an entry went up",
        "over whom, in the workspaces that take it?",
    ),
    RiskKind(
        "capability-lost",
        "warn",
        "an entry has a capability no more",
        "who asks for it?",
    ),
    RiskKind(
        "requirement-loosened",
        "warn",
        "an entry takes versions that it refused, or asks for something no more",
        "was it tried with what it now takes?",
    ),
    RiskKind(
        "new-dependency",
        "warn",
        "an entry needs a distribution that it did not need",
        "who publishes it?",
    ),
    RiskKind(
        "secret-required",
        "warn",
        "an entry reveals a secret that it did not",
        "should this code know it?",
    ),
    RiskKind(
        "gate-dropped",
        "warn",
        "a flag gates an entry no more, or another one does",
        "is it ready for everybody?",
    ),
    RiskKind(
        "conflict-dropped",
        "warn",
        "an entry stands beside what it conflicted with",
        "was the conflict solved?",
    ),
    RiskKind(
        "platform-widened",
        "warn",
        "an entry runs on platforms or interpreters that it did not",
        "was it tried there?",
    ),
    RiskKind(
        "less-stable",
        "warn",
        "an entry is less stable than it was, or steps from a release to a pre-release",
        "is that meant for this channel?",
    ),
    RiskKind(
        "repeatable",
        "warn",
        "calls count as free of side effects, and so may be repeated",
        "does a second call change nothing?",
    ),
    RiskKind(
        "health-dropped",
        "warn",
        "no health check is named any longer",
        "how will a bad swap be noticed?",
    ),
    RiskKind(
        "limit-dropped",
        "warn",
        "a step that had a time limit has none",
        "what ends it when it hangs?",
    ),
    RiskKind(
        "owner-changed",
        "warn",
        "somebody else answers for an entry",
        "does the former owner know?",
    ),
    RiskKind(
        "license-changed",
        "warn",
        "the licence is another one",
        "may it still be used?",
    ),
    RiskKind(
        "component-removed",
        "warn",
        "the manifest provides a component no more",
        "who is left without it?",
    ),
)
"""All kinds, in the order in which they are shown: the grave ones stand first."""

KINDS: dict[str, RiskKind] = {kind.code: kind for kind in RISKS}


class Risk(NamedTuple):
    """One thing to look at.

    Attributes:
        code: One of the table.
        target: The component, or empty where it is about the release.
        who: Provider and version, or empty.
        message: One sentence.
        old_at: Path in the old document, None where it says nothing of it; items by name.
        new_at: Path in the new one.
    """

    code: str
    target: str
    who: str
    message: str
    old_at: Path | None = None
    new_at: Path | None = None

    @property
    def kind(self) -> RiskKind:
        """What the code means."""
        return KINDS[self.code]


def ordered(risks: Iterable[Risk]) -> tuple[Risk, ...]:
    """Return *risks* in the order of the table, then of their components, then as they came."""
    found: dict[str, list[Risk]] = {kind.code: [] for kind in RISKS}
    for risk in risks:
        found[risk.code].append(risk)
    return tuple(risk for some in found.values() for risk in sorted(some, key=_TARGET))


_TARGET = attrgetter("target")


class _Known:
    """What the old manifest named anywhere; found out when it is asked for first."""

    def __init__(self, old: Manifest) -> None:
        self._old = old

    @cached_property
    def hosts(self) -> set[str]:
        """Hosts of artifacts."""
        return {_host(e["artifact"]["uri"]) for e in self._old.entries if "artifact" in e}

    @cached_property
    def secrets(self) -> set[str]:
        """Names of secrets."""
        return {name for e in self._old.entries for name in e.get("requires_secrets", ())}

    @property
    def nothing(self) -> bool:
        """Whether it has no entries at all."""
        return not self._old.entries


def risks_of(
    old: Manifest, new: Manifest, header: Sequence[FieldChange], changes: Sequence[EntryChange]
) -> tuple[Risk, ...]:
    """Return what to look at in the changes from *old* to *new*, the gravest first."""
    found = [*_of_release(old, new, header, changes), *_of_components(old, new, changes)]
    known, checks = _Known(old), _CHECKS.get
    for change in changes:
        if change.kind == "added":
            found += _of_added(change, known)
            continue
        artifact = False
        for field in change.fields:
            head = field.path[0]
            check = checks(head)
            if check is not None:
                found += check(change, field)
            elif head == "artifact" and not artifact:
                artifact = True
                found += _of_artifact(change, known)
    return ordered(found)


def _risk(code: str, change: EntryChange, message: str, at: FieldChange | Path = ()) -> Risk:
    path = at.path if isinstance(at, FieldChange) else at
    old, new = change.old_index, change.new_index
    entry = change.entry
    return Risk(
        code,
        _target(entry),
        f"{entry['provider']} {entry['version']}",
        message,
        None if old is None else ("entries", old, *path),
        None if new is None else ("entries", new, *path),
    )


# --- the release ---------------------------------------------------------------------------


def _of_release(
    old: Manifest, new: Manifest, header: Sequence[FieldChange], changes: Sequence[EntryChange]
) -> Iterator[Risk]:
    for name in ("project", "channel"):
        a, b = getattr(old, name), getattr(new, name)
        if a != b:
            yield Risk("release-line", "", "", f"the {name} {a} is {b}", (name,), (name,))
    if old.source_name != new.source_name:
        return
    at = ("version",)
    if new.version < old.version:
        said = f"version {old.version} goes back to {new.version}: clients refuse it"
        yield Risk("release-downgrade", "", "", said, at, at)
    elif new.version == old.version and (header or changes):
        said = f"version {new.version} has two contents: clients take it for forged"
        yield Risk("release-downgrade", "", "", said, at, at)


# --- components ----------------------------------------------------------------------------


def _of_components(old: Manifest, new: Manifest, changes: Sequence[EntryChange]) -> Iterator[Risk]:
    raised = [c for c in changes if c.new is not None and _is_raised(c.old, c.new)]
    asked = {c.target for c in raised}
    before, after = (_by_target(m, asked) if asked else {} for m in (old, new))
    passing = {name: _Passing(before.get(name, ()), after[name]) for name in asked}
    for change in raised:
        yield from _of_rank(change, passing[change.target])
    left = {*map(_COMPONENT, new.entries)}
    lost = {f"{d}:{key}" for d, key in {*map(_COMPONENT, old.entries)} - left}
    if not lost:
        return
    told: set[str] = set()
    for change in changes:
        target = "" if change.old is None else _target(change.old)
        if target in lost and target not in told:
            told.add(target)
            moved = f": it is {change.target} now" if change.kind == "moved" else ""
            said = f"nothing in the manifest provides {target} any longer{moved}"
            yield _risk("component-removed", change, said)._replace(target=target)
    for number, entry in enumerate(new.entries):
        for target in entry.get("requires", ()):
            if target in lost:
                yield Risk(
                    "requirement-unmet",
                    _target(entry),
                    f"{entry['provider']} {entry['version']}",
                    f"it requires {target}, which the manifest provides no more",
                    None,
                    ("entries", number, "requires", target),
                )


_COMPONENT = itemgetter("domain", "key")


def _target(entry: Entry) -> str:
    return f"{entry['domain']}:{entry['key']}"


def _by_target(manifest: Manifest, asked: set[str]) -> dict[str, list[Entry]]:
    out: dict[str, list[Entry]] = {}
    for entry in manifest.entries:
        target = _target(entry)
        if target in asked:
            out.setdefault(target, []).append(entry)
    return out


_Rank = tuple[int, int]
"""Priority and stack level."""


def _rank(entry: Entry) -> _Rank:
    return entry.get("priority", 0), entry.get("stack_level", 0)


def _is_raised(old: Entry | None, new: Entry) -> bool:
    return old is None or _rank(old) < _rank(new)


class _Passing:
    """Which entries of one component another one passes that is new, or that was raised.

    Those that stood at or above it in the old manifest, and stand below it in the new one. Asked
    for many entries of one component, a look goes over those between the two ranks only.
    """

    def __init__(self, before: Sequence[Entry], after: Sequence[Entry]) -> None:
        self._after: dict[str, list[tuple[int, Entry]]] = {}
        for place, entry in enumerate(after):
            self._after.setdefault(entry["provider"], []).append((place, entry))
        self._before: dict[str, list[_Rank]] = {}
        for entry in before:
            if entry["provider"] in self._after:
                self._before.setdefault(entry["provider"], []).append(_rank(entry))
        stays = ((rank, one) for one, ranks in self._before.items() for rank in ranks)
        self._sorted = sorted(stays)
        self._known: dict[tuple[_Rank | None, _Rank], tuple[list[Entry], Counter[str]]] = {}

    def passed(self, was: _Rank | None, rank: _Rank, provider: str) -> tuple[Entry | None, int]:
        """Return the first one in the new manifest, and how many there are."""
        known = self._known.get((was, rank))
        if known is None:
            found = [entry for _, entry in sorted(self._found(was, rank), key=itemgetter(0))]
            known = self._known[was, rank] = found, Counter(one["provider"] for one in found)
        found, many = known
        first = next((entry for entry in found if entry["provider"] != provider), None)
        return first, len(found) - many[provider]

    def _found(self, was: _Rank | None, rank: _Rank) -> Iterator[tuple[int, Entry]]:
        low = 0 if was is None else bisect_left(self._sorted, (was, ""))
        between = self._sorted[low : bisect_left(self._sorted, (rank, ""))]
        for provider in {one for _, one in between}:
            ranks = self._before[provider]
            # Of one that was there several times the last counts that was not below.
            if next(one for one in reversed(ranks) if was is None or one >= was) < rank:
                yield from (one for one in self._after[provider] if _rank(one[1]) < rank)


def _of_rank(change: EntryChange, passing: _Passing) -> Iterator[Risk]:
    """Tell of an entry that ranks above others by its numbers: a new one, or one that was raised.

    What wins by its version only steps forward, as releases do.
    """
    was, now = change.old, change.entry
    rank = _rank(now)
    name = "stack_level" if was is not None and rank[0] == _rank(was)[0] else "priority"
    first, many = passing.passed(None if was is None else _rank(was), rank, now["provider"])
    words = name.replace("_", " ")
    number = now.get(name, 0)
    if first is not None:
        named = f"{first['provider']} {first['version']}"
        more = f" and {many - 1} more" if many > 1 else ""
        come = "it is new, and" if was is None else f"its {words} went from {was.get(name, 0)}, and"
        said = f"{come} with {words} {number} it ranks above {named}{more}"
        yield _risk("priority-overtakes", change, said, (name,))
    elif was is not None:
        said = f"its {words} went from {was.get(name, 0)} to {number}"
        yield _risk("priority-raised", change, said, (name,))


# --- entries that are new ------------------------------------------------------------------


def _of_added(change: EntryChange, known: _Known) -> Iterator[Risk]:
    uri = change.entry.get("artifact", {}).get("uri")
    if uri is not None:
        host = _host(uri)
        if host and not known.nothing and host not in known.hosts:
            said = f"its artifact comes from {host}, which no entry named before"
            yield _risk("new-host", change, said, ("artifact", "uri"))
        if uri[:5].lower() == "http:":
            said = f"its artifact is fetched from {host} without encryption"
            yield _risk("source-unencrypted", change, said, ("artifact", "uri"))
    for name in change.entry.get("requires_secrets", ()):
        if name not in known.secrets:
            said = f"it is new, and reveals the secret {name}"
            yield _risk("secret-required", change, said, ("requires_secrets",))


# --- artifacts -----------------------------------------------------------------------------


def _host(uri: str) -> str:
    """Return host and port of an address, nothing for a path below the manifest."""
    scheme, found, rest = uri.partition("://")
    if not found:
        return ""
    host = rest.partition("/")[0].partition("?")[0].partition("#")[0].lower()
    return host.removesuffix(":443" if scheme.lower() == "https" else ":80")


def _of_artifact(change: EntryChange, known: _Known) -> Iterator[Risk]:
    assert change.old is not None and change.new is not None  # noqa: S101, PT018 - it changed
    was, now = change.old.get("artifact"), change.new.get("artifact")
    at = ("artifact",)
    if now is None:
        said = "it names no artifact any longer: no digest fixes its code"
        yield _risk("artifact-unpinned", change, said, at)
        return
    if was is not None and change.step == "same":
        for name, words in (("sha256", "digest"), ("size", "size")):
            if was[name] != now[name]:
                version = change.new["version"]
                said = f"its artifact has another {words}, and is still version {version}"
                yield _risk("artifact-without-step", change, said, (*at, name))
                break
    if was is not None and was["uri"] == now["uri"]:
        return
    host, former = _host(now["uri"]), "" if was is None else _host(was["uri"])
    if host and host != former and host not in known.hosts:
        said = f"its artifact comes from {host}, which no entry named before"
        yield _risk("new-host", change, said, (*at, "uri"))
    elif was is not None and host != former:
        said = (
            f"its artifact comes from {host or 'beside the manifest'}, before {former or 'there'}"
        )
        yield _risk("source-changed", change, said, (*at, "uri"))
    unencrypted = now["uri"][:5].lower() == "http:"
    if unencrypted and (was is None or was["uri"][:5].lower() != "http:"):
        said = f"its artifact is fetched from {host} without encryption"
        yield _risk("source-unencrypted", change, said, (*at, "uri"))


# --- one value -----------------------------------------------------------------------------


def _words(value: object) -> str:
    return "nothing" if value is ABSENT else str(value)


def _of_factory(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    said = f"{field.new} builds it, before {field.old}"
    yield _risk("factory-changed", change, said, field)


def _of_code(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    what = "settings model" if field.path[0] == "settings_model" else "health check"
    if field.new is not ABSENT:
        said = f"its {what} is {field.new}, before {_words(field.old)}"
        yield _risk("code-changed", change, said, field)
    elif what == "health check":
        yield _risk("health-dropped", change, f"its health check {field.old} is gone", field)


def _of_version(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    if change.step == "downgrade":
        yield _risk("downgrade", change, f"{field.old} goes back to {field.new}", field)
    elif parse_version(field.new).is_prerelease and not parse_version(field.old).is_prerelease:
        said = f"{field.old} was a release, {field.new} is none yet"
        yield _risk("less-stable", change, said, field)


def _of_capabilities(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    if field.kind == "order":
        return
    if len(field.path) == 1:
        # The whole list came or went, or its names say nothing.
        had = [c["name"] for c in field.old or ()]
        has = {c["name"] for c in field.new or ()}
        for name in dict.fromkeys(had):
            if name not in has:
                yield _risk("capability-lost", change, f"it has no `{name}` any longer", field)
        return
    name = field.path[1]
    if len(field.path) == 2:  # noqa: PLR2004 - capabilities, NAME
        if field.new is ABSENT:
            yield _risk("capability-lost", change, f"it has no `{name}` any longer", field)
        return
    if field.path[2] == "security":
        yield from _of_security(change, field, str(name))


def _of_security(change: EntryChange, field: FieldChange, name: str) -> Iterator[Risk]:
    if len(field.path) > 3:  # noqa: PLR2004 - capabilities, NAME, security, and one name of it
        inner = str(field.path[3])
        pairs = [(inner, field.old, field.new)] if inner in _WEAKER else []
    else:
        was, now = ({} if side is ABSENT else side for side in (field.old, field.new))
        pairs = [(inner, was.get(inner, ABSENT), now.get(inner, ABSENT)) for inner in _WEAKER]
    for inner, old, new in pairs:
        said = _WEAKER[inner](inner, old, new)
        if said:
            yield _risk("security-weaker", change, f"`{name}` {said}", field)


def _drops(inner: str, old: Any, new: Any) -> str:
    usual = inner == "auth_required"  # what holds where nobody says
    was, now = (usual if value is ABSENT else value for value in (old, new))
    return f"has {inner} no more" if was and not now else ""


def _differs(inner: str, old: Any, new: Any) -> str:
    if old is ABSENT or old == new:
        return ""
    return f"has the {inner} {_words(new)}, before {old}"


def _asks_less(_inner: str, old: Any, new: Any) -> str:
    gone = [item for item in old or () if item not in (new or ())]
    return f"asks for the scope {', '.join(map(str, gone))} no more" if gone else ""


def _opens(_inner: str, old: Any, new: Any) -> str:
    wider = [item for item in new or () if item not in (old or ())]
    if not old or (new and not wider):
        return ""
    return f"is for {', '.join(map(str, wider)) or 'anybody'} too"


_WEAKER: dict[str, Callable[[str, Any, Any], str]] = {
    "auth_required": _drops,
    "signature_required": _drops,
    "encryption": _differs,
    "classification": _differs,
    "scopes": _asks_less,
    "audience": _opens,
}
"""Name of a demand of a capability to what tells how it became weaker, in words or not at all."""


def _part(value: Any, field: FieldChange, *, whole: bool) -> dict[str, Any]:
    """Return *value* as the table that it is, or that its name stands in."""
    if value is ABSENT:
        return {}
    return value if whole else {str(field.path[-1]): value}


def _of_requires(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    whole = len(field.path) == 1
    now = _part(field.new, field, whole=whole)
    for target, wanted in _part(field.old, field, whole=whole).items():
        given = now.get(target, ABSENT)
        if given is ABSENT:
            said = f"it requires {target} no more"
            yield _risk("requirement-loosened", change, said, field)
        elif is_looser(wanted, given):
            said = f"it takes {target} {given or 'of any version'}, before {wanted}"
            yield _risk("requirement-loosened", change, said, field)


def _of_distributions(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    looser, fresh = compared_distributions(tuple(field.old or ()), tuple(field.new or ()))
    for name, was, now in looser:
        said = f"it takes {now}, before {was}" if now else f"it needs {name} no more"
        yield _risk("requirement-loosened", change, said, field)
    for name in fresh:
        yield _risk("new-dependency", change, f"it needs the distribution {name}", field)


def _of_python(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    old, new = field.old or "", field.new or ""
    if is_looser(old, new):
        said = f"it takes Python {new or 'of any version'}, before {old}"
        yield _risk("platform-widened", change, said, field)


def _of_platform(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    if not field.old:  # it ran on all of them
        return
    if not field.new:
        yield _risk("platform-widened", change, "it runs on every platform", field)
    elif field.come:
        yield _risk("platform-widened", change, f"it runs on {', '.join(field.come)}, too", field)


def _of_rivals(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    for item in field.gone:
        said = f"it conflicts with {item} no more"
        yield _risk("conflict-dropped", change, said, field)


def _of_secrets(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    for name in field.come:
        yield _risk("secret-required", change, f"it reveals the secret {name}", field)


def _of_gate(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    if field.old is not ABSENT:
        by = "no flag" if field.new is ABSENT else f"the flag {field.new}"
        yield _risk("gate-dropped", change, f"{by} gates it, before {field.old}", field)


_STABLE = {"stable": 2, "beta": 1, "experimental": 0}


def _of_stability(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    old, new = field.old or "stable", field.new or "stable"
    if _STABLE[new] < _STABLE[old]:
        yield _risk("less-stable", change, f"it is {new}, before {old}", field)


def _of_repeats(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    if field.new is True:
        said = "its calls count as free of side effects, and may be repeated"
        yield _risk("repeatable", change, said, field)


def _of_limits(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    whole = len(field.path) == 1
    now = _part(field.new, field, whole=whole)
    for name, seconds in _part(field.old, field, whole=whole).items():
        if seconds and now.get(name, ABSENT) == 0:
            said = f"its {name} has no limit, before {seconds} s"
            yield _risk("limit-dropped", change, said, field)


def _of_owner(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    if field.old is not ABSENT:
        said = (
            f"{'nobody' if field.new is ABSENT else field.new} answers for it, before {field.old}"
        )
        yield _risk("owner-changed", change, said, field)


def _of_licence(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    if field.old is not ABSENT:
        said = f"its licence is {_words(field.new)}, before {field.old}"
        yield _risk("license-changed", change, said, field)


_CHECKS: dict[str | int, Callable[[EntryChange, FieldChange], Iterator[Risk]]] = {
    "factory": _of_factory,
    "settings_model": _of_code,
    "health": _of_code,
    "version": _of_version,
    "capabilities": _of_capabilities,
    "requires": _of_requires,
    "requires_dist": _of_distributions,
    "python_version": _of_python,
    "os_platform": _of_platform,
    "conflicts_with": _of_rivals,
    "requires_secrets": _of_secrets,
    "enabled_by": _of_gate,
    "stability": _of_stability,
    "side_effect_free": _of_repeats,
    "timeouts": _of_limits,
    "owner": _of_owner,
    "license": _of_licence,
}
"""Name of a field of an entry to what tells the risks of its change."""
