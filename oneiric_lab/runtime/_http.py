"""What a host answers by HTTP: probes, metrics, and orders of who has the token.

| route | answer |
|---|---|
| `GET /livez` | 200 while the loop turns |
| `GET /readyz` | 200 while work may come, else 503 and why not |
| `GET /startupz` | 200 once it was up |
| `GET /health` | the whole answer as JSON |
| `GET /metrics` | for Prometheus; `/metrics/json` for others |
| `POST /workflows/NAME/runs` | begins a run, with `Authorization: Bearer TOKEN` |
| `GET /workflows/NAME/runs/ID` | how a run goes, with the token |
| `POST /sync` | brings what the sources have, with the token |

The one door to Starlette and uvicorn. Orders exist only where there is a token.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import socket
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import anyio

from oneiric_lab.errors import Fault, MissingExtraError, OneiricError, UsageError, logger

from ._exposition import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    from ._health import Health

LOOPBACK: Final = "127.0.0.1"
MOST_BYTES: Final = 1_048_576
"""Of the body of an order."""

_ROUTES: Final = ("livez", "readyz", "startupz", "health", "metrics", "workflows", "sync", "other")
_CONNECTIONS: Final = 1000


@dataclass
class Answers:
    """Who answers.

    Attributes:
        live: Whether the loop turns.
        started: Whether it was up once.
        takes: Whether orders are taken: not while it drains.
        health: How it is.
        metrics: The exposition.
        numbers: The same as JSON.
        token: The secret of who gives orders, read anew each time; None for nobody.
        begin: Begins a run: name, payload, idempotency key; None where there are no workflows.
        show: How a run goes: name, id.
        sync: Brings what the sources have; None where there are none.
        seconds: Limit of one order; None for none.
    """

    live: Callable[[], bool]
    started: Callable[[], bool]
    takes: Callable[[], bool]
    health: Callable[[], Health]
    metrics: Callable[[], str]
    numbers: Callable[[], Mapping[str, Any]] = dict
    token: Callable[[], str | None] = lambda: None
    begin: Callable[[str, Any, str | None], Awaitable[Mapping[str, Any]]] | None = None
    show: Callable[[str, str], Awaitable[Mapping[str, Any] | None]] | None = None
    sync: Callable[[], Awaitable[Mapping[str, Any]]] | None = None
    seconds: float | None = None


@dataclass
class Door:
    """The server of one host.

    Attributes:
        answers: Who answers.
        address: Where it listens.
        port: 0 is any that is free.
        url: Where it listens, once it does.
        requests: How many there were, by route and class of status.
        inflight: How many are being answered.
    """

    answers: Answers
    address: str = LOOPBACK
    port: int = 8080
    url: str = ""
    requests: dict[tuple[str, str], int] = field(default_factory=dict)
    inflight: int = 0
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._idle.set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Listen for the time of the block.

        Raises:
            MissingExtraError: The extra `host` is not installed.
            UsageError: The address is taken, or not this machine's.
        """
        server_of = _server()
        with self._bound() as bound:
            host, port = bound.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            self.url = f"http://{shown}:{port}"
            server = server_of(self._app())
            task = asyncio.create_task(server.serve(sockets=[bound]))
            try:
                # The server has no event of its own for this.
                while not server.started and not task.done():  # noqa: ASYNC110 - see above
                    await asyncio.sleep(0.005)
                if task.done():
                    task.result()
                yield
            finally:
                server.should_exit = True
                with anyio.CancelScope(shield=True):
                    await asyncio.wait({task}, timeout=3)

    async def drain(self) -> None:
        """Wait until no order is being answered."""
        await self._idle.wait()

    @property
    def routes(self) -> tuple[str, ...]:
        """What requests are counted by."""
        return _ROUTES

    def try_address(self) -> None:
        """Find out whether it could listen.

        Raises:
            UsageError: It could not.
        """
        with self._bound():
            pass

    @contextmanager
    def _bound(self) -> Iterator[socket.socket]:
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((self.address, self.port))
            bound.setblocking(False)
            yield bound
        except OSError as error:
            raise UsageError(
                Fault(
                    "host-address",
                    f"cannot listen on {self.address}:{self.port}: {error.strerror or error}",
                    fix="choose another: run --port 0 takes one that is free",
                )
            ) from error
        finally:
            bound.close()

    # --- the application --------------------------------------------------------------------

    def _app(self) -> Any:
        from starlette.applications import Starlette  # noqa: PLC0415 - see _server
        from starlette.routing import Route  # noqa: PLC0415 - see _server

        get, post = ["GET"], ["POST"]
        routes = [
            Route("/livez", self._livez, methods=get),
            Route("/readyz", self._readyz, methods=get),
            Route("/startupz", self._startupz, methods=get),
            Route("/health", self._health, methods=get),
            Route("/metrics", self._metrics, methods=get),
            Route("/metrics/json", self._numbers, methods=get),
            Route("/workflows/{name}/runs", self._begin, methods=post),
            Route("/workflows/{name}/runs/{run}", self._show, methods=get),
            Route("/sync", self._sync, methods=post),
        ]
        return self._counted(Starlette(routes=routes))

    def _counted(self, app: Any) -> Any:
        from starlette.requests import ClientDisconnect  # noqa: PLC0415 - see _server

        async def counted(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                return
            first = scope["path"].strip("/").partition("/")[0]
            route = first if first in _ROUTES else "other"
            status = 500

            async def watched(message: Any) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            order = route in {"workflows", "sync"}
            self._enter(order)
            try:
                await app(scope, receive, watched)
            except ClientDisconnect:
                status = 499  # as others count who went away before the answer
            except Exception:  # noqa: BLE001 - the server has answered 500; the log says why
                logger(__name__).exception("a request failed", extra={"route": route})
            finally:
                self._leave(order)
                labels = route, f"{status // 100}xx"
                self.requests[labels] = self.requests.get(labels, 0) + 1

        return counted

    def _enter(self, order: bool) -> None:
        self.inflight += order
        if order:
            self._idle.clear()

    def _leave(self, order: bool) -> None:
        self.inflight -= order
        if not self.inflight:
            self._idle.set()

    async def _livez(self, request: Any) -> Any:
        return _text(200 if self.answers.live() else 503, "live" if self.answers.live() else "lag")

    async def _startupz(self, request: Any) -> Any:
        up = self.answers.started()
        return _text(200 if up else 503, "started" if up else "starting")

    async def _readyz(self, request: Any) -> Any:
        found = self.answers.health()
        why = "; ".join(
            f"{c.name}: {c.says}" for c in found.checks if c.gates and c.standing == "bad"
        )
        return _text(200 if found.ready else 503, why or "ready")

    async def _health(self, request: Any) -> Any:
        found = self.answers.health()
        return _json(200, found.as_dict())

    async def _metrics(self, request: Any) -> Any:
        from starlette.responses import Response  # noqa: PLC0415 - see _server

        return Response(self.answers.metrics(), headers={"Content-Type": CONTENT_TYPE})

    async def _numbers(self, request: Any) -> Any:
        return _json(200, self.answers.numbers())

    async def _begin(self, request: Any) -> Any:
        begin, name = self.answers.begin, request.path_params["name"]

        async def order() -> Any:
            if begin is None:
                return _refused(404, "no-workflows", "this host runs no workflows")
            payload = await _payload(request)
            key = request.headers.get("idempotency-key")
            found = await begin(name, payload, key)
            where = {"Location": f"/workflows/{name}/runs/{found.get('run', '')}"}
            return _json(202, found, where)

        return await self._ordered(request, order)

    async def _show(self, request: Any) -> Any:
        show, asked = self.answers.show, request.path_params

        async def order() -> Any:
            found = None if show is None else await show(asked["name"], asked["run"])
            if found is None:
                return _refused(404, "unknown-run", f"no run {asked['run']} of {asked['name']}")
            return _json(200, found)

        return await self._ordered(request, order, reads=True)

    async def _sync(self, request: Any) -> Any:
        sync = self.answers.sync

        async def order() -> Any:
            if sync is None:
                return _refused(404, "no-sources", "this workspace takes nothing from elsewhere")
            found = await sync()
            return _json(200 if found.get("ok") else 502, found)

        return await self._ordered(request, order)

    async def _ordered(
        self, request: Any, order: Callable[[], Awaitable[Any]], *, reads: bool = False
    ) -> Any:
        """Do what somebody with the token asks, within the limit."""
        if not _allowed(request.headers.get("authorization", ""), self.answers.token()):
            return _refused(
                401, "unauthorized", "send the token of this host: Authorization: Bearer ..."
            )
        if not reads and not self.answers.takes():
            return _refused(503, "draining", "this host takes no orders now")
        try:
            with anyio.move_on_after(self.answers.seconds):
                return await order()
        except _RefusedError as error:
            return error.answer
        except OneiricError as error:
            status = 404 if error.code.startswith(("unknown", "no-")) else 422
            return _json(status, error.as_dict())
        return _refused(504, "too-long", f"not done within {self.answers.seconds:g} s")


class _RefusedError(Exception):
    """An order that cannot be read."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer


def _allowed(given: str, token: str | None) -> bool:
    """Tell whether who asks has the token; takes as long whatever is wrong with it."""
    kind, _, said = given.partition(" ")
    if not token or kind.lower() != "bearer":
        return False
    one, other = (hashlib.sha256(text.encode()).digest() for text in (said.strip(), token))
    return hmac.compare_digest(one, other)


async def _payload(request: Any) -> Any:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MOST_BYTES:
            what = f"a payload has at most {MOST_BYTES} bytes"
            raise _RefusedError(_refused(413, "too-large", what))
    if not data:
        return {}
    if kind != "application/json":
        raise _RefusedError(_refused(415, "not-json", "send Content-Type: application/json"))
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _RefusedError(_refused(400, "not-json", f"the payload is no JSON: {error}")) from None


def _text(status: int, text: str) -> Any:
    from starlette.responses import PlainTextResponse  # noqa: PLC0415 - see _server

    return PlainTextResponse(text + "\n", status, headers={"Cache-Control": "no-store"})


def _json(status: int, found: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Any:
    from starlette.responses import Response  # noqa: PLC0415 - see _server

    data = json.dumps(found, default=str)
    more = {"Content-Type": "application/json", "Cache-Control": "no-store", **(headers or {})}
    return Response(data, status, headers=more)


def _refused(status: int, code: str, message: str) -> Any:
    shape = {"error": {"code": code, "message": message}}
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}  # noqa: PLR2004 - unauthorized
    return _json(status, shape, headers)


def _server() -> Callable[[Any], Any]:
    """Return what makes a server for an application.

    Raises:
        MissingExtraError: The extra `host` is not installed.
    """
    try:
        import starlette  # noqa: F401, PLC0415 - 150 ms with uvicorn, for who listens
        import uvicorn  # noqa: PLC0415 - see above
    except ImportError as error:
        raise MissingExtraError("a host that listens needs Starlette", extra="host") from error

    class Server(uvicorn.Server):
        """Leaves signals to the host."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    def make(app: Any) -> Server:
        return Server(
            uvicorn.Config(
                app,
                lifespan="off",
                ws="none",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=_CONNECTIONS,
                timeout_graceful_shutdown=1,
            )
        )

    return make


def is_loopback(address: str) -> bool:
    """Tell whether nobody but this machine can ask there.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0")
        (True, True, False)
    """
    return address in {"localhost", "::1"} or address.startswith("127.")
