"""What a reviewer looks at first: each risk has a code, one sentence, and both places.

The codes are stable; the page `reference/manifest-risks` is made from this table. What finds
them: `_diff_entry_risks` in releases and whole entries, `_diff_rank_risks` between entries,
`_diff_value_risks` in one value.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oneiric_lab.views import Tone

    from ._diff_match import EntryChange

    Path = tuple[str | int, ...]

_TARGET = attrgetter("target")


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


# What calling the class does, in half the time.
_made = tuple.__new__


def risk(code: str, change: EntryChange, message: str, path: Path) -> Risk:
    """Return what is to be looked at in an entry, at *path* below it."""
    entry, old, new = change.entry, change.old_index, change.new_index
    at = ("entries", new, *path)
    return _made(
        Risk,
        (
            code,
            f"{entry['domain']}:{entry['key']}",
            f"{entry['provider']} {entry['version']}",
            message,
            at if old == new else None if old is None else ("entries", old, *path),
            None if new is None else at,
        ),
    )
