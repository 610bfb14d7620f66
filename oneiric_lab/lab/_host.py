"""The host of a workspace: its parts put together, and the first screen that says so."""

from __future__ import annotations

import os
from contextlib import nullcontext, suppress
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from anyio import to_thread

from oneiric_lab.errors import (
    Fault,
    InvalidConfigError,
    MissingExtraError,
    OneiricError,
    UsageError,
    logger,
)
from oneiric_lab.runtime import (
    LOOPBACK,
    STATES,
    Answers,
    Door,
    HealthCheck,
    Host,
    Notify,
    Part,
    Redactor,
    Ring,
    RollingFile,
    Told,
    alone,
    bridge_metrics,
    handlers_of,
    is_loopback,
    json_lines,
    logged,
    ringed,
    running_host,
    tell_host,
    trace_spans,
)
from oneiric_lab.store import place

from ._health import LAG_STUCK, health_of
from ._host_parts import HostParts
from ._screen import Screen
from ._secret_texts import secret_texts
from ._watching import reloaded

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from oneiric_lab.config import Settings
    from oneiric_lab.runtime import Ended, Health, Scrape

    from ._hostable import Hostable

KINDS: Final = ("default", "serverless", "edge")
LOG_FILE: Final = "host.jsonl"
_LOG_BYTES: Final = 5_242_880
_PORT: Final = 8080
_ORDERS: Final = "POST /workflows/NAME/runs, POST /sync"


class WorkspaceHost:
    """One workspace, held up by a process.

    Args:
        lab: The workspace.
        kind: `default`, `serverless` or `edge`; None is `runtime_supervisor.kind`.
        address: Where it listens; None is what the settings and the variable PORT say.
        port: See *address*; 0 is any that is free.
        http: Whether it listens at all; None is what the settings say.

    Raises:
        UsageError: There is no such profile, or orders are wanted without a token.
    """

    def __init__(
        self,
        lab: Hostable,
        *,
        kind: str | None = None,
        address: str | None = None,
        port: int | None = None,
        http: bool | None = None,
    ) -> None:
        said = lab.settings.runtime_supervisor
        self.lab, self.kind = lab, kind or said.kind
        if self.kind not in KINDS:
            raise UsageError(
                Fault(
                    "host-kind", f"no kind of host {self.kind!r}", fix="one of: " + ", ".join(KINDS)
                )
            )
        self.folder = lab.store.path.parent
        self.redact = Redactor(lambda: secret_texts(lab.snapshot))
        self.ring = Ring(self.redact)
        self._address, self._port = self._place(address, port)
        self._http = said.http_enabled if http is None else http
        self._asked = http is True or port is not None or address is not None
        self._held = HostParts(lab, self.kind, self.redact)
        self.door = Door(self._answers(), self._address, self._port)
        self.parts = (*self._held.all, self._http_part())
        self.host: Host | None = None
        self._began = _fixed(lab.settings)
        self._handlers: list[logging.Handler] = []

    def _place(self, address: str | None, port: int | None) -> tuple[str, int]:
        said = self.lab.settings.runtime_supervisor
        given = self.lab.snapshot.inputs.environ.get("PORT", "")
        if given and not (given.isdigit() and int(given) <= 65_535):  # noqa: PLR2004 - the last port
            raise UsageError(
                Fault("host-address", f"PORT is no port: {given!r}", fix="PORT=8080, or unset it")
            )
        # A platform that says where to listen asks from outside of this machine.
        usual = ("0.0.0.0", int(given)) if given else (LOOPBACK, _PORT)  # noqa: S104 - see above
        return (
            next(one for one in (address, said.http_host, usual[0]) if one is not None),
            next(one for one in (port, said.http_port, usual[1]) if one is not None),
        )

    # --- parts --------------------------------------------------------------------------------

    def _http_part(self) -> Part:
        why = "" if self._http else "runtime_supervisor.http_enabled is false"
        if not why and not self._asked and not _has_server():
            why = "pip install 'oneiric-lab[host]' brings it"
        orders = _ORDERS if self._has_token() else "no orders: no runtime_supervisor.http_token"
        about = f"/livez /readyz /startupz /health /metrics; {orders}"
        return Part("http", about, self.door.open, self.door.drain, why)

    def _has_token(self) -> bool:
        said = self.lab.settings.runtime_supervisor
        token = said.http_token
        if said.http_trigger is False:
            return False
        if token is None:
            if said.http_trigger:
                raise UsageError(
                    Fault(
                        "host-token",
                        "orders by HTTP are wanted, and nobody could be told from anybody",
                        self.lab.snapshot.origin("runtime_supervisor.http_trigger"),
                        fix='runtime_supervisor.http_token = "${secret:host-token}"',
                    )
                )
            return False
        return True

    def _token(self) -> str | None:
        token = self.lab.settings.runtime_supervisor.http_token
        if token is None or self.lab.settings.runtime_supervisor.http_trigger is False:
            return None
        with suppress(OneiricError):  # a secret that is gone opens nothing
            return token.reveal()
        return None

    def _answers(self) -> Answers:
        remote = self.lab.settings.remote.enabled

        def turns() -> bool:
            return self.host is None or self.host.lag < LAG_STUCK

        return Answers(
            live=turns,
            started=lambda: self.host is not None and self.host.state != "starting",
            takes=lambda: self.host is not None and self.host.is_up,
            health=self.health,
            metrics=lambda: self.lab.metrics().text,
            numbers=lambda: self.lab.metrics().as_dict(),
            token=self._token,
            begin=self._held.begin_run,
            show=self._held.show_run,
            sync=self._held.sync_once if remote else None,
            seconds=self.lab.settings.runtime_supervisor.request_timeout or None,
        )

    # --- answers ------------------------------------------------------------------------------

    def health(self) -> Health:
        """Return how the workspace is, as this host sees it."""
        found = health_of(self.lab, self.host, kind=self.kind)
        now = _fixed(self.lab.settings)
        changed = ", ".join(name for name, said in now.items() if said != self._began[name])
        if not changed:
            return found
        says = f"changed since it began: {changed}"
        check = HealthCheck("restart", "degraded", says, "start it again to have that")
        return replace(found, checks=(*found.checks, check))

    def screen(self, *, began: bool = False) -> Screen:
        """Return what it does here, or what it would do.

        Args:
            began: Whether it did.
        """
        http = self.parts[-1]
        url = ""
        if not http.why_off:
            shown = f"[{self._address}]" if ":" in self._address else self._address
            url = self.door.url or f"http://{shown}:{self._port}"
        parts = tuple(
            (p.name, "off" if p.why_off else "on", p.why_off or p.about) for p in self.parts
        )
        pid = os.getpid() if began else None
        problems = () if began else tuple(self._problems())
        warned = self._warnings(url)
        return Screen(self.lab.root.name, self.kind, url, parts, (*problems, *warned), pid)

    def _problems(self) -> list[Fault]:
        found = running_host(self.folder)
        out = []
        if found is not None:
            fault = Fault(
                "host-running",
                f"a host of this workspace runs already: {found.name}",
                fix=f"stop it first: kill -TERM {found.pid}",
            )
            out.append(fault)
        http = self.parts[-1]
        if not http.why_off:
            try:
                if not _has_server():
                    raise MissingExtraError("a host that listens needs Starlette", extra="host")
                self.door.try_address()
            except OneiricError as error:
                out += error.faults
        return out

    def _warnings(self, url: str) -> tuple[Fault, ...]:
        if not url or is_loopback(self._address):
            return ()
        what = f"it listens on {self._address}: others can read /metrics and /health"
        fix = "put it behind what keeps them out, or set runtime_supervisor.http_host"
        return (Fault("host-open", what, fix=fix, severity="warning"),)

    def _read(self, scrape: Scrape) -> None:
        host = self.host
        states = {state: int(host is not None and host.state == state) for state in STATES}
        scrape.table("oneiric_lab_host_state", states)
        watching = self.lab.watching
        scrape.table("oneiric_lab_watch_reloads_total", watching.reloads)
        scrape.table("oneiric_lab_watch_mode", {watching.mode: 1} if watching.mode else {})
        scrape.table("oneiric_lab_http_requests_total", self.door.requests, route=self.door.routes)
        scrape.put("oneiric_lab_http_inflight", self.door.inflight)
        scrape.table("oneiric_lab_logging_records_total", self.ring.counts)
        lost = sum(getattr(handler, "lost", 0) for handler in self._handlers)
        scrape.put("oneiric_lab_logging_lost_total", lost)
        scrape.put("oneiric_lab_loop_lag_seconds", 0.0 if host is None else host.lag)

    # --- running ------------------------------------------------------------------------------

    async def serve(
        self,
        up: Callable[[Screen], object] = lambda screen: None,
        *,
        signals: bool = False,
        machine: bool = False,
    ) -> Ended:
        """Hold the workspace up until told to stop.

        Args:
            up: Called with the first screen when all is up.
            signals: Whether to obey signals and to take the logs of the whole process over;
                in the main thread of a process of its own.
            machine: Whether a program reads the terminal: logs are JSON lines then.

        Raises:
            UsageError: Another host of this workspace runs, or the address is taken.
        """
        lab, settings = self.lab, self.lab.settings
        environ = lab.snapshot.inputs.environ
        self.host = Host(
            self.parts,
            self._reload,
            drain=settings.runtime_supervisor.drain_timeout,
            notify=Notify(environ) if signals else Notify({}),
        )
        with alone(self.folder, self.kind) as kept:
            lab.telemetry.rooms["runtime"] = self._read
            lab._hosted = self  # noqa: SLF001 - the same package
            keeper = lab.keeping.keeper
            # A rotated secret is hidden before who is built with it could log it.
            hidden, keeper.tell = keeper.tell, self.redact.add
            self.redact.add(*keeper.texts())
            if settings.runtime_supervisor.count_resolves:
                lab.registry.count()
            bridged: list[Callable[[], object]] = []
            if signals and any(name.startswith("OTEL_") for name in environ):
                trace_spans()
                bridged.append(bridge_metrics(lab.telemetry))
            try:
                with self._logs(machine=machine) if signals else self._own_logs():
                    if not kept:
                        warn = "the workspace cannot be written: nothing keeps a second host out"
                        logger("oneiric_lab.host").warning(warn)
                    with self.host.signals(last=True) if signals else nullcontext():
                        return await self.host.serve(lambda: self._up(up))
            finally:
                for end in bridged:
                    end()
                lab._hosted, keeper.tell = None, hidden  # noqa: SLF001 - see above

    def _up(self, up: Callable[[Screen], object]) -> None:
        tell_host(self.folder, self.kind, self.door.url)
        up(self.screen(began=True))

    def _logs(self, *, machine: bool) -> AbstractContextManager[None]:
        settings = self.lab.settings
        handlers = handlers_of(settings, self.lab.root, self.redact, machine=machine)
        self._handlers = [*handlers, *self._kept_logs()]
        return logged(settings.logging.level, [*self._handlers, self.ring])

    def _own_logs(self) -> AbstractContextManager[None]:
        self._handlers = self._kept_logs()
        return ringed([*self._handlers, self.ring])

    def _kept_logs(self) -> list[logging.Handler]:
        """Return what keeps records beside the store, so that other processes can read them."""
        try:
            file = RollingFile(self.folder / LOG_FILE, maxBytes=_LOG_BYTES, backupCount=1)
        except OSError:  # a disk that cannot be written: what is in memory is enough
            return []
        file.setFormatter(json_lines(self.redact, self.lab.settings))
        return [file]

    async def _reload(self) -> None:
        found = await to_thread.run_sync(reloaded, self.lab, frozenset())
        self.redact.refresh()
        if not found.ok:
            raise InvalidConfigError(found.faults)
        if self.lab._running is not None:  # noqa: SLF001 - the same package
            self.lab._running.nudge()  # noqa: SLF001 - see above


def _fixed(settings: Settings) -> dict[str, object]:
    """Return what a host reads when it begins, and not again."""
    said = settings.runtime_supervisor
    return {
        "logging": settings.logging,
        **{
            f"runtime_supervisor.{name}": getattr(said, name)
            for name in ("kind", "activate", "http_enabled", "http_host", "http_port", "enabled")
        },
    }


def _has_server() -> bool:
    return find_spec("starlette") is not None and find_spec("uvicorn") is not None


def store_folder(root: Path) -> Path:
    """Return the folder of a workspace's store; the workspace need not open."""
    return place(root, os.environ)


def found_host(root: Path) -> Told | None:
    """Return the host that runs of a workspace on this machine, or None; see `store_folder`."""
    return running_host(store_folder(root))
