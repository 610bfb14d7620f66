"""The catalogue: every metric that a process of ours can show, said once.

Its names, kinds, labels and words make the exposition, the table of the documentation and
what alerts may speak of. Label sets are closed where that is possible: then every one of them
is there with 0 from the first scrape on, so that `increase()` sees the first event too.
Labels such as `source` hold configured names, never addresses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from oneiric_lab.registry import DOMAINS

from ._tallies import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOMS: Final = (
    *("registry", "lifecycle", "remote", "trust", "store", "workflows", "events", "runtime"),
    "process",
)
"""Who has numbers."""

Kind = Literal["counter", "gauge", "histogram", "summary"]

REASONS: Final = (
    *("signature", "threshold", "expired", "rollback", "revoked", "digest", "schema", "size"),
    *("tls", "clock", "policy", "network", "other"),
)
"""Why a release of a source did not enter, in one word."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: As Prometheus knows it.
        kind: `counter`, `gauge`, `histogram` or `summary`.
        room: Whose it is.
        says: One sentence without its end.
        labels: Label to its closed set of values, or to None where they are configured names.
    """

    name: str
    kind: Kind
    room: str
    says: str
    labels: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)

    @property
    def otel(self) -> str:
        """Its name in OpenTelemetry: dotted, without the unit and `total`."""
        if self.name in _STANDARD:
            return _STANDARD[self.name]
        rest = self.name.removeprefix("oneiric_lab_")
        for end in ("_total", "_seconds", "_bytes"):
            rest = rest.removesuffix(end)
        room, _, what = rest.partition("_")
        return f"oneiric_lab.{room}.{what}" if what else f"oneiric_lab.{room}"

    @property
    def unit(self) -> str:
        """Its unit in OpenTelemetry, which is UCUM's."""
        bare = self.name.removesuffix("_total")
        return "s" if bare.endswith("_seconds") else "By" if bare.endswith("_bytes") else "1"


_STANDARD: Final = {
    "process_cpu_seconds_total": "process.cpu.time",
    "process_resident_memory_bytes": "process.memory.usage",
    "process_start_time_seconds": "process.start_time",
    "process_open_fds": "process.open_file_descriptor.count",
}
"""Names of OpenTelemetry's own conventions, where it has them."""

_DOMAIN = {"domain": DOMAINS}

_ALL: Final = (
    # --- registry
    Metric(
        "oneiric_lab_resolve_calls_total",
        "counter",
        "registry",
        "Questions for a component; answers (hit) are counted only where that was asked for",
        {**_DOMAIN, "outcome": ("hit", "miss", "denied")},
    ),
    Metric(
        "oneiric_lab_resolve_duration_seconds",
        "summary",
        "registry",
        "Time of a sample of the answers that are counted",
        _DOMAIN,
    ),
    Metric(
        "oneiric_lab_registry_candidates",
        "gauge",
        "registry",
        "Candidates by how they stand",
        {**_DOMAIN, "state": ("active", "shadowed", "rejected", "quarantined")},
    ),
    Metric(
        "oneiric_lab_registry_generation",
        "gauge",
        "registry",
        "Number of the generation in force",
    ),
    # --- lifecycle
    Metric(
        "oneiric_lab_swap_attempts_total",
        "counter",
        "lifecycle",
        "Requests to bring a provider into force, first activations included",
        {**_DOMAIN, "outcome": ("committed", "coalesced", "failed", "refused", "cancelled")},
    ),
    Metric(
        "oneiric_lab_swap_duration_seconds",
        "histogram",
        "lifecycle",
        "Time of swaps that were committed: building and probing, moving the pointer",
        {**_DOMAIN, "phase": ("prepare", "commit")},
    ),
    Metric(
        "oneiric_lab_instance_active",
        "gauge",
        "lifecycle",
        "Instances that are in force or drain",
        _DOMAIN,
    ),
    Metric(
        "oneiric_lab_instance_leaks_total",
        "counter",
        "lifecycle",
        "Instances whose end went wrong",
        _DOMAIN,
    ),
    Metric(
        "oneiric_lab_health_checks_total",
        "counter",
        "lifecycle",
        "Answers of health checks",
        {**_DOMAIN, "outcome": ("good", "bad")},
    ),
    Metric(
        "oneiric_lab_activity_state",
        "gauge",
        "lifecycle",
        "Components by how they are in this process",
        {**_DOMAIN, "state": ("idle", "active", "paused", "drained", "unhealthy", "closed")},
    ),
    Metric(
        "oneiric_lab_activity_inflight",
        "gauge",
        "lifecycle",
        "Leases that are held",
        _DOMAIN,
    ),
    # --- remote
    Metric(
        "oneiric_lab_sync_attempts_total",
        "counter",
        "remote",
        "Syncs of a source by how they ended",
        {
            "source": None,
            "outcome": (
                *("entered", "unchanged", "stale", "unreachable", "refused"),
                "circuit_open",
            ),
        },
    ),
    Metric(
        "oneiric_lab_sync_duration_seconds",
        "histogram",
        "remote",
        "Time of a sync of a source",
        {"source": None},
    ),
    Metric(
        "oneiric_lab_sync_last_success_timestamp_seconds",
        "gauge",
        "remote",
        "When the source was seen last with the release that is in force",
        {"source": None},
    ),
    Metric(
        "oneiric_lab_sync_interval_seconds",
        "gauge",
        "remote",
        "Configured time between two syncs of the source",
        {"source": None},
    ),
    Metric(
        "oneiric_lab_manifest_rejections_total",
        "counter",
        "remote",
        "Releases of a source that did not enter",
        {"source": None, "reason": REASONS},
    ),
    Metric(
        "oneiric_lab_manifest_expiry_timestamp_seconds",
        "gauge",
        "remote",
        "Until when the release in force is fresh",
        {"source": None},
    ),
    Metric(
        "oneiric_lab_key_expiry_timestamp_seconds",
        "gauge",
        "trust",
        "Until when the newest root that was trusted vouches for the key",
        {"key": None},
    ),
    Metric(
        "oneiric_lab_circuit_state",
        "gauge",
        "remote",
        "1 for the state of the breaker of the source's host",
        {"source": None, "state": ("closed", "open", "half-open")},
    ),
    Metric(
        "oneiric_lab_artifact_store_size_bytes",
        "gauge",
        "remote",
        "Bytes of the objects of the workspace",
    ),
    # --- store
    Metric(
        "oneiric_lab_store_commit_duration_seconds",
        "summary",
        "store",
        "Time of transactions of the store, waiting for other writers included",
    ),
    Metric(
        "oneiric_lab_store_batch_size",
        "summary",
        "store",
        "Rows of activity that were written together",
    ),
    Metric(
        "oneiric_lab_store_errors_total",
        "counter",
        "store",
        "Transactions of the store that failed",
        {"kind": ("store", "store-damaged", "store-newer")},
    ),
    # --- workflows
    Metric(
        "oneiric_lab_run_completed_total",
        "counter",
        "workflows",
        "Runs of workflows that ended in this process",
        {"workflow": None, "outcome": ("done", "failed", "cancelled")},
    ),
    Metric(
        "oneiric_lab_run_active",
        "gauge",
        "workflows",
        "Runs that go on in this process",
        {"workflow": None},
    ),
    Metric(
        "oneiric_lab_run_oldest_age_seconds",
        "gauge",
        "workflows",
        "For how long the oldest run has gone on in this process",
    ),
    Metric(
        "oneiric_lab_step_duration_seconds",
        "histogram",
        "workflows",
        "Time of the nodes of runs, failed ones included",
        {"workflow": None},
    ),
    Metric(
        "oneiric_lab_step_retries_total",
        "counter",
        "workflows",
        "Attempts of nodes beyond their first",
        {"workflow": None},
    ),
    Metric(
        "oneiric_lab_step_replays_total",
        "counter",
        "workflows",
        "Nodes that were not run again since they stood recorded",
        {"workflow": None},
    ),
    # --- events
    Metric(
        "oneiric_lab_event_deliveries_total",
        "counter",
        "events",
        "Events by what became of them at handlers",
        {"topic": None, "outcome": ("handled", "retried", "dead", "dropped", "unhandled")},
    ),
    Metric(
        "oneiric_lab_event_queue_depth",
        "gauge",
        "events",
        "Events that wait for a handler",
        {"topic": None},
    ),
    Metric(
        "oneiric_lab_event_posts",
        "gauge",
        "events",
        "Events in the store that the host's handlers are not done with",
    ),
    # --- runtime
    Metric(
        "oneiric_lab_watch_reloads_total",
        "counter",
        "runtime",
        "Changes of files that were loaded, or refused for their faults",
        {"outcome": ("applied", "unchanged", "refused")},
    ),
    Metric(
        "oneiric_lab_watch_mode",
        "gauge",
        "runtime",
        "1 for the way in which files are followed",
        {"mode": ("events", "poll")},
    ),
    Metric(
        "oneiric_lab_secret_rotations_total",
        "counter",
        "runtime",
        "Secrets that have another value, and providers that went down",
        {"provider": None, "outcome": ("rotated", "failed")},
    ),
    Metric(
        "oneiric_lab_secret_age_seconds",
        "gauge",
        "runtime",
        "Seconds since a secret's provider confirmed it",
        {"secret": None},
    ),
    Metric(
        "oneiric_lab_retry_attempts_total",
        "counter",
        "runtime",
        "Attempts beyond the first, by what was tried and how they ended",
        {"operation": OPERATIONS, "outcome": ("succeeded", "failed")},
    ),
    Metric(
        "oneiric_lab_flag_evaluations_total",
        "counter",
        "runtime",
        "Questions for a flag by who answered, and why so",
        {
            "provider": None,
            "reason": ("static", "split", "targeting_match", "default", "error"),
        },
    ),
    Metric(
        "oneiric_lab_host_state",
        "gauge",
        "runtime",
        "1 for the state that the host is in",
        {"state": ("starting", "ready", "reloading", "draining", "stopped")},
    ),
    Metric(
        "oneiric_lab_http_requests_total",
        "counter",
        "runtime",
        "Requests to the host by route and class of status",
        {"route": None, "code": ("2xx", "3xx", "4xx", "5xx")},
    ),
    Metric(
        "oneiric_lab_http_inflight",
        "gauge",
        "runtime",
        "Requests that the host is answering",
    ),
    Metric(
        "oneiric_lab_logging_records_total",
        "counter",
        "runtime",
        "Log records by level",
        {"level": ("debug", "info", "warning", "error", "critical")},
    ),
    Metric(
        "oneiric_lab_logging_lost_total",
        "counter",
        "runtime",
        "Log records that a sink could not take",
    ),
    Metric(
        "oneiric_lab_loop_lag_seconds",
        "gauge",
        "runtime",
        "Greatest delay of the event loop within the last ten seconds",
    ),
    Metric(
        "oneiric_lab_scrape_errors_total",
        "counter",
        "runtime",
        "Rooms whose metrics could not be read",
        {"room": None},
    ),
    Metric(
        "oneiric_lab_build_info",
        "gauge",
        "runtime",
        "1, with the versions that run",
        {"version": None, "python": None},
    ),
    # --- process: the names that every client of Prometheus uses
    Metric("process_cpu_seconds_total", "counter", "process", "CPU time of the process"),
    Metric("process_resident_memory_bytes", "gauge", "process", "Memory that the process holds"),
    Metric("process_start_time_seconds", "gauge", "process", "When the process began, since 1970"),
    Metric("process_open_fds", "gauge", "process", "File descriptors that the process has open"),
)

CATALOGUE: Final[Mapping[str, Metric]] = {metric.name: metric for metric in _ALL}
"""Name to metric, in the order in which they are shown."""
