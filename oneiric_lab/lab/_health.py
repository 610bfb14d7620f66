"""How a workspace is: what is loaded, what can be written, what runs, what is fresh."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Final

from oneiric_lab.errors import OneiricError
from oneiric_lab.runtime import Health, HealthCheck

from ._words import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from oneiric_lab.lifecycle import Status
    from oneiric_lab.runtime import Host, Standing, Watching

    from ._hostable import Hostable

LAG_SEEN: Final = 1.0
LAG_STUCK: Final = 5.0
"""Seconds of delay of a loop that are told, and from which it counts as stuck."""

_ROOM: Final = 1_048_576


def health_of(lab: Hostable, host: Host | None = None, *, kind: str = "default") -> Health:
    """Return how a workspace is in this process.

    Args:
        lab: The workspace.
        host: What holds it up here, if something does.
        kind: The host's profile: at the edge a source that cannot be asked is no fault.
    """
    checks = [
        *(_host(host) if host is not None else ()),
        *_watch(lab.watching),
        _generation(lab),
        _store(lab.store.path.parent, gates=kind != "serverless"),
        *_sources(lab, kind),
        *_components(() if lab._running is None else lab._running.life.statuses()),  # noqa: SLF001 - the same package
    ]
    return Health(tuple(checks), f"{lab.root.name}, process {os.getpid()}")


def _host(host: Host) -> Iterator[HealthCheck]:
    state = host.state
    yield HealthCheck("host", "good" if host.is_up else "bad", state, gates=True)
    lag = host.lag
    standing: Standing = "bad" if lag > LAG_STUCK else "degraded" if lag > LAG_SEEN else "good"
    fix = "" if standing == "good" else "something blocks the loop: move it to a thread"
    yield HealthCheck("loop", standing, f"turns {lag:.2f} s late at most", fix)
    failing = [part for part in host.parts if part.state == "failing"]
    for part in failing:
        yield HealthCheck(part.name, "degraded", part.error, "it is tried again; see: logs")


def _watch(watching: Watching) -> Iterator[HealthCheck]:
    if watching.faults:
        says = f"the last change was refused: {watching.faults[0].message}"
        yield HealthCheck("configuration", "degraded", says, "oneiric-lab check")
    else:
        yield HealthCheck("configuration", "good", "loaded")
    if watching.mode:
        why = f": {watching.why}" if watching.why else ""
        yield HealthCheck("watch", "good", f"looks by {watching.mode}{why}")


def _generation(lab: Hostable) -> HealthCheck:
    generation = lab.registry.current
    says = f"generation {generation.number}, {count(len(generation.keys()), 'component')}"
    problems = len(generation.problems())
    if problems:
        says += f", {count(problems, 'problem')}"
        return HealthCheck("registry", "degraded", says, "oneiric-lab check", gates=True)
    return HealthCheck("registry", "good", says, gates=True)


def _store(folder: Path, *, gates: bool) -> HealthCheck:
    there = next((one for one in (folder, *folder.parents) if one.exists()), folder)
    if not os.access(there, os.W_OK | os.X_OK):
        says = f"{folder} cannot be written"
        return HealthCheck("store", "bad" if gates else "degraded", says, "make it so", gates)
    try:
        free = shutil.disk_usage(there).free
    except OSError as error:
        return HealthCheck("store", "bad", f"{folder}: {error.strerror}", "mend it", gates)
    if free < _ROOM:
        return HealthCheck("store", "bad", "the disk is full", "make room", gates)
    return HealthCheck("store", "good", "can be written", gates=gates)


def _sources(lab: Hostable, kind: str) -> Iterator[HealthCheck]:
    if not lab.settings.remote.enabled or not lab.settings.profile.remote_enabled:
        return
    try:
        found = lab.remote_status().sources
    except OneiricError as error:
        yield HealthCheck("sources", "bad", error.faults[0].message, error.faults[0].fix or "")
        return
    edge = kind == "edge"
    for one in found:
        name, fix = f"source {one.name}", "oneiric-lab remote status"
        title = "" if one.good is None else one.good.title
        last = one.attempts[-1].message if one.attempts and one.attempts[-1].code else ""
        if one.state == "never":
            says = f"nothing of it is here{f': {last}' if last else ''}"
            yield HealthCheck(name, "degraded" if edge else "bad", says, fix, gates=not edge)
        elif one.state == "stale":
            yield HealthCheck(name, "degraded" if edge else "bad", f"{title} is too old", fix)
        elif one.state == "failing":
            yield HealthCheck(name, "degraded", f"{title} stays in force: {last}", fix)
        else:
            yield HealthCheck(name, "good", f"{title} is in force")


def _components(statuses: Sequence[Status]) -> Iterator[HealthCheck]:
    running = 0
    for status in statuses:
        fix = f"oneiric-lab status {status.target}"
        stalled = any(state == "stalled" for _, state, _, _ in status.draining)
        if status.incarnation and not status.healthy:
            yield HealthCheck(status.target, "bad", status.last_error or "unhealthy", fix)
        elif stalled:
            yield HealthCheck(status.target, "degraded", status.last_error, fix)
        elif status.state == "idle" and status.last_error:
            yield HealthCheck(status.target, "bad", status.last_error, fix)
        elif status.degraded:
            yield HealthCheck(status.target, "degraded", "; ".join(status.degraded), fix)
        else:
            running += bool(status.incarnation)
    yield HealthCheck("components", "good", f"{count(running, 'component')} well and in force")
