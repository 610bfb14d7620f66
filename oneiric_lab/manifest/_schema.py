"""Schema 3, as types: what a manifest says, and what each part of it may be.

Everything is a plain dictionary, so that what is validated, compared and signed is one and
the same; the types tell checkers and pydantic what stands in it. This module is the one
truth: validation, unknown names, the JSON Schema and the pages come from it.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal, Required

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter

# Up to Python 3.11 pydantic asks for this TypedDict, and brings it.
from typing_extensions import TypedDict

from oneiric_lab.canonical import SAFE_INTEGER
from oneiric_lab.registry import LEVELS, PRIORITIES

from ._checks import CHECKS

SCHEMA = 3

_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]*"
_DOTTED = rf"{_IDENTIFIER}(\.{_IDENTIFIER})*"
PATTERNS: dict[str, tuple[str, str]] = {
    r"^[A-Za-z0-9_.-]{1,200}$": (
        "a name",
        "use ASCII letters, digits, `_`, `-` and `.`; at most 200",
    ),
    rf"^{_DOTTED}:{_DOTTED}$": ("`module:attr`", "write it as package.module:name"),
    r"^[0-9a-f]{64}$": ("64 hex digits (0-9a-f)", "sha256sum FILE prints them; pack fills them in"),
}
"""Pattern to what it takes, in words, and what helps."""
_NAME, _OBJECT, _SHA256 = PATTERNS


# pydantic gives each text its format in the JSON Schema, and asks the check of that name.
_VERSION, _SPECIFIERS, _DISTRIBUTION, _COMPONENT, _RIVAL, _PLATFORM, _LICENCE, _WEB, _ARTIFACT = (
    (AfterValidator(check), Field(json_schema_extra={"format": name}))
    for name, check in CHECKS.items()
)

Name = Annotated[str, StringConstraints(pattern=_NAME)]
Object = Annotated[str, StringConstraints(pattern=_OBJECT)]
Sha256 = Annotated[str, StringConstraints(pattern=_SHA256)]
Text = Annotated[str, StringConstraints(min_length=1)]
Seconds = Annotated[float, Field(ge=0, le=31_536_000, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=SAFE_INTEGER)]
Size = Annotated[int, Field(ge=0, le=SAFE_INTEGER)]
Version = Annotated[str, *_VERSION]
Specifiers = Annotated[str, *_SPECIFIERS]
Requirement = Annotated[str, *_DISTRIBUTION]
Component = Annotated[str, *_COMPONENT]
Rival = Annotated[str, *_RIVAL]
Platform = Annotated[str, *_PLATFORM]
Licence = Annotated[str, *_LICENCE]
Address = Annotated[str, *_WEB]
ArtifactAddress = Annotated[str, *_ARTIFACT]
Domain = Literal["adapter", "service", "task", "event", "workflow", "action", "flag"]


class Shape(TypedDict, total=False):
    """What every part has in common: its names are known, or begin with `x-`."""


class Artifact(Shape, total=False):
    """The file that holds a component."""

    uri: Required[ArtifactAddress]
    """Where it is fetched: https or http, or a path below the manifest."""
    sha256: Required[Sha256]
    """Digest of its bytes."""
    size: Required[Size]
    """How many bytes it has."""


class Security(Shape, total=False):
    """What a capability asks of those who use it."""

    classification: Text
    """How its data are classified."""
    auth_required: bool
    """Whether a caller must be known; yes where nobody says."""
    scopes: list[Text]
    """What a caller must be allowed."""
    encryption: Text
    """How its data are encrypted."""
    signature_required: bool
    """Whether requests are signed; no where nobody says."""
    audience: list[Text]
    """Whom it is for."""
    notes: Text
    """Anything else that people should know."""


class Capability(Shape, total=False):
    """One thing that a component can do."""

    name: Required[Name]
    """What `need` and `prefer` ask for."""
    description: Text
    """One sentence."""
    event_types: list[Text]
    """Events that it takes or sends."""
    payload_schema: dict[str, Any] | Text
    """Schema of its payload, or where it stands."""
    schema_format: Text
    """What kind of schema that is, such as `json-schema`."""
    security: Security
    """What it asks of those who use it."""
    metadata: dict[str, Any]
    """Anything else."""


class Timeouts(Shape, total=False):
    """How long each step may take, in seconds; 0 is no limit."""

    build: Seconds
    """Of the factory."""
    health: Seconds
    """Of a health check."""
    hook: Seconds
    """Of each hook."""
    cleanup: Seconds
    """Of closing an instance."""
    drain: Seconds
    """Until a drain counts as stalled."""
    call: Seconds
    """Of one call of an action, a task or a handler."""


class RetryPolicy(Shape, total=False):
    """How often a call is tried, and how long is waited between."""

    attempts: Annotated[int, Field(ge=1, le=1000)]
    """In all, the first included."""
    base_delay: Seconds
    """Before the second attempt; it doubles from there."""
    max_delay: Seconds
    """The longest wait."""
    jitter: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    """The part of a wait that is drawn by lot."""


class EventFilter(Shape, total=False):
    """Which events a handler takes, by one value of theirs."""

    path: Required[Text]
    """Dotted path into the event, such as `payload.order.total`."""
    equals: Any
    """The value that it must have."""
    any_of: list[Any]
    """The values of which it must have one."""
    exists: bool
    """Whether it must be there."""


class Event(Shape, total=False):
    """What a handler listens to."""

    topics: list[Text]
    """Names of events."""
    max_concurrency: Count
    """How many it handles at a time."""
    filters: list[EventFilter]
    """All must hold."""
    priority: Annotated[int, Field(ge=PRIORITIES[0], le=PRIORITIES[-1])]
    """Among handlers of one event; the higher goes first."""
    fanout_policy: Literal["broadcast", "exclusive"]
    """Whether all handlers get an event, or the first one only."""


class DagNode(Shape, total=False):
    """One step of a workflow."""

    id: Required[Name]
    """Its name within the workflow."""
    task: Required[Name]
    """Key of the task that does it."""
    depends_on: list[Name]
    """Steps that come before."""
    payload: dict[str, Any]
    """What the task is given."""
    retry_policy: RetryPolicy
    """How often it is tried."""
    timeout: Seconds
    """How long it may take."""


class Dag(Shape, total=False):
    """The steps of a workflow, and which come before which."""

    nodes: Required[Annotated[list[DagNode], Field(min_length=1)]]
    """In any order."""
    queue: Name
    """Key of the queue that its steps wait in."""


class ManifestEntry(Shape, total=False):
    """One candidate from elsewhere."""

    domain: Required[Domain]
    """One of the seven domains."""
    key: Required[Name]
    """Name of the component within its domain."""
    provider: Required[Name]
    """Name of this way to provide it."""
    version: Required[Version]
    """Of this candidate, PEP 440."""
    factory: Required[Object]
    """What builds it."""
    summary: Text
    """One sentence for people."""
    artifact: Artifact
    """The file that holds it."""
    priority: Annotated[int, Field(ge=PRIORITIES[0], le=PRIORITIES[-1])]
    """The higher wins; what the stack order infers, or 0, where nobody says."""
    stack_level: Annotated[int, Field(ge=LEVELS[0], le=LEVELS[-1])]
    """The higher wins among equal priorities; 0 where nobody says."""
    capabilities: list[Capability]
    """What it can do."""
    owner: Text
    """Who answers for it."""
    requires_secrets: list[Name]
    """Names of the secrets that it reveals."""
    settings_model: Object
    """The pydantic model of its settings."""
    health: Object
    """What tells of an instance whether it is well."""
    lifetime: Literal["app", "transient"]
    """One instance for all, or one for each lease."""
    blocking: bool
    """Whether its factory blocks, and so runs in a thread."""
    timeouts: Timeouts
    """How long each step may take."""
    retry_policy: RetryPolicy
    """How often a call is tried."""
    side_effect_free: bool
    """Whether a call changes nothing, and so may be repeated."""
    requires: dict[Component, Specifiers]
    """Components that it needs, with their versions."""
    requires_dist: list[Requirement]
    """Distributions that it needs, PEP 508."""
    conflicts_with: list[Rival]
    """Components or distributions that it cannot stand beside."""
    python_version: Specifiers
    """Versions of the interpreter that it runs on, PEP 440."""
    os_platform: list[Platform]
    """Platforms that it runs on, as `sys.platform` names them."""
    stability: Literal["stable", "beta", "experimental"]
    """An experimental one wins only where it is selected."""
    enabled_by: Name
    """The flag that must be on."""
    license: Licence
    """SPDX expression."""
    documentation_url: Address
    """Where it is documented."""
    event: Event
    """What it listens to; in the domain `event` only."""
    dag: Dag
    """Its steps; in the domain `workflow` only."""
    metadata: dict[str, Any]
    """Anything else."""


class ManifestDocument(Shape, total=False):
    """A manifest of schema 3."""

    schema: Required[Literal[3]]
    """3."""
    project: Required[Name]
    """Whose components they are."""
    channel: Required[Name]
    """The line of releases, such as `stable`."""
    version: Required[Count]
    """Of this manifest: a number that only grows."""
    entries: Required[list[ManifestEntry]]
    """The candidates."""


PARTS: dict[type, dict[str, type]] = {
    ManifestDocument: {"entries": ManifestEntry},
    ManifestEntry: {
        "artifact": Artifact,
        "capabilities": Capability,
        "timeouts": Timeouts,
        "retry_policy": RetryPolicy,
        "event": Event,
        "dag": Dag,
    },
    Capability: {"security": Security},
    Event: {"filters": EventFilter},
    Dag: {"nodes": DagNode},
    DagNode: {"retry_policy": RetryPolicy},
}
"""Shape to the names below which another one stands, alone or in a list."""


@cache
def adapter(shape: type = ManifestDocument) -> TypeAdapter[Any]:
    """Return what validates a manifest, or one shape of it; built once, in about 50 ms."""
    return TypeAdapter(shape)
