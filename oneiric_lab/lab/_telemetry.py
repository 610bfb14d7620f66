"""The numbers of a workspace: each room is read when somebody looks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from oneiric_lab.lifecycle import Buckets
from oneiric_lab.registry import states
from oneiric_lab.runtime import BOUNDS_NS, EVALUATED, REPEATED, Summary, Telemetry, read_process
from oneiric_lab.store import COMMITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from oneiric_lab.lifecycle import Lifecycle
    from oneiric_lab.registry import Generation, Registry
    from oneiric_lab.runtime import FlowCounters, Scrape, SecretKeeper
    from oneiric_lab.store import Store

    from ._events import EventRoom
    from ._syncing import Syncing

_MINUTE: Final = 60.0
_OTHERS: Final = "(others)"
"""Topics beyond those that are counted each."""


class Registered:
    """Reads a registry; states are counted once for each generation.

    Args:
        registry: Whose candidates are counted.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._of: Generation | None = None
        self._states: dict[tuple[str, str], int] = {}

    def __call__(self, scrape: Scrape) -> None:
        """Say what is so now."""
        generation, counts = self._registry.current, self._registry.counts
        if self._of is not generation:
            self._of, self._states = generation, states(generation)
        scrape.put("oneiric_lab_registry_generation", generation.number)
        scrape.table("oneiric_lab_registry_candidates", self._states)
        calls = {(d, "miss"): n for d, n in counts.misses.items()}
        calls |= {(d, "denied"): n for d, n in counts.denied.items()}
        if counts.hits is None:
            # No number, where 0 would be a lie.
            for labels, number in calls.items():
                scrape.put("oneiric_lab_resolve_calls_total", number, *labels)
            return
        calls |= {(d, "hit"): n for d, n in counts.hits.items()}
        scrape.table("oneiric_lab_resolve_calls_total", calls)
        samples = {d: Summary(n, counts.sampled_ns[d] / 1e9) for d, n in counts.sampled.items()}
        scrape.table("oneiric_lab_resolve_duration_seconds", samples, Summary(0, 0.0))


def read_lifecycle(life: Lifecycle, scrape: Scrape) -> None:
    """Say what runs in this process."""
    tally = life.tally
    scrape.table("oneiric_lab_swap_attempts_total", tally.swaps)
    scrape.table("oneiric_lab_swap_duration_seconds", tally.durations, Buckets())
    scrape.table("oneiric_lab_instance_leaks_total", tally.leaks)
    scrape.table("oneiric_lab_health_checks_total", tally.checks)
    built: dict[str, int] = {}
    held: dict[str, int] = {}
    how: dict[tuple[str, str], int] = {}
    for status in life.statuses():
        domain = status.target.partition(":")[0]
        built[domain] = built.get(domain, 0) + len(status.draining) + bool(status.incarnation)
        leases = status.leases + sum(leases for _, _, leases, _ in status.draining)
        held[domain] = held.get(domain, 0) + leases
        state = "unhealthy" if status.incarnation and not status.healthy else status.state
        how[domain, state] = how.get((domain, state), 0) + 1
    scrape.table("oneiric_lab_instance_active", built)
    scrape.table("oneiric_lab_activity_inflight", held)
    scrape.table("oneiric_lab_activity_state", how)


class Sourced:
    """Reads the sources of manifests.

    Args:
        sources: Gives those of the workspace; None while it takes nothing from elsewhere.
        clock: Gives seconds that never go back; the objects are looked at once a minute.
    """

    def __init__(
        self, sources: Callable[[], Syncing | None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sources, self._clock = sources, clock
        self._size, self._looked = 0, float("-inf")

    def __call__(self, scrape: Scrape) -> None:
        """Say how they stand now."""
        syncing = self._sources()
        if syncing is None:
            return
        found, tally = syncing.status().sources, syncing.tally
        names = [one.name for one in found]
        put, table = scrape.put, scrape.table
        table("oneiric_lab_sync_attempts_total", tally.attempts, source=names)
        table("oneiric_lab_manifest_rejections_total", tally.rejections, source=names)
        table("oneiric_lab_sync_duration_seconds", tally.durations, Buckets(), source=names)
        states = dict.fromkeys(syncing.breakers().items(), 1)
        table("oneiric_lab_circuit_state", states, source=names)
        for one in found:
            if one.good is None:
                continue
            seen = one.good.checked_at.timestamp()
            put("oneiric_lab_sync_last_success_timestamp_seconds", seen, one.name)
            if one.good.fresh_until is not None:
                until = one.good.fresh_until.timestamp()
                put("oneiric_lab_manifest_expiry_timestamp_seconds", until, one.name)
        for name, seconds in syncing.intervals().items():
            put("oneiric_lab_sync_interval_seconds", seconds, name)
        if self._clock() >= self._looked + _MINUTE:
            self._looked, self._size = self._clock(), _bytes(syncing.objects.folder)
        put("oneiric_lab_artifact_store_size_bytes", self._size)


def _bytes(folder: Path) -> int:
    """Return the bytes of all files below *folder*; one that goes meanwhile counts as none."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total


def read_store(scrape: Scrape) -> None:
    """Say what this process wrote to stores."""
    spent = Summary(COMMITS.done, COMMITS.spent_ns / 1e9)
    scrape.put("oneiric_lab_store_commit_duration_seconds", spent)
    scrape.put("oneiric_lab_store_batch_size", Summary(COMMITS.flushes, float(COMMITS.rows)))
    scrape.table("oneiric_lab_store_errors_total", COMMITS.failed)


def read_flows(counters: FlowCounters, names: Iterable[str], scrape: Scrape) -> None:
    """Say what became of runs.

    Args:
        counters: Of the engine.
        names: Of the workflows that there are.
        scrape: Who asks.
    """
    found, known = counters.as_dict(), tuple(names)
    table = scrape.table
    table("oneiric_lab_run_completed_total", found["runs"], workflow=known)
    table("oneiric_lab_run_active", found["active"], workflow=known)
    scrape.put("oneiric_lab_run_oldest_age_seconds", found["oldest_ms"] / 1e3)
    table("oneiric_lab_step_retries_total", found["retries"], workflow=known)
    table("oneiric_lab_step_replays_total", found["replays"], workflow=known)
    bounds = tuple(bound / 1e9 for bound in BOUNDS_NS)
    steps: dict[str, Buckets] = {}
    for name, counts in found["step_buckets"].items():
        steps[name] = Buckets(bounds)
        steps[name].counts, steps[name].total = counts, found["step_ns"].get(name, 0) / 1e9
    table("oneiric_lab_step_duration_seconds", steps, Buckets(bounds), workflow=known)


def read_events(found: Mapping[str, Any], scrape: Scrape) -> None:
    """Say what became of events; *found* is what `Events.snapshot` returns."""
    deliveries = found["deliveries"]
    topics = {topic or _OTHERS for topic in (*deliveries, *found["queue_depth"])}
    rows = {
        (topic or _OTHERS, outcome): number
        for topic, outcomes in deliveries.items()
        for outcome, number in outcomes.items()
    }
    depth = {topic or _OTHERS: number for topic, number in found["queue_depth"].items()}
    scrape.table("oneiric_lab_event_deliveries_total", rows, topic=topics)
    scrape.table("oneiric_lab_event_queue_depth", depth, topic=topics)


def read_tallies(scrape: Scrape) -> None:
    """Say what is counted for the whole process: attempts beyond the first, answers of flags."""
    from oneiric_lab.remote import REPEATED as FETCHED  # noqa: PLC0415 - who measures nothing pays nothing

    fetched = {("fetch", outcome): number for outcome, number in FETCHED.items()}
    scrape.table("oneiric_lab_retry_attempts_total", {**REPEATED, **fetched})
    known = sorted({"switch", "rollout", *(provider for provider, _ in EVALUATED)})
    scrape.table("oneiric_lab_flag_evaluations_total", EVALUATED.copy(), provider=known)


class Trusted:
    """Reads what a workspace has trusted; the document is parsed when it is another.

    Args:
        store: Of the workspace.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: bytes | None = None
        self._until: dict[str, float] = {}

    def __call__(self, scrape: Scrape) -> None:
        """Say until when the root vouches for its keys; a root without an end says nothing."""
        found = self._store.trusted()
        if found != self._seen:
            self._seen, self._until = found, {} if found is None else _vouched(found)
        for key, until in self._until.items():
            scrape.put("oneiric_lab_key_expiry_timestamp_seconds", until, key)


def _vouched(document: bytes) -> dict[str, float]:
    from oneiric_lab.trust import State  # noqa: PLC0415 - most workspaces verify nothing

    root = State.parse(document).root
    end = None if root is None else root.validity.expires_at
    if root is None or end is None:
        return {}
    return {key.keyid: end.timestamp() for keys in root.signers.values() for key in keys}


def read_secrets(keeper: SecretKeeper, scrape: Scrape) -> None:
    """Say how old secrets are, and how often they changed; never what they are."""
    counts = keeper.counts()
    scrape.table("oneiric_lab_secret_rotations_total", counts["rotations"])
    scrape.table("oneiric_lab_secret_age_seconds", counts["ages"])


def telemetry_of(
    registry: Registry,
    life: Callable[[], Lifecycle | None],
    sources: Callable[[], Syncing | None],
    events: Callable[[], EventRoom | None],
    store: Store,
) -> Telemetry:
    """Return what reads a workspace.

    Args:
        registry: Its candidates.
        life: Gives what runs of it, or None.
        sources: Gives its sources of manifests; None while nothing of them enters.
        events: Gives its events, or None while nobody asked for them.
        store: Its store.
    """

    def running(scrape: Scrape) -> None:
        found = life()
        if found is not None:
            read_lifecycle(found, scrape)

    def emitted(scrape: Scrape) -> None:
        found = events()
        if found is not None and found.is_open:
            read_events(found.snapshot(), scrape)

    telemetry = Telemetry()
    telemetry.rooms |= {
        "events": emitted,
        "registry": Registered(registry),
        "lifecycle": running,
        "remote": Sourced(sources),
        "store": read_store,
        "trust": Trusted(store),
        "tallies": read_tallies,
        "process": read_process,
    }
    return telemetry
