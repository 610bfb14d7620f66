"""The built-in tables, as lab.settings: upstream's names and defaults, and ours.

Names and defaults are those of the public project's settings, so that its files load.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ._schema import Merge
from ._secrets import Secret  # noqa: TC001 - pydantic reads the annotations
from ._texts import Described

_Seconds = Annotated[float, Field(ge=0)]


class _Table(Described, BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class App(_Table):
    """Who this is."""

    name: str = "oneiric"
    environment: str = "dev"
    debug: bool = False


class Domain(_Table):
    """What configuration says of one domain's components."""

    selections: dict[str, str] = {}
    """Key to the provider that shall win."""
    provider_settings: dict[str, dict[str, Any]] = {}
    """Provider to its settings."""
    settings: dict[str, dict[str, Any]] = {}
    """Key to settings, above those of the provider."""
    options: dict[str, Any] = {}
    constraints: dict[str, str] = {}
    """Key to the versions that may win, as PEP 440 specifiers."""


class Schedule(_Table):
    """When a workflow is begun by the clock."""

    workflow: str
    """Key of the workflow."""
    cron: str
    """Minute, hour, day of the month, month, day of the week: `0 3 * * *`."""
    timezone: str | None = None
    """Such as `Europe/Berlin`; UTC by default."""
    payload: dict[str, Any] = {}
    """What each run is given."""
    catch_up: bool = True
    """Whether a host that begins makes up for the last moment at which none was there."""


class Workflows(Domain):
    """What configuration says of workflows, and of how they run."""

    dags: dict[str, dict[str, Any]] = {}
    """Key to the nodes of a workflow: `nodes`, each with an `id` and a `task`."""
    schedules: dict[str, Schedule] = {}
    """Name to what is begun when."""
    database_url: Secret[str] | None = None
    """Postgres that several machines share; a SQLite file of the workspace by default."""
    code_changed: Literal["refuse", "accept"] = "refuse"
    """Whether a run that was interrupted goes on by itself with other code than it began with."""
    runs_at_a_time: Annotated[int, Field(ge=1)] = 16
    """Runs from the queue that go on at a time in one process."""
    nodes_at_a_time: Annotated[int, Field(ge=1)] = 64
    """Nodes of one run that go on at a time."""
    max_bytes: Annotated[int, Field(ge=1)] = 1_048_576
    """Of one payload or result, as JSON."""


class Secrets(_Table):
    """Where secrets come from."""

    domain: str = "adapter"
    key: str = "secrets"
    provider: str | None = None
    """Provider of the component `domain:key` that is asked for what is found nowhere else."""
    inline: dict[str, Secret[str]] = {}
    cache_ttl_seconds: _Seconds = 600
    """Seconds that what a provider elsewhere gave is kept; files are looked at each time."""
    refresh_interval: Annotated[float, Field(ge=1)] | None = None
    """Seconds between two questions for rotated ones in a process that watches; by default the
    same as `cache_ttl_seconds`."""
    directory: str = "secrets"
    """Folder with one file a secret, relative to the workspace."""
    file: str | None = None
    """File of `NAME=value` lines, relative to the workspace, for what no folder has."""
    max_age_seconds: _Seconds = 3600
    """Seconds that the last value serves while its provider is down; then none does."""
    overlap_seconds: _Seconds = 300
    """Seconds that a rotated value serves who still drains, once nothing new uses it."""


class RemoteAuth(_Table):
    """Credentials of the manifest's source."""

    header_name: str = "Authorization"
    secret_id: str | None = None
    token: Secret[str] | None = None


class RemoteSource(_Table):
    """One place that manifests come from."""

    url: str
    """Of the manifest, `NAME.oneiric.json`."""
    bundle_url: str | None = None
    """Of its bundle; beside the manifest by default."""
    channel: str | None = None
    """The only channel that is taken."""
    policy: str | None = None
    """A `trust.toml` of its own; that of the workspace by default."""
    interval: Annotated[float, Field(ge=1)] | None = None
    """Seconds between two syncs; `remote.refresh_interval` by default."""
    auth: RemoteAuth = RemoteAuth()


class Remote(_Table):
    """Manifests from elsewhere."""

    enabled: bool = False
    """Whether the last good manifests are entered when the workspace is opened."""
    manifest_url: str | None = None
    """Of a source of the name `default`."""
    sources: dict[str, RemoteSource] = {}
    """Name to source."""
    allow_http: Annotated[list[str], Merge.unique] = []
    """Hosts that may be asked without TLS; this machine always may."""
    ca_file: str | None = None
    """Certificates that are believed besides the usual ones, PEM."""
    deadline: Annotated[float, Field(gt=0)] = 60
    """Seconds for one document, all attempts and waits included."""
    source_deadline: Annotated[float, Field(gt=0)] = 600
    """Seconds for all that one source takes in a sync; artifacts that came by then are kept."""
    max_manifest_bytes: Annotated[int, Field(ge=1)] = 67_108_864
    max_artifact_bytes: Annotated[int, Field(ge=1)] = 268_435_456
    max_cache_bytes: Annotated[int, Field(ge=1)] = 1_073_741_824
    """Of all artifacts together; those that were not used for longest go first."""
    cache_dir: str = ".oneiric_cache"
    verify_tls: bool = True
    auth: RemoteAuth = RemoteAuth()
    signature_required: bool = False
    signature_threshold: Annotated[int, Field(ge=1)] = 1
    signature_max_age_seconds: _Seconds | None = None
    signature_require_expiry: bool = False
    refresh_interval: _Seconds | None = 300
    max_retries: Annotated[int, Field(ge=0)] = 3
    retry_base_delay: _Seconds = 1
    retry_max_delay: _Seconds = 30
    retry_jitter: Annotated[float, Field(ge=0, le=1)] = 0.25
    circuit_breaker_threshold: Annotated[int, Field(ge=1)] = 5
    circuit_breaker_reset: _Seconds = 60
    allow_file_uris: bool = False
    allowed_file_uri_roots: Annotated[list[str], Merge.unique] = []
    latency_budget_ms: Annotated[float, Field(ge=0)] = 5000


class LogSink(_Table):
    """One place that log records go to."""

    target: Literal["stdout", "stderr", "file", "http"] = "stderr"
    level: str = "INFO"
    path: str | None = None
    max_bytes: Annotated[int, Field(ge=0)] = 5_242_880
    backup_count: Annotated[int, Field(ge=0)] = 5
    endpoint: str | None = None
    method: str = "POST"


class Logging(_Table):
    """What is logged, and where."""

    level: str = "INFO"
    emit_json: bool = True
    service_name: str = "oneiric"
    environment: str | None = None
    release: str | None = None
    timestamper_format: str = "iso"
    extra_processors: list[str] = []
    include_trace_context: bool = True
    sinks: list[LogSink] = [LogSink()]


class Lifecycle(_Table):
    """How components run; times are in seconds, 0 means none."""

    activation_timeout: _Seconds = 30
    health_timeout: _Seconds = 5
    cleanup_timeout: _Seconds = 10
    hook_timeout: _Seconds = 5
    drain_timeout: _Seconds = 30
    drain_policy: Literal["wait", "force", "refuse"] = "wait"
    """At the limit of a drain: wait on, close under the lease, or refuse further swaps."""
    max_draining: Annotated[int, Field(ge=1)] = 16
    """Most old incarnations of a component that drain at a time; a swap beyond is refused."""
    health_interval: _Seconds = 10
    """Between two looks at the health of what is in force, in a process that watches."""
    health_fall: Annotated[int, Field(ge=1)] = 3
    """Bad answers in a row that make a component unhealthy."""
    health_rise: Annotated[int, Field(ge=1)] = 2
    """Good answers in a row that make it healthy again."""
    trace_leases: bool = False
    """Whether `status` tells where leases were taken; each then costs ten times as much."""
    shield_tasks: bool = True


class Plugins(_Table):
    """Where components come from, and what code of theirs may run."""

    auto_load: bool = True
    """Whether installed plugins are listed at all."""
    entry_points: Annotated[list[str], Merge.unique] = []
    packages: Annotated[list[str], Merge.unique] = []
    """Packages of the workspace with an `oneiric-plugin.toml`."""
    modules: Annotated[list[str], Merge.unique] = []
    """Modules of the workspace that declare components by decorator."""
    allow_factories: Annotated[list[str], Merge.unique] = []
    """Prefixes that factories of manifests may have."""
    disabled: Annotated[list[str], Merge.unique] = []
    """Plugins that are left out."""


class Profile(_Table):
    """The profile's own switches."""

    name: str = "default"
    """Active profile where neither argument nor ONEIRIC_PROFILE names one."""
    combinations: list[list[str]] = []
    """Profiles that are active together somewhere, for `check --all-profiles`."""
    watchers_enabled: bool = True
    remote_enabled: bool = True
    inline_manifest_only: bool = False
    supervisor_enabled: bool = True


class Stack(_Table):
    """Which package stands above which."""

    order: list[str] = []
    """Packages; a later one stands higher, as a later layer does."""
    strict: bool = False
    """Whether a component that only names decided is an error."""


class Trust(_Table):
    """Where the local policy of trust stands."""

    policy: str = "trust.toml"


class RuntimePaths(_Table):
    """Where the runtime keeps its files."""

    workflow_checkpoints_enabled: bool = True
    workflow_checkpoints_path: str | None = None
    domain_activity_path: str | None = None


class RuntimeSupervisor(_Table):
    """The process that `oneiric-lab run` is, and its loop that acts on desired states."""

    enabled: bool = True
    """Whether it acts on what is wanted of components."""
    poll_interval: Annotated[float, Field(ge=0.1)] = 2.0
    """Seconds between two looks at files where the system tells of no change."""
    kind: Literal["default", "serverless", "edge"] = "default"
    """How it runs: `serverless` has no loops of its own, `edge` begins and stays up offline."""
    activate: Annotated[list[str], Merge.unique] = ["service:*"]
    """Globs of components that are brought into force when it begins."""
    http_enabled: bool = True
    http_host: str | None = None
    """Where it listens: 127.0.0.1 by default, 0.0.0.0 where the variable PORT is set."""
    http_port: Annotated[int, Field(ge=0, le=65_535)] | None = None
    """By default the variable PORT, else 8080; 0 is any that is free."""
    http_token: Secret[str] | None = None
    """Who sends it may begin runs and syncs; without it nobody may."""
    http_trigger: bool | None = None
    """Whether orders are taken: by default where there is a token; true demands one."""
    request_timeout: _Seconds = 60
    """For one order by HTTP; 0 means none."""
    drain_timeout: Annotated[float, Field(ge=0, le=8)] = 8
    """For what is in flight when it is told to stop; it is gone after ten seconds in all."""
    count_resolves: bool = False
    """Whether answers of the registry are counted; each then costs three times as much."""


class Schema(_Table):
    """The user's own model."""

    model: str | None = None
    """`module:attr` of a pydantic model."""
    env_prefix: str | None = None
    """Prefix of its environment variables; by default the application's name."""


class Load(_Table):
    """Defaults of load tests."""

    seed: int = 0
    duration: _Seconds = 10
    warm_up: _Seconds = 1
    scenarios: Annotated[list[str], Merge.unique] = []
    """Scenarios of the workspace's own code, as `module:Class`."""


class Settings(_Table):
    """All built-in tables.

    Each default is made anew: pydantic copies a default deep, which takes ten times as long.
    """

    config_dir: str | None = None
    cache_dir: str | None = None
    app: App = Field(default_factory=App)
    adapters: Domain = Field(default_factory=Domain)
    services: Domain = Field(default_factory=Domain)
    tasks: Domain = Field(default_factory=Domain)
    events: Domain = Field(default_factory=Domain)
    workflows: Workflows = Field(default_factory=Workflows)
    actions: Domain = Field(default_factory=Domain)
    flags: dict[str, bool] = Field(default_factory=dict)
    """Static flags that gate components."""
    remote: Remote = Field(default_factory=Remote)
    secrets: Secrets = Field(default_factory=Secrets)
    lifecycle: Lifecycle = Field(default_factory=Lifecycle)
    plugins: Plugins = Field(default_factory=Plugins)
    profile: Profile = Field(default_factory=Profile)
    stack: Stack = Field(default_factory=Stack)
    trust: Trust = Field(default_factory=Trust)
    logging: Logging = Field(default_factory=Logging)
    runtime_paths: RuntimePaths = Field(default_factory=RuntimePaths)
    runtime_supervisor: RuntimeSupervisor = Field(default_factory=RuntimeSupervisor)
    schema_: Schema = Field(default_factory=Schema, alias="schema")
    load: Load = Field(default_factory=Load)


REPLACED: dict[tuple[str, ...], str] = {
    ("profile", "inline_manifest_only"): "trust.policy decides which manifests are taken",
    ("remote", "cache_dir"): "the workspace's .oneiric folder holds its caches",
    ("remote", "signature_required"): "every manifest is verified by trust.policy",
    ("remote", "signature_threshold"): "trust.policy holds the threshold",
    ("remote", "signature_max_age_seconds"): "trust.policy holds the longest lifetime",
    ("remote", "signature_require_expiry"): "trust.policy says whether a release must expire",
    ("remote", "latency_budget_ms"): "an objective of a load test holds a latency",
    ("config_dir",): "the workspace's folder holds its files",
    ("cache_dir",): "the workspace's .oneiric folder holds its caches",
    ("plugins", "entry_points"): "installed plugins are found by their own entry point",
    ("runtime_paths", "domain_activity_path"): "the workspace's store keeps activity",
}
"""Keys that are taken and no longer mean anything, with what replaced them."""
