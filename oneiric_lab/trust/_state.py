"""What a client remembers, so that nobody can take it back to yesterday.

A state is one canonical JSON object. It holds what was verified last, as it was signed:

    {"anchor":"9f3c…","channels":{"stable":{"payload":"eyJf…",…}},"checkpoint":null,
     "legacy":{"vendor":{"schema":2,"sha256":"…","signed_at":"2026-01-01T00:00:00Z"}},
     "revocations":{…} or null,"root":{…} or null,
     "time":"2026-02-01T12:00:00Z","type":"oneiric-trust-state/v1"}

- `anchor` is the digest of the root with which it began, `root` the newest one since.
- `channels` has the envelope of the last trusted release of each channel: its order is
  (epoch, version), and it is one half of the evidence when another release claims its place.
- `revocations` is the newest list, `time` the latest moment at which something was verified.
- `checkpoint` is the place of the log's, and null; `legacy` is what was read of upstream's.

`advance` is the only way forward and there is no way back: of what stands in a state and what
a report brings, the later is kept, whoever comes first. The state is the client's own; it is
not signed, and who may write it may forget.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from oneiric_lab import canonical
from oneiric_lab.views import Fields, Result, Table, View

from ._dsse import Envelope
from ._limits import Limits
from ._revocation import Revocations
from ._root import Root
from ._statement import Statement, statement_of
from ._tree import Members, document, is_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_TYPE = "oneiric-trust-state/v1"
_LIMITS = Limits()
_CHANNELS = 1024


@dataclass(frozen=True, slots=True)
class LegacySeen:
    """The last manifest of upstream's form that was trusted of one source."""

    schema: int
    sha256: str
    signed_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReleaseSeen:
    """The last trusted release of a channel: what was said, and by which envelope."""

    statement: Statement
    envelope: Envelope

    @property
    def order(self) -> tuple[int, int]:
        """Epoch and version."""
        return self.statement.epoch, self.statement.version


@dataclass(frozen=True, repr=False)
class State(Result):
    """What was verified last; an empty one remembers nothing.

    Attributes:
        anchor: Digest of the root with which it began.
        root: The newest root.
        channels: Channel to its last release.
        revocations: The newest list.
        time: The latest moment at which something was verified.
        legacy: Source to its last manifest of upstream's form.
    """

    anchor: str | None = None
    root: Root | None = None
    channels: Mapping[str, ReleaseSeen] = field(default_factory=dict)
    revocations: Revocations | None = None
    time: datetime | None = None
    legacy: Mapping[str, LegacySeen] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: bytes, *, limits: Limits = _LIMITS) -> State:
        """Return the state in *data*.

        Raises:
            DocumentRefusedError: It is no canonical state, or its parts are none of theirs.
        """
        tree = document(data, what="a trust state", limit=limits.bundle_bytes)
        tree.constant("type", _TYPE)
        tree.constant("checkpoint", None)
        anchor = tree.optional_sha256("anchor")
        rooted = tree.optional_object("root")
        listed = tree.optional_object("revocations")
        if (anchor is None) != (rooted is None):
            tree.fail("anchor and root belong together", "anchor")
        state = cls(
            anchor=anchor,
            root=None
            if rooted is None
            else Root.parse(Envelope.from_members(rooted, limits), limits=limits),
            channels=_read_channels(tree.object("channels"), limits),
            revocations=None
            if listed is None
            else Revocations.parse(
                Envelope.from_members(listed, limits, limits.revocation_bytes), limits=limits
            ),
            time=tree.optional_time("time"),
            legacy=_read_legacy(tree.object("legacy")),
        )
        tree.done()
        return state

    def encode(self) -> bytes:
        """Return the bytes of the file."""
        return canonical.encode(self.as_dict())

    @property
    def highest_schema(self) -> int:
        """The highest schema that was trusted in any channel; 0 for none."""
        return max((seen.statement.schema for seen in self.channels.values()), default=0)

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape, which is that of the file."""
        return {
            "type": _TYPE,
            "anchor": self.anchor,
            "root": None if self.root is None else self.root.envelope.tree(),
            "channels": {name: seen.envelope.tree() for name, seen in self.channels.items()},
            "revocations": None if self.revocations is None else self.revocations.envelope.tree(),
            "time": None if self.time is None else canonical.utc_text(self.time),
            "checkpoint": None,
            "legacy": {
                source: {
                    "schema": seen.schema,
                    "sha256": seen.sha256,
                    "signed_at": None
                    if seen.signed_at is None
                    else canonical.utc_text(seen.signed_at),
                }
                for source, seen in self.legacy.items()
            },
        }

    def view(self) -> View:
        """Return what below nothing will be accepted."""
        root, listed = self.root, self.revocations
        rows = tuple(
            (
                name,
                seen.statement.schema,
                f"{seen.statement.epoch}.{seen.statement.version}",
                seen.statement.sha256[:16],
            )
            for name, seen in self.channels.items()
        )
        old = tuple(
            (source, seen.schema, "-", seen.sha256[:16]) for source, seen in self.legacy.items()
        )
        fields = (
            ("root", "none" if root is None else f"{root.version} of {root.project}"),
            ("began with", self.anchor or "nothing"),
            ("revocations", "none" if listed is None else f"number {listed.number}"),
            ("last time", "none" if self.time is None else canonical.utc_text(self.time)),
        )
        title = "nothing was trusted yet" if root is None and not old else "what was trusted last"
        return View(
            "trust-state",
            f"state: {title}",
            (
                Fields(fields),
                Table(("channel", "schema", "epoch.version", "sha256"), (*rows, *old)),
            ),
        )


def _read_channels(tree: Members, limits: Limits) -> dict[str, ReleaseSeen]:
    out: dict[str, ReleaseSeen] = {}
    for name in tree.all():
        if not is_name(name) or len(out) >= _CHANNELS:
            tree.refuse(name, "a channel's name", name)
        envelope = Envelope.from_members(tree.object(name), limits)
        statement = statement_of(envelope, limits=limits)
        if statement.channel != name:
            tree.fail(f"it is a release of channel {statement.channel}", name)
        out[name] = ReleaseSeen(statement, envelope)
    return out


def _read_legacy(tree: Members) -> dict[str, LegacySeen]:
    out = {}
    for source in tree.all():
        item = tree.object(source)
        out[source] = LegacySeen(
            item.integer("schema", least=1), item.sha256("sha256"), item.optional_time("signed_at")
        )
        item.done()
    return out
