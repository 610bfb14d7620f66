"""What a host answers by HTTP, over real sockets."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from oneiric_lab.errors import MissingExtraError, UsageError
from oneiric_lab.runtime import Answers, Door, Health, HealthCheck

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

TOKEN = "s3cr3t-of-the-host"
AUTH = {"Authorization": f"Bearer {TOKEN}"}
GOOD = Health((HealthCheck("host", "good", "ready", gates=True),))
BAD = Health((HealthCheck("store", "bad", "full", gates=True), HealthCheck("x", "bad", "y")))


def ask(
    door: Door, path: str, method: str = "GET", body: object = None, **headers: str
) -> tuple[int, dict[str, str], str]:
    """Return status, headers and body of one request."""
    place = urlsplit(door.url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=10)
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, data, named)
    answer = connection.getresponse()
    found = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()
    connection.close()
    return found


def answers(**more: Any) -> Answers:
    """Return who answers, well unless told otherwise."""
    said: dict[str, Any] = {
        "live": lambda: True,
        "started": lambda: True,
        "takes": lambda: True,
        "health": lambda: GOOD,
        "metrics": lambda: "m 1\n",
        "numbers": lambda: {"metrics": []},
        "token": lambda: TOKEN,
    }
    return Answers(**{**said, **more})


def opened(given: Answers, do: Callable[[Door], Awaitable[Any]] | Callable[[Door], Any]) -> Any:
    """Return what *do* finds at a door that is open meanwhile; a plain one runs in a thread."""

    async def main() -> Any:
        door = Door(given, port=0)
        async with door.open():
            if asyncio.iscoroutinefunction(do):
                return await do(door)
            return await asyncio.to_thread(do, door)

    return asyncio.run(main())


async def begin(name: str, payload: Any, key: str | None) -> Mapping[str, Any]:
    """Begin a run."""
    return {"run": "r1", "workflow": name, "payload": payload, "key": key}


class TestProbes:
    def test_all_is_well(self) -> None:
        """
        Each probe says 200, and metrics are of the kind that Prometheus takes.
        """

        def look(door: Door) -> Any:
            return [
                ask(door, f"/{p}") for p in ("livez", "readyz", "startupz", "health", "metrics")
            ]

        found = opened(answers(), look)

        assert [status for status, _, _ in found] == [200] * 5
        assert [body for _, _, body in found[:3]] == ["live\n", "ready\n", "started\n"]
        assert json.loads(found[3][2])["ready"] is True
        assert found[4][1]["content-type"].startswith("text/plain; version=0.0.4")
        assert "server" not in found[0][1]

    def test_nothing_is(self) -> None:
        """
        503, and `/readyz` says why; what only reports goes on reporting.
        """
        no = {"live": lambda: False, "started": lambda: False, "health": lambda: BAD}

        def look(door: Door) -> Any:
            paths = ("livez", "readyz", "startupz", "health", "metrics", "nothing")
            return {p: ask(door, f"/{p}") for p in paths}

        found = opened(answers(**no), look)

        assert [found[p][0] for p in ("livez", "readyz", "startupz")] == [503] * 3
        assert found["readyz"][2] == "store: full\n"
        assert (found["health"][0], found["metrics"][0], found["nothing"][0]) == (200, 200, 404)

    def test_requests_are_counted_by_a_closed_set_of_routes(self) -> None:
        """
        A name that somebody made up makes no series of its own.
        """

        def look(door: Door) -> Any:
            for path in ("/livez", "/livez", "/made/up", "/%00", "/workflows/a/runs/b"):
                ask(door, path)
            return door.requests

        assert opened(answers(), look) == {
            ("livez", "2xx"): 2,
            ("other", "4xx"): 2,
            ("workflows", "4xx"): 1,
        }


class TestOrders:
    def test_a_run_is_begun_and_looked_at(self) -> None:
        """
        202 with where it is; the key of the request is handed on.
        """

        async def show(name: str, run: str) -> Mapping[str, Any] | None:
            return {"run": run, "state": "done"} if run == "r1" else None

        def look(door: Door) -> Any:
            more = {**AUTH, "Content-Type": "application/json", "Idempotency-Key": "k1"}
            return (
                ask(door, "/workflows/nightly/runs", "POST", {"n": 1}, **more),
                ask(door, "/workflows/nightly/runs/r1", **AUTH),
                ask(door, "/workflows/nightly/runs/r2", **AUTH),
            )

        made, shown, missing = opened(answers(begin=begin, show=show), look)

        assert (made[0], made[1]["location"]) == (202, "/workflows/nightly/runs/r1")
        assert json.loads(made[2])["payload"] == {"n": 1}
        assert json.loads(made[2])["key"] == "k1"
        assert (shown[0], json.loads(shown[2])["state"]) == (200, "done")
        assert missing[0] == 404

    @pytest.mark.parametrize(
        "header",
        [
            {},
            {"Authorization": TOKEN},
            {"Authorization": "Bearer"},
            {"Authorization": f"Basic {TOKEN}"},
            {"Authorization": f"Bearer {TOKEN[:-1]}"},
            {"Authorization": f"Bearer {TOKEN}x"},
            {"Authorization": "Bearer " + "x" * 4000},
        ],
    )
    @pytest.mark.parametrize("path", ["/workflows/a/runs", "/sync"])
    def test_without_the_token_nothing_is_done(self, path: str, header: dict[str, str]) -> None:
        """
        401 whatever is missing of it, and nobody was asked.
        """
        asked: list[object] = []

        async def never(*args: object) -> Mapping[str, Any]:
            asked.append(args)
            return {}

        found = opened(
            answers(begin=never, sync=never), lambda door: ask(door, path, "POST", {}, **header)
        )

        assert (found[0], found[1]["www-authenticate"], asked) == (401, "Bearer", [])
        assert TOKEN not in found[2]

    @pytest.mark.parametrize("token", [None, ""])
    def test_a_host_without_a_token_takes_no_orders(self, token: str | None) -> None:
        """
        An empty one is none: `Bearer ` opens nothing.
        """
        for header in (AUTH, {"Authorization": "Bearer "}):
            found = opened(
                answers(begin=begin, token=lambda: token),
                lambda door, h=header: ask(door, "/workflows/a/runs", "POST", {}, **h),
            )
            assert found[0] == 401

    @pytest.mark.parametrize(
        ("body", "kind", "status"),
        [
            (b"[", "application/json", 400),
            (b"[" * 200_000, "application/json", 400),
            (b"{}", "text/plain", 415),
            (b"x" * 1_048_577, "application/json", 413),
            (b"", "application/json", 202),
        ],
    )
    def test_a_payload_that_is_none_is_refused(self, body: bytes, kind: str, status: int) -> None:
        """
        By what is wrong with it; none at all is an empty one.
        """
        more = {**AUTH, "Content-Type": kind}
        found = opened(
            answers(begin=begin), lambda d: ask(d, "/workflows/a/runs", "POST", body, **more)
        )

        assert found[0] == status

    def test_while_it_drains_orders_are_refused(self) -> None:
        """
        503, and probes are answered as before.
        """
        given = answers(begin=begin, takes=lambda: False)
        found = opened(
            given,
            lambda d: (ask(d, "/workflows/a/runs", "POST", {}, **AUTH)[0], ask(d, "/livez")[0]),
        )

        assert found == (503, 200)

    def test_an_order_has_a_limit(self) -> None:
        """
        504 when it is over.
        """

        async def slow(*args: object) -> Mapping[str, Any]:
            await asyncio.sleep(60)
            return {}

        given = answers(sync=slow, seconds=0.05)

        assert opened(given, lambda d: ask(d, "/sync", "POST", **AUTH))[0] == 504

    def test_a_time_limit_of_somebody_elses_is_no_limit_of_ours(self) -> None:
        """
        What an order itself waited for in vain is its failure, whether it has a limit or not.
        """

        async def fails() -> Any:
            raise TimeoutError("the server of the order")

        for seconds in (5, None):
            given = answers(sync=fails, seconds=seconds)
            assert opened(given, lambda d: ask(d, "/sync", "POST", **AUTH))[0] == 500

    def test_what_goes_wrong_is_told_by_kind(self) -> None:
        """
        What the asker did wrong is 4xx with our shape, what we did is 500 without any word.
        """

        async def wrong(name: str, *args: object) -> Mapping[str, Any]:
            if name == "bug":
                raise OSError("s3cr3t path")
            raise UsageError("not like this", fix="like that")

        def look(door: Door) -> Any:
            more = {**AUTH, "Content-Type": "application/json"}
            return [ask(door, f"/workflows/{n}/runs", "POST", {}, **more) for n in ("a", "bug")]

        first, second = opened(answers(begin=wrong), look)

        assert (first[0], json.loads(first[2])["error"]["fix"]) == (422, "like that")
        assert second[0] == 500
        assert "s3cr3t" not in second[2]

    def test_a_host_without_workflows_or_sources_says_so(self) -> None:
        """
        404 with what is missing.
        """

        def look(door: Door) -> Any:
            return [
                ask(door, path, method, **AUTH)
                for path, method in (
                    ("/workflows/a/runs", "POST"),
                    ("/workflows/a/runs/b", "GET"),
                    ("/sync", "POST"),
                )
            ]

        assert [status for status, _, _ in opened(answers(), look)] == [404] * 3

    def test_a_sync_tells_how_it_went(self) -> None:
        """
        200 where all is in force, 502 where not.
        """

        async def sync() -> Mapping[str, Any]:
            return {"ok": next(outcomes)}

        outcomes = iter([True, False])

        def look(door: Door) -> Any:
            return [ask(door, "/sync", "POST", **AUTH)[0] for _ in range(2)]

        assert opened(answers(sync=sync), look) == [200, 502]


class TestDoor:
    def test_it_drains_when_the_last_order_is_answered(self) -> None:
        """
        A probe that is being answered is not waited for.
        """
        release = asyncio.Event()

        async def slow(*args: object) -> Mapping[str, Any]:
            await release.wait()
            return {"ok": True}

        async def look(door: Door) -> Any:
            asking = asyncio.create_task(asyncio.to_thread(ask, door, "/sync", "POST", **AUTH))
            while not door.inflight:  # noqa: ASYNC110 - it is about the turns of the loop
                await asyncio.sleep(0.01)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(door.drain(), 0.05)
            release.set()
            await asyncio.wait_for(door.drain(), 5)
            return (await asking)[0]

        assert opened(answers(sync=slow), look) == 200

    def test_an_address_that_is_taken_is_told(self) -> None:
        """
        With a way that works.
        """
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            door = Door(answers(), port=other.getsockname()[1])
            with pytest.raises(UsageError, match="--port 0"):
                door.try_address()

        assert Door(answers(), port=0).try_address() is None  # type: ignore[func-returns-value]  # it does not raise

    def test_without_the_extra_it_says_how_to_have_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        The command that brings it.
        """
        monkeypatch.setitem(sys.modules, "uvicorn", None)

        with pytest.raises(MissingExtraError, match=r"oneiric-lab\[host\]"):
            opened(answers(), lambda door: None)

    def test_a_client_that_says_nothing_does_not_hold_it_up(self) -> None:
        """
        The door closes all the same, within seconds.
        """

        with socket.socket() as silent:

            def look(door: Door) -> int:
                place = urlsplit(door.url)
                silent.connect((place.hostname, place.port))
                return ask(door, "/livez")[0]

            assert opened(answers(), look) == 200
